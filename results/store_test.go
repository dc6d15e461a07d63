package results

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-sweep/trawl/sweep"
)

func TestEntriesComeBack(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	events := []sweep.Event{
		proposed(1), started(1, 1),
		&sweep.Stopping{Trial: 1, Attempt: 1, Why: sweep.StopPrune, Reason: "worse", Inputs: "{}"},
		&sweep.Ended{Trial: 1, Attempt: 1, State: sweep.Pruned, HasObjective: true, Objective: nan, Others: []float64{math.Inf(1), 2}},
		&sweep.Requeued{Trial: 1, Reason: "retry"},
		&sweep.Note{What: "paused", State: "paused"},
	}
	for _, e := range events {
		must(t, s.Record(t.Context(), e))
	}
	var got []sweep.Event
	last := int64(0)
	for e, err := range s.Entries(t.Context()) {
		must(t, err)
		if e.Seq <= last || e.At == 0 {
			t.Errorf("entry %d after %d at %d: want ascending and stamped", e.Seq, last, e.At)
		}
		last = e.Seq
		got = append(got, e.Event)
	}
	if d := cmp.Diff(events, got[1:], cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	row, err := db.Reader().Sweep(t.Context(), "one")
	must(t, err)
	if row.State != "paused" || row.Revision != 1 || row.Dir != "/tmp" || row.Queued != 1 {
		t.Errorf("got %+v", row)
	}
	wantVerified(t, db, "one")
}

func TestAcksFollowPostsInOrder(t *testing.T) {
	_, s := newStore(t, testSpec("one"))
	const n = 300
	var evs []sweep.Event
	for i := range n {
		evs = append(evs, proposed(sweep.TrialID(i+1)), started(sweep.TrialID(i+1), 1))
	}
	must(t, s.Record(t.Context(), evs...))
	for i := range n {
		s.Post(sweep.Post{Trial: sweep.TrialID(i + 1), Attempt: 1, Events: []sweep.Event{finished(sweep.TrialID(i+1), float64(i))}})
	}
	// A Record does not wait for somebody to read the acks.
	must(t, s.Record(t.Context(), proposed(n+1)))
	for i := range n {
		a := <-s.Acks()
		if a.Err != nil || a.Post.Trial != sweep.TrialID(i+1) {
			t.Fatalf("ack %d: got trial %d, %v", i, a.Post.Trial, a.Err)
		}
	}
}

func TestRecordDoesNotOvertakePosts(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	db.w.delay = time.Hour
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Events: []sweep.Event{&sweep.Ended{Trial: 1, Attempt: 1, State: sweep.Queued, Requeue: sweep.RequeueRetry}}})
	must(t, s.Record(t.Context(), started(1, 2)))
	got := table(t, db.Reader(), "select kind, attempt from t_journal order by seq")
	if want := "spec|0\nproposed|0\nstarted|1\nended|1\nstarted|2"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestSynchronousIsWhatItSays(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	level := func() (v int64) {
		must(t, db.w.submit(t.Context(), &op{kind: opRaw, fn: func(c *conn) (err error) {
			v, err = c.int("pragma synchronous")
			return err
		}}))
		return v
	}
	if got := level(); got != 1 {
		t.Errorf("after Record: synchronous = %d, want 1 (normal)", got)
	}
	end(t, s, proposed(1), finished(1, 1))
	if got := level(); got != 2 {
		t.Errorf("after a group: synchronous = %d, want 2 (full)", got)
	}
	must(t, s.Record(t.Context(), proposed(2)))
	if got := level(); got != 1 {
		t.Errorf("after Record: synchronous = %d, want 1 (normal)", got)
	}
}

func TestRecordPostsIsSyncedSoon(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	must(t, s.RecordPosts(t.Context(), []sweep.Event{proposed(1), started(1, 1)},
		[]sweep.Post{{Trial: 1, Attempt: 1, Events: []sweep.Event{finished(1, 2)}, Reports: []sweep.Report{loss(3, 2)}}}))
	lag := true
	must(t, db.w.submit(t.Context(), &op{kind: opRaw, fn: func(*conn) error { lag = db.w.lag; return nil }}))
	if !lag {
		t.Error("posts were not left to be synced later")
	}
	must(t, s.Close())
	if got := table(t, db.Reader(), `select state, objective, loss from "one"`); got != "finished|2|2" {
		t.Errorf("got %s", got)
	}
	if err := db.Close(); err != nil || db.w.lag {
		t.Errorf("closed with lag = %v, %v", db.w.lag, err)
	}
}

