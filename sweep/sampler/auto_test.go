package sampler

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func line(name string) sweep.Param {
	return sweep.Param{Name: name, Domain: sweep.Domain{Dist: sweep.Uniform, Min: 0, Max: 1}}
}

func TestAutoChooses(t *testing.T) {
	one := []sweep.Objective{{Name: "loss"}}
	var many []sweep.Param
	for i := range 21 {
		many = append(many, line(fmt.Sprintf("x%02d", i)))
	}
	for _, tt := range []struct {
		name       string
		params     []sweep.Param
		objectives []sweep.Objective
		want       string
	}{
		{"numbers", []sweep.Param{line("x")}, one, "a Gaussian process (gp): one objective, 1 dimensions: a Gaussian process needs the fewest trials; after 300 results CMA-ES goes on"},
		{"choices", []sweep.Param{line("x"), {Name: "opt", Domain: samplertest.Texts("a", "b")}}, one, "after 300 results TPE goes on"},
		{"a condition", []sweep.Param{line("x"), {Name: "n", Domain: samplertest.Ints(1, 2, 3), When: samplertest.Is("x", "1")}}, one, "TPE goes on"},
		{"many", many, one, "TPE: 21 dimensions"},
		{"two objectives", []sweep.Param{line("x")}, []sweep.Objective{{Name: "a"}, {Name: "b"}}, "TPE: 2 objectives"},
		{"no objective", []sweep.Param{line("x")}, nil, "Sobol points: there is no metric"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := New("auto", sweep.Plan{Space: samplertest.Must(tt.params, nil), Objectives: tt.objectives, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.(*auto).Describe(); !strings.Contains(got, tt.want) {
				t.Errorf("got %q; want %q", got, tt.want)
			}
		})
	}
}

// TestAutoGoesOn: after its limit another method knows what the first found.
func TestAutoGoesOn(t *testing.T) {
	space := samplertest.Must([]sweep.Param{line("x"), line("y")}, nil)
	s, err := New("auto", sweep.Plan{Space: space, Objectives: []sweep.Objective{{Name: "loss"}}, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	loss := func(p sweep.Point) float64 {
		x, _ := p[0].Number()
		y, _ := p[1].Number()
		return (x-0.3)*(x-0.3) + (y-0.7)*(y-0.7)
	}
	// Outcomes of its own first points, then of the user's: the model itself is
	// not asked 300 times, which takes long.
	for i := range int64(autoModel) {
		p := sweep.Proposal{Index: -i - 1}
		if i < 8 {
			got, err := s.Ask(sweep.Query{First: i, N: 1, Seed: 3})
			if err != nil || len(got) != 1 || !strings.HasPrefix(got[0].Note, "gp") {
				t.Fatalf("proposal %d: %v, %v; want one of gp", i, got, err)
			}
			p = got[0]
		} else {
			u := []float64{math.Mod(float64(i)*0.618, 1), math.Mod(float64(i)*0.414, 1)}
			p.Point, _, _ = space.Decode(u)
		}
		s.Tell(sweep.Outcome{Proposal: p, State: sweep.Finished, Values: []float64{loss(p.Point)}})
	}
	if s.(*auto).name != "cmaes" {
		t.Fatalf("after %d outcomes %s is at work; want cmaes", autoModel, s.(*auto).name)
	}
	near := 0
	for i := range int64(20) {
		got, err := s.Ask(sweep.Query{First: autoModel + i, N: 1, Seed: 3})
		if err != nil || len(got) != 1 {
			t.Fatal(err)
		}
		if loss(got[0].Point) < 0.05 { // a disc of 16 % of the square
			near++
		}
		s.Tell(sweep.Outcome{Proposal: got[0], State: sweep.Finished, Values: []float64{loss(got[0].Point)}})
	}
	if near < 15 {
		t.Errorf("%d of 20 proposals near what the first 300 found; want a warm start", near)
	}
}
