package sweep

// A Pruner decides at each report whether a trial goes on.
//
// Its state is the fold of Observe and Settle; it writes nothing and reads no
// clock, so that a verdict can be recomputed from the journal. A Pruner is
// used by one goroutine. prunertest states these laws as tests.
type Pruner interface {
	// Observe folds one report of the objective and returns the verdict.
	Observe(t TrialID, step int64, value float64) Verdict
	// Settle says that the trial ended in the given state.
	Settle(t TrialID, s State)
}

// A Verdict is what a pruner says to a report.
type Verdict struct {
	Stop   bool
	Reason string // "step 9: 0.81 worse than the median 0.62 of 5 trials"
	Inputs string // JSON of the figures that it was decided from
}
