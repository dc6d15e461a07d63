package random

import (
	"math"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func TestLaws(t *testing.T) { samplertest.Run(t, "random", New) }

func ask(t *testing.T, space *sweep.Space, seed int64, n int) []sweep.Proposal {
	t.Helper()
	s, err := New(sweep.Plan{Space: space, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	ps, err := s.Ask(sweep.Query{N: n, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// TestMoments: mean and variance of the coordinates, and their correlation, are
// those of independent uniform draws. With 20,000 draws 6 standard deviations
// are 0.0123, 0.0032 and 0.0424; a false alarm has a probability below 1e-8.
func TestMoments(t *testing.T) {
	unit := sweep.Domain{Dist: sweep.Uniform, Max: 1}
	space := samplertest.Must([]sweep.Param{{Name: "x", Domain: unit}, {Name: "y", Domain: unit}}, nil)
	const n, seed = 20_000, 4
	var sx, sxx, sxy, sy float64
	for _, p := range ask(t, space, seed, n) {
		x, _ := p.Point[0].Number()
		y, _ := p.Point[1].Number()
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	mean, variance := sx/n, sxx/n-(sx/n)*(sx/n)
	correlation := (sxy/n - sx/n*sy/n) * 12
	if math.Abs(mean-0.5) > 0.0123 || math.Abs(variance-1.0/12) > 0.0032 || math.Abs(correlation) > 0.0424 {
		t.Errorf("seed %d: mean %v, variance %v, correlation %v; want 0.5, 0.0833, 0", seed, mean, variance, correlation)
	}
}

func TestConstraints(t *testing.T) {
	d := sweep.Domain{Dist: sweep.Uniform, Max: 1}
	params := []sweep.Param{{Name: "x", Domain: d}, {Name: "y", Domain: d}}
	for limit, want := range map[float64]int{0.1: 100, -1: 0} { // a region of 1/200, and an empty one
		found := 0
		for _, p := range ask(t, samplertest.Must(params, []sweep.Expr{samplertest.Below(limit, "x", "y")}), 1, 100) {
			if p.Point != nil {
				found++
			}
		}
		if found < want-5 || found > want { // 1,001 draws miss 1/200 once in 150 points
			t.Errorf("sum below %v: %d of 100 points found, want %d", limit, found, want)
		}
	}
}

func BenchmarkAsk(b *testing.B) {
	for _, s := range samplertest.Spaces()[:1] {
		b.Run("sampler=random/d=5", func(b *testing.B) {
			smp, err := New(sweep.Plan{Space: s.Space})
			if err != nil {
				b.Fatal(err)
			}
			var i int64
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				ps, err := smp.Ask(sweep.Query{First: i, N: 1})
				if err != nil {
					b.Fatal(err)
				}
				_ = s.Space.Key(ps[0].Point)
				buf = s.Space.AppendJSON(buf[:0], ps[0].Point)
				i++
			}
		})
	}
}
