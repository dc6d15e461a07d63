// Package percentile stops trials that are worse than most finished trials were
// at the same step; the median is the 50th percentile.
//
// At step t a trial is stopped when the best that it has reported so far is
// worse than the percentile P of what finished trials reported at t, P counted
// from the best: with 25 the best quarter goes on. P is interpolated linearly
// between neighbours; NaN among the values is left out. A trial that has
// reported nothing but NaN is stopped.
//
// It decides only when min_trials trials have finished, from step min_iter on,
// at the first report in each interval of steps that begins at min_iter, and
// where at least min_values finished trials reported at just this step.
//
// The decisions are those of Optuna 3.1's MedianPruner and PercentilePruner, and
// so are the defaults: min_trials 5, min_iter 0, interval 1, min_values 1. Its
// names n_startup_trials, n_warmup_steps, interval_steps and n_min_trials are
// read too. Where we depart: a finished trial that never reported the metric
// does not count towards min_trials.
//
// Sources: Golovin, Solnik, Moitra, Kochanski, Karro and Sculley, Google Vizier:
// a service for black-box optimization, KDD 2017, section 3.2.2 (the median
// stopping rule, there with running averages instead of values). Optuna 3.1,
// documentation of PercentilePruner.
package percentile

import (
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// Pruner is the percentile rule. A report costs O(log n) for n finished trials;
// the end of a trial costs that for each of its reports.
type Pruner struct {
	metric    string
	goal      sweep.Goal
	share     float64 // that goes on, in percent
	minTrials int64
	minIter   int64
	interval  int64
	minValues int64

	finished int64
	steps    map[int64]*level
	trials   map[sweep.TrialID]*trial
}

// A level is what finished trials reported at one step.
type level struct {
	values rung.Rung
	n      int64 // with NaN
}

type trial struct {
	curve    rung.Curve
	best     float64 // of the curve; NaN if it holds nothing else
	finished bool    // its curve is in the levels
}

// Median builds the rule with percentile 50. Its keys are min_trials (from 0),
// min_iter (from 0), interval (from 1) and min_values (from 1).
func Median(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	return build(option.Read(e), o, 50)
}

// New builds the rule from the keys of Median and percentile (0 to 100), which
// must be there.
func New(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	r := option.Read(e)
	share := r.Number(50, func(f float64) bool { return f >= 0 && f <= 100 }, "a number from 0 to 100", "percentile")
	if !r.Given("percentile") {
		r.Fail("percentile", "not given", "the share in percent that goes on")
	}
	return build(r, o, share)
}

func build(r *option.Reader, o sweep.Objective, share float64) (sweep.Pruner, error) {
	p := &Pruner{
		metric: o.Name, goal: o.Goal, share: share,
		minTrials: r.Int(5, 0, "min_trials", "n_startup_trials"),
		minIter:   r.Int(0, 0, "min_iter", "n_warmup_steps"),
		interval:  r.Int(1, 1, "interval", "interval_steps"),
		minValues: r.Int(1, 1, "min_values", "n_min_trials"),
		steps:     map[int64]*level{}, trials: map[sweep.TrialID]*trial{},
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
	t := p.trials[o.Trial]
	if t == nil {
		t = &trial{best: math.NaN()}
		p.trials[o.Trial] = t
	}
	if t.finished { // it was sent back to the queue
		p.file(t, -1)
	}
	if _, appended := t.curve.Add(o); appended {
		t.best = p.better(t.best, o.Value)
	} else {
		t.best = math.NaN()
		for i := range t.curve.Len() {
			t.best = p.better(t.best, t.curve.Value(i))
		}
	}
	return p.judge(t)
}

func (p *Pruner) better(a, b float64) float64 {
	if p.goal.Better(b, a) {
		return b
	}
	return a
}

// inputs are the figures of a decision: the trial was stopped because best is
// worse than cutoff, the percentile of the n values of finished trials at the
// step.
type inputs struct {
	Step       int64       `json:"step"`
	Best       sweep.Value `json:"best"`
	Cutoff     sweep.Value `json:"cutoff"`
	Percentile float64     `json:"percentile"` // from the best
	Trials     int64       `json:"trials"`     // that reported at the step
	Finished   int64       `json:"finished"`
}

func (p *Pruner) judge(t *trial) sweep.Verdict {
	step, _ := t.curve.Last()
	if p.finished == 0 || p.finished < p.minTrials || step < p.minIter || !t.curve.IsFirstOf(p.minIter, p.interval) {
		return sweep.Verdict{}
	}
	in := inputs{Step: step, Best: sweep.FloatValue(t.best), Cutoff: sweep.NullValue(), Percentile: p.share, Finished: p.finished}
	if math.IsNaN(t.best) {
		return sweep.Verdict{Stop: true, Inputs: rung.Figures(in), Reason: fmt.Sprintf("step %d: every %s so far is NaN", step, p.metric)}
	}
	l := p.steps[step]
	if l == nil || l.n < p.minValues || l.values.Len() == 0 {
		return sweep.Verdict{}
	}
	share := p.share
	if p.goal == sweep.Maximize {
		share = 100 - share
	}
	cutoff := l.values.Quantile(share / 100)
	if math.IsNaN(cutoff) || !p.goal.Better(cutoff, t.best) {
		return sweep.Verdict{}
	}
	in.Cutoff, in.Trials = sweep.FloatValue(cutoff), l.n
	best, at := rung.Format(t.best), rung.Format(cutoff)
	than := fmt.Sprintf("the median %s of %d trials at step %d", at, l.n, step)
	if p.share != 50 {
		than = fmt.Sprintf("%s, which the best %s %% of %d trials had at step %d", at, rung.Format(p.share), l.n, step)
	}
	if _, now := t.curve.Last(); now != t.best {
		best += " at its best"
	}
	return sweep.Verdict{Stop: true, Inputs: rung.Figures(in), Reason: fmt.Sprintf("step %d: %s %s is worse than %s", step, p.metric, best, than)}
}

// Settle takes the curve of a trial that finished into account.
func (p *Pruner) Settle(id sweep.TrialID, s sweep.State) {
	if t := p.trials[id]; t != nil && s == sweep.Finished && !t.finished {
		p.file(t, 1)
	}
}

// file adds the curve of t to the levels, or with -1 takes it out.
func (p *Pruner) file(t *trial, sign int64) {
	t.finished = sign > 0
	p.finished += sign
	for i := range t.curve.Len() {
		step, v := t.curve.At(i)
		l := p.steps[step]
		if l == nil {
			l = &level{}
			p.steps[step] = l
		}
		l.n += sign
		switch {
		case math.IsNaN(v):
		case sign > 0:
			l.values.Add(v)
		default:
			l.values.Remove(v)
		}
	}
}
