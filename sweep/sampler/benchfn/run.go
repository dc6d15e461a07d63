package benchfn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

// refusals bounds the proposals in a row that bring no new point.
const refusals = 200_000

// Run drives a sampler over n evaluations of f as a sweep does, with `parallel`
// of them (at least 1) running at a time, and returns the regret of the best
// point so far after each evaluation, by its true value. It is shorter than n if
// the sampler, or the space, has no more points.
//
// Proposals are asked for one at a time, each with those that still run as
// Pending; one that is nil or repeats a point is passed over, as with
// `duplicates: skip`. With parallel > 1 the next to end is drawn at random. A
// value that is NaN is told as a diverged trial. Noise and the order of ends
// depend on (seed, number of the evaluation) alone.
func Run(build func(sweep.Plan) (sweep.Sampler, error), f *Function, n int, seed int64, parallel int) ([]float64, error) {
	s, err := build(sweep.Plan{Space: f.Space, Objectives: []sweep.Objective{{Name: "value", Goal: f.Goal}}, Seed: seed, RunCap: n})
	if err != nil {
		return nil, err
	}
	r := run{f: f, sampler: s, seed: seed, seen: map[string]bool{}}
	trace := make([]float64, 0, n)
	least := math.Inf(1)
	for len(trace) < n {
		for !r.done && len(r.pending) < max(1, parallel) && len(trace)+len(r.pending) < n {
			if err := r.start(); err != nil {
				return trace, fmt.Errorf("%s, seed %d, proposal %d: %w", f.Name, seed, r.next, err)
			}
		}
		if len(r.pending) == 0 {
			break
		}
		least = min(least, f.Regret(r.end(len(trace))))
		trace = append(trace, least)
	}
	return trace, nil
}

type run struct {
	f       *Function
	sampler sweep.Sampler
	seed    int64
	next    int64 // index of the next proposal
	seen    map[string]bool
	pending []sweep.Proposal
	done    bool // there are no more points
}

// start makes the next new point pending.
func (r *run) start() error {
	size, finite := r.f.Space.Finite()
	for range refusals {
		if finite && int64(len(r.seen)) >= size {
			break
		}
		got, err := r.sampler.Ask(sweep.Query{First: r.next, N: 1, Seed: r.seed, Pending: r.pending})
		if err != nil {
			return err
		}
		if len(got) == 0 {
			break
		}
		r.next++
		if got[0].Point == nil {
			continue
		}
		if key := r.f.Space.Key(got[0].Point); !r.seen[key] {
			r.seen[key] = true
			r.pending = append(r.pending, got[0])
			return nil
		}
	}
	r.done = true
	return nil
}

// end evaluates one of the pending points, tells it and returns it.
func (r *run) end(k int) sweep.Point {
	rng := rand.New(rand.NewPCG(uint64(r.seed), uint64(k)^0xa0761d6478bd642f))
	i := rng.IntN(len(r.pending))
	p := r.pending[i]
	r.pending = slices.Delete(slices.Clone(r.pending), i, i+1)
	o := sweep.Outcome{Proposal: p, State: sweep.Finished, Values: []float64{r.f.Eval(p.Point, rng)}}
	if math.IsNaN(o.Values[0]) {
		o.State = sweep.Diverged
	}
	r.sampler.Tell(o)
	return p.Point
}
