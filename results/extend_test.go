package results

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// extended is a sweep of three points whose second revision has a parameter
// more and leaves the point of trial 2, the best, outside.
func extended(t *testing.T, goals ...sweep.Goal) (*DB, *Store, *sweep.Spec) {
	t.Helper()
	spec := testSpec("one", goals...)
	db, s := newStore(t, spec)
	for id, v := range map[sweep.TrialID]float64{1: 2, 2: 1, 3: 3} {
		end(t, s, proposed(id), withOthers(finished(id, v), len(goals)), loss(3, v), sweep.Report{Name: "acc", Step: 3, Value: v})
	}
	extend(t, s, spec, []sweep.PointID{2})
	p := proposed(4)
	p.Revision, p.Params = 2, `{"lr":0.004,"opt":"sgd","units":4,"wd":0.5}`
	end(t, s, p, withOthers(finished(4, 2.5), len(goals)), loss(3, 2.5), sweep.Report{Name: "acc", Step: 3, Value: 2.5})
	return db, s, spec
}

func withOthers(e *sweep.Ended, goals int) *sweep.Ended {
	for range goals - 1 {
		e.Others = append(e.Others, e.Objective)
	}
	return e
}

func extend(t *testing.T, s *Store, spec *sweep.Spec, outside []sweep.PointID) {
	t.Helper()
	space := *spec.Space
	space.Params = append(append([]sweep.Param{}, space.Params[:3]...), sweep.Param{Name: "wd", Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}, Was: sweep.FloatValue(0)})
	next := *spec
	next.Space = &space
	row, err := s.db.Reader().Sweep(t.Context(), spec.Name)
	must(t, err)
	must(t, s.Revise(t.Context(), &sweep.SpecSet{Revision: int(row.Revision) + 1, Doc: "{}", Digest: "d", Why: "extend",
		Was: map[string]sweep.Value{"wd": sweep.FloatValue(0)}, Outside: outside}, &next))
}

func TestExtendShowsWhatOldTrialsHad(t *testing.T) {
	db, s, spec := extended(t, sweep.Minimize)
	for _, view := range []string{`"one"`, `"one/all"`} {
		if got, want := table(t, db.Reader(), "select trial, wd, typeof(wd) from "+view+" order by trial"), "1|0|real\n2|0|real\n3|0|real\n4|0.5|real"; got != want {
			t.Errorf("%s: got %s\nwant %s", view, got, want)
		}
	}
	if got, want := table(t, db.Reader(), `select lr, wd from "one/points" order by lr`), "0.001|0\n0.002|0\n0.003|0\n0.004|0.5"; got != want {
		t.Errorf("points: got %s\nwant %s", got, want)
	}
	// A trial that runs has no row of its own yet; nor has an old one that is queued again.
	p := proposed(5)
	p.Revision, p.Params = 2, `{"lr":0.005,"opt":"sgd","units":5,"wd":0.25}`
	must(t, s.Record(t.Context(), p, started(5, 1), &sweep.Requeued{Trial: 1, Reason: "rerun"}))
	if got, want := table(t, db.Reader(), `select trial, state, wd from "one/all" where trial in (1, 5) order by trial`), "1|queued|0\n5|running|0.25"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	// The next revision still says was: the bound stays where the parameter came.
	extend(t, s, spec, nil)
	if got := table(t, db.Reader(), `select trial, wd from "one/all" where trial in (3, 4) order by trial`); got != "3|0\n4|0.5" {
		t.Errorf("after another revision: got %s", got)
	}
	wantVerified(t, db, "one")
}

