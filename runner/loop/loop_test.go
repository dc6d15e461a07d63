package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// A sweep killed before or after any effect, and gone on with, ends like one
// that was not: the same trials with the same results, each executed once.
func TestKilledAnywhere(t *testing.T) {
	for _, slots := range []int{1, 3} {
		t.Run(fmt.Sprintf("slots=%d", slots), func(t *testing.T) {
			spec := gridSpec(t, 7, 0)
			calm := newWorld()
			if _, err := calm.live(t, spec, slots, nil); err != nil {
				t.Fatal(err)
			}
			want := calm.outcome(t)
			if n := strings.Count(want, "finished"); n != 7 {
				t.Fatalf("got %d finished trials without a kill, want 7:\n%s", n, want)
			}
			for k := range 2 * calm.effects {
				killedAt(t, k, spec, slots, nil, want)
			}
		})
	}
}

// Short trials are started ahead of their slot, in batches, and a kill does no
// more harm then.
func TestShortTrialsStartAhead(t *testing.T) {
	spec := gridSpec(t, 40, 0)
	ahead := func(c *Config) { c.Ahead = 8 }
	calm := newWorld()
	if _, err := calm.live(t, spec, 2, ahead); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(calm.outcome(t), "finished"); n != 40 {
		t.Fatalf("got %d finished trials, want 40", n)
	}
	if calm.widest != 10 {
		t.Errorf("got up to %d trials started and not ended, want 2 slots and 8 ahead", calm.widest)
	}
	want := calm.outcome(t)
	for k := 1; k < 2*calm.effects; k += 3 {
		killedAt(t, k, spec, 2, ahead, want)
	}
}

// The points and their order do not depend on how many run at a time.
func TestSameAtAnyWidth(t *testing.T) {
	spec := gridSpec(t, 9, 2)
	var want string
	for _, slots := range []int{1, 2, 5, 40} {
		w := newWorld()
		if _, err := w.live(t, spec, slots, nil); err != nil {
			t.Fatal(err)
		}
		got := w.outcome(t)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("slots %d: got\n%s\nwant\n%s", slots, got, want)
		}
	}
}

// Judge gives each way to end its state and class.
func TestJudge(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name  string
		value float64
		exit  sweep.Exit
		state sweep.State
		class sweep.Class
	}{
		{"exit 0", 1, sweep.Exit{}, sweep.Finished, ""},
		{"exit 1", 1, sweep.Exit{Code: 1}, sweep.Failed, sweep.ClassExit},
		{"signal", 1, sweep.Exit{Code: -1, Signal: 11}, sweep.Failed, sweep.ClassSignal},
		{"not a number", nan, sweep.Exit{}, sweep.Diverged, ""},
		{"infinite", math.Inf(1), sweep.Exit{}, sweep.Diverged, ""},
		{"failed whatever it reported", nan, sweep.Exit{Code: 3}, sweep.Failed, sweep.ClassExit},
		{"timeout", 1, sweep.Exit{Code: -1, Signal: 15, Cause: sweep.StopTimeout}, sweep.Failed, sweep.ClassTimeout},
		{"stalled", 1, sweep.Exit{Code: -1, Signal: 15, Cause: sweep.StopStall}, sweep.Failed, sweep.ClassStalled},
		{"missing program", nan, sweep.Exit{Code: -1, Class: sweep.ClassStart}, sweep.Failed, sweep.ClassStart},
		{"out of memory", 1, sweep.Exit{Code: 1, Class: sweep.ClassOOM}, sweep.Failed, sweep.ClassOOM},
		{"diverged in process", 1, sweep.Exit{Cause: sweep.StopDiverge}, sweep.Diverged, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.exit = func(runner.Job) (float64, sweep.Exit) { return tt.value, tt.exit }
			if _, err := w.live(t, gridSpec(t, 1, 0), 1, nil); err != nil {
				t.Fatal(err)
			}
			e := w.last(t)
			if e.State != tt.state || e.Class != tt.class {
				t.Errorf("got %s (%s), want %s (%s)", e.State, e.Class, tt.state, tt.class)
			}
		})
	}
}

func (w *world) last(t *testing.T) *sweep.Ended {
	t.Helper()
	for i := len(w.entries) - 1; i >= 0; i-- {
		if e, ok := w.entries[i].Event.(*sweep.Ended); ok {
			return e
		}
	}
	t.Fatal("nothing ended")
	return nil
}

func TestFuse(t *testing.T) {
	w := newWorld()
	w.exit = func(runner.Job) (float64, sweep.Exit) { return math.NaN(), sweep.Exit{Code: 2} }
	sum, err := w.live(t, gridSpec(t, 20, 0), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum.State != "fuse" || sum.Failed != 3 {
		t.Errorf("got state %s after %d failures, want fuse after 3", sum.State, sum.Failed)
	}
	w = newWorld()
	w.exit = func(runner.Job) (float64, sweep.Exit) { return math.NaN(), sweep.Exit{Code: 2} }
	spec := gridSpec(t, 5, 0)
	spec.Budget.FailuresOff = true
	if sum, err = w.live(t, spec, 1, nil); err != nil || sum.Failed != 5 {
		t.Errorf("failures off: got %d failures, error %v; want 5", sum.Failed, err)
	}
}

func TestRetries(t *testing.T) {
	w := newWorld()
	w.exit = func(j runner.Job) (float64, sweep.Exit) {
		if w.executed[1] < 3 {
			return 1, sweep.Exit{Code: 1}
		}
		return 1, sweep.Exit{}
	}
	spec := gridSpec(t, 1, 0)
	spec.Retries = sweep.Retries{Max: 2, On: []sweep.Class{sweep.ClassExit}}
	if _, err := w.live(t, spec, 1, nil); err != nil {
		t.Fatal(err)
	}
	if e := w.last(t); e.State != sweep.Finished || e.Attempt != 3 {
		t.Errorf("got %s at attempt %d, want finished at 3", e.State, e.Attempt)
	}
}

// A trial that takes its supervisor down is tried three times.
func TestLost(t *testing.T) {
	w := newWorld()
	w.exit = func(runner.Job) (float64, sweep.Exit) { return 1, sweep.Exit{Code: -1, Class: sweep.ClassLost} }
	if _, err := w.live(t, gridSpec(t, 1, 0), 1, nil); err != nil {
		t.Fatal(err)
	}
	if e := w.last(t); e.State != sweep.Failed || e.Class != sweep.ClassLost || w.executed[1] != 3 {
		t.Errorf("got %s (%s) after %d runs, want failed (lost) after 3", e.State, e.Class, w.executed[1])
	}
}

func TestRunCapRaised(t *testing.T) {
	w := newWorld()
	spec := gridSpec(t, 6, 2)
	spec.RunCap = 4
	if sum, err := w.live(t, spec, 2, nil); err != nil || sum.Finished != 4 {
		t.Fatalf("got %d finished, error %v; want 4", sum.Finished, err)
	}
	spec.RunCap = 7 // the last point is completed
	if sum, err := w.live(t, spec, 2, nil); err != nil || sum.Finished != 8 {
		t.Fatalf("raised: got %d finished, error %v; want 8", sum.Finished, err)
	}
	for id, n := range w.executed {
		if n != 1 {
			t.Errorf("trial %d was executed %d times", id, n)
		}
	}
}

func TestTarget(t *testing.T) {
	w := newWorld()
	spec := gridSpec(t, 9, 0)
	target := 4.0
	spec.Objectives[0].Target = &target // x = -4, -3, -2: the third reaches it
	sum, err := w.live(t, spec, 1, nil)
	if err != nil || sum.State != "target" || sum.Finished != 3 {
		t.Errorf("got state %s after %d, error %v; want target after 3", sum.State, sum.Finished, err)
	}
	sum, err = w.live(t, spec, 1, nil)
	if err != nil || sum.State != "target" || sum.Finished != 3 || sum.Started != 0 {
		t.Errorf("again: got state %s after %d, %d started, error %v; want the target met, nothing started", sum.State, sum.Finished, sum.Started, err)
	}
	first := []Control{{Verb: Retry, Trial: 3}} // what the user asks for is done
	sum, err = w.live(t, spec, 1, func(c *Config) { c.First = first })
	if err != nil || sum.State != "target" || sum.Started != 1 {
		t.Errorf("retried: got state %s, %d started, error %v; want one started, which meets it again", sum.State, sum.Started, err)
	}
}

func TestReuse(t *testing.T) {
	w := newWorld()
	spec := gridSpec(t, 3, 0)
	spec.Sampler, spec.Method, spec.Duplicates, spec.RunCap = "random", "random", "reuse", 12
	sum, err := w.live(t, spec, 1, nil)
	if err != nil || sum.Finished != 12 {
		t.Fatalf("got %d finished, error %v; want 12", sum.Finished, err)
	}
	if n := len(w.executed); n > 3 {
		t.Errorf("%d trials were executed for 3 points", n)
	}
}

// Controls reach a loop that runs: a queued trial is added, one is retried.
func TestControls(t *testing.T) {
	w := newWorld()
	spec := gridSpec(t, 3, 0)
	if _, err := w.live(t, spec, 1, nil); err != nil {
		t.Fatal(err)
	}
	controls := make(chan Control, 4)
	answers := make(chan string, 4)
	answer := func(text string, err error) { answers <- fmt.Sprint(text, err) }
	controls <- Control{Verb: Pause, Answer: answer}
	controls <- Control{Verb: Retry, Trial: 2, Answer: answer}
	controls <- Control{Verb: KillOne, Trial: 9, Answer: answer}
	controls <- Control{Verb: Continue, Answer: answer}
	spec.RunCap = 0
	spec2 := *spec
	sum, err := w.live(t, &spec2, 1, func(c *Config) {
		c.Controls = controls
		c.Entries = w.journal()
		c.Spec.Budget.FailuresOff = true
		keep := c.Planner
		keep.exhausted = true
		c.Slots = 1
		w.entries = append(w.entries, sweep.Entry{Event: &sweep.Proposed{Trial: 4, Proposal: 99, PointID: 4, Params: `{"x":1}`, Key: `{"x":1}`, Repeat: 1, Revision: 1}})
		c.Entries = w.journal()
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Finished < 4 {
		t.Errorf("got %d finished, want at least 4", sum.Finished)
	}
	close(answers)
	for a := range answers {
		if strings.Contains(a, "trial 9") && !strings.Contains(a, "no such trial; there are") {
			t.Errorf("kill of an unknown trial answered %q", a)
		}
	}
}

// A journal that cannot be written ends the run with ErrJournal.
func TestJournalFails(t *testing.T) {
	w := newWorld()
	_, err := w.live(t, gridSpec(t, 3, 0), 1, func(c *Config) { c.Journal = &full{c.Journal} })
	if !errors.Is(err, ErrJournal) {
		t.Errorf("got %v, want ErrJournal", err)
	}
}

type full struct{ runner.Journal }

func (full) Record(context.Context, ...sweep.Event) error { return errors.New("disk full") }

// A reason is text, wherever it is cut.
func TestExitReasonIsText(t *testing.T) {
	for pad := range 4 {
		got := exitReason(1, []string{strings.Repeat("a", pad) + strings.Repeat("学", 100), "", ""})
		if !utf8.ValidString(got) || !strings.HasPrefix(got, "exit 1: ") || !strings.HasSuffix(got, "学…") || len(got) > 220 {
			t.Errorf("got %q", got)
		}
	}
}

// A drain that leaves nothing to resume is an ordinary end.
func TestDrainedAtTheEndIsFinished(t *testing.T) {
	w := newWorld()
	spec := gridSpec(t, 3, 0)
	drain := func(c *Config) { c.First = []Control{{Verb: Drain}} }
	if sum, err := w.live(t, spec, 1, drain); err != nil || sum.State != "drained" || sum.Finished != 0 {
		t.Errorf("at the start: got %s after %d, %v; want drained", sum.State, sum.Finished, err)
	}
	if _, err := w.live(t, spec, 1, nil); err != nil {
		t.Fatal(err)
	}
	if sum, err := w.live(t, spec, 1, drain); err != nil || sum.State != "finished" || sum.Why != "" {
		t.Errorf("at the end: got %s, %q, %v; want finished", sum.State, sum.Why, err)
	}
}
