// Package grid proposes every combination of values, in W&B's order: names
// sorted, the last name fastest; a zip group stands where its first name is.
//
// Point i is computed from i alone, so that a grid of 10^12 points costs no
// more than one of 10. Conditions make combinations coincide: of the indices
// that give one point, only that whose inactive coordinates are all first is a
// proposal, the others are skipped, as are those that a constraint forbids. So
// no point comes twice, and nothing needs to be remembered.
//
// With `order: shuffled` the indices are permuted by the seed: sweep.Shuffle.
//
// Sources: the order is that of W&B's grid_search (wandb/sweeps 0.2); it
// differs in taking the multiples of q inside the bounds where W&B counts up
// from min and leaves max out, and in dropping duplicate values before it
// counts, where W&B drops duplicate points while it runs.
package grid

import (
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
)

// maxSize is the largest number of index points.
const maxSize = 1 << 62

// Grid is the sampler. Only New makes a valid one.
type Grid struct {
	space    *sweep.Space
	axes     []axis
	size     int64 // number of index points
	shuffled bool
	seed     uint64 // of the order
}

// An axis is one coordinate of the grid.
type axis struct {
	dim    sweep.Dim
	n      int64
	rows   []int         // zip group: indices into Values
	values []sweep.Value // choices; nil: Domain.GridAt
	fade   bool          // a parameter of it may be inactive
}

// New returns the grid of p.Space. It is an error if a continuous parameter has
// no levels, if there are more than 2^62 combinations, or if the option order
// is neither sorted nor shuffled.
func New(p sweep.Plan) (sweep.Sampler, error) { return build(p) }

func build(p sweep.Plan) (*Grid, error) {
	g := &Grid{space: p.Space, size: 1, seed: uint64(p.Seed)}
	for _, dim := range p.Space.Dims() {
		a, err := newAxis(p.Space, dim)
		if err != nil {
			return nil, err
		}
		if a.n > maxSize/g.size {
			return nil, fmt.Errorf("grid: more than 2^62 combinations; want fewer values or levels, or another method")
		}
		g.size *= a.n
		g.axes = append(g.axes, a)
	}
	order, given := p.Options["order"]
	switch {
	case !given || order.Text() == "sorted":
	case order.Text() == "shuffled":
		g.shuffled = true
	default:
		return nil, fmt.Errorf("order: %s; want sorted or shuffled", order)
	}
	return g, nil
}

func newAxis(space *sweep.Space, dim sweep.Dim) (axis, error) {
	a := axis{dim: dim}
	for _, i := range dim.Params {
		a.fade = a.fade || space.Params[i].When != nil
	}
	p := &space.Params[dim.Params[0]]
	if len(dim.Params) > 1 {
		a.rows = space.Rows(dim)
		a.n = int64(len(a.rows))
		return a, nil
	}
	if a.values = p.Domain.Choices(); a.values != nil {
		a.n = int64(len(a.values))
		return a, nil
	}
	n, err := p.Domain.Grid()
	if err != nil {
		return axis{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	a.n = n
	if n <= 256 {
		for i := range n {
			a.values = append(a.values, p.Domain.GridAt(i))
		}
	}
	return a, nil
}

// set writes the k-th value of a into raw.
func (a *axis) set(space *sweep.Space, raw []sweep.Value, k int64) {
	if a.rows != nil {
		for _, i := range a.dim.Params {
			raw[i] = space.Params[i].Domain.Values[a.rows[k]]
		}
		return
	}
	i := a.dim.Params[0]
	if a.values != nil {
		raw[i] = a.values[k]
	} else {
		raw[i] = space.Params[i].Domain.GridAt(k)
	}
}

// Ask returns the next combinations; those skipped have a nil Point.
func (g *Grid) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	n := max(0, min(int64(q.N), g.size-q.First))
	out := make([]sweep.Proposal, n)
	for k := range out {
		i := q.First + int64(k)
		p, err := g.at(i)
		if err != nil {
			return nil, err
		}
		out[k] = sweep.Proposal{Index: i, Point: p}
	}
	return out, nil
}

// at returns point i of the grid in its order, nil if it is skipped.
func (g *Grid) at(i int64) (sweep.Point, error) {
	if g.shuffled {
		i = sweep.Shuffle(i, g.size, g.seed)
	}
	raw := make([]sweep.Value, len(g.space.Params))
	digits := make([]int64, len(g.axes))
	for d := len(g.axes) - 1; d >= 0; d-- {
		a := &g.axes[d]
		digits[d] = i % a.n
		i /= a.n
		a.set(g.space, raw, digits[d])
	}
	p, ok, err := g.space.Complete(raw)
	if err != nil || !ok || g.repeats(digits, p) {
		return nil, err
	}
	return p, nil
}

// repeats reports whether p is also at a smaller index: a coordinate is not its
// first and yet has no influence. Of a zip group part of which is inactive, a
// row repeats an earlier one that agrees in what is active.
func (g *Grid) repeats(digits []int64, p sweep.Point) bool {
	for d := range g.axes {
		a := &g.axes[d]
		if !a.fade || digits[d] == 0 {
			continue
		}
		if !g.space.Active(a.dim, p) {
			return true
		}
		if len(a.dim.Params) > 1 && g.rowRepeats(a, digits[d], p) {
			return true
		}
	}
	return false
}

func (g *Grid) rowRepeats(a *axis, k int64, p sweep.Point) bool {
	for _, row := range a.rows[:k] {
		same := true
		for _, i := range a.dim.Params {
			same = same && (p[i].IsAbsent() || p[i].Equal(g.space.Params[i].Domain.Values[row]))
		}
		if same {
			return true
		}
	}
	return false
}

// Tell does nothing: a grid does not look at results.
func (g *Grid) Tell(sweep.Outcome) {}

// Looks is false.
func (g *Grid) Looks() bool { return false }
