package tpe

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pareto"
)

// randomOutcomes are outcomes of all classes, with ties.
func randomOutcomes(n, goals int) []sweep.Outcome {
	rng := rand.New(rand.NewPCG(3, uint64(goals)))
	states := []sweep.State{sweep.Finished, sweep.Finished, sweep.Finished, sweep.Pruned, sweep.Failed, sweep.Diverged}
	out := make([]sweep.Outcome, n)
	for i := range out {
		out[i].State = states[rng.IntN(len(states))]
		for range goals {
			out[i].Values = append(out[i].Values, float64(rng.IntN(30)))
		}
		switch rng.IntN(12) {
		case 0:
			out[i].Values[goals-1] = math.NaN()
		case 1:
			out[i].Values[0] = math.Inf(1)
		case 2:
			out[i].Values = nil
		}
	}
	return out
}

// TestRankingOfOne: against a stable sort of everything at each step.
func TestRankingOfOne(t *testing.T) {
	for _, goal := range []sweep.Goal{sweep.Minimize, sweep.Maximize} {
		r := ranking{goals: []sweep.Goal{goal}}
		all := randomOutcomes(300, 1)
		for n := range all {
			r.add(all[n])
			order := make([]int32, n+1)
			for i := range order {
				order[i] = int32(i)
			}
			sort.SliceStable(order, func(a, b int) bool {
				x, y := all[order[a]], all[order[b]]
				if cx, cy := classify(x, 1), classify(y, 1); cx != cy || cx == valueless {
					return cx < cy
				}
				return goal.Better(x.Values[0], y.Values[0])
			})
			if got := r.best(n + 1); !slices.Equal(got, order) {
				t.Fatalf("%v, %d points: got %v, want %v", goal, n+1, got, order)
			}
		}
	}
}

func TestClasses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		state  sweep.State
		values []float64
		want   uint8
	}{
		{"finished", sweep.Finished, []float64{1, 2}, valued},
		{"pruned", sweep.Pruned, []float64{1, 2}, pruned},
		{"failed after a report", sweep.Failed, []float64{1, 2}, valueless},
		{"diverged", sweep.Diverged, []float64{1, 2}, valueless},
		{"NaN in one", sweep.Finished, []float64{1, math.NaN()}, valueless},
		{"minus infinity", sweep.Finished, []float64{math.Inf(-1), 0}, valueless},
		{"one missing", sweep.Finished, []float64{1}, valueless},
		{"pruned before a report", sweep.Pruned, nil, valueless},
	} {
		if got := classify(sweep.Outcome{State: tt.state, Values: tt.values}, 2); got != tt.want {
			t.Errorf("%s: got class %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestRankingOfSeveral: the best n against fronts of all points, without the
// pool. Which points of the cut front are taken, TestGreedyBeatsOthers asks.
func TestRankingOfSeveral(t *testing.T) {
	for _, goals := range [][]sweep.Goal{{sweep.Minimize, sweep.Maximize}, {sweep.Minimize, sweep.Minimize, sweep.Maximize}} {
		r := ranking{goals: goals}
		all := randomOutcomes(400, len(goals))
		var points [][]float64 // NaN: not valued
		for n := range all {
			r.add(all[n])
			p := make([]float64, len(goals))
			for k, g := range goals {
				p[k] = math.NaN()
				if classify(all[n], len(goals)) == valued {
					p[k] = g.Score(all[n].Values[k])
				}
			}
			points = append(points, p)
			if n%37 != 0 {
				continue
			}
			checkBest(t, &r, points, min(goodMost, n/3+1))
		}
	}
}

func checkBest(t *testing.T, r *ranking, points [][]float64, n int) {
	t.Helper()
	fronts := pareto.Fronts(points)
	var sizes []int
	for _, f := range fronts {
		for len(sizes) <= f {
			sizes = append(sizes, 0)
		}
		sizes[f]++
	}
	got := r.best(n)
	if len(got) != n {
		t.Fatalf("%d points: got %d, want %d", len(points), len(got), n)
	}
	left := n
	for f := 1; f < len(sizes) && left > 0; f++ {
		count := 0
		for _, i := range got {
			if fronts[i] == f {
				count++
			}
		}
		if want := min(left, sizes[f]); count != want {
			t.Errorf("%d points: %d of the best %d are of front %d, want %d", len(points), count, n, f, want)
		}
		left -= sizes[f]
	}
	if seen := slices.Compact(slices.Sorted(slices.Values(got))); len(seen) != n {
		t.Errorf("%d points: the best %v repeat", len(points), got)
	}
}

// TestGreedyBeatsOthers: of a front of 12, the volume of 5 chosen is near the
// best of all subsets, and the ends of a convex front are among them.
func TestGreedyBeatsOthers(t *testing.T) {
	r := ranking{goals: []sweep.Goal{sweep.Minimize, sweep.Minimize}}
	var front []int32
	var unit [][]float64
	for i := range 12 {
		x := float64(i) / 11
		unit = append(unit, []float64{x, (1 - x) * (1 - x)})
		r.add(sweep.Outcome{State: sweep.Finished, Values: []float64{100 * unit[i][0], 1e-3 * unit[i][1]}})
		front = append(front, int32(i))
	}
	ref := []float64{1.1, 1.1}
	volume := func(set []int32) float64 {
		var ps [][]float64
		for _, i := range set {
			ps = append(ps, unit[i])
		}
		return pareto.Hypervolume(ps, ref)
	}
	best := 0.0
	for mask := range 1 << 12 {
		var set []int32
		for i := range 12 {
			if mask>>i&1 == 1 {
				set = append(set, int32(i))
			}
		}
		if len(set) == 5 {
			best = max(best, volume(set))
		}
	}
	got := r.greedy(front, 5)
	if v := volume(got); len(got) != 5 || v < 0.97*best {
		t.Errorf("got %v of volume %v; the best subset has %v", got, v, best)
	}
}
