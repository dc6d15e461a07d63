package cmaes

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/trawl-sweep/trawl/sweep"
)

// naive is one update as the tutorial writes it, with matrices and the inverse
// of the Cholesky factor, from the state of g.
func naive(g *gauss, xs [][]float64) (m []float64, sigma float64, c *mat.Dense) {
	n := g.n
	full := mat.NewDense(n, n, nil)
	lower := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range i + 1 {
			full.Set(i, j, g.c[i*n+j])
			full.Set(j, i, g.c[i*n+j])
			lower.Set(i, j, g.l[i*n+j])
		}
	}
	var inverse mat.Dense
	if err := inverse.Inverse(lower); err != nil {
		panic(err)
	}
	yw := mat.NewVecDense(n, nil)
	var ys []*mat.VecDense
	for k, x := range xs {
		y := mat.NewVecDense(n, nil)
		for i := range n {
			y.SetVec(i, (x[i]-g.m[i])/g.sigma/g.s[i])
		}
		ys = append(ys, y)
		if g.weights[k] > 0 {
			yw.AddScaledVec(yw, g.weights[k], y)
		}
	}
	var z, ps, pc mat.VecDense
	z.MulVec(&inverse, yw)
	ps.ScaleVec(1-g.cs, mat.NewVecDense(n, append([]float64(nil), g.ps...)))
	ps.AddScaledVec(&ps, math.Sqrt(g.cs*(2-g.cs)*g.mueff), &z)
	hs := 0.0
	if mat.Norm(&ps, 2)/math.Sqrt(1-math.Pow(1-g.cs, 2*float64(g.t+1))) < (1.4+2/float64(n+1))*g.chi {
		hs = 1
	}
	pc.ScaleVec(1-g.cc, mat.NewVecDense(n, append([]float64(nil), g.pc...)))
	pc.AddScaledVec(&pc, hs*math.Sqrt(g.cc*(2-g.cc)*g.mueff), yw)
	sum := 0.0
	for _, w := range g.weights {
		sum += w
	}
	c = mat.NewDense(n, n, nil)
	c.Scale(1+g.c1*(1-hs)*g.cc*(2-g.cc)-g.c1-g.cmu*sum, full)
	var outer mat.Dense
	outer.Outer(g.c1, &pc, &pc)
	c.Add(c, &outer)
	for k, y := range ys {
		w := g.weights[k]
		if w < 0 {
			z.MulVec(&inverse, y)
			w *= float64(n) / mat.Dot(&z, &z)
		}
		outer.Outer(g.cmu*w, y, y)
		c.Add(c, &outer)
	}
	for i := range n {
		m = append(m, g.m[i]+g.sigma*g.s[i]*yw.AtVec(i))
	}
	return m, g.sigma * math.Exp(g.cs/g.ds*(mat.Norm(&ps, 2)/g.chi-1)), c
}

func TestUpdateAgainstTheTutorial(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, n := range []int{1, 2, 5, 12} {
		mean := make([]float64, n)
		g := newGauss(mean, 0.3, 4+2*n)
		for i := range g.s {
			g.s[i] = 0.5 + rng.Float64()
		}
		foreign := make([]bool, g.lambda)
		for step := range 40 {
			xs := make([][]float64, g.lambda)
			for k := range xs {
				xs[k] = make([]float64, n)
				for i := range xs[k] {
					xs[k][i] = g.m[i] + g.sigma*g.s[i]*rng.NormFloat64()
				}
			}
			m, sigma, c := naive(g, xs)
			pos := make([]float64, g.lambda)
			for k, w := range g.weights {
				pos[k] = max(0, w)
			}
			g.update(xs, foreign, pos, g.weights)
			if math.Abs(g.sigma-sigma) > 1e-9*sigma {
				t.Fatalf("n %d, step %d: σ: got %v, want %v", n, step, g.sigma, sigma)
			}
			for i := range n {
				if math.Abs(g.m[i]-m[i]) > 1e-9 {
					t.Fatalf("n %d, step %d: mean %d: got %v, want %v", n, step, i, g.m[i], m[i])
				}
				for j := range i + 1 {
					if math.Abs(g.c[i*n+j]-c.At(i, j)) > 1e-9*(1+math.Abs(c.At(i, j))) {
						t.Fatalf("n %d, step %d: C %d,%d: got %v, want %v", n, step, i, j, g.c[i*n+j], c.At(i, j))
					}
				}
			}
		}
	}
}

// TestParams: the figures that the tutorial's formulas give for n = 10, λ = 10,
// worked out by hand to three digits.
func TestParams(t *testing.T) {
	p := newParams(10, 10)
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"μeff", p.mueff, 3.167}, {"cσ", p.cs, 0.2844}, {"dσ", p.ds, 1.2844}, {"cc", p.cc, 0.2950}, {"c1", p.c1, 0.01529}, {"cμ", p.cmu, 0.02355}} {
		if math.Abs(c.got-c.want) > 0.001*c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
	sum := 0.0
	for _, w := range p.weights {
		sum += max(0, w)
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("positive weights sum to %v", sum)
	}
}

