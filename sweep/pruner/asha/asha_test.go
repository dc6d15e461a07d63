package asha

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

type options = map[string]sweep.Value

var objective = sweep.Objective{Name: prunertest.Metric}

func build(o options) *Pruner {
	p, err := New(&sweep.EarlyTerminate{Type: "asha", Options: o}, objective)
	if err != nil {
		panic(err)
	}
	return p.(*Pruner)
}

func TestLaws(t *testing.T) {
	for name, o := range map[string]options{
		"default":   nil,
		"min_iter":  {"min_iter": sweep.IntValue(2)},
		"max_iter":  {"max_iter": sweep.IntValue(30), "eta": sweep.FloatValue(2.5)},
		"bootstrap": {"min_iter": sweep.IntValue(3), "s": sweep.IntValue(1), "bootstrap": sweep.IntValue(1)},
	} {
		t.Run(name, func(t *testing.T) { prunertest.Run(t, func() sweep.Pruner { return build(o) }) })
	}
}

func FuzzAsha(f *testing.F) { prunertest.Fuzz(f, func() sweep.Pruner { return build(nil) }) }

func FuzzAshaMinIter(f *testing.F) {
	prunertest.Fuzz(f, func() sweep.Pruner { return build(options{"min_iter": sweep.IntValue(1), "eta": sweep.IntValue(2)}) })
}

func report(trial, attempt int, step int64, value float64) sweep.Observation {
	return sweep.Observation{Trial: sweep.TrialID(trial), Attempt: attempt, Repeat: 1, Name: objective.Name, Step: step, Value: value}
}

// curve reports values at steps from first on and returns the last verdict.
func curve(p *Pruner, trial int, first int64, values ...float64) (v sweep.Verdict) {
	for i, x := range values {
		v = p.Observe(report(trial, 1, first+int64(i), x))
	}
	return v
}

// The values that rung k holds, best first.
func (p *Pruner) scoresAt(k int) (scores []float64) {
	for i := range p.rungs[k].scores.Len() {
		scores = append(scores, p.rungs[k].scores.At(i))
	}
	return scores
}

func TestTheBestQuarterGoesOn(t *testing.T) {
	p := build(options{"min_iter": sweep.IntValue(1)})
	for trial := range 8 {
		curve(p, trial+1, 1, float64(trial))
	}
	if v := curve(p, 20, 1, 1); v.Stop { // 2nd of 9, tied
		t.Errorf("a tie with the last that goes on: got %+v", v)
	}
	v := curve(p, 21, 1, 1.5)
	want := "step 1: val_loss 1.5 is rank 4 of 10 trials at rung 1; the best 2 go on, from 1"
	inputs := `{"step":1,"rung":1,"value":1.5,"cutoff":1.0,"rank":4,"keep":2,"trials":10,"grace":1,"eta":4}`
	if !v.Stop || v.Reason != want || v.Inputs != inputs {
		t.Errorf("got %+v, want %q, %s", v, want, inputs)
	}
}

// The default waits for a trial to finish, and takes its grace from it.
func TestGraceOfTheFirstThatFinishes(t *testing.T) {
	p := build(nil)
	long := make([]float64, 48)
	if v := curve(p, 1, 1, long...); v.Stop {
		t.Errorf("before a trial has finished: got %+v", v)
	}
	if v := curve(p, 2, 1, 9, 9, 9, 9, 9); v.Stop {
		t.Errorf("before a trial has finished: got %+v", v)
	}
	for _, s := range []sweep.State{sweep.Failed, sweep.Killed, sweep.Diverged} {
		p.Settle(2, s)
		if p.grace != 0 {
			t.Errorf("%s: got grace %d, want none", s, p.grace)
		}
	}
	p.Settle(1, sweep.Finished)
	if p.grace != 4 {
		t.Errorf("got grace %d of 48 steps, want 4", p.grace)
	}
	if v := curve(p, 3, 1, 1, 1, 1); v.Stop {
		t.Errorf("below the first rung: got %+v", v)
	}
	if v := curve(p, 3, 4, 1); !v.Stop {
		t.Error("second of three at rung 4: goes on, want it stopped")
	}
	if v := curve(p, 4, 1, -1, -1, -1, -1); v.Stop {
		t.Errorf("the best at rung 4: got %+v", v)
	}
}

// A curve from step 0 to 50 has 51 steps; a longer one moves the rungs, and
// what ended trials did is held against later ones there too.
func TestLongerCurvesMoveTheRungs(t *testing.T) {
	p := build(nil)
	curve(p, 1, 0, make([]float64, 12)...)
	p.Settle(1, sweep.Finished)
	if p.grace != 1 || p.end != 12 {
		t.Errorf("got grace %d of %d steps, want 1 of 12", p.grace, p.end)
	}
	curve(p, 2, 0, make([]float64, 14)...)
	p.Settle(2, sweep.Finished)
	if p.end != 12 {
		t.Errorf("a curve longer by a sixth: got end %d, want 12 as before", p.end)
	}
	for step := range int64(51) {
		p.Observe(report(3, 1, step, -float64(step)))
	}
	p.Settle(3, sweep.Finished)
	if got := fmt.Sprint(p.grace, p.end, p.scoresAt(0), p.scoresAt(1), p.rungs[1].step); got != "4 51 [-4 0 0] [-16] 16" {
		t.Errorf("got %s, want 4 51 [-4 0 0] [-16] 16", got)
	}
}

