package examples_test

import (
	"io/fs"
	"testing"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/configs/examples"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/sweep"
)

// mnist loads the example.
func mnist(t *testing.T) *sweep.Spec {
	t.Helper()
	src, err := fs.ReadFile(examples.FS, "mnist.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := configs.Parse("mnist.yaml", src, configs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range f.Warnings {
		t.Errorf("warning: %v", w)
	}
	return f.Spec
}

// Every file is a sweep file without a warning, and what it gives the trainer is
// taken by it.
func TestExamplesAreValid(t *testing.T) {
	s := mnist(t)
	if s.Name != "mnist" || s.RunCap != 24 || s.Sampler != "random" {
		t.Errorf("got name %q, run_cap %d, sampler %q", s.Name, s.RunCap, s.Sampler)
	}
	if _, err := train.NewConfig(s.Trainer); err != nil {
		t.Errorf("trainer: %v", err)
	}
	for _, p := range s.Space.Params {
		for _, v := range p.Domain.Values {
			if err := train.CheckValue(p.Name, v); err != nil {
				t.Error(err)
			}
		}
	}
}

// The lesson that the file promises: without clipping the largest learning rate
// diverges, clipped to 0.1 it does not, whatever the momentum.
func TestLessonOfMNIST(t *testing.T) {
	t.Parallel()
	s := mnist(t)
	for _, mu := range []float64{0, 0.9} {
		for _, clip := range []float64{0, 0.1} {
			values := map[string]sweep.Value{
				"lr": sweep.FloatValue(10), "momentum": sweep.FloatValue(mu), "clip_norm": sweep.FloatValue(clip),
			}
			for k, v := range s.Trainer {
				values[k] = v
			}
			values["epochs"] = sweep.IntValue(1)
			if _, got := run(t, values, ""); got != (clip == 0) {
				t.Errorf("momentum %v, clip_norm %v: diverged %v; want %v", mu, clip, got, clip == 0)
			}
		}
	}
}