func TestExtendLeavesPointsOutside(t *testing.T) {
	db, s, spec := extended(t, sweep.Minimize)
	for which, want := range map[string]int64{"one": 1, "1": 1, "nosuch": 0} {
		if got, err := db.Reader().Outside(t.Context(), which); err != nil || got != want {
			t.Errorf("outside of %s: got %d, %v; want %d", which, got, err, want)
		}
	}
	want := "1 1 false  {\"lr\":0.001,\"opt\":\"sgd\",\"units\":1,\"wd\":0.0}\n" +
		"2 4 false  {\"lr\":0.004,\"opt\":\"sgd\",\"units\":4,\"wd\":0.5}\n" +
		"3 3 false  {\"lr\":0.003,\"opt\":\"sgd\",\"units\":3,\"wd\":0.0}\n" +
		"0 2 true 1/1, outside of the space {\"lr\":0.002,\"opt\":\"sgd\",\"units\":2,\"wd\":0.0}"
	for _, by := range []string{"", "acc"} {
		if got := ranking(t, db, 0, by); got != want {
			t.Errorf("by %q: got %s\nwant %s", by, got, want)
		}
		if got := ranking(t, db, 2, by); got != strings.Join(strings.Split(want, "\n")[:2], "\n") {
			t.Errorf("top 2 by %q: got %s", by, got)
		}
	}
	if got := table(t, db.Reader(), "select best, best_trial, finished from sweeps union all select group_concat(point), null, null from leaderboard"); got != "2|1|4\n1,4,3|NULL|NULL" {
		t.Errorf("got %s", got)
	}
	if got := table(t, db.Reader(), `select trial, rank from "one/all" order by rank`); got != "1|1\n4|2\n3|3\n2|4" {
		t.Errorf("got %s", got)
	}
	wantVerified(t, db, "one")

	// It runs again: it stays outside. So it does for another process.
	e := finished(2, 0.5)
	e.Attempt = 2
	must(t, s.Record(t.Context(), &sweep.Requeued{Trial: 2, Reason: "rerun"}, started(2, 2)))
	must(t, s.Close())
	other := openDB(t, db.Path())
	s, err := other.Claim(t.Context(), spec, filepath.Join(t.TempDir(), "runs"))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	s.Post(sweep.Post{Trial: 2, Attempt: 2, Events: []sweep.Event{e}})
	must(t, s.Flush(t.Context()))
	if got := table(t, db.Reader(), "select best_trial from sweeps"); got != "1" {
		t.Errorf("best trial: got %s, want 1", got)
	}
	wantVerified(t, other, "one")

	// A wider space takes it back.
	extend(t, s, spec, []sweep.PointID{1})
	if got := table(t, db.Reader(), "select group_concat(point) from leaderboard"); got != "2,4,3" {
		t.Errorf("ranked: got %s, want 2,4,3", got)
	}
	wantVerified(t, other, "one")
}

func ranking(t *testing.T, db *DB, n int, by string) string {
	t.Helper()
	rows, err := db.Reader().Leaderboard(t.Context(), "one", n, by)
	must(t, err)
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprint(r.Rank, r.Point, " ", r.Outside, " ", r.Note, " ", string(r.Params)))
	}
	return strings.Join(out, "\n")
}

func TestExtendWithOtherGoals(t *testing.T) {
	for _, goals := range [][]sweep.Goal{{sweep.Maximize}, {sweep.Minimize, sweep.Maximize}} {
		db, s, spec := extended(t, goals...)
		must(t, s.Flush(t.Context()))
		wantVerified(t, db, "one")
		if got := table(t, db.Reader(), "select group_concat(point) from (select point from leaderboard order by point)"); got != "1,3,4" {
			t.Errorf("%v: ranked %s, want all but 2", goals, got)
		}
		extend(t, s, spec, nil)
		if got := table(t, db.Reader(), "select count(*) from leaderboard"); got != "4" {
			t.Errorf("%v: %s points rank in the wider space, want 4", goals, got)
		}
		wantVerified(t, db, "one")
	}
}

func TestWasInSQL(t *testing.T) {
	for _, tt := range []struct {
		value sweep.Value
		want  string
	}{
		{sweep.NullValue(), "null"}, {sweep.BoolValue(true), "1"}, {sweep.BoolValue(false), "0"}, {sweep.IntValue(-7), "-7"},
		{sweep.FloatValue(1), "1.0"}, {sweep.FloatValue(1e-9), "1e-09"}, {sweep.FloatValue(nan), "'NaN'"},
		{sweep.StringValue("it's"), "'it''s'"}, {sweep.Value{}, "null"},
	} {
		if got := (was{value: tt.value}).sql(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.value, got, tt.want)
		}
	}
}
