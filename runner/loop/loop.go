// Package loop runs a sweep: it owns the trials.
//
//	planner ──proposals──→ ┌──────┐ ──Start, Stop──→ backend
//	        ←──outcomes─── │ loop │ ←──updates──────
//	controls ─────────────→└──────┘ ──Record, Post─→ journal
//	                                ←──acks─────────
//
// One goroutine, the caller of Run, owns the trials; it folds the journal first
// (an empty one too: resume is not a mode), then acts on messages. Intent comes
// before effect: a trial is journalled as started before the backend hears of
// it. Results go to the journal while the slot is already used by the next
// trial; a trial counts as ended, is shown and told to the sampler once its
// result is synced. Trials that the backend runs as one share a slot (Grouping);
// short ones are started ahead of theirs (Ahead), so that the backend has them
// when a slot frees.
package loop

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// Config is what Run needs.
type Config struct {
	Spec     *sweep.Spec
	Revision int
	Planner  *Planner
	Backend  runner.Backend
	Journal  runner.Journal
	Clock    runner.Clock
	Slots    int // trials at a time, at least 1; a group counts as one
	Ahead    int // short trials that the backend may be given before it has a slot for them

	// Group says which trials may share a slot; nil: none. It wants a Planner
	// that does not look, and no Devices.
	Group *Grouping

	// Devices hands out what trials share with others; nil: there is nothing to
	// ask for. Need is what a trial asks for: the spec's resources with the
	// machine's defaults.
	Devices runner.Slots
	Need    sweep.Resources

	// Entries is the journal so far, in order. Its Proposed events come without
	// their Point; Params is read with Spec.Space.
	Entries iter.Seq2[sweep.Entry, error]
	// Reports and Mark are what is stored of a trial that was running.
	Reports func(context.Context, sweep.TrialID) iter.Seq2[AttemptReport, error]
	// Judge ends trials early; nil: nobody does. Ticked are the reports that
	// it saw so far.
	Judge  *Judge
	Ticked iter.Seq2[sweep.Ticked, error]
	Mark   func(context.Context, sweep.TrialID) (string, error)
	// Ended returns what is needed to run an ended trial again.
	Ended func(context.Context, sweep.TrialID) (*sweep.Requeued, error)

	// Job makes the job of an attempt: command, environment, directories.
	Job func(t sweep.Trial, params string) (runner.Job, error)
	// Token returns a new random token.
	Token      func() string
	Host, Boot string

	// FreeDisk returns the free bytes where the sweep writes.
	FreeDisk func() (int64, error)
	First    []Control      // done before anything starts
	Controls <-chan Control // nil: none
	Watch    func(News)     // called by the loop's goroutine; nil: nobody watches
}

// An AttemptReport is a stored report and the attempt that made it.
type AttemptReport struct {
	Attempt int
	sweep.Report
}

// News is something that watchers may show: an event that is safe, reports of
// a running trial, or both.
type News struct {
	Trial   sweep.Trial
	Params  string
	Event   sweep.Event // nil: reports only
	Reports []sweep.Report
	Tail    []string // the last output lines, with an Ended
	Seconds float64  // with an Ended: of the attempt
}

// A Verb is what a control asks for.
type Verb string

// The verbs. Kill ends one trial for good; all others are about the sweep.
const (
	Drain    Verb = "drain"    // start nothing more, let running trials end
	StopAll  Verb = "stop"     // end running trials, resumable
	KillAll  Verb = "kill-all" // the same, at once
	KillOne  Verb = "kill"     // end one trial for good
	Pause    Verb = "pause"    // start nothing more, stay
	Continue Verb = "continue" // after Pause
	Parallel Verb = "parallel" // N trials at a time
	AddPoint Verb = "add"      // try these values
	Retry    Verb = "retry"    // queue an ended trial again
)

