package sim

import (
	"math"
	"slices"
)

// Quartiles are the median of some numbers and the quarters beside it.
type Quartiles struct{ Median, Low, High float64 }

// QuartilesOf returns the quartiles by linear interpolation between the order
// statistics (Hyndman and Fan 1996, type 7). NaN counts as worst, which is the
// largest if less is better, else the smallest. Without numbers all are NaN.
func QuartilesOf(xs []float64, lessIsBetter bool) Quartiles {
	if len(xs) == 0 {
		return Quartiles{math.NaN(), math.NaN(), math.NaN()}
	}
	worst := math.Inf(-1)
	if lessIsBetter {
		worst = math.Inf(1)
	}
	s := slices.Clone(xs)
	for i, x := range s {
		if math.IsNaN(x) {
			s[i] = worst
		}
	}
	slices.Sort(s)
	at := func(p float64) float64 {
		h := p * float64(len(s)-1)
		i := int(h)
		lo, hi := s[i], s[min(i+1, len(s)-1)]
		if lo == hi || h == float64(i) || math.IsInf(lo, 0) {
			return lo
		}
		return lo + (h-float64(i))*(hi-lo)
	}
	return Quartiles{at(0.5), at(0.25), at(0.75)}
}

// After returns where the sweep stood when n trials had ended, or at its end if
// it had fewer.
func (r *Result) After(n int) Progress {
	if n < 1 || len(r.Path) == 0 {
		return (&Result{}).Last()
	}
	return r.Path[min(n, len(r.Path))-1]
}
