// Package sim runs a sweep against recorded results instead of trials.
//
//	planner ──Proposed──→ ┌─────┐ ──reports, in virtual time──→ judge
//	        ←──outcomes── │ sim │ ←──rulings─────────────────
//	                      └─────┘ ←──recorded runs── table
//
// It is a discrete-event simulation of package loop: the same planner proposes,
// the same judge ends trials early, and a trial does what its configuration did
// when it was recorded. Nothing runs, nothing is written, no clock is read; time
// is that of the record. With one trial at a time the sampler and the pruner
// see exactly what they would see in a sweep; with several, trials that the
// record lets end at the same instant end in the order of their numbers.
//
// A trial ends with its last reports: a ruling on those comes too late to save
// anything. Budgets, the fuse, targets and retries are left out; run_cap ends
// a simulated sweep, or the end of what can be proposed.
//
// Sources: tabular benchmarks as of Klein and Hutter, Tabular benchmarks for
// joint architecture and hyperparameter optimization, 2019, arXiv 1905.04970;
// normalised regret as of Eggensperger et al., HPOBench, NeurIPS 2021 Datasets
// and Benchmarks. Their regret is normalised by the worst configuration, ours
// by the median, which is 1 then: what a draw at random gives.
package sim

import (
	"container/heap"
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

// Config is what Run needs.
type Config struct {
	Spec    *sweep.Spec // its Space must pass Table.Match
	Sampler sweep.Sampler
	Judge   *loop.Judge // nil: every trial runs to its end
	Table   *Table
	Slots   int   // trials at a time, at least 1
	Seed    int64 // chooses among the recorded runs of a row
}

// A Trial is what became of a simulated trial.
type Trial struct {
	ID     sweep.TrialID
	Point  sweep.PointID
	Repeat int
	Row    int // of the table
	State  sweep.State
	Reason string // of an early end
	// Value is the objective from what it reported; HasValue is false where it
	// reported none.
	Value      float64
	HasValue   bool
	Steps      int   // different steps that it reported
	Start, End int64 // virtual microseconds since the sweep began
}

// Progress is where a sweep stands after a trial has ended.
type Progress struct {
	Trials  int     `json:"trials"`  // ended
	Steps   int64   `json:"steps"`   // reported so far by all trials, running ones included
	Seconds float64 `json:"seconds"` // since the sweep began
	// Best is the best objective of a finished trial; NaN before there is one.
	Best float64 `json:"best"`
	// Regret is Table.Regret of the best configuration that has finished: what
	// the search found, whether the noise lets the user see it or not.
	Regret float64 `json:"regret"`
	// Chosen is Table.Regret of the configuration that Best came from: what the
	// user would take home.
	Chosen float64 `json:"chosen"`
}

// Result is a simulated sweep.
type Result struct {
	Trials []Trial    // in the order in which they ended
	Path   []Progress // one per trial, in the same order
}

// Last returns where the sweep ended.
func (r *Result) Last() Progress {
	if len(r.Path) == 0 {
		return Progress{Best: math.NaN(), Regret: math.NaN(), Chosen: math.NaN()}
	}
	return r.Path[len(r.Path)-1]
}

// Count returns the number of trials that ended in state s.
func (r *Result) Count(s sweep.State) (n int) {
	for _, t := range r.Trials {
		if t.State == s {
			n++
		}
	}
	return n
}

// Run simulates a sweep to its end. It is a function of its arguments: the same
// Config with a new sampler and judge gives the same Result. It is an error if
// a point is not in the table, or has fewer recorded runs than repeats.
func Run(c Config) (*Result, error) {
	s := &sim{Config: c, planner: loop.NewPlanner(c.Spec, c.Sampler, 1),
		best: math.NaN(), regret: math.NaN(), chosen: math.NaN()}
	for {
		if err := s.fill(); err != nil {
			return nil, err
		}
		if len(s.queue) == 0 {
			return &s.out, nil
		}
		t := heap.Pop(&s.queue).(*running)
		s.now = t.at
		s.step(t)
	}
}

// sim is the state of Run.
type sim struct {
	Config
	planner *loop.Planner
	queue   queue
	now     int64
	noMore  bool
	steps   int64
	out     Result

	best, regret, chosen float64
}

// running is a trial and where it is in its record.
type running struct {
	Trial
	trial  sweep.Trial
	run    *Record
	next   int   // first report not given yet
	at     int64 // when it goes on
	last   int64 // step of the latest report
	series []sweep.Series
}

// queue orders the running trials by when they go on, then by number.
type queue []*running

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].ID < q[j].ID
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is heap.Interface's.
func (q *queue) Push(x any) { *q = append(*q, x.(*running)) }

// Pop is heap.Interface's.
func (q *queue) Pop() any {
	n := len(*q) - 1
	t := (*q)[n]
	*q = (*q)[:n]
	return t
}

