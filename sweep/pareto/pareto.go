// Package pareto is the arithmetic of several objectives: dominance, fronts,
// crowding, hypervolume. Less is better throughout. It is pure.
//
// Sources: Deb, Pratap, Agarwal and Meyarivan, A fast and elitist multiobjective
// genetic algorithm: NSGA-II, IEEE Trans. Evol. Comput. 6(2), 2002; Zhang, Tian,
// Cheng and Jin, An efficient approach to nondominated sorting for evolutionary
// multiobjective optimization, IEEE Trans. Evol. Comput. 19(2), 2015; While,
// Bradstreet and Barone, A fast way of calculating exact hypervolumes, IEEE
// Trans. Evol. Comput. 16(1), 2012; Beume, Fonseca, López-Ibáñez, Paquete and
// Vahrenhold, On the complexity of computing the hypervolume indicator, IEEE
// Trans. Evol. Comput. 13(5), 2009 (the sweep over three objectives).
package pareto

import (
	"math"
	"slices"
	"sort"
)

// Dominates reports whether a is nowhere worse than b and somewhere better;
// less is better.
func Dominates(a, b []float64) bool {
	better := false
	for i, x := range a {
		if x > b[i] {
			return false
		}
		better = better || x < b[i]
	}
	return better
}

// Fronts numbers the Pareto fronts of n points of m objectives from 1; less is
// better. Points with a value that is not finite get 0: they do not rank.
// Equal points share a front.
//
// Points are taken in lexicographic order, so that none is dominated by a later
// one, and each goes to the first front of which no member dominates it, found
// by bisection (Zhang et al. 2015): O(mn√n) is typical, O(mn²) the worst.
func Fronts(points [][]float64) []int {
	front := make([]int, len(points))
	order := make([]int, 0, len(points))
	for i, p := range points {
		if finite(p) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return slices.Compare(points[order[a]], points[order[b]]) < 0 })
	var members [][]int
	for _, i := range order {
		k := sort.Search(len(members), func(f int) bool {
			m := members[f]
			for j := len(m) - 1; j >= 0; j-- { // the nearest in order come last
				if Dominates(points[m[j]], points[i]) {
					return false
				}
			}
			return true
		})
		if k == len(members) {
			members = append(members, nil)
		}
		members[k] = append(members[k], i)
		front[i] = k + 1
	}
	return front
}

func finite(p []float64) bool {
	for _, x := range p {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// Crowding is the crowding distance of each point within its front: the sum
// over objectives of the gap between its neighbours, as a share of the front's
// range. It is +Inf at the ends, and 0 for points of front 0.
func Crowding(points [][]float64, front []int) []float64 {
	d := make([]float64, len(points))
	members := map[int][]int{}
	for i, f := range front {
		if f > 0 {
			members[f] = append(members[f], i)
		}
	}
	for _, m := range members {
		crowd(points, m, d)
	}
	return d
}

func crowd(points [][]float64, m []int, d []float64) {
	for k := range points[m[0]] {
		sort.SliceStable(m, func(a, b int) bool { return points[m[a]][k] < points[m[b]][k] })
		first, last := m[0], m[len(m)-1]
		d[first], d[last] = math.Inf(1), math.Inf(1)
		span := points[last][k] - points[first][k]
		if span == 0 {
			continue
		}
		for j := 1; j < len(m)-1; j++ {
			d[m[j]] += (points[m[j+1]][k] - points[m[j-1]][k]) / span
		}
	}
}

// Order returns the indices of the points that rank, best first: by front,
// then by falling crowding distance, then by index.
func Order(front []int, crowding []float64) []int {
	var order []int
	for i, f := range front {
		if f > 0 {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool {
		i, j := order[a], order[b]
		if front[i] != front[j] {
			return front[i] < front[j]
		}
		return crowding[i] > crowding[j]
	})
	return order
}
