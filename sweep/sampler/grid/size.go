package grid

import (
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

// exactUpTo is the number of index points up to which Size counts.
const exactUpTo = 1_000_000

// endsWithin bounds how many index points First and Last look at.
const endsWithin = 200_000

// Size returns how many points the grid of space has. Without conditions and
// constraints that is the number of combinations; with them, points are counted
// up to 10^6 combinations, and beyond n is the number of combinations, an upper
// bound, and exact is false. Errors are those of New, and of an expression that
// cannot be computed.
func Size(space *sweep.Space) (n int64, exact bool, err error) {
	g, err := build(sweep.Plan{Space: space})
	if err != nil {
		return 0, false, err
	}
	if space.Plain() {
		return g.size, true, nil
	}
	if g.size > exactUpTo {
		return g.size, false, nil
	}
	ruled, free := g.split()
	n, err = ruled.count()
	if err != nil {
		return 0, false, err
	}
	return n * free, true, nil
}

// split returns g with only those axes that conditions and constraints have to
// do with, the others held at their first value, and by how much the others
// multiply the number of points.
func (g *Grid) split() (ruled *Grid, free int64) {
	involved := g.involved()
	ruled = &Grid{space: g.space, size: 1}
	free = 1
	for _, a := range g.axes {
		any := a.fade
		for _, i := range a.dim.Params {
			any = any || involved[g.space.Params[i].Name]
		}
		if any {
			ruled.size *= a.n
		} else {
			free *= a.n
			a.n = 1
		}
		ruled.axes = append(ruled.axes, a)
	}
	return ruled, free
}

// involved returns the names that conditions and constraints read, directly or
// through derived values.
func (g *Grid) involved() map[string]bool {
	names := map[string]bool{}
	var mark func(e sweep.Expr)
	mark = func(e sweep.Expr) {
		if e == nil {
			return
		}
		for _, name := range e.Names() {
			if names[name] {
				continue
			}
			names[name] = true
			if i, ok := g.space.Index(name); ok {
				mark(g.space.Params[i].Derived)
			}
		}
	}
	for _, c := range g.space.Constraints {
		mark(c)
	}
	for i := range g.space.Params {
		mark(g.space.Params[i].When)
	}
	return names
}

// count returns the number of points by trying every index.
func (g *Grid) count() (n int64, err error) {
	for i := range g.size {
		p, err := g.at(i)
		if err != nil {
			return 0, err
		}
		if p != nil {
			n++
		}
	}
	return n, nil
}

// First returns the first k points of the grid of p, in its order. Where
// conditions or constraints skip nearly everything it may return fewer: it
// looks at 200,000 combinations and no further.
func First(p sweep.Plan, k int) ([]sweep.Point, error) {
	return ends(p, k, func(_, i int64) int64 { return i })
}

// Last returns the last k points in the order of the grid, as First does.
func Last(p sweep.Plan, k int) ([]sweep.Point, error) {
	points, err := ends(p, k, func(size, i int64) int64 { return size - 1 - i })
	for i, j := 0, len(points)-1; i < j; i, j = i+1, j-1 {
		points[i], points[j] = points[j], points[i]
	}
	return points, err
}

func ends(p sweep.Plan, k int, index func(size, i int64) int64) ([]sweep.Point, error) {
	g, err := build(p)
	if err != nil {
		return nil, err
	}
	within := int64(math.MaxInt64)
	if !p.Space.Plain() {
		within = endsWithin
	}
	var points []sweep.Point
	for i := int64(0); i < min(g.size, within) && len(points) < k; i++ {
		point, err := g.at(index(g.size, i))
		if err != nil {
			return nil, err
		}
		if point != nil {
			points = append(points, point)
		}
	}
	return points, nil
}
