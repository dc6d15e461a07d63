package gp

import (
	"math"
	"slices"
)

// A warp makes objective values, where less is better, look more like draws of
// a stationary process,
//
//	w(y) = log1p((y − y₀)/c),  c = s·exp(ψ),
//
// with y₀ the least value, and s the distance from it to the median. A large ψ
// leaves the values as they are; with ψ near 0, values like the median and
// worse are compressed, so that a plateau of divergence does not outweigh what
// happens near the optimum. ψ is learnt with the length scales: the density of
// the data under the model has the factor Π w'(y).
//
// Snelson, Rasmussen and Ghahramani, Warped Gaussian processes, NIPS 2003.
type warp struct {
	low, scale float64 // y₀, s
	psi        float64
}

const (
	psiMin, psiMax = 0, 5
	psiMean        = 1.5 // of the prior
	psiSigma       = 1.5
)

// newWarp measures the values, at least one and all finite.
func newWarp(y []float64, psi float64) warp {
	sorted := slices.Clone(y)
	slices.Sort(sorted)
	n := len(sorted)
	w := warp{low: sorted[0], psi: psi}
	w.scale = sorted[n/2] - w.low
	for i := n / 2; w.scale <= 0 && i < n; i++ { // most are equal
		w.scale = sorted[i] - w.low
	}
	if !(w.scale > 0) || math.IsInf(w.scale, 1) {
		w.scale = max(1, math.Abs(w.low))
	}
	return w
}

// at returns w(y). Values more than `far` scales above the least count as that.
func (w warp) at(y float64) float64 {
	t, _, _, _ := w.slopes(y)
	return t
}

// far bounds (y − y₀)/s, so that 1e300 for "diverged" is just a bad value.
const far = 1e4

// slopes returns w(y), ∂w/∂ψ, log w'(y) without the constant, and ∂log w'/∂ψ.
//
//	q = (y − y₀)/c:  ∂w/∂ψ = −q/(1+q),  log w' = −log c − log1p(q),  ∂log w'/∂ψ = −1/(1+q)
func (w warp) slopes(y float64) (t, dt, logSlope, dLogSlope float64) {
	q := max(0, min(far, y/w.scale-w.low/w.scale)) * math.Exp(-w.psi)
	t = math.Log1p(q)
	return t, -q / (1 + q), -w.psi - t, -1 / (1 + q)
}
