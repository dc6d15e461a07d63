// Package prunertest holds the laws of pruners. A new algorithm calls Run
// first, and Fuzz from a fuzz target of its own.
package prunertest

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Metric is the name of the metric that the made-up studies report.
const Metric = "val_loss"

// Run checks the laws of package sweep on made-up studies of 12 trials whose
// reports interleave:
//
//	ObserveIsDeterministic  the same reports give the same verdicts
//	ReplayContinues         a new pruner told the same events goes on in the same way
//	VerdictHasReason        who stops says why, in one line; Inputs is JSON or empty
//	RetryReplaces           an attempt that starts over leaves no trace of the one before
//	OtherMetricsAreNothing  reports of other metrics change no verdict
//	NaNNeverPanics          NaN, infinities, steps again and backwards are data
//	UnknownTrialSafe        trials that never reported, or are settled, may be settled
//
// build makes a new pruner of Metric, always with the same options.
func Run(t *testing.T, build func() sweep.Pruner) {
	t.Helper()
	t.Run("ObserveIsDeterministic", func(t *testing.T) { observeIsDeterministic(t, build) })
	t.Run("ReplayContinues", func(t *testing.T) { replayContinues(t, build) })
	t.Run("VerdictHasReason", func(t *testing.T) { verdictHasReason(t, build) })
	t.Run("RetryReplaces", func(t *testing.T) { retryReplaces(t, build) })
	t.Run("OtherMetricsAreNothing", func(t *testing.T) { otherMetricsAreNothing(t, build) })
	t.Run("NaNNeverPanics", func(t *testing.T) { nanNeverPanics(t, build) })
	t.Run("UnknownTrialSafe", func(t *testing.T) { unknownTrialSafe(t, build) })
}

// An event is a report, or the end of a trial.
type event struct {
	sweep.Observation
	end sweep.State // "": a report
}

const (
	trials = 12
	steps  = 30
	seeds  = 5
)

func report(trial, attempt int, step int64, value float64) event {
	return event{Observation: sweep.Observation{Trial: sweep.TrialID(trial), Attempt: attempt, Repeat: 1, Name: Metric, Step: step, Value: value}}
}

// study returns reports of trials that start two at a time and whose curves
// decay to levels of their own.
func study(seed uint64) (events []event) {
	rng := rand.New(rand.NewPCG(seed, 1))
	level := make([]float64, trials)
	next := make([]int64, trials)
	for i := range level {
		level[i] = rng.Float64()
	}
	ended := 0
	for ended < trials {
		i := min(ended+rng.IntN(2), trials-1)
		switch {
		case next[i] > steps:
			continue
		case next[i] == steps:
			e := report(i+1, 1, 0, 0)
			e.end = sweep.Finished
			events = append(events, e)
		default:
			value := level[i] + math.Exp(-float64(next[i])/8) + 0.02*rng.NormFloat64()
			events = append(events, report(i+1, 1, next[i], value))
		}
		next[i]++
		for ended < trials && next[ended] > steps {
			ended++
		}
	}
	return events
}

// feed gives events to p and returns the verdicts. A trial that was stopped
// reports no more and is settled as pruned, as in a sweep; stopped says which
// are, and goes on between calls.
func feed(p sweep.Pruner, events []event, stopped map[sweep.TrialID]bool) (verdicts []sweep.Verdict) {
	for _, e := range events {
		switch {
		case stopped[e.Trial]:
		case e.end != "":
			p.Settle(e.Trial, e.end)
		default:
			v := p.Observe(e.Observation)
			verdicts = append(verdicts, v)
			if v.Stop {
				stopped[e.Trial] = true
				p.Settle(e.Trial, sweep.Pruned)
			}
		}
	}
	return verdicts
}

func compare(t *testing.T, seed uint64, got, want []sweep.Verdict) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("seed %d: got %d verdicts, want %d", seed, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("seed %d: verdict %d: got %+v, want %+v", seed, i, got[i], want[i])
		}
	}
}

func observeIsDeterministic(t *testing.T, build func() sweep.Pruner) {
	for seed := range uint64(seeds) {
		events := study(seed)
		want := feed(build(), events, map[sweep.TrialID]bool{})
		compare(t, seed, feed(build(), events, map[sweep.TrialID]bool{}), want)
	}
}