// A Control asks the loop for something. Answer, if not nil, is called once.
type Control struct {
	Verb   Verb
	Trial  sweep.TrialID
	N      int
	Values map[string]sweep.Value
	Why    string
	Answer func(text string, err error)
}

// Summary is how a run ended.
type Summary struct {
	Counts
	State    string // finished, stopped, drained, failed, budget, target, disk
	Why      string // one line, where State is not finished
	Fuse     []string
	Started  int // attempts started by this run
	Previous int // trials that had ended before it
}

// Counts are the trials of a sweep by state.
type Counts struct {
	Trials, Finished, Failed, Pruned, Diverged, Killed, Queued, Running int
}

// ErrJournal is wrapped by Run's error when the database cannot be written.
// Running trials are left alone: the next run finds them.
var ErrJournal = errors.New("the database cannot be written")

// live is a trial that has not ended.
type live struct {
	trial  sweep.Trial
	params string
	name   string                   // of the running job
	series map[string]*sweep.Series // of the objectives
	oom    bool                     // an attempt ran out of memory
	grant  *runner.Grant            // of the attempt that starts
	share  float64                  // of GPUs, of the attempt that runs
	group  string                   // of the attempt that starts or runs, "": by itself
	mates  int                      // members of that group at its start
}

// Loop is the state of Run.
type loop struct {
	Config
	live     map[sweep.TrialID]*live
	jobs     map[string]sweep.TrialID // running jobs by name
	queue    []sweep.TrialID          // queued trials, those of earlier runs first
	names    map[*sweep.Ended]string  // of jobs whose end is not synced
	tails    map[*sweep.Ended]ended
	outcomes map[sweep.PointID]*sweep.Ended // duplicates: reuse
	counts   Counts
	ids      sweep.TrialID
	began    time.Time
	tick     int64                         // of the last reports or end that the judge saw
	rulings  map[sweep.TrialID]Ruling      // of the judge, not journalled when trawl ended
	dropped  map[sweep.PointID]*sweep.Note // while folding: lost the race, and no note says so

	ahead  window         // proposals that are not trials yet
	groups map[string]int // members that run, by group
	shared int            // running jobs that take no slot of their own

	met       *sweep.Ended // an earlier run reached the target with it
	noMore    bool         // the planner has nothing to add now
	searching bool         // it looks for more
	drain     bool         // start nothing more, then end
	paused    bool
	why       string
	state     string
	first     []sweep.Class // how the first trials of this run failed
	fuseOff   bool
	fuse      []string
	started   int
	previous  int
	hours     float64
	diskAt    time.Time
	lowDisk   bool
	lowReason string
	fast      int     // how many trials in a row were short
	starved   bool    // what the next trial needs is not to be had now
	said      string  // why, as it was last noted
	peak      float64 // MiB: most resident memory of a trial so far
}

// ended is what a watcher is told once an end is synced.
type ended struct {
	trial   sweep.Trial
	params  string
	tail    []string
	seconds float64
	release bool // a job whose Exit the backend may forget
}

// Run folds the journal and runs the sweep to its end, to ctx's, or until a
// control stops it. It returns an error where the sweep could not go on; the
// summary is valid then, too.
func Run(ctx context.Context, c Config) (Summary, error) {
	l := &loop{Config: c, live: map[sweep.TrialID]*live{}, jobs: map[string]sweep.TrialID{},
		dropped: map[sweep.PointID]*sweep.Note{}, names: map[*sweep.Ended]string{}, tails: map[*sweep.Ended]ended{},
		groups: map[string]int{},
		began:  c.Clock.Now(), state: "finished", fuseOff: c.Spec.Budget.FailuresOff}
	if c.Spec.Duplicates == "reuse" {
		l.outcomes = map[sweep.PointID]*sweep.Ended{}
	}
	err := l.fold()
	if err == nil {
		err = l.recover(ctx)
	}
	if l.met != nil && len(c.First) == 0 {
		l.endMet(l.met)
	}
	for _, c := range c.First {
		if err == nil {
			err = l.control(ctx, c)
		}
	}
	if err == nil {
		err = l.run(ctx)
	}
	if err == nil {
		err = l.flush(ctx)
	}
	if err == nil && l.state == "drained" && l.nothingLeft() {
		l.state, l.why = "finished", ""
	}
	return l.summary(), err
}

