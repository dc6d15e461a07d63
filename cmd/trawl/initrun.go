package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/local"
	"github.com/trawl-sweep/trawl/sweep"
)

// outputLimit is how much of the output init keeps of a run; the middle of more
// is dropped.
const outputLimit = 2 << 20

// ran is how a run of a program for init went.
type ran struct {
	output  string
	reports []string // names of the metrics that it reported without any pattern
	exit    sweep.Exit
	limit   time.Duration
}

// said tells how a run ended that did not bring what it was for.
func (r ran) said(what string) string {
	how := fmt.Sprintf("ended with exit status %d", r.exit.Code)
	switch {
	case r.exit.Class == sweep.ClassStart:
		return what + ": " + r.exit.Message
	case r.exit.Cause == sweep.StopTimeout:
		how = fmt.Sprintf("was still running after %v, and was ended", r.limit)
	case r.exit.Signal != 0:
		how = "was ended by " + syscall.Signal(r.exit.Signal).String()
	}
	if end := lastLine(r.output); end != "" {
		return fmt.Sprintf("%s %s; its output ends: %s", what, how, end)
	}
	return fmt.Sprintf("%s %s and printed nothing", what, how)
}

// lastLine is the last line of a text that is not empty, as far as it prints.
func lastLine(s string) string {
	lines := strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return r == '\n' || r == '\r' })
	for _, l := range slices.Backward(lines) {
		if l = strings.TrimSpace(plain(l)); l != "" {
			if r := []rune(l); len(r) > 160 {
				l = string(r[:159]) + "…"
			}
			return l
		}
	}
	return ""
}

// runOnce runs a command for its help: no input, wide lines, no colours, no
// pager. It runs like a trial, under a supervisor that ends all that it started.
func (a *app) runOnce(ctx context.Context, argv []string, limit time.Duration) (ran, error) {
	dir, err := os.Getwd()
	if err != nil {
		return ran{}, err
	}
	env := lastWins(append(os.Environ(), "COLUMNS=129", "TERMINAL_WIDTH=250", "TERM=dumb", "NO_COLOR=1", "PYTHON_COLORS=0",
		"PAGER=cat", "MANPAGER=cat", "GIT_PAGER=cat"))
	return once(ctx, runner.Job{Argv: argv, Dir: dir, Env: env}, limit)
}

// runTrial runs the first trial of a spec.
func (a *app) runTrial(ctx context.Context, spec *sweep.Spec, limit time.Duration) (ran, error) {
	dir, err := os.Getwd()
	if err != nil {
		return ran{}, err
	}
	e, err := firstTrial(spec, nil)
	if err != nil {
		return ran{}, err
	}
	t, err := sweep.Trial{}.Apply(e)
	if err != nil {
		return ran{}, err
	}
	t.Attempt = 1
	tmp, err := os.MkdirTemp("", "trawl-init-")
	if err != nil {
		return ran{}, err
	}
	defer os.RemoveAll(tmp)
	s := &sweeping{a: a, spec: spec, baseDir: dir, runs: filepath.Join(tmp, "runs")}
	m := newJobMaker(s, 1)
	job, err := m.job(t, e.Params)
	if err != nil {
		return ran{}, err
	}
	fmt.Fprintf(a.stderr, "init: runs, for at most %v: %s\n", limit, shellLine(job.Argv))
	return once(ctx, job, limit)
}

// once runs a job by itself and takes its output.
func once(ctx context.Context, job runner.Job, limit time.Duration) (r ran, err error) {
	tmp, err := os.MkdirTemp("", "trawl-init-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(tmp)
	if job.TrialDir == "" {
		job.TrialDir = filepath.Join(tmp, "1")
	}
	job.Name, job.Trial, job.Attempt, job.Token = "t0001.1", 1, 1, fmt.Sprintf("init-%d", os.Getpid())
	job.Timeout, job.Grace, job.LogLimit = limit, time.Second, outputLimit
	b, err := local.New(local.Options{RunsDir: filepath.Dir(job.TrialDir), Slots: 1})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Start(ctx, job); err != nil {
		return r, err
	}
	r.limit = limit
	cancelled := ctx.Done()
	for {
		select {
		case <-cancelled:
			b.Stop(job.Name, sweep.StopInterrupt, true)
			cancelled = nil
		case u := <-b.Updates():
			for _, rep := range u.Reports {
				if !slices.Contains(r.reports, rep.Name) && len(r.reports) < 1000 {
					r.reports = append(r.reports, rep.Name)
				}
			}
			if u.Exit == nil {
				continue
			}
			r.exit = *u.Exit
			b.Settled(job.Name)
			if ctx.Err() != nil {
				return r, &exitErr{exitInterrupt, "interrupted; nothing was written"}
			}
			out, err := os.ReadFile(filepath.Join(job.TrialDir, local.LogName))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return r, err
			}
			r.output = string(out)
			return r, nil
		}
	}
}
