// Package sampler is the table of all search methods.
package sampler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/cmaes"
	"github.com/trawl-sweep/trawl/sweep/sampler/gp"
	"github.com/trawl-sweep/trawl/sweep/sampler/grid"
	"github.com/trawl-sweep/trawl/sweep/sampler/nsga2"
	"github.com/trawl-sweep/trawl/sweep/sampler/qmc"
	"github.com/trawl-sweep/trawl/sweep/sampler/random"
	"github.com/trawl-sweep/trawl/sweep/sampler/tpe"
)

// Methods maps the names of a sweep file to constructors. A method that has
// none is part of the file format, but not built yet.
var Methods = map[string]func(sweep.Plan) (sweep.Sampler, error){
	"grid":   grid.New,
	"random": random.New,
	"sobol":  qmc.NewSobol,
	"lhs":    qmc.NewLatin,
	"points": newPoints,
	"tpe":    tpe.New,
	"gp":     gp.New,
	"cmaes":  cmaes.New,
	"nsga2":  nsga2.New,
	"auto":   newAuto, // W&B's bayes
}

// order is that in which the methods are named to users.
var order = []string{"grid", "random", "sobol", "lhs", "tpe", "gp", "cmaes", "nsga2", "auto", "points"}

// New returns the sampler of a method. The error says what is wrong with the
// plan for it, or that the method is unknown or not built yet.
func New(method string, p sweep.Plan) (sweep.Sampler, error) {
	build, known := Methods[method]
	switch {
	case !known:
		return nil, fmt.Errorf("method %q: want %s", method, either(Known()))
	case build == nil:
		built := slices.DeleteFunc(Known(), func(name string) bool { return !Built(name) })
		return nil, fmt.Errorf("method %s: not built yet; want %s", method, either(built))
	}
	return build(p)
}

// Known returns the names of all methods of the file format, built or not.
func Known() []string { return slices.Clone(order) }

// Built reports whether New can return a sampler of the method.
func Built(method string) bool { return Methods[method] != nil }

// either joins words as in "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// points is the sampler of a sweep that tries its `points:` and nothing else.
type points struct{}

func newPoints(sweep.Plan) (sweep.Sampler, error) { return points{}, nil }

// Ask has no proposals.
func (points) Ask(sweep.Query) ([]sweep.Proposal, error) { return nil, nil }

// Tell does nothing.
func (points) Tell(sweep.Outcome) {}

// Looks is false.
func (points) Looks() bool { return false }
