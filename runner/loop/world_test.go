package loop

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// errKilled is what every call answers once the world has killed the loop.
var errKilled = errors.New("killed")

// world is a machine that outlives the loop: a disk with a journal, and jobs.
// It counts the effects of the loop and can kill it before or after any.
type world struct {
	entries  []sweep.Entry
	reports  map[sweep.TrialID][]AttemptReport
	exits    map[string]runner.Update // of jobs that were started and not settled
	executed map[sweep.TrialID]int    // the ledger: how often a trial ran to its end
	alive    map[string]bool

	widest  int // most jobs that were started and whose end the loop had not taken
	effects int
	killAt  int // effect before (even) or after (odd) which the loop dies; -1: never
	killed  bool

	exit func(job runner.Job) (value float64, x sweep.Exit) // how jobs end
}

func newWorld() *world {
	return &world{reports: map[sweep.TrialID][]AttemptReport{}, exits: map[string]runner.Update{},
		executed: map[sweep.TrialID]int{}, alive: map[string]bool{}, killAt: -1,
		exit: func(j runner.Job) (float64, sweep.Exit) {
			x, _ := j.Values["x"].Number()
			return x * x, sweep.Exit{}
		}}
}

// effect runs f, unless the loop is dead, and may kill it before or after.
func (w *world) effect(f func()) error {
	if w.killed {
		return errKilled
	}
	at := w.effects
	w.effects++
	if w.killAt == 2*at {
		w.killed = true
		return errKilled
	}
	f()
	if w.killAt == 2*at+1 {
		w.killed = true
		return errKilled
	}
	return nil
}

// disk is the journal of one life of the loop.
type disk struct {
	w      *world
	mu     sync.Mutex // Flush runs beside the loop
	queued []sweep.Post
	acks   chan sweep.Ack
}

func (d *disk) write(p sweep.Post) {
	for _, e := range p.Events {
		d.w.entries = append(d.w.entries, sweep.Entry{Seq: int64(len(d.w.entries) + 1), Event: e})
	}
	for _, r := range p.Reports {
		d.w.reports[p.Trial] = append(d.w.reports[p.Trial], AttemptReport{p.Attempt, r})
	}
}

func (d *disk) Record(_ context.Context, events ...sweep.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.sync(); err != nil {
		return err
	}
	return d.w.effect(func() { d.write(sweep.Post{Events: events}) })
}

func (d *disk) Post(p sweep.Post) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queued = append(d.queued, p)
}

// sync is a group commit: all of it or nothing. The caller holds mu.
func (d *disk) sync() error {
	if d.w.killed {
		return errKilled
	}
	if len(d.queued) == 0 {
		return nil
	}
	group := d.queued
	d.queued = nil
	return d.w.effect(func() {
		for _, p := range group {
			d.write(p)
			d.acks <- sweep.Ack{Post: p}
		}
	})
}

func (d *disk) Acks() <-chan sweep.Ack {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.sync(); err != nil || d.w.killed {
		d.acks <- sweep.Ack{Err: errKilled}
	}
	return d.acks
}

func (d *disk) Flush(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sync()
}

// machine is the backend of one life of the loop.
type machine struct {
	w       *world
	updates chan runner.Update
}

func (m *machine) Start(_ context.Context, job runner.Job) error {
	return m.w.effect(func() {
		if m.w.alive[job.Name] {
			panic("alive twice: " + job.Name)
		}
		m.w.alive[job.Name] = true
		m.w.executed[job.Trial]++
		value, x := m.w.exit(job)
		u := runner.Update{Name: job.Name, Exit: &x}
		if !math.IsNaN(value) || x.Code == 0 {
			u.Reports = []sweep.Report{{Name: "loss", Value: value}}
		}
		m.w.exits[job.Name] = u
		m.updates <- u
		m.w.widest = max(m.w.widest, len(m.updates))
	})
}

func (m *machine) Stop(string, sweep.Stop, bool) {}

func (m *machine) Recover(_ context.Context, job runner.Job) error {
	u, ok := m.w.exits[job.Name]
	if !ok {
		return runner.ErrGone
	}
	if job.Mark == "" { // what was stored with a mark is not read twice
		m.updates <- u
	} else {
		m.updates <- runner.Update{Name: u.Name, Exit: u.Exit}
	}
	return nil
}

func (m *machine) Settled(name string) {
	delete(m.w.exits, name)
	delete(m.w.alive, name)
}

func (m *machine) Updates() <-chan runner.Update { return m.updates }
func (m *machine) Close() error                  { return nil }

type still struct{}

