// Package race decides which points get no further repeats, because they are
// clearly worse than the best one.
//
// Points run with the same seeds, so two of them are compared by the differences
// d₁ … dₙ of their values on the seeds that both have finished, with the paired
// t test
//
//	t = mean(d) · √n / std(d),  n−1 degrees of freedom, two-sided.
//
// After each result every point that lacks repeats is tested against the
// incumbent, the best mean among points with at least two values; the p of these
// tests are corrected by Holm's method for the number of points that lack repeats,
// be they tested yet or not, and by Bonferroni's for the number of seeds after
// which a point may be dropped; one whose corrected p is below 0.05 is. Two values are the least for a test,
// three where all differences are equal, which two may be by chance. What is
// dropped stays dropped, and is no rival any more.
//
// Values that are not finite, and trials that did not finish, do not count: such
// points do not rank, but nothing is known of their other seeds.
//
// The state is the fold of Add, so that every decision can be made again from
// the journal. The incumbent is picked by the same values that it is compared
// with, so among points that are all alike some are dropped more often than in
// 0.05 of the races (TestRaceOfEquals measures it); what stays is as good.
//
// Sources: Maron and Moore, The racing algorithm, Artif. Intell. Rev. 11, 1997;
// Birattari, Stützle, Paquete and Varrentrapp, A racing algorithm for
// configuring metaheuristics, GECCO 2002, and López-Ibáñez et al., The irace
// package, Oper. Res. Perspect. 3, 2016 (t-race); Holm, A simple sequentially
// rejective multiple test procedure, Scand. J. Statist. 6, 1979. They test after
// each round, over all points at once; we test after each result, since the
// trials of a round end at different times.
package race

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/trawl-sweep/trawl/sweep"
)

// Alpha is the level of the tests, corrected for their number.
const Alpha = 0.05

// least is how many common seeds a test needs.
const least = 2

// Race is the state of a race. Use New.
type Race struct {
	goal    sweep.Goal
	repeats int
	points  []*point // by id
}

type point struct {
	id      sweep.PointID
	values  []float64 // by repeat, less is better; NaN: none
	n       int       // values that are there
	sum     float64
	dropped bool
}

// A Drop is the decision that a point gets no further repeats.
type Drop struct {
	Point  sweep.PointID
	Than   sweep.PointID // the incumbent that it is worse than
	Seeds  int           // that both had finished
	P      float64       // of the paired test, two-sided
	Holm   float64       // the same, corrected for all Tests of the time
	Tests  int
	Reason string // "worse than point 3 on 3 common seeds (p=0.003)"
}

// New returns a race of points with so many repeats each.
func New(goal sweep.Goal, repeats int) *Race { return &Race{goal: goal, repeats: repeats} }

// Add takes the value of a repeat, from 1, of a point that finished with it. It
// returns the points that are dropped now, in order.
func (r *Race) Add(id sweep.PointID, repeat int, value float64) []Drop {
	value = r.goal.Score(value)
	if math.IsNaN(value) || math.IsInf(value, 0) || repeat < 1 || repeat > r.repeats {
		return nil
	}
	i, ok := slices.BinarySearchFunc(r.points, id, func(p *point, id sweep.PointID) int { return cmp.Compare(p.id, id) })
	if !ok {
		p := &point{id: id, values: make([]float64, r.repeats)}
		for k := range p.values {
			p.values[k] = math.NaN()
		}
		r.points = slices.Insert(r.points, i, p)
	}
	p := r.points[i]
	if old := p.values[repeat-1]; !math.IsNaN(old) { // it was tried again
		p.sum, p.n = p.sum-old, p.n-1
	}
	p.values[repeat-1], p.sum, p.n = value, p.sum+value, p.n+1
	return r.judge()
}

// incumbent is the point of the best mean, the earliest of equals; nil without
// one that has enough values.
func (r *Race) incumbent() (best *point) {
	for _, p := range r.points {
		if !p.dropped && p.n >= least && (best == nil || p.sum/float64(p.n) < best.sum/float64(best.n)) {
			best = p
		}
	}
	return best
}

// judge tests all points that lack repeats against the incumbent.
func (r *Race) judge() (out []Drop) {
	best := r.incumbent()
	if best == nil {
		return nil
	}
	var tests []Drop
	rivals := 0
	for _, p := range r.points {
		if p == best || p.dropped || p.n == r.repeats {
			continue
		}
		rivals++
		if n, mean, pv := paired(p.values, best.values); n >= least {
			if mean <= 0 {
				pv = 1 // not worse where both were
			}
			tests = append(tests, Drop{Point: p.id, Than: best.id, Seeds: n, P: pv})
		}
	}
	slices.SortStableFunc(tests, func(a, b Drop) int { return cmp.Compare(a.P, b.P) })
	looks := float64(max(1, r.repeats-least)) // at least, …, repeats−1 common seeds
	holm := 0.0
	for i, d := range tests {
		if holm = max(holm, min(1, looks*float64(rivals-i)*d.P)); holm >= Alpha {
			break
		}
		d.Holm, d.Tests = holm, rivals
		d.Reason = fmt.Sprintf("worse than point %d on %d common seeds (p=%.2g)", d.Than, d.Seeds, d.Holm)
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Drop) int { return cmp.Compare(a.Point, b.Point) })
	for _, d := range out {
		i, _ := slices.BinarySearchFunc(r.points, d.Point, func(p *point, id sweep.PointID) int { return cmp.Compare(p.id, id) })
		r.points[i].dropped = true
	}
	return out
}

// paired is the paired t test of a − b over the places where both are numbers:
// how many these are, the mean difference, and the two-sided p. Equal
// differences give p = 0, but 1 where they are none or fewer than three.
func paired(a, b []float64) (n int, mean, p float64) {
	m2 := 0.0
	for i := range a {
		d := a[i] - b[i]
		if math.IsNaN(d) {
			continue
		}
		n++
		delta := d - mean
		mean += delta / float64(n)
		m2 += delta * (d - mean)
	}
	if n < 2 {
		return n, mean, 1
	}
	df := float64(n - 1)
	se := math.Sqrt(m2 / df / float64(n))
	if se <= 1e-12*math.Abs(mean) || se == 0 {
		if n < 3 || mean == 0 {
			return n, mean, 1
		}
		return n, mean, 0
	}
	t := mean / se
	return n, mean, mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}
