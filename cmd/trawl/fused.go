package main

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/inproc"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// mostFused is how many trials are trained together at most: beyond it the
// products are no faster.
const mostFused = 32

// fusing says which trials of a sweep are trained together; or, without a
// grouping, why none are.
func fusing(spec *sweep.Spec, p *loop.Planner) (g *loop.Grouping, why string) {
	switch {
	case spec.Trainer == nil:
		return nil, "they run a command"
	case spec.Unfused:
		return nil, "fuse is off"
	case p.Looks():
		return nil, "which trial comes next depends on results"
	case spec.Timeout > 0 || spec.StallTimeout > 0:
		return nil, "a timeout is for a trial by itself"
	case spec.Duplicates == "reuse":
		return nil, "duplicates: reuse waits for results"
	}
	return &loop.Grouping{Least: train.MinGroup, Most: mostFused, Key: func(e *sweep.Proposed) (string, bool) {
		return fuseKey(spec, e)
	}}, ""
}

// fuseKey is the key of the trials that e can be trained with.
func fuseKey(spec *sweep.Spec, e *sweep.Proposed) (key string, ok bool) {
	var values map[string]sweep.Value
	if json.Unmarshal([]byte(e.Params), &values) != nil {
		return "", false // the trial's start says what is wrong
	}
	return inproc.GroupKey(runner.Job{Values: trainerValues(spec, values), Seed: e.Seed})
}

// trainerValues are the keys of the trainer with the values of a trial.
func trainerValues(spec *sweep.Spec, swept map[string]sweep.Value) map[string]sweep.Value {
	values := maps.Clone(spec.Trainer)
	if values == nil {
		values = map[string]sweep.Value{}
	}
	maps.Copy(values, swept)
	return values
}

// fusedPlan returns how many trials are trained together at the beginning of a
// sweep in n places; or, if they could be and are not, why.
func fusedPlan(spec *sweep.Spec, n int) (most int, why string, err error) {
	smp, err := sampler.New(spec.Sampler, plan(spec))
	if spec.Trainer == nil || err != nil {
		return 0, "", nil // that the method is not built is said elsewhere
	}
	first, err := loop.NewPlanner(spec, smp, 1).Next(1)
	if err != nil || len(first) == 0 {
		return 0, "", err
	}
	if _, ok := fuseKey(spec, first[0]); !ok {
		return 0, "", nil
	}
	p := loop.NewPlanner(spec, smp, 1)
	g, why := fusing(spec, p)
	if g == nil {
		return 0, why, nil
	}
	sizes, err := loop.Preview(p, g, n)
	if err != nil {
		return 0, "", err
	}
	if most = slices.Max(sizes); most == 1 {
		return 0, "trials that follow one another differ in data, seed, batch_size, init, precision or report_every, or are too few", nil
	}
	return most, "", nil
}
