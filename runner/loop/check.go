package loop

import (
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
)

// CheckProposals computes every proposal of a revision again from the journal,
// in its order, for samplers that look at results and for races. plannerOf makes a planner,
// with nothing proposed, from the Doc of a SpecSet. It returns how many trials
// came out the same and a line for the first that did not: what follows it
// stands on another ground.
func CheckProposals(entries []sweep.Entry, revision int, plannerOf func(doc string) (*Planner, *sweep.Space, error)) (n int, diffs []string, err error) {
	var c *checker
	for i, entry := range entries {
		if e, ok := entry.Event.(*sweep.SpecSet); ok && e.Revision == revision {
			if c, err = newChecker(plannerOf, e.Doc, revision, entries[:i+1]); err != nil {
				return n, nil, err
			}
			continue
		}
		if c == nil {
			continue
		}
		if e, ok := entry.Event.(*sweep.Note); ok && e.What == "dropped" && c.dropped[e.Point] != e.Text {
			diffs = append(diffs, fmt.Sprintf("point %d: the journal has it dropped (%s), the results give %q", e.Point, e.Text, c.dropped[e.Point]))
		}
		e, ok := entry.Event.(*sweep.Proposed)
		if !ok || e.Revision != revision || e.Proposal < -int64(len(c.planner.spec.Points)) {
			if err := c.fold(entry.Event); err != nil {
				return n, nil, err
			}
			continue
		}
		got, err := c.planner.Next(1)
		if err != nil {
			return n, nil, fmt.Errorf("trial %d: %w", e.Trial, err)
		}
		if len(got) == 0 {
			return n, append(diffs, fmt.Sprintf("trial %d: the journal has %s, the sampler has no more", e.Trial, e.Key)), nil
		}
		g := got[0]
		if g.Trial != e.Trial || g.Key != e.Key || g.PointID != e.PointID || g.Repeat != e.Repeat || g.Note != e.Note {
			return n, append(diffs, fmt.Sprintf("trial %d: the journal has %s, the sampler gives %s from the same outcomes", e.Trial, e.Key, g.Key)), nil
		}
		if err := c.open(e, g.Point); err != nil {
			return n, nil, err
		}
		n++
	}
	return n, diffs, nil
}

// checker folds a journal into a planner.
type checker struct {
	planner  *Planner
	space    *sweep.Space
	revision int
	trials   map[sweep.TrialID]sweep.Trial
	dropped  map[sweep.PointID]string // of the race, with the reason
}

func newChecker(plannerOf func(string) (*Planner, *sweep.Space, error), doc string, revision int, before []sweep.Entry) (*checker, error) {
	p, space, err := plannerOf(doc)
	if err != nil {
		return nil, err
	}
	c := &checker{planner: p, space: space, revision: revision, trials: map[sweep.TrialID]sweep.Trial{}, dropped: map[sweep.PointID]string{}}
	for _, entry := range before {
		if err := c.fold(entry.Event); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *checker) open(e *sweep.Proposed, pt sweep.Point) error {
	e.Point = pt
	t, err := sweep.Trial{}.Apply(e)
	c.trials[e.Trial] = t
	return err
}

// fold takes an event as the loop does when it resumes.
func (c *checker) fold(event sweep.Event) error {
	switch e := event.(type) {
	case *sweep.SpecSet:
		return c.planner.Learn(e, c.space)
	case *sweep.Note:
		return nil
	case *sweep.Proposed:
		pt, err := c.space.ParseJSON([]byte(e.Params))
		if err != nil {
			return err
		}
		e.Point = pt
		if e.Revision == c.revision {
			c.planner.Fold(e)
		} else {
			c.planner.FoldOld(e, c.space)
		}
		return c.open(e, e.Point)
	}
	t, err := c.trials[event.Subject()].Apply(event)
	if err != nil {
		return err
	}
	c.trials[event.Subject()] = t
	if e, ok := event.(*sweep.Ended); ok && e.State.Settled() {
		c.planner.Settle(t, values(e))
		for _, d := range c.planner.Drops() {
			c.dropped[d.Point] = d.Text
		}
	}
	return nil
}
