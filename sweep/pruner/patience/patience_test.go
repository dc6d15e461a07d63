package patience

import (
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

type options = map[string]sweep.Value

var objective = sweep.Objective{Name: prunertest.Metric}

func rule(o options, then sweep.Pruner) *Pruner {
	p, err := New(&sweep.EarlyTerminate{Type: "patience", Options: o}, objective, then)
	if err != nil {
		panic(err)
	}
	return p.(*Pruner)
}

func two() sweep.Pruner { return rule(options{"patience": sweep.IntValue(2)}, nil) }

// odd agrees at odd steps only, and remembers who was settled.
type odd struct{ settled []sweep.TrialID }

func (odd) Observe(o sweep.Observation) sweep.Verdict {
	if o.Step%2 == 0 {
		return sweep.Verdict{}
	}
	return sweep.Verdict{Stop: true, Reason: "an odd step"}
}

func (p *odd) Settle(t sweep.TrialID, _ sweep.State) { p.settled = append(p.settled, t) }

func TestLaws(t *testing.T) {
	t.Run("alone", func(t *testing.T) { prunertest.Run(t, two) })
	t.Run("then", func(t *testing.T) {
		prunertest.Run(t, func() sweep.Pruner {
			return rule(options{"patience": sweep.IntValue(0), "min_delta": sweep.FloatValue(0.01)}, &odd{})
		})
	})
}

func FuzzPatience(f *testing.F) { prunertest.Fuzz(f, two) }

func report(p sweep.Pruner, attempt int, step int64, value float64) sweep.Verdict {
	return p.Observe(sweep.Observation{Trial: 1, Attempt: attempt, Name: objective.Name, Step: step, Value: value})
}

// firstStop is the step at which a curve from step 0 is stopped, -1 for never.
func firstStop(p sweep.Pruner, values ...float64) (int, sweep.Verdict) {
	for i, x := range values {
		if v := report(p, 1, int64(i), x); v.Stop {
			return i, v
		}
	}
	return -1, sweep.Verdict{}
}

func TestWhenItStops(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name   string
		values []float64
		o      options
		want   int
	}{
		{"improving", []float64{5, 4, 3, 2, 1}, nil, -1},
		{"worse for three reports", []float64{5, 4, 6, 6, 6, 6}, nil, 4},
		{"a plateau", []float64{5, 5, 5, 5, 5, 5}, nil, -1},
		{"within min_delta", []float64{5, 5.4, 5.4, 5.4, 5.4}, options{"min_delta": sweep.FloatValue(0.5)}, -1},
		{"beyond min_delta", []float64{5, 5.6, 5.6, 5.6, 5.6}, options{"min_delta": sweep.FloatValue(0.5)}, 3},
		{"below min_iter", []float64{5, 6, 6, 6, 6, 6}, options{"min_iter": sweep.IntValue(5)}, 5},
		{"NaN before", []float64{nan, nan, 6, 6, 6}, nil, -1},
		{"NaN among them", []float64{5, nan, nan, 6}, nil, 3},
		{"nothing but NaN since", []float64{5, nan, nan, nan, nan}, nil, -1},
	} {
		if tt.o == nil {
			tt.o = options{}
		}
		tt.o["patience"] = sweep.IntValue(2)
		if got, _ := firstStop(rule(tt.o, nil), tt.values...); got != tt.want {
			t.Errorf("%s: got stopped at %d, want %d", tt.name, got, tt.want)
		}
	}
}

// What is kept of the past is the same as looking at all of it, whatever order
// the reports come in.
func TestThePastIsKeptRight(t *testing.T) {
	p := two().(*Pruner)
	steps := []int64{0, 1, 2, 3, 4, 9, 7, 5, 6, 10, 2, 11, 1, 12}
	for i, step := range steps {
		attempt := 1 + i/11
		report(p, attempt, step, float64((i*37)%11))
		c := &p.trials[1].curve
		if n := p.trials[1].n; n > 0 && n == c.Len()-3 && p.trials[1].past != c.Least(0, n) {
			t.Fatalf("report %d: got past %v, want %v", i, p.trials[1].past, c.Least(0, n))
		}
	}
}

func TestReasonAndInputs(t *testing.T) {
	_, v := firstStop(rule(options{"patience": sweep.IntValue(1), "min_delta": sweep.FloatValue(0.25)}, nil), 1, 2, 1.5)
	want := "step 2: the best val_loss of the last 2 reports, 1.5, does not come up to the 1 before them to within 0.25"
	inputs := `{"step":2,"past":1.0,"present":1.5,"reports":3,"patience":1,"min_delta":0.25}`
	if v.Reason != want || v.Inputs != inputs {
		t.Errorf("got %+v, want %q, %s", v, want, inputs)
	}
}

func TestBothMustAgree(t *testing.T) {
	other := &odd{}
	p := rule(options{"patience": sweep.IntValue(0)}, other)
	at, v := firstStop(p, 1, 0.5, 2, 3)
	if at != 3 || !strings.HasSuffix(v.Reason, "; an odd step") || !strings.HasPrefix(v.Inputs, `{"patience":{"step":3,`) || !strings.HasSuffix(v.Inputs, `"then":null}`) {
		t.Errorf("got stopped at %d, %+v; want at 3, by both", at, v)
	}
	p.Settle(7, sweep.Finished)
	if len(other.settled) != 1 || other.settled[0] != 7 {
		t.Errorf("got %v settled, want 7", other.settled)
	}
}

func TestOptionErrors(t *testing.T) {
	for want, o := range map[string]options{
		"patience: not given; want how many reports": {"min_delta": sweep.IntValue(1)},
		"patience: 2000000; want 1000000 or less":    {"patience": sweep.IntValue(2_000_000)},
		"min_delta: -1; want a number, 0 or more":    {"patience": sweep.IntValue(2), "min_delta": sweep.IntValue(-1)},
	} {
		_, err := New(&sweep.EarlyTerminate{Type: "patience", Options: o}, objective, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
