package sim

import (
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func values(xs ...any) (out []sweep.Value) {
	for _, x := range xs {
		switch x := x.(type) {
		case int:
			out = append(out, sweep.IntValue(int64(x)))
		case float64:
			out = append(out, sweep.FloatValue(x))
		case string:
			out = append(out, sweep.StringValue(x))
		}
	}
	return out
}

func newSpace(t *testing.T, params ...sweep.Param) *sweep.Space {
	t.Helper()
	s, err := sweep.NewSpace(params, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func choice(name string, vs ...any) sweep.Param {
	return sweep.Param{Name: name, Domain: sweep.Domain{Dist: sweep.Categorical, Values: values(vs...)}}
}

// A full grid gives a parameter per column, with its numbers in order; other
// tables give one choice among the rows. Every point of either is a row, and
// every row a point.
func TestSpace(t *testing.T) {
	grid, _ := readText(t, "lr,opt,loss\n0.1,sgd,1\n0.01,sgd,2\n0.1,adam,3\n0.01,adam,4\n", Columns{})
	rows, _ := readText(t, "lr,opt,loss\n0.1,sgd,1\n0.01,sgd,2\n0.1,adam,3\n", Columns{})
	for _, tt := range []struct {
		name string
		tab  *Table
		dims int
		size int64
	}{{"grid", grid, 2, 4}, {"rows", rows, 1, 3}} {
		s, err := tt.tab.Space()
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := s.Finite(); len(s.Dims()) != tt.dims || n != tt.size {
			t.Errorf("%s: got %d dims, %d points, want %d and %d", tt.name, len(s.Dims()), n, tt.dims, tt.size)
		}
		if err := tt.tab.Match(s); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for i := range 100 {
			u := make([]float64, tt.dims)
			for d := range u {
				u[d] = math.Mod(float64(i)*0.6180339887*float64(d+1), 1)
			}
			p, _, err := s.Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tt.tab.Find(s, p); err != nil {
				t.Errorf("%s at %v: %v", tt.name, u, err)
			}
		}
		for i := range tt.tab.Rows {
			if got, err := tt.tab.Find(s, tt.tab.Point(s, i)); err != nil || got != i {
				t.Errorf("%s: row %d: got %d, %v", tt.name, i, got, err)
			}
		}
	}
	s, _ := grid.Space()
	i, _ := s.Index("lr")
	if vs := s.Params[i].Domain.Values; !vs[0].Equal(sweep.FloatValue(0.01)) {
		t.Errorf("got %v, want the numbers ascending", vs)
	}
}

// A space that the table does not have is refused, column by column; 1 and 1.0
// are one value, and constants need no column.
func TestMatch(t *testing.T) {
	tab, _ := readText(t, "lr,depth,opt,fixed,loss\n0.1,1,sgd,9,1\n0.2,2,adam,9,1\n0.4,2,adam,9,1\n", Columns{})
	constant := sweep.Param{Name: "epochs", Domain: sweep.Domain{Dist: sweep.Constant, Values: values(3)}}
	tests := []struct {
		name  string
		space *sweep.Space
		want  []string // "": matches
	}{
		{"itself", newSpace(t, choice("lr", 0.1, 0.4), choice("depth", 1.0, 2), choice("opt", "sgd"), constant), nil},
		{"between two", newSpace(t, choice("lr", 0.1, 0.3), choice("depth", 1), choice("opt", "sgd")), []string{"lr: 0.3 is not in column lr of t.csv; want 0.2 or 0.4"}},
		{"below and above", newSpace(t, choice("lr", 0.05, 5), choice("depth", 1), choice("opt", "sgd")), []string{"want 0.1 or more", "want 0.4 or less"}},
		{"another word", newSpace(t, choice("lr", 0.1), choice("depth", 1), choice("opt", "rmsprop")), []string{"opt: rmsprop is not in column opt of t.csv; want sgd, adam"}},
		{"continuous", newSpace(t, sweep.Param{Name: "lr", Domain: sweep.Domain{Dist: sweep.Uniform, Min: 0, Max: 1}}, choice("depth", 1), choice("opt", "sgd")),
			[]string{"lr: continuous, but t.csv has 3 values of it; want values: 0.1, 0.2, 0.4"}},
		{"no column", newSpace(t, choice("lr", 0.1), choice("depth", 1), choice("opt", "sgd"), choice("width", 1, 2)), []string{"width: not a column of t.csv; want one of lr, depth"}},
		{"no parameter", newSpace(t, choice("lr", 0.1), choice("opt", "sgd")), []string{"depth: t.csv has 2 values of it, and the sweep has no such parameter"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tab.Match(tt.space)
			if tt.want == nil {
				if err != nil {
					t.Errorf("got %v, want a match", err)
				}
				return
			}
			for _, w := range tt.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("got %v, want %q", err, w)
				}
			}
		})
	}
	s := tests[0].space
	p, _, err := s.Decode([]float64{0.9, 0.9, 0.5}) // depth, lr, opt: 2, 0.4, sgd is no row
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tab.Find(s, p); err == nil || !strings.Contains(err.Error(), "no row with lr=0.4 depth=2 opt=sgd fixed=9: it is no full grid") {
		t.Errorf("got %v, want no such row", err)
	}
	wide := newSpace(t, sweep.Param{Name: "depth", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 1, Max: 9}}, choice("lr", 0.1), choice("opt", "sgd"))
	if p, _, err = wide.Decode([]float64{0.99, 0.5, 0.5}); err != nil {
		t.Fatal(err)
	}
	if _, err := tab.Find(wide, p); err == nil || !strings.Contains(err.Error(), "depth: 9 is not in column depth of t.csv; want 2 or less") {
		t.Errorf("got %v, want the column that lacks it", err)
	}
}

// Regret is 0 for the best and 1 for the median, in both directions; a row that
// diverged has no true value.
func TestRegret(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		o          sweep.Objective
		want       []float64
	}{
		{"minimize", "x,s0,s1\n1,1,3\n2,4,4\n3,6,10\n", sweep.Objective{Name: "s"}, []float64{0, 1, 3}},
		{"maximize", "x,s0,s1\n1,1,3\n2,4,4\n3,6,10\n", sweep.Objective{Name: "s", Goal: sweep.Maximize}, []float64{1.5, 1, 0}},
		{"diverged", "x,s0,s1\n1,nan,3\n2,4,4\n3,6,6\n4,8,8\n", sweep.Objective{Name: "s"}, []float64{math.NaN(), 0, 1, 2}},
		{"best of a curve", "x,v0,v1\n1,1,9\n2,4,2\n3,3,3\n", sweep.Objective{Name: "v", Reduce: sweep.Best}, []float64{0, 1, 2}},
		{"all alike", "x,s0,s1\n1,1,1\n2,1,1\n3,2,2\n", sweep.Objective{Name: "s"}, []float64{0, 0, math.Inf(1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tab, _ := readText(t, tt.text, Columns{})
			if err := tab.Measure(tt.o); err != nil {
				t.Fatal(err)
			}
			for i, want := range tt.want {
				if got := tab.Regret(i); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
					t.Errorf("row %d: got %v, want %v", i, got, want)
				}
			}
		})
	}
	tab, _ := readText(t, "x,s0,s1\n1,nan,3\n2,nan,4\n3,6,6\n", Columns{})
	if err := tab.Measure(sweep.Objective{Name: "s"}); err == nil || !strings.Contains(err.Error(), "1 of 3 configurations have a finite s") {
		t.Errorf("got %v, want an error: there is no median", err)
	}
}