// nothingLeft reports whether a sweep that was drained would have started
// nothing more anyway. The planner is not to be used after that.
func (l *loop) nothingLeft() bool {
	if len(l.live) > 0 {
		return false
	}
	got, searching, err := l.Planner.Some(1)
	return err == nil && len(got) == 0 && !searching
}

func (l *loop) summary() Summary {
	s := Summary{Counts: l.counts, State: l.state, Why: l.why, Fuse: l.fuse, Started: l.started, Previous: l.previous}
	s.Queued, s.Running = 0, 0
	for _, v := range l.live {
		if v.trial.State == sweep.Running {
			s.Running++
		} else {
			s.Queued++
		}
	}
	return s
}

// run is the loop proper.
func (l *loop) run(ctx context.Context) error {
	var wall <-chan time.Time
	if d := l.Spec.Budget.Wall; d > 0 {
		c, stop := l.Clock.After(d)
		defer stop()
		wall = c
	}
	done := ctx.Done()
	for {
		if err := l.fill(ctx); err != nil {
			return err
		}
		if l.over() {
			return nil
		}
		if len(l.jobs) == 0 && len(l.tails) > 0 { // nothing more will join the group
			if err := l.flush(ctx); err != nil {
				return err
			}
			continue
		}
		var poll <-chan time.Time
		stopPoll := func() {}
		switch {
		case l.lowDisk:
			poll, stopPoll = l.Clock.After(time.Second)
		case l.searching: // look at messages, then go on
			poll = now
		case l.starved:
			poll, stopPoll = l.Clock.After(starvedPoll)
		}
		err := l.step(ctx, done, wall, poll)
		stopPoll()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			done = nil
		}
	}
}

// step waits for one message, then takes all that are there.
func (l *loop) step(ctx context.Context, done <-chan struct{}, wall, poll <-chan time.Time) error {
	block := true
	for {
		var idle chan struct{}
		if !block {
			idle = closed
		}
		select {
		case u, ok := <-l.Backend.Updates():
			if !ok {
				return errors.New("the backend closed")
			}
			if err := l.update(ctx, u); err != nil {
				return err
			}
		default:
			select {
			case u, ok := <-l.Backend.Updates():
				if !ok {
					return errors.New("the backend closed")
				}
				if err := l.update(ctx, u); err != nil {
					return err
				}
			case a := <-l.Journal.Acks():
				if err := l.ack(a); err != nil {
					return err
				}
			case c := <-l.Controls:
				if err := l.control(ctx, c); err != nil {
					return err
				}
			case <-wall:
				l.end("budget", fmt.Sprintf("the wall-time budget of %s is used up", l.Spec.Budget.Wall))
				return l.stopAll(ctx, false)
			case <-done:
				l.end("stopped", "interrupted")
				return l.stopAll(context.WithoutCancel(ctx), false)
			case <-poll:
				l.diskAt = time.Time{}
				return nil
			case <-idle:
				return nil
			}
		}
		block = false
		if len(l.jobs)-l.shared < l.Slots && !l.drain && !l.paused {
			return nil // a slot is free: fill it before anything else
		}
	}
}

var now = func() chan time.Time { c := make(chan time.Time); close(c); return c }()

var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// over reports whether nothing runs and nothing will.
func (l *loop) over() bool {
	if len(l.jobs) > 0 {
		return false
	}
	if l.drain {
		return true
	}
	if l.paused {
		return false
	}
	if l.lowDisk {
		l.end("disk", l.lowReason)
		return true
	}
	return len(l.queue) == 0 && l.noMore && len(l.names) == 0
}

