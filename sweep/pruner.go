package sweep

// An Observation is one report as pruners see it.
type Observation struct {
	Trial TrialID

	// Attempt counts the starts of the trial from 1. As in Series, a new
	// attempt's reports replace earlier ones' from its first step on, and the
	// last report of a step wins.
	Attempt int

	// Repeat is the trial's number among the repeats of its point, from 1. All
	// points run with the same seeds, so trials of one repeat differ in nothing
	// but their points: those are compared with each other.
	Repeat int

	Name  string // of the metric
	Step  int64  // at least 0
	Value float64
}

// A Pruner decides at each report whether a trial goes on.
//
// Its state is the fold of Observe and Settle; it writes nothing and reads no
// clock, so that a verdict can be recomputed from the journal. Reports of other
// metrics than its own leave it as it is. What it says is advice: reports that
// arrive after a verdict to stop, because a trial takes its time to end, are
// folded like any other. A Pruner is used by one goroutine. prunertest states
// these laws as tests.
type Pruner interface {
	// Observe folds one report and returns the verdict on its trial.
	Observe(o Observation) Verdict
	// Settle says that the trial ended in the given state. It may report again
	// later, as a new attempt: `trawl retry`.
	Settle(t TrialID, s State)
}

// A Verdict is what a pruner says to a report. The zero Verdict lets it go on.
type Verdict struct {
	Stop   bool
	Reason string // "step 9: val_loss 0.81 is worse than the median 0.62 of 5 trials at step 9"
	Inputs string // JSON of the figures that it was decided from
}
