package prunertest

import (
	"fmt"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// rival stops a trial that is worse than half of the trials that finished were
// at the same step.
type rival struct {
	running  map[sweep.TrialID]*curve
	finished []map[int64]float64
}

type curve struct {
	attempt int
	at      map[int64]float64
}

func newRival() sweep.Pruner { return &rival{running: map[sweep.TrialID]*curve{}} }

func (r *rival) Observe(o sweep.Observation) sweep.Verdict {
	if o.Name != Metric {
		return sweep.Verdict{}
	}
	c := r.running[o.Trial]
	if c == nil || o.Attempt > c.attempt {
		c = &curve{o.Attempt, map[int64]float64{}}
		r.running[o.Trial] = c
	}
	c.at[o.Step] = o.Value
	better, n := 0, 0
	for _, other := range r.finished {
		if v, ok := other[o.Step]; ok {
			n++
			if sweep.Minimize.Better(v, o.Value) {
				better++
			}
		}
	}
	if o.Step < 5 || n < 3 || 2*better <= n {
		return sweep.Verdict{}
	}
	return sweep.Verdict{
		Stop:   true,
		Reason: fmt.Sprintf("step %d: %v, worse than %d of %d", o.Step, o.Value, better, n),
		Inputs: fmt.Sprintf(`{"better":%d,"n":%d}`, better, n),
	}
}

func (r *rival) Settle(t sweep.TrialID, s sweep.State) {
	if s == sweep.Finished && r.running[t] != nil {
		r.finished = append(r.finished, r.running[t].at)
	}
	delete(r.running, t)
}

func TestLaws(t *testing.T) { Run(t, newRival) }

func FuzzRival(f *testing.F) { Fuzz(f, newRival) }

// TestTheStudyExercisesPruners: some trials of it are stopped and some finish.
func TestTheStudyExercisesPruners(t *testing.T) {
	for seed := range uint64(seeds) {
		stopped := map[sweep.TrialID]bool{}
		feed(newRival(), study(seed), stopped)
		if len(stopped) == 0 || len(stopped) >= trials-2 {
			t.Errorf("seed %d: %d of %d trials are stopped", seed, len(stopped), trials)
		}
	}
}

// TestDecodeReadsEncode: the seeds of Fuzz are studies that pruners act on.
func TestDecodeReadsEncode(t *testing.T) {
	for seed := range uint64(seeds) {
		want := study(seed)
		got := decode(encode(want))
		if len(got) != len(want) {
			t.Fatalf("seed %d: got %d events, want %d", seed, len(got), len(want))
		}
		for i := range got {
			if got[i].Trial != want[i].Trial || got[i].end != want[i].end || want[i].end == "" && got[i].Step != want[i].Step {
				t.Fatalf("seed %d: event %d: got %+v, want %+v", seed, i, got[i], want[i])
			}
		}
	}
}

func TestComplaint(t *testing.T) {
	for want, v := range map[string]sweep.Verdict{
		"":                           {Stop: true, Reason: "worse", Inputs: "{}"},
		"stops without a reason":     {Stop: true},
		"gives a reason for nothing": {Reason: "worse"},
		"Inputs is not JSON":         {Inputs: "{"},
		"the reason is not one line": {Stop: true, Reason: "a\nb"},
	} {
		if got := complaint(v); got != want {
			t.Errorf("%+v: got %q, want %q", v, got, want)
		}
	}
}
