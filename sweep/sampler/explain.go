package sampler

import (
	"cmp"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// plain says how the methods propose that have nothing more to say.
var plain = map[string]string{
	"grid":   "the next combination of the grid that was not tried",
	"random": "drawn at random, each parameter from its own distribution",
	"sobol":  "the next point of a scrambled Sobol sequence, which fills the space evenly",
	"lhs":    "a cell of a Latin hypercube, which has one point in each slice of each parameter",
	"points": "one of the points of the file",
}

// Explain says why a method made a proposal with the given note, in a line and
// in words a practitioner uses; "" if the method is unknown.
func Explain(method string, p sweep.Plan, note string) string {
	if words := plain[method]; words != "" {
		return words
	}
	s, err := New(method, p)
	if err != nil {
		return ""
	}
	if e, ok := s.(sweep.Explainer); ok {
		return e.Explain(note)
	}
	return ""
}

// Explain says what the method at work when the proposal was made has to say.
func (a *auto) Explain(note string) string {
	name, rest, _ := strings.Cut(note, " ")
	if name == "" {
		return a.Describe()
	}
	return Explain(name, a.plan, rest)
}

// adaptive says what the methods do that look at results.
var adaptive = map[string]string{
	"tpe":   "TPE: tries where points like the best lie dense and the others do not; the first ones are spread evenly",
	"gp":    "a Gaussian process (gp): tries where it expects the largest improvement; the first points are spread evenly",
	"cmaes": "CMA-ES: draws from a normal distribution that moves towards the best points and stretches along them",
	"nsga2": "NSGA-II: breeds points from those of the best fronts; the first ones are drawn at random",
}

// Describe says in a line what a method is going to do; "" if it has nothing to
// say but its name.
func Describe(method string, p sweep.Plan) string {
	s, err := New(method, p)
	if err != nil {
		return ""
	}
	if d, ok := s.(sweep.Describer); ok {
		return d.Describe()
	}
	return cmp.Or(adaptive[method], plain[method])
}
