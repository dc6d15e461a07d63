package results

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// clock advances by a millisecond at each reading.
func clock() func() time.Time {
	var n atomic.Int64
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time { return start.Add(time.Duration(n.Add(1)) * time.Millisecond) }
}

func testSpec(name string, goals ...sweep.Goal) *sweep.Spec {
	if goals == nil {
		goals = []sweep.Goal{sweep.Minimize}
	}
	s := &sweep.Spec{Doc: `{"name":"` + name + `"}`, Digest: "d1", Name: name, Method: "random", Space: &sweep.Space{Params: []sweep.Param{
		{Name: "lr", Domain: sweep.Domain{Dist: sweep.LogUniformValues, Min: 1e-5, Max: 1}},
		{Name: "opt", Domain: sweep.Domain{Dist: sweep.Categorical, Values: []sweep.Value{sweep.StringValue("sgd"), sweep.StringValue("adam")}}},
		{Name: "units", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 1, Max: 1000, Ints: true}},
	}}}
	for i, g := range goals {
		s.Objectives = append(s.Objectives, sweep.Objective{Name: fmt.Sprintf("loss%d", i), Goal: g})
	}
	s.Objectives[0].Name = "loss"
	return s
}

func openDB(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, Options{Create: true, Now: clock(), GroupDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func claim(t testing.TB, db *DB, spec *sweep.Spec) *Store {
	t.Helper()
	s, err := db.Claim(t.Context(), spec, filepath.Join(t.TempDir(), "runs", spec.Name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	must(t, s.Record(t.Context(), &sweep.SpecSet{Revision: 1, Doc: spec.Doc, Digest: spec.Digest, Dir: "/tmp", Why: "run"}))
	return s
}

func newStore(t testing.TB, spec *sweep.Spec) (*DB, *Store) {
	t.Helper()
	db := openDB(t, filepath.Join(t.TempDir(), "trawl.db"))
	return db, claim(t, db, spec)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// proposed is trial id as the first run of a point of its own.
func proposed(id sweep.TrialID) *sweep.Proposed {
	lr := float64(id) / 1000
	params := fmt.Sprintf(`{"lr":%s,"opt":"sgd","units":%d}`, sweep.PythonFloat(lr), id)
	return &sweep.Proposed{Trial: id, Proposal: int64(id) - 1, PointID: sweep.PointID(id), Key: params, Params: params, Repeat: 1, Planned: 1, Revision: 1}
}

// repeat is trial id as a run of a point with a seed of its own.
func repeat(id sweep.TrialID, point sweep.PointID, planned int) *sweep.Proposed {
	p := proposed(id)
	p.PointID, p.Planned, p.Seed = point, planned, int64(id)
	p.Params = strings.TrimSuffix(p.Params, "}") + fmt.Sprintf(`,"seed":%d}`, id)
	return p
}

func started(id sweep.TrialID, attempt int) *sweep.Started {
	return &sweep.Started{Trial: id, Attempt: attempt, Token: "tok", Boot: "boot", Host: "here", Dir: fmt.Sprintf("/runs/%d", id), Argv: `["train"]`}
}

func finished(id sweep.TrialID, v float64) *sweep.Ended {
	return &sweep.Ended{Trial: id, Attempt: 1, State: sweep.Finished, HasObjective: true, Objective: v, ObjectiveStep: 3,
		Exit: sweep.Exit{StartedAt: 1_000_000, EndedAt: 3_000_000, CPUSeconds: 1.5, MaxRSSMB: 20}}
}

// end runs a trial from proposal to end.
func end(t testing.TB, s *Store, p *sweep.Proposed, e *sweep.Ended, reports ...sweep.Report) {
	t.Helper()
	must(t, s.Record(t.Context(), p, started(p.Trial, 1)))
	s.Post(sweep.Post{Trial: p.Trial, Attempt: 1, Events: []sweep.Event{e}, Reports: reports, Mark: "m1"})
	must(t, s.Flush(t.Context()))
}

// table reads a query as text, a row per line.
func table(t testing.TB, r *Reader, q string, args ...driver.Value) string {
	t.Helper()
	var b strings.Builder
	err := r.each(t.Context(), q, args, func(row []driver.Value) error {
		for i, v := range row {
			if i > 0 {
				b.WriteByte('|')
			}
			if v == nil {
				v = "NULL"
			}
			fmt.Fprint(&b, v)
		}
		b.WriteByte('\n')
		return nil
	})
	must(t, err)
	return strings.TrimSpace(b.String())
}

func wantVerified(t testing.TB, db *DB, name string) {
	t.Helper()
	diff, err := db.Verify(t.Context(), name)
	must(t, err)
	if len(diff) > 0 {
		t.Errorf("tables differ from the journal:\n%s", strings.Join(diff, "\n"))
	}
}

func loss(step int64, v float64) sweep.Report {
	return sweep.Report{Name: "loss", Step: step, Value: v, At: 2_000_000 + step}
}

var nan = math.NaN()

func isCanceled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