func TestNoRungAtTheEnd(t *testing.T) {
	p := build(options{"max_iter": sweep.IntValue(48), "eta": sweep.IntValue(12)})
	curve(p, 1, 1, make([]float64, 48)...)
	if len(p.rungs) != 1 || p.rungs[0].step != 4 {
		t.Errorf("got %d rungs from %d, want one at 4", len(p.rungs), p.rungs[0].step)
	}
}

func TestJumpsReachSeveralRungs(t *testing.T) {
	p := build(options{"min_iter": sweep.IntValue(1), "eta": sweep.IntValue(2)})
	p.Observe(report(1, 1, 5, 3))
	if got := fmt.Sprint(p.scoresAt(0), p.scoresAt(1), p.scoresAt(2)); got != "[3] [3] [3]" {
		t.Errorf("got %s, want 3 at rungs 1, 2 and 4", got)
	}
}

func TestNaN(t *testing.T) {
	p := build(options{"min_iter": sweep.IntValue(2)})
	if v := curve(p, 1, 1, math.NaN()); v.Stop {
		t.Errorf("below the rung: got %+v", v)
	}
	v := curve(p, 1, 2, math.NaN())
	if !v.Stop || v.Reason != "step 2: val_loss is NaN at rung 2" || !strings.Contains(v.Inputs, `"value":"NaN"`) {
		t.Errorf("at the rung: got %+v", v)
	}
	if n := p.rungs[0].scores.Len(); n != 0 {
		t.Errorf("got %d values at the rung, want none of NaN", n)
	}
}

// Entries of reports that a new attempt or a correction replaces are gone.
func TestRungsFollowTheCurve(t *testing.T) {
	p := build(options{"min_iter": sweep.IntValue(2), "eta": sweep.IntValue(2)})
	curve(p, 1, 1, 1, 2, 3, 4, 5)
	check := func(when, want string) {
		t.Helper()
		if got := fmt.Sprint(p.scoresAt(0), p.scoresAt(1)); got != want {
			t.Errorf("%s: got %s, want %s", when, got, want)
		}
	}
	check("five steps", "[2] [4]")
	p.Observe(report(1, 1, 2, 7))
	check("a step again", "[7] [4]")
	p.Observe(report(1, 2, 4, 8))
	check("a new attempt from step 4", "[7] [8]")
	p.Observe(report(1, 3, 1, 8))
	check("a new attempt from the start", "[] []")
}

func TestOptionErrors(t *testing.T) {
	i := sweep.IntValue
	for want, o := range map[string]options{
		"eta: 1.5; want a number, 2 or more":                              {"eta": sweep.FloatValue(1.5)},
		"min_iter: 8 with max_iter 8; want less than max_iter":            {"min_iter": i(8), "max_iter": i(8)},
		"bootstrap: without min_iter; want min_iter too":                  {"bootstrap": i(2)},
		"max_iter: leaves no rung below it":                               {"max_iter": i(1)},
		`min_resource: "auto"; want an integer, 1 or more`:                {"min_resource": sweep.StringValue("auto")},
		"strict: not a key of asha; want min_iter, max_iter, eta, s, boo": {"strict": sweep.BoolValue(true)},
	} {
		_, err := New(&sweep.EarlyTerminate{Type: "asha", Options: o}, objective)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Maximizing is minimizing the negative.
func TestGoal(t *testing.T) {
	up, err := New(&sweep.EarlyTerminate{Options: options{"min_iter": sweep.IntValue(1)}}, sweep.Objective{Name: "acc", Goal: sweep.Maximize})
	if err != nil {
		t.Fatal(err)
	}
	up.Observe(sweep.Observation{Trial: 1, Attempt: 1, Name: "acc", Step: 1, Value: 0.9})
	v := up.Observe(sweep.Observation{Trial: 2, Attempt: 1, Name: "acc", Step: 1, Value: 0.5})
	if want := "step 1: acc 0.5 is rank 2 of 2 trials at rung 1; the best 1 go on, from 0.9"; v.Reason != want {
		t.Errorf("got %q, want %q", v.Reason, want)
	}
	if v := up.Observe(sweep.Observation{Trial: 3, Attempt: 1, Name: "acc", Step: 1, Value: 0.95}); v.Stop {
		t.Errorf("the highest: got %+v", v)
	}
}
