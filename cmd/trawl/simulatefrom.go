package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/sim"
	"github.com/trawl-sweep/trawl/sweep"
)

// recordedSweep makes a table of the ended trials of a sweep: a row per point,
// in the order proposed, with its repeats as runs, in the seconds that they took.
func (a *app) recordedSweep(ctx context.Context, name string) (*recorded, error) {
	r, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	row, err := r.Sweep(ctx, name)
	if err != nil {
		return nil, err
	}
	spec, err := specOf(row)
	if err != nil {
		return nil, err
	}
	trials, err := r.Trials(ctx, row.Name, results.Filter{States: []sweep.State{sweep.Finished, sweep.Pruned, sweep.Failed, sweep.Diverged}})
	if err != nil {
		return nil, err
	}
	var columns []string
	var index []int
	for i, p := range spec.Space.Params {
		if p.Derived == nil && p.Domain.Dist != sweep.Constant {
			columns, index = append(columns, p.Name), append(index, i)
		}
	}
	var rows []sim.Row
	cut := 0
	for _, t := range trials {
		rec, err := recordOf(ctx, r, t)
		if err != nil {
			return nil, err
		}
		if len(rec.Reports) == 0 && t.State == sweep.Finished {
			continue
		}
		if t.State == sweep.Pruned {
			cut++
		}
		pt, err := spec.Space.ParseJSON(t.Params)
		if err != nil {
			return nil, fmt.Errorf("trial %d: %w", t.ID, err)
		}
		values := make([]sweep.Value, len(index))
		for c, i := range index {
			if values[c] = pt[i]; pt[i].IsAbsent() {
				values[c] = sweep.NullValue()
			}
		}
		rows = append(rows, sim.Row{Values: values, Runs: []sim.Record{rec}})
	}
	if len(rows) == 0 || len(columns) == 0 {
		return nil, fmt.Errorf("sweep %s: %w", row.Name, errNoTrials)
	}
	t, err := sim.New("sweep "+row.Name, columns, rows)
	if err != nil {
		return nil, err
	}
	out := &recorded{table: t, doc: []byte(row.Doc), name: row.Name}
	if cut > 0 {
		out.note = fmt.Sprintf("%d of %d recorded trials were pruned: what they would have become is not known, they end where they ended", cut, len(trials))
	}
	return out, nil
}

// recordOf is what a trial reported, as if its attempts had been one: those
// reports that count, at the seconds after the start of their attempt, and
// after what counts of earlier ones.
func recordOf(ctx context.Context, r *results.Reader, t results.TrialRow) (sim.Record, error) {
	rec := sim.Record{State: t.State}
	attempts, err := r.Attempts(ctx, t.Sweep, t.ID)
	if err != nil {
		return rec, err
	}
	series, err := r.Metrics(ctx, t.Sweep, t.ID)
	if err != nil {
		return rec, err
	}
	var all []results.AttemptReport
	for _, m := range series {
		reports, err := r.MetricSeries(ctx, t.Sweep, t.ID, m.Name)
		if err != nil {
			return rec, err
		}
		all = append(all, reports...)
	}
	slices.SortStableFunc(all, func(x, y results.AttemptReport) int {
		if x.Attempt != y.Attempt {
			return x.Attempt - y.Attempt
		}
		return int(max(-1, min(1, x.At-y.At)))
	})
	base, began := int64(0), t.StartedAt
	for i, x := range all {
		if i == 0 || x.Attempt != all[i-1].Attempt {
			base, began = rec.End, startOf(attempts, x.Attempt)
		}
		x.At = max(rec.End, base+since(began, x.At))
		if n := len(rec.Reports); n > 0 && x.At == rec.End && x.Step != rec.Reports[n-1].Step {
			x.At++ // that two steps were read at once is an accident
		}
		rec.Reports, rec.End = append(rec.Reports, x.Report), x.At
	}
	if t.EndedAt != nil {
		rec.End = max(rec.End, base+since(began, t.EndedAt.UnixMicro()))
	}
	return rec, nil
}

// startOf is when an attempt began; nil if that is not known.
func startOf(attempts []results.AttemptRow, n int) *time.Time {
	for _, x := range attempts {
		if x.Attempt == n {
			return x.StartedAt
		}
	}
	return nil
}

// since is the microseconds from began to at, 0 where either is not known.
func since(began *time.Time, at int64) int64 {
	if began == nil || at == 0 {
		return 0
	}
	return max(0, at-began.UnixMicro())
}
