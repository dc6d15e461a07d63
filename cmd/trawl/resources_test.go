package main

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/runner/local"
	"github.com/trawl-sweep/trawl/sweep"
)

// What the GPUs of a machine can never give is refused by name; one that is lost
// gives nothing, and one whose memory is not told may have any.
func TestWhatGPUsCanNeverGive(t *testing.T) {
	whole, lost := local.GPU{UUID: "GPU-a", TotalMB: 80000}, local.GPU{Index: 1, UUID: "GPU-b", Broken: "GPU is lost"}
	part, untold := local.GPU{UUID: "MIG-1", Part: "GPU-c", TotalMB: 19000}, local.GPU{UUID: "GPU-d"}
	for _, tt := range []struct {
		name string
		gpus []local.GPU
		need sweep.Resources
		want string
	}{
		{"none visible", nil, sweep.Resources{GPUs: 1}, "no GPU is visible"},
		{"one of two", []local.GPU{whole, lost}, sweep.Resources{GPUs: 1}, ""},
		{"both of two", []local.GPU{whole, lost}, sweep.Resources{GPUs: 2}, "2, but 1 visible"},
		{"all lost", []local.GPU{lost}, sweep.Resources{GPUs: 0.5}, "GPU 1 (GPU-b) is not taken: GPU is lost"},
		{"two parts", []local.GPU{part, part}, sweep.Resources{GPUs: 2}, "MIG divides the GPUs"},
		{"half of a part", []local.GPU{part}, sweep.Resources{GPUs: 0.5}, ""},
		{"more memory than a part", []local.GPU{part, lost}, sweep.Resources{GPUs: 1, GPUMemory: 30 << 30}, "no GPU has more than 18.6 GiB"},
		{"memory of the larger", []local.GPU{part, whole}, sweep.Resources{GPUs: 1, GPUMemory: 30 << 30}, ""},
		{"memory that is not told", []local.GPU{part, untold}, sweep.Resources{GPUs: 1, GPUMemory: 30 << 30}, ""},
	} {
		f := fitting{need: tt.need, gpus: tt.gpus}
		err := f.enough(&sweep.Spec{Resources: tt.need})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
