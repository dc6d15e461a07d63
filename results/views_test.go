package results

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// The public views have at least the columns that are documented, by name.
func TestViewsHaveTheirColumns(t *testing.T) {
	db, s := newStore(t, testSpec("mnist"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	for view, want := range map[string]string{
		"sweeps":           "id name method metric goal state trials finished failed pruned diverged best best_trial seconds created_at spec",
		"trials":           "sweep id state class objective params attempts seconds cpu_seconds max_rss_mb gpu_seconds started_at ended_at reason point seed revision code directory",
		"params":           "sweep trial name value number",
		"metrics":          "sweep trial attempt name step value kind seconds",
		"leaderboard":      "sweep rank point trial objective n planned mean std low high tie params",
		"attempts":         "sweep trial attempt state class requeue host code signal started_at ended_at argv directory",
		"decisions":        "sweep at decision trial attempt reason inputs",
		"events":           "seq sweep at kind trial attempt data",
		`"mnist"`:          "trial state rank objective lr opt units loss",
		`"mnist/all"`:      "trial state rank objective class reason lr opt units loss",
		`"mnist/points"`:   "rank n planned mean std low high tie lr opt units",
		`"mnist" limit 0`:  "trial state",
		`sweeps as s`:      "name",
		`"Mnist"`:          "trial", // SQL folds case, so a sweep does
		`main."mnist/all"`: "trial",
	} {
		rows, err := db.Reader().Query(t.Context(), "select * from "+view)
		if err != nil {
			t.Errorf("%s: %v", view, err)
			continue
		}
		has := map[string]bool{}
		for _, c := range rows.Columns {
			has[c] = true
		}
		for _, c := range strings.Fields(want) {
			if !has[c] {
				t.Errorf("%s: no column %s; it has %v", view, c, rows.Columns)
			}
		}
		must(t, rows.Close())
	}
}

// kinds is a sweep with one trial for each kind of objective, ascending:
// finite, NaN, +Inf, -Inf, and none.
func kinds(t *testing.T, goal sweep.Goal) *DB {
	t.Helper()
	db, s := newStore(t, testSpec("one", goal))
	for i, v := range []float64{0.5, nan, math.Inf(1), math.Inf(-1)} {
		id := sweep.TrialID(i + 1)
		e := finished(id, v)
		if !isFinite(v) {
			e.State, e.Reason = sweep.Diverged, "the last report is "+sweep.KindOf(v)
		}
		end(t, s, proposed(id), e, loss(3, v))
	}
	e := finished(5, 0)
	e.State, e.Class, e.HasObjective = sweep.Failed, sweep.ClassNoObjective, false
	end(t, s, proposed(5), e)
	return db
}

// What is not finite is NULL with a kind, and never comes first.
func TestNonFiniteInEveryView(t *testing.T) {
	for _, goal := range []sweep.Goal{sweep.Minimize, sweep.Maximize} {
		db := kinds(t, goal)
		for q, want := range map[string]string{
			"select id, objective, kind, state from trials order by id":                   "1|0.5|finite|finished\n2|NULL|nan|diverged\n3|NULL|inf|diverged\n4|NULL|-inf|diverged\n5|NULL|NULL|failed",
			"select trial, value, kind from metrics order by trial":                       "1|0.5|finite\n2|NULL|nan\n3|NULL|inf\n4|NULL|-inf",
			`select trial, objective, loss from "one"`:                                    "1|0.5|0.5",
			`select trial, rank, objective, loss from "one/all" order by rank`:            "1|1|0.5|0.5\n2|2|NULL|NULL\n3|3|NULL|NULL\n4|4|NULL|NULL\n5|5|NULL|NULL",
			`select rank, n, mean, low from "one/points" order by rank is null, rank, lr`: "1|1|0.5|NULL\nNULL|0|NULL|NULL\nNULL|0|NULL|NULL\nNULL|0|NULL|NULL\nNULL|0|NULL|NULL",
			"select rank, trial, objective from leaderboard":                              "1|1|0.5",
			"select best, best_trial, finished, diverged, failed from sweeps":             "0.5|1|1|3|1",
		} {
			if got := table(t, db.Reader(), q); got != want {
				t.Errorf("%v: %s\n got %s\nwant %s", goal, q, got, want)
			}
		}
		wantVerified(t, db, "one")
	}
}

// The values themselves come back from the reader, of every kind.
func TestNonFiniteIsRead(t *testing.T) {
	db := kinds(t, sweep.Minimize)
	rows, err := db.Reader().Trials(t.Context(), "one", Filter{})
	must(t, err)
	for i, want := range []float64{0.5, nan, math.Inf(1), math.Inf(-1)} {
		got := rows[i].Objective
		if !got.Valid || got.V != want && !(math.IsNaN(want) && math.IsNaN(got.V)) {
			t.Errorf("trial %d: got %+v, want %g", i+1, got, want)
		}
		one, err := db.Reader().Trial(t.Context(), "one", rows[i].ID)
		must(t, err)
		if v := one.Metrics["loss"]; v != want && !(math.IsNaN(want) && math.IsNaN(v)) {
			t.Errorf("trial %d: last loss %g, want %g", i+1, v, want)
		}
	}
	if rows[4].Objective.Valid {
		t.Errorf("without an objective: got %+v", rows[4].Objective)
	}
	for f, want := range map[Float]string{{}: "null", {V: 0.5, Valid: true}: "0.5", {V: math.Inf(-1), Valid: true}: `"-Infinity"`} {
		if b, err := f.MarshalJSON(); err != nil || string(b) != want {
			t.Errorf("%+v: got %s, %v, want %s", f, b, err, want)
		}
	}
}

func TestParamsView(t *testing.T) {
	spec := testSpec("one")
	spec.Space.Params = []sweep.Param{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}, {Name: "f"}}
	db, s := newStore(t, spec)
	p := proposed(1)
	p.Params = `{"a":1,"b":2.5,"c":"x","d":true,"e":null,"f":[1,2]}`
	end(t, s, p, finished(1, 1))
	if got, want := table(t, db.Reader(), "select name, value, number from params order by name"), "a|1|1\nb|2.5|2.5\nc|x|NULL\nd|1|1\ne|NULL|NULL\nf|[1,2]|NULL"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := table(t, db.Reader(), `select a, b, c, d, e, f from "one"`); got != "1|2.5|x|1|NULL|[1,2]" && got != "1|2.5|x|true|NULL|[1,2]" {
		t.Errorf("got %s", got)
	}
}

// The journal is told in words by attempts, decisions and events.
func TestHistoryViews(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	p := proposed(1)
	p.Note = "startup"
	must(t, s.Record(t.Context(), p, started(1, 1)))
	must(t, s.Record(t.Context(), &sweep.Stopping{Trial: 1, Attempt: 1, Why: sweep.StopPrune, Reason: "worse than the median", Inputs: `{"step":3}`}))
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Events: []sweep.Event{&sweep.Ended{Trial: 1, Attempt: 1, State: sweep.Queued, Requeue: sweep.RequeueRetry, Reason: "exit 1",
		Exit: sweep.Exit{Code: 1, StartedAt: 1_000_000, EndedAt: 1_500_000, CPUSeconds: 0.25, MaxRSSMB: 7}}}})
	must(t, s.Flush(t.Context()))
	must(t, s.Record(t.Context(), started(1, 2)))
	for q, want := range map[string]string{
		"select attempt, state, requeue, reason, host, code, seconds, cpu_seconds, max_rss_mb, argv, token from attempts order by attempt": `1|queued|retry|exit 1|here|1|0.5|0.25|7|["train"]|tok
2|running|NULL|NULL|here|NULL|NULL|NULL|NULL|["train"]|tok`,
		"select decision, trial, attempt, reason, inputs from decisions order by seq":                    "suggest|1|NULL|startup|NULL\nprune|1|1|worse than the median|{\"step\":3}",
		"select group_concat(kind, ' ') from (select kind from events where sweep = 'one' order by seq)": "spec proposed started stopping ended started",
		"select state, attempts, seconds, class from trials":                                             "running|2|0.5|NULL",
		"select trials, running, queued from sweeps":                                                     "1|1|0",
	} {
		if got := table(t, db.Reader(), q); got != want {
			t.Errorf("%s\n got %s\nwant %s", q, got, want)
		}
	}
}

// Programs that only want the columns of a view ask for no row of it, in words of
// their own.
func TestViewsWithoutARow(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	must(t, s.Record(t.Context(), proposed(2), started(2, 1), proposed(3)))
	wheres := []string{"0", "(0 = 1)", "false", "1 limit 0", "null", "1 and 0"}
	if raced {
		wheres = wheres[:1]
	}
	for _, view := range slices.Concat(publicViews, []string{"one", "one/all", "one/points"}) {
		for _, where := range wheres {
			rows, err := db.Reader().Query(t.Context(), fmt.Sprintf("select * from %q where %s", view, where))
			if err != nil {
				t.Errorf("%s where %s: %v", view, where, err)
				continue
			}
			if rows.Next() || rows.Err() != nil || len(rows.Columns) < 5 {
				t.Errorf("%s where %s: a row, %v, or too few columns: %v", view, where, rows.Err(), rows.Columns)
			}
			rows.Close()
		}
	}
}
