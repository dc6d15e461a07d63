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
	state     sweep.State
	class     sweep.Class
	reason    string
	objective float64
	has       bool // objective and others mean something
	step      int64
	others    []float64
	attempt   int
	began     int64 // start of the running attempt
	started   int64 // of the first; 0: never
	ended     int64
	exit      sweep.Exit
	exited    bool
	seconds   float64
	cpu, rss  float64
	dir, mark string
	first     int64 // seq
	last      int64

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
	row, ok, err := p.c.row("select objectives from t_sweeps where id = ?", p.sweep)
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
	return p.report(l, post.Attempt, post.Reports)
}

// apply projects one fact.
func (p *projector) apply(f fact) error {
	switch e := f.event.(type) {
	case *sweep.SpecSet:
		_, err := p.c.exec("update t_sweeps set doc = ?, digest = ?, revision = ?, dir = ?, last_at = max(last_at, ?) where id = ?",
			e.Doc, e.Digest, int64(e.Revision), e.Dir, f.at, p.sweep)
		return err
	case *sweep.Note:
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
		return p.start(f, l, e)
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
	l := &live{id: e.Trial, point: int64(e.PointID), planned: int64(max(1, e.Planned)), state: sweep.Queued,
		first: f.seq, last: f.seq, proposed: e, known: true}
	p.live[e.Trial] = l
	p.touch(l)
	_, err := p.c.exec(`insert into t_points (sweep, id, key, trial, planned) values (?, ?, ?, ?, ?)
on conflict (sweep, id) do update set planned = excluded.planned, trial = min(trial, excluded.trial),
  score = case when n >= excluded.planned then score end where planned <> excluded.planned or trial > excluded.trial`,
		p.sweep, l.point, e.Key, int64(e.Trial), l.planned)
	if err != nil {
		return err
	}
	return p.cols.insert(p.c, e.Trial, e.Params)
}

func (p *projector) start(f fact, l *live, e *sweep.Started) error {
	l.state, l.class, l.reason, l.attempt, l.began, l.dir = sweep.Running, "", "", e.Attempt, f.at, e.Dir
	if l.started == 0 {
		l.started = f.at
	}
	_, err := p.c.exec(`insert into t_attempts (sweep, trial, attempt, state, token, host, boot, dir, argv, slot, started_at)
values (?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?)
on conflict (sweep, trial, attempt) do update set state = 'running', token = excluded.token, host = excluded.host,
  boot = excluded.boot, dir = excluded.dir, argv = excluded.argv, slot = excluded.slot, started_at = excluded.started_at`,
		p.sweep, int64(e.Trial), int64(e.Attempt), e.Token, e.Host, e.Boot, e.Dir, e.Argv, int64(e.Slot), f.at)
	return err
}

func (p *projector) end(f fact, l *live, e *sweep.Ended) error {
	began, ended := e.Exit.StartedAt, e.Exit.EndedAt
	if began == 0 {
		began = l.began
	}
	if ended == 0 {
		ended = f.at
	}
	if began == 0 {
		began = ended // it never ran
	}
	if e.Attempt > 0 {
		took := max(0, ended-began)
		l.seconds += float64(took) / 1e6
		l.cpu += orZero(e.Exit.CPUSeconds)
		l.rss = max(l.rss, orZero(e.Exit.MaxRSSMB))
		p.counts.time += took
		if err := p.endAttempt(e, began, ended); err != nil {
			return err
		}
	}
	before := l.state
	l.state, l.class, l.reason, l.ended, l.exit, l.exited = e.State, e.Class, e.Reason, ended, e.Exit, e.Attempt > 0
	l.objective, l.has, l.step, l.others = e.Objective, e.HasObjective, e.ObjectiveStep, e.Others
	p.counts.changed, p.counts.at = true, max(p.counts.at, f.at)
	if before.Settled() || !l.state.Settled() {
		return nil
	}
	if err := p.settle(l, 1); err != nil {
		return err
	}
	return p.widen(l)
}

func (p *projector) endAttempt(e *sweep.Ended, began, ended int64) error {
	_, err := p.c.exec(`update t_attempts set state = ?, class = ?, requeue = ?, reason = ?, started_at = ?, ended_at = ?,
  exit_code = ?, exit_signal = ?, cause = ?, message = ?, cpu_seconds = ?, max_rss_mb = ?
where sweep = ? and trial = ? and attempt = ?`,
		string(e.State), string(e.Class), string(e.Requeue), e.Reason, began, ended,
		int64(e.Exit.Code), int64(e.Exit.Signal), string(e.Exit.Cause), e.Exit.Message,
		orZero(e.Exit.CPUSeconds), orZero(e.Exit.MaxRSSMB), p.sweep, int64(e.Trial), int64(e.Attempt))
	return err
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
	return p.cols.clear(p.c, l.id)
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
	r, ok, err := p.c.row(`select t.point, p.planned, t.state, t.class, t.reason, t.objective, t.kind, t.step, t.others, t.attempts,
  t.started_at, t.ended_at, t.exit_code, t.exit_signal, t.seconds, t.cpu_seconds, t.max_rss_mb, t.dir, t.mark, t.first_seq, t.last_seq,
  (select a.started_at from t_attempts a where a.sweep = t.sweep and a.trial = t.id and a.attempt = t.attempts)
from t_trials t left join t_points p on p.sweep = t.sweep and p.id = t.point where t.sweep = ? and t.id = ?`, p.sweep, int64(id))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("trial %d: %w", id, ErrNoTrial)
	}
	l := &live{id: id, point: asInt(r[0]), planned: asInt(r[1]), state: sweep.State(asText(r[2])), class: sweep.Class(asText(r[3])),
		reason: asText(r[4]), objective: unkind(r[5], r[6]), has: r[6] != nil, step: asInt(r[7]), attempt: int(asInt(r[9])),
		started: asInt(r[10]), ended: asInt(r[11]), exited: r[12] != nil, seconds: asFloat(r[14]), cpu: asFloat(r[15]), rss: asFloat(r[16]),
		dir: asText(r[17]), mark: asText(r[18]), first: asInt(r[19]), last: asInt(r[20]), began: asInt(r[21])}
	l.exit.Code, l.exit.Signal = int(asInt(r[12])), int(asInt(r[13]))
	if l.others, err = parseNumbers(asText(r[8])); err != nil {
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
	var objective, kind, step, others, started, ended, exit, signal driver.Value
	if l.has {
		objective, kind = kinded(l.objective)
		step = l.step
		if len(l.others) > 0 {
			others = formatNumbers(l.others)
		}
	}
	if l.started > 0 {
		started = l.started
	}
	if l.ended > 0 && l.state.Settled() {
		ended = l.ended
	}
	if l.exited {
		exit, signal = int64(l.exit.Code), int64(l.exit.Signal)
	}
	active := int64(1)
	if l.state.Settled() {
		active = 0
	}
	if e := l.proposed; e != nil {
		l.proposed = nil
		_, err := p.c.exec(`insert into t_trials (sweep, id, point, repeat, seed, revision, proposal, params, state, active, class, reason,
  objective, kind, step, others, attempts, exit_code, exit_signal, seconds, cpu_seconds, max_rss_mb, started_at, ended_at, dir, mark, first_seq, last_seq)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			p.sweep, int64(l.id), l.point, int64(e.Repeat), e.Seed, int64(e.Revision), e.Proposal, e.Params, string(l.state), active,
			string(l.class), l.reason, objective, kind, step, others, int64(l.attempt), exit, signal, l.seconds, l.cpu, l.rss,
			started, ended, l.dir, l.mark, l.first, l.last)
		return err
	}
	_, err := p.c.exec(`update t_trials set state = ?, active = ?, class = ?, reason = ?, objective = ?, kind = ?, step = ?, others = ?,
  attempts = ?, exit_code = ?, exit_signal = ?, seconds = ?, cpu_seconds = ?, max_rss_mb = ?, started_at = ?, ended_at = ?, dir = ?, mark = ?, last_seq = ?
where sweep = ? and id = ?`,
		string(l.state), active, string(l.class), l.reason, objective, kind, step, others, int64(l.attempt), exit, signal,
		l.seconds, l.cpu, l.rss, started, ended, l.dir, l.mark, l.last, p.sweep, int64(l.id))
	return err
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
