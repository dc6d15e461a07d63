package results

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// Whatever differs from the journal, a cell, a row too many or too few, in
// whichever table: Verify names the table and changes nothing, Rebuild makes every
// table and view what it was.
func TestDamageOfEveryTable(t *testing.T) {
	spec := testSpec("one")
	spec.Repeats.Parameter = "seed"
	db, s := newStore(t, spec)
	must(t, s.Record(t.Context(), &sweep.Note{What: NoteProvenance, Text: `{"code":"abc"}`}))
	for id := sweep.TrialID(1); id <= 6; id++ {
		end(t, s, repeat(id, sweep.PointID(1+(id-1)/2), 2), finished(id, float64(id)), loss(2, 1), loss(3, float64(id)))
	}
	must(t, s.Record(t.Context(), repeat(7, 4, 2), started(7, 1), repeat(8, 4, 2)))
	must(t, s.Close())
	want := publicRows(t, db.Reader())
	wide := wideTable(s.ID())
	for i, tt := range []struct{ table, damage string }{
		{"t_trials", "update t_trials set state = 'failed' where id = 3"},
		{"t_trials", "update t_trials set objective = 0.25 where id = 3"},
		{"t_trials", "update t_trials set params = '{}' where id = 8"},
		{"t_trials", "delete from t_trials where id = 7"},
		{"t_trials", "update t_trials set state = 'queued' where id = 7"},
		{"t_points", "update t_points set n = 1 where id = 2"},
		{"t_points", "update t_points set high = high + 1e-9"},
		{"t_points", "delete from t_points where id = 3"},
		{"t_attempts", "update t_attempts set exit_code = 1 where trial = 1"},
		{"t_attempts", "delete from t_attempts where trial = 2"},
		{"t_attempts", "insert into t_attempts select sweep, trial, 2, start_seq, end_seq, started_at, ended_at, 0, 0, 0, 0, null, null from t_attempts where trial = 1"},
		{"t_series", "update t_series set last = 7 where trial = 1"},
		{"t_series", "delete from t_series where trial = 5"},
		{"t_code", "update t_code set code = 'def'"},
		{wide, "update " + wide + " set lr = 7 where trial = 4"},
		{wide, "update " + wide + " set loss = null where trial = 4"},
		{wide, "delete from " + wide + " where trial = 1"},
		{wide, "insert into " + wide + " (trial) values (99)"},
		{"t_sweeps", "update t_sweeps set finished = 5"},
		{"t_sweeps", "update t_sweeps set trial_time = trial_time + 1"},
		{"t_sweeps", "update t_sweeps set revision = 9"},
	} {
		if raced && i%5 > 0 {
			continue
		}
		must(t, db.do(t.Context(), func(c *conn) error { return c.text(tt.damage) }))
		damaged := table(t, db.Reader(), "select * from "+tt.table)
		diff, err := db.Verify(t.Context(), "one")
		must(t, err)
		seen := false
		for _, d := range diff {
			seen = seen || strings.HasPrefix(d, tt.table+": ")
		}
		if !seen {
			t.Errorf("%s: Verify says %q, want something of %s", tt.damage, diff, tt.table)
		}
		if got := table(t, db.Reader(), "select * from "+tt.table); got != damaged {
			t.Errorf("%s: Verify changed the table", tt.damage)
		}
		must(t, db.Rebuild(t.Context(), "one"))
		if got := publicRows(t, db.Reader()); got != want {
			t.Errorf("%s: after Rebuild:\n%s\nwant\n%s", tt.damage, got, want)
		}
	}
	wantVerified(t, db, "one")
}

// A journal that cannot be read is said with the number of the event, by all who
// read it, and no table is touched.
func TestDamagedJournal(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	must(t, s.Close())
	before := publicRows(t, db.Reader())
	seq := table(t, db.Reader(), "select seq from t_journal where kind = 'ended'")
	sound := table(t, db.Reader(), "select data from t_journal where seq = "+seq)
	must(t, db.do(t.Context(), func(c *conn) error { return c.text("update t_journal set data = '{' where seq = " + seq) }))
	_, verify := db.Verify(t.Context(), "one")
	_, events := db.Reader().Events(t.Context(), "one", 0)
	_, trial := db.Reader().Events(t.Context(), "one", 1)
	for what, err := range map[string]error{"Verify": verify, "Rebuild": db.Rebuild(t.Context(), "one"), "Events": events, "Events of a trial": trial} {
		if err == nil || !strings.Contains(err.Error(), "event "+seq) {
			t.Errorf("%s: got %v, want the number of the event, %s", what, err, seq)
		}
	}
	must(t, db.do(t.Context(), func(c *conn) error {
		_, err := c.exec("update t_journal set data = ? where seq = "+seq, sound)
		return err
	}))
	if got := publicRows(t, db.Reader()); got != before {
		t.Errorf("a table was touched:\n%s\nbefore\n%s", got, before)
	}
	must(t, db.do(t.Context(), func(c *conn) error { return c.text("delete from t_journal where kind = 'spec'") }))
	if _, err := db.Reader().SpecOf(t.Context(), "one", 1); err == nil || !strings.Contains(err.Error(), "is not in the journal") {
		t.Errorf("the spec of a trial: got %v", err)
	}
}

