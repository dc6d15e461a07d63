package rung

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// A sorted slice says what a Rung should hold.
func TestRungIsASortedSlice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r Rung
	var want []float64
	for i := range 5000 {
		v := float64(rng.IntN(300))
		if rng.IntN(3) == 0 {
			at, there := slices.BinarySearch(want, v)
			if got := r.Remove(v); got != there {
				t.Fatalf("operation %d: Remove(%v): got %v, want %v", i, v, got, there)
			}
			if there {
				want = slices.Delete(want, at, at+1)
			}
		} else {
			at, _ := slices.BinarySearch(want, v)
			want = slices.Insert(want, at, v)
			r.Add(v)
		}
		if r.Len() != len(want) {
			t.Fatalf("operation %d: got %d values, want %d", i, r.Len(), len(want))
		}
		if at, _ := slices.BinarySearch(want, v); r.Less(v) != at {
			t.Fatalf("operation %d: Less(%v): got %d, want %d", i, v, r.Less(v), at)
		}
		if len(want) > 0 {
			k := rng.IntN(len(want))
			if r.At(k) != want[k] {
				t.Fatalf("operation %d: At(%d): got %v, want %v", i, k, r.At(k), want[k])
			}
		}
	}
	if len(r.nodes) > 4000 {
		t.Errorf("%d nodes for %d values: removed ones are not used again", len(r.nodes), len(want))
	}
}

// The expected depth of a random tree of n nodes is below 3·log2(n).
func TestRungStaysShallow(t *testing.T) {
	var r Rung
	const n = 1 << 14
	for i := range n {
		r.Add(float64(i)) // ascending: the worst case of a tree without balance
	}
	var depth func(t int32) int
	depth = func(t int32) int {
		if t == 0 {
			return 0
		}
		return 1 + max(depth(r.nodes[t-1].left), depth(r.nodes[t-1].right))
	}
	if d := depth(r.root); d > 3*14 {
		t.Errorf("depth %d of %d nodes, want at most 42", d, n)
	}
}

func TestQuantile(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{3}, 0.5, 3},
		{[]float64{1, 2}, 0.5, 1.5},
		{[]float64{4, 1, 3, 2}, 0.25, 1.75},
		{[]float64{4, 1, 3, 2}, 1, 4},
		{[]float64{4, 1, 3, 2}, 0, 1},
		{[]float64{1, math.Inf(1)}, 0.25, math.Inf(1)},
		{[]float64{1, math.Inf(1)}, 0.5, math.NaN()}, // as NumPy has it
		{[]float64{math.Inf(1), math.Inf(1)}, 0.25, math.NaN()},
	} {
		var r Rung
		for _, v := range tt.values {
			r.Add(v)
		}
		if got := r.Quantile(tt.q); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%v at %v: got %v, want %v", tt.values, tt.q, got, tt.want)
		}
	}
}

// A Curve holds what a Series does, whatever comes in which order.
func TestCurveIsASeries(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var c Curve
		var s sweep.Series
		attempt := 1
		var before []int64
		for range 60 {
			if rng.IntN(12) == 0 {
				attempt++
			}
			o := sweep.Observation{Attempt: attempt - rng.IntN(2), Step: rng.Int64N(20), Value: rng.Float64()}
			before = slices.Clone(c.steps)
			from, appended := c.Add(o)
			s.Add(o.Attempt, o.Step, o.Value)
			if c.Len() != s.Len() {
				t.Fatalf("got %d points, want %d", c.Len(), s.Len())
			}
			for i := range c.Len() {
				step, value := c.At(i)
				if wantStep, wantValue := s.At(i); step != wantStep || value != wantValue {
					t.Fatalf("point %d: got %d %v, want %d %v", i, step, value, wantStep, wantValue)
				}
			}
			if !slices.Equal(before[:from], c.steps[:from]) || appended != (from == len(before) && c.Len() == from+1) {
				t.Fatalf("from %d, appended %v: %v became %v", from, appended, before, c.steps)
			}
			if i := c.Find(o.Step); c.steps[i] != o.Step {
				t.Fatalf("Find(%d): got %d in %v", o.Step, i, c.steps)
			}
		}
	}
}

func TestIsFirstOf(t *testing.T) {
	for _, tt := range []struct {
		steps []int64
		want  bool
	}{
		{[]int64{2}, true},
		{[]int64{2, 3}, false},
		{[]int64{1, 3}, true}, // 2 was left out
		{[]int64{2, 3, 4}, true},
		{[]int64{2, 3, 4, 5}, false},
		{[]int64{2, 9}, true},
	} {
		c := Curve{steps: tt.steps, values: make([]float64, len(tt.steps))}
		if got := c.IsFirstOf(2, 2); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.steps, got, tt.want)
		}
	}
}

func BenchmarkRung(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			var r Rung
			for range n {
				r.Add(rng.Float64())
			}
			b.ReportAllocs()
			for b.Loop() {
				v := rng.Float64()
				r.Add(v)
				r.At(n / 2)
				r.Remove(v)
			}
		})
	}
}