// fill starts trials while there are free slots.
func (s *sim) fill() error {
	free := max(1, s.Slots) - len(s.queue)
	if free <= 0 || s.noMore {
		return nil
	}
	got, err := s.planner.Next(free)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	s.noMore = len(got) < free
	for _, e := range got {
		if err := s.start(e); err != nil {
			return fmt.Errorf("trial %d: %w", e.Trial, err)
		}
	}
	return nil
}

func (s *sim) start(e *sweep.Proposed) error {
	row, err := s.Table.Find(s.Spec.Space, e.Point)
	if err != nil {
		return err
	}
	run, err := s.record(row, e.Repeat)
	if err != nil {
		return err
	}
	t, err := sweep.Trial{}.Apply(e)
	if err != nil {
		return err
	}
	s.Judge.Open(e.Trial, e.Repeat)
	r := &running{trial: t, run: run, last: -1, series: make([]sweep.Series, len(s.Spec.Objectives)),
		Trial: Trial{ID: e.Trial, Point: e.PointID, Repeat: e.Repeat, Row: row, Start: s.now}}
	r.at = s.now + run.moment(0)
	heap.Push(&s.queue, r)
	return nil
}

// record chooses the recorded run of a trial. Without repeats each
// configuration has one at random, the same for all methods that try it with
// the same seed; with repeats all configurations have the runs in one order.
func (s *sim) record(row, repeat int) (*Record, error) {
	runs := s.Table.Rows[row].Runs
	rng := sweep.Query{Seed: ^s.Seed} // another stream than any sampler's
	n := s.Spec.Repeats.N()
	switch {
	case n == 1:
		return &runs[rng.Rand(int64(row)).IntN(len(runs))], nil
	case n > len(runs):
		return nil, fmt.Errorf("%d repeats, but the table has %d runs of %s; want at most that many", n, len(runs), s.Table.label(row))
	}
	return &runs[rng.Rand(-1).Perm(len(runs))[repeat-1]], nil
}

// step gives the next reports of t, and its end with the last ones.
func (s *sim) step(t *running) {
	from := t.next
	t.next = t.run.until(from)
	reports := loop.InOrder(t.run.Reports[from:t.next])
	for _, r := range reports {
		if r.Step > t.last {
			t.last = r.Step
			t.Steps++
			s.steps++
		}
		for i, o := range s.Spec.Objectives {
			if o.Name == r.Name {
				t.series[i].Add(1, r.Step, r.Value)
			}
		}
	}
	ruling := s.Judge.Observe(t.ID, 1, reports)
	switch {
	case t.next == len(t.run.Reports) && t.run.End <= t.run.moment(from):
		s.end(t, t.run.State, "")
	case ruling.Stop && ruling.Why == sweep.StopDiverge:
		s.end(t, sweep.Diverged, ruling.Reason)
	case ruling.Stop:
		s.end(t, sweep.Pruned, ruling.Reason)
	default:
		t.at = t.Start + t.run.moment(t.next)
		heap.Push(&s.queue, t)
	}
}

// end settles a trial as the loop does: its objectives from what was reported,
// diverged where the last of one is not finite.
func (s *sim) end(t *running, state sweep.State, reason string) {
	t.State, t.Reason, t.End = state, reason, s.now
	var values []float64
	t.HasValue = len(s.Spec.Objectives) > 0
	diverged := false
	for i, o := range s.Spec.Objectives {
		x, _, ok := t.series[i].Reduce(o)
		values = append(values, x)
		t.HasValue = t.HasValue && ok
		diverged = diverged || ok && (math.IsNaN(x) || math.IsInf(x, 0))
	}
	switch {
	case t.State != sweep.Finished:
	case len(values) > 0 && !t.HasValue:
		t.State = sweep.Failed
	case diverged:
		t.State = sweep.Diverged
	}
	if !t.HasValue {
		values = nil
	} else {
		t.Value = values[0]
	}
	s.Judge.Settle(t.ID, t.State)
	t.trial.State = t.State
	s.planner.Settle(t.trial, values)
	s.noMore = s.noMore && !s.planner.Looks()
	s.count(&t.Trial)
}

// count takes an ended trial into the result.
func (s *sim) count(t *Trial) {
	if t.State == sweep.Finished && t.HasValue {
		goal := s.Spec.Objectives[0].Goal
		regret := s.Table.Regret(t.Row)
		if math.IsNaN(s.best) || goal.Better(t.Value, s.best) {
			s.best, s.chosen = t.Value, regret
		}
		if math.IsNaN(s.regret) || regret < s.regret {
			s.regret = regret
		}
	}
	s.out.Trials = append(s.out.Trials, *t)
	s.out.Path = append(s.out.Path, Progress{Trials: len(s.out.Trials), Steps: s.steps, Seconds: float64(s.now) / 1e6,
		Best: s.best, Regret: s.regret, Chosen: s.chosen})
}
