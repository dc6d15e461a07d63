package main

import (
	"context"
	"fmt"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner"
	"github.com/trawl-sweep/trawl/sweep/pruner/stopif"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// judge builds what ends the trials of a spec early; nil if nothing does.
func judge(spec *sweep.Spec) (*loop.Judge, error) {
	var early, stop sweep.Pruner
	if e := spec.EarlyTerminate; e != nil {
		p, err := pruner.New(e, spec.Objectives)
		if err != nil {
			return nil, err
		}
		early = p
	}
	if spec.StopIf != nil {
		var o sweep.Objective
		if len(spec.Objectives) > 0 {
			o = spec.Objectives[0]
		}
		stop = stopif.New(spec.StopIf, o)
	}
	return loop.NewJudge(early, stop), nil
}

// verifyProposals computes every proposal of the present revision again.
func verifyProposals(ctx context.Context, r *results.Reader, row results.SweepRow) (n int, diffs []string, err error) {
	entries, err := r.Events(ctx, row.Name, 0)
	if err != nil {
		return 0, nil, err
	}
	spec, err := specOf(row)
	if err != nil {
		return 0, nil, err
	}
	p, err := plannerOf(spec, int(row.Revision))
	if err != nil {
		return 0, nil, err
	}
	if p.Looks() {
		return loop.CheckProposals(entries, int(row.Revision), func(doc string) (*loop.Planner, *sweep.Space, error) {
			row.Doc = doc
			spec, err := specOf(row)
			if err != nil {
				return nil, nil, err
			}
			p, err := plannerOf(spec, int(row.Revision))
			return p, spec.Space, err
		})
	}
	for _, entry := range entries {
		e, ok := entry.Event.(*sweep.Proposed)
		if !ok || int64(e.Revision) != row.Revision {
			continue
		}
		key, ok, err := p.Key(e.Proposal)
		if err != nil {
			return n, nil, fmt.Errorf("trial %d: %w", e.Trial, err)
		}
		if !ok {
			continue
		}
		n++
		if key != e.Key {
			diffs = append(diffs, fmt.Sprintf("trial %d: the journal has %s, the file and seed give %s", e.Trial, e.Key, key))
		}
	}
	return n, diffs, nil
}

func plannerOf(spec *sweep.Spec, revision int) (*loop.Planner, error) {
	smp, err := sampler.New(spec.Sampler, plan(spec))
	if err != nil {
		return nil, err
	}
	return loop.NewPlanner(spec, smp, revision), nil
}

// verifyRulings makes every decision of the present revision to end a trial
// early again.
func verifyRulings(ctx context.Context, r *results.Reader, row results.SweepRow) (n int, diffs []string, err error) {
	spec, err := specOf(row)
	if err != nil {
		return 0, nil, err
	}
	j, err := judge(spec)
	if j == nil || err != nil {
		return 0, nil, err
	}
	entries, err := r.Events(ctx, row.Name, 0)
	if err != nil {
		return 0, nil, err
	}
	since := int64(0)
	for _, entry := range entries {
		if e, ok := entry.Event.(*sweep.SpecSet); ok && int64(e.Revision) == row.Revision && since == 0 {
			since = entry.Seq
		}
	}
	reports, err := r.Ticked(ctx, row.Name)
	if err != nil {
		return 0, nil, err
	}
	return loop.CheckRulings(j, entries, reports, since)
}