// end makes the run end once nothing runs; the first reason stays.
func (l *loop) end(state, why string) {
	if !l.drain || l.state == "drained" {
		l.state, l.why = state, why
	}
	l.drain = true
}

// flush waits until all results are synced, and takes their acks.
func (l *loop) flush(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	errc := make(chan error, 1)
	go func() { errc <- l.Journal.Flush(ctx) }()
	for {
		select {
		case a := <-l.Journal.Acks():
			if err := l.ack(a); err != nil {
				<-errc
				return err
			}
		case err := <-errc:
			if err != nil {
				return fmt.Errorf("%w: %w", ErrJournal, err)
			}
			return l.takeAcks()
		}
	}
}

// takeAcks waits for the acks of the ends that are synced: the journal says
// what it has synced before it tells of each.
func (l *loop) takeAcks() error {
	for len(l.tails) > 0 {
		a, ok := <-l.Journal.Acks()
		if !ok {
			return fmt.Errorf("%w: it closed", ErrJournal)
		}
		if err := l.ack(a); err != nil {
			return err
		}
	}
	return nil
}

// fill starts trials while there are free slots: queued ones first, then new
// ones. The intents of all of them are one transaction.
func (l *loop) fill(ctx context.Context) error {
	free := l.room()
	if free <= 0 || l.drain || l.paused || !l.diskOK() {
		return nil
	}
	if l.Planner.Looks() && len(l.tails) > 0 { // it is told what is synced: wait for that
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	var events []sweep.Event
	var start []*live
	l.starved = false
	for free > 0 && len(l.queue) > 0 {
		v := l.live[l.queue[0]]
		if v != nil && v.trial.State == sweep.Queued {
			if v.grant = l.take(v.oom, len(start)); l.starved {
				return l.start(ctx, events, start) // nobody overtakes it
			}
			start = append(start, v)
			free--
		}
		l.queue = l.queue[1:]
	}
	if l.Group != nil {
		events, start, err := l.fillGroups(free, events, start)
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		return l.start(ctx, events, start)
	}
	if free > 0 && !l.noMore {
		grants := l.takeAll(free, len(start))
		if len(grants) == 0 {
			return l.start(ctx, events, start)
		}
		got, searching, err := l.Planner.Some(len(grants))
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		l.searching = searching
		l.noMore = len(got) < len(grants) && !searching
		for i, e := range got {
			v := l.propose(e)
			events = append(events, e)
			if o := l.outcomes[e.PointID]; o != nil {
				grants[i].Release()
				l.reuse(v, o)
				continue
			}
			v.grant = grants[i]
			start = append(start, v)
		}
		for _, g := range grants[len(got):] {
			g.Release()
		}
	}
	return l.start(ctx, events, start)
}

// room is how many trials may be started now. Where trials are so short that
// what lies between two of them counts, some are started ahead of their slot.
// They come in batches: their intents are one commit.
func (l *loop) room() int {
	free := l.Slots - (len(l.jobs) - l.shared)
	if l.Ahead == 0 || l.fast < fastTrials || l.Devices != nil || l.outcomes != nil || l.Planner.Looks() {
		return free
	}
	if free += l.Ahead; free < l.Ahead/2 {
		return 0
	}
	return free
}

// A trial is short under shortTrial; after fastTrials short ones in a row, the
// next are expected to be.
const (
	shortTrial = 50 * time.Millisecond
	fastTrials = 16
)

func (l *loop) propose(e *sweep.Proposed) *live {
	t, err := sweep.Trial{}.Apply(e)
	if err != nil {
		panic("loop: " + err.Error())
	}
	v := &live{trial: t, params: e.Params}
	l.live[t.ID] = v
	l.Judge.Open(t.ID, t.Repeat)
	l.ids = max(l.ids, t.ID)
	l.counts.Trials++
	return v
}

// start journals the intents, then starts the jobs.
func (l *loop) start(ctx context.Context, events []sweep.Event, start []*live) error {
	var jobs []runner.Job
	for _, v := range start {
		token := l.Token()
		t := v.trial
		t.Attempt, t.Token = t.Attempt+1, token
		job, err := l.Job(t, v.params)
		if err != nil {
			return fmt.Errorf("trial %d: %w", t.ID, err)
		}
		job.Name, job.Trial, job.Attempt, job.Token = JobName(t.ID, t.Attempt), t.ID, t.Attempt, token
		e := &sweep.Started{Trial: t.ID, Attempt: t.Attempt, Token: token, Boot: l.Boot, Host: l.Host,
			Dir: job.TrialDir, Slot: -1, Resumed: job.Resumed, Group: v.group}
		job.Waits = l.Ahead > 0 && len(l.jobs)+len(jobs) >= l.Slots
		job.Group, job.Members = v.group, v.mates
		l.equip(&job, e, v)
		if v.trial, err = v.trial.Apply(e); err != nil {
			return err
		}
		v.name = job.Name
		l.join(v)
		events = append(events, e)
		jobs = append(jobs, job)
	}
	if len(events) == 0 {
		return nil
	}
	if err := l.Journal.Record(ctx, events...); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrJournal, err)
	}
	for i, job := range jobs {
		l.jobs[job.Name] = job.Trial
		l.started++
		if err := l.Backend.Start(ctx, job); err != nil {
			return fmt.Errorf("start trial %d: %w", job.Trial, err)
		}
		l.tell(News{Trial: start[i].trial, Params: start[i].params, Event: events[len(events)-len(jobs)+i]})
	}
	return nil
}

