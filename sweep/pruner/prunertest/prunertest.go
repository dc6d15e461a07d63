// Package prunertest holds the laws of pruners. A new algorithm calls Run
// first.
package prunertest

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Run checks the laws of package sweep on made-up studies of 12 trials whose
// reports interleave:
//
//	ObserveIsDeterministic  the same reports give the same verdicts
//	ReplayContinues         a new pruner told the same events goes on in the same way
//	VerdictHasReason        who stops says why, in one line; Inputs is JSON or empty
//	NaNNeverPanics          NaN, infinities, steps again and backwards are data
//	UnknownTrialSafe        trials that never reported, or are settled, may be settled
//
// build makes a new pruner, always with the same options.
func Run(t *testing.T, build func() sweep.Pruner) {
	t.Helper()
	t.Run("ObserveIsDeterministic", func(t *testing.T) { observeIsDeterministic(t, build) })
	t.Run("ReplayContinues", func(t *testing.T) { replayContinues(t, build) })
	t.Run("VerdictHasReason", func(t *testing.T) { verdictHasReason(t, build) })
	t.Run("NaNNeverPanics", func(t *testing.T) { nanNeverPanics(t, build) })
	t.Run("UnknownTrialSafe", func(t *testing.T) { unknownTrialSafe(t, build) })
}

// An event is a report, or the end of a trial.
type event struct {
	trial sweep.TrialID
	step  int64
	value float64
	end   sweep.State // "": a report
}

const (
	trials = 12
	steps  = 30
	seeds  = 5
)

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
			events = append(events, event{trial: sweep.TrialID(i + 1), end: sweep.Finished})
		default:
			value := level[i] + math.Exp(-float64(next[i])/8) + 0.02*rng.NormFloat64()
			events = append(events, event{trial: sweep.TrialID(i + 1), step: next[i], value: value})
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
		case stopped[e.trial]:
		case e.end != "":
			p.Settle(e.trial, e.end)
		default:
			v := p.Observe(e.trial, e.step, e.value)
			verdicts = append(verdicts, v)
			if v.Stop {
				stopped[e.trial] = true
				p.Settle(e.trial, sweep.Pruned)
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
	case v.Inputs != "" && !json.Valid([]byte(v.Inputs)):
		return "Inputs is not JSON"
	}
	for _, c := range v.Reason {
		if c == '\n' || c == '\r' {
			return "the reason is not one line"
		}
	}
	return ""
}

func nanNeverPanics(t *testing.T, build func() sweep.Pruner) {
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64}
	at := []int64{0, 1, 1, 5, 3, 0, math.MaxInt64, 2}
	p := build()
	for i := range 400 {
		trial := sweep.TrialID(i%trials + 1)
		v := p.Observe(trial, at[i%len(at)]+int64(i/trials)%3, odd[(i+i/7)%len(odd)])
		if err := complaint(v); err != "" {
			t.Fatalf("report %d: %+v: %s", i, v, err)
		}
		if i%37 == 36 {
			p.Settle(trial, []sweep.State{sweep.Failed, sweep.Diverged, sweep.Killed}[i%3])
		}
	}
}

func unknownTrialSafe(t *testing.T, build func() sweep.Pruner) {
	p := build()
	p.Settle(99, sweep.Killed)
	p.Settle(99, sweep.Killed)
	p.Observe(1, 0, 0.5)
	p.Settle(1, sweep.Finished)
	p.Settle(1, sweep.Finished)
	if v := p.Observe(1, 1, 0.5); complaint(v) != "" { // a retry reports again
		t.Errorf("a settled trial that reports: %+v: %s", v, complaint(v))
	}
	for seed := range uint64(seeds) {
		clean, touched := build(), build()
		touched.Settle(1000, sweep.Failed)
		events := study(seed)
		compare(t, seed, feed(touched, events, map[sweep.TrialID]bool{}), feed(clean, events, map[sweep.TrialID]bool{}))
	}
}
