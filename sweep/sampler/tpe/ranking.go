package tpe

import (
	"math"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pareto"
)

// The classes of outcomes, best first.
const (
	valued    = iota // finished with finite values
	pruned           // ended early with finite values
	valueless        // failed, diverged, or a value that is not finite
)

// A ranking orders the points told. Of one objective it is sorted by (class,
// value, time), of several by (class, dominators, time); the order within the
// best of several objectives is found when it is asked for.
type ranking struct {
	goals  []sweep.Goal
	class  []uint8
	scores []float64 // n × goals, less is better; 0 where there is no value
	behind []int32   // several goals: by how many of its class a point is dominated, as far as goodMost
	order  []int32
	count  int // points of class valued
}

func (r *ranking) len() int { return len(r.class) }

// ranked is the number of points that finished with a value.
func (r *ranking) ranked() int { return r.count }

func (r *ranking) score(i int32) []float64 {
	m := len(r.goals)
	return r.scores[int(i)*m : int(i)*m+m]
}

// add takes in the next point.
func (r *ranking) add(o sweep.Outcome) {
	class := classify(o, len(r.goals))
	i := int32(len(r.class))
	r.class = append(r.class, class)
	for k, g := range r.goals {
		y := 0.0
		if class != valueless {
			y = g.Score(o.Values[k])
		}
		r.scores = append(r.scores, y)
	}
	if class == valued {
		r.count++
	}
	if len(r.goals) > 1 {
		r.behind = append(r.behind, 0)
		r.dominate(i)
		return
	}
	at, _ := slices.BinarySearchFunc(r.order, i, func(j, i int32) int {
		if r.class[j] < class || r.class[j] == class && r.scores[j] <= r.scores[i] {
			return -1
		}
		return 1
	})
	r.order = slices.Insert(r.order, at, i)
}

func classify(o sweep.Outcome, goals int) uint8 {
	if o.State != sweep.Finished && o.State != sweep.Pruned || len(o.Values) < goals {
		return valueless
	}
	for _, v := range o.Values[:goals] {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return valueless
		}
	}
	if o.State == sweep.Pruned {
		return pruned
	}
	return valued
}

// dominate puts point i of several objectives into order, a pool of points that
// may still be among the best. One with goodMost others ahead of it, dominators
// or of a better class, never will be again, and is dropped.
func (r *ranking) dominate(i int32) {
	y := r.score(i)
	keep := r.order[:0]
	for _, j := range r.order {
		switch z := r.score(j); {
		case r.class[j] < r.class[i]:
			r.behind[i]++
		case r.class[j] > r.class[i]:
			r.behind[j]++
		case r.class[i] == valueless: // the earlier is ahead
			r.behind[i]++
		case pareto.Dominates(y, z):
			r.behind[j]++
		case pareto.Dominates(z, y):
			r.behind[i]++
		}
		if r.behind[j] < goodMost {
			keep = append(keep, j)
		}
	}
	r.order = keep
	if r.behind[i] < goodMost {
		r.order = append(r.order, i)
	}
}

// best returns the first n points, 1 <= n <= goodMost, or all if there are fewer.
// The caller must not change them.
func (r *ranking) best(n int) []int32 {
	if len(r.goals) <= 1 {
		return r.order[:min(n, len(r.order))]
	}
	var out []int32
	for class := uint8(valued); class <= valueless && len(out) < n; class++ {
		var of []int32
		for _, i := range r.order {
			if r.class[i] == class {
				of = append(of, i)
			}
		}
		if class == valueless {
			out = append(out, of...)
		} else {
			out = r.nondominated(out, of, n)
		}
	}
	return out[:min(n, len(out))]
}

// nondominated appends the points of one class by front until there are n. The
// front that n cuts gives those that add most hypervolume, one after another.
func (r *ranking) nondominated(out, of []int32, n int) []int32 {
	points := make([][]float64, len(of))
	for k, i := range of {
		points[k] = r.score(i)
	}
	fronts := pareto.Fronts(points)
	for f := 1; len(out) < n; f++ {
		var front []int32
		for k, i := range of {
			if fronts[k] == f {
				front = append(front, i)
			}
		}
		switch {
		case len(front) == 0:
			return out
		case len(out)+len(front) <= n:
			out = append(out, front...)
		default:
			out = append(out, r.greedy(front, n-len(out))...)
		}
	}
	return out
}

// greedy chooses n of a front, each the one that adds most to the hypervolume of
// those before it. The reference point is a tenth of the front's range beyond
// its worst in each objective, so that its ends count.
//
// Guerreiro, Fonseca and Paquete, Greedy hypervolume subset selection in low
// dimensions, Evol. Comput. 24(3), 2016.
func (r *ranking) greedy(front []int32, n int) []int32 {
	m := len(r.goals)
	lo, hi := slices.Clone(r.score(front[0])), slices.Clone(r.score(front[0]))
	for _, i := range front {
		for k, y := range r.score(i) {
			lo[k], hi[k] = min(lo[k], y), max(hi[k], y)
		}
	}
	unit := make([][]float64, len(front)) // the range of the front is [0, 1]
	ref := make([]float64, m)
	for k := range ref {
		ref[k] = 1.1
	}
	for c, i := range front {
		unit[c] = make([]float64, m)
		for k, y := range r.score(i) {
			if hi[k] > lo[k] {
				unit[c][k] = (y - lo[k]) / (hi[k] - lo[k])
			}
		}
	}
	var out []int32
	var chosen [][]float64
	used := make([]bool, len(front))
	for len(out) < n {
		best, most := -1, -1.0
		for c := range front {
			if used[c] {
				continue
			}
			if v := pareto.Hypervolume(append(chosen, unit[c]), ref); v > most {
				best, most = c, v
			}
		}
		used[best] = true
		chosen, out = append(chosen, unit[best]), append(out, front[best])
	}
	return out
}
