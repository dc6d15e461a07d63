package results

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

// A projector keeps the tables of one sweep in step with its journal. It runs
// on the goroutine that owns the connection, within a transaction; what it
// remembers between transactions is a cache of the trials that run, to be
// dropped by reset when a transaction fails.
type projector struct {
	c     *conn
	sweep int64
	goals []sweep.Goal // one per objective
	cols  *columns

	live    map[sweep.TrialID]*live
	touched []*live // rows to be written by flush
	metrics []driver.Value
	counts  counters
	fronts  fronts
	outside map[int64]bool // points that a revision left outside its space: they do not rank
}

// counters are what a transaction adds to the row of the sweep.
type counters struct {
	finished, failed, pruned, diverged, killed int64
	time, at                                   int64 // microseconds
	changed                                    bool
}

// live is a row of t_trials in memory.
type live struct {
	id        sweep.TrialID
	point     int64
	planned   int64
	params    string
	state     sweep.State
	class     sweep.Class
	reason    string
	objective float64
	has       bool // objective and others mean something
	step      int64
	others    []float64
	attempt   int
	ended     int64
	mark      string
	first     int64 // seq
	last      int64
	start     int64 // seq of the latest start
	begunAt   int64 // and its time

	proposed *sweep.Proposed // not in the table yet
	touched  bool
	known    bool // all its series are in memory
	series   map[int64]*series
}

func newProjector(c *conn, id int64) (*projector, error) {
	p := &projector{c: c, sweep: id}
	return p, p.reset()
}

// reset forgets what a transaction that was rolled back had put in memory.
func (p *projector) reset() error {
	p.live, p.touched, p.metrics, p.counts = map[sweep.TrialID]*live{}, nil, nil, counters{}
	p.fronts = fronts{}
	row, ok, err := p.c.row("select objectives, revision from t_sweeps where id = ?", p.sweep)
	if err != nil || !ok {
		return fmt.Errorf("sweep %d: %w", p.sweep, orErr(err, ErrNoSweep))
	}
	var objectives []objective
	if err := json.Unmarshal([]byte(asText(row[0])), &objectives); err != nil {
		return fmt.Errorf("sweep %d: objectives: %w", p.sweep, err)
	}
	p.goals = nil
	for _, o := range objectives {
		p.goals = append(p.goals, parseGoal(o.Goal))
	}
	p.fronts.stale = len(p.goals) > 1
	if p.outside, err = outside(ctxBackground, p.c, p.sweep, asInt(row[1])); err != nil {
		return err
	}
	p.cols, err = loadColumns(p.c, p.sweep)
	return err
}

func orErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// project applies facts and a post, and writes the rows.
func (p *projector) project(fs []fact, post sweep.Post) error {
	if err := p.applyPost(fs, post); err != nil {
		return err
	}
	return p.flush()
}

// applyPost applies the facts of one post and its reports: these before the end
// of their trial, which reads them.
func (p *projector) applyPost(fs []fact, post sweep.Post) error {
	reported := post.Trial == 0
	for _, f := range fs {
		if _, ends := f.event.(*sweep.Ended); ends && !reported && f.event.Subject() == post.Trial {
			if err := p.applyReports(post); err != nil {
				return err
			}
			reported = true
		}
		if err := p.apply(f); err != nil {
			return err
		}
	}
	if reported {
		return nil
	}
	return p.applyReports(post)
}

func (p *projector) applyReports(post sweep.Post) error {
	if len(post.Reports) == 0 && post.Mark == "" {
		return nil
	}
	l, err := p.trial(post.Trial)
	if err != nil {
		return err
	}
	p.touch(l)
	if post.Mark != "" {
		l.mark = post.Mark
	}
	if len(post.Reports) == 0 {
		return nil
	}
	return p.report(l, post.Attempt, post.Reports, post.Tick)
}

// apply projects one fact.
func (p *projector) apply(f fact) error {
	switch e := f.event.(type) {
	case *sweep.SpecSet:
		_, err := p.c.exec("update t_sweeps set doc = ?, digest = ?, revision = ?, dir = ?, last_at = max(last_at, ?) where id = ?",
			e.Doc, e.Digest, int64(e.Revision), e.Dir, f.at, p.sweep)
		if err == nil && e.Why == whyExtend {
			err = p.extend(e)
		}
		return err
	case *sweep.Note:
		if err := p.code(f, e); err != nil {
			return err
		}
		if l := p.live[e.Trial]; l != nil {
			l.last = f.seq
			p.touch(l)
		}
		if e.State == "" {
			return nil
		}
		_, err := p.c.exec("update t_sweeps set state = ?, last_at = max(last_at, ?) where id = ?", e.State, f.at, p.sweep)
		return err
	case *sweep.Proposed:
		return p.propose(f, e)
	}
	l, err := p.trial(f.event.Subject())
	if err != nil {
		return err
	}
	l.last = f.seq
	p.touch(l)
	switch e := f.event.(type) {
	case *sweep.Started:
		p.start(f, l, e)
		return nil
	case *sweep.Stopping:
		l.reason = e.Reason
		return nil
	case *sweep.Ended:
		return p.end(f, l, e)
	case *sweep.Requeued:
		return p.requeue(f, l, e)
	}
	return fmt.Errorf("event %s: no table knows it", f.event.Kind())
}

