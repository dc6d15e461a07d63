package inproc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/runnertest"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/sweep"
)

// groupOf is jobs that differ in their rate, and in what change makes of them.
func groupOf(t *testing.T, n int, change func(i int, j *runner.Job)) []runner.Job {
	jobs := make([]runner.Job, n)
	for i := range jobs {
		v := values(t, map[string]sweep.Value{"lr": sweep.FloatValue(0.05 * float64(i+1))})
		jobs[i] = runner.Job{Name: fmt.Sprintf("t%04d.1", i+1), Trial: sweep.TrialID(i + 1), Attempt: 1,
			TrialDir: filepath.Join(t.TempDir(), "1"), Values: v, Seed: 5, Group: "t0001.1", Members: n}
		change(i, &jobs[i])
	}
	return jobs
}

// groupEnds starts jobs and returns the updates of each, all until the exits.
func groupEnds(t *testing.T, b *Backend, jobs []runner.Job, seen func(runner.Update)) (list map[string][]runner.Update, exits map[string]sweep.Exit) {
	t.Helper()
	list, exits = map[string][]runner.Update{}, map[string]sweep.Exit{}
	for _, j := range jobs {
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	for len(exits) < len(jobs) {
		u := <-b.Updates()
		if _, over := exits[u.Name]; over {
			t.Errorf("%s: an update after its Exit", u.Name)
		}
		if u.Exit != nil {
			exits[u.Name] = *u.Exit
			b.Settled(u.Name)
			continue
		}
		list[u.Name] = append(list[u.Name], u)
		if seen != nil {
			seen(u)
		}
	}
	return list, exits
}

func weightsOf(list []runner.Update) string {
	for _, u := range list {
		if u.Note != nil && u.Note.What == "weights" {
			return u.Note.Text
		}
	}
	return ""
}

// The trials of a group have the numbers and ends that they have alone, in spite
// of one that cannot start, one that diverges, one that is shorter and one with a
// checkpoint that is of no use.
func TestGroupHasTheNumbersOfTrialsAlone(t *testing.T) {
	change := func(i int, j *runner.Job) {
		switch i {
		case 1:
			j.Values["lr"] = sweep.IntValue(-1)
		case 2:
			j.Values["lr"], j.Values["diverge_above"] = sweep.IntValue(30), sweep.IntValue(20)
		case 3:
			j.Values["epochs"] = sweep.IntValue(1)
		case 4:
			dir := filepath.Join(j.TrialDir, "checkpoint")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, train.CheckpointName), []byte("garbage"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, exits := groupEnds(t, build(t, time.Microsecond), groupOf(t, 7, change), nil)
	for _, j := range groupOf(t, 7, change) {
		j.Group, j.Members = "", 0
		b := build(t, time.Microsecond)
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		alone, exit, _ := ended(t, b, j.Name)
		got := exits[j.Name]
		got.StartedAt, got.EndedAt, got.CPUSeconds = exit.StartedAt, exit.EndedAt, exit.CPUSeconds
		if got != exit {
			t.Errorf("%s: got %+v alone %+v", j.Name, got, exit)
		}
		if a, b := figures(list[j.Name]), figures(alone); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: got\n%q\nalone\n%q", j.Name, a, b)
		}
		if a, b := weightsOf(list[j.Name]), weightsOf(alone); a != b || a == "" && j.Trial != 2 {
			t.Errorf("%s: got the weights %q alone %q", j.Name, a, b)
		}
	}
	if x := exits["t0002.1"]; x.Class != sweep.ClassStart {
		t.Errorf("lr -1: got %+v", x)
	}
}

// One trial of a group is stopped, and goes on later by itself with the bits that
// it would have had; the others go on without it. The CPU time is shared.
func TestGroupMemberIsStopped(t *testing.T) {
	b := build(t, time.Microsecond)
	jobs := groupOf(t, 5, func(i int, j *runner.Job) { j.Values["epochs"] = sweep.IntValue(40) })
	list, exits := groupEnds(t, b, jobs, func(u runner.Update) {
		if u.Name == jobs[2].Name {
			b.Stop(u.Name, sweep.StopPrune, false)
		}
	})
	total := 0.0
	for i, j := range jobs {
		x := exits[j.Name]
		total += x.CPUSeconds
		if (x.Cause == sweep.StopPrune) != (i == 2) || (x.Code == 0) != (i != 2) {
			t.Errorf("%s: got %+v", j.Name, x)
		}
		if x.CPUSeconds < exits[jobs[2].Name].CPUSeconds {
			t.Errorf("%s: %v s of CPU, less than the one that was stopped", j.Name, x.CPUSeconds)
		}
	}
	if wall := float64(exits[jobs[0].Name].EndedAt-exits[jobs[0].Name].StartedAt) / 1e6; total <= 0 || total > 100*wall+10 {
		t.Errorf("%v s of CPU in %v s", total, wall)
	}
	again := jobs[2]
	again.Name, again.Attempt, again.Group, again.Members = "t0003.2", 2, "", 0
	if err := b.Start(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	resumed, exit, _ := ended(t, b, again.Name)
	alone := groupOf(t, 5, func(i int, j *runner.Job) { j.Values["epochs"] = sweep.IntValue(40) })[2]
	alone.Group, alone.Members = "", 0
	other := build(t, time.Microsecond)
	if err := other.Start(t.Context(), alone); err != nil {
		t.Fatal(err)
	}
	whole, _, _ := ended(t, other, alone.Name)
	if exit.Code != 0 || weightsOf(resumed) != weightsOf(whole) || weightsOf(whole) == "" {
		t.Errorf("resumed: %+v with the weights %s want %s", exit, weightsOf(resumed), weightsOf(whole))
	}
	if first := figures(list[again.Name]); !slices.Equal(first, figures(whole)[:len(first)]) {
		t.Errorf("before the stop: got %q", first)
	}
}

// A panic ends the trials of the group that have not ended.
func TestPanicEndsTheGroup(t *testing.T) {
	b := build(t, time.Microsecond)
	jobs := groupOf(t, 4, func(i int, j *runner.Job) { j.Values["epochs"] = sweep.IntValue(3) })
	now, asked := b.opts.Now, 0
	b.opts.Now = func() time.Time {
		if asked++; asked == 40 {
			panic("a clock that stops")
		}
		return now()
	}
	_, exits := groupEnds(t, b, jobs, nil)
	panicked := 0
	for _, x := range exits {
		if x.Code == 2 && x.Message == "panic: a clock that stops" {
			panicked++
		}
	}
	if panicked == 0 {
		t.Errorf("got %+v; want panics", exits)
	}
}

// Close ends a group that runs, and one that was never complete.
func TestCloseEndsGroups(t *testing.T) {
	b := build(t, time.Microsecond)
	for _, j := range groupOf(t, 4, func(i int, j *runner.Job) { j.Values["epochs"] = sweep.IntValue(1_000_000) }) {
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	half := groupOf(t, 3, func(i int, j *runner.Job) { j.Name, j.Group = fmt.Sprint("half", i), "half" })
	for _, j := range half[:2] {
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	<-b.Updates()
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	for u := range b.Updates() {
		if u.Exit != nil {
			t.Errorf("%s: Exit %+v of a job that Close ended", u.Name, u.Exit)
		}
	}
	if _, err := os.Stat(half[0].TrialDir); err == nil {
		t.Error("a group that was not complete began")
	}
}

func TestGroupLaws(t *testing.T) {
	of := func(v map[string]sweep.Value) func(sweep.TrialID) runner.Job {
		dir := t.TempDir()
		return func(id sweep.TrialID) runner.Job {
			j := runnertest.Job(dir, id)
			j.Values, j.Group, j.Members = v, j.Name, 1
			return j
		}
	}
	runnertest.Run(t, func(t *testing.T) runner.Backend { return build(t, time.Microsecond) },
		runnertest.Jobs{Quick: of(values(t, nil)), Slow: of(forever(t))})
}

func TestGroupKey(t *testing.T) {
	j := newJob(t, 1, values(t, nil))
	key, ok := GroupKey(j)
	j.Values["lr"] = sweep.FloatValue(7)
	if k, ok2 := GroupKey(j); !ok || !ok2 || k != key {
		t.Error("another rate: another key, or none")
	}
	j.Seed = 9
	if k, ok := GroupKey(j); !ok || k == key {
		t.Error("another seed: the same key")
	}
	j.Values["lr"] = sweep.IntValue(-1)
	if _, ok := GroupKey(j); ok {
		t.Error("a bad value: a key")
	}
}
