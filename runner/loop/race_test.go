package loop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// raceSpec is gridSpec with a race: x² and what the seed adds.
func raceSpec(t *testing.T, n, repeats int) (*sweep.Spec, *world) {
	t.Helper()
	spec := gridSpec(t, n, repeats)
	spec.Repeats.Race = true
	w := newWorld()
	w.exit = func(j runner.Job) (float64, sweep.Exit) {
		x, _ := j.Values["x"].Number()
		return x*x + float64(j.Seed*j.Seed%7) + 0.01*float64((j.Seed*int64(x*x+3))%5), sweep.Exit{}
	}
	return spec, w
}

// withSeed gives the jobs their seeds, which the world's own do without.
func withSeed(spec *sweep.Spec) func(*Config) {
	return func(c *Config) {
		c.Job = func(tr sweep.Trial, _ string) (runner.Job, error) {
			i, _ := spec.Space.Index("x")
			return runner.Job{Values: map[string]sweep.Value{"x": tr.Point[i]}, Seed: tr.Seed}, nil
		}
	}
}

// dropped lists the notes of the journal on points that lost.
func (w *world) dropped() (out []string) {
	for _, e := range w.entries {
		if n, ok := e.Event.(*sweep.Note); ok && n.What == "dropped" {
			out = append(out, fmt.Sprintf("%d %s", n.Point, n.Text))
		}
	}
	return out
}

// proposedOf counts the repeats that each point was given.
func (w *world) proposedOf() map[sweep.PointID]int {
	n := map[sweep.PointID]int{}
	for _, e := range w.entries {
		if p, ok := e.Event.(*sweep.Proposed); ok {
			n[p.PointID]++
		}
	}
	return n
}

// A race drops what is clearly worse, says so once each, keeps the best to the
// end, and the journal alone gives the same trials and decisions again.
func TestRace(t *testing.T) {
	for _, slots := range []int{1, 3} {
		spec, w := raceSpec(t, 9, 6)
		if _, err := w.live(t, spec, slots, withSeed(spec)); err != nil {
			t.Fatal(err)
		}
		n, drops := w.proposedOf(), w.dropped()
		total := 0
		for _, k := range n {
			total += k
		}
		if n[5] != 6 || total > 40 || len(drops) < 6 || strings.Contains("\n"+strings.Join(drops, "\n"), "\n5 ") {
			t.Errorf("%d at a time: got repeats %v, dropped %q; want point 5 with 6, 40 trials of 54 at most", slots, n, drops)
		}
		checkRace(t, spec, w)
	}
}

// checkRace computes the trials and the decisions again, and sees a note that
// does not follow.
func checkRace(t *testing.T, spec *sweep.Spec, w *world) {
	t.Helper()
	entries := []sweep.Entry{{Seq: 0, Event: &sweep.SpecSet{Revision: 1}}}
	for e := range w.journal() {
		entries = append(entries, e)
	}
	plannerOf := func(string) (*Planner, *sweep.Space, error) {
		smp, err := sampler.New(spec.Sampler, sweep.Plan{Space: spec.Space, Seed: spec.Seed, RunCap: spec.RunCap, Objectives: spec.Objectives})
		if err != nil {
			return nil, nil, err
		}
		return NewPlanner(spec, smp, 1), spec.Space, nil
	}
	want := 0
	for _, k := range w.proposedOf() {
		want += k
	}
	if n, diffs, err := CheckProposals(entries, 1, plannerOf); err != nil || n != want || len(diffs) > 0 {
		t.Errorf("got %d the same, %q, %v, want all %d", n, diffs, err, want)
	}
	for i, e := range entries {
		if n, ok := e.Event.(*sweep.Note); ok && n.What == "dropped" {
			lie := *n
			lie.Point = 5
			entries[i].Event = &lie
			break
		}
	}
	if _, diffs, err := CheckProposals(entries, 1, plannerOf); err != nil || len(diffs) != 1 || !strings.Contains(diffs[0], "point 5: the journal has it dropped") {
		t.Errorf("got %q, %v, want the note that does not follow", diffs, err)
	}
}

// With a run cap, what the race saves goes to further points.
func TestRaceSpendsWhatItSaves(t *testing.T) {
	spec, w := raceSpec(t, 61, 6)
	spec.Sampler, spec.RunCap = "random", 30
	if _, err := w.live(t, spec, 1, withSeed(spec)); err != nil {
		t.Fatal(err)
	}
	n := w.proposedOf()
	total := 0
	for _, k := range n {
		total += k
	}
	if len(n) <= 5 || total < 30 || total > 35 {
		t.Errorf("got %d points in %d trials, want more than 5 in 30 to 35", len(n), total)
	}
	checkRace(t, spec, w)
}

// A race that is killed before or after any effect ends like one that is not,
// with each decision told.
func TestRaceKilled(t *testing.T) {
	spec, calm := raceSpec(t, 5, 4)
	if _, err := calm.live(t, spec, 1, withSeed(spec)); err != nil {
		t.Fatal(err)
	}
	want, drops := calm.outcome(t), calm.dropped()
	if len(drops) == 0 {
		t.Fatal("got nothing dropped: the test shows nothing")
	}
	for at := range 2 * calm.effects {
		spec, w := raceSpec(t, 5, 4)
		w.killAt = at
		if _, err := w.live(t, spec, 1, withSeed(spec)); err == nil && w.killed {
			t.Errorf("killed at %d: got no error", at)
		}
		w.killAt = -1
		if _, err := w.live(t, spec, 1, withSeed(spec)); err != nil {
			t.Fatalf("killed at %d: %v", at, err)
		}
		got := w.dropped()
		slices.Sort(got)
		if w.outcome(t) != want || !slices.Equal(got, slices.Sorted(slices.Values(drops))) {
			t.Errorf("killed at %d: got\n%s\n%q\nwant\n%s\n%q", at, w.outcome(t), got, want, drops)
		}
	}
}
