package sweep

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestBetter(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, tt := range []struct {
		a, b     float64
		min, max bool
	}{
		{1, 2, true, false}, {2, 1, false, true}, {1, 1, false, false},
		{nan, 1, false, false}, {1, nan, true, true}, {nan, nan, false, false},
		{inf, 1, false, true}, {inf, nan, true, true},
	} {
		if got := [2]bool{Minimize.Better(tt.a, tt.b), Maximize.Better(tt.a, tt.b)}; got != [2]bool{tt.min, tt.max} {
			t.Errorf("%v better than %v: got %v for minimize, maximize", tt.a, tt.b, got)
		}
	}
	if Minimize.Score(2) != 2 || Maximize.Score(2) != -2 || Minimize.String() != "minimize" || Maximize.String() != "maximize" {
		t.Error("goals: score or name")
	}
}

func series(attempt int, values ...float64) *Series {
	var s Series
	for i, v := range values {
		s.Add(attempt, int64(i), v)
	}
	return &s
}

func TestReduce(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, tt := range []struct {
		name   string
		o      Objective
		values []float64
		want   float64
		step   int64
	}{
		{"default", Objective{}, []float64{3, 1, 2}, 2, 2},
		{"last", Objective{Reduce: Last}, []float64{3, 1, 2}, 2, 2},
		{"min", Objective{Reduce: Min, Goal: Maximize}, []float64{3, 1, 2}, 1, 1},
		{"max", Objective{Reduce: Max}, []float64{1, 3, 2}, 3, 1},
		{"best of minimize", Objective{Reduce: Best}, []float64{3, 1, 2}, 1, 1},
		{"best of maximize", Objective{Reduce: Best, Goal: Maximize}, []float64{3, 1, 2}, 3, 0},
		{"first of equals", Objective{Reduce: Min}, []float64{1, 1, 2}, 1, 0},
		{"best skips nan", Objective{Reduce: Best}, []float64{nan, 5, 7}, 5, 1},
		{"mean", Objective{Reduce: Mean, K: 2}, []float64{9, 1, 2}, 1.5, 2},
		{"mean of fewer", Objective{Reduce: Mean, K: 10}, []float64{1, 2}, 1.5, 1},
		{"mean without a number", Objective{Reduce: Mean}, []float64{1, 2}, 2, 1},
		{"diverged, best", Objective{Reduce: Best}, []float64{1, inf}, inf, 1},
		{"diverged, mean", Objective{Reduce: Mean, K: 2}, []float64{1, nan}, nan, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, step, ok := series(1, tt.values...).Reduce(tt.o)
			if !ok || step != tt.step || v != tt.want && !(math.IsNaN(v) && math.IsNaN(tt.want)) {
				t.Errorf("got %v at %d, %v; want %v at %d", v, step, ok, tt.want, tt.step)
			}
		})
	}
	if _, _, ok := new(Series).Reduce(Objective{}); ok {
		t.Error("no reports: got a value")
	}
}

func TestSeriesOrder(t *testing.T) {
	var s Series
	s.Add(1, 5, 50)
	s.Add(1, 1, 10)
	s.Add(1, 3, 30)
	s.Add(1, 3, 31) // the last report of a step wins
	s.Add(2, 3, 32) // a new attempt replaces from its first step on
	s.Add(2, 4, 42)
	want := []stepValue{{1, 10}, {3, 32}, {4, 42}}
	if s.Len() != len(want) {
		t.Fatalf("got %v, want %v", s.points, want)
	}
	for i, w := range want {
		if step, v := s.At(i); step != w.step || v != w.value {
			t.Errorf("point %d: got %d, %v; want %v", i, step, v, w)
		}
	}
}

// TestSeriesIsAMap: within one attempt a series is a map from step to the last
// value, whatever the order of the reports.
func TestSeriesIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Series
		want := map[int64]float64{}
		for i := range rapid.IntRange(0, 40).Draw(t, "n") {
			step := rapid.Int64Range(0, 15).Draw(t, "step")
			s.Add(1, step, float64(i))
			want[step] = float64(i)
		}
		last := int64(-1)
		for i := range s.Len() {
			step, v := s.At(i)
			if step <= last || want[step] != v {
				t.Fatalf("point %d: step %d after %d, value %v, want %v", i, step, last, v, want[step])
			}
			last = step
		}
		if s.Len() != len(want) {
			t.Fatalf("got %d steps, want %d", s.Len(), len(want))
		}
	})
}

func TestParseReduce(t *testing.T) {
	for in, want := range map[string]Reduce{"": Last, "last": Last, "min": Min, "max": Max, "best": Best} {
		if r, _, err := ParseReduce(in); r != want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", in, r, err, want)
		}
	}
	if r, k, err := ParseReduce("mean:5"); r != Mean || k != 5 || err != nil {
		t.Errorf("mean:5: got %q, %d, %v", r, k, err)
	}
	for _, in := range []string{"mean", "mean:", "mean:0", "mean:-1", "mean:2x", "average", "Last"} {
		if r, _, err := ParseReduce(in); err == nil {
			t.Errorf("%q: got %q; want an error", in, r)
		}
	}
}

func TestReached(t *testing.T) {
	target := 0.5
	for _, tt := range []struct {
		goal Goal
		v    float64
		want bool
	}{{Minimize, 0.5, true}, {Minimize, 0.4, true}, {Minimize, 0.6, false}, {Maximize, 0.6, true}, {Maximize, 0.4, false}, {Minimize, math.NaN(), false}} {
		if got := (Objective{Goal: tt.goal, Target: &target}).Reached(tt.v); got != tt.want {
			t.Errorf("%s to 0.5, %v: got %v", tt.goal, tt.v, got)
		}
	}
	if (Objective{}).Reached(0) {
		t.Error("no target: got reached")
	}
}

func TestKindOf(t *testing.T) {
	for v, want := range map[float64]string{0: "finite", math.Inf(1): "inf", math.Inf(-1): "-inf", math.NaN(): "nan"} {
		if got := KindOf(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}
