// Package qmc spreads points evenly instead of drawing them independently:
// scrambled Sobol sequences and Latin hypercubes.
//
// Both compute point i in O(d) from i and the seed: no state, no order. A point
// that a constraint forbids is skipped, for drawing another would spoil the
// spread. Inactive parameters use up their coordinate, for the same reason.
//
// Sources: Sobol', On the distribution of points in a cube and the approximate
// evaluation of integrals, USSR Comput. Math. Math. Phys. 7(4), 1967; Joe and
// Kuo, Constructing Sobol sequences with better two-dimensional projections,
// SIAM J. Sci. Comput. 30(5), 2008 (direction numbers, see joekuo.go); Owen,
// Randomly permuted (t,m,s)-nets and (t,s)-sequences, 1995 (nested uniform
// scrambling); McKay, Beckman and Conover, A comparison of three methods for
// selecting values of input variables, Technometrics 21(2), 1979.
package qmc

import "github.com/trawl-sweep/trawl/sweep"

// coordinates writes point i of the unit cube into u.
type coordinates func(q sweep.Query, i int64, u []float64)

// sampler is what the sequences of this package have in common.
type sampler struct {
	space *sweep.Space
	end   int64 // number of points
	at    coordinates
	u     []float64 // scratch of Ask
}

// Ask returns the points asked for, as many as there are; those that a
// constraint forbids have a nil Point.
func (s *sampler) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	out := make([]sweep.Proposal, max(0, min(int64(q.N), s.end-q.First)))
	for k := range out {
		i := q.First + int64(k)
		s.at(q, i, s.u)
		p, ok, err := s.space.Decode(s.u)
		if err != nil {
			return nil, err
		}
		out[k].Index = i
		if ok {
			out[k].Point = p
		}
	}
	return out, nil
}

// Tell does nothing: the points are fixed in advance.
func (s *sampler) Tell(sweep.Outcome) {}

// Looks is false.
func (s *sampler) Looks() bool { return false }

// finalize is the output function of SplitMix64 (Steele, Lea, Flood 2014), the
// hash behind scrambling and shuffling.
func finalize(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// key derives the key of dimension d from the seed.
func key(seed int64, d int) uint64 {
	return finalize(finalize(uint64(seed)+0x9e3779b97f4a7c15) + uint64(d)*0xd1b54a32d192ed03)
}
