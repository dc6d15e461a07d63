package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/runnertest"
	"github.com/trawl-sweep/trawl/sweep"
)

// waiting is a job that may wait for a slot; its process writes its name and
// when it started and ended into a ledger.
func waiting(dir string, id sweep.TrialID, script string) runner.Job {
	j := shell(dir, id, fmt.Sprintf(`echo start %d >>"%s/ledger"; %s; echo end %d >>"%s/ledger"`, id, dir, script, id, dir))
	j.Waits = true
	return j
}

func ledger(t *testing.T, dir string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "ledger"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// Jobs that wait are run in order, each once, never more at a time than there
// are slots.
func TestJobsWaitForASlot(t *testing.T) {
	dir := t.TempDir()
	b, err := New(Options{RunsDir: dir, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	const n = 80 // more than a ring holds
	for id := sweep.TrialID(1); id <= n; id++ {
		if err := b.Start(t.Context(), waiting(dir, id, "true")); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string][]runner.Update{}
	for id := 1; id <= n; id++ {
		name := fmt.Sprintf("t%04d.1", id)
		if x := runnertest.Await(t, b, name, seen); x.Code != 0 || x.Class != "" {
			t.Fatalf("%s: got exit %+v, want 0", name, *x)
		}
		b.Settled(name)
	}
	lines := ledger(t, dir)
	if len(lines) != 2*n {
		t.Fatalf("got %d lines in the ledger, want %d", len(lines), 2*n)
	}
	for i := 0; i < len(lines); i += 2 {
		if id := fmt.Sprint(i/2 + 1); lines[i] != "start "+id || lines[i+1] != "end "+id {
			t.Fatalf("got %q, %q, want trial %s alone", lines[i], lines[i+1], id)
		}
	}
}

// A job that waits can be stopped, and one whose directory cannot be made ends;
// neither runs, and those behind them do.
func TestWaitingJobsEnd(t *testing.T) {
	dir := t.TempDir()
	b, err := New(Options{RunsDir: dir, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	first := waiting(dir, 1, `touch "`+dir+`/here"; while ! [ -e "`+dir+`/go" ]; do sleep 0.01; done`)
	bad := waiting(dir, 3, "true")
	bad.TrialDir = "/proc/none/3"
	jobs := []runner.Job{first, waiting(dir, 2, "true"), bad, waiting(dir, 4, "true")}
	for _, j := range jobs {
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	awaitFile(t, filepath.Join(dir, "here"))
	b.Stop(jobs[1].Name, sweep.StopInterrupt, false)
	seen := map[string][]runner.Update{}
	if x := runnertest.Await(t, b, jobs[1].Name, seen); x.Cause != sweep.StopInterrupt {
		t.Errorf("the stopped one: got exit %+v, want an interrupt", *x)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if x := runnertest.Await(t, b, bad.Name, seen); x.Class != sweep.ClassStart || !strings.Contains(x.Message, "/proc/none") {
		t.Errorf("the one without a directory: got exit %+v, want class start", *x)
	}
	for _, i := range []int{0, 3} {
		if x := runnertest.Await(t, b, jobs[i].Name, seen); x.Code != 0 || x.Class != "" {
			t.Errorf("%s: got exit %+v, want 0", jobs[i].Name, *x)
		}
	}
	for _, j := range jobs {
		b.Settled(j.Name)
	}
	if got, want := strings.Join(ledger(t, dir), " "), "start 1 end 1 start 4 end 4"; got != want {
		t.Errorf("ledger: got %q, want %q", got, want)
	}
}

// When a supervisor dies, the jobs that wait behind its trial run under the next.
func TestWaitingOutlivesSupervisor(t *testing.T) {
	dir := t.TempDir()
	b, err := New(Options{RunsDir: dir, Slots: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	first, second := waiting(dir, 1, `touch "`+dir+`/here"; sleep 300`), waiting(dir, 2, "true")
	for _, j := range []runner.Job{first, second} {
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	awaitFile(t, filepath.Join(dir, "here"))
	b.mu.Lock()
	pid := b.slots[0].pid
	b.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]runner.Update{}
	if x := runnertest.Await(t, b, first.Name, seen); x.Class != sweep.ClassLost {
		t.Errorf("got exit %+v, want class lost", *x)
	}
	if x := runnertest.Await(t, b, second.Name, seen); x.Code != 0 || x.Class != "" {
		t.Errorf("the one behind it: got exit %+v, want 0", *x)
	}
	b.Settled(first.Name)
	b.Settled(second.Name)
}

// When trawl is killed, its trials go on, and what waits behind one never was.
func TestWaitingDiesWithTrawl(t *testing.T) {
	t.Setenv("LOCAL_TEST_AHEAD", "1")
	dir := t.TempDir()
	cmd := holder(t, dir, `touch "`+dir+`/here"; while ! [ -e "`+dir+`/go" ]; do sleep 0.01; done; echo '{"loss":2}'`)
	awaitFile(t, filepath.Join(dir, "here"))
	kill(t, cmd)
	b := backend(t, dir)
	first, second := shell(dir, 1, ""), shell(dir, 2, "")
	if err := b.Recover(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := b.Recover(t.Context(), second); !errors.Is(err, runner.ErrGone) {
		t.Errorf("the one that waits: got %v, want %v", err, runner.ErrGone)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]runner.Update{}
	if x := runnertest.Await(t, b, first.Name, seen); x.Code != 0 || x.Class != "" {
		t.Errorf("got exit %+v, want 0", *x)
	}
	b.Settled(first.Name)
	if lines := ledger(t, dir); len(lines) != 1 || lines[0] != "" {
		t.Errorf("ledger: got %q, want nothing", lines)
	}
}
