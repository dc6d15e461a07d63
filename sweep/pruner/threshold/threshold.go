// Package threshold stops trials whose metric leaves a band, or is NaN.
//
// A trial is stopped when its value at the last step is below lower, above
// upper, or NaN; infinities are beyond any bound that is given. lower and upper
// are values of the metric and do not turn round with its goal. Without both,
// it is a guard against NaN alone.
//
// It decides from step min_iter on, at the first report in each interval of
// steps that begins there.
//
// The decisions are those of Optuna 3.1's ThresholdPruner, whose names
// n_warmup_steps and interval_steps are read too. Where we depart: Optuna asks
// for one of the bounds.
//
// Sources: Optuna 3.1, documentation of ThresholdPruner.
package threshold

import (
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// Pruner is the threshold rule. A report costs O(1).
type Pruner struct {
	metric   string
	lower    float64 // −∞: none
	upper    float64 // +∞: none
	minIter  int64
	interval int64
	trials   map[sweep.TrialID]*rung.Curve
}

// New builds the rule from the keys lower, upper (finite, lower <= upper),
// min_iter (from 0, default 0) and interval (from 1, default 1).
func New(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	r := option.Read(e)
	p := &Pruner{
		metric:   o.Name,
		lower:    r.Number(math.Inf(-1), option.Any, "a number", "lower"),
		upper:    r.Number(math.Inf(1), option.Any, "a number", "upper"),
		minIter:  r.Int(0, 0, "min_iter", "n_warmup_steps"),
		interval: r.Int(1, 1, "interval", "interval_steps"),
		trials:   map[sweep.TrialID]*rung.Curve{},
	}
	if p.lower > p.upper {
		r.Fail("lower", rung.Format(p.lower)+" with upper "+rung.Format(p.upper), "at most upper")
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// inputs are the figures of a decision; a bound that is not given is null.
type inputs struct {
	Step  int64       `json:"step"`
	Value sweep.Value `json:"value"`
	Lower sweep.Value `json:"lower"`
	Upper sweep.Value `json:"upper"`
}

// Observe folds a report of the metric.
func (p *Pruner) Observe(o sweep.Observation) sweep.Verdict {
	if o.Name != p.metric {
		return sweep.Verdict{}
	}
	c := p.trials[o.Trial]
	if c == nil {
		c = &rung.Curve{}
		p.trials[o.Trial] = c
	}
	c.Add(o)
	step, v := c.Last()
	if step < p.minIter || !c.IsFirstOf(p.minIter, p.interval) {
		return sweep.Verdict{}
	}
	var why string
	switch {
	case math.IsNaN(v):
		why = "is NaN"
	case v < p.lower:
		why = rung.Format(v) + " is below " + rung.Format(p.lower)
	case v > p.upper:
		why = rung.Format(v) + " is above " + rung.Format(p.upper)
	default:
		return sweep.Verdict{}
	}
	return sweep.Verdict{
		Stop:   true,
		Reason: fmt.Sprintf("step %d: %s %s", step, p.metric, why),
		Inputs: rung.Figures(inputs{Step: step, Value: sweep.FloatValue(v), Lower: bound(p.lower), Upper: bound(p.upper)}),
	}
}

func bound(b float64) sweep.Value {
	if math.IsInf(b, 0) {
		return sweep.NullValue()
	}
	return sweep.FloatValue(b)
}

// Settle lets go of the trial's steps: a retry starts its intervals anew.
func (p *Pruner) Settle(id sweep.TrialID, _ sweep.State) { delete(p.trials, id) }
