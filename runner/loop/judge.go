package loop

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Judge decides at each report whether a trial goes on: by the condition of
// `stop_if:`, then by the pruner of `early_terminate:`.
//
// Its state is the fold of Open, Observe and Settle in the order of ticks. The
// loop calls them live and when it resumes, `trawl verify` when it computes the
// decisions again. A nil Judge lets everything go on.
type Judge struct {
	rules  []rule
	repeat map[sweep.TrialID]int // of trials that have not ended
}

type rule struct {
	pruner sweep.Pruner
	why    sweep.Stop
}

// A Ruling is what a Judge says. The zero Ruling lets the trial go on.
type Ruling struct {
	Why sweep.Stop
	sweep.Verdict
}

// NewJudge returns a judge; a nil pruner or condition decides nothing. Without
// either the judge is nil.
func NewJudge(pruner, stopIf sweep.Pruner) *Judge {
	j := &Judge{repeat: map[sweep.TrialID]int{}}
	if stopIf != nil {
		j.rules = append(j.rules, rule{stopIf, sweep.StopDiverge})
	}
	if pruner != nil {
		j.rules = append(j.rules, rule{pruner, sweep.StopPrune})
	}
	if len(j.rules) == 0 {
		return nil
	}
	return j
}

// Open says which repeat of its point a trial is.
func (j *Judge) Open(t sweep.TrialID, repeat int) {
	if j != nil {
		j.repeat[t] = repeat
	}
}

// Observe folds reports of one trial, which are in order (see InOrder), and
// returns the first ruling that ends it.
func (j *Judge) Observe(t sweep.TrialID, attempt int, reports []sweep.Report) (first Ruling) {
	if j == nil {
		return Ruling{}
	}
	for _, r := range reports {
		o := sweep.Observation{Trial: t, Attempt: attempt, Repeat: j.repeat[t], Name: r.Name, Step: r.Step, Value: r.Value}
		for _, rule := range j.rules {
			if v := rule.pruner.Observe(o); v.Stop && !first.Stop {
				first = Ruling{rule.why, v}
			}
		}
	}
	return first
}

// Settle says that a trial ended.
func (j *Judge) Settle(t sweep.TrialID, s sweep.State) {
	if j == nil {
		return
	}
	for _, rule := range j.rules {
		rule.pruner.Settle(t, s)
	}
	delete(j.repeat, t)
}

// InOrder puts the reports of one update into the order in which they are read
// back: by step, then by name, the last of a name at a step alone. A decision
// made from them can so be made again.
func InOrder(reports []sweep.Report) []sweep.Report {
	out := slices.Clone(reports)
	slices.SortStableFunc(out, func(a, b sweep.Report) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Name, b.Name))
	})
	n := 0
	for i, r := range out {
		if i+1 < len(out) && out[i+1].Step == r.Step && out[i+1].Name == r.Name {
			continue
		}
		out[n] = r
		n++
	}
	return out[:n]
}

// A replay feeds stored reports to a judge, up to a tick at a time, and keeps
// the rulings that nothing has followed yet.
type replay struct {
	judge   *Judge
	next    func() (sweep.Ticked, error, bool)
	stop    func()
	held    sweep.Ticked
	has     bool
	last    int64 // the last tick seen
	rulings map[sweep.TrialID]Ruling
}

func newReplay(j *Judge, reports iter.Seq2[sweep.Ticked, error]) *replay {
	r := &replay{judge: j, rulings: map[sweep.TrialID]Ruling{}}
	r.next, r.stop = iter.Pull2(reports)
	return r
}

// upTo feeds the reports with a tick up to t.
func (r *replay) upTo(t int64) error {
	for {
		if !r.has {
			x, err, ok := r.next()
			if err != nil || !ok {
				return err
			}
			r.held, r.has = x, true
		}
		if r.held.Tick > t {
			return nil
		}
		x := r.held
		r.has = false
		r.last = max(r.last, x.Tick)
		if v := r.judge.Observe(x.Trial, x.Attempt, []sweep.Report{x.Report}); v.Stop {
			if _, old := r.rulings[x.Trial]; !old {
				r.rulings[x.Trial] = v
			}
		}
	}
}

// take folds an event. For one that ends a trial early it returns the ruling
// that the reports give.
func (r *replay) take(e sweep.Event) (Ruling, error) {
	switch e := e.(type) {
	case *sweep.Proposed:
		r.judge.Open(e.Trial, e.Repeat)
	case *sweep.Requeued:
		r.judge.Open(e.Trial, e.Repeat)
	case *sweep.Stopping:
		if e.Tick == 0 {
			return Ruling{}, nil
		}
		r.last = max(r.last, e.Tick)
		if err := r.upTo(e.Tick); err != nil {
			return Ruling{}, err
		}
		v := r.rulings[e.Trial]
		delete(r.rulings, e.Trial)
		return v, nil
	case *sweep.Ended:
		r.last = max(r.last, e.Tick)
		if e.Tick > 0 {
			if err := r.upTo(e.Tick); err != nil {
				return Ruling{}, err
			}
		}
		delete(r.rulings, e.Trial)
		if e.State.Settled() {
			r.judge.Settle(e.Trial, e.State)
		}
	}
	return Ruling{}, nil
}

// Resume folds a journal and the reports beside it into a judge that has seen
// nothing, and returns the last tick in them.
func (j *Judge) Resume(entries iter.Seq2[sweep.Entry, error], reports iter.Seq2[sweep.Ticked, error]) (tick int64, err error) {
	if j == nil {
		return 0, nil
	}
	r := newReplay(j, reports)
	defer r.stop()
	for entry, err := range entries {
		if err != nil {
			return 0, err
		}
		if _, err := r.take(entry.Event); err != nil {
			return 0, err
		}
	}
	err = r.upTo(math.MaxInt64)
	return r.last, err
}

// CheckRulings computes every decision to end a trial early again. entries and
// reports are the journal of a sweep; only decisions after the entry `since`
// are compared, those before were made by other rules. It returns how many came
// out the same, and a line for each that did not.
func CheckRulings(j *Judge, entries []sweep.Entry, reports iter.Seq2[sweep.Ticked, error], since int64) (n int, diffs []string, err error) {
	if j == nil {
		return 0, nil, nil
	}
	r := newReplay(j, reports)
	defer r.stop()
	for _, entry := range entries {
		v, err := r.take(entry.Event)
		if err != nil {
			return n, diffs, err
		}
		e, ok := entry.Event.(*sweep.Stopping)
		if !ok || entry.Seq < since || e.Why != sweep.StopPrune && e.Why != sweep.StopDiverge {
			continue
		}
		if v.Why != e.Why || v.Reason != e.Reason || v.Inputs != e.Inputs {
			diffs = append(diffs, fmt.Sprintf("trial %d: the journal has it ended early (%s), the reports give %q", e.Trial, e.Reason, v.Reason))
			continue
		}
		n++
	}
	return n, diffs, nil
}