// hold takes the write lock with a connection of its own.
func hold(t *testing.T, db *DB) (release func()) {
	t.Helper()
	c, err := dial(t.Context(), dsn(db.Path()))
	must(t, err)
	must(t, patient(t.Context(), func() error { return c.text("begin immediate") }))
	return sync.OnceFunc(func() { must(t, errors.Join(c.text("rollback"), c.close())) })
}

func TestForeignLockDelaysOnly(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	release := hold(t, db)
	defer release()
	for i := range 50 { // none of these waits
		s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: []sweep.Report{loss(int64(i), float64(i))}})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	if err := s.Record(ctx, proposed(2)); !isCanceled(err) {
		t.Fatalf("Record under a foreign lock: got %v, want the end of its context", err)
	}
	if reqs, err := s.Requests(t.Context()); err != nil || len(reqs) != 0 {
		t.Errorf("Requests under a foreign lock: %v, %v", reqs, err)
	}
	release()
	must(t, s.Record(t.Context(), proposed(3)))
	must(t, s.Flush(t.Context()))
	if got := table(t, db.Reader(), "select group_concat(id) from t_trials union all select count(*) from t_metrics"); got != "1,3\n50" {
		t.Errorf("got %s; want trials 1,3 (2 was withdrawn) and 50 reports", got)
	}
}

func TestFullDiskLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	db := openDB(t, path)
	s := claim(t, db, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1))
	<-s.Acks()
	limit := func(n string) {
		must(t, db.w.submit(t.Context(), &op{kind: opRaw, fn: func(c *conn) error { return c.text("pragma max_page_count = " + n) }}))
	}
	limit("1") // the size that it has: SQLite answers like a full disk
	must(t, s.Record(t.Context(), &sweep.Note{What: "x"}))
	big := sweep.Post{Trial: 1, Events: []sweep.Event{&sweep.Note{What: "big", Text: strings.Repeat("x", 1<<20)}}}
	s.Post(big)
	s.Post(big)
	for range 2 {
		if a := <-s.Acks(); !broken(a.Err) {
			t.Fatalf("got %v, want a full disk", a.Err)
		}
	}
	limit("1000000")
	if err := s.Record(t.Context(), proposed(2)); err == nil {
		t.Error("written after the end")
	}
	s.Post(sweep.Post{Trial: 1, Mark: "late"})
	if a := <-s.Acks(); a.Err == nil {
		t.Error("acknowledged after the end")
	}
	s.Close()
	db.Close()
	db = openDB(t, path)
	s = claim(t, db, testSpec("one"))
	end(t, s, proposed(2), finished(2, 0.5))
	if got := table(t, db.Reader(), `select trial, objective from "one" order by rank`); got != "2|0.5\n1|1" {
		t.Errorf("got %s", got)
	}
	wantVerified(t, db, "one")
}

func TestOwnership(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "trawl.db"))
	runs := filepath.Join(t.TempDir(), "runs")
	s, err := db.Claim(t.Context(), testSpec("one"), runs)
	must(t, err)
	who, owned := Owner(runs)
	if !owned || !strings.HasPrefix(who, fmt.Sprintf("pid %d on ", os.Getpid())) {
		t.Errorf("owner: %q, %v", who, owned)
	}
	_, err = db.Claim(t.Context(), testSpec("one"), runs)
	if o, ok := errors.AsType[*OwnedError](err); !ok || o.Owner != who || o.Sweep != "one" {
		t.Fatalf("second claim: %v", err)
	}
	must(t, s.Close())
	if _, owned := Owner(runs); owned {
		t.Error("owned after Close")
	}
	s, err = db.Claim(t.Context(), testSpec("one"), runs)
	must(t, err)
	must(t, s.Close())
	must(t, s.Close())
}

