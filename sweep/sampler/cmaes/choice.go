package cmaes

import (
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

// A choice is a dimension without an order: a zip group, or a parameter whose
// values are words. It has a distribution of its own over its categories.
type choice struct {
	dim   int
	at    []float64 // u of each category
	prior []float64 // what the domain says
	odds  []float64 // what has been learnt
	spans []span    // of the values in the file, several of which may be one category
	least float64   // margin: no odds fall below
}

// A span is the part of the unit interval that belongs to a category.
type span struct {
	end      float64
	category int
}

func newChoice(space *sweep.Space, d int, dim sweep.Dim) choice {
	c := choice{dim: d}
	first := &space.Params[dim.Params[0]].Domain
	n := len(first.Values)
	known := map[string]int{}
	start := 0.0
	for r := range n {
		w := 1 / float64(n)
		if first.Dist == sweep.CategoricalWeighted {
			w = first.Probabilities[r]
		}
		if w == 0 {
			continue
		}
		var key []byte
		for _, i := range dim.Params {
			key = append(space.Params[i].Domain.Values[r].AppendKey(key), 0)
		}
		k, again := known[string(key)]
		if !again {
			k = len(c.at)
			known[string(key)] = k
			c.at, c.prior = append(c.at, start+w/2), append(c.prior, 0)
		}
		c.prior[k] += w
		start += w
		c.spans = append(c.spans, span{end: start, category: k})
	}
	c.odds = append(c.odds, c.prior...)
	return c
}

// find returns the category at u, -1 for NaN.
func (c *choice) find(u float64) int {
	if math.IsNaN(u) {
		return -1
	}
	for _, s := range c.spans {
		if u <= s.end {
			return s.category
		}
	}
	return c.spans[len(c.spans)-1].category
}

// draw returns the category at the quantile r of odds.
func draw(odds []float64, r float64) int {
	for k, p := range odds {
		if r -= p; r < 0 {
			return k
		}
	}
	for k := len(odds) - 1; k > 0; k-- { // rounding
		if odds[k] > 0 {
			return k
		}
	}
	return 0
}

// update moves the odds of choice j towards the categories of the members by
// their weights: the natural gradient. Members that it had no effect on do not
// count.
func (c *choice) update(j int, members []member, weights []float64, rate float64) {
	for k, m := range members {
		if m.active[j] {
			for i := range c.odds {
				hit := 0.0
				if m.pick[j] == i {
					hit = 1
				}
				c.odds[i] += rate * weights[k] * (hit - c.odds[i])
			}
		}
	}
	c.keepMargin()
}

// keepMargin raises odds that are below the least, and takes from the others
// what they have above it, in proportion.
//
// Hamano et al., CatCMA, arXiv 2405.09962, section 4.3.
func (c *choice) keepMargin() {
	sum, room := 0.0, 0.0
	for i, p := range c.odds {
		c.odds[i] = max(p, c.least)
		sum += c.odds[i]
		room += c.odds[i] - c.least
	}
	if room <= 0 {
		return
	}
	for i := range c.odds {
		c.odds[i] += (1 - sum) / room * (c.odds[i] - c.least)
	}
}

// setLeast sets the margin for a space of n choices: with it, n choices that
// have settled are all drawn as they are with a probability of about 0.73.
func (c *choice) setLeast(n int) {
	c.least = 0
	if k := len(c.odds); k > 1 {
		c.least = (1 - math.Pow(0.73, 1/float64(n))) / float64(k-1)
		for _, p := range c.prior {
			c.least = min(c.least, p/2)
		}
	}
}
