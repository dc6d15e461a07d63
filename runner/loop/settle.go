package loop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// maxCrashes is how often a trial may take its supervisor down with it.
const maxCrashes = 3

// fuseLength is how many first trials must fail alike to stop the sweep.
const fuseLength = 3

// update takes news of a job from the backend.
func (l *loop) update(ctx context.Context, u runner.Update) error {
	id, ok := l.jobs[u.Name]
	if !ok {
		return nil // a job that has ended; late output was read with its end
	}
	v := l.live[id]
	var events []sweep.Event
	if u.Note != nil {
		n := *u.Note
		n.Trial = id
		events = append(events, &n)
		l.tell(News{Trial: v.trial, Event: &n})
	}
	for _, r := range u.Reports {
		l.observe(v, v.trial.Attempt, r)
	}
	if len(u.Reports) > 0 {
		l.tell(News{Trial: v.trial, Params: v.params, Reports: u.Reports})
	}
	post := sweep.Post{Events: events, Trial: id, Attempt: v.trial.Attempt, Reports: u.Reports, Mark: u.Mark}
	var ruling Ruling
	if l.Judge != nil && len(u.Reports) > 0 {
		l.tick++
		post.Tick, post.Reports = l.tick, InOrder(u.Reports)
		ruling = l.Judge.Observe(id, v.trial.Attempt, post.Reports)
	}
	if u.Exit == nil {
		if len(u.Reports) > 0 || u.Mark != "" || len(events) > 0 {
			l.Journal.Post(post)
		}
		if ruling.Stop && v.trial.Stopping == sweep.StopNone {
			return l.endEarly(ctx, v, ruling)
		}
		return nil
	}
	delete(l.jobs, u.Name)
	e := l.judge(v, *u.Exit, u.Tail)
	if l.fast++; e.State != sweep.Finished || time.Duration(e.Exit.EndedAt-e.Exit.StartedAt)*time.Microsecond > shortTrial {
		l.fast = 0
	}
	l.settle(v, e, post, u.Tail, true)
	return l.limits(ctx, e, u.Tail)
}

// endEarly ends a running trial as its ruling says. What the ruling was made
// from is in the journal before it.
func (l *loop) endEarly(ctx context.Context, v *live, r Ruling) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	e := &sweep.Stopping{Trial: v.trial.ID, Attempt: v.trial.Attempt, Why: r.Why, Reason: r.Reason, Inputs: r.Inputs, Tick: l.tick}
	t, err := v.trial.Apply(e)
	if err != nil {
		return err
	}
	v.trial = t
	if err := l.Journal.Record(context.WithoutCancel(ctx), e); err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	l.Backend.Stop(v.name, r.Why, false)
	return nil
}

// observe folds a report of an objective.
func (l *loop) observe(v *live, attempt int, r sweep.Report) {
	for _, o := range l.Spec.Objectives {
		if o.Name == r.Name {
			if v.series == nil {
				v.series = map[string]*sweep.Series{}
			}
			s := v.series[r.Name]
			if s == nil {
				s = &sweep.Series{}
				v.series[r.Name] = s
			}
			s.Add(attempt, r.Step, r.Value)
			return
		}
	}
}

// judge turns the end of an attempt into its event.
func (l *loop) judge(v *live, x sweep.Exit, tail []string) *sweep.Ended {
	e := &sweep.Ended{Trial: v.trial.ID, Attempt: v.trial.Attempt, Exit: x, Reason: v.trial.Reason}
	diverged := l.objective(v, e)
	cause := x.Cause
	if v.trial.Stopping == sweep.StopKill && cause != sweep.StopNone {
		cause = sweep.StopKill
	}
	switch {
	case x.Class == sweep.ClassLost:
		l.lost(v, e)
	case x.Class == sweep.ClassStart:
		e.State, e.Class, e.Reason = sweep.Failed, sweep.ClassStart, x.Message
	case cause == sweep.StopKill:
		e.State = sweep.Killed
	case cause == sweep.StopInterrupt:
		e.State, e.Requeue, e.Reason = sweep.Queued, sweep.RequeueInterrupt, "interrupted"
	case cause == sweep.StopPrune:
		e.State = sweep.Pruned
	case cause == sweep.StopDiverge:
		e.State = sweep.Diverged
		if e.Reason == "" {
			e.Reason = x.Message
		}
	case cause == sweep.StopTimeout:
		e.State, e.Class, e.Reason = sweep.Failed, sweep.ClassTimeout, fmt.Sprintf("ran longer than %s", l.Spec.Timeout)
	case cause == sweep.StopStall:
		e.State, e.Class, e.Reason = sweep.Failed, sweep.ClassStalled, fmt.Sprintf("silent for %s", l.Spec.StallTimeout)
	case x.Class != "":
		e.State, e.Class, e.Reason = sweep.Failed, x.Class, x.Message
	case x.Signal != 0:
		e.State, e.Class, e.Reason = sweep.Failed, sweep.ClassSignal, fmt.Sprintf("signal %d", x.Signal)
	case x.Code != 0 && !l.statusIsValue(x):
		e.State, e.Class, e.Reason = sweep.Failed, sweep.ClassExit, exitReason(x.Code, tail)
	case len(l.Spec.Objectives) > 0 && !e.HasObjective:
		e.State, e.Class, e.Reason = sweep.Failed, sweep.ClassNoObjective, fmt.Sprintf("exit %d, but no ", x.Code)+l.Spec.Objectives[0].Name+" was reported"
	case diverged:
		e.State = sweep.Diverged
		e.Reason = fmt.Sprintf("the last report is %s", sweep.KindOf(e.Objective))
	default:
		e.State = sweep.Finished
	}
	if e.State == sweep.Failed && l.retry(v, e.Class) {
		e.State, e.Requeue = sweep.Queued, sweep.RequeueRetry
	}
	return e
}