// Two databases opened on one file stand for two processes.
func TestTwoSweepsInOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	const n = 100
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		db := openDB(t, path)
		s := claim(t, db, testSpec(name))
		wg.Go(func() {
			for id := sweep.TrialID(1); id <= n; id++ {
				if err := s.Record(t.Context(), proposed(id), started(id, 1)); err != nil {
					t.Error(err)
					return
				}
				s.Post(sweep.Post{Trial: id, Attempt: 1, Events: []sweep.Event{finished(id, float64(id))}, Reports: []sweep.Report{loss(3, float64(id))}})
			}
			if err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := openDB(t, path)
	if got, want := table(t, db.Reader(), "select name, trials, finished, best from sweeps order by name"), "a|100|100|1\nb|100|100|1"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for _, name := range []string{"a", "b"} {
		wantVerified(t, db, name)
	}
}

func TestTwoStoresShareAWriter(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "trawl.db"))
	a, b := claim(t, db, testSpec("a")), claim(t, db, testSpec("b"))
	for _, s := range []*Store{a, b} {
		must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
		s.Post(sweep.Post{Trial: 1, Attempt: 1, Events: []sweep.Event{finished(1, 7)}})
	}
	for _, s := range []*Store{a, b} {
		must(t, s.Flush(t.Context()))
		if k := <-s.Acks(); k.Err != nil {
			t.Error(k.Err)
		}
	}
	if got := table(t, db.Reader(), "select sweep, objective from trials"); got != "a|7\nb|7" {
		t.Errorf("got %s", got)
	}
}

func TestNames(t *testing.T) {
	db, _ := newStore(t, testSpec("Mnist"))
	for _, name := range []string{"", "12", "sqlite_x", "Trials", "t_trials", "x/all", "x/points", "a\x00b", "mnist"} {
		if _, err := db.Claim(t.Context(), testSpec(name), t.TempDir()); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	for _, name := range []string{`q"uo'te`, "mnist-clip", "12a", "über", "a b"} {
		s := claim(t, db, testSpec(name))
		end(t, s, proposed(1), finished(1, 1), loss(3, 1))
		if got := table(t, db.Reader(), "select trial, loss from "+quote(name+"/all")); got != "1|1" {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func TestRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	s := claim(t, openDB(t, path), testSpec("one"))
	other := openDB(t, path)
	if _, err := other.Request(t.Context(), "none", "stop", ""); !errors.Is(err, ErrNoSweep) {
		t.Errorf("got %v", err)
	}
	reqs, err := s.Requests(t.Context())
	must(t, err)
	if len(reqs) != 0 {
		t.Errorf("got %v", reqs)
	}
	id, err := other.Request(t.Context(), "one", "set", "parallel=2")
	must(t, err)
	for range 2 { // until it is done
		reqs, err = s.Requests(t.Context())
		must(t, err)
		if len(reqs) != 1 || reqs[0].ID != id || reqs[0].Verb != "set" || reqs[0].Arg != "parallel=2" {
			t.Fatalf("got %v", reqs)
		}
	}
	if _, done, err := other.Answer(t.Context(), id); done || err != nil {
		t.Errorf("done %v, %v", done, err)
	}
	must(t, s.Done(t.Context(), id, "ok"))
	if a, done, err := other.Answer(t.Context(), id); !done || a != "ok" || err != nil {
		t.Errorf("%q, %v, %v", a, done, err)
	}
	reqs, err = s.Requests(t.Context())
	if err != nil || len(reqs) != 0 {
		t.Errorf("got %v, %v", reqs, err)
	}
}

func TestRevise(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	spec := testSpec("one", sweep.Maximize)
	spec.Space.Params = append(spec.Space.Params, sweep.Param{Name: "loss"}, sweep.Param{Name: "clip", Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}})
	must(t, s.Revise(t.Context(), &sweep.SpecSet{Revision: 2, Doc: "{}", Digest: "d2", Why: "extend"}, spec))
	p := proposed(2)
	p.Params = `{"clip":0.5,"loss":"mse","lr":0.1,"opt":"adam","units":3}`
	end(t, s, p, finished(2, 5), loss(3, 5))
	if got, want := table(t, db.Reader(), `select trial, rank, clip, loss, "param.loss" from "one" order by rank`), "2|1|0.5|5|mse\n1|2|NULL|1|NULL"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	row, err := db.Reader().Sweep(t.Context(), "1")
	must(t, err)
	if row.Revision != 2 || row.Goal != "maximize" || row.Digest != "d2" {
		t.Errorf("got %+v", row)
	}
}

func TestNetworkFileSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	db, err := Open(t.Context(), path, Options{Create: true, Now: clock(), exclusive: true})
	must(t, err)
	defer db.Close()
	if !strings.Contains(db.Notice(), "network") || strings.Contains(db.Notice(), "\n") {
		t.Errorf("notice %q", db.Notice())
	}
	s := claim(t, db, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	if got := table(t, db.Reader(), `select trial, loss from "one"`); got != "1|1" {
		t.Errorf("got %s", got)
	}
	if _, err := s.Requests(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + "-shm"); err == nil {
		t.Error("shared memory was used")
	}
	must(t, s.Close())
}
