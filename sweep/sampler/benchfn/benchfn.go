// Package benchfn holds the problems on which samplers are measured: test
// functions with known minima, recorded tuning tables and learning curves, and
// the loop that drives a sampler over them as a sweep does.
//
// Minima are shifted away from the centre of the cube and from the shifts'
// symmetric places, so that a sampler that starts in the middle wins nothing.
//
// Sources: Surjanovic and Bingham, Virtual Library of Simulation Experiments
// (formulas, minimisers); Eggensperger et al., HPOBench, NeurIPS Datasets and
// Benchmarks 2021 (tables); Metz et al., Using a thousand optimization tasks to
// learn hyperparameter search strategies, 2020 (curves). The mixed and the noisy
// problem are ours.
package benchfn

import (
	"math/rand/v2"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Function is a problem whose best value is known.
type Function struct {
	Name string
	Doc  string // what it is hard for, and whose it is
	// Space is that of the points that Eval and True take.
	Space *sweep.Space
	Goal  sweep.Goal
	Min   float64 // the best of True: least, or greatest if Goal is Maximize
	Scale float64 // divisor of Regret, > 0
	// Eval is one evaluation, noise included.
	Eval func(p sweep.Point, rng *rand.Rand) float64
	// True is the value without noise.
	True func(p sweep.Point) float64
}

// Regret is how much worse the true value of p is than the best there is, in
// units of Scale: 0 at the optimum.
func (f *Function) Regret(p sweep.Point) float64 {
	return max(0, (f.Goal.Score(f.True(p))-f.Goal.Score(f.Min))/f.Scale)
}

// All returns the eight test functions.
func All() []*Function {
	return []*Function{Branin(), Hartmann6(), Ackley5(), Rosenbrock4(), Levy10(), Rastrigin5(), Mixed(), Training()}
}

// exact makes a function of numbers without noise.
func exact(name, doc string, space *sweep.Space, least float64, f func(x []float64) float64) *Function {
	at := func(p sweep.Point) float64 { return f(numbers(p)) }
	return &Function{Name: name, Doc: doc, Space: space, Min: least, Scale: 1, True: at,
		Eval: func(p sweep.Point, _ *rand.Rand) float64 { return at(p) }}
}

// numbers returns the values of p; one that is no number reads as 0.
func numbers(p sweep.Point) []float64 {
	x := make([]float64, len(p))
	for i, v := range p {
		x[i], _ = v.Number()
	}
	return x
}

// must returns a space; a mistake in this package's own spaces panics.
func must(params []sweep.Param, zips ...[]string) *sweep.Space {
	s, err := sweep.NewSpace(params, nil, zips)
	if err != nil {
		panic("benchfn: " + err.Error())
	}
	return s
}
