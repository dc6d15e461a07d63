package stopif

import (
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/expr"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

var loss = sweep.Objective{Name: prunertest.Metric}

func rule(condition string, o sweep.Objective) *Pruner {
	cond, err := expr.Compile(condition)
	if err != nil {
		panic(err)
	}
	return New(cond, o)
}

func guard() sweep.Pruner {
	return rule("isnan(val_loss) or val_loss > 1.5 * best or step > 25", loss)
}

func TestLaws(t *testing.T) { prunertest.Run(t, guard) }

func FuzzStopIf(f *testing.F) { prunertest.Fuzz(f, guard) }

// say reports a metric of a trial at a step.
func say(p *Pruner, trial sweep.TrialID, step int64, name string, value float64) sweep.Verdict {
	return p.Observe(sweep.Observation{Trial: trial, Attempt: 1, Name: name, Step: step, Value: value})
}

func TestBestIsOfFinishedTrials(t *testing.T) {
	p := rule("isnan(val_loss) or\n  val_loss > 10*best", loss)
	if v := say(p, 1, 0, "val_loss", 1e9); v.Stop {
		t.Errorf("before a trial has finished: got %+v", v)
	}
	if v := say(p, 1, 1, "val_loss", math.NaN()); v.Reason != "step 1: stop_if isnan(val_loss) or val_loss > 10*best: val_loss NaN" {
		t.Errorf("NaN: got %+v", v)
	}
	say(p, 2, 0, "val_loss", 0.1)
	say(p, 2, 1, "val_loss", 0.4)
	for _, s := range []sweep.State{sweep.Pruned, sweep.Failed, sweep.Diverged} {
		p.Settle(2, s)
	}
	if !math.IsNaN(p.best) {
		t.Errorf("got best %v of trials that did not finish, want none", p.best)
	}
	say(p, 3, 0, "val_loss", 0.1)
	say(p, 3, 1, "val_loss", 0.4)
	p.Settle(3, sweep.Finished)
	if v := say(p, 4, 0, "val_loss", 4); v.Stop {
		t.Errorf("ten times the best: got %+v", v)
	}
	v := say(p, 4, 1, "val_loss", 4.5)
	want := "step 1: stop_if isnan(val_loss) or val_loss > 10*best: best 0.4, val_loss 4.5"
	inputs := `{"stop_if":"isnan(val_loss) or\n  val_loss \u003e 10*best","step":1,"best":0.4,"values":{"val_loss":4.5}}`
	if v.Reason != want || v.Inputs != inputs {
		t.Errorf("got %+v, want %q, %s", v, want, inputs)
	}
}

// The objective is reduced as its definition says, and turns with its goal.
func TestBestIsReduced(t *testing.T) {
	p := rule("acc < best - 0.5", sweep.Objective{Name: "acc", Goal: sweep.Maximize, Reduce: sweep.Best})
	say(p, 1, 0, "acc", 0.9)
	say(p, 1, 1, "acc", 0.2)
	p.Settle(1, sweep.Finished)
	say(p, 2, 0, "acc", 0.5)
	p.Settle(2, sweep.Finished)
	if p.best != 0.9 {
		t.Errorf("got best %v, want 0.9", p.best)
	}
}

// Metrics of one line of output are seen together.
func TestWaitsForTheWholeStep(t *testing.T) {
	p := rule("a > 1 and b < 2", sweep.Objective{})
	type line struct {
		step int64
		name string
		v    float64
		stop bool
	}
	for _, l := range []line{
		{0, "a", 0, false}, {0, "b", 0, false},
		{1, "a", 5, false}, // the old b alone would stop it
		{1, "b", 3, false},
		{2, "a", 5, false}, {2, "c", 0, false}, // a step without b
		{3, "a", 5, false}, // its b of step 1 serves
		{4, "b", 1, false}, // waits for a
		{4, "a", 5, true},
		{5, "a", 5, false}, {6, "a", 5, true}, // b is missing at 5, so its latest serves at 6
	} {
		if v := say(p, 1, l.step, l.name, l.v); v.Stop != l.stop {
			t.Errorf("step %d, %s: got %+v, want stop %v", l.step, l.name, v, l.stop)
		}
	}
}

func TestStepNeedsNoMetric(t *testing.T) {
	p := rule("step >= 3", sweep.Objective{})
	if v := say(p, 1, 2, "anything", 0); v.Stop {
		t.Errorf("got %+v", v)
	}
	if v := say(p, 1, 3, "anything", 0); v.Reason != "step 3: stop_if step >= 3" {
		t.Errorf("got %+v", v)
	}
}

func TestNewAttempts(t *testing.T) {
	p := rule("a is not None and b is not None and b > 1", sweep.Objective{})
	say(p, 1, 0, "a", 1)
	say(p, 1, 5, "b", 0)
	again := sweep.Observation{Trial: 1, Attempt: 2, Name: "a", Step: 3, Value: 1}
	p.Observe(again)
	if _, ok := p.trials[1].latest["b"]; ok {
		t.Error("what the new attempt replaces is still there")
	}
	again.Name, again.Value = "b", 2
	if v := p.Observe(again); !v.Stop {
		t.Error("the new attempt's own reports do not count")
	}
}

// A mistake in the condition is told from a value that is not there yet.
func TestErr(t *testing.T) {
	p := rule("loss > 'high'", sweep.Objective{})
	say(p, 1, 0, "other", 1)
	if p.Err() != nil {
		t.Errorf("before loss was reported: got %v", p.Err())
	}
	if v := say(p, 1, 0, "loss", 1); v.Stop {
		t.Errorf("got %+v", v)
	}
	if p.Err() == nil || !strings.HasPrefix(p.Err().Error(), "stop_if loss > 'high': ") {
		t.Errorf("got %v, want an error that names the condition", p.Err())
	}
	missing := rule("loss > 10 * best", loss)
	say(missing, 1, 0, "loss", 1)
	if missing.Err() != nil {
		t.Errorf("best has no value yet: got %v", missing.Err())
	}
}

func BenchmarkObserve(b *testing.B) {
	p := rule("isnan(val_loss) or val_loss > 10 * best", loss)
	say(p, 1, 0, "val_loss", 1)
	p.Settle(1, sweep.Finished)
	step := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		say(p, 2, step, "val_loss", 2)
		step++
	}
}