// statusIsValue reports whether a status is what report.exit_value asks for, and
// so no failure.
func (l *loop) statusIsValue(x sweep.Exit) bool {
	_, ok := x.Value()
	return ok && l.Spec.ExitValue != ""
}

// exitReason is the status and the last line of output, which is often the
// exception that ended a script.
func exitReason(code int, tail []string) string {
	r := fmt.Sprintf("exit %d", code)
	for i := len(tail) - 1; i >= 0; i-- {
		if s := tail[i]; s != "" {
			if len(s) > 200 {
				s = s[:200]
			}
			return r + ": " + s
		}
	}
	return r
}

// objective fills in the objective from the series; it reports whether the
// last report of any objective was not finite.
func (l *loop) objective(v *live, e *sweep.Ended) (diverged bool) {
	for i, o := range l.Spec.Objectives {
		s := v.series[o.Name]
		if s == nil {
			s = &sweep.Series{}
		}
		x, step, ok := s.Reduce(o)
		if math.IsNaN(x) && ok || math.IsInf(x, 0) {
			diverged = true
		}
		if i == 0 {
			e.HasObjective, e.Objective, e.ObjectiveStep = ok, x, step
		} else {
			e.HasObjective = e.HasObjective && ok
			e.Others = append(e.Others, x)
		}
	}
	return diverged
}

func (l *loop) lost(v *live, e *sweep.Ended) {
	if v.trial.Crashes+1 >= maxCrashes {
		e.State, e.Class = sweep.Failed, sweep.ClassLost
		e.Reason = fmt.Sprintf("its supervisor died with it %d times", maxCrashes)
		return
	}
	e.State, e.Requeue, e.Reason = sweep.Queued, sweep.RequeueCrash, "its supervisor died"
}

func (l *loop) retry(v *live, c sweep.Class) bool {
	r := l.Spec.Retries
	if c == sweep.ClassOOM && r.OOM != nil {
		return v.trial.Failures < r.Max // it gets more than it had, whatever `on` says
	}
	if c == sweep.ClassLost || v.trial.Failures >= r.Max {
		return false
	}
	return len(r.On) == 0 || slices.Contains(r.On, c)
}

// settle applies the end of an attempt and posts it, behind what post holds:
// the last reports are stored with the end or not at all.
func (l *loop) settle(v *live, e *sweep.Ended, post sweep.Post, tail []string, release bool) {
	t, err := v.trial.Apply(e)
	if err != nil {
		panic("loop: " + err.Error())
	}
	v.trial = t
	l.hours += v.hours(e.Exit)
	l.leave(v)
	if l.Judge != nil {
		l.tick++
		e.Tick = l.tick
		if t.State.Settled() {
			l.Judge.Settle(t.ID, t.State)
		}
	}
	seconds := float64(e.Exit.EndedAt-e.Exit.StartedAt) / 1e6
	l.spent(v, e)
	if t.State == sweep.Queued {
		l.queue = append(l.queue, t.ID)
	} else {
		delete(l.live, t.ID)
		if l.outcomes != nil && t.State == sweep.Finished && l.outcomes[t.PointID] == nil {
			l.outcomes[t.PointID] = e
		}
	}
	l.names[e] = v.name
	l.tails[e] = ended{trial: t, params: v.params, tail: tail, seconds: seconds, release: release}
	post.Events = append(post.Events, e)
	l.Journal.Post(post)
}

