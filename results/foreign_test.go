package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func makeForeign(t *testing.T, path string, n int) {
	t.Helper()
	must(t, CreateForeign(t.Context(), path, "create table a (id integer primary key, x real, s text); create table b (id integer)", func(f *Filler) error {
		for i := range n {
			if err := errors.Join(f.Insert("a", int64(i), float64(i)/2, nil), f.Insert("b", int64(-i))); err != nil {
				return err
			}
		}
		return nil
	}))
}

func foreignText(t *testing.T, f *Foreign, sql string, args ...any) (string, error) {
	t.Helper()
	rows, err := f.Query(t.Context(), sql, args...)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for rows.Next() {
		fmt.Fprint(&b, rows.Row())
	}
	return b.String(), errors.Join(rows.Err(), rows.Close())
}

func TestForeignRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	makeForeign(t, path, 5000) // more than one bulk of each table
	f, err := OpenForeign(t.Context(), path)
	must(t, err)
	for q, want := range map[string]string{
		"select count(*), sum(x) from a": "[5000 6.24875e+06]", "select count(*), min(id) from b": "[5000 -4999]",
		"select id, x, s from a where id = 3": "[3 1.5 <nil>]",
	} {
		if got, err := foreignText(t, f, q); got != want || err != nil {
			t.Errorf("%s: got %s, %v; want %s", q, got, err, want)
		}
	}
	if got, err := foreignText(t, f, "select x from a where id = ?", 4); got != "[2]" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	for _, q := range []string{"delete from a", "attach 'y' as y", "commit", "pragma query_only = 0"} {
		if _, err := foreignText(t, f, q); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: got %v, want ErrQuery", q, err)
		}
	}
	must(t, f.Close())
	files, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(files) != 1 {
		t.Errorf("beside the database: %v", files)
	}
}

// What is read is the database as it was when it was opened, over several
// queries.
func TestForeignIsOneMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	makeForeign(t, path, 10)
	c, err := dial(t.Context(), dsn(path))
	must(t, err)
	defer c.close()
	must(t, c.text("pragma journal_mode = wal"))
	f, err := OpenForeign(t.Context(), path)
	must(t, err)
	defer f.Close()
	for range 2 {
		if got, err := foreignText(t, f, "select count(*) from a"); got != "[10]" || err != nil {
			t.Errorf("got %s, %v; want 10", got, err)
		}
		must(t, c.text("delete from a"))
	}
}

func TestForeignRefusals(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	must(t, os.WriteFile(text, []byte(strings.Repeat("no database\n", 100)), 0o644))
	for path, want := range map[string]error{text: ErrNotSQLite, dir: ErrNotSQLite, filepath.Join(dir, "nosuch"): fs.ErrNotExist} {
		if _, err := OpenForeign(t.Context(), path); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
	if err := CreateForeign(t.Context(), text, "", nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	if err := CreateForeign(t.Context(), filepath.Join(dir, "no", "such.db"), "", nil); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".such") {
		t.Errorf("got %v, want ErrNotExist and the name that was given", err)
	}
	wrong := errors.New("wrong")
	if err := CreateForeign(t.Context(), filepath.Join(dir, "new.db"), "create table a (x)", func(*Filler) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("got %v, want what fill said", err)
	}
	if files := listing(t, dir); strings.Contains(files, "new.db") {
		t.Errorf("left behind: %s", files)
	}
}

// EachSeries gives what MetricSeries gives one by one, attempts and all.
func TestEachSeries(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	must(t, s.Record(t.Context(), proposed(1), proposed(2), proposed(3)))
	for _, p := range []sweep.Post{
		{Trial: 1, Attempt: 1, Reports: []sweep.Report{loss(0, 5), loss(1, 4), loss(2, 3), {Name: "acc", Step: 1, Value: nan}}},
		{Trial: 1, Attempt: 2, Reports: []sweep.Report{loss(1, 40), loss(3, 30)}},
		{Trial: 1, Attempt: 3, Reports: []sweep.Report{loss(3, 300), {Name: "acc", Step: 0, Value: 1}}},
		{Trial: 3, Attempt: 0, Reports: []sweep.Report{loss(0, 1)}},
	} {
		s.Post(p)
	}
	must(t, s.Flush(t.Context()))
	seen := 0
	must(t, db.Reader().EachSeries(t.Context(), "one", func(trial sweep.TrialID, name string, got []AttemptReport) error {
		want, err := db.Reader().MetricSeries(t.Context(), "one", trial, name)
		must(t, err)
		if fmt.Sprint(got) != fmt.Sprint(want) || len(got) == 0 {
			t.Errorf("trial %d, %s: got %v, want %v", trial, name, got, want)
		}
		seen++
		return nil
	}))
	if seen != 3 {
		t.Errorf("got %d series, want 3", seen)
	}
	if _, err := db.Reader().Sweep(t.Context(), "one"); err != nil {
		t.Error(err)
	}
	if err := db.Reader().EachSeries(t.Context(), "two", nil); !errors.Is(err, ErrNoSweep) {
		t.Errorf("got %v, want ErrNoSweep", err)
	}
}

// A trial with a known outcome has no attempt, counts in the ranking, and the
// tables follow from the journal.
func TestImportedTrials(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	var posts []sweep.Post
	for i, state := range []sweep.State{sweep.Finished, sweep.Pruned, sweep.Failed, sweep.Diverged} {
		p := proposed(sweep.TrialID(i + 1))
		e := &sweep.Ended{Trial: p.Trial, State: state, Reason: "imported", HasObjective: state != sweep.Failed, Objective: 0.5, ObjectiveStep: 1}
		posts = append(posts, sweep.Post{Trial: p.Trial, Events: []sweep.Event{p, e}, Reports: []sweep.Report{loss(0, 1), loss(1, 0.5)}})
	}
	must(t, s.RecordPosts(t.Context(), nil, posts))
	wantVerified(t, db, "one")
	must(t, db.Rebuild(t.Context(), "one"))
	wantVerified(t, db, "one")
	if got, want := table(t, db.Reader(), `select state, attempts, seconds, rank, loss, "NAME" from trials join (select trial as tr, rank, loss, reason as "NAME" from "one/all") on tr = id`),
		"finished|0|0|1|0.5|imported\npruned|0|0|2|0.5|imported\nfailed|0|0|4|0.5|imported\ndiverged|0|0|3|0.5|imported"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
