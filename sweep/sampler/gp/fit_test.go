package gp

import (
	"math"
	"slices"
	"testing"
)

// mixed returns rows of two numbers and a choice of three, and values with a
// valley in them.
func mixed(seed uint64, n int) (nominal []bool, x, y []float64) {
	x = rows(seed, n, 3)
	for i := range n {
		r := x[i*3 : i*3+3]
		r[2] = math.Floor(r[2] * 3)
		y = append(y, 5+math.Pow(r[0]-0.3, 2)*10+math.Sin(5*r[1])+r[2]/2)
	}
	return []bool{false, false, true}, x, y
}

// TestLossAgainstTheFormula computes the density without closed forms for mean
// and variance: the loss is the negative log likelihood of the warped values at
// the variance S/n, which must be the best one.
func TestLossAgainstTheFormula(t *testing.T) {
	const n = 25
	nominal, x, y := mixed(5, n)
	f := newFitter(nominal, x, y, newWarp(y, 0))
	th := theta{logLen: []float64{-0.7, -0.2, 0.3}, logEta: -4, psi: 0.8}
	v := th.vector()
	got := f.loss(v, make([]float64, len(v)))

	w := newWarp(y, th.psi)
	logSlopes := 0.0
	u := make([]float64, n)
	for i := range y {
		u[i] = w.at(y[i])
		const e = 1e-6
		logSlopes += math.Log((w.at(y[i]+e) - w.at(y[i])) / e * w.scale)
	}
	inv, det := covariance(newKernel(nominal, th.logLen), x, math.Exp(th.logEta)).inverse()
	// The likelihood over a grid of means and variances has its maximum there.
	best := math.Inf(1)
	one := slices.Repeat([]float64{1}, n)
	mean := dot(inv.times(one), u) / dot(inv.times(one), one)
	for _, off := range []float64{0, -0.01, 0.01} {
		r := make([]float64, n)
		for i := range r {
			r[i] = u[i] - mean - off
		}
		for _, variance := range []float64{0.9, 1, 1.1} {
			s2 := variance * dot(r, inv.times(r)) / n
			nll := (math.Log(det) + n*math.Log(s2) + dot(r, inv.times(r))/s2) / 2
			best = min(best, nll)
		}
	}
	want := best - n/2.0 + n/2.0*math.Log(n) - logSlopes + f.prior(v, make([]float64, len(v)))
	near(t, "loss", got, want, 1e-5)
}

func TestLossSlopes(t *testing.T) {
	nominal, x, y := mixed(6, 20)
	f := newFitter(nominal, x, y, newWarp(y, 0))
	for _, v := range [][]float64{
		{-1, 0.5, 0.2, -6, 1}, {0.3, -0.4, -1, -2, 0.1}, {-2, 1, 1, -9, 4},
	} {
		grad, none := make([]float64, len(v)), make([]float64, len(v))
		f.loss(v, grad)
		for i := range v {
			const e = 1e-5
			up, down := slices.Clone(v), slices.Clone(v)
			up[i] += e
			down[i] -= e
			want := (f.loss(up, none) - f.loss(down, none)) / (2 * e)
			near(t, "slope", grad[i], want, 1e-4)
		}
	}
}

func TestFitFindsWhatMatters(t *testing.T) {
	const n = 60
	x := rows(7, n, 3)
	y := make([]float64, n)
	for i := range y { // the third coordinate is not used
		y[i] = math.Sin(9*x[i*3]) + x[i*3+1]
	}
	f := newFitter(make([]bool, 3), x, y, newWarp(y, 0))
	th := f.fit(f.start())
	if l := th.logLen; l[0] > l[1] || l[1] > l[2] {
		t.Errorf("log length scales %v; want them to ascend", l)
	}
	if th.logEta > -8 {
		t.Errorf("log η %v for a function without noise; want below -8", th.logEta)
	}
	for i := range y { // noise that changes sign from row to row
		y[i] += 0.8 * float64(i%2*2-1)
	}
	if noisy := f.fit(f.start(), f.noisy()); noisy.logEta < -3 {
		t.Errorf("log η %v with noise of 0.8; want above -3", noisy.logEta)
	}
}

func TestFitOfDegenerateValues(t *testing.T) {
	for name, y := range map[string][]float64{
		"one":      {3},
		"equal":    {2, 2, 2, 2},
		"huge":     {1e300, -1e300, 1e299, 0},
		"tiny":     {1e-310, 0, 2e-310, 0},
		"outlier":  {1, 1, 1, 1e30},
		"integers": {0, 1, 0, 1},
	} {
		f := newFitter(make([]bool, 2), rows(8, len(y), 2), y, newWarp(y, 0))
		for _, v := range f.fit(f.start()).vector() {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: got %v", name, v)
			}
		}
	}
	f := newFitter(make([]bool, 1), []float64{0.5, 0.5, 0.5}, []float64{1, 2, 3}, newWarp([]float64{1, 2, 3}, 0)) // one place
	if th := f.fit(f.start()); math.IsNaN(th.logEta) {
		t.Error("rows at one place: NaN")
	}
}

func TestWarpSlopes(t *testing.T) {
	y := []float64{0.1, 0.5, 1, 3, 50, 1e9}
	for _, psi := range []float64{psiMin, 1, psiMax} {
		for _, v := range y {
			const e = 1e-6
			w, up, down := newWarp(y, psi), newWarp(y, psi+e), newWarp(y, psi-e)
			_, dt, _, dl := w.slopes(v)
			tUp, _, lUp, _ := up.slopes(v)
			tDown, _, lDown, _ := down.slopes(v)
			near(t, "∂w/∂ψ", dt, (tUp-tDown)/(2*e), 1e-6)
			near(t, "∂log w'/∂ψ", dl, (lUp-lDown)/(2*e), 1e-6)
		}
	}
	w := newWarp(y, 0)
	for i := 1; i < len(y)-1; i++ {
		if w.at(y[i]) <= w.at(y[i-1]) {
			t.Errorf("not rising at %v", y[i])
		}
	}
	if at := newWarp([]float64{-1e308, 1e308, 1e308}, 0).at(1e308); math.IsInf(at, 0) || math.IsNaN(at) {
		t.Errorf("a range beyond float64: got %v", at)
	}
}

func TestChooseKeepsTheBest(t *testing.T) {
	y := rows(9, 100, 1)
	got := choose(y, 20)
	if len(got) != 20 || !slices.IsSorted(got) {
		t.Fatalf("got %v; want 20 in order", got)
	}
	sorted := slices.Sorted(slices.Values(y))
	for i, v := range y {
		if v <= sorted[9] && !slices.Contains(got, i) {
			t.Errorf("row %d is among the ten best and is left out", i)
		}
	}
	if n := len(slices.Compact(got)); n != 20 {
		t.Errorf("%d different rows of 20", n)
	}
	if all := choose(y[:5], 20); !slices.Equal(all, []int{0, 1, 2, 3, 4}) {
		t.Errorf("fewer than asked for: got %v", all)
	}
}
