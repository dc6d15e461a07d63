package gp

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// A box minimises a smooth function between bounds by projected L-BFGS: the
// two-loop recursion over the coordinates that no bound holds, and a
// backtracking search along the projected ray.
//
// Nocedal and Wright, Numerical optimization, 2006, algorithms 7.4 and 16.5;
// Schmidt, Kim and Sra, Projected Newton-type methods in machine learning, in
// Optimization for machine learning, 2012, section 3.
type box struct {
	lo, hi []float64
	steps  int     // iterations at most
	memory int     // pairs kept
	tol    float64 // ends when an iteration lowers f by less than tol·(1+|f|)
}

// minimize lowers f from x, in place, and returns the value reached. f writes
// the gradient; an f that is not finite is a wall.
func (b box) minimize(x []float64, f func(x, grad []float64) float64) float64 {
	n := len(x)
	for i := range x {
		x[i] = max(b.lo[i], min(b.hi[i], x[i]))
	}
	g, next, gNext, dir := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	free := make([]bool, n)
	var h history
	value := f(x, g)
	for range b.steps {
		stuck := b.release(free, x, g)
		if stuck || math.IsNaN(value) || math.IsInf(value, 0) {
			break
		}
		h.direction(dir, g, free)
		t := 1.0
		if len(h.s) == 0 { // no scale known yet
			t = min(1, 0.25/floats.Norm(dir, math.Inf(1)))
		}
		fNext, ok := b.search(x, g, dir, t, value, next, gNext, f)
		if !ok {
			if len(h.s) == 0 {
				break
			}
			h = history{} // once more, downhill
			continue
		}
		h.add(b.memory, x, next, g, gNext)
		gain := value - fNext
		copy(x, next)
		copy(g, gNext)
		value = fNext
		if gain < b.tol*(1+math.Abs(value)) {
			break
		}
	}
	return value
}

// release marks the coordinates that may move and reports whether none can.
func (b box) release(free []bool, x, g []float64) (stuck bool) {
	stuck = true
	for i := range x {
		free[i] = !(x[i] <= b.lo[i] && g[i] >= 0 || x[i] >= b.hi[i] && g[i] <= 0)
		if free[i] && math.Abs(g[i]) > 1e-9 {
			stuck = false
		}
	}
	return stuck
}

// search halves the step until Armijo's condition holds for the projected point.
func (b box) search(x, g, dir []float64, t, value float64, next, gNext []float64,
	f func(x, grad []float64) float64) (fNext float64, ok bool) {
	for range 25 {
		drop := 0.0
		for i := range x {
			next[i] = max(b.lo[i], min(b.hi[i], x[i]+t*dir[i]))
			drop += g[i] * (next[i] - x[i])
		}
		if drop >= 0 {
			return value, false
		}
		fNext = f(next, gNext)
		if fNext <= value+1e-4*drop {
			return fNext, true
		}
		shrink := 0.5
		if q := fNext - value - drop; q > 0 && !math.IsInf(q, 1) { // minimum of the parabola through both
			shrink = max(0.1, min(0.5, -drop/(2*q)))
		}
		t *= shrink
	}
	return value, false
}

// history is the pairs of L-BFGS, newest last.
type history struct {
	s, y [][]float64
	rho  []float64
}

func (h *history) add(memory int, x, next, g, gNext []float64) {
	s, y := make([]float64, len(x)), make([]float64, len(x))
	floats.SubTo(s, next, x)
	floats.SubTo(y, gNext, g)
	sy := floats.Dot(s, y)
	if !(sy > 1e-10*floats.Norm(s, 2)*floats.Norm(y, 2)) {
		return // no curvature to learn from
	}
	if len(h.s) == memory {
		h.s, h.y, h.rho = h.s[1:], h.y[1:], h.rho[1:]
	}
	h.s, h.y, h.rho = append(h.s, s), append(h.y, y), append(h.rho, 1/sy)
}

// direction writes −Hg over the free coordinates, 0 elsewhere; −g if that does
// not lead downhill.
func (h *history) direction(dir, g []float64, free []bool) {
	mask := func(v []float64) {
		for i, ok := range free {
			if !ok {
				v[i] = 0
			}
		}
	}
	copy(dir, g)
	mask(dir)
	m := len(h.s)
	alpha := make([]float64, m)
	for j := m - 1; j >= 0; j-- {
		alpha[j] = h.rho[j] * floats.Dot(h.s[j], dir)
		floats.AddScaled(dir, -alpha[j], h.y[j])
	}
	if m > 0 {
		floats.Scale(1/(h.rho[m-1]*floats.Dot(h.y[m-1], h.y[m-1])), dir)
	}
	for j := range m {
		beta := h.rho[j] * floats.Dot(h.y[j], dir)
		floats.AddScaled(dir, alpha[j]-beta, h.s[j])
	}
	floats.Scale(-1, dir)
	mask(dir)
	if !(floats.Dot(dir, g) < 0) {
		copy(dir, g)
		floats.Scale(-1, dir)
		mask(dir)
	}
}
