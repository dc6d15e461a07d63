package tpe

import (
	"math"
	"math/rand/v2"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	redraws   = 1000    // of a random point that is forbidden or not new
	drawsMost = 2000    // of candidates, where constraints refuse them
	scanMost  = 100_000 // points of a finite space that are looked through for a new one
)

// An ask is what one call of Ask knows beside the sampler.
type ask struct {
	*Sampler
	query   sweep.Query
	rng     *rand.Rand
	pending *mixture        // with the widths of rest
	taken   map[string]bool // keys of pending points, in a finite space
}

func (s *Sampler) newAsk(q sweep.Query) *ask {
	a := &ask{Sampler: s, query: q, pending: s.rest.like(), taken: map[string]bool{}}
	for _, p := range q.Pending {
		a.take(p.Point)
	}
	return a
}

// take makes p pending.
func (a *ask) take(p sweep.Point) {
	if p == nil {
		return
	}
	if a.seen != nil {
		a.taken[a.space.Key(p)] = true
	}
	if a.split.ranked() >= startup {
		a.pending.add(a.encode(p), 1)
	}
}

// next makes proposal i; end reports that there are no more points.
func (a *ask) next(i int64) (out sweep.Proposal, end bool, err error) {
	out.Index, a.rng = i, a.query.Rand(i)
	switch {
	case a.size > 0 && int64(len(a.seen)+len(a.taken)) >= a.size:
		// A pending point may have been told too; the scan knows.
	case a.split.ranked() < startup:
		out.Point, err = a.first(i)
	default:
		out.Point, err = a.best()
	}
	if out.Point == nil && err == nil {
		out.Point, err = a.random()
	}
	if out.Point == nil && err == nil && a.size > 0 && a.size <= scanMost {
		out.Point, err = a.scan()
		end = out.Point == nil && err == nil
	}
	a.take(out.Point)
	return out, end, err
}

// novel reports whether p was neither told nor is pending. Where points cannot
// be counted, all are new.
func (a *ask) novel(p sweep.Point) bool {
	if a.seen == nil {
		return true
	}
	key := a.space.Key(p)
	return !a.seen[key] && !a.taken[key]
}

// first returns point i of the Sobol sequence; nil if it is forbidden, not new,
// or there is none.
func (a *ask) first(i int64) (sweep.Point, error) {
	if a.start == nil {
		return nil, nil
	}
	got, err := a.start.Ask(sweep.Query{First: i, N: 1, Seed: a.query.Seed})
	if err != nil || len(got) == 0 || got[0].Point == nil || !a.novel(got[0].Point) {
		return nil, err
	}
	return got[0].Point, nil
}

// random draws a new point from the prior, nil if there was none in many draws.
func (a *ask) random() (sweep.Point, error) {
	for range redraws {
		for d := range a.u {
			a.u[d] = a.rng.Float64()
		}
		p, ok, err := a.space.Decode(a.u)
		if err != nil {
			return nil, err
		}
		if ok && a.novel(p) {
			return p, nil
		}
	}
	return nil, nil
}

// scan looks through a finite space, from a random point on, and returns the
// first new one. A space whose cells are not all listed by the axes ends early.
func (a *ask) scan() (sweep.Point, error) {
	n := int64(1)
	for d := range a.axes {
		k := int64(max(1, a.axes[d].steps()))
		if n > scanMost/k {
			return nil, nil
		}
		n *= k
	}
	start := int64(a.rng.Uint64N(uint64(n)))
	for k := range n {
		at := (start + k) % n
		for d := range a.axes {
			steps := int64(max(1, a.axes[d].steps()))
			a.u[d] = a.axes[d].step(at % steps)
			at /= steps
		}
		p, ok, err := a.space.Decode(a.u)
		if err != nil {
			return nil, err
		}
		if ok && a.novel(p) {
			return p, nil
		}
	}
	return nil, nil
}

// A candidate is a place drawn from the good density.
type candidate struct {
	x     []float64
	score float64     // log ℓ/g
	point sweep.Point // nil: not decoded yet
}

// best returns the new candidate with the largest ℓ/g, nil if there is none.
func (a *ask) best() (sweep.Point, error) {
	a.model()
	var room [candidates]candidate
	cs := room[:0]
	for draws := 0; len(cs) < candidates && draws < drawsMost; draws++ {
		d := len(a.axes)
		c := candidate{x: a.pool[len(cs)*d : len(cs)*d+d]}
		a.draw(c.x)
		if !a.rest.whole {
			p, ok, err := a.decode(c.x)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			c.point = p
			copy(c.x, a.encode(p)) // inactive axes
		}
		c.score = a.score(c.x)
		cs = append(cs, c)
	}
	rank(cs)
	for _, c := range cs {
		if c.point == nil {
			p, ok, err := a.decode(c.x)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			c.point = p
		}
		if a.novel(c.point) {
			return c.point, nil
		}
	}
	return nil, nil
}

func (a *ask) decode(x []float64) (sweep.Point, bool, error) {
	for d := range x {
		a.u[d] = a.axes[d].unit(x[d])
	}
	return a.space.Decode(a.u)
}

// draw fills in x: around one good point, or around one for each axis.
func (a *ask) draw(x []float64) {
	several := a.rng.Float64() < recombine
	at := a.pick()
	for j := range x {
		if several && j > 0 {
			at = a.pick()
		}
		if at < 0 {
			x[j] = a.axes[j].snap(a.axes[j].place(a.rng.Float64()))
		} else {
			x[j] = a.good.kernels[j].draw(a.at(a.ids[at])[j], a.rng)
		}
	}
}

// pick returns a component of the good density by weight; -1 is the prior.
func (a *ask) pick() int {
	if at := int(a.rng.Float64() * (a.good.w0 + a.good.total)); at < a.good.n {
		return at
	}
	return -1
}

// score is log ℓ(x)/g(x).
func (a *ask) score(x []float64) float64 {
	l := (a.good.w0 + a.good.sum(x, &a.scratch)) / (a.good.w0 + a.good.total)
	g, whole := a.rest.w0+a.rest.sum(x, &a.scratch), a.rest.w0+a.rest.total
	if a.pending.n > 0 {
		g, whole = g+a.pending.sum(x, &a.scratch), whole+a.pending.total
	}
	return math.Log(l / (g / whole))
}
