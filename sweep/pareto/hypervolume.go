package pareto

import (
	"slices"
	"sort"
)

// Hypervolume is the volume of what the points dominate and ref bounds: the set
// of all x with p <= x <= ref in every objective for at least one point p. Points
// that are not better than ref in every objective, or not finite, add nothing.
// points is not changed.
//
// n points of m objectives cost O(n log n) for m <= 2 and O(n²), with a small
// constant, for m = 3. Beyond, the volume is the sum of what each point adds to
// those after it (While et al. 2012), with the points sorted by falling last
// objective, so that each step loses one objective; that is exponential in m.
func Hypervolume(points [][]float64, ref []float64) float64 {
	inside := make([][]float64, 0, len(points))
	for _, p := range points {
		if finite(p) && below(p, ref) {
			inside = append(inside, p)
		}
	}
	return volume(inside, ref)
}

// Contributions returns for each point how much Hypervolume would lose without
// it. Of equal points each loses nothing.
func Contributions(points [][]float64, ref []float64) []float64 {
	out := make([]float64, len(points))
	for k, p := range points {
		if !finite(p) || !below(p, ref) {
			continue
		}
		var limited [][]float64
		for j, q := range points {
			if j != k && finite(q) && below(q, ref) {
				limited = append(limited, worst(p, q, len(p)))
			}
		}
		out[k] = max(0, box(p, ref)-volume(limited, ref))
	}
	return out
}

func below(p, ref []float64) bool {
	for i, x := range p {
		if x >= ref[i] {
			return false
		}
	}
	return true
}

// worst returns the first m objectives of what both p and q dominate.
func worst(p, q []float64, m int) []float64 {
	w := make([]float64, m)
	for i := range w {
		w[i] = max(p[i], q[i])
	}
	return w
}

// box is the volume between p and ref.
func box(p, ref []float64) float64 {
	v := 1.0
	for i, x := range p {
		v *= ref[i] - x
	}
	return v
}

// volume is Hypervolume of points that are all below ref. It may reorder them.
func volume(points [][]float64, ref []float64) float64 {
	if len(points) == 0 {
		return 0
	}
	switch m := len(ref); m {
	case 0:
		return 0
	case 1:
		return ref[0] - slices.MinFunc(points, func(a, b []float64) int { return slices.Compare(a, b) })[0]
	case 2:
		return area(points, ref)
	case 3:
		return solid(points, ref)
	default:
		last := m - 1
		sort.SliceStable(points, func(a, b int) bool { return points[a][last] > points[b][last] })
		sum := 0.0
		for k, p := range points {
			limited := make([][]float64, 0, len(points)-k-1)
			for _, q := range points[k+1:] {
				limited = append(limited, worst(p, q, last))
			}
			only := box(p[:last], ref) - volume(undominated(limited), ref[:last])
			sum += only * (ref[last] - p[last])
		}
		return sum
	}
}

// area is volume in two objectives.
func area(points [][]float64, ref []float64) float64 {
	sort.Slice(points, func(a, b int) bool { return slices.Compare(points[a], points[b]) < 0 })
	sum, top := 0.0, ref[1]
	for _, p := range points {
		if p[1] < top {
			sum += (ref[0] - p[0]) * (top - p[1])
			top = p[1]
		}
	}
	return sum
}

// solid is volume in three objectives: a sweep along the third over the
// staircase of the first two, x rising and y falling.
func solid(points [][]float64, ref []float64) float64 {
	sort.Slice(points, func(a, b int) bool { return points[a][2] < points[b][2] })
	var stairs [][]float64
	sum, flat := 0.0, 0.0
	for k, p := range points {
		var gain float64
		stairs, gain = climb(stairs, p, ref)
		flat += gain
		next := ref[2]
		if k+1 < len(points) {
			next = points[k+1][2]
		}
		sum += flat * (next - p[2])
	}
	return sum
}

// climb adds p to the stairs, takes away the steps that it dominates, and
// returns the area gained.
func climb(stairs [][]float64, p, ref []float64) (with [][]float64, gain float64) {
	at := sort.Search(len(stairs), func(i int) bool { return stairs[i][0] >= p[0] })
	top := ref[1] // of the step on the left
	if at > 0 {
		top = stairs[at-1][1]
	}
	if top <= p[1] || at < len(stairs) && stairs[at][0] == p[0] && stairs[at][1] <= p[1] {
		return stairs, 0
	}
	x, end := p[0], at
	for ; end < len(stairs) && stairs[end][1] >= p[1]; end++ {
		gain += (stairs[end][0] - x) * (top - p[1])
		x, top = stairs[end][0], stairs[end][1]
	}
	right := ref[0]
	if end < len(stairs) {
		right = stairs[end][0]
	}
	gain += (right - x) * (top - p[1])
	return slices.Replace(stairs, at, end, p), gain
}

// undominated returns the points that no other dominates, each once.
func undominated(points [][]float64) [][]float64 {
	sort.Slice(points, func(a, b int) bool { return slices.Compare(points[a], points[b]) < 0 })
	var out [][]float64
	for _, p := range points {
		if !slices.ContainsFunc(out, func(q []float64) bool { return Dominates(q, p) || slices.Equal(q, p) }) {
			out = append(out, p)
		}
	}
	return out
}
