package sweep

import "math"

// Cell returns the ends of the part of the unit interval that decodes to the
// same value as u, 0 <= lo < hi <= 1. A continuous domain has no cells: there
// lo and hi are u, clamped to the unit interval. Rounding may move an end by a
// few units in the last place.
//
// Neighbouring choices that are equal have cells of their own.
func (d Domain) Cell(u float64) (lo, hi float64) {
	if !(u > 0) {
		u = 0
	} else if u > 1 {
		u = 1
	}
	switch {
	case !d.Discrete():
		return u, u
	case d.Dist == Constant:
		return 0, 1
	case d.Dist == CategoricalWeighted:
		k, sum := d.weighted(u), 0.0
		for _, p := range d.Probabilities[:k] {
			sum += p
		}
		return min(sum, 1), min(sum+d.Probabilities[k], 1)
	case d.Dist == Categorical:
		return evenCell(u, float64(len(d.Values)))
	case d.Dist == IntUniform && !d.Log:
		return evenCell(u, d.Max-d.Min+1)
	case d.Dist == IntUniform:
		a, b := math.Log(d.Min-0.5), math.Log(d.Max+0.5)
		k, _ := d.Decode(u).Number()
		return clamp((math.Log(k-0.5)-a)/(b-a), 0, 1), clamp((math.Log(k+0.5)-a)/(b-a), 0, 1)
	}
	return d.stepCell(u)
}

// evenCell returns the cell of u among n of equal size.
func evenCell(u, n float64) (lo, hi float64) {
	k := float64(cell(u, int64(n)))
	return k / n, (k + 1) / n
}

// stepCell returns the cell of a multiple of Q.
func (d *Domain) stepCell(u float64) (lo, hi float64) {
	kmin, kmax := d.steps()
	k := clamp(round(d.quantile(u)/d.Q), kmin, kmax)
	lo, hi = 0, 1
	if k > kmin {
		lo = d.cdf((k - 0.5) * d.Q)
	}
	if k < kmax {
		hi = d.cdf((k + 0.5) * d.Q)
	}
	return lo, hi
}

// Ordered reports whether coordinates of d that are near each other stand for
// values that are: true for every number on a scale, and for choices that are
// numbers in ascending or descending order, each once. Zip groups, words and
// weighted choices are not ordered.
func (s *Space) Ordered(d Dim) bool {
	if len(d.Params) > 1 {
		return false
	}
	dom := &s.Params[d.Params[0]].Domain
	if dom.family() != choice {
		return true
	}
	if dom.Dist != Categorical || !dom.Numeric() || len(dom.Values) < 2 {
		return false
	}
	up, down := true, true
	for i := 1; i < len(dom.Values); i++ {
		up = up && dom.Values[i].num > dom.Values[i-1].num
		down = down && dom.Values[i].num < dom.Values[i-1].num
	}
	return up || down
}
