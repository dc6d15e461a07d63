package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// learn reads what the sweeps of `from:` found. Their points are mapped into
// the space by name: a parameter that they lack has the value of its `was:`,
// and a point that is none of the space is left out.
func (s *sweeping) learn(ctx context.Context) ([]sweep.Learned, error) {
	if len(s.spec.From) == 0 {
		return nil, nil
	}
	if smp, err := sampler.New(s.spec.Sampler, plan(s.spec)); err == nil && !smp.Looks() {
		fmt.Fprintf(s.a.stderr, "warning: method %s does not look at results, so `from:` is of no use to it\n", s.spec.Method)
		return nil, nil
	}
	if len(s.spec.Objectives) != 1 {
		return nil, usagef("from: want one metric; the sweep has %d", len(s.spec.Objectives))
	}
	var all []sweep.Learned
	for _, from := range s.spec.From {
		got, err := s.learnFrom(ctx, from)
		if err != nil {
			return nil, fmt.Errorf("from: %s: %w", from, err)
		}
		all = append(all, got...)
	}
	return all, nil
}

// learnFrom reads one sweep: NAME, FILE.db for the latest of a file, or
// FILE.db/NAME.
func (s *sweeping) learnFrom(ctx context.Context, from string) ([]sweep.Learned, error) {
	r, name := s.db.Reader(), from
	if i := strings.Index(from, ".db"); i >= 0 {
		path := from[:i+len(".db")]
		name = strings.TrimPrefix(from[len(path):], "/")
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.baseDir, path)
		}
		other, err := results.OpenRead(ctx, path)
		if err != nil {
			return nil, err
		}
		defer other.Close()
		r = other
	}
	row, err := r.Sweep(ctx, name)
	if err != nil {
		return nil, err
	}
	o := s.spec.Objectives[0]
	if row.Metric != o.Name || row.Goal != o.Goal.String() {
		return nil, usagef("it has the metric %q to %s; want %q to %s", row.Metric, row.Goal, o.Name, o.Goal)
	}
	if row.Name == s.spec.Name && r == s.db.Reader() {
		return nil, errors.New("a sweep does not learn from itself; want another")
	}
	return s.learnPoints(ctx, r, row.Name)
}

// learnPoints reads the points of a sweep: the mean of their finished trials,
// else how their last trial came out.
func (s *sweeping) learnPoints(ctx context.Context, r *results.Reader, name string) ([]sweep.Learned, error) {
	rows, err := r.Query(ctx, `select params, avg(case when state = 'finished' then objective end), max(state)
from trials where sweep = ? and state in ('finished', 'failed', 'diverged', 'pruned') group by point order by point`, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []sweep.Learned
	outside := 0
	for rows.Next() {
		row := rows.Row()
		pt, err := s.spec.Space.ParseJSON(fmt.Append(nil, row[0]))
		if err != nil {
			return nil, err
		}
		pt, inside := s.spec.Space.Adopt(pt)
		if !inside {
			outside++
			continue
		}
		x := sweep.Learned{Params: string(s.spec.Space.AppendJSON(nil, pt)), State: sweep.State(fmt.Sprint(row[2]))}
		if v, ok := row[1].(float64); ok && !math.IsInf(v, 0) && !math.IsNaN(v) {
			x.State, x.Values = sweep.Finished, []float64{v}
		} else if x.State == sweep.Finished {
			x.State = sweep.Diverged // finished with a value that is no number
		}
		out = append(out, x)
	}
	fmt.Fprintf(s.a.stderr, "trawl: learns from %d points of sweep %s", len(out), name)
	if outside > 0 {
		fmt.Fprintf(s.a.stderr, "; %d are not in the space", outside)
	}
	fmt.Fprintln(s.a.stderr)
	return out, rows.Err()
}