func (p *projector) propose(f fact, e *sweep.Proposed) error {
	if p.live[e.Trial] != nil {
		return fmt.Errorf("trial %d: proposed twice", e.Trial)
	}
	l := &live{id: e.Trial, point: int64(e.PointID), planned: int64(max(1, e.Planned)), params: e.Params, state: sweep.Queued,
		first: f.seq, last: f.seq, proposed: e, known: true}
	p.live[e.Trial] = l
	p.touch(l)
	if l.planned == 1 {
		return nil
	}
	// More repeats than before: the point ranks again when they finished.
	_, err := p.c.exec(`update t_points set planned = ?1, score = case when n >= ?1 then score end where sweep = ?2 and id = ?3 and planned < ?1`,
		l.planned, p.sweep, l.point)
	return err
}

func (p *projector) start(f fact, l *live, e *sweep.Started) {
	l.state, l.class, l.reason, l.attempt = sweep.Running, "", "", e.Attempt
	l.start, l.begunAt = f.seq, f.at
}

func (p *projector) end(f fact, l *live, e *sweep.Ended) error {
	ended := e.Exit.EndedAt
	if ended == 0 {
		ended = f.at
	}
	if e.Attempt > 0 {
		if err := p.endAttempt(f, l, e, ended); err != nil {
			return err
		}
	}
	before := l.state
	l.state, l.class, l.reason, l.ended = e.State, e.Class, e.Reason, ended
	l.objective, l.has, l.step, l.others = e.Objective, e.HasObjective, e.ObjectiveStep, e.Others
	p.counts.changed, p.counts.at = true, max(p.counts.at, f.at)
	if before.Settled() || !l.state.Settled() {
		return nil
	}
	if err := p.settle(l); err != nil {
		return err
	}
	return p.widen(l)
}

