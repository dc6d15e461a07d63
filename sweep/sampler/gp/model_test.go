package gp

import (
	"math"
	"slices"
	"testing"
)

func modelOf(nominal []bool, x, y []float64) *model {
	n, d := len(y), len(nominal)
	m := &model{kernel: newKernel(nominal, slices.Repeat([]float64{-0.5}, d)), eta: 0.01}
	m.base(x[:n/2*d], n/2)
	for i := n / 2; i < n; i++ {
		m.add(x[i*d : (i+1)*d])
	}
	m.values(y, func(int) bool { return true })
	return m
}

// TestPosteriorAgainstTheFormula: with Σ = C + ηI, β = 1ᵀΣ⁻¹y/1ᵀΣ⁻¹1,
// μ = β + kᵀΣ⁻¹(y−β) and σ² = 1 − kᵀΣ⁻¹k, all in units of √(rᵀΣ⁻¹r/n).
func TestPosteriorAgainstTheFormula(t *testing.T) {
	const n = 24
	nominal, x, y := mixed(10, n)
	m := modelOf(nominal, x, y)
	inv, _ := covariance(m.kernel, x, m.eta).inverse()
	one := slices.Repeat([]float64{1}, n)
	beta := dot(inv.times(one), y) / dot(inv.times(one), one)
	r := make([]float64, n)
	for i := range r {
		r[i] = y[i] - beta
	}
	s := math.Sqrt(dot(r, inv.times(r)) / n)
	best := math.Inf(1)
	posterior := func(at []float64) (mu, sigma float64) {
		k := make([]float64, n)
		m.kernel.column(k, x, at)
		return (beta + dot(k, inv.times(r))) / s, math.Sqrt(1 - dot(k, inv.times(k)))
	}
	for i := range n {
		mu, _ := posterior(x[i*3 : i*3+3])
		near(t, "mean at a row", m.mu[i], mu, solveTol)
		best = min(best, mu)
	}
	near(t, "incumbent", m.best, best, solveTol)
	for _, at := range [][]float64{{0.2, 0.9, 1}, {0.5, 0.5, 2}, {0, 1, 0}} {
		mu, sigma := posterior(at)
		near(t, "mean", m.mean(at), mu, solveTol)
		want, _, _ := logEI(best, mu, sigma)
		near(t, "log EI", m.score(at, nil), want, 1e-7)
		near(t, "log EI, one of many", m.scores([][]float64{{0.1, 0.1, 0}, at})[1], want, 1e-7)
	}
}

func TestScoreSlopes(t *testing.T) {
	nominal, x, y := mixed(11, 18)
	m := modelOf(nominal, x, y)
	m.fantasise([]float64{0.4, 0.6, 1})
	for _, at := range [][]float64{{0.2, 0.9, 1}, {0.5, 0.5, 2}, {0.41, 0.62, 1}} {
		grad := make([]float64, 3)
		m.score(at, grad)
		for c := range 2 {
			const e = 1e-6
			up, down := slices.Clone(at), slices.Clone(at)
			up[c] += e
			down[c] -= e
			near(t, "slope", grad[c], (m.score(up, nil)-m.score(down, nil))/(2*e), 1e-4)
		}
		if grad[2] != 0 {
			t.Errorf("slope along a choice: got %v, want 0", grad[2])
		}
	}
}

func TestFantasiesShrinkDeviationsAndAreForgotten(t *testing.T) {
	nominal, x, y := mixed(12, 20)
	m := modelOf(nominal, x, y)
	at, other := []float64{0.25, 0.8, 1}, []float64{0.9, 0.1, 0}
	best, mean, score, far := m.best, m.mean(at), m.score(at, nil), m.score(other, nil)
	m.fantasise(at)
	if m.mean(at) != mean {
		t.Errorf("mean moved from %v to %v", mean, m.mean(at))
	}
	if now := m.score(at, nil); now > score-1 {
		t.Errorf("log EI at a pending point: %v, before %v; want it to fall by 1 at least", now, score)
	}
	for range 40 { // beyond the room of the factor
		m.fantasise(other)
	}
	m.forget(best)
	if m.score(at, nil) != score || m.score(other, nil) != far || m.best != best {
		t.Error("fantasies left a trace")
	}
}

func TestRowsAtOnePlaceWithoutNoise(t *testing.T) {
	m := &model{kernel: newKernel([]bool{false}, []float64{0}), eta: 0}
	m.base([]float64{0.5, 0.5, 0.5}, 3)
	m.values([]float64{1, 1, 1}, func(int) bool { return true })
	if v := m.score([]float64{0.1}, nil); math.IsNaN(v) {
		t.Error("log EI is NaN")
	}
}

func TestMaternSlope(t *testing.T) {
	for _, r2 := range []float64{1e-4, 0.1, 1, 9} {
		const e = 1e-7
		k, minus := slope(math.Sqrt(r2))
		near(t, "correlation", k, matern(math.Sqrt(r2)), 1e-15)
		near(t, "slope", minus, -2*(matern(math.Sqrt(r2+e))-matern(math.Sqrt(r2-e)))/(2*e), 1e-5)
	}
	if k, _ := slope(0); k != 1 {
		t.Errorf("at distance 0: got %v, want 1", k)
	}
}

func TestBoxFindsMinimaInsideAndAtBounds(t *testing.T) {
	rosenbrock := func(x, g []float64) float64 {
		a, b := x[1]-x[0]*x[0], 1-x[0]
		g[0], g[1] = -400*a*x[0]-2*b, 200*a
		return 100*a*a + b*b
	}
	for _, tt := range []struct {
		name string
		hi   float64
		want []float64
	}{
		{"inside", 2, []float64{1, 1}},
		{"at a bound", 0.5, []float64{0.5, 0.25}},
	} {
		b := box{lo: []float64{-2, -2}, hi: []float64{tt.hi, 2}, steps: 200, memory: 6, tol: 1e-14}
		x := []float64{-1.2, 1}
		b.minimize(x, rosenbrock)
		for i := range x {
			near(t, tt.name, x[i], tt.want[i], 1e-4)
		}
	}
	b := box{lo: []float64{0}, hi: []float64{1}, steps: 20, memory: 4}
	x := []float64{7}
	wall := func(x, g []float64) float64 { g[0] = -1; return math.Inf(1) }
	if got := b.minimize(x, wall); !math.IsInf(got, 1) || x[0] != 1 {
		t.Errorf("a wall everywhere: got %v at %v", got, x)
	}
}
