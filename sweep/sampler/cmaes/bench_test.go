package cmaes

import (
	"fmt"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/benchfn"
)

// unit is the space of d parameters uniform in 0 … 1.
func unit(t testing.TB, d int) *sweep.Space {
	t.Helper()
	var params []sweep.Param
	for i := range d {
		params = append(params, sweep.Param{Name: fmt.Sprintf("x%02d", i), Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}})
	}
	s, err := sweep.NewSpace(params, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkSweep is all that a sweep of n trials asks and tells.
func BenchmarkSweep(b *testing.B) {
	for _, c := range []struct{ n, d int }{{1000, 5}, {10_000, 40}} {
		b.Run(fmt.Sprintf("n=%d/d=%d", c.n, c.d), func(b *testing.B) {
			space := unit(b, c.d)
			for b.Loop() {
				s, err := New(sweep.Plan{Space: space})
				if err != nil {
					b.Fatal(err)
				}
				for i := range int64(c.n) {
					ps, err := s.Ask(sweep.Query{First: i, N: 1})
					if err != nil {
						b.Fatal(err)
					}
					sum := 0.0
					for k, v := range ps[0].Point {
						x, _ := v.Number()
						sum += float64(k+1) * (x - 0.3) * (x - 0.3)
					}
					s.Tell(sweep.Outcome{Proposal: ps[0], State: sweep.Finished, Values: []float64{sum}})
				}
			}
		})
	}
}

// BenchmarkRegret reports the median regret over 20 seeds after 100 trials.
func BenchmarkRegret(b *testing.B) {
	for _, f := range benchfn.All() {
		b.Run("f="+f.Name+"/n=100", func(b *testing.B) {
			var all []float64
			for b.Loop() {
				all = all[:0]
				for seed := range int64(20) {
					trace, err := benchfn.Run(New, f, 100, seed, 1)
					if err != nil {
						b.Fatal(err)
					}
					all = append(all, trace[len(trace)-1])
				}
			}
			b.ReportMetric(median(all), "regret")
		})
	}
}
