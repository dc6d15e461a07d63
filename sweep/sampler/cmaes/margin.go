package cmaes

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// margin keeps every neighbouring value of a discrete dimension likely: it
// moves the mean m and stretches the deviation s so that a sample falls below
// the cell lo … hi of the mean with a probability of at least α/2, and above it
// too; in the first and the last cell, where there is but one neighbour, with
// at least α. lo is -Inf and hi +Inf where there is no neighbour.
//
// Hamano, Saito, Nomura and Shirakawa, CMA-ES with margin, arXiv 2205.13482,
// section 4.3.
func margin(m, s, lo, hi, alpha float64) (mean, deviation float64) {
	switch {
	case math.IsInf(lo, -1) && math.IsInf(hi, 1):
		return m, s
	case math.IsInf(lo, -1): // m <= hi
		return hi - min(hi-m, quantile(1-alpha)*s), s
	case math.IsInf(hi, 1):
		return lo + min(m-lo, quantile(1-alpha)*s), s
	}
	below, above := upper((m-lo)/s), upper((hi-m)/s)
	if below >= alpha/2 && above >= alpha/2 {
		return m, s
	}
	inside := 1 - below - above
	b, a := max(below, alpha/2), max(above, alpha/2)
	shrink := (1 - b - a - inside) / (b + a + inside - 1.5*alpha)
	b += shrink * (b - alpha/2)
	a += shrink * (a - alpha/2)
	xb, xa := quantile(1-b), quantile(1-a)
	return (xb*hi + xa*lo) / (xb + xa), (hi - lo) / (xb + xa)
}

// upper is the probability that a standard normal number exceeds x.
func upper(x float64) float64 { return 0.5 * math.Erfc(x/math.Sqrt2) }

// quantile is the inverse of the standard normal distribution function.
func quantile(p float64) float64 { return mathext.NormalQuantile(p) }
