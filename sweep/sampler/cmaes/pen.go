package cmaes

import (
	"math/rand/v2"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	blockSize = 8       // samples that are orthogonal to each other, at most n
	blocks    = 1 << 61 // where the random streams of blocks lie, far from those of proposals
)

// A pen draws the samples of one proposal, one after the other until one is
// taken. Those of neighbouring proposals are orthogonal before the distribution
// stretches them, if it is the first draws that are taken: so few samples cover
// more directions than independent ones. Each by itself is normal.
type pen struct {
	q     sweep.Query
	i     int64
	n     int
	rng   *rand.Rand
	first bool
	z     []float64
}

func (s *Sampler) pen(q sweep.Query, i int64) *pen {
	return &pen{q: q, i: i, n: len(s.axes), rng: q.Rand(i), first: true, z: make([]float64, len(s.axes))}
}

// next returns the next sample of d.
func (p *pen) next(d *dist) sample {
	n := p.n
	if p.first && p.i >= 0 && n > 1 {
		p.z = p.orthogonal()
	} else {
		normals(p.rng, p.z)
	}
	p.first = false
	x := sample{x: make([]float64, n), pick: make([]int, len(d.odds))}
	for i := range x.x {
		x.x[i] = d.m[i] + dot(d.l[i*n:i*n+i+1], p.z[:i+1])
	}
	for j, odds := range d.odds {
		x.pick[j] = draw(odds, p.rng.Float64())
	}
	return x
}

// orthogonal returns the normal vector of p in its block: the vectors before it
// are projected out, the length stays that of an independent draw.
func (p *pen) orthogonal() []float64 {
	n, k := p.n, int64(min(p.n, blockSize))
	rng := p.q.Rand(blocks + p.i/k)
	units := make([]float64, (int(p.i%k)+1)*n)
	for at := 0; ; at += n {
		z := units[at : at+n]
		normals(rng, z)
		length := norm(z)
		for b := 0; b < at; b += n {
			axpy(z, -dot(z, units[b:b+n]), units[b:b+n])
		}
		scale(z, 1/norm(z))
		if at+n == len(units) {
			scale(z, length)
			return z
		}
	}
}

func normals(rng *rand.Rand, z []float64) {
	for i := range z {
		z[i] = rng.NormFloat64()
	}
}