// JobName is the name of an attempt: its directory entry and its key.
func JobName(t sweep.TrialID, attempt int) string { return fmt.Sprintf("t%04d.%d", t, attempt) }

// reuse settles a trial by the outcome that its point had before.
func (l *loop) reuse(v *live, o *sweep.Ended) {
	e := &sweep.Ended{Trial: v.trial.ID, State: o.State, Reason: "reused the outcome of the same point",
		HasObjective: o.HasObjective, Objective: o.Objective, ObjectiveStep: o.ObjectiveStep, Others: o.Others}
	l.settle(v, e, sweep.Post{}, nil, false)
}

func (l *loop) diskOK() bool {
	if l.Spec.MinFree <= 0 || l.FreeDisk == nil {
		return true
	}
	now := l.Clock.Now()
	if !l.diskAt.IsZero() && now.Sub(l.diskAt) < time.Second {
		return !l.lowDisk
	}
	l.diskAt = now
	free, err := l.FreeDisk()
	low := err == nil && free < l.Spec.MinFree
	if low && !l.lowDisk {
		l.lowReason = fmt.Sprintf("low disk: %s free; want min_free %s: free some space, then resume", size(free), size(l.Spec.MinFree))
		l.note("low_disk", l.lowReason, "")
	}
	l.lowDisk = low
	return !low
}

func size(n int64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

func (l *loop) note(what, text, state string) {
	n := &sweep.Note{What: what, Text: text, State: state}
	l.Journal.Post(sweep.Post{Events: []sweep.Event{n}})
	l.tell(News{Event: n})
}

func (l *loop) tell(n News) {
	if l.Watch != nil {
		l.Watch(n)
	}
}

// reached reports whether the sweep's target is met by o.
// endMet ends the sweep, for the trial of e reached the target.
func (l *loop) endMet(e *sweep.Ended) {
	l.end("target", fmt.Sprintf("trial %d reached the target: %s = %g", e.Trial, l.Spec.Objectives[0].Name, e.Objective))
}

func (l *loop) reached(e *sweep.Ended) bool {
	return len(l.Spec.Objectives) == 1 && e.State == sweep.Finished && e.HasObjective &&
		!math.IsInf(e.Objective, 0) && l.Spec.Objectives[0].Reached(e.Objective)
}
