package results

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Store is the journal of one sweep, owned by this process: a runner.Journal.
// Its methods may be called by several goroutines.
type Store struct {
	db   *DB
	id   int64
	name string
	lock *flock.Flock

	p      *projector // of the writer's goroutine
	failed error      // of the writer's goroutine

	acked chan []sweep.Ack // to the pump
	acks  chan sweep.Ack   // from the pump
	quit  chan struct{}
	end   chan struct{}

	seen requestState
}

// Claim takes the ownership of the sweep that spec names, and makes it if it is
// new. Another owner is waited for, for 3 seconds; then the error is an
// *OwnedError. runsDir is the directory of the sweep's trials; the lock lies in
// it. A sweep that exists is left as it is: Revise changes it.
func (db *DB) Claim(ctx context.Context, spec *sweep.Spec, runsDir string) (*Store, error) {
	if err := checkName(spec.Name); err != nil {
		return nil, err
	}
	now := db.opts.Now()
	lock, err := lockSweep(ctx, spec.Name, runsDir, whoami(now))
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, name: spec.Name, lock: lock, acked: make(chan []sweep.Ack), acks: make(chan sweep.Ack, 64),
		quit: make(chan struct{}), end: make(chan struct{})}
	err = db.do(ctx, func(c *conn) error {
		var err error
		if s.id, err = ensureSweep(c, spec, runsDir, now.UnixMicro()); err != nil {
			return err
		}
		s.p, err = newProjector(c, s.id)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("claim sweep %s: %w", spec.Name, err), unlockSweep(lock))
	}
	go s.pump()
	return s, nil
}

// publicViews may not be the name of a sweep.
var publicViews = []string{"sweeps", "trials", "params", "metrics", "leaderboard", "attempts", "decisions", "events"}

// CheckName says why a sweep may not bear the name, or returns nil.
func CheckName(name string) error { return checkName(name) }

func checkName(name string) error {
	want := func(s string) error { return fmt.Errorf("sweep name %q: %s", name, s) }
	lower := strings.ToLower(name)
	switch {
	case name == "":
		return want("want one that is not empty")
	case strings.TrimLeft(name, "0123456789") == "":
		return want("want one that is not a number, for numbers are ids and trials")
	case strings.ContainsRune(name, 0):
		return want("want one without NUL")
	case strings.HasPrefix(lower, "sqlite_"), strings.HasPrefix(lower, "t_"):
		return want("want one that does not begin with sqlite_ or t_, as tables of the database do")
	case strings.HasSuffix(lower, "/all"), strings.HasSuffix(lower, "/points"):
		return want("want one that does not end in /all or /points, as the views of a sweep do")
	}
	for _, v := range publicViews {
		if lower == v {
			return want("want one that is not a view of the database")
		}
	}
	return nil
}

// ensureSweep returns the id of the sweep, made if it is new.
func ensureSweep(c *conn, spec *sweep.Spec, runsDir string, now int64) (int64, error) {
	row, ok, err := c.row("select id, name from t_sweeps where name = ?", spec.Name)
	if err != nil {
		return 0, err
	}
	if ok {
		if name := asText(row[1]); name != spec.Name {
			return 0, fmt.Errorf("there is a sweep %q, which is the same name to SQL; want another", name)
		}
		return asInt(row[0]), nil
	}
	res, err := c.exec("insert into t_sweeps (name, runs_dir, created_at, last_at) values (?, ?, ?, ?)", spec.Name, runsDir, now, now)
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, err
	}
	if err := c.text("create table " + wideTable(id) + " (trial integer primary key)"); err != nil {
		return 0, err
	}
	return id, describe(c, id, spec)
}

// describe writes what the tables hold of a spec, and its columns and views.
func describe(c *conn, id int64, spec *sweep.Spec) error {
	metric, goal := "", sweep.Minimize
	objectives := []objective{}
	for i, o := range spec.Objectives {
		if i == 0 {
			metric, goal = o.Name, o.Goal
		}
		objectives = append(objectives, objective{o.Name, o.Goal.String()})
	}
	list, err := json.Marshal(objectives)
	if err != nil {
		return err
	}
	_, err = c.exec("update t_sweeps set description = ?, method = ?, metric = ?, goal = ?, objectives = ?, repeat_param = ? where id = ?",
		spec.Description, spec.Method, metric, goal.String(), string(list), spec.Repeats.Parameter, id)
	if err != nil {
		return err
	}
	cs, err := loadColumns(c, id)
	if err != nil {
		return err
	}
	if err := cs.extend(c, spec); err != nil {
		return err
	}
	return createSweepViews(ctxBackground, c, id)
}

