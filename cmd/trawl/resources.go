package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/runner/local"
	"github.com/trawl-sweep/trawl/sweep"
)

// visibleName is the variable that says which GPUs a process may use.
const visibleName = "CUDA_VISIBLE_DEVICES"

// fitting is how a sweep fits on this machine.
type fitting struct {
	n      int    // trials at a time
	why    string // "8 at a time: 8 GPUs × 1"
	need   sweep.Resources
	gpus   []local.GPU // visible; none where no trial gets one
	memory bool        // trials wait for free memory
}

// lockDir is where GPUs are locked; $TRAWL_GPU_LOCKS moves it for users whose
// machines do not share /tmp.
func lockDir() string { return os.Getenv("TRAWL_GPU_LOCKS") }

// fit looks at the machine, and says what of a sweep fits on it. jobs is -j, 0
// for none. The error says what the machine lacks.
func (a *app) fit(ctx context.Context, spec *sweep.Spec, jobs int) (fitting, error) {
	f := fitting{need: spec.Resources}
	if spec.Trainer != nil {
		f.need.GPUs = 0
	}
	if wantsGPUs(spec) {
		visible, set := os.LookupEnv(visibleName)
		gpus, err := local.ListGPUs(ctx, visible, set)
		switch {
		case err != nil && spec.Resources.GPUs > 0:
			return f, fmt.Errorf("resources.gpus: %w", err)
		case err != nil:
			fmt.Fprintf(a.stderr, "warning: no GPU is used: %v\n", err)
		}
		f.gpus = gpus
		if !spec.Resources.GPUsSet && len(gpus) > 0 {
			f.need.GPUs = 1
		}
		if err := f.enough(spec); err != nil {
			return f, err
		}
	}
	f.memory = jobs == 0 && spec.Parallel == 0
	f.slots(spec, jobs)
	return f, nil
}

// wantsGPUs reports whether trials get GPUs where there are any. One whose file
// says itself which it uses wants none of ours.
func wantsGPUs(spec *sweep.Spec) bool {
	switch {
	case spec.Trainer != nil:
		return false
	case spec.Resources.GPUsSet:
		return spec.Resources.GPUs > 0 || spec.Retries.OOM != nil && spec.Retries.OOM.GPUs > 0
	}
	return !slices.ContainsFunc(spec.Env, func(e sweep.EnvVar) bool { return e.Name == visibleName })
}

// enough reports what the machine can never give.
func (f *fitting) enough(spec *sweep.Spec) error {
	most := f.need.GPUs
	if more := spec.Retries.OOM; more != nil {
		most = max(most, more.GPUs)
	}
	switch n := f.sound(); {
	case most > 0 && len(f.gpus) > 0 && n == 0:
		return fmt.Errorf("resources.gpus: %g, but %s", most, strings.Join(f.foreign(), "; "))
	case most > 0 && n == 0:
		return fmt.Errorf("resources.gpus: %g, but no GPU is visible: nvidia-smi is not on PATH or finds none, or %s hides all", most, visibleName)
	case most > 1 && slices.ContainsFunc(f.gpus, func(g local.GPU) bool { return g.Part != "" }):
		return fmt.Errorf("resources.gpus: %g, but MIG divides the GPUs, and a CUDA program uses one such device; want at most 1", most)
	case most > float64(n):
		return fmt.Errorf("resources.gpus: %g, but %d visible; want at most %d", most, n, n)
	}
	if need := float64(f.need.GPUMemory) / (1 << 20); need > 0 && f.need.GPUs > 0 {
		largest := 0.0
		for _, g := range f.gpus {
			if g.Broken != "" {
				continue
			}
			if g.TotalMB == 0 {
				return nil // not told
			}
			largest = max(largest, g.TotalMB)
		}
		if need > largest {
			return fmt.Errorf("resources.gpu_memory: %s, but no GPU has more than %s", bytesText(f.need.GPUMemory), bytesText(int64(largest)<<20))
		}
	}
	return nil
}

// slots is how many trials run at a time, and why.
func (f *fitting) slots(spec *sweep.Spec, jobs int) {
	if jobs > 0 {
		f.n, f.why = jobs, fmt.Sprintf("%d at a time: -j", jobs)
		return
	}
	if spec.Parallel > 0 {
		f.n, f.why = spec.Parallel, fmt.Sprintf("%d at a time: parallel", spec.Parallel)
		return
	}
	least, why := math.MaxInt, ""
	bound := func(n float64, what string) {
		if k := max(1, int(min(n+1e-9, math.MaxInt32))); k < least {
			least, why = k, what
		}
	}
	cores := usableCores()
	if g := f.need.GPUs; g > 0 {
		n, trials := local.Share(g)
		sound := f.sound()
		bound(float64(sound/n*trials), fmt.Sprintf("%s × %g%s", counted(sound, "GPU"), g, f.inUse()))
		if f.need.CPUs == 0 {
			f.need.CPUs = max(1, float64(cores)*g/float64(sound))
		}
	}
	per := f.need.CPUs
	if per <= 0 {
		per = 1
	}
	bound(float64(cores)/per, fmt.Sprintf("%s × %g", counted(cores, "core"), per))
	if m := f.need.Memory; m > 0 {
		if all := local.UsableMemory(); all > 0 {
			bound(float64(all)/float64(m), fmt.Sprintf("%s of memory × %s", bytesText(all), bytesText(m)))
		}
	}
	f.n, f.why = least, fmt.Sprintf("%d at a time: %s", least, why)
}

func counted(n int, what string) string {
	if n != 1 || what == "core" {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// sound is how many of the GPUs work.
func (f *fitting) sound() int {
	n := 0
	for _, g := range f.gpus {
		if g.Broken == "" {
			n++
		}
	}
	return n
}

// inUse says how many of the GPUs somebody else has.
func (f *fitting) inUse() string {
	n := 0
	for _, g := range f.gpus {
		if g.Foreign != "" {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them in use by others", n)
}

// foreign are lines about the GPUs that are not taken, most as others use them.
func (f *fitting) foreign() []string {
	var out []string
	for _, g := range f.gpus {
		if g.Foreign != "" || g.Broken != "" {
			out = append(out, fmt.Sprintf("GPU %d (%s) is not taken: %s", g.Index, g.UUID, plain(cmp.Or(g.Broken, g.Foreign))))
		}
	}
	return out
}

// devices are what the trials share with others on this machine; nil: nothing.
func (f *fitting) devices(spec *sweep.Spec) (*local.Devices, error) {
	if spec.Trainer != nil || len(f.gpus) == 0 && !f.memory {
		return nil, nil
	}
	return local.NewDevices(f.gpus, lockDir(), f.memory)
}

// gpuNames are the kinds of the GPUs, each once, for people.
func gpuNames(gpus []local.GPU) string {
	var kinds []string
	count := map[string]int{}
	for _, g := range gpus {
		if count[g.Name] == 0 {
			kinds = append(kinds, g.Name)
		}
		count[g.Name]++
	}
	for i, k := range kinds {
		kinds[i] = fmt.Sprintf("%d × %s", count[k], k)
	}
	return strings.Join(kinds, ", ")
}
