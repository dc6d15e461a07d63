// Package random draws every point independently, each parameter from its own
// distribution.
//
// Proposal i is a function of (seed, i) alone. Where a constraint does not hold
// it is drawn again from the same stream, 1,000 times, then skipped.
//
// Sources: Bergstra and Bengio, Random search for hyper-parameter optimization,
// JMLR 13, 2012.
package random

import "github.com/trawl-sweep/trawl/sweep"

// redraws is how often a point that a constraint forbids is drawn again.
const redraws = 1000

// Random is the sampler. Only New makes a valid one.
type Random struct {
	space *sweep.Space
	u     []float64 // scratch of Ask
}

// New returns random search in p.Space. It never ends by itself.
func New(p sweep.Plan) (sweep.Sampler, error) {
	return &Random{space: p.Space, u: make([]float64, len(p.Space.Dims()))}, nil
}

// Ask draws q.N points; one that a constraint forbids throughout has a nil Point.
func (r *Random) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	out := make([]sweep.Proposal, max(0, q.N))
	for k := range out {
		i := q.First + int64(k)
		p, err := r.draw(q, i)
		if err != nil {
			return nil, err
		}
		out[k] = sweep.Proposal{Index: i, Point: p}
	}
	return out, nil
}

func (r *Random) draw(q sweep.Query, i int64) (sweep.Point, error) {
	rng := q.Rand(i)
	for range 1 + redraws {
		for d := range r.u {
			r.u[d] = rng.Float64()
		}
		p, ok, err := r.space.Decode(r.u)
		if err != nil || ok {
			return p, err
		}
	}
	return nil, nil
}

// Tell does nothing: random search does not look at results.
func (r *Random) Tell(sweep.Outcome) {}

// Looks is false.
func (r *Random) Looks() bool { return false }
