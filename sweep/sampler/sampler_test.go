package sampler

import (
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func TestTableAndNamesAgree(t *testing.T) {
	if len(Known()) != len(Methods) {
		t.Errorf("%d names for %d methods", len(Known()), len(Methods))
	}
	for _, name := range Known() {
		if _, ok := Methods[name]; !ok {
			t.Errorf("%s is named and not in the table", name)
		}
	}
	Known()[0] = "changed"
	if slices.Contains(Known(), "changed") {
		t.Error("a caller can change the names")
	}
}

func TestNew(t *testing.T) {
	space := samplertest.Spaces()[0].Space
	for _, tt := range []struct{ method, want string }{
		{"grid", ""}, {"random", ""}, {"sobol", ""}, {"lhs", ""}, {"points", ""},
		{"tpe", ""}, {"gp", ""}, {"cmaes", ""}, {"nsga2", ""}, {"auto", ""},
		{"bayesian", `method "bayesian": want grid, random, sobol, lhs, tpe, gp, cmaes, nsga2, auto or points`},
	} {
		s, err := New(tt.method, sweep.Plan{Space: space, RunCap: 10, Objectives: []sweep.Objective{{Name: "loss"}}})
		if tt.want == "" {
			if err != nil || s == nil || !Built(tt.method) {
				t.Errorf("%s: got %v, %v", tt.method, s, err)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), tt.want) || Built(tt.method) {
			t.Errorf("%s: got %v; want %q", tt.method, err, tt.want)
		}
	}
	if _, err := New("lhs", sweep.Plan{Space: space}); err == nil || !strings.Contains(err.Error(), "run_cap") {
		t.Errorf("the error of a constructor is lost: %v", err)
	}
}

func TestLawsOfAllBuilt(t *testing.T) {
	for _, name := range Known() {
		if Built(name) && name != "points" {
			t.Run(name, func(t *testing.T) { samplertest.Run(t, name, Methods[name]) })
		}
	}
}

func TestPointsHasNoProposals(t *testing.T) {
	s, err := New("points", sweep.Plan{})
	if err != nil {
		t.Fatal(err)
	}
	s.Tell(sweep.Outcome{})
	if ps, err := s.Ask(sweep.Query{N: 5}); len(ps) != 0 || err != nil || s.Looks() {
		t.Errorf("got %v, %v, looks %v", ps, err, s.Looks())
	}
}

func BenchmarkAsk(b *testing.B) {
	space := samplertest.Spaces()[0].Space
	for _, name := range []string{"grid", "random", "sobol", "lhs"} {
		b.Run("sampler="+name+"/d=4", func(b *testing.B) {
			s, err := New(name, sweep.Plan{Space: space, RunCap: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			var i int64
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Ask(sweep.Query{First: i % 32, N: 1}); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
