package train

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/kernel"
)

// every is one configuration per optimizer, with all other parts in use in one
// of them at least.
func every() map[string]Config {
	list := map[string]Config{}
	for i, name := range []string{"gd", "sgd", "rmsprop", "adam", "adamw"} {
		c := deep()
		c.Optimizer, c.Unit = name, []string{"relu", "tanh", "gelu"}[i%3]
		c.Dropout, c.Smoothing, c.L1, c.L2 = 0.2, 0.1, 1e-4, 1e-3
		c.Centered, c.Nesterov, c.ClipValue, c.LRMin, c.Warmup = i%2 == 0, i%2 == 1, 0.1, 1e-3, 0.5
		c.Schedule = []string{"inverse_time", "step", "exponential", "cosine", "constant"}[i]
		c.Augment = data.Augment{Shift: 1, Noise: 0.05}
		c.ReportEvery = []int{0, 5, 3, 0, 1}[i]
		c.Options.Split = data.Split{Train: 300, Val: 60, Test: 40} // 7 mini-batches
		list[name] = c
	}
	c := small()
	c.Float64, c.Options.Standardize, c.Steps, c.Options.Split = true, true, 25, data.Split{Train: 300, Val: 60}
	list["float64"] = c
	c = small()
	c.Hidden, c.Options.Split = []int{64}, data.Split{Train: 300, Val: 60} // examples are sparse
	list["wide"] = c
	c = small()
	c.Optimizer, c.Momentum, c.LR, c.Options.Split = "rmsprop", 0, 0.01, data.Split{Train: 300, Val: 60}
	list["plain rmsprop"] = c
	return list
}

// A run that is killed within any epoch goes on with the same bits: reports,
// tests and weights.
func TestEveryConfigurationResumes(t *testing.T) {
	for name, c := range every() {
		t.Run(name, func(t *testing.T) {
			whole := t.TempDir()
			res, want := trace(t, c, Hooks{Dir: whole})
			for _, batches := range []int{2, 9, 14} {
				dir := t.TempDir()
				killed(t, c, dir, min(batches, map[bool]int{true: 5, false: 14}[name == "gd"]))
				again, got := trace(t, c, Hooks{Dir: dir, Resume: true})
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("killed at %d: reports differ:\n%s", batches, d)
				}
				if again.Weights != res.Weights || len(res.Weights) != 64 || again.Best != res.Best {
					t.Errorf("killed at %d: weights %s, best %d; want %s, %d", batches, again.Weights, again.Best, res.Weights, res.Best)
				}
				for _, file := range []string{CheckpointName, BestName} {
					a, err := os.ReadFile(filepath.Join(whole, file))
					b, err2 := os.ReadFile(filepath.Join(dir, file))
					if err != nil || err2 != nil || string(a) != string(b) {
						t.Errorf("killed at %d: %s differs, %v, %v", batches, file, err, err2)
					}
				}
			}
		})
	}
}

// The weights are the same to the bit whatever instructions there are, and
// whoever runs beside.
func TestSameHashEverywhere(t *testing.T) {
	for name, c := range every() {
		want := map[bool]string{}
		for _, level := range kernel.Levels() {
			restore, err := kernel.Use(level)
			if err != nil {
				t.Fatal(err)
			}
			res, _ := trace(t, c, Hooks{})
			restore()
			if want[true] == "" {
				want[true] = res.Weights
			}
			if res.Weights != want[true] {
				t.Errorf("%s: %s: got %s want %s", name, level, res.Weights, want[true])
			}
		}
		for _, workers := range []int{2, 8} {
			got := make(chan string, workers)
			for range workers {
				go func() {
					res, err := Run(t.Context(), c, Hooks{Source: source})
					got <- res.Weights + fmt.Sprint(err)
				}()
			}
			for range workers {
				if s := <-got; s != want[true]+"<nil>" {
					t.Errorf("%s: %d workers: got %s want %s", name, workers, s, want[true])
				}
			}
		}
	}
}

// A step allocates nothing, whatever is turned on.
func TestStepsDoNotAllocate(t *testing.T) {
	for name, c := range every() {
		if c.Float64 {
			continue
		}
		c.Epochs, c.Steps = 1_000_000, 0
		r, err := newRun[float32](c, Hooks{Source: source}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var sum tally
		step := func() {
			if why, err := r.batchStep(t.Context(), &sum); why != "" || err != nil {
				t.Fatal(why, err)
			}
		}
		for range 30 { // an epoch ends within
			step()
		}
		if n := testing.AllocsPerRun(30, step); n != 0 {
			t.Errorf("%s: %v allocations per step", name, n)
		}
	}
}

// A part for tests is looked at once, with the weights of the least val_loss.
func TestTestPart(t *testing.T) {
	c := small()
	c.Options.Split, c.Epochs, c.LR, c.Decay, c.Hidden = data.Split{Train: 300, Val: 100, Test: 150}, 12, 0.1, 0, []int{64}
	dir := t.TempDir()
	res, lines := trace(t, c, Hooks{Dir: dir})
	if len(lines) != 13 || !strings.Contains(lines[12], "test_loss=") || strings.Contains(strings.Join(lines[:12], ""), "test_") {
		t.Fatalf("got %q want test_* in the last report alone", lines)
	}
	if res.Best == 12 || !strings.HasPrefix(lines[12], fmt.Sprint(res.Best, " ")) {
		t.Errorf("best step %d of 12, tests: %s; want one that is not the last", res.Best, lines[12])
	}
	_, list, err := Evaluate(t.Context(), dir, nil, Hooks{Source: source})
	if err != nil || fmt.Sprintf("test_loss=%x", metric(t, list, "test_loss")) != strings.Fields(lines[12])[1] {
		t.Errorf("best checkpoint: got %v, %v want %s", list, err, lines[12])
	}
	best := math.Inf(1)
	for i, l := range lines[:12] {
		var loss float64
		for _, f := range strings.Fields(l) {
			if v, ok := strings.CutPrefix(f, "val_loss="); ok {
				_, _ = fmt.Sscan(v, &loss)
			}
		}
		if loss < best {
			best = loss
		} else if int64(i+1) == res.Best {
			t.Errorf("epoch %d is not the best: %v, before %v", i+1, loss, best)
		}
	}
}

func TestReportEverySoManySteps(t *testing.T) {
	c := small()
	c.ReportEvery, c.Steps = 10, 35
	res, lines := trace(t, c, Hooks{})
	var steps []string
	for _, l := range lines {
		steps = append(steps, strings.Fields(l)[0])
	}
	if want := []string{"10", "20", "30", "35"}; !reflect.DeepEqual(steps, want) || res.Steps != 35 || res.Epochs != 1 {
		t.Errorf("got reports at %v after %d steps, %d epochs; want %v, 35, 1", steps, res.Steps, res.Epochs, want)
	}
	c.ReportEvery = 0
	if _, lines := trace(t, c, Hooks{}); len(lines) != 2 || strings.Fields(lines[1])[0] != "2" {
		t.Errorf("got %q want reports of epochs 1 and 2, the latter cut short", lines)
	}
}

func TestBatchLargerThanTheData(t *testing.T) {
	c := small()
	c.BatchSize = 1001
	if _, err := Run(t.Context(), c, Hooks{Source: source}); err == nil || !strings.Contains(err.Error(), "batch_size 1001; want 1 to 1000") {
		t.Errorf("got %v", err)
	}
	c.Optimizer = "gd" // which takes them all anyway
	if _, err := Run(t.Context(), c, Hooks{Source: source}); err != nil {
		t.Error(err)
	}
}
