package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/trawl-sweep/trawl/runner/local"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

const (
	hooksAtOnce  = 8
	hooksQueued  = 1000            // events that may wait for a free place
	hookFarewell = 2 * time.Second // how long the end of a run waits for hooks that run
	hookLimit    = 10 * time.Minute
	hookGrace    = 10 * time.Second // from SIGTERM to SIGKILL
)

// hooks runs commands at events of a sweep. They are detached: no trial waits for
// them, and the end of trawl does not end them. Their output goes to hooks.log
// beside the trials; one that fails is noted in the journal, and one that takes
// longer than hookLimit while trawl runs is ended.
type hooks struct {
	s     *sweeping
	start func(*exec.Cmd) error
	log   *os.File
	free  chan struct{} // a token per command that runs
	wait  chan struct{} // and per event that waits
	wg    sync.WaitGroup
	mu    sync.Mutex // a hook that outlives the run must not start, nor write to a closed store
	over  bool

	// Of the loop's goroutine.
	best    float64
	hasBest bool
	dropped int
}

// newHooks returns nil where the sweep has no hooks; a nil *hooks does nothing.
// A backend that hunts for processes left behind must be asked to start them.
func (s *sweeping) newHooks(ctx context.Context, back any) (*hooks, error) {
	if len(s.spec.Hooks) == 0 {
		return nil, nil
	}
	h := &hooks{s: s, start: (*exec.Cmd).Start, free: make(chan struct{}, hooksAtOnce), wait: make(chan struct{}, hooksQueued)}
	if b, ok := back.(*local.Backend); ok {
		h.start = b.Aside
	}
	if len(s.spec.Objectives) > 0 {
		fn := "min"
		if s.spec.Objectives[0].Goal == sweep.Maximize {
			fn = "max"
		}
		rows, err := s.db.Reader().Query(ctx, "select "+fn+"(objective) from trials where sweep = ? and state = 'finished'", s.spec.Name)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			h.best, h.hasBest = rows.Row()[0].(float64)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	var err error
	h.log, err = os.OpenFile(filepath.Join(s.runs, "hooks.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return h, err
}

// news looks at an event that is safe in the journal.
func (h *hooks) news(n loop.News) {
	e, ok := n.Event.(*sweep.Ended)
	if h == nil || !ok || !e.State.Settled() {
		return
	}
	switch {
	case e.State == sweep.Failed:
		h.fire("trial_failed", h.trialEnv(n, e))
	case e.State == sweep.Finished && h.better(e):
		h.best, h.hasBest = e.Objective, true
		h.fire("new_best", h.trialEnv(n, e))
	}
}

func (h *hooks) better(e *sweep.Ended) bool {
	if !e.HasObjective || len(h.s.spec.Objectives) == 0 || math.IsNaN(e.Objective) || math.IsInf(e.Objective, 0) {
		return false
	}
	if h.s.spec.Objectives[0].Goal == sweep.Maximize {
		return !h.hasBest || e.Objective > h.best
	}
	return !h.hasBest || e.Objective < h.best
}

// trialEnv tells a command about a trial.
func (h *hooks) trialEnv(n loop.News, e *sweep.Ended) []string {
	dir := h.s.trialDir(e.Trial)
	env := []string{
		"TRAWL_TRIAL=" + strconv.FormatInt(int64(e.Trial), 10), "TRAWL_ATTEMPT=" + strconv.Itoa(e.Attempt),
		"TRAWL_TRIAL_DIR=" + dir, "TRAWL_CHECKPOINT_DIR=" + filepath.Join(dir, "checkpoint"), "TRAWL_PARAMS=" + filepath.Join(dir, "params.json"),
		"TRAWL_VALUES=" + n.Params, "TRAWL_STATE=" + string(e.State), "TRAWL_CLASS=" + string(e.Class), "TRAWL_REASON=" + plain(e.Reason),
	}
	if e.HasObjective {
		env = append(env, "TRAWL_METRIC="+h.s.spec.Objectives[0].Name, "TRAWL_OBJECTIVE="+strconv.FormatFloat(e.Objective, 'g', -1, 64))
	}
	return env
}

// done is the end of the sweep: not of a run that was stopped, nor of one that
// found nothing to do.
func (h *hooks) done(sum loop.Summary, state string) {
	if h == nil || sum.Started == 0 || state != "finished" && state != "failed" {
		return
	}
	env := []string{"TRAWL_STATE=" + state, "TRAWL_REASON=" + plain(sum.Why), fmt.Sprintf("TRAWL_TRIALS=%d", sum.Trials),
		fmt.Sprintf("TRAWL_FINISHED=%d", sum.Finished), fmt.Sprintf("TRAWL_FAILED=%d", sum.Failed)}
	if h.hasBest {
		env = append(env, "TRAWL_METRIC="+h.s.spec.Objectives[0].Name, "TRAWL_OBJECTIVE="+strconv.FormatFloat(h.best, 'g', -1, 64))
	}
	h.fire("done", env)
}

// fire runs the command of an event, if it has one, on a goroutine that close
// waits for, for a while.
func (h *hooks) fire(event string, env []string) {
	argv := h.s.spec.Hooks[event]
	if len(argv) == 0 {
		return
	}
	select {
	case h.wait <- struct{}{}:
	default:
		h.dropped++
		return
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = h.s.baseDir
	cmd.Env = append(append(os.Environ(), "TRAWL_EVENT="+event, "TRAWL_SWEEP="+h.s.spec.Name, "TRAWL_DB="+h.s.db.Path()), env...)
	cmd.Stdout, cmd.Stderr = h.log, h.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	h.wg.Go(func() {
		if event != "done" { // nothing comes after it that could crowd the machine
			h.free <- struct{}{}
			defer func() { <-h.free }()
		}
		h.mu.Lock() // close closes the log, too
		if h.over {
			h.mu.Unlock()
			return // counted in wait, as one that was not run
		}
		err := h.start(cmd)
		h.mu.Unlock()
		<-h.wait
		if err == nil {
			err = awaitWithin(cmd, hookLimit, hookGrace)
		}
		if err != nil {
			h.note(fmt.Sprintf("%s: %v: %s", event, err, shellLine(maskArgs(argv))))
		}
	})
}

// awaitWithin waits for a command that leads a process group. One that takes
// longer than limit gets SIGTERM, after grace SIGKILL, with its whole group; the
// error says so.
func awaitWithin(cmd *exec.Cmd, limit, grace time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	wait := limit
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, 0} {
		t := time.NewTimer(wait)
		select {
		case err := <-ended:
			t.Stop()
			if sig != syscall.SIGTERM {
				err = fmt.Errorf("ended: it took longer than %v", limit)
			}
			return err
		case <-t.C:
			_ = syscall.Kill(-cmd.Process.Pid, sig) // it has not been waited for: the number is its own
			wait = grace
		}
	}
	return fmt.Errorf("it took longer than %v, and SIGKILL has not ended it", limit)
}

// note writes a failure down while the run lasts.
func (h *hooks) note(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.over {
		_ = h.s.store.Record(context.Background(), &sweep.Note{What: "hook_failed", Text: text}) // the loop meets the same error, with a reader
	}
}

// close waits a little for the commands that run, so that their failures are
// noted; those that take longer go on alone.
func (h *hooks) close() {
	if h == nil {
		return
	}
	ended := make(chan struct{})
	go func() { h.wg.Wait(); close(ended) }()
	t := time.NewTimer(hookFarewell)
	defer t.Stop()
	select {
	case <-ended:
	case <-t.C:
	}
	if n := h.dropped + len(h.wait); n > 0 {
		h.note(fmt.Sprintf("%d commands were not run: those before them took too long", n))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.log.Close()
}
