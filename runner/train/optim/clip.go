package optim

import "math"

// ClipNorm scales g, in place, to Euclidean norm at most limit and returns the
// norm it had,
//
//	g ← g · min(1, c/‖g‖)
//
// with c the limit. A limit <= 0 clips nothing. If the norm is not finite, g is
// left as it is: the caller ends the trial as diverged.
//
// Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural
// networks, ICML 2013, algorithm 1.
func ClipNorm(g []float64, limit float64) (norm float64) {
	norm = Norm(g)
	if limit <= 0 || norm <= limit || math.IsInf(norm, 0) || math.IsNaN(norm) {
		return norm
	}
	s := limit / norm
	for i := range g {
		g[i] *= s
	}
	return norm
}

// Norm returns the Euclidean norm of g, summed from the first element to the
// last. Where squares would overflow or vanish, g is scaled by its largest
// element first. NaN if an element is NaN, else +Inf if one is infinite.
func Norm(g []float64) float64 {
	sum := 0.0
	for _, x := range g {
		sum += float64(x * x)
	}
	if sum >= 0x1p-900 && !math.IsInf(sum, 1) {
		return math.Sqrt(sum)
	}
	top := 0.0
	for _, x := range g {
		if a := math.Abs(x); a > top || math.IsNaN(a) {
			top = a
		}
		if math.IsNaN(top) {
			return top
		}
	}
	if top == 0 || math.IsInf(top, 1) {
		return top
	}
	sum = 0
	for _, x := range g {
		x /= top
		sum += float64(x * x)
	}
	return float64(top * math.Sqrt(sum))
}
