package loop

import (
	"context"
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
)

// control does what the user asks for, here or from another terminal.
func (l *loop) control(ctx context.Context, c Control) error {
	text, err := "", error(nil)
	fatal := error(nil)
	switch c.Verb {
	case Drain:
		l.end("drained", orWhy(c.Why, "drained"))
		text = fmt.Sprintf("%d trials run on; nothing more starts", len(l.jobs))
	case StopAll, KillAll:
		l.end("stopped", orWhy(c.Why, "stopped"))
		l.state, l.why = "stopped", orWhy(c.Why, "stopped")
		text = fmt.Sprintf("%d trials are being stopped; trawl resume goes on", len(l.jobs))
		fatal = l.stopAll(ctx, c.Verb == KillAll)
	case KillOne:
		text, err, fatal = l.killOne(ctx, c)
	case Pause:
		l.paused = true
		l.note("paused", c.Why, "paused")
		text = fmt.Sprintf("paused; %d trials run on", len(l.jobs))
	case Continue:
		l.paused = false
		l.note("continued", c.Why, "running")
		text = "goes on"
	case Parallel:
		if c.N < 1 {
			err = fmt.Errorf("parallel=%d: want at least 1", c.N)
			break
		}
		l.Slots = c.N
		l.note("set", fmt.Sprintf("parallel=%d", c.N), "")
		text = fmt.Sprintf("%d at a time", c.N)
	case AddPoint:
		text, err, fatal = l.add(ctx, c)
	case Retry:
		text, err, fatal = l.retryTrial(ctx, c)
	default:
		err = fmt.Errorf("%q: no such request", c.Verb)
	}
	if c.Answer != nil {
		c.Answer(text, err)
	}
	return fatal
}

func orWhy(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// stopAll asks every running trial to end; they go back to the queue.
func (l *loop) stopAll(ctx context.Context, hard bool) error {
	var events []sweep.Event
	for _, id := range l.jobs {
		v := l.live[id]
		if v.trial.Stopping != sweep.StopNone {
			continue
		}
		e := &sweep.Stopping{Trial: id, Attempt: v.trial.Attempt, Why: sweep.StopInterrupt, Reason: l.why}
		t, err := v.trial.Apply(e)
		if err != nil {
			return err
		}
		v.trial = t
		events = append(events, e)
	}
	if len(events) > 0 {
		if err := l.Journal.Record(ctx, events...); err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
	}
	for name, id := range l.jobs {
		l.Backend.Stop(name, l.live[id].trial.Stopping, hard)
	}
	return nil
}

// killOne ends one trial for good.
func (l *loop) killOne(ctx context.Context, c Control) (string, error, error) {
	v := l.live[c.Trial]
	if n := l.Planner.Trials(); int64(c.Trial) > n {
		return "", fmt.Errorf("trial %d: no such trial; there are %d", c.Trial, n), nil
	}
	if v == nil {
		return "", fmt.Errorf("trial %d: it is not queued or running", c.Trial), nil
	}
	reason := orWhy(c.Why, "stopped by the user")
	if v.trial.State != sweep.Running {
		l.settle(v, &sweep.Ended{Trial: c.Trial, Attempt: v.trial.Attempt, State: sweep.Killed, Reason: reason}, sweep.Post{}, nil, false)
		return fmt.Sprintf("trial %d: killed before it ran", c.Trial), nil, nil
	}
	e := &sweep.Stopping{Trial: c.Trial, Attempt: v.trial.Attempt, Why: sweep.StopKill, Reason: reason}
	t, err := v.trial.Apply(e)
	if err != nil {
		return "", err, nil
	}
	v.trial = t
	if err := l.Journal.Record(ctx, e); err != nil {
		return "", err, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	l.Backend.Stop(v.name, sweep.StopKill, false)
	return fmt.Sprintf("trial %d: being stopped", c.Trial), nil, nil
}

// add queues the trials of a point that the user asks for.
func (l *loop) add(ctx context.Context, c Control) (string, error, error) {
	got, err := l.Planner.Add(c.Values)
	if err != nil {
		return "", err, nil
	}
	events := l.keepAhead()
	for _, e := range got {
		events = append(events, e)
		l.queue = append(l.queue, l.propose(e).trial.ID)
	}
	if err := l.Journal.Record(ctx, events...); err != nil {
		return "", err, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	return fmt.Sprintf("trial %d: queued", got[0].Trial), nil, nil
}

// retryTrial queues an ended trial again.
func (l *loop) retryTrial(ctx context.Context, c Control) (string, error, error) {
	if v := l.live[c.Trial]; v != nil {
		return "", fmt.Errorf("trial %d is %s already", c.Trial, v.trial.State), nil
	}
	if err := l.flush(ctx); err != nil {
		return "", err, err
	}
	e, err := l.Ended(ctx, c.Trial)
	if err != nil {
		return "", err, nil
	}
	e.Reason = orWhy(c.Why, "retried by the user")
	if err := l.requeue(e); err != nil {
		return "", err, nil
	}
	if err := l.Journal.Record(ctx, e); err != nil {
		return "", err, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	l.tell(News{Event: e})
	l.queue = append(l.queue, c.Trial)
	return fmt.Sprintf("trial %d: queued again", c.Trial), nil, nil
}

// requeue makes an ended trial live again.
func (l *loop) requeue(e *sweep.Requeued) error {
	pt, err := l.Spec.Space.ParseJSON([]byte(e.Params))
	if err != nil {
		return err
	}
	e.Point = pt
	t, err := e.Ended().Apply(e)
	if err != nil {
		return err
	}
	l.count(e.Was, -1)
	if l.met != nil && l.met.Trial == e.Trial {
		l.met = nil
	}
	l.live[e.Trial] = &live{trial: t, params: e.Params}
	l.Judge.Open(e.Trial, e.Repeat)
	return nil
}
