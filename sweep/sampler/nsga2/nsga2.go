// Package nsga2 is a genetic algorithm for several objectives: it keeps the
// points that are nowhere worse than another, crosses and mutates them, and
// prefers those with few neighbours. It takes one objective too.
//
// The population is the fold of the outcomes: each one told joins it, and the
// worst by front and crowding distance leaves once there are more than its size.
// So any number of trials may run at a time and end in any order, and a child is
// a function of the outcomes told and of the random stream of its index. The
// first points, as many as the population holds, are drawn from the domains.
//
// Parents are chosen by binary tournaments. Numbers on a scale are crossed by
// simulated binary crossover within the unit cube and mutated polynomially; a
// mutation of integers, steps and ordered lists reaches the next value at least.
// Choices come from either parent and are mutated by drawing them anew. A
// coordinate that is inactive in one parent is the other's, in both a new draw.
// Points that a constraint forbids are bred again. Pruned trials rank behind all
// others; those that failed or have an objective that is not finite do not enter
// the population.
//
// Sources: Deb, Pratap, Agarwal and Meyarivan, A fast and elitist multiobjective
// genetic algorithm: NSGA-II, IEEE Trans. Evol. Comput. 6(2), 2002; Deb and
// Agrawal, Simulated binary crossover for continuous search space, Complex
// Systems 9, 1995; Deb and Deb, Analysing mutation schemes for real-parameter
// genetic algorithms, Int. J. Artif. Intell. Soft Comput. 4(1), 2014 (bounded
// polynomial mutation); Durillo, Nebro, Luna and Alba, On the effect of the
// steady-state selection scheme in multi-objective genetic algorithms, EMO 2009.
//
// Departures: one at a time instead of generations (Durillo et al. found it
// better, and it needs no barrier); a population that the run cap bounds.
package nsga2

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pareto"
)

const (
	largest  = 50   // population without a run cap
	smallest = 10   // population under a low one
	share    = 8    // population is 1/share of the run cap
	maxDraws = 1000 // children that a constraint forbids until a proposal is skipped
	retries  = 20   // children that are in the population already until one is taken
)

// A Sampler is NSGA-II. Only New makes a valid one.
type Sampler struct {
	space      *sweep.Space
	goals      []sweep.Goal
	genes      []gene
	size       int
	told       int
	population []member // best first
	keys       map[string]bool
	u          []float64 // scratch of Ask
}

// A gene is a dimension.
type gene struct {
	domain  *sweep.Domain
	ordered bool
	stepped bool // ordered and discrete
}

// A member is a point of the population.
type member struct {
	u      []float64 // NaN where inactive
	score  []float64 // per objective, less is better
	key    string
	pruned bool
	index  int64
}

// New returns NSGA-II in p.Space. It is an error if there is no objective.
func New(p sweep.Plan) (sweep.Sampler, error) {
	if len(p.Objectives) == 0 {
		return nil, errors.New("method nsga2: no objective; want at least one metric")
	}
	s := &Sampler{space: p.Space, size: largest, keys: map[string]bool{}}
	if p.RunCap > 0 {
		s.size = max(smallest, min(largest, p.RunCap/share))
	}
	for _, o := range p.Objectives {
		s.goals = append(s.goals, o.Goal)
	}
	for _, dim := range p.Space.Dims() {
		g := gene{domain: &p.Space.Params[dim.Params[0]].Domain, ordered: p.Space.Ordered(dim)}
		g.stepped = g.ordered && g.domain.Discrete()
		s.genes = append(s.genes, g)
	}
	s.u = make([]float64, len(s.genes))
	return s, nil
}

// Looks is true.
func (s *Sampler) Looks() bool { return true }

