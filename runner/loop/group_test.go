package loop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// alike makes groups of up to most trials whose parameters differ by no border.
func alike(most int, border func(params string) string) func(*Config) {
	return func(c *Config) {
		c.Group = &Grouping{Least: 2, Most: most, Key: func(e *sweep.Proposed) (string, bool) {
			k := border(e.Params)
			return fmt.Sprint(k, e.Seed), k != "none"
		}}
	}
}

func all(string) string { return "all" }

// slow is a machine whose jobs end one at a time, once the loop waits, the last
// started first. It watches who runs beside whom.
type slow struct {
	*machine
	t       *testing.T
	slots   int
	running []runner.Job
	sizes   []int // of the groups, in the order of their start; 1: by itself
}

func (s *slow) Start(ctx context.Context, job runner.Job) error {
	if s.w.killed {
		return errKilled
	}
	if job.Group == "" || job.Group == job.Name {
		s.sizes = append(s.sizes, 0)
	}
	s.sizes[len(s.sizes)-1]++
	s.running = append(s.running, job)
	places := map[string]bool{}
	for _, j := range s.running {
		if places[j.Group+"/"] = true; j.Group == "" {
			places[j.Name] = true
		}
	}
	if delete(places, "/"); len(places) > s.slots {
		s.t.Errorf("%v run in %d slots", places, s.slots)
	}
	return nil
}

func (s *slow) Updates() <-chan runner.Update {
	if len(s.updates) == 0 && len(s.running) > 0 {
		last := len(s.running) - 1
		job := s.running[last]
		s.running = s.running[:last]
		if err := s.machine.Start(context.Background(), job); err != nil {
			s.t.Error(err)
		}
	}
	return s.updates
}

// Trials with one key share a slot, which is free when all of them have ended;
// what is left at the end of a sweep is spread over the slots.
func TestGroupsShareSlots(t *testing.T) {
	for _, tt := range []struct {
		trials, slots, most int
		border              func(string) string
		want                []int
	}{
		{20, 1, 8, all, []int{8, 8, 4}},
		{20, 2, 8, all, []int{8, 6, 6}},
		{12, 2, 32, all, []int{6, 6}},
		{5, 3, 32, all, []int{2, 2, 1}},
		{9, 1, 8, func(p string) string { return fmt.Sprint(strings.Contains(p, "-")) }, []int{4, 5}}, // x below 0, and not
		{3, 2, 8, func(string) string { return "none" }, []int{1, 1, 1}},
	} {
		w := newWorld()
		var s *slow
		sum, err := w.live(t, gridSpec(t, tt.trials, 0), tt.slots, func(c *Config) {
			s = &slow{machine: c.Backend.(*machine), t: t, slots: tt.slots}
			c.Backend = s
			alike(tt.most, tt.border)(c)
		})
		if err != nil || sum.Finished != tt.trials || sum.State != "finished" {
			t.Errorf("%+v, %v", sum, err)
		}
		if !slices.Equal(s.sizes, tt.want) {
			t.Errorf("%d trials in %d slots: groups of %v want %v", tt.trials, tt.slots, s.sizes, tt.want)
		}
	}
}

// A sweep of groups that is killed before or after any effect ends like one
// without groups that was not.
func TestGroupsKilledAnywhere(t *testing.T) {
	for _, slots := range []int{1, 3} {
		spec := gridSpec(t, 7, 2)
		calm, apart := newWorld(), newWorld()
		if _, err := apart.live(t, spec, slots, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := calm.live(t, spec, slots, alike(4, all)); err != nil {
			t.Fatal(err)
		}
		want := apart.outcome(t)
		if got := calm.outcome(t); got != want {
			t.Fatalf("in groups:\n%s\nwant\n%s", got, want)
		}
		groups := map[string]int{}
		for _, e := range calm.entries {
			if e, ok := e.Event.(*sweep.Started); ok {
				groups[e.Group]++
			}
		}
		if groups["t0001.1"] < 2 {
			t.Errorf("groups in the journal: got %v", groups)
		}
		for k := range 2 * calm.effects {
			killedAt(t, k, spec, slots, alike(4, all), want)
		}
	}
}

// What the user adds comes after the proposals that were looked at already.
func TestAddBesideGroups(t *testing.T) {
	w := newWorld()
	controls := make(chan Control, 1)
	_, err := w.live(t, gridSpec(t, 9, 0), 1, func(c *Config) {
		alike(4, all)(c)
		c.Planner.spec.Duplicates = "allow"
		c.Controls = controls
		c.Watch = func(n News) {
			if _, ok := n.Event.(*sweep.Started); ok && n.Trial.ID == 1 {
				controls <- Control{Verb: AddPoint, Values: map[string]sweep.Value{"x": sweep.IntValue(-3)}, Answer: func(text string, err error) {
					if err == nil {
						t.Errorf("a point of the sweep was added: %s", text)
					}
				}}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []sweep.TrialID
	for _, e := range w.entries {
		if e, ok := e.Event.(*sweep.Proposed); ok {
			order = append(order, e.Trial)
		}
	}
	if !slices.IsSorted(order) || len(order) != 9 {
		t.Errorf("proposed in the order %v", order)
	}
}

// Trial hours are those of the slots: a trial of a group has its share.
func TestHoursOfGroups(t *testing.T) {
	spec := gridSpec(t, 12, 0)
	spec.Budget.TrialHours = 4.5
	end := func(j runner.Job) (float64, sweep.Exit) {
		return 1, sweep.Exit{EndedAt: 3.6e9 * 100, CPUSeconds: 3600} // 100 hours beside others
	}
	w := newWorld()
	w.exit = end
	sum, err := w.live(t, spec, 1, alike(4, all))
	if err != nil || sum.State != "budget" || sum.Finished != 8 {
		t.Errorf("got %+v, %v; want the second group to use up the budget", sum, err)
	}
	sum, err = w.live(t, spec, 1, alike(4, all)) // from the journal
	if err != nil || sum.Finished != 12 || sum.State != "budget" {
		t.Errorf("resumed: got %+v, %v", sum, err)
	}
}

func TestPreview(t *testing.T) {
	var c Config
	alike(8, all)(&c)
	w := newWorld()
	if _, err := w.live(t, gridSpec(t, 12, 0), 2, func(l *Config) {
		sizes, err := Preview(l.Planner, c.Group, 3)
		if err != nil || !slices.Equal(sizes, []int{4, 4, 4}) {
			t.Errorf("got %v, %v", sizes, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
