package rung

import (
	"encoding/json"
	"math"
	"sort"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Curve is the reports of one trial in order of step. Its rules are those of
// sweep.Series; unlike that it tells what changed, so that what was derived
// from it can follow.
type Curve struct {
	steps   []int64
	values  []float64
	attempt int
}

// Add folds a report. Points before from are as they were; appended says that
// the report was put behind all others and nothing else happened.
func (c *Curve) Add(o sweep.Observation) (from int, appended bool) {
	n := len(c.steps)
	i := n
	if n > 0 && c.steps[n-1] >= o.Step {
		i = sort.Search(n, func(i int) bool { return c.steps[i] >= o.Step })
	}
	if o.Attempt > c.attempt {
		c.steps, c.values, c.attempt = c.steps[:i], c.values[:i], o.Attempt
	}
	switch {
	case i == len(c.steps):
		c.steps, c.values = append(c.steps, o.Step), append(c.values, o.Value)
		return i, i == n
	case c.steps[i] == o.Step:
		c.values[i] = o.Value
	default:
		c.steps, c.values = append(c.steps, 0), append(c.values, 0)
		copy(c.steps[i+1:], c.steps[i:])
		copy(c.values[i+1:], c.values[i:])
		c.steps[i], c.values[i] = o.Step, o.Value
	}
	return i, false
}

// Drop folds a report that does not count: a new attempt still replaces what
// is at its step and behind, and an earlier report of the step is gone. Points
// before from are as they were; gone says whether others are not.
func (c *Curve) Drop(o sweep.Observation) (from int, gone bool) {
	i, n := c.Find(o.Step), len(c.steps)
	if o.Attempt > c.attempt {
		c.steps, c.values, c.attempt = c.steps[:i], c.values[:i], o.Attempt
	} else if i < n && c.steps[i] == o.Step {
		c.steps, c.values = append(c.steps[:i], c.steps[i+1:]...), append(c.values[:i], c.values[i+1:]...)
	}
	return i, len(c.steps) < n
}

// Least returns the least value of points i … j−1, NaN if there is none but
// NaN.
func (c *Curve) Least(i, j int) float64 {
	least := math.NaN()
	for _, v := range c.values[i:j] {
		if v < least || math.IsNaN(least) {
			least = v
		}
	}
	return least
}

// Len is the number of steps reported.
func (c *Curve) Len() int { return len(c.steps) }

// At returns the i-th step and its value, 0 <= i < Len.
func (c *Curve) At(i int) (step int64, value float64) { return c.steps[i], c.values[i] }

// Value returns the value of the i-th step, 0 <= i < Len.
func (c *Curve) Value(i int) float64 { return c.values[i] }

// Last returns the highest step and its value; Len must not be 0.
func (c *Curve) Last() (step int64, value float64) { return c.At(len(c.steps) - 1) }

// Find returns the index of the first step that is at least step.
func (c *Curve) Find(step int64) int {
	return sort.Search(len(c.steps), func(i int) bool { return c.steps[i] >= step })
}

// IsFirstOf reports whether the last step is the first at or after a point of
// decision: start, start + every, start + 2·every … The last step must be at
// least start >= 0, and every at least 1.
func (c *Curve) IsFirstOf(start, every int64) bool {
	last, _ := c.Last()
	point := (last-start)/every*every + start
	return len(c.steps) < 2 || c.steps[len(c.steps)-2] < point
}

// Format writes a number as people read it in a reason: six significant digits.
func Format(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// Figures writes the inputs of a verdict, a struct of integers, texts and
// sweep.Values, as JSON. A float as a sweep.Value reads back to the bit, and may
// be NaN.
func Figures(inputs any) string {
	b, err := json.Marshal(inputs)
	if err != nil {
		panic("rung: " + err.Error()) // a pruner's struct, not data
	}
	return string(b)
}