func (still) Now() time.Time                                 { return time.Unix(0, 0) }
func (still) After(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

// live runs the loop over the world once.
func (w *world) live(t *testing.T, spec *sweep.Spec, slots int, edit func(*Config)) (Summary, error) {
	t.Helper()
	w.killed = false
	smp, err := sampler.New(spec.Sampler, sweep.Plan{Space: spec.Space, Seed: spec.Seed, RunCap: spec.RunCap})
	if err != nil {
		t.Fatal(err)
	}
	tokens := 0
	c := Config{Spec: spec, Revision: 1, Planner: NewPlanner(spec, smp, 1),
		Backend: &machine{w, make(chan runner.Update, 10_000)}, Journal: &disk{w: w, acks: make(chan sweep.Ack, 10_000)},
		Clock: still{}, Slots: slots, Entries: w.journal(), Reports: w.stored,
		Mark:  func(_ context.Context, id sweep.TrialID) (string, error) { return "", nil },
		Ended: w.ended,
		Job: func(tr sweep.Trial, params string) (runner.Job, error) {
			i, _ := spec.Space.Index("x")
			return runner.Job{Values: map[string]sweep.Value{"x": tr.Point[i]}}, nil
		},
		Token: func() string { tokens++; return fmt.Sprint(tokens) },
	}
	if edit != nil {
		edit(&c)
	}
	return Run(t.Context(), c)
}

func (w *world) journal() iter.Seq2[sweep.Entry, error] {
	return func(yield func(sweep.Entry, error) bool) {
		for _, e := range slices.Clone(w.entries) {
			if p, ok := e.Event.(*sweep.Proposed); ok {
				q := *p
				q.Point = nil // as it comes from a database
				e.Event = &q
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (w *world) stored(_ context.Context, id sweep.TrialID) iter.Seq2[AttemptReport, error] {
	return func(yield func(AttemptReport, error) bool) {
		for _, r := range w.reports[id] {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (w *world) ended(_ context.Context, id sweep.TrialID) (*sweep.Requeued, error) {
	var p *sweep.Proposed
	out := &sweep.Requeued{Trial: id}
	for _, e := range w.entries {
		switch e := e.Event.(type) {
		case *sweep.Proposed:
			if e.Trial == id {
				p = e
			}
		case *sweep.Ended:
			if e.Trial == id {
				out.Was, out.Attempt = e.State, e.Attempt
			}
		}
	}
	if p == nil {
		return nil, fmt.Errorf("trial %d: no such trial", id)
	}
	out.Params, out.PointID, out.Proposal, out.Repeat, out.Revision = p.Params, p.PointID, p.Proposal, p.Repeat, p.Revision
	return out, nil
}

// outcome is the sweep as the journal tells it: one line per ended trial.
func (w *world) outcome(t *testing.T) string {
	t.Helper()
	params := map[sweep.TrialID]string{}
	lines := map[sweep.TrialID]string{}
	for _, e := range w.entries {
		switch e := e.Event.(type) {
		case *sweep.Proposed:
			params[e.Trial] = e.Params
		case *sweep.Ended:
			if e.State.Settled() {
				if old, ok := lines[e.Trial]; ok {
					t.Errorf("trial %d recorded twice: %s", e.Trial, old)
				}
				lines[e.Trial] = fmt.Sprintf("%d %s %s %v %g", e.Trial, params[e.Trial], e.State, e.HasObjective, e.Objective)
			}
		}
	}
	var out []string
	for id := sweep.TrialID(1); int(id) <= len(params); id++ {
		out = append(out, lines[id])
	}
	return strings.Join(out, "\n")
}

func gridSpec(t *testing.T, n, repeats int) *sweep.Spec {
	t.Helper()
	var values []sweep.Value
	for i := range n {
		values = append(values, sweep.IntValue(int64(i-n/2)))
	}
	space, err := sweep.NewSpace([]sweep.Param{{Name: "x", Domain: sweep.Domain{Dist: sweep.Categorical, Values: values}}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &sweep.Spec{Name: "s", Sampler: "grid", Method: "grid", Space: space, Objectives: []sweep.Objective{{Name: "loss"}}, Duplicates: "skip"}
	for i := range repeats {
		s.Repeats.Seeds = append(s.Repeats.Seeds, int64(i+1))
	}
	return s
}

// killedAt runs a sweep that is killed at effect k, goes on with it, and checks
// that it ends like one that was not, with each trial executed once.
func killedAt(t *testing.T, k int, spec *sweep.Spec, slots int, edit func(*Config), want string) {
	t.Helper()
	w := newWorld()
	w.killAt = k
	if _, err := w.live(t, spec, slots, edit); !errors.Is(err, errKilled) {
		t.Fatalf("kill %d: got error %v, want a kill", k, err)
	}
	w.killAt = -1
	if _, err := w.live(t, spec, slots, edit); err != nil {
		t.Fatalf("kill %d: resume: %v", k, err)
	}
	if got := w.outcome(t); got != want {
		t.Errorf("kill %d: got\n%s\nwant\n%s", k, got, want)
	}
	for id, n := range w.executed {
		if n != 1 {
			t.Errorf("kill %d: trial %d was executed %d times", k, id, n)
		}
	}
}
