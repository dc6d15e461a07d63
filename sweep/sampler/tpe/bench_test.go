package tpe

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

// numbers is a space of d numbers in [0, 1].
func numbers(d int) *sweep.Space {
	var params []sweep.Param
	for i := range d {
		params = append(params, sweep.Param{Name: fmt.Sprintf("x%02d", i), Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}})
	}
	return samplertest.Must(params, nil)
}

// told returns a sampler that was told n points of a bowl, near its bottom as
// they would be late in a sweep, and n random ones.
func told(tb testing.TB, space *sweep.Space, n int) sweep.Sampler {
	tb.Helper()
	s, err := New(sweep.Plan{Space: space, Objectives: []sweep.Objective{{Name: "loss"}}, Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	u := make([]float64, len(space.Dims()))
	for i := range n {
		loss := 0.0
		for d := range u {
			u[d] = rng.Float64()
			if i%2 == 0 {
				u[d] = min(0.999, max(0, 0.3+0.1*rng.NormFloat64()))
			}
			loss += (u[d] - 0.3) * (u[d] - 0.3)
		}
		p, _, err := space.Decode(u)
		if err != nil {
			tb.Fatal(err)
		}
		s.Tell(sweep.Outcome{Proposal: sweep.Proposal{Index: int64(i), Point: p}, State: sweep.Finished, Values: []float64{loss}})
	}
	return s
}

func BenchmarkAsk(b *testing.B) {
	for _, d := range []int{5, 20} {
		for _, n := range []int{100, 1000, 10_000} {
			b.Run(fmt.Sprintf("sampler=tpe/n=%d/d=%d", n, d), func(b *testing.B) {
				s := told(b, numbers(d), n)
				i := int64(n)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Ask(sweep.Query{First: i, N: 1, Seed: 1}); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}

func BenchmarkTell(b *testing.B) {
	b.Run("sampler=tpe/n=10000/d=5", func(b *testing.B) {
		for b.Loop() {
			told(b, numbers(5), 10_000)
		}
	})
}

// BenchmarkWhole is a sweep of 1,000 trials of 40 parameters.
func BenchmarkWhole(b *testing.B) {
	b.Run("sampler=tpe/n=1000/d=40", func(b *testing.B) {
		space := numbers(40)
		for b.Loop() {
			s := told(b, space, 0)
			for i := range int64(1000) {
				ps, err := s.Ask(sweep.Query{First: i, N: 1, Seed: 1})
				if err != nil {
					b.Fatal(err)
				}
				loss := 0.0
				for _, u := range space.Encode(ps[0].Point) {
					loss += (u - 0.3) * (u - 0.3)
				}
				s.Tell(sweep.Outcome{Proposal: ps[0], State: sweep.Finished, Values: []float64{loss}})
			}
		}
	})
}
