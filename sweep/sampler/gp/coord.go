package gp

import (
	"math"
	"slices"
	"sort"

	"github.com/trawl-sweep/trawl/sweep"
)

// listed is the largest number of values that the search of the acquisition
// function tries one by one. Finer steps are treated as continuous there.
const listed = 24

// A coord is how one Dim looks to the kernel.
//
// A continuous one, and a number with more than `listed` steps, is its unit
// coordinate. Other numbers are ordinal: the coordinate is that of the cell, so
// log scales are kept, and choices that are all numbers stand at equal
// distances in order of size, as people list 16, 32, 64. Other choices are
// nominal: they are equal or not. An inactive Dim stands at the centre, or is a
// choice of its own; what made it inactive differs anyway.
type coord struct {
	nominal bool
	unit    []float64 // of each value, in order; nil: continuous
	place   []float64 // the coordinate of each value
	domain  sweep.Domain
	single  bool // one parameter, not a zip group
}

const (
	inactive        = 0.5 // of a number
	inactiveNominal = -1  // of a choice
)

func newCoords(space *sweep.Space) []coord {
	out := make([]coord, len(space.Dims()))
	for d, dim := range space.Dims() {
		first := space.Params[dim.Params[0]].Domain
		out[d] = coord{domain: first, single: len(dim.Params) == 1}
		if first.Choices() == nil {
			out[d].number()
		} else {
			out[d].choices(space, dim)
		}
	}
	return out
}

// number lists the values of a discrete number that has few.
func (c *coord) number() {
	n, finite := c.domain.Card()
	if !finite || n > listed {
		return
	}
	all := c.domain
	all.Levels = 0
	for i := range n {
		u, _ := all.Encode(all.GridAt(i))
		c.unit = append(c.unit, u)
	}
	c.place = c.unit
}

// choices lists the rows of a categorical parameter or a zip group. They are
// ordinal if every parameter of the group ascends or descends with the first.
func (c *coord) choices(space *sweep.Space, dim sweep.Dim) {
	rows := space.Rows(dim)
	total := float64(len(c.domain.Values))
	sizes := make([][]float64, len(dim.Params)) // of each parameter, one per row
	c.nominal = false
	for k, i := range dim.Params {
		domain := &space.Params[i].Domain
		c.nominal = c.nominal || !domain.Numeric()
		for _, r := range rows {
			x, _ := domain.Values[r].Number()
			sizes[k] = append(sizes[k], x)
		}
	}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	if !c.nominal {
		sort.SliceStable(order, func(i, j int) bool { return sizes[0][order[i]] < sizes[0][order[j]] })
		for _, s := range sizes {
			c.nominal = c.nominal || !monotone(s, order)
		}
	}
	if c.nominal {
		slices.Sort(order)
	}
	for i, at := range order {
		u := (float64(rows[at]) + 0.5) / total
		if c.single {
			u, _ = c.domain.Encode(c.domain.Values[rows[at]])
		}
		c.unit = append(c.unit, u)
		if c.nominal {
			c.place = append(c.place, float64(i))
		} else {
			c.place = append(c.place, (float64(i)+0.5)/float64(len(rows)))
		}
	}
}

// monotone reports whether s ascends, or descends, strictly in the given order.
func monotone(s []float64, order []int) bool {
	up, down := true, true
	for i := 1; i < len(order); i++ {
		a, b := s[order[i-1]], s[order[i]]
		up, down = up && a < b, down && a > b
	}
	return up || down
}

// at returns the kernel's coordinate of a unit coordinate of Space.Encode, which
// is NaN where the Dim is inactive.
func (c *coord) at(u float64) float64 {
	switch {
	case math.IsNaN(u) && c.nominal:
		return inactiveNominal
	case math.IsNaN(u):
		return inactive
	case c.unit == nil:
		return u
	}
	return c.place[c.value(u)]
}

// value returns which of the listed values is nearest to u. The coordinates of
// choices are centres of cells, so no other is as near.
func (c *coord) value(u float64) int {
	best := 0
	for i, v := range c.unit {
		if math.Abs(v-u) < math.Abs(c.unit[best]-u) {
			best = i
		}
	}
	return best
}

// embed returns the kernel's coordinates of a point of Space.Encode.
func embed(coords []coord, u []float64) []float64 {
	x := make([]float64, len(u))
	for d := range u {
		x[d] = coords[d].at(u[d])
	}
	return x
}
