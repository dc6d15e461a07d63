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

// verifyProposals computes every proposal of every revision again, each from the
// file that it was made by.
func verifyProposals(ctx context.Context, r *results.Reader, row results.SweepRow) (n int, diffs []string, err error) {
	entries, err := r.Events(ctx, row.Name, 0)
	if err != nil {
		return 0, nil, err
	}
	var p *loop.Planner // of the newest file so far
	for i, entry := range entries {
		switch e := entry.Event.(type) {
		case *sweep.SpecSet:
			again := p != nil && p.Revision() == e.Revision
			spec, err := docSpec(row, e.Doc)
			if err != nil {
				return n, nil, err
			}
			if p, err = plannerOf(spec, e.Revision); err != nil {
				return n, nil, err
			}
			if p.Looks() && !again {
				m, diffs, err := verifyModel(row, entries[:lastOf(entries, i)], e.Revision)
				if n += m; err != nil || len(diffs) > 0 {
					return n, diffs, err
				}
			}
		case *sweep.Proposed:
			if p == nil || p.Looks() {
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
	}
	return n, diffs, nil
}

// lastOf is where the revision ends that entry i begins: at the next one.
func lastOf(entries []sweep.Entry, i int) int {
	first := entries[i].Event.(*sweep.SpecSet)
	for k, entry := range entries[i:] {
		if e, ok := entry.Event.(*sweep.SpecSet); ok && e.Revision != first.Revision {
			return i + k
		}
	}
	return len(entries)
}

// verifyModel makes the proposals of a revision again whose sampler looks at
// results.
func verifyModel(row results.SweepRow, entries []sweep.Entry, revision int) (n int, diffs []string, err error) {
	return loop.CheckProposals(entries, revision, func(doc string) (*loop.Planner, *sweep.Space, error) {
		spec, err := docSpec(row, doc)
		if err != nil {
			return nil, nil, err
		}
		p, err := plannerOf(spec, revision)
		return p, spec.Space, err
	})
}

// docSpec is the spec of a sweep as a SpecSet has it.
func docSpec(row results.SweepRow, doc string) (*sweep.Spec, error) {
	row.Doc = doc
	return specOf(row)
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
