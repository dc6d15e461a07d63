package hyperband

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

var objective = sweep.Objective{Name: prunertest.Metric}

func build(t testing.TB, options map[string]sweep.Value, o sweep.Objective) *Pruner {
	t.Helper()
	p, err := New(&sweep.EarlyTerminate{Type: "hyperband", Options: options}, o)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*Pruner)
}

func maker(strict bool) func() sweep.Pruner {
	return func() sweep.Pruner {
		p, err := New(&sweep.EarlyTerminate{Options: map[string]sweep.Value{"min_iter": sweep.IntValue(3), "strict": sweep.BoolValue(strict)}}, objective)
		if err != nil {
			panic(err)
		}
		return p
	}
}

func TestLaws(t *testing.T) {
	for _, strict := range []bool{true, false} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) { prunertest.Run(t, maker(strict)) })
	}
}

func FuzzHyperband(f *testing.F) { prunertest.Fuzz(f, maker(false)) }

// A scenario is one of W&B's decisions: what its code said to stop, given all
// histories.
type scenario struct {
	ID      string                 `json:"id"`
	Options map[string]sweep.Value `json:"early_terminate"`
	Goal    string                 `json:"goal"`
	Runs    []struct {
		Name    string        `json:"name"`
		State   string        `json:"state"`
		History []sweep.Value `json:"history"`
	} `json:"runs"`
	Expect struct {
		Error      string     `json:"error"`
		Stop       []string   `json:"stop"`
		Bands      []int      `json:"bands"`
		Thresholds []*float64 `json:"thresholds_sign_flipped_if_max"`
	} `json:"expect"`
}

// number reads a value of a history, where "NaN" is a text.
func number(t *testing.T, v sweep.Value) float64 {
	f, ok := v.Number()
	if !ok {
		switch v.Text() {
		case "NaN", "Infinity", "-Infinity":
			return map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}[v.Text()]
		}
		t.Fatalf("%v in a history", v)
	}
	return f
}

// decide feeds all reports and returns who should stop, by the verdict on each
// running trial's last report with everybody else's before it.
func (s *scenario) decide(t *testing.T, o sweep.Objective) (stop []string, last *Pruner) {
	states := map[string]sweep.State{"finished": sweep.Finished, "killed": sweep.Killed, "crashed": sweep.Failed}
	for judged, r := range s.Runs {
		if r.State != "running" && judged < len(s.Runs)-1 {
			continue
		}
		last = build(t, s.Options, o)
		order := []int{}
		for i := range s.Runs {
			if i != judged {
				order = append(order, i)
			}
		}
		var v sweep.Verdict
		for _, i := range append(order, judged) {
			v = sweep.Verdict{}
			for step, x := range s.Runs[i].History {
				v = last.Observe(sweep.Observation{Trial: sweep.TrialID(i + 1), Attempt: 1, Repeat: 1, Name: o.Name, Step: int64(step), Value: number(t, x)})
			}
			if end, ok := states[s.Runs[i].State]; ok {
				last.Settle(sweep.TrialID(i+1), end)
			}
		}
		if r.State == "running" && v.Stop {
			stop = append(stop, r.Name)
		}
	}
	return stop, last
}

