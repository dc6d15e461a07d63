package tpe

import (
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

// listed is the largest number of steps of a scale that count as cells of their
// own; a scale with more is as good as continuous.
const listed = 64

// missing is the cell of an inactive coordinate; NaN is its number.
const missing = -1

// An axis is how the model sees one Dim. A scale with few steps, a choice and a
// zip group are lists of cells, whose places are integers; all else is a number
// of the unit interval. The measure of a cell is its width: the prior is uniform
// in the cube.
type axis struct {
	domain  sweep.Domain
	single  bool      // one parameter, not a zip group
	ordered bool      // neighbouring cells are alike
	lo, hi  []float64 // the ends of the cells; nil: no cells
}

func newAxes(space *sweep.Space) []axis {
	axes := make([]axis, len(space.Dims()))
	for d, dim := range space.Dims() {
		a := &axes[d]
		a.domain = space.Params[dim.Params[0]].Domain
		a.single, a.ordered = len(dim.Params) == 1, space.Ordered(dim)
		n, finite := a.domain.Card()
		switch {
		case !a.single:
			n := len(a.domain.Values)
			for k := range n {
				a.lo = append(a.lo, float64(k)/float64(n))
				a.hi = append(a.hi, float64(k+1)/float64(n))
			}
		case finite && n <= listed || a.domain.Choices() != nil:
			a.list()
		}
	}
	return axes
}

// list finds the cells from left to right. Those narrower than a rounding error
// are taken for part of a neighbour.
func (a *axis) list() {
	const gap = 1e-12
	for u := 0.0; u < 1; {
		lo, hi := a.domain.Cell(u)
		if hi > u {
			a.lo, a.hi = append(a.lo, lo), append(a.hi, hi)
		}
		u = max(u, hi) + gap
	}
}

func (a *axis) cells() int { return len(a.lo) }

// place returns where the unit coordinate u lies: the number of its cell, or
// the coordinate itself.
func (a *axis) place(u float64) float64 {
	if a.lo == nil {
		return u
	}
	if math.IsNaN(u) {
		return missing
	}
	i, j := 0, len(a.hi)-1
	for i < j { // the first cell that ends at u or later
		if m := (i + j) / 2; a.hi[m] < u {
			i = m + 1
		} else {
			j = m
		}
	}
	return float64(i)
}

// unit returns a unit coordinate of a place: the centre of its cell.
func (a *axis) unit(x float64) float64 {
	if a.lo == nil {
		return x
	}
	k := int(x)
	return (a.lo[k] + a.hi[k]) / 2
}

// inactive reports whether x is no place.
func (a *axis) inactive(x float64) bool {
	return math.IsNaN(x) || a.lo != nil && x == missing
}

// steps is the number of values of the axis, 0 if they cannot be counted.
func (a *axis) steps() int64 {
	if a.lo != nil {
		return int64(len(a.lo))
	}
	n, _ := a.domain.Card()
	return n
}

// step returns the unit coordinate of the k-th value.
func (a *axis) step(k int64) float64 {
	if a.lo != nil {
		return a.unit(float64(k))
	}
	all := a.domain
	all.Levels = 0
	u, _ := a.domain.Encode(all.GridAt(k))
	return u
}

// snap moves a number to the centre of the step that it decodes to; the place of
// a cell stays.
func (a *axis) snap(u float64) float64 {
	if a.lo != nil {
		return u
	}
	if lo, hi := a.domain.Cell(u); hi > lo {
		return (lo + hi) / 2
	}
	return u
}
