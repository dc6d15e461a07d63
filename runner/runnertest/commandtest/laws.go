package commandtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func oneExit(t *testing.T, build Build) {
	b, _ := build(t)
	log := Log{}
	names := map[string]int{}
	for i := range 7 { // more than there are slots
		job := Job(t, fmt.Sprintf("exit %d", i))
		names[job.Name] = i
		Start(t, b, job)
	}
	for name, code := range names {
		e := log.Exit(t, b, name).Exit
		if e.Code != code || e.Signal != 0 || e.Cause != "" || e.Class != "" {
			t.Errorf("exit: got %+v; want code %d", e, code)
		}
		if e.StartedAt == 0 || e.EndedAt < e.StartedAt {
			t.Errorf("exit: got times %d, %d", e.StartedAt, e.EndedAt)
		}
	}
	Close(t, b)
	for u := range b.Updates() {
		t.Errorf("got an update after the last exit: %+v", u)
	}
}

func nothingAlive(t *testing.T, build Build) {
	b, _ := build(t)
	log := Log{}
	job := Job(t, `sleep 1000 & echo $! >pid; exit 3`)
	Start(t, b, job)
	if e := log.Exit(t, b, job.Name).Exit; e.Code != 3 {
		t.Errorf("exit: got %+v; want code 3", e)
	}
	if pid := PID(t, filepath.Join(job.Dir, "pid")); syscall.Kill(pid, 0) != syscall.ESRCH {
		t.Errorf("process %d is alive after the exit of the job that started it", pid)
	}
	Close(t, b)
}

// PID reads a process number that a trial wrote.
func PID(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func stopCause(t *testing.T, build Build) {
	for _, tt := range []struct {
		name   string
		script string
		why    sweep.Stop
		hard   bool
		signal int
	}{
		{"obeys", `read x <gate; exec sleep 1000`, sweep.StopPrune, false, int(syscall.SIGTERM)},
		{"hard", `trap '' TERM; read x <gate; sleep 1000; sleep 1000`, sweep.StopKill, true, int(syscall.SIGKILL)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := build(t)
			log := Log{}
			job := Job(t, tt.script)
			gate := NewGate(t, job)
			Start(t, b, job)
			gate.Pass(t)
			b.Stop(job.Name, tt.why, tt.hard)
			e := log.Exit(t, b, job.Name).Exit
			if e.Cause != tt.why || e.Signal != tt.signal {
				t.Errorf("exit: got %+v; want cause %s, signal %d", e, tt.why, tt.signal)
			}
			b.Stop(job.Name, tt.why, true) // of a job that is no more: nothing
			Close(t, b)
		})
	}
}

func lateStop(t *testing.T, build Build) {
	b, _ := build(t)
	log := Log{}
	first, second := Job(t, `exit 5`), Job(t, `exit 6`)
	Start(t, b, first)
	log.Exit(t, b, first.Name)
	b.Stop(first.Name, sweep.StopPrune, false)
	Start(t, b, second)
	if e := log.Exit(t, b, second.Name).Exit; e.Code != 6 || e.Cause != "" {
		t.Errorf("exit: got %+v; want code 6 and no cause: another job was stopped", e)
	}
	Close(t, b)
}

func reportsInOrder(t *testing.T, build Build) {
	const n = 500
	b, _ := build(t)
	log := Log{}
	job := Job(t, fmt.Sprintf(`i=0; while [ $i -lt %d ]; do echo "{\"step\":$i,\"loss\":$i}"; i=$((i+1)); done`, n))
	Start(t, b, job)
	wantLosses(t, log.Exit(t, b, job.Name).Reports, 0, n)
	Close(t, b)
}

// wantLosses checks for the reports loss=i at steps i.
func wantLosses(t *testing.T, got []sweep.Report, from, to int) {
	t.Helper()
	if len(got) != to-from {
		t.Fatalf("reports: got %d; want %d", len(got), to-from)
	}
	for i, r := range got {
		if r.Name != "loss" || r.Step != int64(from+i) || r.Value != float64(from+i) {
			t.Fatalf("report %d: got %+v; want loss=%d", i, r, from+i)
		}
	}
}

func startFails(t *testing.T, build Build) {
	b, _ := build(t)
	log := Log{}
	for _, program := range []string{"no-such-program-anywhere", "./missing"} {
		job := Job(t, "")
		job.Argv = []string{program}
		Start(t, b, job)
		e := log.Exit(t, b, job.Name).Exit
		if e.Class != sweep.ClassStart || e.Code != -1 || !strings.HasPrefix(e.Message, "exec: ") {
			t.Errorf("exit: got %+v; want class start with a message", e)
		}
	}
	Close(t, b)
}

func startTwice(t *testing.T, build Build) {
	b, _ := build(t)
	log := Log{}
	job := Job(t, `read x <gate`)
	gate := NewGate(t, job)
	Start(t, b, job)
	if err := b.Start(t.Context(), job); err == nil {
		t.Error("start of a running job: got no error")
	}
	gate.Pass(t)
	log.Exit(t, b, job.Name)
	Close(t, b)
}

func unknownGone(t *testing.T, build Build) {
	b, _ := build(t)
	if err := b.Recover(t.Context(), Job(t, "")); !isGone(err) {
		t.Errorf("recover: got %v; want ErrGone", err)
	}
	Close(t, b)
}

func goesOn(t *testing.T, build Build) {
	b, reopen := build(t)
	log := Log{}
	job := Job(t, `for i in 0 1 2; do echo "{\"loss\":$i}"; done; read x <gate; for i in 3 4 5; do echo "{\"loss\":$i}"; done`)
	gate := NewGate(t, job)
	Start(t, b, job)
	h := log.Of(job.Name)
	log.Until(t, b, func() bool { return len(h.Reports) == 3 })
	Close(t, b)

	b = reopen()
	other := job
	other.Token = "of another attempt"
	if err := b.Recover(t.Context(), other); !isGone(err) {
		t.Errorf("recover with another token: got %v; want ErrGone", err)
	}
	job.Mark = h.Mark()
	if err := b.Recover(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	gate.Pass(t)
	if h = log.Exit(t, b, job.Name); h.Exit.Code != 0 {
		t.Errorf("exit: got %+v; want code 0", h.Exit)
	}
	wantLosses(t, h.Reports, 0, 6)
	Close(t, b)
}

func exitWaits(t *testing.T, build Build) {
	b, reopen := build(t)
	log := Log{}
	job := Job(t, `echo '{"loss":0}'; read x <gate; echo '{"loss":1}'; exit 4`)
	gate := NewGate(t, job)
	Start(t, b, job)
	log.Until(t, b, func() bool { return len(log.Of(job.Name).Reports) == 1 })
	job.Mark = log.Of(job.Name).Mark()
	Close(t, b)
	gate.Pass(t)

	for range 2 { // until it is settled, it stays
		b = reopen()
		if err := b.Recover(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		again := Log{}
		again.Until(t, b, func() bool { return again.Of(job.Name).Exit != nil })
		h := again.Of(job.Name)
		if h.Exit.Code != 4 {
			t.Errorf("exit: got %+v; want code 4", h.Exit)
		}
		wantLosses(t, h.Reports, 1, 2)
		Close(t, b)
	}
}

func closes(t *testing.T, build Build) {
	b, _ := build(t)
	Close(t, b)
	if u, ok := <-b.Updates(); ok {
		t.Errorf("got %+v; want the updates closed", u)
	}
	Close(t, b) // twice is once
}
