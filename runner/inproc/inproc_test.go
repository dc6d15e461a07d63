package inproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trawl-sweep/trawl/configs/examples"
	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/runnertest"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/sweep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock that goes on by tick each time that it is read.
type clock struct {
	mu   sync.Mutex // trials and tests read it
	now  time.Time
	tick time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(c.tick)
	return c.now
}

// images are read once for all tests: that is slow with the race detector.
var images = &data.Source{Embedded: examples.FS}

func build(t *testing.T, tick time.Duration) *Backend {
	c := &clock{now: time.Unix(1e9, 0), tick: tick}
	b := New(Options{Slots: 2, Embedded: examples.FS, Now: c.Now})
	b.source = images
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// values are those of a quick trial, with changes.
func values(t *testing.T, changes map[string]sweep.Value) map[string]sweep.Value {
	t.Helper()
	split, err := sweep.JSONValue([]any{500, 100})
	if err != nil {
		t.Fatal(err)
	}
	v := map[string]sweep.Value{
		"split": split, "epochs": sweep.IntValue(3), "lr": sweep.FloatValue(0.2), "momentum": sweep.FloatValue(0.9),
	}
	for name, x := range changes {
		v[name] = x
	}
	return v
}

func forever(t *testing.T) map[string]sweep.Value {
	return values(t, map[string]sweep.Value{"epochs": sweep.IntValue(1_000_000), "lr": sweep.FloatValue(1e-6)})
}

func newJob(t *testing.T, attempt int, v map[string]sweep.Value) runner.Job {
	return runner.Job{
		Name: fmt.Sprintf("t0007.%d", attempt), Trial: 7, Attempt: attempt, Token: fmt.Sprint("token", attempt),
		TrialDir: filepath.Join(t.TempDir(), "7"), Params: []byte(`{"lr": 0.2}`), Values: v, Seed: 5,
	}
}

// ended reads updates until the Exit of name, and returns them with it.
func ended(t *testing.T, b *Backend, name string) (list []runner.Update, exit sweep.Exit, tail []string) {
	t.Helper()
	for u := range b.Updates() {
		if u.Name != name {
			t.Fatalf("update of %s; want of %s", u.Name, name)
		}
		if u.Exit != nil {
			if u.Exit.EndedAt < u.Exit.StartedAt || u.Exit.CPUSeconds < 0 {
				t.Errorf("times of %+v", *u.Exit)
			}
			return list, *u.Exit, u.Tail
		}
		list = append(list, u)
	}
	t.Fatalf("no Exit of %s", name)
	return
}

func TestLaws(t *testing.T) {
	quick, slow := values(t, nil), forever(t)
	of := func(v map[string]sweep.Value) func(sweep.TrialID) runner.Job {
		dir := t.TempDir()
		return func(id sweep.TrialID) runner.Job {
			j := runnertest.Job(dir, id)
			j.Values = v
			return j
		}
	}
	runnertest.Run(t, func(t *testing.T) runner.Backend { return build(t, time.Microsecond) },
		runnertest.Jobs{Quick: of(quick), Slow: of(slow)})
}

func TestTrialEnds(t *testing.T) {
	b, j := build(t, time.Microsecond), newJob(t, 1, values(t, nil))
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	list, exit, _ := ended(t, b, j.Name)
	if exit.Code != 0 || exit.Cause != "" || exit.Class != "" || exit.Message != "" {
		t.Errorf("exit: got %+v want that of a success", exit)
	}
	if len(list) != 4 {
		t.Fatalf("got %d updates want one per epoch and the hash of the weights", len(list))
	}
	if n := list[3].Note; n == nil || n.What != "weights" || len(n.Text) != len("sha256:")+64 || n.Trial != 7 {
		t.Errorf("the last update: got %+v want the hash of the weights", n)
	}
	for i, u := range list[:3] {
		if len(u.Reports) != 9 || u.Reports[0].Step != int64(i+1) || u.Mark == "" || u.Reports[0].At == 0 {
			t.Errorf("update %d: got %+v", i, u)
		}
	}
	b.Settled(j.Name)
	params, err := os.ReadFile(filepath.Join(j.TrialDir, "params.json"))
	if err != nil || string(params) != `{"lr": 0.2}` {
		t.Errorf("params.json: got %s, %v", params, err)
	}
	log, err := os.ReadFile(filepath.Join(j.TrialDir, LogName))
	if err != nil || bytes.Count(log, []byte("\n")) != 3 || !bytes.HasPrefix(log, []byte(`{"step": 1, "train_loss": `)) {
		t.Errorf("%s: got %s, %v", LogName, log, err)
	}
}

// figures are the reports of a trial without those that the clock is in.
func figures(list []runner.Update) (f []string) {
	for _, u := range list {
		for _, r := range u.Reports {
			if r.Name != "examples_per_second" {
				f = append(f, fmt.Sprintf("%d %s %x", r.Step, r.Name, r.Value))
			}
		}
	}
	return f
}

// Two trials side by side have the numbers of one alone, and RunOne too.
func TestNumbersDoNotDependOnNeighbours(t *testing.T) {
	b := build(t, time.Microsecond)
	jobs := []runner.Job{newJob(t, 1, values(t, nil)), newJob(t, 2, values(t, nil))}
	got := map[string][]runner.Update{}
	for _, j := range jobs {
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	for exits := 0; exits < len(jobs); {
		u := <-b.Updates()
		got[u.Name] = append(got[u.Name], u)
		if u.Exit != nil {
			exits++
		}
	}
	one, two := figures(got[jobs[0].Name]), figures(got[jobs[1].Name])
	if len(one) != 24 || !reflect.DeepEqual(one, two) {
		t.Errorf("trials differ:\n%q\n%q", one, two)
	}
	var out bytes.Buffer
	v := values(t, map[string]sweep.Value{"seed": sweep.IntValue(5)})
	if err := RunOne(t.Context(), v, Options{Embedded: examples.FS}, &out); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(jobs[0].TrialDir, LogName))
	if err != nil {
		t.Fatal(err)
	}
	alone, within := strings.Split(out.String(), "\n"), strings.Split(string(log), "\n")
	for i := range within {
		within[i], _, _ = strings.Cut(within[i], `, "examples_per_second"`)
		if want := strings.TrimSuffix(alone[i], "}"); within[i] != want {
			t.Errorf("epoch %d: got %s want %s", i+1, within[i], want)
		}
	}
}

func TestStop(t *testing.T) {
	for _, why := range []sweep.Stop{sweep.StopPrune, sweep.StopKill, sweep.StopInterrupt} {
		b, j := build(t, time.Microsecond), newJob(t, 1, forever(t))
		if err := b.Start(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		<-b.Updates() // it works
		if err := b.Start(t.Context(), j); err == nil {
			t.Error("a running job is started again")
		}
		b.Stop(j.Name, why, why == sweep.StopKill)
		b.Stop("t9999.1", why, false)
		if _, exit, _ := ended(t, b, j.Name); exit.Cause != why || exit.Code != -1 || exit.Class != "" {
			t.Errorf("%s: got %+v", why, exit)
		}
		b.Stop(j.Name, why, true)
		b.Settled(j.Name)
		b.Settled(j.Name)
	}
}

// What a cancelled trial left is gone on from, by another backend as after a
// kill of the process, with the bits of a trial that was not disturbed.
func TestGoesOnFromTheCheckpoint(t *testing.T) {
	v := values(t, map[string]sweep.Value{"epochs": sweep.IntValue(6)})
	b, whole := build(t, time.Microsecond), newJob(t, 1, v)
	if err := b.Start(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	list, _, _ := ended(t, b, whole.Name)
	want := figures(list)

	first, j := build(t, time.Microsecond), newJob(t, 1, v)
	if err := first.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	<-first.Updates()
	<-first.Updates()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for u := range first.Updates() {
		if u.Exit != nil && u.Exit.Code != 0 {
			t.Errorf("Close gave the Exit %+v", u.Exit)
		}
	}
	second := build(t, time.Microsecond)
	if err := second.Recover(t.Context(), j); !errors.Is(err, runner.ErrGone) {
		t.Errorf("Recover: got %v want ErrGone", err)
	}
	j.Name, j.Attempt, j.Token = "t0007.2", 2, "other"
	if err := second.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	list, exit, _ := ended(t, second, j.Name)
	if got := figures(list); !reflect.DeepEqual(got, want) || exit.Code != 0 {
		t.Errorf("exit %+v; got\n%q\nwant\n%q", exit, got, want)
	}
}

func TestUselessCheckpointIsBegunAgain(t *testing.T) {
	b, j := build(t, time.Microsecond), newJob(t, 1, values(t, nil))
	dir := filepath.Join(j.TrialDir, "checkpoint")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, train.CheckpointName), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	list, exit, _ := ended(t, b, j.Name)
	if exit.Code != 0 || len(list) != 5 || list[0].Note == nil || list[0].Note.What != "checkpoint_lost" || list[0].Note.Trial != 7 {
		t.Errorf("exit %+v; got %+v", exit, list)
	}
}

func TestEnds(t *testing.T) {
	value := func(name string, v sweep.Value) map[string]sweep.Value {
		return values(t, map[string]sweep.Value{name: v})
	}
	diverging := values(t, map[string]sweep.Value{"lr": sweep.IntValue(30), "diverge_above": sweep.IntValue(20)})
	for _, tt := range []struct {
		name  string
		job   runner.Job
		cause sweep.Stop
		class sweep.Class
		text  string
	}{
		{"unknown key", newJob(t, 1, value("learning", sweep.IntValue(1))), "", sweep.ClassStart, "learning: unknown key"},
		{"bad value", newJob(t, 1, value("lr", sweep.IntValue(-1))), "", sweep.ClassStart, "lr: -1; want a number > 0"},
		{"no data", newJob(t, 1, value("data", sweep.StringValue("nowhere"))), "", sweep.ClassStart, "no such folder"},
		{"no room", runner.Job{Name: "t0007.1", TrialDir: "/dev/null/7", Values: values(t, nil)}, "", sweep.ClassStart, "not a directory"},
		{"diverged", newJob(t, 1, diverging), sweep.StopDiverge, "", "above diverge_above 20"},
		{"timeout", runner.Job{Name: "t0007.1", TrialDir: t.TempDir(), Values: forever(t), Timeout: time.Minute},
			sweep.StopTimeout, "", "longer than its timeout of 1m0s"},
		{"stalled", runner.Job{Name: "t0007.1", TrialDir: t.TempDir(), Values: forever(t), StallTimeout: 3 * time.Second},
			sweep.StopStall, "", "stall_timeout of 3s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := build(t, time.Second)
			if err := b.Start(t.Context(), tt.job); err != nil {
				t.Fatal(err)
			}
			_, exit, tail := ended(t, b, tt.job.Name)
			if exit.Cause != tt.cause || exit.Class != tt.class || exit.Code != -1 || !strings.Contains(exit.Message, tt.text) {
				t.Errorf("got %+v", exit)
			}
			if len(tail) == 0 || !strings.Contains(tail[len(tail)-1], tt.text) {
				t.Errorf("tail: got %q want … %s", tail, tt.text)
			}
		})
	}
}

func TestPanicEndsItsTrialAlone(t *testing.T) {
	b, j := build(t, time.Microsecond), newJob(t, 1, values(t, nil))
	b.train = func(_ context.Context, _ train.Config, h train.Hooks) (train.Result, error) {
		h.Report(1, []sweep.Report{{Name: "train_loss", Step: 1, Value: math.NaN()}})
		panic("index out of range\nwith a second line")
	}
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	list, exit, tail := ended(t, b, j.Name)
	if exit.Code != 2 || exit.Message != "panic: index out of range; with a second line" || len(list) != 1 {
		t.Errorf("got %+v after %d updates", exit, len(list))
	}
	if len(tail) > tailLines || !strings.Contains(strings.Join(tail, "\n"), "inproc") {
		t.Errorf("tail: got %d lines %q", len(tail), tail)
	}
	log, _ := os.ReadFile(filepath.Join(j.TrialDir, LogName))
	if string(log) != "{\"step\": 1, \"train_loss\": NaN}\n" {
		t.Errorf("log: got %s", log)
	}
}

// Close with running trials and nobody reading ends; so does a second one.
func TestCloseEndsEverything(t *testing.T) {
	b := build(t, time.Microsecond)
	for i := range 3 {
		if err := b.Start(t.Context(), newJob(t, i+1, forever(t))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	for u := range b.Updates() {
		if u.Exit != nil {
			t.Errorf("%s: Exit %+v of a job that Close ended", u.Name, u.Exit)
		}
	}
	if err := b.Start(t.Context(), newJob(t, 9, values(t, nil))); err == nil {
		t.Error("a closed backend starts a job")
	}
}

func TestLogIsCapped(t *testing.T) {
	b, j := build(t, time.Microsecond), newJob(t, 1, values(t, nil))
	j.LogLimit = 300 // one line
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	_, _, tail := ended(t, b, j.Name)
	log, err := os.ReadFile(filepath.Join(j.TrialDir, LogName))
	if err != nil || bytes.Count(log, []byte("\n")) != 1 || len(tail) != 3 {
		t.Errorf("got %d lines of tail, %v and the log %s", len(tail), err, log)
	}
}

func TestRunOneErrors(t *testing.T) {
	o := Options{Embedded: examples.FS}
	if err := RunOne(t.Context(), values(t, map[string]sweep.Value{"lr": sweep.IntValue(0)}), o, &bytes.Buffer{}); err == nil {
		t.Error("lr 0: no error")
	}
	diverging := map[string]sweep.Value{"lr": sweep.IntValue(30), "diverge_above": sweep.IntValue(20)}
	var out bytes.Buffer
	if err := RunOne(t.Context(), values(t, diverging), o, &out); !errors.Is(err, ErrDiverged) || out.Len() == 0 {
		t.Errorf("got %v after %q; want ErrDiverged", err, &out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := RunOne(ctx, values(t, nil), o, &out); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if err := RunOne(t.Context(), forever(t), o, full{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("nobody reads: got %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }
