package percentile

import (
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

type options = map[string]sweep.Value

func rule(o options, goal sweep.Goal) *Pruner {
	p, err := New(&sweep.EarlyTerminate{Type: "percentile", Options: o}, sweep.Objective{Name: prunertest.Metric, Goal: goal})
	if err != nil {
		panic(err)
	}
	return p.(*Pruner)
}

func quarter(goal sweep.Goal) func() sweep.Pruner {
	return func() sweep.Pruner {
		return rule(options{"percentile": sweep.IntValue(25), "min_trials": sweep.IntValue(2), "min_iter": sweep.IntValue(1), "interval": sweep.IntValue(2)}, goal)
	}
}

func median() sweep.Pruner {
	p, err := Median(&sweep.EarlyTerminate{Options: options{"min_trials": sweep.IntValue(1)}}, sweep.Objective{Name: prunertest.Metric})
	if err != nil {
		panic(err)
	}
	return p
}

func TestLaws(t *testing.T) {
	t.Run("median", func(t *testing.T) { prunertest.Run(t, median) })
	t.Run("minimize", func(t *testing.T) { prunertest.Run(t, quarter(sweep.Minimize)) })
	t.Run("maximize", func(t *testing.T) { prunertest.Run(t, quarter(sweep.Maximize)) })
}

func FuzzMedian(f *testing.F) { prunertest.Fuzz(f, median) }

func FuzzPercentile(f *testing.F) { prunertest.Fuzz(f, quarter(sweep.Maximize)) }

// curve reports values at steps from 0 on and returns the last verdict.
func curve(p sweep.Pruner, trial sweep.TrialID, values ...float64) (v sweep.Verdict) {
	for step, x := range values {
		v = p.Observe(sweep.Observation{Trial: trial, Attempt: 1, Repeat: 1, Name: prunertest.Metric, Step: int64(step), Value: x})
	}
	return v
}

func TestReasonAndInputs(t *testing.T) {
	p := median()
	for i, level := range []float64{0.6, 0.62, 0.7} {
		curve(p, sweep.TrialID(i+1), 1, level)
		p.Settle(sweep.TrialID(i+1), sweep.Finished)
	}
	v := curve(p, 4, 1, 0.81)
	want := "step 1: val_loss 0.81 is worse than the median 0.62 of 3 trials at step 1"
	inputs := `{"step":1,"best":0.81,"cutoff":0.62,"percentile":50,"trials":3,"finished":3}`
	if !v.Stop || v.Reason != want || v.Inputs != inputs {
		t.Errorf("got %+v, want %q, %s", v, want, inputs)
	}
	if v := curve(p, 5, 0.65, 0.9); v.Reason != "step 1: val_loss 0.65 at its best is worse than the median 0.62 of 3 trials at step 1" {
		t.Errorf("a trial that was better: got %q", v.Reason)
	}
	if v := curve(p, 6, 0.5, 0.9); v.Stop {
		t.Errorf("better than the median at its best: got %+v", v)
	}
	if v := curve(p, 7, math.NaN()); v.Reason != "step 0: every val_loss so far is NaN" || !strings.Contains(v.Inputs, `"best":"NaN"`) {
		t.Errorf("nothing but NaN: got %+v", v)
	}
}

// Pruned, failed and running trials are no measure; a trial that is sent back
// to the queue is none until it finishes again.
func TestOnlyFinishedTrialsCount(t *testing.T) {
	p := median().(*Pruner)
	curve(p, 1, 1)
	for _, s := range []sweep.State{sweep.Pruned, sweep.Failed, sweep.Killed, sweep.Diverged} {
		p.Settle(1, s)
	}
	if v := curve(p, 2, 5); v.Stop {
		t.Errorf("before a trial has finished: got %+v", v)
	}
	p.Settle(1, sweep.Finished)
	p.Settle(1, sweep.Finished)
	if p.finished != 1 || p.steps[0].n != 1 {
		t.Errorf("got %d finished with %d values, want 1 and 1", p.finished, p.steps[0].n)
	}
	p.Observe(sweep.Observation{Trial: 1, Attempt: 2, Name: prunertest.Metric, Step: 0, Value: 3})
	if p.finished != 0 || p.steps[0].n != 0 || p.steps[0].values.Len() != 0 {
		t.Errorf("sent back: got %d finished with %d values, want none", p.finished, p.steps[0].n)
	}
	p.Settle(1, sweep.Finished)
	if p.steps[0].values.At(0) != 3 {
		t.Errorf("finished again: got %v, want 3", p.steps[0].values.At(0))
	}
}

func TestWhenItDecides(t *testing.T) {
	o := options{"percentile": sweep.IntValue(50), "min_trials": sweep.IntValue(0), "min_iter": sweep.IntValue(2), "interval": sweep.IntValue(3), "min_values": sweep.IntValue(2)}
	p := rule(o, sweep.Minimize)
	for trial := range sweep.TrialID(2) {
		curve(p, trial+1, make([]float64, 9)...)
	}
	p.Settle(1, sweep.Finished)
	if v := curve(p, 3, 1, 1, 1); v.Stop {
		t.Errorf("one value at the step: got %+v", v)
	}
	p.Settle(2, sweep.Finished)
	for step := range int64(9) {
		v := p.Observe(sweep.Observation{Trial: 4, Attempt: 1, Name: prunertest.Metric, Step: step, Value: 1})
		if want := step == 2 || step == 5 || step == 8; v.Stop != want {
			t.Errorf("step %d: got stop %v, want %v", step, v.Stop, want)
		}
	}
}

func TestOptionErrors(t *testing.T) {
	for want, o := range map[string]options{
		"percentile: not given; want the share": nil,
		"percentile: 101; want a number from 0": {"percentile": sweep.IntValue(101)},
		"interval: 0; want an integer, 1 or mo": {"percentile": sweep.IntValue(1), "interval": sweep.IntValue(0)},
		"n_min_trials: 0; want an integer, 1 o": {"percentile": sweep.IntValue(1), "n_min_trials": sweep.IntValue(0)},
		"percentile: not a key of median; want": {"percentile": sweep.IntValue(1), "median": sweep.IntValue(0)},
	} {
		make, kind := New, "percentile"
		if _, ok := o["median"]; ok {
			make, kind = Median, "median"
		}
		_, err := make(&sweep.EarlyTerminate{Type: kind, Options: o}, sweep.Objective{Name: "x"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