func replayContinues(t *testing.T, build func() sweep.Pruner) {
	for seed := range uint64(seeds) {
		events := study(seed)
		for _, cut := range []int{0, 1, len(events) / 3, len(events) / 2, len(events) - 1} {
			whole, resumed := build(), build()
			stopped, replayed := map[sweep.TrialID]bool{}, map[sweep.TrialID]bool{}
			feed(whole, events[:cut], stopped)
			feed(resumed, events[:cut], replayed)
			compare(t, seed, feed(resumed, events[cut:], replayed), feed(whole, events[cut:], stopped))
		}
	}
}

func verdictHasReason(t *testing.T, build func() sweep.Pruner) {
	for seed := range uint64(seeds) {
		for i, v := range feed(build(), study(seed), map[sweep.TrialID]bool{}) {
			if err := complaint(v); err != "" {
				t.Fatalf("seed %d: verdict %d, %+v: %s", seed, i, v, err)
			}
		}
	}
}

// complaint says what is wrong with a verdict, "" if nothing is.
func complaint(v sweep.Verdict) string {
	switch {
	case v.Stop && v.Reason == "":
		return "stops without a reason"
	case !v.Stop && v.Reason != "":
		return "gives a reason for nothing"
	case v.Inputs != "" && !json.Valid([]byte(v.Inputs)):
		return "Inputs is not JSON"
	case strings.ContainsAny(v.Reason, "\n\r"):
		return "the reason is not one line"
	}
	return ""
}

// retryReplaces gives one trial a first attempt that got half way, with better
// values than anything else, before the study.
func retryReplaces(t *testing.T, build func() sweep.Pruner) {
	for seed := range uint64(seeds) {
		clean, retried := build(), build()
		events := study(seed)
		const again = 3
		for step := range int64(steps / 2) {
			retried.Observe(report(again, 1, step, -float64(step)).Observation)
		}
		later := slices.Clone(events)
		at := slices.IndexFunc(later, func(e event) bool { return e.Trial == again })
		for i := range later {
			if later[i].Trial == again {
				later[i].Attempt = 2
			}
		}
		// The attempt that starts over comes first, so that nobody is compared
		// with the one that is gone.
		first := func(events []event) []event {
			return append([]event{events[at]}, slices.Delete(slices.Clone(events), at, at+1)...)
		}
		compare(t, seed, feed(retried, first(later), map[sweep.TrialID]bool{}), feed(clean, first(events), map[sweep.TrialID]bool{}))
	}
}

func otherMetricsAreNothing(t *testing.T, build func() sweep.Pruner) {
	for seed := range uint64(seeds) {
		events := study(seed)
		p, stopped := build(), map[sweep.TrialID]bool{}
		var got []sweep.Verdict
		for i, e := range events {
			got = append(got, feed(p, events[i:i+1], stopped)...)
			other := e.Observation
			other.Name, other.Value = "grad_norm", math.NaN()
			if v := p.Observe(other); v != (sweep.Verdict{}) {
				t.Fatalf("seed %d: a report of %s: got %+v, want nothing", seed, other.Name, v)
			}
		}
		compare(t, seed, got, feed(build(), events, map[sweep.TrialID]bool{}))
	}
}

var odd = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64}

func nanNeverPanics(t *testing.T, build func() sweep.Pruner) {
	at := []int64{0, 1, 1, 5, 3, 0, math.MaxInt64 - 2, 2}
	p := build()
	for i := range 400 {
		trial := i%trials + 1
		e := report(trial, 1+i/100, at[i%len(at)]+int64(i/trials)%3, odd[(i+i/7)%len(odd)])
		e.Repeat = 1 + i%2
		v := p.Observe(e.Observation)
		if err := complaint(v); err != "" {
			t.Fatalf("report %d: %+v: %s", i, v, err)
		}
		if i%37 == 36 {
			p.Settle(e.Trial, []sweep.State{sweep.Failed, sweep.Diverged, sweep.Killed}[i%3])
		}
	}
}

func unknownTrialSafe(t *testing.T, build func() sweep.Pruner) {
	p := build()
	p.Settle(99, sweep.Killed)
	p.Settle(99, sweep.Killed)
	p.Observe(report(1, 1, 0, 0.5).Observation)
	p.Settle(1, sweep.Finished)
	p.Settle(1, sweep.Finished)
	if v := p.Observe(report(1, 2, 1, 0.5).Observation); complaint(v) != "" { // a retry reports again
		t.Errorf("a settled trial that reports: %+v: %s", v, complaint(v))
	}
	for seed := range uint64(seeds) {
		clean, touched := build(), build()
		touched.Settle(1000, sweep.Failed)
		events := study(seed)
		compare(t, seed, feed(touched, events, map[sweep.TrialID]bool{}), feed(clean, events, map[sweep.TrialID]bool{}))
	}
}
