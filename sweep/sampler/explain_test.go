package sampler

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Every method says how it proposes, and auto says what the method at work says.
func TestExplain(t *testing.T) {
	space, err := sweep.NewSpace([]sweep.Param{line("x"), line("y")}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := sweep.Plan{Space: space, Objectives: []sweep.Objective{{Name: "loss"}}, RunCap: 10}
	for _, m := range Known() {
		if !Built(m) {
			continue
		}
		if got := Explain(m, p, ""); got == "" {
			t.Errorf("%s: got no explanation", m)
		}
		if got := Describe(m, p); got == "" && m != "grid" { // a grid of lines is an error
			t.Errorf("%s: got no description", m)
		}
	}
	for _, tt := range []struct{ note, want string }{
		{"gp gp 40 ℓ=0.31,0.08 η=0.25 ψ=1.5", "Gaussian process of 40 results"},
		{"cmaes 7", "generation 7"},
		{"sobol", "Sobol sequence"},
	} {
		if got := Explain("auto", p, tt.note); !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.note, got, tt.want)
		}
	}
	if got := Explain("nothing", p, ""); got != "" {
		t.Errorf("got %q of an unknown method", got)
	}
}
