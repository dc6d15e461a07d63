package results

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Whoever posts while the store is closed neither hangs nor loses what was
// posted before; after the database is closed every call says so.
func TestClosingWhilePosting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	db := openDB(t, path)
	s := claim(t, db, testSpec("one"))
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	const n = 200
	for i := range n {
		s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: []sweep.Report{loss(int64(i), 1)}})
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range n {
				s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: []sweep.Report{{Name: "late", Step: int64(g*n + i), Value: 1}}})
			}
		})
	}
	must(t, s.Close())
	wg.Wait()
	for range s.Acks() { // closed, so this ends
	}
	must(t, db.Close())
	s.Post(sweep.Post{Trial: 1, Mark: "too late"})
	for what, err := range map[string]error{
		"Record": s.Record(t.Context(), proposed(2)), "Flush": s.Flush(t.Context()),
		"RecordPosts": s.RecordPosts(t.Context(), []sweep.Event{proposed(2)}, nil),
		"Rebuild":     db.Rebuild(t.Context(), "one"),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: got %v, want ErrClosed", what, err)
		}
	}
	if err := s.Record(t.Context()); err != nil {
		t.Errorf("nothing to record: got %v", err)
	}
	again := openDB(t, path)
	if got := table(t, again.Reader(), "select count(*) from metrics where name = 'loss'"); got != "200" {
		t.Errorf("got %s of the 200 reports that were posted before Close", got)
	}
	wantVerified(t, again, "one")
}

func TestClaimErrors(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "trawl.db"))
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := db.Claim(t.Context(), testSpec("one"), file); err == nil || !strings.Contains(err.Error(), "claim sweep one") {
		t.Errorf("the directory is a file: got %v", err)
	}
	runs := filepath.Join(t.TempDir(), "runs")
	s, err := db.Claim(t.Context(), testSpec("one"), runs)
	must(t, err)
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Claim(ctx, testSpec("one"), runs); !errors.Is(err, context.Canceled) {
		t.Errorf("without time to wait: got %v", err)
	}
	if s.ID() < 1 || s.Name() != "one" || s.DB() != db {
		t.Errorf("got %d %s", s.ID(), s.Name())
	}
}

func TestOwnerOfNothing(t *testing.T) {
	dir := t.TempDir()
	if who, owned := Owner(dir); owned || who != "" {
		t.Errorf("a directory without a lock: got %q, %v", who, owned)
	}
	if _, err := os.Stat(lockPath(dir)); err == nil {
		t.Error("asking made a lock")
	}
	must(t, os.WriteFile(lockPath(dir), []byte("pid 1 on elsewhere\n"), 0o600)) // left by one that was killed
	if who, owned := Owner(dir); owned || who != "" {
		t.Errorf("a lock that nobody holds: got %q, %v", who, owned)
	}
	e := &OwnedError{Sweep: "one", Owner: "pid 7 on here"}
	if got := e.Error(); got != "sweep one is run by another trawl: pid 7 on here" {
		t.Errorf("got %q", got)
	}
}

// On a network file system one process has the file for itself; its own reads,
// requests and exports work all the same.
func TestExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	db, err := Open(t.Context(), path, Options{Create: true, Now: clock(), GroupDelay: -1, exclusive: true})
	must(t, err)
	defer db.Close()
	if !strings.Contains(db.Notice(), "locked for this process alone") {
		t.Errorf("notice: got %q", db.Notice())
	}
	s := claim(t, db, testSpec("one"))
	end(t, s, proposed(1), finished(1, 0.5), loss(3, 0.5))
	if row, err := db.Reader().Sweep(t.Context(), "one"); err != nil || row.Finished != 1 {
		t.Errorf("got %+v, %v", row, err)
	}
	id, err := db.Request(t.Context(), "one", "pause", "")
	must(t, err)
	reqs, err := s.Requests(t.Context())
	if err != nil || len(reqs) != 1 {
		t.Errorf("requests: got %v, %v", reqs, err)
	}
	must(t, s.Done(t.Context(), id, "paused"))
	if text, done, err := db.Answer(t.Context(), id); text != "paused" || !done || err != nil {
		t.Errorf("answer: got %q, %v, %v", text, done, err)
	}
	dst := filepath.Join(t.TempDir(), "copy.db")
	must(t, db.ExportSQLite(t.Context(), dst))
	copied, err := OpenRead(t.Context(), dst)
	must(t, err)
	defer copied.Close()
	if got := table(t, copied, "select loss from one"); got != "0.5" {
		t.Errorf("copy: got %s", got)
	}
	wantVerified(t, db, "one")
}

// Two that open an old file at once migrate it once, and both go on.
func TestMigrationByTwo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	db := openDB(t, path)
	s := claim(t, db, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	must(t, errors.Join(s.Close(), db.Close()))
	last := migrations()[len(migrations())-1].version
	bak := fmt.Sprintf("%s.bak-v%d", path, last)
	must(t, os.WriteFile(bak, []byte("left by a migration that was killed"), 0o600))
	next := append(migrations(), migration{last + 1, "create table t_count (n integer); insert into t_count values (1)"})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			db, err := Open(t.Context(), path, Options{Now: clock(), migration: next})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if got := table(t, db.Reader(), "select count(*), (select loss from one) from t_count"); got != "1|1" {
				t.Errorf("got %s, want 1|1", got)
			}
		})
	}
	wg.Wait()
	old, err := OpenRead(t.Context(), bak)
	must(t, err)
	defer old.Close()
	if got := table(t, old, "select (select loss from one), (select count(*) from sqlite_master where name = 't_count')"); got != "1|0" {
		t.Errorf("the copy: got %s, want that of version %d", got, last)
	}
	if left, err := filepath.Glob(bak + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A new sweep file adds columns and keeps the rows; many at once are no slower
// way to the same table.
func TestColumnsAreAdded(t *testing.T) {
	for _, more := range []int{1, manyColumns + 5} {
		spec := testSpec("one")
		db, s := newStore(t, spec)
		end(t, s, proposed(1), finished(1, 1), loss(3, 1))
		space := *spec.Space
		for i := range more {
			space.Params = append(space.Params, sweep.Param{Name: "p" + strings.Repeat("x", i), Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 0, Max: 9, Ints: true}})
		}
		next := *spec
		next.Space = &space
		must(t, s.Revise(t.Context(), &sweep.SpecSet{Revision: 2, Doc: "{}", Why: "extend"}, &next))
		p := proposed(2)
		p.Revision, p.Params = 2, `{"lr":0.5,"opt":"adam","units":2,"p":7}`
		end(t, s, p, finished(2, 0.5), loss(3, 0.5))
		if got, want := table(t, db.Reader(), `select trial, lr, opt, units, p, loss from "one" order by trial`), "1|0.001|sgd|1|NULL|1\n2|0.5|adam|2|7|0.5"; got != want {
			t.Errorf("%d more: got %s\nwant %s", more, got, want)
		}
		wantVerified(t, db, "one")
	}
}
