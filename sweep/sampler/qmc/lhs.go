package qmc

import (
	"errors"

	"github.com/trawl-sweep/trawl/sweep"
)

// NewLatin returns a Latin hypercube of p.RunCap points in p.Space: each of the
// RunCap equal parts of every dimension holds exactly one point, at a place of
// its own in it. Point i depends on (seed, run_cap, i) alone. It is an error if
// there is no run cap.
func NewLatin(p sweep.Plan) (sweep.Sampler, error) {
	if p.RunCap <= 0 {
		return nil, errors.New("lhs: the number of points must be known; want run_cap")
	}
	n := int64(p.RunCap)
	keys := make([]uint64, len(p.Space.Dims()))
	for d := range keys {
		keys[d] = key(p.Seed, d)
	}
	at := func(q sweep.Query, i int64, u []float64) {
		rng := q.Rand(i)
		for d := range u {
			stratum := sweep.Shuffle(i, n, keys[d])
			u[d] = min((float64(stratum)+rng.Float64())/float64(n), 1-0x1p-53)
		}
	}
	return &sampler{space: p.Space, end: n, at: at, u: make([]float64, len(keys))}, nil
}
