// Package tpe is the tree-structured Parzen estimator: it models where the good
// points lie and where the others do, and proposes where the first density is
// high against the second.
//
// Points are ranked, and split into the best γ(n) = min(⌈0.15 n⌉, 25) and the
// rest. A density of kernels is laid over each, ℓ and g, and of 24 points drawn
// from ℓ the one with the largest ℓ(x)/g(x) is proposed, which is where the
// expected improvement is largest. The first points, until 10 have a value, are
// those of a Sobol sequence.
//
// All densities live in the unit cube, where the prior is uniform whatever the
// distribution of a parameter: a log scale, a normal distribution or weighted
// choices need no case of their own. Scales with few steps and lists of numbers
// are kernels over ordered cells, words and zip groups over unordered ones. An
// inactive parameter has the density of the prior. Running trials count among
// the rest (a constant liar), so that the next proposal keeps away from them.
// Trials that failed, diverged or came out as NaN or infinite rank last, pruned
// ones before them by the value they had, and killed ones are no evidence. With
// several objectives points rank by their front, and within the front that γ
// cuts by the hypervolume that they add.
//
// A proposal is never a point told or running, where points can be counted; once
// none is left the sampler has no more.
//
// Sources: Bergstra, Bardenet, Bengio and Kégl, Algorithms for hyper-parameter
// optimization, NIPS 2011; Falkner, Klein and Hutter, BOHB, ICML 2018 (one joint
// density); Watanabe, Tree-structured Parzen estimator: understanding its
// algorithm components and their roles, arXiv 2304.11127, 2023 (weights, widths,
// prior, share of the good); Ozaki, Tanigaki, Watanabe, Nomura and Onishi,
// Multiobjective tree-structured Parzen estimator, JAIR 73, 2022.
//
// We depart from them in this: the widths of ℓ follow the spread of the good
// points, shrunk towards the prior's (Scott's rule), and those of g do not;
// most candidates take each coordinate from a good point of its own, though ℓ is
// joint, which recombines what the good points have; and beyond 4,096 points g
// takes every second, fourth … of them.
package tpe

import (
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/qmc"
)

// Measured on package benchfn, 20 seeds, one at a time against the others.
const (
	startup    = 10   // points with a value before the model is used
	candidates = 24   // drawn from ℓ
	goodShare  = 0.15 // γ
	goodMost   = 25   // γ at most
	prior      = 1.0  // weight of the prior in a density, in points
	restMost   = 4096 // points of g
	recombine  = 0.7  // share of the candidates whose coordinates come from several points
)

// Sampler is the estimator. Only New makes a valid one.
type Sampler struct {
	space *sweep.Space
	start sweep.Sampler // Sobol; nil: more dimensions than it has
	axes  []axis
	split ranking
	size  int64           // of a finite space, else 0
	seen  map[string]bool // keys of the points told, in a finite space

	places []float64 // of the points told, n × axes
	rest   *mixture  // g, of every stride-th point told; the good ones have weight 0
	stride int
	shaped int      // for how many points rest has its widths
	good   *mixture // ℓ, in the order of ids
	ids    []int32  // the good points, best first
	stale  bool     // good is that of an earlier ids

	scratch scratch
	u       []float64 // scratch
	pool    []float64 // scratch of the candidates
}

// New returns the sampler in p.Space. It has no options and never fails.
func New(p sweep.Plan) (sweep.Sampler, error) {
	d := len(p.Space.Dims())
	s := &Sampler{space: p.Space, axes: newAxes(p.Space), u: make([]float64, d), pool: make([]float64, candidates*d), stride: 1}
	for _, o := range p.Objectives {
		s.split.goals = append(s.split.goals, o.Goal)
	}
	if len(s.split.goals) == 0 {
		s.split.goals = []sweep.Goal{sweep.Minimize}
	}
	if sobol, err := qmc.NewSobol(p); err == nil {
		s.start = sobol
	}
	if n, finite := p.Space.Finite(); finite {
		s.size, s.seen = n, map[string]bool{}
	}
	whole := p.Space.Plain()
	s.good, s.rest = newMixture(s.axes, whole, prior), newMixture(s.axes, whole, prior)
	return s, nil
}

