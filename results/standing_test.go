package results

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/results/rank"
	"github.com/trawl-sweep/trawl/sweep"
)

// Points that do not rank stand behind the others with what is missing: repeats,
// those that ended otherwise, the reason why a race dropped it.
func TestStandingOfUnrankedPoints(t *testing.T) {
	spec := testSpec("one")
	spec.Repeats.Parameter = "seed"
	db, s := newStore(t, spec)
	must(t, s.Revise(t.Context(), &sweep.SpecSet{Revision: 1, Doc: `{"repeats":{"count":3,"race":true}}`, Digest: spec.Digest, Why: "how"}, spec))
	ended := func(id sweep.TrialID, state sweep.State) *sweep.Ended {
		e := finished(id, float64(id))
		if e.State = state; state != sweep.Finished {
			e.HasObjective = false
		}
		return e
	}
	id := sweep.TrialID(0)
	for point, states := range [][]sweep.State{
		{sweep.Finished, sweep.Finished, sweep.Finished},
		{sweep.Finished, sweep.Diverged, sweep.Failed},
		{sweep.Pruned},
		{sweep.Finished},
		{sweep.Killed, sweep.Killed, sweep.Finished},
	} {
		for _, state := range states {
			id++
			end(t, s, repeat(id, sweep.PointID(point)+1, 3), ended(id, state))
		}
	}
	odd := finished(12, 0)
	odd.HasObjective, odd.Objective = false, nan
	end(t, s, repeat(12, 6, 3), odd)
	must(t, s.Record(t.Context(), &sweep.Note{What: "dropped", Point: 4, Text: "worse than point 1, p = 0.01"}, &sweep.Note{What: "else", Point: 5, Text: "no"}))
	rows, err := db.Reader().Leaderboard(t.Context(), "one", 0, "")
	must(t, err)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprintf("%d %d %s", r.Rank, r.Point, r.Note))
	}
	want := []string{"1 1 ", "0 2 1/3, 1 diverged, 1 failed", "0 3 0/3, 1 pruned", "0 4 1/3, dropped: worse than point 1, p = 0.01", "0 5 1/3, 2 killed",
		"0 6 0/3, 1 without a finite objective"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if rows, err := db.Reader().Leaderboard(t.Context(), "one", 2, ""); err != nil || len(rows) != 2 || rows[1].Point != 2 {
		t.Errorf("the first two: %+v, %v", rows, err)
	}
}

// The intervals and ties of the tables and views are those of package rank, for
// samples of every shape: few and many, equal to the bit, without spread, far
// from 0, where a sum of squares would cancel.
func TestIntervalsAndTiesAreThoseOfRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, goal := range []sweep.Goal{sweep.Minimize, sweep.Maximize} {
		db, s := newStore(t, testSpec("one", goal))
		var batch []sweep.Event
		samples := map[int64]rank.Sample{}
		id := sweep.TrialID(0)
		for p := int64(1); p <= 80; p++ {
			base, spread := []float64{0, 1, 1e9, -1e-9}[rng.IntN(4)], []float64{0, 1e-12, 1, 1e6}[rng.IntN(4)]
			var sample rank.Sample
			n := 1 + rng.IntN(9)
			for range n {
				id++
				v := base + spread*rng.NormFloat64()
				sample = sample.Add(v)
				batch = append(batch, repeat(id, sweep.PointID(p), n), started(id, 1), finished(id, v))
			}
			samples[p] = sample
		}
		must(t, s.Record(t.Context(), batch...))
		var best rank.Sample
		n := 0
		must(t, db.Reader().each(t.Context(), "select rank, point, n, mean, std, low, high, tie from leaderboard order by rank", nil, func(row []driver.Value) error {
			n++
			mine := samples[asInt(row[1])]
			if asInt(row[0]) == 1 {
				best = mine
			}
			low, high, known := mine.Interval()
			tol := 1e-9 * (math.Abs(mine.Mean) + math.Sqrt(mine.M2)) // another order of sums
			for i, want := range map[int]float64{3: mine.Mean, 4: mine.Std(), 5: low, 6: high} {
				if i > 3 && !known {
					if row[i] != nil {
						t.Errorf("point %d with one run: column %d is %v, want null", asInt(row[1]), i, row[i])
					}
				} else if math.Abs(asFloat(row[i])-want) > tol {
					t.Errorf("point %d: column %d is %v, want %v", asInt(row[1]), i, row[i], want)
				}
			}
			_, _, p := rank.Welch(best, mine)
			switch tie, known := rank.Ties(best, mine); {
			case asInt(row[0]) == 1:
				if asInt(row[7]) != 1 {
					t.Error("the best does not tie with itself")
				}
			case !known:
				if row[7] != nil {
					t.Errorf("point %d: tie %v, want null: a side ran once", asInt(row[1]), row[7])
				}
			case math.Abs(p-rank.Alpha) > 1e-3 && (asInt(row[7]) == 1) != tie: // q is interpolated
				t.Errorf("point %d: tie %v, want %v: p is %g", asInt(row[1]), row[7], tie, p)
			}
			return nil
		}))
		if n != 80 {
			t.Errorf("%d points rank, want 80", n)
		}
	}
}

