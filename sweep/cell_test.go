package sweep

import (
	"math"
	"testing"
)

// TestCell: inside of a cell every u decodes to one value, just outside to
// another, the cells tile the interval, and Encode gives the middle.
func TestCell(t *testing.T) {
	choices := []Value{IntValue(3), StringValue("a"), FloatValue(0.5)}
	for _, tt := range []struct {
		name string
		d    Domain
		n    int // cells
	}{
		{"integers", Domain{Dist: IntUniform, Min: -3, Max: 9}, 13},
		{"integers on a log scale", Domain{Dist: IntUniform, Min: 1, Max: 64, Log: true}, 64},
		{"steps", Domain{Dist: QUniform, Min: 0, Max: 1, Q: 0.125}, 9},
		{"steps on a log scale", Domain{Dist: QLogUniformValues, Min: 8, Max: 64, Q: 8, Ints: true}, 8},
		{"steps of a normal", Domain{Dist: QNormal, Sigma: 1, Q: 0.5}, 33},
		{"steps of a beta", Domain{Dist: QBeta, A: 2, B: 3, Q: 0.25}, 5},
		{"choices", Domain{Dist: Categorical, Values: choices}, 3},
		{"weighted choices", Domain{Dist: CategoricalWeighted, Values: choices, Probabilities: []float64{0.2, 0, 0.8}}, 2},
		{"a constant", Domain{Dist: Constant, Values: choices[:1]}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.d.Check(); err != nil {
				t.Fatal(err)
			}
			n, end := 0, 0.0
			for end < 1 && n <= tt.n+1 {
				n++
				lo, hi := tt.d.Cell(end + 1e-9)
				if math.Abs(lo-end) > 2e-9 || hi <= lo {
					t.Fatalf("cell %d: got %v to %v, want a start at %v", n, lo, hi, end)
				}
				want := tt.d.Decode((lo + hi) / 2)
				eps := (hi - lo) * 1e-3
				if a, b := tt.d.Decode(lo+eps), tt.d.Decode(hi-eps); a != want || b != want {
					t.Errorf("cell %v to %v: got %v and %v at its ends, %v in the middle", lo, hi, a, b, want)
				}
				if u, _ := tt.d.Encode(want); math.Abs(u-(lo+hi)/2) > 1e-9 {
					t.Errorf("cell %v to %v: Encode gives %v, want the middle", lo, hi, u)
				}
				if hi < 1-1e-9 && tt.d.Decode(hi+1e-7*(1-hi)) == want {
					t.Errorf("cell %v to %v ends early", lo, hi)
				}
				end = hi
				if 1-end < 1e-12 {
					break
				}
			}
			if n < tt.n-12 || n > tt.n { // the outermost of the normal are thinner than float64
				t.Errorf("got %d cells, want %d", n, tt.n)
			}
		})
	}
	for _, u := range []float64{-1, 0, 0.3, 1, 2, math.NaN()} {
		want := max(0, min(1, u))
		if math.IsNaN(u) {
			want = 0
		}
		if lo, hi := (Domain{Dist: Uniform, Max: 1}).Cell(u); lo != want || hi != want {
			t.Errorf("continuous at %v: got %v to %v, want %v", u, lo, hi, want)
		}
	}
}

func TestOrdered(t *testing.T) {
	list := func(vs ...Value) Domain { return Domain{Dist: Categorical, Values: vs} }
	for _, tt := range []struct {
		name string
		d    Domain
		want bool
	}{
		{"a scale", Domain{Dist: Uniform, Max: 1}, true},
		{"integers", Domain{Dist: IntUniform, Max: 4}, true},
		{"ascending numbers", list(IntValue(8), FloatValue(16.5), IntValue(32)), true},
		{"descending numbers", list(IntValue(32), IntValue(16)), true},
		{"numbers in no order", list(IntValue(8), IntValue(32), IntValue(16)), false},
		{"a number twice", list(IntValue(8), IntValue(8)), false},
		{"one number", list(IntValue(8)), false},
		{"words", list(StringValue("a"), StringValue("b")), false},
		{"weighted", Domain{Dist: CategoricalWeighted, Values: []Value{IntValue(1), IntValue(2)}, Probabilities: []float64{.5, .5}}, false},
	} {
		s, err := NewSpace([]Param{{Name: "x", Domain: tt.d}}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Ordered(s.Dims()[0]); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	zipped, err := NewSpace([]Param{
		{Name: "a", Domain: list(IntValue(1), IntValue(2))}, {Name: "b", Domain: list(IntValue(1), IntValue(2))},
	}, nil, [][]string{{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if zipped.Ordered(zipped.Dims()[0]) {
		t.Error("a zip group is ordered")
	}
}
