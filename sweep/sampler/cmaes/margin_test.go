package cmaes

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

// TestMargin: after it each neighbour has at least the probability that was
// promised, and a distribution that keeps the promise already is not touched.
func TestMargin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	inf := math.Inf(1)
	for range 5000 {
		alpha := 0.001 + 0.1*rng.Float64()
		lo := rng.Float64()
		hi := lo + 0.01 + rng.Float64()
		m, s := lo+rng.Float64()*(hi-lo), math.Exp(-10*rng.Float64())
		for _, ends := range [][2]float64{{lo, hi}, {-inf, hi}, {lo, inf}, {-inf, inf}} {
			m2, s2 := margin(m, s, ends[0], ends[1], alpha)
			below, above := upper((m2-ends[0])/s2), upper((ends[1]-m2)/s2)
			one := math.IsInf(ends[0], 0) || math.IsInf(ends[1], 0)
			want := alpha / 2
			if one {
				want = alpha
			}
			const slack = 1e-9
			if !math.IsInf(ends[0], 0) && below < want-slack || !math.IsInf(ends[1], 0) && above < want-slack {
				t.Fatalf("m %v, s %v, cell %v, α %v: got m %v, s %v with %v below and %v above, want %v", m, s, ends, alpha, m2, s2, below, above, want)
			}
			if one && s2 != s {
				t.Fatalf("m %v, s %v, end cell %v: deviation moved to %v", m, s, ends, s2)
			}
			before, after := upper((m-ends[0])/s), upper((ends[1]-m)/s)
			kept := (math.IsInf(ends[0], 0) || before >= want) && (math.IsInf(ends[1], 0) || after >= want)
			if kept && (math.Abs(m2-m) > 1e-12 || s2 != s) {
				t.Fatalf("m %v, s %v, cell %v, α %v: moved to %v, %v without need", m, s, ends, alpha, m2, s2)
			}
		}
	}
}

// stepped is a space of three integers, a list and a number.
func stepped(t *testing.T) *sweep.Space {
	t.Helper()
	ints := sweep.Domain{Dist: sweep.IntUniform, Min: 1, Max: 20}
	return samplertest.Must([]sweep.Param{
		{Name: "a", Domain: ints}, {Name: "b", Domain: ints}, {Name: "c", Domain: samplertest.Ints(1, 2)},
		{Name: "d", Domain: samplertest.Ints(64, 32, 16, 8)}, {Name: "x", Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}},
	}, nil)
}

// TestMarginKeepsStepsAlive: x is all that counts until it is settled, and then
// the integers, which must be able to move although steps in x are tiny. At the
// end no neighbour is less likely than the margin says.
func TestMarginKeepsStepsAlive(t *testing.T) {
	space := stepped(t)
	found := 0
	for seed := range int64(10) {
		s := build(t, sweep.Plan{Space: space, Seed: seed})
		least := math.Inf(1)
		drive(t, s, seed, 600, 1, func(p sweep.Point) (sweep.State, []float64) {
			v := func(i int) float64 { f, _ := p[i].Number(); return f }
			off := math.Abs(v(0)-17) + math.Abs(v(1)-3) + math.Abs(v(2)-2) + math.Abs(v(3)-8)/8
			least = min(least, off)
			return sweep.Finished, []float64{1e3*(v(4)-0.4)*(v(4)-0.4) + 0.01*off}
		})
		if least == 0 {
			found++
		}
		alpha := 1 / float64(s.lambda*len(s.u))
		for i, a := range s.axes {
			if lo, hi := a.domain.Cell(s.run.m[i]); a.discrete && lo > 0 && hi < 1 {
				d := s.run.deviation(i)
				if p := min(upper((s.run.m[i]-lo)/d), upper((hi-s.run.m[i])/d)); p < alpha/2-1e-9 {
					t.Errorf("seed %d: axis %d: a neighbour has probability %v, want %v", seed, i, p, alpha/2)
				}
			}
		}
	}
	if found < 9 {
		t.Errorf("%d of 10 seeds find the best integers, want at least 9", found)
	}
}

// TestChoices: the best of twelve combinations of words is found and settled
// on, inactive parameters and all, and no word dies out.
func TestChoices(t *testing.T) {
	space := samplertest.Must([]sweep.Param{
		{Name: "act", Domain: samplertest.Texts("relu", "tanh", "gelu", "elu")},
		{Name: "opt", Domain: samplertest.Texts("sgd", "adam", "rmsprop")},
		{Name: "beta", When: samplertest.Is("opt", "adam"), Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}},
		{Name: "lr", Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}},
	}, nil)
	found := 0
	for seed := range int64(10) {
		s := build(t, sweep.Plan{Space: space, Seed: seed})
		last := 0
		n := 0
		drive(t, s, seed, 300, 3, func(p sweep.Point) (sweep.State, []float64) {
			lr, _ := p[2].Number()
			score := (lr - 0.3) * (lr - 0.3)
			score += map[string]float64{"relu": 0.1, "tanh": 0.3, "gelu": 0, "elu": 0.2}[p[0].Text()]
			if p[3].Text() == "adam" {
				beta, _ := p[1].Number()
				score += (beta - 0.8) * (beta - 0.8)
			} else {
				score += 0.2
			}
			if n++; n > 250 && p[0].Text() == "gelu" && p[3].Text() == "adam" {
				last++
			}
			return sweep.Finished, []float64{score}
		})
		if last > 25 {
			found++
		}
		for _, c := range s.choices {
			sum := 0.0
			for _, p := range c.odds {
				sum += p
				if p < c.least-1e-12 {
					t.Errorf("seed %d: odds %v, want at least %v", seed, c.odds, c.least)
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Errorf("seed %d: odds %v sum to %v", seed, c.odds, sum)
			}
		}
	}
	if found < 7 {
		t.Errorf("%d of 10 seeds settle on the best words, want at least 7", found)
	}
}

// TestChoicePriors: before anything is told, words come up as the domain says,
// those of probability 0 never, repeated ones more often. 6 standard deviations
// of 4,000 draws are 0.047; a false alarm has a probability below 1e-8.
func TestChoicePriors(t *testing.T) {
	words := samplertest.Texts("a", "b", "c").Values
	space := samplertest.Must([]sweep.Param{
		{Name: "w", Domain: sweep.Domain{Dist: sweep.CategoricalWeighted, Values: words, Probabilities: []float64{0.7, 0, 0.3}}},
		{Name: "z", Domain: samplertest.Texts("p", "p", "q")},
		{Name: "zip1", Domain: samplertest.Ints(1, 2, 3, 1)}, {Name: "zip2", Domain: samplertest.Texts("k", "l", "m", "k")},
	}, nil, []string{"zip1", "zip2"})
	s := build(t, sweep.Plan{Space: space, Seed: 6})
	const n = 4000
	ps, err := s.Ask(sweep.Query{N: n, Seed: 6})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]float64{}
	for _, p := range ps {
		for _, v := range p.Point {
			count[fmt.Sprint(v)] += 1.0 / n
		}
	}
	for word, want := range map[string]float64{"a": 0.7, "b": 0, "c": 0.3, "p": 2.0 / 3, "q": 1.0 / 3, "k": 0.5, "l": 0.25, "m": 0.25} {
		if got := count[word]; math.Abs(got-want) > 0.047 {
			t.Errorf("%s: got a share of %v, want %v", word, got, want)
		}
	}
}