// ID is the number of the sweep in the database.
func (s *Store) ID() int64 { return s.id }

// Name is the sweep's name.
func (s *Store) Name() string { return s.name }

// DB is the database that the store writes to.
func (s *Store) DB() *DB { return s.db }

// Record writes events in one transaction; a kill of the process cannot lose
// them then. Posts of the same trials that wait are synced before. It waits for
// the locks of others until ctx is done.
func (s *Store) Record(ctx context.Context, events ...sweep.Event) error {
	if len(events) == 0 {
		return nil
	}
	fs, err := facts(s.id, s.db.opts.Now().UnixMicro(), events)
	if err != nil {
		return err
	}
	if err := s.db.w.submit(ctx, &op{kind: opRecord, store: s, facts: fs}); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Post queues p for the next group commit; its Ack follows. It does not block.
func (s *Store) Post(p sweep.Post) {
	at := s.db.opts.Now().UnixMicro()
	fs, err := facts(s.id, at, p.Events)
	if !s.db.w.put(&op{kind: opPost, store: s, facts: fs, post: p, err: err}) {
		s.ack(sweep.Ack{Post: p, Err: ErrClosed})
	}
}

// RecordPosts writes events and then posts in one transaction that a kill of the
// process cannot lose, and returns. Within 100 ms it is synced, too. No Acks
// follow. It is for callers whose word is safety from a kill alone.
func (s *Store) RecordPosts(ctx context.Context, events []sweep.Event, posts []sweep.Post) error {
	at := s.db.opts.Now().UnixMicro()
	fs, err := facts(s.id, at, events)
	if err != nil {
		return err
	}
	o := &op{kind: opRecord, store: s, facts: fs}
	for _, p := range posts {
		fs, err := facts(s.id, at, p.Events)
		if err != nil {
			return err
		}
		o.more = append(o.more, &op{store: s, facts: fs, post: p})
	}
	if err := s.db.w.submit(ctx, o); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Acks tells what was synced, in order. After an Ack with Err nothing more is
// written. It is closed by Close.
func (s *Store) Acks() <-chan sweep.Ack { return s.acks }

// Flush returns when all that was posted before is synced.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.db.w.submit(ctx, &op{kind: opFlush, store: s}); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Close syncs what was posted and gives the sweep back. Acks that nobody read
// are dropped.
func (s *Store) Close() error {
	select {
	case <-s.quit:
		return nil
	default:
	}
	err := s.Flush(context.Background())
	if err == nil {
		err = s.db.do(context.Background(), func(*conn) error {
			s.p.fronts.now = true
			return s.p.flush()
		})
	}
	close(s.quit)
	<-s.end
	if s.seen.c != nil {
		err = errors.Join(err, s.seen.c.close())
	}
	return errors.Join(err, unlockSweep(s.lock))
}

// ack hands acks to the pump.
func (s *Store) ack(acks ...sweep.Ack) {
	select {
	case s.acked <- acks:
	case <-s.quit:
	}
}

// pump holds the acks that nobody has read yet, so that neither the writer nor
// a loop that is inside Record ever waits for the other.
func (s *Store) pump() {
	defer close(s.end)
	defer close(s.acks)
	var held []sweep.Ack
	for {
		var out chan<- sweep.Ack
		var next sweep.Ack
		if len(held) > 0 {
			out, next = s.acks, held[0]
		}
		select {
		case a := <-s.acked:
			held = append(held, a...)
		case out <- next:
			held[0] = sweep.Ack{}
			held = held[1:]
		case <-s.quit:
			return
		}
	}
}

// Revise records that the sweep file changed: it appends ev, stores what the
// tables hold of the spec, and adds columns for new parameters.
func (s *Store) Revise(ctx context.Context, ev *sweep.SpecSet, spec *sweep.Spec) error {
	fs, err := facts(s.id, s.db.opts.Now().UnixMicro(), []sweep.Event{ev})
	if err != nil {
		return err
	}
	if err := s.Flush(ctx); err != nil {
		return err
	}
	err = s.db.w.submit(ctx, &op{kind: opDo, store: s, fn: func(c *conn) error {
		if err := writeJournal(c, fs); err != nil {
			return err
		}
		if err := describe(c, s.id, spec); err != nil {
			return err
		}
		if err := s.p.reset(); err != nil {
			return err
		}
		s.p.cols.stale = ev.Why == whyExtend // the views say what trials had before
		return s.p.project(fs, sweep.Post{})
	}})
	if err != nil {
		return fmt.Errorf("revise sweep %s: %w", s.name, err)
	}
	return nil
}

// Entries yields all events of the sweep in order. Proposed.Point is nil: Params
// is its JSON. The iteration ends with the first error.
func (s *Store) Entries(ctx context.Context) iter.Seq2[sweep.Entry, error] {
	return func(yield func(sweep.Entry, error) bool) {
		err := entries(ctx, s.db.reader, s.id, func(e sweep.Entry) error {
			if !yield(e, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(sweep.Entry{}, err)
		}
	}
}

func entries(ctx context.Context, c source, sweepID int64, fn func(sweep.Entry) error) error {
	return c.each(ctx, "select seq, at, kind, data from t_journal where sweep = ? order by seq", []driver.Value{sweepID}, func(r []driver.Value) error {
		e, err := decode(asText(r[2]), asText(r[3]))
		if err != nil {
			return fmt.Errorf("event %d: %w", asInt(r[0]), err)
		}
		return fn(sweep.Entry{Seq: asInt(r[0]), At: asInt(r[1]), Event: e})
	})
}

// An AttemptReport is a report with the attempt that made it.
type AttemptReport struct {
	Attempt int
	sweep.Report
}

// TrialReports yields the reports of a trial, all attempts, in the order of
// attempt, step and name: folding them with sweep.Series.Add gives what counts.
func (s *Store) TrialReports(ctx context.Context, trial sweep.TrialID) iter.Seq2[AttemptReport, error] {
	return func(yield func(AttemptReport, error) bool) {
		err := s.db.reader.each(ctx, `select m.attempt, c.name, m.step, m.value, m.kind, m.at from t_metrics m join t_columns c on c.id = m.name
where m.sweep = ? and m.trial = ? order by m.attempt, m.step, c.id`, []driver.Value{s.id, int64(trial)}, func(r []driver.Value) error {
			if !yield(AttemptReport{int(asInt(r[0])), sweep.Report{Name: asText(r[1]), Step: asInt(r[2]), Value: unkind(r[3], r[4]), At: asInt(r[5])}}, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(AttemptReport{}, err)
		}
	}
}

// Ticked yields the reports that decisions may depend on, in the order in which
// pruners saw them.
func (s *Store) Ticked(ctx context.Context) iter.Seq2[sweep.Ticked, error] {
	return ticked(ctx, s.db.reader, s.id)
}

// Ticked is Store.Ticked of any sweep.
func (r *Reader) Ticked(ctx context.Context, which string) (iter.Seq2[sweep.Ticked, error], error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	return ticked(ctx, r, s.ID), nil
}

func ticked(ctx context.Context, c source, sweepID int64) iter.Seq2[sweep.Ticked, error] {
	return func(yield func(sweep.Ticked, error) bool) {
		err := c.each(ctx, `select m.tick, m.trial, m.attempt, c.name, m.step, m.value, m.kind, m.at from t_metrics m join t_columns c on c.id = m.name
where m.sweep = ? and m.tick > 0 order by m.tick, m.trial, m.step, c.name`, []driver.Value{sweepID}, func(r []driver.Value) error {
			t := sweep.Ticked{Tick: asInt(r[0]), Trial: sweep.TrialID(asInt(r[1])), Attempt: int(asInt(r[2])),
				Report: sweep.Report{Name: asText(r[3]), Step: asInt(r[4]), Value: unkind(r[5], r[6]), At: asInt(r[7])}}
			if !yield(t, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(sweep.Ticked{}, fmt.Errorf("read reports: %w", err))
		}
	}
}

// Mark is where the output of a trial had been read to; "" from the start.
func (s *Store) Mark(ctx context.Context, trial sweep.TrialID) (mark string, err error) {
	found := false
	err = s.db.reader.each(ctx, "select mark from t_trials where sweep = ? and id = ?", []driver.Value{s.id, int64(trial)}, func(r []driver.Value) error {
		mark, found = asText(r[0]), true
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("trial %s/%d: %w", s.name, trial, ErrNoTrial)
	}
	return mark, err
}

// stamp is a time of the database; 0 is the zero time.
func stamp(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
