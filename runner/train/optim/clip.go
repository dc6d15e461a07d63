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
func ClipNorm[T Float](g []T, limit float64) (norm float64) {
	norm = Norm(g)
	Scale(g, limit, norm)
	return norm
}

// Scale is the second half of ClipNorm, g ← g · min(1, c/norm) with c the limit,
// for a norm that is known. It leaves g where the limit is <= 0 or the norm not
// finite. The factor is rounded to T once.
func Scale[T Float](g []T, limit, norm float64) {
	if limit <= 0 || norm <= limit || math.IsInf(norm, 0) || math.IsNaN(norm) {
		return
	}
	s := T(limit / norm)
	for i := range g {
		g[i] *= s
	}
}

// ClipValue limits each element of g, in place,
//
//	gᵢ ← max(−c, min(c, gᵢ))
//
// with c the limit, in the units of the gradient. A limit <= 0 clips nothing; NaN
// stays NaN. Unlike ClipNorm it turns the gradient.
func ClipValue[T Float](g []T, limit float64) {
	if limit <= 0 {
		return
	}
	c := T(limit)
	for i, x := range g {
		if x > c {
			g[i] = c
		} else if x < -c {
			g[i] = -c
		}
	}
}

// Norm returns the Euclidean norm √Σgᵢ² of g, summed in float64 from the first
// element to the last; 0 for none. Where squares would overflow or vanish, g is scaled by
// its largest element first. NaN if an element is NaN, else +Inf if one is
// infinite.
func Norm[T Float](g []T) float64 {
	sum := 0.0
	for _, x := range g {
		sum += float64(float64(x) * float64(x))
	}
	if sum >= 0x1p-900 && !math.IsInf(sum, 1) {
		return math.Sqrt(sum)
	}
	top := 0.0
	for _, x := range g {
		if a := math.Abs(float64(x)); a > top || math.IsNaN(a) {
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
		r := float64(x) / top
		sum += float64(r * r)
	}
	return float64(top * math.Sqrt(sum))
}