// Of a sweep that there is not, everything says so.
func TestNoSweep(t *testing.T) {
	db, _ := newStore(t, testSpec("one"))
	_, verify := db.Verify(t.Context(), "two")
	_, _, provenance := db.Reader().Provenance(t.Context(), "two", 1)
	_, spec := db.Reader().SpecOf(t.Context(), "two", 1)
	_, trial := db.Reader().Trial(t.Context(), "two", 1)
	_, metrics := db.Reader().Metrics(t.Context(), "two", 1)
	_, series := db.Reader().MetricSeries(t.Context(), "two", 1, "loss")
	_, attempts := db.Reader().Attempts(t.Context(), "two", 1)
	_, events := db.Reader().Events(t.Context(), "two", 0)
	_, running := db.Reader().Running(t.Context(), "two")
	_, board := db.Reader().Leaderboard(t.Context(), "two", 0, "")
	for what, err := range map[string]error{"Verify": verify, "Rebuild": db.Rebuild(t.Context(), "two"), "Remove": db.Remove(t.Context(), "two"),
		"Provenance": provenance, "SpecOf": spec, "Trial": trial, "Metrics": metrics, "MetricSeries": series, "Attempts": attempts, "Events": events,
		"Running": running, "Leaderboard": board} {
		if !errors.Is(err, ErrNoSweep) {
			t.Errorf("%s: got %v, want ErrNoSweep", what, err)
		}
	}
	if _, err := db.Reader().Trial(t.Context(), "one", 7); !errors.Is(err, ErrNoTrial) || !strings.Contains(err.Error(), "there are 0") {
		t.Errorf("no trial: got %v", err)
	}
}

// What a machine could not measure is no number in SQL; what it measured badly,
// not a number or a time before its start, disturbs no sum.
func TestOddMeasurements(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	for id, exit := range []sweep.Exit{
		{StartedAt: 1_000_000, EndedAt: 3_000_000, CPUSeconds: math.NaN(), MaxRSSMB: math.Inf(1), GPUSeconds: math.NaN(), GPUMemMB: math.Inf(-1)},
		{StartedAt: 3_000_000, EndedAt: 1_000_000, CPUSeconds: 1},
		{StartedAt: 5_000_000, EndedAt: 6_000_000, CPUSeconds: 2, MaxRSSMB: 10, GPUSeconds: 0.5, GPUMemMB: 100},
	} {
		e := finished(sweep.TrialID(id)+1, 1)
		e.Exit = exit
		end(t, s, proposed(e.Trial), e, loss(3, 1))
	}
	got := table(t, db.Reader(), "select id, seconds, cpu_seconds, max_rss_mb, gpu_seconds, gpu_mem_mb from trials order by id")
	if want := "1|2|0|0|NULL|NULL\n2|0|1|0|NULL|NULL\n3|1|2|10|0.5|100"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := table(t, db.Reader(), "select trial_seconds from sweeps"); got != "3" {
		t.Errorf("the sum of all: got %s s, want 3", got)
	}
	// One that never ran, as at a reuse, has no attempt.
	e := finished(4, 2)
	e.Attempt, e.Exit = 0, sweep.Exit{}
	must(t, s.Record(t.Context(), proposed(4), e))
	if got := table(t, db.Reader(), "select (select count(*) from attempts where trial = 4), seconds, attempts, objective from trials where id = 4"); got != "0|0|0|2" {
		t.Errorf("one that never ran: got %s", got)
	}
	wantVerified(t, db, "one")
}

// What the loop says of a trial in passing is its reason, until the next start.
func TestReasonsInPassing(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	reason := func() string {
		t.Helper()
		return table(t, db.Reader(), "select state, reason from trials where id = 1")
	}
	must(t, s.Record(t.Context(), &sweep.Stopping{Trial: 1, Attempt: 1, Why: sweep.StopPrune, Reason: "worse than half"}))
	if got := reason(); got != "running|worse than half" {
		t.Errorf("stopping: got %s", got)
	}
	must(t, s.Record(t.Context(), &sweep.Requeued{Trial: 1, Reason: "asked for again"}))
	if got := reason(); got != "running|asked for again" {
		t.Errorf("requeued while it runs: got %s", got)
	}
	queued := &sweep.Ended{Trial: 1, Attempt: 1, State: sweep.Queued, Requeue: sweep.RequeueCrash, Reason: "the machine was gone", Exit: sweep.Exit{StartedAt: 1, EndedAt: 2}}
	must(t, s.Record(t.Context(), queued))
	if got := reason(); got != "queued|the machine was gone" {
		t.Errorf("queued again: got %s", got)
	}
	must(t, s.Record(t.Context(), started(1, 2), &sweep.Note{What: "output_lost", Trial: 1, Text: "7 bytes"}))
	if got := reason(); got != "running|NULL" {
		t.Errorf("started again: got %s", got)
	}
	if got := table(t, db.Reader(), "select attempt, state, requeue from attempts order by 1"); got != "1|queued|crash\n2|running|NULL" {
		t.Errorf("attempts: got %s", got)
	}
	wantVerified(t, db, "one")
}

// To open a database waits for who has its lock, no longer than its context.
func TestOpenWaitsForTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trawl.db")
	other, err := dial(t.Context(), dsn(path))
	must(t, err)
	must(t, other.text("begin exclusive"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if db, err := Open(ctx, path, Options{Create: true, Now: clock()}); !isCanceled(err) {
		t.Errorf("while it is locked: got %v, %v, want the end of the context", db, err)
	}
	opened := make(chan error, 1)
	go func() {
		db, err := Open(t.Context(), path, Options{Create: true, Now: clock()})
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("it was opened under the lock: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	must(t, errors.Join(other.text("rollback"), other.close()))
	if err := <-opened; err != nil {
		t.Error(fmt.Errorf("once it is free: %w", err))
	}
}
