package cmaes

import (
	"math"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	promising = 0.1 // share of the earlier outcomes that a run starts from
	spread    = 0.1 // standard deviation around each of them, of the cube's edge
)

// warm starts the first run from earlier outcomes, if there are enough: with
// the normal distribution that is nearest to the mixture of equal round ones
// around the best tenth of them. Choices start half way between their prior and
// what that tenth has.
//
// Nomura, Watanabe, Akimoto, Ozaki and Onishi, Warm starting CMA-ES for
// hyperparameter optimization, arXiv 2012.06932, section 4.
func (s *Sampler) warm(earlier []sweep.Outcome) {
	s.begin(slices.Repeat([]float64{0.5}, len(s.axes))) // read needs a mean
	for _, o := range earlier {
		if o.Point == nil || len(o.Point) != len(s.space.Params) {
			continue
		}
		if class, score := s.rate(o); class < 2 {
			m := s.read(o.Point)
			m.class, m.score, m.index = class, score, int64(len(s.members))
			s.members = append(s.members, m)
		}
	}
	best := s.members
	s.members = nil
	if len(best) < 2 {
		return
	}
	slices.SortFunc(best, order)
	best = best[:int(math.Ceil(promising*float64(len(best))))]
	if s.run != nil {
		s.run.fit(best)
		s.keepMargin()
	}
	for j := range s.choices {
		s.choices[j].fit(j, best)
	}
}

// fit sets mean and covariance to those of the mixture around the members.
func (g *gauss) fit(members []member) {
	n, k := g.n, float64(len(members))
	clear(g.m)
	for _, m := range members {
		axpy(g.m, 1/k, m.x)
	}
	clear(g.c)
	for i := range n {
		g.c[i*n+i] = spread * spread
	}
	for _, m := range members {
		for i, v := range m.x {
			g.y[i] = v - g.m[i]
		}
		rank1(g.c, 1/k, g.y)
	}
	g.factor()
	logDet := 0.0
	for i := range n {
		logDet += 2 * math.Log(g.l[i*n+i])
	}
	g.sigma = math.Exp(logDet / float64(2*n))
	scale(g.c, 1/(g.sigma*g.sigma))
	g.factor()
}

// fit is what choices do.
func (c *choice) fit(j int, members []member) {
	seen := 0.0
	count := make([]float64, len(c.odds))
	for _, m := range members {
		if m.pick[j] >= 0 {
			count[m.pick[j]]++
			seen++
		}
	}
	if seen == 0 {
		return
	}
	for i := range c.odds {
		c.odds[i] = (c.prior[i] + count[i]/seen) / 2
	}
	c.keepMargin()
}
