package cmaes

import (
	"math/rand/v2"

	"github.com/trawl-sweep/trawl/sweep"
)

// A pen draws the samples of one proposal, one after the other until one is
// taken.
type pen struct {
	rng *rand.Rand
	z   []float64
}

func (s *Sampler) pen(q sweep.Query, i int64) pen {
	return pen{rng: q.Rand(i), z: make([]float64, len(s.axes))}
}

// next returns the next sample of d.
func (p pen) next(d *dist) sample {
	x := sample{x: make([]float64, len(p.z)), pick: make([]int, len(d.odds))}
	n := len(p.z)
	for i := range p.z {
		p.z[i] = p.rng.NormFloat64()
	}
	for i := range x.x {
		x.x[i] = d.m[i] + dot(d.l[i*n:i*n+i+1], p.z[:i+1])
	}
	for j, odds := range d.odds {
		x.pick[j] = draw(odds, p.rng.Float64())
	}
	return x
}
