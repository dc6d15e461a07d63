// Package patience stops trials that have stopped improving.
//
// Of a trial's reports in order of step, the last patience+1 are its present and
// those before them its past. With min_delta δ it is stopped when
//
//	best(past) is better than best(present) by more than δ,
//
// that is, when none of the last patience+1 reports came within δ of the best
// one before them. NaN is left out; a past or present of nothing else decides
// nothing.
//
// With `then:`, another pruner or the type of one, both must want to stop the
// trial: patience only holds the other one back while there is improvement.
//
// The decisions are those of Optuna 3.1's PatientPruner around no pruner, or
// around MedianPruner and others that only read. Where we depart: a pruner under
// `then:` sees every report, while Optuna's does not see those that patience
// excuses, which matters for successive halving; min_iter is ours.
//
// Sources: Prechelt, Early stopping — but when?, in Neural Networks: Tricks of
// the Trade, 1998 (criterion UP, with the best instead of the last value).
// Optuna 3.1, documentation of PatientPruner.
package patience

import (
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// maxPatience keeps the window that a report looks at within reason.
const maxPatience = 1_000_000

// Pruner is the patience rule. A report costs O(patience).
type Pruner struct {
	metric   string
	goal     sweep.Goal
	patience int
	delta    float64
	minIter  int64
	then     sweep.Pruner // nil: none
	trials   map[sweep.TrialID]*trial
}

type trial struct {
	curve rung.Curve // scores, less is better
	past  float64    // least score of the first n points, NaN for none
	n     int
}

// New builds the rule from the keys patience (0 to a million), which must be
// there, min_delta (from 0, default 0) and min_iter (from 0, default 0), the
// first step at which a trial may end. then is the pruner that must agree, nil
// for none; it stands under `then:`, which the caller reads.
func New(e *sweep.EarlyTerminate, o sweep.Objective, then sweep.Pruner) (sweep.Pruner, error) {
	r := option.Read(e)
	p := &Pruner{
		metric: o.Name, goal: o.Goal, then: then,
		patience: int(r.Int(0, 0, "patience")),
		delta:    r.Number(0, option.AtLeastZero, "a number, 0 or more", "min_delta"),
		minIter:  r.Int(0, 0, "min_iter"),
		trials:   map[sweep.TrialID]*trial{},
	}
	r.Value("then")
	if !r.Given("patience") {
		r.Fail("patience", "not given", "how many reports without improvement a trial may have")
	}
	if p.patience > maxPatience {
		r.Fail("patience", fmt.Sprint(p.patience), fmt.Sprintf("%d or less", maxPatience))
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Observe folds a report of the metric.
func (p *Pruner) Observe(o sweep.Observation) sweep.Verdict {
	if o.Name != p.metric {
		return sweep.Verdict{}
	}
	var other sweep.Verdict
	if p.then != nil {
		other = p.then.Observe(o)
	}
	t := p.trials[o.Trial]
	if t == nil {
		t = &trial{}
		p.trials[o.Trial] = t
	}
	o.Value = p.goal.Score(o.Value)
	if from, _ := t.curve.Add(o); from < t.n {
		t.n = 0
	}
	v := p.judge(t)
	if !v.Stop || p.then == nil {
		return v
	}
	if !other.Stop {
		return sweep.Verdict{}
	}
	if other.Inputs == "" {
		other.Inputs = "null"
	}
	other.Reason = v.Reason + "; " + other.Reason
	other.Inputs = `{"patience":` + v.Inputs + `,"then":` + other.Inputs + `}`
	return other
}

// inputs are the figures of a decision: past is the best of all reports but the
// last patience+1, present the best of those, and past is better by more than
// min_delta.
type inputs struct {
	Step     int64       `json:"step"`
	Past     sweep.Value `json:"past"`
	Present  sweep.Value `json:"present"`
	Reports  int         `json:"reports"`
	Patience int         `json:"patience"`
	MinDelta float64     `json:"min_delta"`
}

func (p *Pruner) judge(t *trial) sweep.Verdict {
	n := t.curve.Len() - p.patience - 1
	if n < 1 {
		return sweep.Verdict{}
	}
	if t.n == 0 || t.n > n {
		t.past, t.n = t.curve.Least(0, n), n
	}
	for ; t.n < n; t.n++ {
		if v := t.curve.Value(t.n); !(v >= t.past) { // less, or the first but NaN
			t.past = better(t.past, v)
		}
	}
	step, _ := t.curve.Last()
	present := t.curve.Least(n, t.curve.Len())
	if step < p.minIter || !(t.past+p.delta < present) {
		return sweep.Verdict{}
	}
	past := p.goal.Score(t.past)
	present = p.goal.Score(present)
	by := ""
	if p.delta > 0 {
		by = fmt.Sprintf(" to within %s", rung.Format(p.delta))
	}
	return sweep.Verdict{
		Stop: true,
		Reason: fmt.Sprintf("step %d: the best %s of the last %d reports, %s, does not come up to the %s before them%s",
			step, p.metric, p.patience+1, rung.Format(present), rung.Format(past), by),
		Inputs: rung.Figures(inputs{Step: step, Past: sweep.FloatValue(past), Present: sweep.FloatValue(present),
			Reports: t.curve.Len(), Patience: p.patience, MinDelta: p.delta}),
	}
}

// better is the lesser of two scores; NaN is none.
func better(a, b float64) float64 {
	if sweep.Minimize.Better(b, a) {
		return b
	}
	return a
}

// Settle is for the pruner that must agree; a trial's own end changes nothing.
func (p *Pruner) Settle(id sweep.TrialID, s sweep.State) {
	if p.then != nil {
		p.then.Settle(id, s)
	}
}