// Ask returns q.N children of the present population; one that constraints
// forbid a thousand times has a nil Point.
func (s *Sampler) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	out := make([]sweep.Proposal, max(0, q.N))
	for k := range out {
		i := q.First + int64(k)
		p, err := s.propose(q.Rand(i))
		if err != nil {
			return nil, err
		}
		out[k] = sweep.Proposal{Index: i, Point: p}
	}
	return out, nil
}

func (s *Sampler) propose(rng *rand.Rand) (sweep.Point, error) {
	var known sweep.Point // allowed, but in the population already
	for again, draw := 0, 0; draw < maxDraws && again < retries; draw++ {
		if s.told < s.size || len(s.population) < 2 {
			for d := range s.u {
				s.u[d] = rng.Float64()
			}
		} else {
			s.breed(rng)
		}
		p, ok, err := s.space.Decode(s.u)
		switch {
		case err != nil:
			return nil, err
		case ok && !s.keys[s.space.Key(p)]:
			return p, nil
		case ok:
			known = p
			again++
		}
	}
	return known, nil
}

// breed writes a child of two parents into s.u.
func (s *Sampler) breed(rng *rand.Rand) {
	a, b := s.parent(rng), s.parent(rng)
	cross := rng.Float64() < crossover
	for d, g := range s.genes {
		x, y := a.u[d], b.u[d]
		if math.IsNaN(x) {
			x = y
		}
		switch {
		case math.IsNaN(x):
			x = rng.Float64()
		case !cross || math.IsNaN(y) || x == y:
		case g.ordered:
			x = sbx(rng, x, y)
		case rng.Float64() < 0.5:
			x = y
		}
		if rng.Float64()*float64(len(s.genes)) < 1 {
			x = g.mutate(rng, x)
		}
		s.u[d] = x
	}
}

// parent returns the better of two members. The population is in order.
func (s *Sampler) parent(rng *rand.Rand) *member {
	n := len(s.population)
	return &s.population[min(rng.IntN(n), rng.IntN(n))]
}

// Tell adds the outcome to the population. Killed trials say nothing.
func (s *Sampler) Tell(o sweep.Outcome) {
	if o.Point == nil || o.State == sweep.Killed || len(o.Point) != len(s.space.Params) {
		return
	}
	s.told++
	if o.State != sweep.Finished && o.State != sweep.Pruned || len(o.Values) < len(s.goals) {
		return
	}
	m := member{u: s.space.Encode(o.Point), pruned: o.State == sweep.Pruned, index: o.Index}
	for k, goal := range s.goals {
		if math.IsNaN(o.Values[k]) || math.IsInf(o.Values[k], 0) {
			return
		}
		m.score = append(m.score, goal.Score(o.Values[k]))
	}
	m.key = s.space.Key(o.Point)
	s.keys[m.key] = true
	s.population = append(s.population, m)
	s.rank()
	if last := len(s.population) - 1; last >= s.size {
		gone := s.population[last].key
		s.population = s.population[:last]
		if !slices.ContainsFunc(s.population, func(m member) bool { return m.key == gone }) {
			delete(s.keys, gone)
		}
	}
}

// rank sorts the population: pruned trials last, then by front, then those
// with most room around them first.
func (s *Sampler) rank() {
	slices.SortStableFunc(s.population, func(a, b member) int {
		switch {
		case a.pruned == b.pruned:
			return cmp.Compare(a.index, b.index)
		case a.pruned:
			return 1
		}
		return -1
	})
	whole := slices.IndexFunc(s.population, func(m member) bool { return m.pruned })
	if whole < 0 {
		whole = len(s.population)
	}
	sorted := make([]member, 0, len(s.population)+1)
	for _, part := range [][]member{s.population[:whole], s.population[whole:]} {
		scores := make([][]float64, len(part))
		for i := range part {
			scores[i] = part[i].score
		}
		front := pareto.Fronts(scores)
		for _, i := range pareto.Order(front, pareto.Crowding(scores, front)) {
			sorted = append(sorted, part[i])
		}
	}
	s.population = sorted
}
