package sweep

import (
	"fmt"
	"math"
	"sort"
)

// Goal is the direction of an objective.
type Goal uint8

// The zero Goal is Minimize, as in W&B.
const (
	Minimize Goal = iota
	Maximize
)

func (g Goal) String() string {
	if g == Maximize {
		return "maximize"
	}
	return "minimize"
}

// Better reports whether a is better than b. NaN is worse than everything.
func (g Goal) Better(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return !math.IsNaN(a)
	}
	if g == Maximize {
		return a > b
	}
	return a < b
}

// Score turns v into a number where less is better.
func (g Goal) Score(v float64) float64 {
	if g == Maximize {
		return -v
	}
	return v
}

// Reduce says how the reports of a metric become one number.
type Reduce string

// The reductions; best is min or max by the goal.
const (
	Last Reduce = "last"
	Min  Reduce = "min"
	Max  Reduce = "max"
	Best Reduce = "best"
	Mean Reduce = "mean" // of the last K reports
)

// An Objective is a metric that ranks.
type Objective struct {
	Name   string
	Goal   Goal
	Reduce Reduce // "" = Last
	K      int    // Mean: how many last steps; at least 1
	Target *float64
}

// Reached reports whether v meets the target, if there is one.
func (o Objective) Reached(v float64) bool {
	return o.Target != nil && !math.IsNaN(v) && !o.Goal.Better(*o.Target, v)
}

// A Report is one named number of a trial at a step. Value may be NaN or
// infinite: that is data.
type Report struct {
	Name  string
	Step  int64 // at least 0
	Value float64
	At    int64 // Unix time in microseconds
}

// KindOf names a value for SQL, where a value that is not finite is NULL:
// finite, nan, inf or -inf.
func KindOf(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return "finite"
}

// A Series is the reports of one metric of one trial in order of step: the
// last report of a step wins, and those of a new attempt replace what earlier
// attempts reported from its first step on.
type Series struct {
	points  []stepValue
	attempt int
}

type stepValue struct {
	step  int64
	value float64
}

// Add records a report of the given attempt. It costs O(1) when steps ascend.
func (s *Series) Add(attempt int, step int64, value float64) {
	i := len(s.points)
	if i > 0 && s.points[i-1].step >= step {
		i = sort.Search(len(s.points), func(i int) bool { return s.points[i].step >= step })
	}
	if attempt > s.attempt {
		s.points, s.attempt = s.points[:i], attempt
	}
	switch {
	case i == len(s.points):
		s.points = append(s.points, stepValue{step, value})
	case s.points[i].step == step:
		s.points[i].value = value
	default:
		s.points = append(s.points, stepValue{})
		copy(s.points[i+1:], s.points[i:])
		s.points[i] = stepValue{step, value}
	}
}

// Len is the number of steps reported.
func (s *Series) Len() int { return len(s.points) }

// At returns the i-th step and its value, 0 <= i < Len.
func (s *Series) At(i int) (step int64, value float64) {
	return s.points[i].step, s.points[i].value
}

// Reduce computes the objective o of s and the step that it was taken from
// (the last step for Mean). ok is false without a report. If the last report
// is not finite it is returned whatever o.Reduce says: the trial diverged.
func (s *Series) Reduce(o Objective) (value float64, step int64, ok bool) {
	n := len(s.points)
	if n == 0 {
		return math.NaN(), 0, false
	}
	last := s.points[n-1]
	if o.Reduce == Last || o.Reduce == "" || math.IsNaN(last.value) || math.IsInf(last.value, 0) {
		return last.value, last.step, true
	}
	if o.Reduce == Mean {
		k := min(max(o.K, 1), n)
		sum := 0.0
		for _, p := range s.points[n-k:] {
			sum += p.value
		}
		return sum / float64(k), last.step, true
	}
	goal := o.Goal
	if o.Reduce == Min {
		goal = Minimize
	} else if o.Reduce == Max {
		goal = Maximize
	}
	best := s.points[0]
	for _, p := range s.points[1:] {
		if goal.Better(p.value, best.value) {
			best = p
		}
	}
	return best.value, best.step, true
}

// ParseReduce reads `last`, `min`, `max`, `best` or `mean:K`.
func ParseReduce(s string) (r Reduce, k int, err error) {
	switch Reduce(s) {
	case "":
		return Last, 0, nil
	case Last, Min, Max, Best:
		return Reduce(s), 0, nil
	}
	var rest string
	if n, _ := fmt.Sscanf(s, "mean:%d%s", &k, &rest); n == 1 && k >= 1 {
		return Mean, k, nil
	}
	return "", 0, fmt.Errorf("reduce %q: want last, min, max, best or mean:K with K >= 1", s)
}
