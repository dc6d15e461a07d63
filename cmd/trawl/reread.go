package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/runner/metric/files"
	"github.com/trawl-sweep/trawl/sweep"
)

// reread reads stored outputs again and settles the trials anew: each becomes a
// further attempt that ran nothing.
func (a *app) reread(ctx context.Context, name, file string) error {
	row, err := a.sweepRow(ctx, name)
	if err != nil {
		return err
	}
	spec, err := specOf(row)
	if err != nil {
		return err
	}
	if file != "" {
		f, err := configs.Load(file, configs.Options{Name: row.Name})
		if err != nil {
			return err
		}
		spec = f.Spec
	}
	s, err := a.own(ctx, spec, row.Dir, revise{})
	if err != nil {
		return err
	}
	defer s.close()
	stop := drainAcks(s.store)
	defer stop()
	rows, err := s.db.Reader().Trials(ctx, row.Name, results.Filter{})
	if err != nil {
		return err
	}
	read, changed := 0, 0
	for _, t := range rows {
		if !t.State.Settled() || !s.endedWell(t) {
			continue
		}
		did, err := s.rereadTrial(ctx, t)
		if err != nil {
			return fmt.Errorf("trial %d: %w", t.ID, err)
		}
		read++
		if did {
			changed++
		}
	}
	if err := s.store.Flush(ctx); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: read the output of %d trials again, %d changed\n", row.Name, read, changed)
	return nil
}

// rereadTrial reads one output; it reports whether the outcome changed.
func (s *sweeping) rereadTrial(ctx context.Context, t results.TrialRow) (bool, error) {
	reports, err := s.readOutput(t)
	if err != nil {
		return false, err
	}
	e := &sweep.Ended{Trial: t.ID, Attempt: t.Attempts + 1, State: sweep.Finished}
	now := s.a.now().UnixMicro()
	e.Exit = sweep.Exit{Code: int(*t.ExitCode), StartedAt: now, EndedAt: now}
	for i, o := range s.spec.Objectives {
		series := sweep.Series{}
		for _, r := range reports {
			if r.Name == o.Name {
				series.Add(1, r.Step, r.Value)
			}
		}
		v, step, ok := series.Reduce(o)
		switch {
		case !ok:
			e.State, e.Class, e.Reason = sweep.Failed, sweep.ClassNoObjective, fmt.Sprintf("exit %d, but no %s was reported", e.Exit.Code, o.Name)
		case (math.IsNaN(v) || math.IsInf(v, 0)) && e.State == sweep.Finished:
			e.State, e.Reason = sweep.Diverged, "the last report is "+sweep.KindOf(v)
		}
		if i == 0 {
			e.HasObjective, e.Objective, e.ObjectiveStep = ok, v, step
		} else {
			e.HasObjective, e.Others = e.HasObjective && ok, append(e.Others, v)
		}
	}
	if e.State == t.State && e.Class == t.Class && e.HasObjective == t.Objective.Valid && (!e.HasObjective || e.Objective == t.Objective.V) {
		return false, nil
	}
	back, err := s.ended(ctx, t.ID)
	if err != nil {
		return false, err
	}
	back.Reason = "reread"
	start := &sweep.Started{Trial: t.ID, Attempt: e.Attempt, Token: newToken(), Boot: bootID(), Host: host(), Dir: s.trialDir(t.ID), Slot: -1}
	if err := s.store.Record(ctx, back, start); err != nil {
		return false, err
	}
	s.store.Post(sweep.Post{Events: []sweep.Event{e}, Trial: t.ID, Attempt: e.Attempt, Reports: reports})
	return true, s.store.Flush(ctx)
}

// endedWell reports whether a status is no failure.
func (s *sweeping) endedWell(t results.TrialRow) bool {
	_, isValue := statusOf(t)
	return t.ExitCode != nil && *t.ExitCode == 0 || s.spec.ExitValue != "" && isValue
}

// statusOf is the exit status of a past trial as a number that it chose.
func statusOf(t results.TrialRow) (float64, bool) {
	if t.ExitCode == nil || t.Class != "" && t.Class != sweep.ClassExit && t.Class != sweep.ClassNoObjective {
		return 0, false
	}
	return sweep.Exit{Code: int(*t.ExitCode)}.Value()
}

// readOutput parses the output and the metrics file in the trial's directory of
// a past trial, its other files with metrics, and its status.
func (s *sweeping) readOutput(t results.TrialRow) ([]sweep.Report, error) {
	named, err := s.filesOf(t)
	if err != nil {
		return nil, err
	}
	p, err := metric.New(s.spec.Patterns)
	if err != nil {
		return nil, err
	}
	dir, at := s.trialDir(t.ID), s.a.now().UnixMicro()
	var out []sweep.Report
	emit := func(r sweep.Report) { out = append(out, r) }
	for name, parse := range map[string]func([]byte, int64, func(sweep.Report)){"output.log": p.Line, "metrics.jsonl": p.MetricsLine} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(make([]byte, 1<<16), 64<<20)
		lines.Split(scanLines)
		for lines.Scan() {
			parse(lines.Bytes(), at, emit)
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	for _, err := range readFiles(dir, named, files.Done, func(_, name string, step int64, v float64) { p.Number(name, step, v, at, emit) }) {
		fmt.Fprintf(s.a.stderr, "trial %d: %v\n", t.ID, err)
	}
	if v, ok := statusOf(t); ok && s.spec.ExitValue != "" {
		p.Number(s.spec.ExitValue, -1, v, at, emit)
	}
	return out, nil
}

// scanLines splits at \n and \r.
func scanLines(data []byte, eof bool) (advance int, line []byte, err error) {
	for i, c := range data {
		if c == '\n' || c == '\r' {
			return i + 1, data[:i], nil
		}
	}
	if eof && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
