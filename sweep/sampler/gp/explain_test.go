package gp

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// A note is told in words: how many results, what matters, how much is noise.
func TestExplain(t *testing.T) {
	line := sweep.Domain{Dist: sweep.Uniform, Max: 1}
	space, err := sweep.NewSpace([]sweep.Param{{Name: "a", Domain: line}, {Name: "b", Domain: line}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(sweep.Plan{Space: space, Objectives: []sweep.Objective{{Name: "loss"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ note, want string }{
		{"", "one of the first points"},
		{"gp 40 ℓ=0.31,0.08 η=0.25 ψ=1.5", "of 40 results, which sees most change along b, a and 20 % of the spread as noise"},
		{"gp 7 ℓ=0.1,0.2 η=0.0001 ψ=1.5", "of 7 results, which sees most change along a, b and next to no noise"},
		{"gp 7 ℓ=0.1 η=0.0001 ψ=1.5", "one of the first points"},
	} {
		if got := s.(sweep.Explainer).Explain(tt.note); !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.note, got, tt.want)
		}
	}
}
