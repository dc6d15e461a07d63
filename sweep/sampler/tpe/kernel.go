package tpe

import (
	"math"
	"math/rand/v2"
)

// A kernel is the shape that each point of a mixture has on one axis, as a
// density relative to the prior.
//
// Numbers have a Gaussian of width h, cut at the ends of the unit interval.
// Ordered cells have the share that this Gaussian, put on their centre, has in
// each cell. Unordered cells stay the same with probability 1−b, else they are
// drawn from the prior (Aitchison and Aitken 1976, with the prior for the
// uniform distribution).
type kernel struct {
	axis *axis
	h    float64   // Gaussian
	c    float64   // 1/(2h²)
	b    float64   // unordered
	log  []float64 // ordered: cells × cells, of the place and of the point; unordered: cells, where equal
	miss float64   // unordered: where not equal
}

// newKernel returns the kernel of width h, 0 < h, or of b, 0 < b < 1.
func newKernel(a *axis, h, b float64) kernel {
	k := kernel{axis: a, h: h, c: 0.5 / (h * h), b: b}
	n := a.cells()
	switch {
	case n == 0:
	case a.ordered:
		k.log = make([]float64, n*n)
		for m := range n {
			centre := (a.lo[m] + a.hi[m]) / 2
			whole := mass(0, 1, centre, h)
			for x := range n {
				share := mass(a.lo[x], a.hi[x], centre, h) / whole / (a.hi[x] - a.lo[x])
				k.log[x*n+m] = math.Log(max(share, 1e-300))
			}
		}
	default:
		k.log = make([]float64, n)
		for x := range n {
			k.log[x] = math.Log((1-b)/(a.hi[x]-a.lo[x]) + b)
		}
		k.miss = math.Log(b)
	}
	return k
}

// mass returns the probability of lo … hi under a normal distribution.
func mass(lo, hi, mu, sigma float64) float64 {
	s := 1 / (sigma * math.Sqrt2)
	return 0.5 * (math.Erf((hi-mu)*s) - math.Erf((lo-mu)*s))
}

// norm returns the logarithm of the height of the Gaussian on mu.
func (k *kernel) norm(mu float64) float64 {
	return -math.Log(k.h * math.Sqrt(2*math.Pi) * mass(0, 1, mu, k.h))
}

// draw returns a place near m, or from the prior where m is missing.
func (k *kernel) draw(m float64, rng *rand.Rand) float64 {
	switch {
	case k.axis.cells() == 0 && math.IsNaN(m):
		return k.axis.snap(rng.Float64())
	case k.axis.cells() == 0:
		for range 64 {
			if u := m + k.h*rng.NormFloat64(); u >= 0 && u < 1 {
				return k.axis.snap(u)
			}
		}
		return k.axis.snap(rng.Float64())
	case m == missing:
		return k.axis.place(rng.Float64())
	case k.axis.ordered:
		centre := k.axis.unit(m)
		for range 64 {
			if u := centre + k.h*rng.NormFloat64(); u >= 0 && u < 1 {
				return k.axis.place(u)
			}
		}
		return m
	case rng.Float64() < k.b:
		return k.axis.place(rng.Float64())
	}
	return m
}