// spent fills in what the attempt used of the machine's devices, and learns
// what the next one of the trial needs.
func (l *loop) spent(v *live, e *sweep.Ended) {
	e.Exit.GPUSeconds = v.share * max(0, float64(e.Exit.EndedAt-e.Exit.StartedAt)/1e6)
	v.oom, v.share, v.grant = v.oom || e.Class == sweep.ClassOOM, 0, nil
	l.peak = max(l.peak, e.Exit.MaxRSSMB)
}

// ack takes what was synced: only now a trial has ended.
func (l *loop) ack(a sweep.Ack) error {
	if a.Err != nil {
		return fmt.Errorf("%w: %w", ErrJournal, a.Err)
	}
	for _, ev := range a.Post.Events {
		e, ok := ev.(*sweep.Ended)
		if !ok {
			continue
		}
		x, ok := l.tails[e]
		if !ok {
			continue
		}
		if x.release {
			l.Backend.Settled(l.names[e])
		}
		delete(l.names, e)
		delete(l.tails, e)
		l.count(e.State, 1)
		if e.State.Settled() {
			l.Planner.Settle(x.trial, values(e))
			l.noMore = l.noMore && !l.Planner.Looks()
			for _, d := range l.Planner.Drops() {
				l.noteDrop(d)
			}
		}
		l.tell(News{Trial: x.trial, Params: x.params, Event: e, Tail: x.tail, Seconds: x.seconds})
	}
	return nil
}

// noteDrop journals that a point lost the race.
func (l *loop) noteDrop(n *sweep.Note) {
	l.Journal.Post(sweep.Post{Events: []sweep.Event{n}})
	l.tell(News{Event: n})
}

func values(e *sweep.Ended) []float64 {
	if !e.HasObjective {
		return nil
	}
	return append([]float64{e.Objective}, e.Others...)
}

// count adds n trials in state s to the counts.
func (l *loop) count(s sweep.State, n int) {
	switch s {
	case sweep.Finished:
		l.counts.Finished += n
	case sweep.Failed:
		l.counts.Failed += n
	case sweep.Pruned:
		l.counts.Pruned += n
	case sweep.Diverged:
		l.counts.Diverged += n
	case sweep.Killed:
		l.counts.Killed += n
	}
}

// limits ends the sweep when a trial's end asks for it: the fuse, the budget,
// the target.
func (l *loop) limits(ctx context.Context, e *sweep.Ended, tail []string) error {
	if !e.State.Settled() {
		return nil
	}
	b := l.Spec.Budget
	if !l.fuseOff {
		if e.State != sweep.Failed || len(l.first) > 0 && l.first[0] != e.Class {
			l.fuseOff = true
		} else if l.first = append(l.first, e.Class); len(l.first) == fuseLength {
			l.fuse = tail
			l.end("fuse", fmt.Sprintf("the first %d trials all failed (%s): %s", fuseLength, e.Class, e.Reason))
			l.note("fuse", l.why, "")
			return l.stopAll(ctx, false)
		}
	}
	failed := l.counts.Failed
	for x := range l.tails {
		if x.State == sweep.Failed {
			failed++
		}
	}
	switch {
	case b.Failures > 0 && failed >= b.Failures:
		l.end("failures", fmt.Sprintf("%d trials failed; the budget is failures: %d", failed, b.Failures))
	case b.TrialHours > 0 && l.hours >= b.TrialHours:
		l.end("budget", fmt.Sprintf("%.3g trial hours are used up", b.TrialHours))
		return l.stopAll(ctx, false)
	case l.reached(e):
		l.endMet(e)
	}
	return nil
}

// fold applies the journal. It leaves running trials to recover.
func (l *loop) fold() error {
	var past *replay
	if l.Judge != nil {
		past = newReplay(l.Judge, l.Ticked)
		defer past.stop()
	}
	for entry, err := range l.Entries {
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		if past != nil {
			if _, err := past.take(entry.Event); err != nil {
				return err
			}
		}
		if err := l.foldOne(entry.Event); err != nil {
			return fmt.Errorf("journal entry %d: %w", entry.Seq, err)
		}
	}
	for id, v := range l.live {
		if v.trial.State == sweep.Queued || v.trial.State == sweep.Paused {
			l.queue = append(l.queue, id)
		}
	}
	slices.Sort(l.queue)
	for _, id := range slices.Sorted(maps.Keys(l.dropped)) { // trawl ended before it said so
		l.noteDrop(l.dropped[id])
	}
	if past != nil {
		if err := past.upTo(math.MaxInt64); err != nil {
			return err
		}
		l.tick, l.rulings = past.last, past.rulings
	}
	c := l.counts
	l.previous = c.Finished + c.Failed + c.Pruned + c.Diverged + c.Killed
	return nil
}

