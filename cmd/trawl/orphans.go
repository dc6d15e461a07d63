package main

import (
	"context"
	"fmt"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

// stopUnowned stops a sweep, or one trial of it if id is not 0, that no trawl
// runs. Trials outlive a trawl that was killed: it takes their place for as long
// as they need to end.
func (a *app) stopUnowned(ctx context.Context, name string, id sweep.TrialID) error {
	row, err := a.sweepRow(ctx, name)
	if err != nil {
		return err
	}
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	running, err := r.Running(ctx, row.Name)
	r.Close()
	if err != nil {
		return err
	}
	if len(running) == 0 {
		return fmt.Errorf("sweep %s: %w", row.Name, errUnowned)
	}
	if id == 0 {
		return a.endOrphans(ctx, row, loop.Control{Verb: loop.StopAll, Why: "stopped, while no trawl ran it"})
	}
	if len(running) > 1 || running[0].ID != id {
		return fmt.Errorf("sweep %s: %w, and other trials of it may be alive; %s re-attaches to them, %s stops them all",
			row.Name, errUnowned, a.next("resume", row.Name), a.next("stop", row.Name))
	}
	return a.endOrphans(ctx, row, loop.Control{Verb: loop.KillOne, Trial: id, Why: "stopped by the user"}, loop.Control{Verb: loop.Drain, Why: "stopped"})
}

// endOrphans runs the sweep with controls after which nothing starts, and says
// what the first one answered.
func (a *app) endOrphans(ctx context.Context, row results.SweepRow, cs ...loop.Control) error {
	spec, err := specOf(row)
	if err != nil {
		return err
	}
	s, err := a.own(ctx, spec, row.Dir, revise{})
	if err != nil {
		return err
	}
	defer s.close()
	if s.fits, err = a.fit(ctx, spec, 0); err != nil { // a machine that has less now can stop them all the same
		s.fits = fitting{n: 1}
	}
	var refused error
	cs[0].Answer = func(text string, err error) {
		if refused = err; err == nil {
			fmt.Fprintf(a.stdout, "%s: %s\n", row.Name, text)
		}
	}
	s.first = cs
	if _, err := s.run(ctx, nil, func(loop.News) {}); err != nil {
		return err
	}
	return refused
}