// Looks is true.
func (s *Sampler) Looks() bool { return true }

// Tell ranks a point and moves it, and those that it displaces, to their
// density: O(axes) and the insertion into the ranking.
func (s *Sampler) Tell(o sweep.Outcome) {
	if o.Point == nil {
		return
	}
	if s.seen != nil {
		s.seen[s.space.Key(o.Point)] = true
	}
	if o.State == sweep.Killed {
		return
	}
	x := s.encode(o.Point)
	s.places = append(s.places, x...)
	s.split.add(o)
	n := s.split.len()
	s.thin(n)
	s.widen(n)
	if (n-1)%s.stride == 0 {
		s.rest.add(x, float64(s.stride))
	}
	s.weigh(float64(s.stride))
	s.ids = append(s.ids[:0], s.split.best(share(n))...)
	s.weigh(0)
	s.stale = true
}

// weigh gives the good points a weight among the rest.
func (s *Sampler) weigh(w float64) {
	for _, i := range s.ids {
		if int(i)%s.stride == 0 {
			s.rest.reweigh(int(i)/s.stride, w)
		}
	}
}

// thin keeps the rest to at most restMost points, each for stride of those told,
// so that the cost of a proposal stays bounded.
func (s *Sampler) thin(n int) {
	if n <= restMost*s.stride {
		return
	}
	s.stride *= 2
	s.rest.clear()
	for i := 0; i < n-1; i += s.stride {
		s.rest.add(s.at(int32(i)), float64(s.stride))
	}
}

// share is γ(n).
func share(n int) int { return max(1, min(int(goodShare*float64(n)+0.999), goodMost)) }

// encode returns the places of a point.
func (s *Sampler) encode(p sweep.Point) []float64 {
	x := s.space.Encode(p)
	for d := range x {
		x[d] = s.axes[d].place(x[d])
	}
	return x
}

// at returns the places of point i.
func (s *Sampler) at(i int32) []float64 {
	d := len(s.axes)
	return s.places[int(i)*d : int(i)*d+d]
}

// Ask returns q.N proposals, each as if those before it were pending; fewer if
// a finite space has no more new points.
func (s *Sampler) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	a := s.newAsk(q)
	out := make([]sweep.Proposal, 0, max(0, min(q.N, 1<<16)))
	for k := range int64(max(0, q.N)) {
		p, end, err := a.next(q.First + k)
		if err != nil {
			return nil, err
		}
		if end {
			break
		}
		out = append(out, p)
	}
	return out, nil
}

// widen sets the widths of the rest when there are a tenth more points than at
// the last time, so that a point is looked at again a constant number of times.
func (s *Sampler) widen(n int) {
	if n*10 < s.shaped*11 {
		return
	}
	s.shaped = n
	h, b := make([]float64, len(s.axes)), make([]float64, len(s.axes))
	for j := range h {
		h[j] = s.axes[j].width(restWidth, n, len(h))
		b[j] = s.axes[j].mutation(n)
	}
	s.rest.shape(h, b)
}

// model makes the density of the good points, if that was not done.
func (s *Sampler) model() {
	if !s.stale {
		return
	}
	s.stale = false
	h, b := make([]float64, len(s.axes)), make([]float64, len(s.axes))
	for j := range h {
		h[j] = s.axes[j].width(s.spread(j), len(s.ids), len(h))
		b[j] = s.axes[j].mutation(len(s.ids))
	}
	s.good.clear()
	s.good.shape(h, b)
	for _, i := range s.ids {
		s.good.add(s.at(i), 1)
	}
}

// rank sorts candidates by falling score; of equal ones the first drawn is first.
func rank(cs []candidate) {
	slices.SortStableFunc(cs, func(a, b candidate) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
}