func (l *loop) foldOne(event sweep.Event) error {
	switch e := event.(type) {
	case *sweep.SpecSet:
		return l.Planner.Learn(e, l.Spec.Space)
	case *sweep.Note:
		if e.What == "dropped" {
			delete(l.dropped, e.Point)
		}
		return nil
	case *sweep.Proposed:
		pt, err := l.Spec.Space.ParseJSON([]byte(e.Params))
		if err != nil {
			return err
		}
		e.Point = pt
		if e.Revision == l.Revision {
			l.Planner.Fold(e)
		} else {
			l.Planner.FoldOld(e, l.Spec.Space)
		}
		l.propose(e)
		return nil
	case *sweep.Requeued:
		return l.requeue(e)
	}
	v := l.live[event.Subject()]
	if v == nil {
		return fmt.Errorf("%s of trial %d, which is not open", event.Kind(), event.Subject())
	}
	t, err := v.trial.Apply(event)
	if err != nil {
		return err
	}
	v.trial = t
	if e, ok := event.(*sweep.Started); ok {
		v.name, v.share, v.group = JobName(e.Trial, e.Attempt), e.Share, e.Group
		l.join(v)
	}
	if e, ok := event.(*sweep.Ended); ok {
		v.oom, l.peak = v.oom || e.Class == sweep.ClassOOM, max(l.peak, e.Exit.MaxRSSMB)
		l.hours += v.hours(e.Exit)
		l.leave(v)
		if e.State.Settled() {
			l.count(e.State, 1)
			if l.met == nil && l.reached(e) {
				l.met = e
			}
			l.Planner.Settle(t, values(e))
			for _, d := range l.Planner.Drops() {
				l.dropped[d.Point] = d
			}
			if l.outcomes != nil && e.State == sweep.Finished && l.outcomes[t.PointID] == nil {
				l.outcomes[t.PointID] = e
			}
			delete(l.live, t.ID)
		}
	}
	return nil
}

// recover finds the trials that were running when trawl last ended, in the
// order of their numbers.
func (l *loop) recover(ctx context.Context) error {
	var ids []sweep.TrialID
	for id, v := range l.live {
		if v.trial.State == sweep.Running {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	for _, id := range ids {
		v := l.live[id]
		if err := l.reread(ctx, v); err != nil {
			return err
		}
		job, err := l.Job(v.trial, v.params)
		if err != nil {
			return fmt.Errorf("trial %d: %w", id, err)
		}
		job.Name, job.Trial, job.Attempt, job.Token = v.name, id, v.trial.Attempt, v.trial.Token
		if job.Mark, err = l.Mark(ctx, id); err != nil {
			return err
		}
		err = l.Backend.Recover(ctx, job)
		switch ruling, ruled := l.rulings[id]; {
		case err == nil:
			l.jobs[v.name] = id
			if v.trial.Stopping != sweep.StopNone {
				l.Backend.Stop(v.name, v.trial.Stopping, false)
			} else if ruled { // trawl ended between the reports and the decision
				if err := l.endEarly(ctx, v, ruling); err != nil {
					return err
				}
			}
		case errors.Is(err, runner.ErrGone):
			l.gone(v)
		default:
			return fmt.Errorf("recover trial %d: %w", id, err)
		}
	}
	return nil
}

// gone ends an attempt of which nothing is left: it starts again, unless the
// user had stopped it.
func (l *loop) gone(v *live) {
	now := l.Clock.Now().UnixMicro()
	e := &sweep.Ended{Trial: v.trial.ID, Attempt: v.trial.Attempt, State: sweep.Queued, Requeue: sweep.RequeueInterrupt,
		Reason: "interrupted: nothing of it was left", Exit: sweep.Exit{Code: -1, StartedAt: now, EndedAt: now}}
	if v.trial.Stopping == sweep.StopKill {
		e.State, e.Requeue, e.Reason = sweep.Killed, sweep.RequeueNone, v.trial.Reason
	}
	l.settle(v, e, sweep.Post{}, nil, false)
	slices.Sort(l.queue)
}

// reread folds the stored reports of a trial into its series.
func (l *loop) reread(ctx context.Context, v *live) error {
	v.series = nil
	for r, err := range l.Reports(ctx, v.trial.ID) {
		if err != nil {
			return fmt.Errorf("read the reports of trial %d: %w", v.trial.ID, err)
		}
		l.observe(v, r.Attempt, r.Report)
	}
	return nil
}