// More values in one post than are inserted at once, and more trials in one
// transaction than have a prepared statement, are all there.
func TestLargePosts(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	const n = heldMetrics/9 + 1000
	reports := make([]sweep.Report, n)
	for i := range reports {
		reports[i] = loss(int64(i), float64(i))
	}
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: reports, Events: []sweep.Event{finished(1, n-1)}})
	must(t, s.Flush(t.Context()))
	if got, want := table(t, db.Reader(), "select count(*), sum(step), max(value) from metrics"), fmt.Sprintf("%d|%d|%d", n, n*(n-1)/2, n-1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wantVerified(t, db, "one")
}

// Names that clash whatever is put before them get numbers.
func TestColumnNamesThatClashTwice(t *testing.T) {
	spec := testSpec("one")
	spec.Space.Params = []sweep.Param{{Name: "loss"}, {Name: "metric.loss"}, {Name: "metric.loss_2"}}
	db, s := newStore(t, spec)
	p := proposed(1)
	p.Params = `{"loss":1,"metric.loss":2,"metric.loss_2":3}`
	end(t, s, p, finished(1, 10), loss(3, 10))
	rows, err := db.Reader().Query(t.Context(), `select * from "one"`)
	must(t, err)
	defer rows.Close()
	if got := strings.Join(rows.Columns[4:], ","); got != "loss,metric.loss,metric.loss_2,metric.loss_3" {
		t.Errorf("got %s", got)
	}
	if rows.Next(); fmt.Sprint(rows.Row()[4:]) != "[1 2 3 10]" {
		t.Errorf("got %v", rows.Row())
	}
}

// All rows of a sweep, or those of one expression: anything beside it, or more
// than one, is no part of the query.
func TestAllRows(t *testing.T) {
	db, s := newStore(t, testSpec(`o"ne`))
	for id := sweep.TrialID(1); id <= 4; id++ {
		end(t, s, proposed(id), finished(id, float64(5-id)), loss(3, float64(5-id)))
	}
	for _, tt := range []struct{ where, want string }{
		{"", "1,2,3,4"}, {"loss < 3", "3,4"}, {"lr > 0.001 -- and more", "2,3,4"}, {"trial = 2 or trial = 1", "1,2"}, {"0", ""},
	} {
		q, err := AllRows(`o"ne`, tt.where)
		must(t, err)
		rows, err := db.Reader().Query(t.Context(), q)
		if err != nil {
			t.Errorf("%q: %v", tt.where, err)
			continue
		}
		var got []string
		for rows.Next() {
			got = append(got, fmt.Sprint(rows.Row()[0]))
		}
		must(t, rows.Err())
		rows.Close()
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%q: got %v, want %s", tt.where, got, tt.want)
		}
	}
	for _, where := range []string{"1) or (1", "1; drop table t_trials", ""} {
		if _, err := AllRows("x", where); (err == nil) != (where == "") {
			t.Errorf("%q: got %v", where, err)
		}
	}
}

// A reader whose connections are all in use waits for one, as long as its
// context lets it, and until it is closed.
func TestReadersWaitForAConnection(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	r, err := OpenRead(t.Context(), db.Path())
	must(t, err)
	var held []*Rows
	for range readers {
		rows, err := r.Query(t.Context(), "select 1")
		must(t, err)
		held = append(held, rows)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Sweep(ctx, "one"); !isCanceled(err) {
		t.Errorf("while all are in use: got %v, want the end of the context", err)
	}
	for _, rows := range held {
		must(t, rows.Close())
		if err := rows.Close(); err != nil { // once more is nothing
			t.Error(err)
		}
	}
	if row, err := r.Sweep(t.Context(), "one"); err != nil || row.Finished != 1 {
		t.Errorf("afterwards: %+v, %v", row, err)
	}
	must(t, r.Close())
	if _, err := r.Sweep(t.Context(), "one"); err == nil {
		t.Error("a closed reader reads")
	}
}
