// Package stopif evaluates `stop_if:`, a condition of the user's own that ends a
// trial as diverged, at each report.
//
//	isnan(loss) or loss > 10 * best
//	step >= 10 and val_accuracy < 0.2
//
// The condition reads the metrics of the trial by name, each as its latest
// report; step, that of the report at hand; and best, the best objective of the
// trials that have finished. These two win over metrics of the same name. A name
// that has no value yet is None, and a condition that cannot be computed, as
// `loss > 10 * best` before a trial has finished, does not stop anything.
//
// It is evaluated at the reports of metrics that it reads, or at every report if
// it reads none. So that `a > 1 and b < 2` never sees a new a beside an old b
// when both are reported at every step, it waits at a new step for the metrics
// that it reads and that were reported at the step before; if one of them is
// left out this time, its latest value serves from the next step on.
//
// A new attempt starts without what earlier ones reported from its first step
// on.
//
// Sources: none; the conditions of trawl's sweep files.
package stopif

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/expr"
	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// The names that are no metrics.
const (
	nameStep = "step"
	nameBest = "best"
)

// Pruner is a condition over the trials of a sweep. Unlike other pruners it
// looks at the reports of all metrics. A report costs an evaluation at most.
type Pruner struct {
	cond      sweep.Expr
	metrics   []string        // that cond reads, sorted
	objective sweep.Objective // Name "": none, best has no value
	best      float64         // of finished trials; NaN: none
	trials    map[sweep.TrialID]*trial
	err       error
}

type trial struct {
	attempt   int
	latest    map[string]sweep.Report // of the metrics that cond reads
	now       int64                   // step of the latest report of anything
	before    int64                   // the step before now, -1 for none
	objective sweep.Series
}

// New makes a pruner of a condition. The zero Objective is for a sweep without
// one.
func New(cond sweep.Expr, o sweep.Objective) *Pruner {
	p := &Pruner{cond: cond, objective: o, best: math.NaN(), trials: map[sweep.TrialID]*trial{}}
	for _, name := range cond.Names() {
		if name != nameStep && name != nameBest {
			p.metrics = append(p.metrics, name)
		}
	}
	return p
}

// Err returns the first error that the condition ended with although all names
// that it reads had values, nil if there was none: a mistake in the condition.
func (p *Pruner) Err() error { return p.err }

// Observe folds a report and evaluates the condition, if it is time to.
func (p *Pruner) Observe(o sweep.Observation) sweep.Verdict {
	t := p.trials[o.Trial]
	if t == nil {
		t = &trial{attempt: o.Attempt, latest: map[string]sweep.Report{}, now: o.Step, before: -1}
		p.trials[o.Trial] = t
	}
	if o.Attempt > t.attempt {
		t.restart(o)
	}
	if o.Step != t.now {
		t.before, t.now = t.now, o.Step
	}
	if o.Name == p.objective.Name && o.Name != "" {
		t.objective.Add(o.Attempt, o.Step, o.Value)
	}
	read := slices.Contains(p.metrics, o.Name)
	if read {
		t.latest[o.Name] = sweep.Report{Name: o.Name, Step: o.Step, Value: o.Value}
	}
	if !read && len(p.metrics) > 0 || t.waits() {
		return sweep.Verdict{}
	}
	return p.evaluate(t)
}

// restart forgets what the attempt that begins with o replaces.
func (t *trial) restart(o sweep.Observation) {
	t.attempt, t.now, t.before = o.Attempt, o.Step, -1
	for name, r := range t.latest {
		if r.Step >= o.Step {
			delete(t.latest, name)
		}
	}
}

// waits reports whether a metric of the step before is still to come.
func (t *trial) waits() bool {
	if t.now <= t.before {
		return false
	}
	for _, r := range t.latest {
		if r.Step == t.before {
			return true
		}
	}
	return false
}

// env gives names to the condition.
func (p *Pruner) env(t *trial) sweep.Env {
	return func(name string) (sweep.Value, bool) {
		switch name {
		case nameStep:
			return sweep.IntValue(t.now), true
		case nameBest:
			return sweep.FloatValue(p.best), !math.IsNaN(p.best)
		}
		r, ok := t.latest[name]
		return sweep.FloatValue(r.Value), ok
	}
}

// inputs are the figures of a decision: the condition is true of these values.
// A name that has none is null.
type inputs struct {
	Condition string                 `json:"stop_if"`
	Step      int64                  `json:"step"`
	Best      sweep.Value            `json:"best"`
	Values    map[string]sweep.Value `json:"values"`
}

func (p *Pruner) evaluate(t *trial) sweep.Verdict {
	env := p.env(t)
	v, err := p.cond.Eval(env)
	if err != nil {
		missing := slices.ContainsFunc(p.cond.Names(), func(name string) bool { _, ok := env(name); return !ok })
		if p.err == nil && !missing {
			p.err = fmt.Errorf("stop_if %s: %w", p.cond, err)
		}
		return sweep.Verdict{}
	}
	if !expr.Truth(v) {
		return sweep.Verdict{}
	}
	in := inputs{Condition: p.cond.String(), Step: t.now, Best: sweep.NullValue(), Values: map[string]sweep.Value{}}
	var figures []string
	for _, name := range p.cond.Names() {
		v, ok := env(name)
		f, _ := v.Number()
		switch {
		case name == nameStep:
			continue
		case !ok:
			v = sweep.NullValue()
		default:
			figures = append(figures, name+" "+rung.Format(f))
		}
		if name == nameBest {
			in.Best = v
		} else {
			in.Values[name] = v
		}
	}
	why := strings.Join(strings.Fields(p.cond.String()), " ")
	if len(figures) > 0 {
		why += ": " + strings.Join(figures, ", ")
	}
	return sweep.Verdict{Stop: true, Reason: fmt.Sprintf("step %d: stop_if %s", t.now, why), Inputs: rung.Figures(in)}
}

// Settle takes the objective of a trial that finished into account, and lets go
// of the trial.
func (p *Pruner) Settle(id sweep.TrialID, s sweep.State) {
	t := p.trials[id]
	if t == nil {
		return
	}
	if s == sweep.Finished && p.objective.Name != "" {
		v, _, ok := t.objective.Reduce(p.objective)
		if ok && !math.IsInf(v, 0) && p.objective.Goal.Better(v, p.best) {
			p.best = v
		}
	}
	delete(p.trials, id)
}
