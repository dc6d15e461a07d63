package prunertest

import (
	"fmt"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// rival stops a trial that is worse than half of the trials that finished were
// at the same step.
type rival struct {
	running  map[sweep.TrialID]map[int64]float64
	finished []map[int64]float64
}

func newRival() sweep.Pruner { return &rival{running: map[sweep.TrialID]map[int64]float64{}} }

func (r *rival) Observe(t sweep.TrialID, step int64, value float64) sweep.Verdict {
	if r.running[t] == nil {
		r.running[t] = map[int64]float64{}
	}
	r.running[t][step] = value
	better, n := 0, 0
	for _, other := range r.finished {
		if v, ok := other[step]; ok {
			n++
			if sweep.Minimize.Better(v, value) {
				better++
			}
		}
	}
	if step < 5 || n < 3 || 2*better <= n {
		return sweep.Verdict{}
	}
	return sweep.Verdict{
		Stop:   true,
		Reason: fmt.Sprintf("step %d: %v, worse than %d of %d", step, value, better, n),
		Inputs: fmt.Sprintf(`{"better":%d,"n":%d}`, better, n),
	}
}

func (r *rival) Settle(t sweep.TrialID, s sweep.State) {
	if s == sweep.Finished && r.running[t] != nil {
		r.finished = append(r.finished, r.running[t])
	}
	delete(r.running, t)
}

func TestLaws(t *testing.T) { Run(t, newRival) }

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

func TestComplaint(t *testing.T) {
	for want, v := range map[string]sweep.Verdict{
		"":                           {Stop: true, Reason: "worse", Inputs: "{}"},
		"stops without a reason":     {Stop: true},
		"Inputs is not JSON":         {Inputs: "{"},
		"the reason is not one line": {Reason: "a\nb"},
	} {
		if got := complaint(v); got != want {
			t.Errorf("%+v: got %q, want %q", v, got, want)
		}
	}
}
