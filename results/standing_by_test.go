package results

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/results/rank"
	"github.com/trawl-sweep/trawl/sweep"
)

// A ranking by another metric is that of its definition: of the points all of
// whose repeats finished and reported it last as a finite number, by their means,
// in either order; points with fewer repeats follow.
func TestRankingByAMetricIsThatOfItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	spec := testSpec("one")
	spec.Repeats.Parameter = "seed"
	db, s := newStore(t, spec)
	type point struct {
		id, planned int64
		sample      rank.Sample
		finite      bool
	}
	var points []point
	id := sweep.TrialID(0)
	for p := int64(1); p <= 60; p++ {
		pt := point{id: p, planned: 1 + rng.Int64N(4), finite: true}
		for range pt.planned {
			id++
			e, v := finished(id, rng.Float64()), float64(rng.IntN(40))/8 // ties by the mean happen
			switch rng.IntN(12) {
			case 0:
				e.State, e.HasObjective = sweep.Failed, false
			case 1:
				v = nan
			}
			reports := []sweep.Report{loss(3, e.Objective), {Name: "time", Step: 1, Value: 99}, {Name: "time", Step: 3, Value: v}}
			if rng.IntN(12) == 0 {
				reports = reports[:1] // it did not report it
			} else if e.State == sweep.Finished {
				pt.sample = pt.sample.Add(v)
				pt.finite = pt.finite && v == v
			}
			end(t, s, repeat(id, sweep.PointID(p), int(pt.planned)), e, reports...)
		}
		points = append(points, pt)
	}
	for _, maximize := range []bool{false, true} {
		sign, goal := 1.0, sweep.Minimize
		if maximize {
			sign, goal = -1, sweep.Maximize
		}
		var ranked, rest []string
		order := slices.Clone(points)
		slices.SortStableFunc(order, func(a, b point) int { return cmp.Compare(sign*a.sample.Mean, sign*b.sample.Mean) })
		for _, p := range order {
			switch line := fmt.Sprintf("%d %d %.9g", p.id, p.sample.N, p.sample.Mean); {
			case p.sample.N == 0 || !p.finite:
			case p.sample.N == p.planned:
				ranked = append(ranked, line)
			default:
				rest = append(rest, line)
			}
		}
		rows, err := db.Reader().Leaderboard(t.Context(), "one", 0, "time", Goal(goal))
		must(t, err)
		var got []string
		for i, r := range rows {
			got = append(got, fmt.Sprintf("%d %d %.9g", r.Point, r.N, r.Mean.V))
			if want := int64(i + 1); i < len(ranked) && r.Rank != want || i >= len(ranked) && (r.Rank != 0 || r.Note == "") {
				t.Errorf("%s: row %d has rank %d, note %q", goal, i, r.Rank, r.Note)
			}
		}
		if want := strings.Join(append(ranked, rest...), "\n"); strings.Join(got, "\n") != want {
			t.Errorf("%s: got\n%s\nwant\n%s", goal, strings.Join(got, "\n"), want)
		}
		first, err := db.Reader().Leaderboard(t.Context(), "one", 7, "time", Goal(goal))
		must(t, err)
		for i, r := range first {
			if len(first) != 7 || r.Point != rows[i].Point || r.Rank != rows[i].Rank {
				t.Errorf("%s: the first 7: %d of them, row %d is point %d, want %d", goal, len(first), i, r.Point, rows[i].Point)
			}
		}
	}
}
