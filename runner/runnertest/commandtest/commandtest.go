// Package commandtest holds the laws of a runner.Backend that runs commands. Its tests call
// Run; the laws start real processes of `sh`.
//
// Nothing here sleeps: a trial waits at a Gate, a named pipe, until the test
// lets it pass.
package commandtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// Patience is how long a test waits for what must come.
const Patience = 20 * time.Second

// Build makes a backend with at least two slots, and a function that makes
// another one on the same directories after the first was closed. Both are
// closed by the laws.
type Build func(t *testing.T) (b runner.Backend, reopen func() runner.Backend)

// Run checks the laws.
func Run(t *testing.T, build Build) {
	t.Run("every job ends with one exit", func(t *testing.T) { oneExit(t, build) })
	t.Run("nothing is alive after the exit", func(t *testing.T) { nothingAlive(t, build) })
	t.Run("a stop leads to an exit with its cause", func(t *testing.T) { stopCause(t, build) })
	t.Run("a job that ended by itself has no cause", func(t *testing.T) { lateStop(t, build) })
	t.Run("reports come in order, with marks", func(t *testing.T) { reportsInOrder(t, build) })
	t.Run("a start that fails is an exit", func(t *testing.T) { startFails(t, build) })
	t.Run("a running job cannot be started again", func(t *testing.T) { startTwice(t, build) })
	t.Run("an unknown job is gone", func(t *testing.T) { unknownGone(t, build) })
	t.Run("a job goes on without the backend", func(t *testing.T) { goesOn(t, build) })
	t.Run("an exit waits for the next backend", func(t *testing.T) { exitWaits(t, build) })
	t.Run("close closes the updates", func(t *testing.T) { closes(t, build) })
}

var serial atomic.Int64

// Job returns a job that runs script in a shell, in directories of the test.
func Job(t *testing.T, script string) runner.Job {
	t.Helper()
	n := serial.Add(1)
	return runner.Job{
		Name: fmt.Sprintf("t%04d.1", n), Trial: sweep.TrialID(n), Attempt: 1,
		Token: fmt.Sprintf("%d-%d-%d", os.Getpid(), time.Now().UnixNano(), n),
		Argv:  []string{"sh", "-c", script}, Dir: t.TempDir(), Env: os.Environ(),
		TrialDir: filepath.Join(t.TempDir(), fmt.Sprint(n)), Params: []byte(`{}`),
		Grace: 5 * time.Second,
	}
}

// A Gate is a named pipe at which a trial waits: `read x < gate`.
type Gate string

// NewGate makes a gate in the working directory of a job.
func NewGate(t *testing.T, job runner.Job) Gate {
	t.Helper()
	path := filepath.Join(job.Dir, "gate")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return Gate(path)
}

// Pass waits for the trial to come, and lets it through.
func (g Gate) Pass(t *testing.T) {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(string(g), os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("go\n")
			f.Close()
		}
		failed <- err
	}()
	select {
	case err := <-failed:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(Patience):
		t.Fatal("the trial did not come to its gate")
	}
}

// A History is what a backend said of one job.
type History struct {
	Reports []sweep.Report
	Marks   []string
	Notes   []sweep.Note
	Tail    []string
	Exit    *sweep.Exit
}

// Mark is the last one told.
func (h *History) Mark() string {
	if len(h.Marks) == 0 {
		return ""
	}
	return h.Marks[len(h.Marks)-1]
}

// A Log collects the updates of a backend by job.
type Log map[string]*History

// Of returns the history of a job.
func (l Log) Of(name string) *History {
	if l[name] == nil {
		l[name] = &History{}
	}
	return l[name]
}

// Next takes one update; false after Patience, or when the updates are closed.
func (l Log) Next(t *testing.T, b runner.Backend) bool {
	t.Helper()
	select {
	case u, ok := <-b.Updates():
		if !ok {
			return false
		}
		l.take(t, u)
		return true
	case <-time.After(Patience):
		return false
	}
}

func (l Log) take(t *testing.T, u runner.Update) {
	t.Helper()
	h := l.Of(u.Name)
	if h.Exit != nil {
		t.Fatalf("%s: an update after its exit: %+v", u.Name, u)
	}
	if len(u.Reports) > 0 && u.Mark == "" && u.Exit == nil {
		t.Fatalf("%s: reports without a mark", u.Name)
	}
	h.Reports = append(h.Reports, u.Reports...)
	if u.Mark != "" {
		h.Marks = append(h.Marks, u.Mark)
	}
	if u.Note != nil {
		h.Notes = append(h.Notes, *u.Note)
	}
	h.Tail, h.Exit = u.Tail, u.Exit
}

// Until takes updates until done.
func (l Log) Until(t *testing.T, b runner.Backend, done func() bool) {
	t.Helper()
	for !done() {
		if !l.Next(t, b) {
			t.Fatal("the update that the test waits for did not come")
		}
	}
}

// Exit takes updates until the job has ended, settles it and returns its
// history.
func (l Log) Exit(t *testing.T, b runner.Backend, name string) *History {
	t.Helper()
	l.Until(t, b, func() bool { return l.Of(name).Exit != nil })
	b.Settled(name)
	return l[name]
}

// Start starts a job or ends the test.
func Start(t *testing.T, b runner.Backend, job runner.Job) {
	t.Helper()
	if err := b.Start(t.Context(), job); err != nil {
		t.Fatal(err)
	}
}

// Gone waits until a process is no more.
func Gone(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(Patience); syscall.Kill(pid, 0) != syscall.ESRCH; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("process %d is alive", pid)
		}
	}
}

// Close closes a backend or ends the test.
func Close(t *testing.T, b runner.Backend) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func isGone(err error) bool { return errors.Is(err, runner.ErrGone) }
