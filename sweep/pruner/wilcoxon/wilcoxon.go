// Package wilcoxon stops trials that a paired test says are worse than the best
// one.
//
// It is for trials whose reports are evaluations of their own, such as one per
// fold or per test case, with the step saying which, in any order; the trial is
// judged by their mean. At each report the trial is compared with the incumbent,
// the finished trial with the best mean: their values at the steps that both
// have are pairs, and if Wilcoxon's signed-rank test finds the trial worse with
// p below p_threshold, it is stopped. It is not stopped while its own mean is no
// worse than the incumbent's, before min_steps pairs (default 0), nor where one
// of the two has a value that is not finite.
//
// p_threshold is 0.1 by default. The test is repeated at each report without
// correction, so a trial as good as the incumbent is stopped about twice as
// often as that.
//
// The rule is that of Optuna's WilcoxonPruner (3.6 and later), whose name
// n_startup_steps is read too. Where we depart: its incumbent is the trial with
// the best objective; here the objective of a trial may well be its last report,
// which would be one fold. p is exact for up to 50 pairs also with ties.
//
// Sources: Wilcoxon, Individual comparisons by ranking methods, Biometrics
// Bulletin 1(6), 1945. Optuna 4, documentation of WilcoxonPruner.
package wilcoxon

import (
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// Pruner is the rule. A report of a trial with k steps costs O(k log k), and
// O(k³) up to 50; other trials than the incumbent cost nothing.
type Pruner struct {
	metric   string
	goal     sweep.Goal
	level    float64
	minSteps int64
	trials   map[sweep.TrialID]*trial // running, and the incumbent
	best     *trial                   // nil: none has finished
}

type trial struct {
	id    sweep.TrialID
	curve rung.Curve // scores, less is better
	mean  float64    // of the curve when it finished
}

// New builds the rule from the keys p_threshold (above 0, below 1, default 0.1)
// and min_steps (from 0, default 0).
func New(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	r := option.Read(e)
	p := &Pruner{
		metric: o.Name, goal: o.Goal,
		level:    r.Number(0.1, func(f float64) bool { return f > 0 && f < 1 }, "a number between 0 and 1", "p_threshold"),
		minSteps: r.Int(0, 0, "min_steps", "n_startup_steps"),
		trials:   map[sweep.TrialID]*trial{},
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// inputs are the figures of a decision: p of the test on the pairs of trial and
// incumbent, and their means over all their own steps.
type inputs struct {
	Step      int64         `json:"step"`
	Incumbent sweep.TrialID `json:"incumbent"`
	Pairs     int           `json:"pairs"`
	Worse     int           `json:"worse"` // pairs in which the trial is
	P         float64       `json:"p"`
	Threshold float64       `json:"p_threshold"`
	Mean      sweep.Value   `json:"mean"`
	Best      sweep.Value   `json:"incumbent_mean"`
}

// Observe folds a report of the metric.
func (p *Pruner) Observe(o sweep.Observation) sweep.Verdict {
	if o.Name != p.metric {
		return sweep.Verdict{}
	}
	t := p.trials[o.Trial]
	if t == nil {
		t = &trial{id: o.Trial}
		p.trials[o.Trial] = t
	}
	o.Value = p.goal.Score(o.Value)
	t.curve.Add(o)
	if p.best == t { // it was sent back to the queue
		p.best = nil
	}
	if p.best == nil {
		return sweep.Verdict{}
	}
	return p.judge(t, o.Step)
}

func (p *Pruner) judge(t *trial, step int64) sweep.Verdict {
	mean := t.meanScore()
	if !finite(mean) || mean <= p.best.mean {
		return sweep.Verdict{}
	}
	var d []float64
	worse := 0
	for i := range t.curve.Len() {
		at, v := t.curve.At(i)
		j := p.best.curve.Find(at)
		if j == p.best.curve.Len() {
			break
		}
		if s, w := p.best.curve.At(j); s == at {
			d = append(d, v-w)
			if v > w {
				worse++
			}
		}
	}
	if int64(len(d)) < p.minSteps {
		return sweep.Verdict{}
	}
	pValue := Greater(d)
	if !(pValue < p.level) {
		return sweep.Verdict{}
	}
	own, best := p.goal.Score(mean), p.goal.Score(p.best.mean)
	return sweep.Verdict{
		Stop: true,
		Reason: fmt.Sprintf("step %d: %s is worse than trial %d's in %d of %d steps (Wilcoxon p %s < %s), mean %s against %s",
			step, p.metric, p.best.id, worse, len(d), rung.Format(pValue), rung.Format(p.level), rung.Format(own), rung.Format(best)),
		Inputs: rung.Figures(inputs{Step: step, Incumbent: p.best.id, Pairs: len(d), Worse: worse, P: pValue, Threshold: p.level,
			Mean: sweep.FloatValue(own), Best: sweep.FloatValue(best)}),
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// meanScore is the mean of the curve, not finite if one of its values is not.
func (t *trial) meanScore() float64 {
	sum := 0.0
	for i := range t.curve.Len() {
		v := t.curve.Value(i)
		if !finite(v) {
			return math.NaN()
		}
		sum += v
	}
	return sum / float64(t.curve.Len())
}

// Settle makes a trial that finished with a better mean the incumbent. The
// first of two that are equal stays.
func (p *Pruner) Settle(id sweep.TrialID, s sweep.State) {
	t := p.trials[id]
	if t == nil {
		return
	}
	if s == sweep.Finished {
		t.mean = t.meanScore()
		if finite(t.mean) && (p.best == nil || t.mean < p.best.mean) {
			if p.best != nil {
				delete(p.trials, p.best.id)
			}
			p.best = t
		}
	}
	if t != p.best {
		delete(p.trials, id)
	}
}