func TestDecisionsAreThoseOfWandb(t *testing.T) {
	var scenarios []scenario
	b, err := os.ReadFile(filepath.Join("testdata", "decisions.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &scenarios); err != nil {
		t.Fatal(err)
	}
	if len(scenarios) != 75 {
		t.Fatalf("got %d scenarios, want 75", len(scenarios))
	}
	for _, s := range scenarios {
		o := objective
		if s.Goal == "maximize" {
			o.Goal = sweep.Maximize
		}
		if s.Expect.Error != "" {
			if _, err := New(&sweep.EarlyTerminate{Type: "hyperband", Options: s.Options}, o); err == nil || !strings.Contains(err.Error(), "no step at which") {
				t.Errorf("%s: got %v, want an error for W&B's %q", s.ID, err, s.Expect.Error)
			}
			continue
		}
		stop, p := s.decide(t, o)
		want := slices.Sorted(slices.Values(s.Expect.Stop))
		if !slices.Equal(stop, want) {
			t.Errorf("%s: got %v stopped, want %v", s.ID, stop, want)
		}
		for i, band := range s.Expect.Bands {
			if p.bands[i] != band {
				t.Errorf("%s: got bands %v, want %v", s.ID, p.bands, s.Expect.Bands)
			}
			n := p.values[i].Len()
			switch x := s.Expect.Thresholds[i]; {
			case x == nil && n != 0:
				t.Errorf("%s: band %d: got %d values, want none", s.ID, band, n)
			case x != nil && (n == 0 || p.values[i].At(int(1/p.eta*float64(n))) != *x):
				t.Errorf("%s: band %d: want threshold %v of %d values", s.ID, band, *x, n)
			}
		}
	}
}

// Without strict a trial is held to its best value, the one of its band
// notwithstanding; and what is worse turns round with the goal.
func TestStrict(t *testing.T) {
	for _, tt := range []struct {
		strict bool
		goal   sweep.Goal
		stop   bool
	}{{true, sweep.Minimize, true}, {false, sweep.Minimize, false}, {true, sweep.Maximize, true}, {false, sweep.Maximize, false}} {
		o := sweep.Objective{Name: "acc", Goal: tt.goal}
		p := build(t, map[string]sweep.Value{"min_iter": sweep.IntValue(2), "strict": sweep.BoolValue(tt.strict)}, o)
		sign := tt.goal.Score(1)
		feed := func(trial int, values ...float64) (v sweep.Verdict) {
			for i, x := range values {
				v = p.Observe(sweep.Observation{Trial: sweep.TrialID(trial), Attempt: 1, Name: "acc", Step: int64(i), Value: sign * x})
			}
			return v
		}
		feed(1, 5, 2)
		feed(2, 5, 3)
		if v := feed(3, 1, 4); v.Stop != tt.stop {
			t.Errorf("strict %v, %v: got %+v, want stop %v", tt.strict, tt.goal, v, tt.stop)
		}
		v := feed(4, 6, 6)
		x := func(f float64) string { return fmt.Sprint(sign * f) }
		want := "step 1: acc " + x(6) + " at report 2 is worse than " + x(3) + ", which the best 1/3 of 4 trials reached at report 2"
		inputs := `{"step":1,"length":2,"band":2,"of":` + x(6) + `.0,"threshold":` + x(3) + `.0,"rank":1,"trials":4,"strict":true}`
		if tt.strict && (v.Reason != want || v.Inputs != inputs) {
			t.Errorf("%v: got %q, %s; want %q, %s", tt.goal, v.Reason, v.Inputs, want, inputs)
		}
	}
}

func TestOptions(t *testing.T) {
	i, f := sweep.IntValue, sweep.FloatValue
	for _, tt := range []struct {
		name    string
		options map[string]sweep.Value
		bands   []int  // the first ones
		err     string // "": none
	}{
		{"min_iter", map[string]sweep.Value{"min_iter": i(3)}, []int{3, 9, 27}, ""},
		{"a fraction for eta", map[string]sweep.Value{"min_iter": i(1), "eta": f(1.5)}, []int{1, 2, 3, 5, 7}, ""},
		{"max_iter and s", map[string]sweep.Value{"max_iter": i(100), "s": i(4), "eta": i(2)}, []int{6, 12, 25, 50}, ""},
		{"all three", map[string]sweep.Value{"max_iter": i(27), "s": i(2), "min_iter": i(2)}, []int{3, 9}, ""},
		{"min_iter and max_iter", map[string]sweep.Value{"max_iter": i(27), "min_iter": i(2)}, []int{2, 6, 18}, ""},
		{"eta next to 1", map[string]sweep.Value{"max_iter": i(9), "s": i(math.MaxInt64), "eta": f(1.0000000001)}, []int{8}, ""},
		{"nothing", nil, nil, "min_iter: not given, nor max_iter with s"},
		{"max_iter alone", map[string]sweep.Value{"max_iter": i(27)}, nil, "min_iter: not given, nor max_iter with s"},
		{"eta of 1", map[string]sweep.Value{"min_iter": i(1), "eta": i(1)}, nil, "eta: 1; want a number above 1"},
		{"min_iter of 0", map[string]sweep.Value{"min_iter": i(0)}, nil, "min_iter: 0; want an integer, 1 or more"},
		{"strict in words", map[string]sweep.Value{"min_iter": i(1), "strict": sweep.StringValue("yes")}, nil, `strict: "yes"; want true or false`},
		{"another's key", map[string]sweep.Value{"min_iter": i(1), "percentile": i(1)}, nil, "percentile: not a key of hyperband"},
	} {
		p, err := New(&sweep.EarlyTerminate{Type: "hyperband", Options: tt.options}, objective)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := p.(*Pruner).bands; len(got) < len(tt.bands) || !slices.Equal(got[:len(tt.bands)], tt.bands) {
			t.Errorf("%s: got bands %v, want %v", tt.name, got, tt.bands)
		}
	}
}

// The values at the bands follow a trial that takes reports back: a new attempt,
// a step again, a step between.
func TestBandsFollowTheHistory(t *testing.T) {
	p := build(t, map[string]sweep.Value{"min_iter": sweep.IntValue(2), "eta": sweep.IntValue(2)}, objective)
	report := func(attempt int, step int64, value float64) {
		p.Observe(sweep.Observation{Trial: 1, Attempt: attempt, Name: objective.Name, Step: step, Value: value})
	}
	check := func(when string, want ...float64) {
		t.Helper()
		var got []float64
		for i := range p.values {
			for k := range p.values[i].Len() {
				got = append(got, p.values[i].At(k))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	for step := range int64(5) {
		report(1, 10*step, float64(step))
	}
	check("five reports", 1, 3)
	report(1, 15, 9)
	check("a step between", 1, 2)
	report(1, 10, 7)
	check("a step again", 7, 2)
	report(1, 10, math.NaN())
	check("a step taken back", 9, 3)
	report(2, 20, 5)
	check("a new attempt from the middle", 9)
	report(3, 0, math.NaN())
	check("a new attempt from the start")
	if got := p.trials[1].best; !math.IsNaN(got) {
		t.Errorf("best of no history: got %v, want NaN", got)
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, trials := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("trials=%d/steps=100", trials), func(b *testing.B) {
			p := build(b, map[string]sweep.Value{"min_iter": sweep.IntValue(1)}, objective)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				trial, step := i/100%trials, i%100
				p.Observe(sweep.Observation{Trial: sweep.TrialID(trial + 1), Attempt: 1 + i/100/trials, Name: objective.Name, Step: int64(step), Value: float64(trial*7919%trials) - float64(step)})
				i++
			}
		})
	}
}
