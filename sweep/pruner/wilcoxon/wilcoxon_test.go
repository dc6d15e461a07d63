package wilcoxon

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

type options = map[string]sweep.Value

func rule(o options, goal sweep.Goal) *Pruner {
	p, err := New(&sweep.EarlyTerminate{Type: "wilcoxon", Options: o}, sweep.Objective{Name: prunertest.Metric, Goal: goal})
	if err != nil {
		panic(err)
	}
	return p.(*Pruner)
}

func standard() sweep.Pruner { return rule(nil, sweep.Minimize) }

func TestLaws(t *testing.T) {
	prunertest.Run(t, standard)
	t.Run("maximize", func(t *testing.T) {
		prunertest.Run(t, func() sweep.Pruner { return rule(options{"p_threshold": sweep.FloatValue(0.3)}, sweep.Maximize) })
	})
}

func FuzzWilcoxon(f *testing.F) {
	prunertest.Fuzz(f, func() sweep.Pruner { return rule(options{"p_threshold": sweep.FloatValue(0.4)}, sweep.Minimize) })
}

// Figures of SciPy 1.10.1, wilcoxon(d, alternative="greater",
// zero_method="zsplit"), exact for those without ties and zeros.
func TestGreaterIsScipys(t *testing.T) {
	series := func(n int, f func(i int) float64) (d []float64) {
		for i := range n {
			d = append(d, f(i))
		}
		return d
	}
	for _, tt := range []struct {
		name string
		d    []float64
		want float64
	}{
		{"all of five", []float64{1, 2, 3, 4, 5}, 0.03125},
		{"seven", []float64{1, -2, 3, 4, 5, -6, 7.5}, 0.1875},
		{"sixty", series(60, func(i int) float64 { return float64((i*37)%101)/7 - 5.3 }), 0.001998573699486724},
		{"eighty with ties and zeros", series(80, func(i int) float64 { return float64((i*37)%11 - 3) }), 2.9104966515603302e-06},
		{"none", nil, 1},
	} {
		if got := Greater(tt.d); math.Abs(got-tt.want) > 1e-12*tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Up to 50 pairs p is the share of sign assignments, which small cases can list.
func TestGreaterIsExactWithTies(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		d := make([]float64, 1+rng.IntN(9))
		for i := range d {
			d[i] = float64(rng.IntN(9) - 4)
		}
		ranked, _ := rank(d)
		sum := 0
		for _, s := range ranked {
			if s.sign > 0 {
				sum += s.rank2
			}
		}
		asLarge := 0
		for signs := range 1 << len(d) {
			w := 0
			for i, s := range ranked {
				if s.sign != 0 && signs>>i&1 == 1 {
					w += s.rank2
				}
			}
			if w >= sum {
				asLarge++
			}
		}
		if got, want := Greater(d), float64(asLarge)/float64(int(1)<<len(d)); math.Abs(got-want) > 1e-12 {
			t.Fatalf("%v: got %v, want %v", d, got, want)
		}
	}
}

func report(p sweep.Pruner, trial sweep.TrialID, step int64, value float64) sweep.Verdict {
	return p.Observe(sweep.Observation{Trial: trial, Attempt: 1, Repeat: 1, Name: prunertest.Metric, Step: step, Value: value})
}

// A trial that is worse on every fold is stopped as soon as that is unlikely by
// chance: at four pairs, p = 1/16; whatever the order of its folds.
func TestStopsWhatIsWorseOnEveryFold(t *testing.T) {
	p := rule(nil, sweep.Minimize)
	for fold := range int64(10) {
		if v := report(p, 1, fold, float64(fold)); v.Stop {
			t.Fatalf("without an incumbent: got %+v", v)
		}
	}
	p.Settle(1, sweep.Finished)
	for i, fold := range []int64{7, 0, 3, 9} {
		v := report(p, 2, fold, float64(fold)+0.5)
		if v.Stop != (i == 3) {
			t.Errorf("pair %d: got %+v, want stop %v", i+1, v, i == 3)
		}
		want := "step 9: val_loss is worse than trial 1's in 4 of 4 steps (Wilcoxon p 0.0625 < 0.1), mean 5.25 against 4.5"
		inputs := `{"step":9,"incumbent":1,"pairs":4,"worse":4,"p":0.0625,"p_threshold":0.1,"mean":5.25,"incumbent_mean":4.5}`
		if v.Stop && (v.Reason != want || v.Inputs != inputs) {
			t.Errorf("got %+v, want %q, %s", v, want, inputs)
		}
	}
}

// A mean that is no worse than the incumbent's keeps a trial, whatever the test
// says: here it meets the easy folds first.
func TestABetterMeanIsNotStopped(t *testing.T) {
	p := rule(nil, sweep.Minimize)
	for fold := range int64(10) {
		report(p, 1, fold, float64(fold))
	}
	p.Settle(1, sweep.Finished)
	for fold := range int64(6) {
		if v := report(p, 2, fold, float64(fold)+0.5); v.Stop {
			t.Errorf("fold %d: got %+v", fold, v)
		}
	}
}

func TestIncumbent(t *testing.T) {
	p := rule(nil, sweep.Maximize)
	for trial, level := range []float64{1, 3, 2, 9} {
		for fold := range int64(3) {
			report(p, sweep.TrialID(trial+1), fold, level)
		}
	}
	p.Settle(1, sweep.Finished)
	p.Settle(2, sweep.Finished)
	p.Settle(3, sweep.Finished)
	p.Settle(4, sweep.Pruned)
	if p.best == nil || p.best.id != 2 {
		t.Errorf("got incumbent %+v, want trial 2", p.best)
	}
	if len(p.trials) != 1 {
		t.Errorf("got %d trials kept, want the incumbent", len(p.trials))
	}
	report(p, 2, 0, 3)
	if p.best != nil {
		t.Error("an incumbent that runs again is still one")
	}
	report(p, 5, 0, math.NaN())
	p.Settle(5, sweep.Finished)
	if p.best != nil {
		t.Error("a trial with NaN became the incumbent")
	}
}

func TestNotFinite(t *testing.T) {
	p := rule(options{"p_threshold": sweep.FloatValue(0.9)}, sweep.Minimize)
	for fold := range int64(5) {
		report(p, 1, fold, 0)
	}
	p.Settle(1, sweep.Finished)
	report(p, 2, 0, math.Inf(1))
	for fold := range int64(4) {
		if v := report(p, 2, fold+1, 1); v.Stop {
			t.Errorf("with an infinite value: got %+v", v)
		}
	}
}

func TestMinSteps(t *testing.T) {
	p := rule(options{"n_startup_steps": sweep.IntValue(6)}, sweep.Minimize)
	for fold := range int64(10) {
		report(p, 1, fold, 0)
	}
	p.Settle(1, sweep.Finished)
	for fold := range int64(6) {
		if v := report(p, 2, fold, 1); v.Stop != (fold == 5) {
			t.Errorf("fold %d: got stop %v", fold, v.Stop)
		}
	}
}

func TestOptionErrors(t *testing.T) {
	for want, o := range map[string]options{
		"p_threshold: 0; want a number between 0 and 1": {"p_threshold": sweep.IntValue(0)},
		"p_threshold: 1; want a number between 0 and 1": {"p_threshold": sweep.IntValue(1)},
		"min_steps: -1; want an integer, 0 or more":     {"min_steps": sweep.IntValue(-1)},
	} {
		_, err := New(&sweep.EarlyTerminate{Type: "wilcoxon", Options: o}, sweep.Objective{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func BenchmarkGreater(b *testing.B) {
	for _, n := range []int{10, 50, 1000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			d := make([]float64, n)
			for i := range d {
				d[i] = rng.NormFloat64()
			}
			b.ReportAllocs()
			for b.Loop() {
				Greater(d)
			}
		})
	}
}
