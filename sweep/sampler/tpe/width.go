package tpe

import "math"

const (
	restWidth  = 0.2  // of g, for one point; the unit interval is 1
	leastWidth = 0.01 // of any kernel
	spreadMore = 1.5  // points with the variance of the prior in that of the good
	cellWidth  = 0.3  // of a kernel over ordered cells, in cells, at least
)

// width is Scott's rule, σ n^(−1/(d+4)), for n points of d axes, kept from
// collapsing.
//
// Scott, Multivariate density estimation, 1992.
func (a *axis) width(sigma float64, n, d int) float64 {
	h := max(leastWidth, sigma*math.Pow(float64(max(n, 1)), -1/float64(d+4)))
	if k := a.cells(); k > 0 {
		h = max(h, cellWidth/float64(k))
	}
	return h
}

// mutation is the probability b with which an unordered axis of K cells leaves
// the cell of its point: K/(n+K), as if each cell had been seen once more.
func (a *axis) mutation(n int) float64 {
	k := float64(max(2, a.cells()))
	return min(0.9, k/(float64(n)+k))
}

// spread is the standard deviation of the good points on axis j, with w =
// spreadMore points more that have the variance of the prior, 1/12, about their
// mean:
//
//	σ² = (Σ (xᵢ − x̄)² + w/12) / (n + w).
//
// Points where the axis is inactive do not count.
func (s *Sampler) spread(j int) float64 {
	a := &s.axes[j]
	var n, mean, m2 float64
	for _, i := range s.ids {
		x := s.at(i)[j]
		if a.inactive(x) {
			continue
		}
		n++
		delta := a.unit(x) - mean
		mean += delta / n
		m2 += delta * (a.unit(x) - mean)
	}
	return math.Sqrt((m2 + spreadMore/12) / (n + spreadMore))
}
