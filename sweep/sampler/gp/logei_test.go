package gp

import (
	"math"
	"testing"
)

// TestLogHAgainstTheIntegral: h(z) = ∫₀^∞ v φ(v−z) dv, by Simpson's rule with
// the factor exp(−z²/2) taken out, which is exact to 1e-10 there.
func TestLogHAgainstTheIntegral(t *testing.T) {
	for _, z := range []float64{-400, -60, -50.001, -49.999, -36, -35, -20, -5, -1.0001, -0.9999, 0, 1, 4} {
		top := 12.0
		if z < 0 {
			top = min(12, 40/-z) // exp(zv) has fallen to e^-40
		} else {
			top += z
		}
		const n = 20000
		step, sum := top/n, 0.0
		for i := range n + 1 {
			v := float64(i) * step
			weight := 4.0
			if i == 0 || i == n {
				weight = 1
			} else if i%2 == 0 {
				weight = 2
			}
			sum += weight * v * math.Exp(-v*v/2+v*z)
		}
		want := math.Log(sum*step/3) - z*z/2 - log2Pi/2
		got, slope := logH(z)
		if math.Abs(got-want) > 1e-8 {
			t.Errorf("log h(%v): got %v, want %v", z, got, want)
		}
		const e = 1e-5
		above, _ := logH(z + e)
		below, _ := logH(z - e)
		near(t, "slope", slope, (above-below)/(2*e), 1e-5)
	}
}

func TestLogHWhereEIUnderflows(t *testing.T) {
	last := math.Inf(-1)
	for _, z := range []float64{-1e150, -1e8, -1e4, -100, -51, -49, -1, 0, 1, 40, 1e10} {
		h, slope := logH(z)
		if math.IsNaN(h) || math.IsInf(h, 0) && z > -1e150 || h < last || !(slope > 0) {
			t.Errorf("log h(%v) = %v, slope %v; want finite, rising, positive", z, h, slope)
		}
		last = h
	}
}

func TestErfcx(t *testing.T) {
	// Figures of scipy.special.erfcx.
	near(t, "at 1", erfcx(1), 0.427583576155807, 1e-14)
	near(t, "at 10", erfcx(10), 0.056140992743822585, 1e-13)
	near(t, "at 30", erfcx(30), 0.018795888861416754, 1e-13)
	near(t, "limit", 1e9*erfcx(1e9), 1/sqrtPi, 1e-15)
	near(t, "across the seam", erfcx(math.Nextafter(25, 0)), erfcx(25), 1e-12)
	if erfcx(0) != 1 {
		t.Errorf("at 0: got %v, want 1", erfcx(0))
	}
}

func TestLogEISlopes(t *testing.T) {
	const e = 1e-6
	for _, at := range [][3]float64{{0, 1, 1}, {0, 5, 0.1}, {0, 80, 0.7}, {1, 0.5, 0.2}, {0, -3, 0.5}} {
		best, mu, sigma := at[0], at[1], at[2]
		_, dMu, dSigma := logEI(best, mu, sigma)
		f := func(mu, sigma float64) float64 { v, _, _ := logEI(best, mu, sigma); return v }
		near(t, "∂/∂μ", dMu, (f(mu+e, sigma)-f(mu-e, sigma))/(2*e), 1e-4)
		near(t, "∂/∂σ", dSigma, (f(mu, sigma+e)-f(mu, sigma-e))/(2*e), 1e-4)
	}
}