func (p *projector) endAttempt(f fact, l *live, e *sweep.Ended, ended int64) error {
	var start driver.Value
	began := e.Exit.StartedAt
	if l.start > 0 {
		start = l.start
		if began == 0 {
			began = l.begunAt
		}
	}
	if began == 0 {
		began = ended
	}
	p.counts.time += max(0, ended-began)
	_, err := p.c.exec(`insert or replace into t_attempts (sweep, trial, attempt, start_seq, end_seq, started_at, ended_at, exit_code, exit_signal, cpu_seconds, max_rss_mb, gpu_seconds, gpu_mem_mb)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.sweep, int64(e.Trial), int64(e.Attempt), start, f.seq, began, max(began, ended),
		int64(e.Exit.Code), int64(e.Exit.Signal), orZero(e.Exit.CPUSeconds), orZero(e.Exit.MaxRSSMB), orNull(e.Exit.GPUSeconds), orNull(e.Exit.GPUMemMB))
	return err
}

// orNull is a measurement, null where there is none.
func orNull(v float64) driver.Value {
	if v = orZero(v); v == 0 {
		return nil
	}
	return v
}

func (p *projector) requeue(f fact, l *live, e *sweep.Requeued) error {
	if !l.state.Settled() {
		l.reason = e.Reason
		return nil
	}
	was := *l
	l.state, l.class, l.reason, l.has, l.ended, l.others = sweep.Queued, "", e.Reason, false, 0, nil
	p.counts.changed, p.counts.at = true, max(p.counts.at, f.at)
	if err := p.unsettle(&was); err != nil {
		return err
	}
	return p.cols.remove(p.c, l.id)
}

// count adds to a counter of the sweep.
func (p *projector) count(s sweep.State, d int64) {
	switch s {
	case sweep.Finished:
		p.counts.finished += d
	case sweep.Failed:
		p.counts.failed += d
	case sweep.Pruned:
		p.counts.pruned += d
	case sweep.Diverged:
		p.counts.diverged += d
	case sweep.Killed:
		p.counts.killed += d
	}
}

func (p *projector) touch(l *live) {
	if !l.touched {
		l.touched = true
		p.touched = append(p.touched, l)
	}
}

// trial returns the row of a trial, read if it is not in memory.
func (p *projector) trial(id sweep.TrialID) (*live, error) {
	if l := p.live[id]; l != nil {
		return l, nil
	}
	r, ok, err := p.c.row(`select t.point, t.planned, t.params, t.state, t.class, t.reason, t.objective, t.kind, t.step, t.others, t.attempts,
  t.ended_at, t.mark, t.first_seq, t.last_seq, t.start_seq, j.at
from t_trials t left join t_journal j on j.seq = t.start_seq where t.sweep = ? and t.id = ?`, p.sweep, int64(id))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("trial %d: %w", id, ErrNoTrial)
	}
	l := &live{id: id, point: asInt(r[0]), planned: asInt(r[1]), params: asText(r[2]), state: sweep.State(asText(r[3])), class: sweep.Class(asText(r[4])),
		reason: asText(r[5]), objective: unkind(r[6], r[7]), has: r[7] != nil, step: asInt(r[8]), attempt: int(asInt(r[10])),
		ended: asInt(r[11]), mark: asText(r[12]), first: asInt(r[13]), last: asInt(r[14]), start: asInt(r[15]), begunAt: asInt(r[16])}
	if l.others, err = parseNumbers(asText(r[9])); err != nil {
		return nil, fmt.Errorf("trial %d: objectives: %w", id, err)
	}
	p.live[id] = l
	return l, nil
}

// flush writes the rows that changed and forgets the trials that ended.
func (p *projector) flush() error {
	if err := p.flushMetrics(); err != nil {
		return err
	}
	if err := p.flushTrials(); err != nil {
		return err
	}
	if p.fronts.due() {
		if err := p.rankFronts(); err != nil {
			return err
		}
	}
	if p.cols.stale {
		if err := createSweepViews(ctxBackground, p.c, p.sweep); err != nil {
			return err
		}
		p.cols.stale = false
	}
	if c := p.counts; c.changed {
		p.counts = counters{}
		_, err := p.c.exec(`update t_sweeps set finished = finished + ?, failed = failed + ?, pruned = pruned + ?,
  diverged = diverged + ?, killed = killed + ?, trial_time = trial_time + ?, last_at = max(last_at, ?) where id = ?`,
			c.finished, c.failed, c.pruned, c.diverged, c.killed, c.time, c.at, p.sweep)
		return err
	}
	return nil
}

func (p *projector) flushTrials() error {
	var series []driver.Value
	for _, l := range p.touched {
		l.touched = false
		if err := p.writeTrial(l); err != nil {
			return err
		}
		series = l.appendSeries(series, p.sweep)
		if l.state.Settled() {
			delete(p.live, l.id)
		}
	}
	p.touched = p.touched[:0]
	_, err := seriesRows.exec(p.c, series)
	return err
}

func (p *projector) writeTrial(l *live) error {
	var start driver.Value
	if l.start > 0 {
		start = l.start
	}
	if e := l.proposed; e != nil {
		_, err := p.c.exec(`insert into t_trials (sweep, id, point, planned, repeat, seed, revision, proposal, params, state, active, attempts, first_seq, last_seq, start_seq)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)`,
			p.sweep, int64(l.id), l.point, l.planned, int64(e.Repeat), e.Seed, int64(e.Revision), e.Proposal, e.Params,
			string(l.active()), int64(l.attempt), l.first, l.last, start)
		l.proposed = nil
		if err != nil || l.state == l.active() && l.reason == "" && l.mark == "" {
			return err
		}
	}
	var objective, kind, step, others, ended driver.Value
	if l.has {
		objective, kind = kinded(l.objective)
		step = l.step
		if len(l.others) > 0 {
			others = formatNumbers(l.others)
		}
	}
	active := int64(1)
	if l.state.Settled() {
		ended, active = l.ended, 0
	}
	_, err := p.c.exec(`update t_trials set state = ?, active = ?, class = ?, reason = ?, objective = ?, kind = ?, step = ?, others = ?,
  attempts = ?, ended_at = ?, mark = ?, last_seq = ?, start_seq = ? where sweep = ? and id = ?`,
		string(l.state), active, string(l.class), l.reason, objective, kind, step, others, int64(l.attempt), ended, l.mark, l.last, start, p.sweep, int64(l.id))
	return err
}

// active is the state to insert: the insert has no columns for an end.
func (l *live) active() sweep.State {
	if l.state.Settled() || l.has {
		return sweep.Queued
	}
	return l.state
}

// kinded splits a float into what SQL can hold: a value or null, and its kind.
func kinded(v float64) (value, kind driver.Value) {
	switch {
	case math.IsNaN(v):
		return nil, int64(1)
	case math.IsInf(v, 1):
		return nil, int64(2)
	case math.IsInf(v, -1):
		return nil, int64(3)
	}
	return v, int64(0)
}

// unkind is the inverse of kinded; no kind reads as NaN.
func unkind(value, kind driver.Value) float64 {
	switch {
	case kind == nil:
		return math.NaN()
	case asInt(kind) == 0:
		return asFloat(value)
	case asInt(kind) == 2:
		return math.Inf(1)
	case asInt(kind) == 3:
		return math.Inf(-1)
	}
	return math.NaN()
}

func formatNumbers(vs []float64) string {
	ns := make([]number, len(vs))
	for i, v := range vs {
		ns[i] = number(v)
	}
	b, err := json.Marshal(ns)
	if err != nil {
		panic("results: " + err.Error()) // a number always has a form
	}
	return string(b)
}

func parseNumbers(s string) ([]float64, error) {
	if s == "" {
		return nil, nil
	}
	var ns []number
	if err := json.Unmarshal([]byte(s), &ns); err != nil {
		return nil, err
	}
	vs := make([]float64, len(ns))
	for i, n := range ns {
		vs[i] = float64(n)
	}
	return vs, nil
}
