// Package hyperband stops trials as the sweeps of Weights & Biases do.
//
// A trial's history is its finite reports; those that are not finite do not
// count. A band is a length of history. When the history of a trial of length n
// has reached a band b, the largest b <= n, it is held against the threshold
//
//	sorted(v)[⌊len(v)/η⌋]
//
// of the values v that all trials, whatever became of them, had at that band:
// their b-th. A trial that is worse than the threshold is stopped.
//
// The bands are, from max_iter and s, ⌊max_iter/η⌋, ⌊max_iter/η²⌋ … at most s of
// them and none below 1; or, from min_iter, ⌊min_iter⌋, ⌊min_iter·η⌋,
// ⌊min_iter·η²⌋ … With max_iter and s, min_iter is not looked at.
//
// strict, on by default as in W&B's schema, compares the trial's value at the
// band; without it, the best value of its whole history.
//
// Where we depart: W&B looks at all running trials from time to time, here a
// trial is judged at each of its own reports. W&B fails on max_iter without s
// where min_iter is there; here the bands are then those of min_iter that are
// below max_iter.
//
// Sources: github.com/wandb/sweeps, src/sweeps/hyperband_stopping.py and
// config/schema.json (behaviour, from its decisions in 75 scenarios). Li,
// Jamieson, DeSalvo, Rostamizadeh and Talwalkar, Hyperband: a novel
// bandit-based approach to hyperparameter optimization, JMLR 18(185), 2018,
// whose brackets W&B does not have.
package hyperband

import (
	"fmt"
	"math"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// maxBands is how far the bands of min_iter go, as in W&B; maxSteps bounds
// those of max_iter where eta is next to 1.
const (
	maxBands = 100
	maxSteps = 10_000
)

// Pruner is W&B's early termination. It folds a report in O(log n) for each
// band that the trial has reached.
type Pruner struct {
	metric string
	goal   sweep.Goal
	eta    float64
	strict bool
	bands  []int       // ascending
	values []rung.Rung // of each band, less is better
	trials map[sweep.TrialID]*trial
}

type trial struct {
	history rung.Curve // finite scores, less is better
	best    float64    // least score
	at      []float64  // what values holds of it, band by band
}

// New builds the pruner from the keys min_iter (from 1), max_iter (from 1), s
// (from 0), eta (above 1, default 3) and strict (default true). Either min_iter
// or both max_iter and s must be there, and leave at least one band.
func New(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	r := option.Read(e)
	minIter := r.Int(0, 1, "min_iter")
	maxIter := r.Int(0, 1, "max_iter")
	s := r.Int(0, 0, "s")
	eta := r.Number(3, option.MoreThanOne, "a number above 1", "eta")
	strict := r.Bool(true, "strict")
	if err := r.Err(); err != nil {
		return nil, err
	}
	p := &Pruner{metric: o.Name, goal: o.Goal, eta: eta, strict: strict, trials: map[sweep.TrialID]*trial{}}
	switch {
	case r.Given("max_iter") && r.Given("s"):
		p.bands = downFrom(maxIter, s, eta)
	case r.Given("min_iter"):
		p.bands = upFrom(minIter, maxIter, eta)
	default:
		return nil, &option.Error{Key: "min_iter", What: "not given, nor max_iter with s", Want: "the first step at which a trial may end"}
	}
	if len(p.bands) == 0 {
		r.Fail("max_iter", "leaves no step at which a trial may end", "a larger max_iter or s, or a smaller eta or min_iter")
		return nil, r.Err()
	}
	p.values = make([]rung.Rung, len(p.bands))
	return p, nil
}

func downFrom(maxIter, s int64, eta float64) (bands []int) {
	band := float64(maxIter)
	for range min(s, maxSteps) {
		band /= eta
		if band < 1 {
			break
		}
		bands = append(bands, int(band))
	}
	slices.Sort(bands)
	return slices.Compact(bands)
}

func upFrom(minIter, below int64, eta float64) (bands []int) {
	band := float64(minIter)
	for range maxBands {
		if band >= 1<<53 || below > 0 && int64(band) >= below {
			break
		}
		bands = append(bands, int(band))
		band *= eta
	}
	return slices.Compact(bands)
}

// Observe folds a report of the metric.
func (p *Pruner) Observe(o sweep.Observation) sweep.Verdict {
	if o.Name != p.metric {
		return sweep.Verdict{}
	}
	t := p.trials[o.Trial]
	if t == nil {
		t = &trial{}
		p.trials[o.Trial] = t
	}
	if math.IsNaN(o.Value) || math.IsInf(o.Value, 0) {
		if from, gone := t.history.Drop(o); gone {
			t.best = t.history.Least(0, t.history.Len())
			p.enter(t, from)
		}
		return p.judge(t, o.Step)
	}
	o.Value = p.goal.Score(o.Value)
	from, appended := t.history.Add(o)
	if appended && from > 0 {
		t.best = min(t.best, o.Value)
	} else {
		t.best = t.history.Least(0, t.history.Len())
	}
	p.enter(t, from)
	return p.judge(t, o.Step)
}

// enter brings values up to date with the history of t, which is as it was
// before the index from.
func (p *Pruner) enter(t *trial, from int) {
	reached, _ := slices.BinarySearch(p.bands, t.history.Len()+1)
	for i := range max(reached, len(t.at)) {
		if i < len(t.at) && p.bands[i] <= from {
			continue
		}
		if i < len(t.at) {
			p.values[i].Remove(t.at[i])
		}
		if i >= reached {
			continue
		}
		_, v := t.history.At(p.bands[i] - 1)
		p.values[i].Add(v)
		if i < len(t.at) {
			t.at[i] = v
		} else {
			t.at = append(t.at, v)
		}
	}
	t.at = t.at[:reached]
}

// inputs are the figures of a decision: the trial was stopped because score(of)
// is above score(threshold), the one of rank (from 0) of the n values at band,
// best first, with rank = ⌊n/η⌋.
type inputs struct {
	Step      int64       `json:"step"`
	Length    int         `json:"length"` // of the history
	Band      int         `json:"band"`
	Of        sweep.Value `json:"of"` // the value that was held against the threshold
	Threshold sweep.Value `json:"threshold"`
	Rank      int         `json:"rank"`
	Trials    int         `json:"trials"`
	Strict    bool        `json:"strict"`
}

func (p *Pruner) judge(t *trial, step int64) sweep.Verdict {
	k := len(t.at) - 1
	if k < 0 {
		return sweep.Verdict{}
	}
	n := p.values[k].Len()
	rank := min(int((1/p.eta)*float64(n)), n-1)
	threshold, of, what := p.values[k].At(rank), t.best, "at its best"
	if p.strict {
		of, what = t.at[k], fmt.Sprintf("at report %d", p.bands[k])
	}
	if !(of > threshold) {
		return sweep.Verdict{}
	}
	of, threshold = p.goal.Score(of), p.goal.Score(threshold)
	return sweep.Verdict{
		Stop: true,
		Reason: fmt.Sprintf("step %d: %s %s %s is worse than %s, which the best 1/%s of %d trials reached at report %d",
			step, p.metric, rung.Format(of), what, rung.Format(threshold), rung.Format(p.eta), n, p.bands[k]),
		Inputs: rung.Figures(inputs{Step: step, Length: t.history.Len(), Band: p.bands[k], Of: sweep.FloatValue(of),
			Threshold: sweep.FloatValue(threshold), Rank: rank, Trials: n, Strict: p.strict}),
	}
}

// Settle changes nothing: all trials count, whatever became of them.
func (p *Pruner) Settle(sweep.TrialID, sweep.State) {}
