// Package runnertest states the laws of runner.Backend as tests.
package runnertest

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// Patience is how long a law waits for something that must come.
const Patience = 60 * time.Second

// Jobs make jobs of the kinds that the laws need, for the backend under test.
type Jobs struct {
	Quick func(id sweep.TrialID) runner.Job // ends by itself at once, after one report
	Slow  func(id sweep.TrialID) runner.Job // would run for minutes; ends when it is asked to
}

// Run runs all laws. build returns a new backend with two slots or more; it is
// closed by the law.
func Run(t *testing.T, build func(t *testing.T) runner.Backend, jobs Jobs) {
	t.Run("EveryJobEndsOnce", func(t *testing.T) { everyJobEndsOnce(t, build(t), jobs) })
	t.Run("StopEnds", func(t *testing.T) { stopEnds(t, build(t), jobs) })
	t.Run("UnknownIsGone", func(t *testing.T) { unknownIsGone(t, build(t), jobs) })
	t.Run("CloseClosesUpdates", func(t *testing.T) { closeCloses(t, build(t)) })
}

// Await reads updates until the job has ended; others are kept in seen.
func Await(t *testing.T, b runner.Backend, name string, seen map[string][]runner.Update) *sweep.Exit {
	t.Helper()
	deadline := time.After(Patience)
	for {
		for _, u := range seen[name] {
			if u.Exit != nil {
				return u.Exit
			}
		}
		select {
		case u, ok := <-b.Updates():
			if !ok {
				t.Fatalf("updates closed before %s ended", name)
			}
			seen[u.Name] = append(seen[u.Name], u)
		case <-deadline:
			t.Fatalf("%s did not end within %s", name, Patience)
		}
	}
}

func start(t *testing.T, b runner.Backend, job runner.Job) {
	t.Helper()
	if err := b.Start(t.Context(), job); err != nil {
		t.Fatalf("start %s: %v", job.Name, err)
	}
}

func everyJobEndsOnce(t *testing.T, b runner.Backend, jobs Jobs) {
	seen := map[string][]runner.Update{}
	const n = 12
	for i := 1; i <= n; i += 2 {
		a, c := jobs.Quick(sweep.TrialID(i)), jobs.Quick(sweep.TrialID(i+1))
		start(t, b, a)
		start(t, b, c)
		for _, job := range []runner.Job{a, c} {
			x := Await(t, b, job.Name, seen)
			if x.Code != 0 || x.Class != "" {
				t.Errorf("%s: got exit %+v, want 0", job.Name, *x)
			}
			b.Settled(job.Name)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	for u := range b.Updates() {
		seen[u.Name] = append(seen[u.Name], u)
	}
	for name, us := range seen {
		exits, reports := 0, 0
		for i, u := range us {
			reports += len(u.Reports)
			if u.Exit != nil {
				exits++
				if i != len(us)-1 {
					t.Errorf("%s: updates after its exit", name)
				}
			}
		}
		if exits != 1 || reports == 0 {
			t.Errorf("%s: got %d exits and %d reports, want 1 exit and some reports", name, exits, reports)
		}
	}
	if len(seen) != n {
		t.Errorf("got news of %d jobs, want %d", len(seen), n)
	}
}

func stopEnds(t *testing.T, b runner.Backend, jobs Jobs) {
	defer b.Close()
	seen := map[string][]runner.Update{}
	soft, hard := jobs.Slow(1), jobs.Slow(2)
	start(t, b, soft)
	start(t, b, hard)
	b.Stop(soft.Name, sweep.StopInterrupt, false)
	b.Stop(hard.Name, sweep.StopKill, true)
	if x := Await(t, b, soft.Name, seen); x.Cause != sweep.StopInterrupt {
		t.Errorf("got cause %q, want interrupt", x.Cause)
	}
	if x := Await(t, b, hard.Name, seen); x.Cause != sweep.StopKill {
		t.Errorf("got cause %q, want kill", x.Cause)
	}
}

func unknownIsGone(t *testing.T, b runner.Backend, jobs Jobs) {
	defer b.Close()
	if err := b.Recover(t.Context(), jobs.Quick(7)); !errors.Is(err, runner.ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

func closeCloses(t *testing.T, b runner.Backend) {
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case _, ok := <-b.Updates():
		if ok {
			t.Error("an update of nothing")
		}
	case <-time.After(Patience):
		t.Error("updates were not closed")
	}
}

// Job returns a job with its names and directories below dir.
func Job(dir string, id sweep.TrialID) runner.Job {
	return runner.Job{Name: fmt.Sprintf("t%04d.1", id), Trial: id, Attempt: 1, Token: fmt.Sprintf("token-%s-%d", filepath.Base(dir), id),
		Dir: dir, TrialDir: filepath.Join(dir, fmt.Sprint(id)), Params: []byte("{}"), Grace: 2 * time.Second}
}
