package gp

import "math"

// A kernel is the Matérn 5/2 correlation with a length scale of its own for
// every coordinate (automatic relevance determination),
//
//	k(a, b) = (1 + √5 r + 5/3 r²) exp(−√5 r),  r² = Σ δ_i(a, b)² / ℓ_i²,
//
// where δ_i is the difference of the coordinates, or, for a nominal one, 0 if
// they are equal and 1 if not. As the latter is a Euclidean distance between
// corners of a simplex, k is positive definite over mixed spaces too.
//
// Rasmussen and Williams, Gaussian processes for machine learning, 2006,
// equation 4.17; Neal, Bayesian learning for neural networks, 1996 (relevance).
type kernel struct {
	nominal []bool
	inv     []float64 // 1/ℓ²
}

const sqrt5 = 2.23606797749978969640917366873127623544

// newKernel returns the kernel of the logarithms of the length scales.
func newKernel(nominal []bool, logLen []float64) kernel {
	k := kernel{nominal: nominal, inv: make([]float64, len(logLen))}
	k.set(logLen)
	return k
}

func (k *kernel) set(logLen []float64) {
	for i, l := range logLen {
		k.inv[i] = math.Exp(-2 * l)
	}
}

// square returns r².
func (k *kernel) square(a, b []float64) float64 {
	r2 := 0.0
	for i, w := range k.inv {
		δ := a[i] - b[i]
		if δ != 0 && k.nominal[i] {
			δ = 1
		}
		r2 += δ * δ * w
	}
	return r2
}

func (k *kernel) at(a, b []float64) float64 {
	r := math.Sqrt(k.square(a, b))
	return matern(r)
}

// matern returns the correlation at distance r.
func matern(r float64) float64 {
	s := sqrt5 * r
	return (1 + s + s*s/3) * math.Exp(-s)
}

// slope returns the correlation at distance r and −2 times its derivative with
// respect to r²,
//
//	−2 dk/d(r²) = 5/3 (1 + √5 r) exp(−√5 r).
//
// So ∂k/∂log ℓ_i = slope · δ_i²/ℓ_i² and ∂k/∂a_i = −slope · (a_i − b_i)/ℓ_i².
func slope(r float64) (k, minus float64) {
	s := sqrt5 * r
	e := math.Exp(-s)
	return (1 + s + s*s/3) * e, 5.0 / 3 * (1 + s) * e
}

// column writes the correlations of a with the rows of x, d coordinates each.
func (k *kernel) column(dst []float64, x []float64, a []float64) {
	d := len(k.inv)
	for i := range dst {
		dst[i] = k.at(a, x[i*d:(i+1)*d])
	}
}

// slopes is column with the slopes as well.
func (k *kernel) slopes(dst, minus []float64, x []float64, a []float64) {
	d := len(k.inv)
	for i := range dst {
		dst[i], minus[i] = slope(math.Sqrt(k.square(a, x[i*d:(i+1)*d])))
	}
}