// TestFlatFunction: on a flat function nothing drifts: log σ stays where it
// was, up to a random walk.
func TestFlatFunction(t *testing.T) {
	space := unit(t, 3)
	s := build(t, sweep.Plan{Space: space, Seed: 2})
	drive(t, s, 2, 60, 1, func(sweep.Point) (sweep.State, []float64) { return sweep.Finished, []float64{1} })
	if r := math.Log(s.run.sigma / firstSigma); math.Abs(r) > 1 {
		t.Errorf("after 60 equal scores log σ moved by %v, want at most 1", r)
	}
}

// TestFactorMendsC: a C that is no covariance is made one again.
func TestFactorMendsC(t *testing.T) {
	g := newGauss([]float64{0.5, 0.5}, 0.1, 6)
	for _, c := range [][]float64{{1, 0, 1 + 1e-15, 1}, {1, 0, 2, 1}, {math.NaN(), 0, 0, 1}, {0, 0, 0, 0}} {
		copy(g.c, c)
		g.factor()
		for i := range 2 {
			if d := g.l[i*2+i]; !(d > 0) || math.IsInf(d, 0) {
				t.Errorf("%v: factor %v", c, g.l)
			}
		}
	}
}

// TestOrthogonalSamples: within a block samples are orthogonal, across seeds
// each is standard normal: 4,000 draws have a mean within 6/√4000 = 0.095 and a
// variance within 6·√(2/4000) = 0.134, with a false alarm rate below 1e-8.
func TestOrthogonalSamples(t *testing.T) {
	s := build(t, sweep.Plan{Space: unit(t, 5)})
	sum, squares := 0.0, 0.0
	const seeds = 4000
	for seed := range int64(seeds) {
		var zs [][]float64
		for i := range int64(5) {
			zs = append(zs, s.pen(sweep.Query{Seed: seed}, 5*7+i).orthogonal())
		}
		for a := range 5 {
			for b := range a {
				if d := dot(zs[a], zs[b]); math.Abs(d) > 1e-9 {
					t.Fatalf("seed %d: samples %d and %d: product %v, want 0", seed, a, b, d)
				}
			}
		}
		z := zs[3][int(seed)%5]
		sum, squares = sum+z, squares+z*z
	}
	if m, v := sum/seeds, squares/seeds; math.Abs(m) > 0.095 || math.Abs(v-1) > 0.134 {
		t.Errorf("mean %v, variance %v; want 0 and 1", m, v)
	}
}

// TestWarmStart: outcomes around a corner put the first distribution there, and
// the search is at the optimum sooner.
func TestWarmStart(t *testing.T) {
	space := unit(t, 5)
	f := func(p sweep.Point) (sweep.State, []float64) {
		sum := 0.0
		for _, u := range space.Encode(p) {
			sum += (u - 0.85) * (u - 0.85)
		}
		return sweep.Finished, []float64{sum}
	}
	var cold, warm []float64
	for seed := range int64(9) {
		plan := sweep.Plan{Space: space, Seed: seed}
		earlier := []sweep.Outcome{{}, {Proposal: sweep.Proposal{Point: make(sweep.Point, 1)}}}
		rng := rand.New(rand.NewPCG(uint64(seed), 3))
		for range 60 {
			u := make([]float64, 5)
			for i := range u {
				u[i] = 0.5 + 0.5*rng.Float64()
			}
			p, _, err := space.Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			o := sweep.Outcome{Proposal: sweep.Proposal{Point: p}}
			o.State, o.Values = f(p)
			earlier = append(earlier, o)
		}
		s, err := NewFrom(plan, earlier)
		if err != nil {
			t.Fatal(err)
		}
		if s.gen != 0 || len(s.members) != 0 {
			t.Fatalf("seed %d: earlier outcomes were told", seed)
		}
		for i, m := range s.run.m {
			if math.Abs(m-0.85) > 0.25 || s.run.deviation(i) < 0.05 || s.run.deviation(i) > 0.3 {
				t.Errorf("seed %d: axis %d starts at %v ± %v, want it near 0.85 ± 0.15", seed, i, m, s.run.deviation(i))
			}
		}
		warm = append(warm, best(drive(t, s, seed, 40, 1, f)))
		cold = append(cold, best(drive(t, build(t, plan), seed, 40, 1, f)))
	}
	if w, c := median(warm), median(cold); w > c/2 {
		t.Errorf("after 40 trials: got %v with a warm start, %v without", w, c)
	}
	for _, few := range [][]sweep.Outcome{nil, {{}}} {
		s, err := NewFrom(sweep.Plan{Space: space}, few)
		if err != nil || s.run.m[0] != 0.5 || s.run.sigma != firstSigma {
			t.Errorf("%d earlier outcomes: got mean %v, σ %v, %v; want those of New", len(few), s.run.m, s.run.sigma, err)
		}
	}
}
