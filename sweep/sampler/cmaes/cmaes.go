// Package cmaes is the CMA evolution strategy: it draws points from a normal
// distribution over the unit cube and moves, stretches and turns it towards
// those that came out best. It compares scores and never computes with them, so
// that any increasing function of the objective gives the same trials.
//
// A generation is a distribution, not a list of slots. A proposal is drawn from
// the distribution that the outcomes so far have made, whatever number was drawn
// from it before, so any number of trials may run at a time and end in any
// order; the distribution moves whenever λ outcomes have come in, and λ grows where
// they come in late, for so many run at a time. Proposal i is
// a function of the outcomes told and of the random stream i. Its Note holds the
// generation and the number of the draw, from which Tell computes the sample
// again. Late outcomes, of former distributions, and points that were not drawn
// here count too, with their steps cut to what the present one might have drawn.
//
// Integers, steps and lists of ascending or descending numbers are dimensions of
// the normal distribution that never narrow to one value. All other choices have
// probabilities of their own, which move towards the categories of the best.
// Trials that failed, diverged or have no finite value rank last, those that
// were pruned before them; equals share their weights. Samples outside of the
// cube and points that a constraint forbids are drawn again. When a run has
// converged the next starts elsewhere with twice the population.
//
// Sources: Hansen, The CMA evolution strategy: a tutorial, arXiv 1604.00772
// (defaults, active update); Hamano, Saito, Nomura and Shirakawa, CMA-ES with
// margin, arXiv 2205.13482; Hamano, Saito, Nomura, Uchida and Shirakawa, CatCMA,
// arXiv 2405.09962 (choices beside a normal distribution, and their margin);
// Auger and Hansen, A restart CMA evolution strategy with increasing population
// size, CEC 2005; Hansen, Injecting external solutions into CMA-ES, arXiv
// 1110.4181; Krause, Arbonès and Igel, CMA-ES with optimal covariance update and
// storage complexity, NIPS 2016 (Cholesky factor); Nomura et al., Warm starting
// CMA-ES for hyperparameter optimization, arXiv 2012.06932.
//
// Departures: λ is 4+⌊2 ln d⌋ and the best of the last generation competes again,
// for budgets of hundreds of trials; samples come in orthogonal blocks (Wang,
// Emmerich and Bäck, Mirrored orthogonal sampling for covariance matrix adaptation
// evolution strategies, Evol. Comput. 27(4), 2019, without the mirror); the path of σ uses the inverse Cholesky factor where the tutorial
// has the symmetric root, which costs no eigenvectors; choices move at a fixed
// rate instead of CatCMA's adaptive one; a run ends where steps fall below 1e-9
// of the cube's edge.
package cmaes

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	firstSigma = 1.0 / 6 // of the cube's edge: nearly all of a first sample lies inside
	kept       = 16      // distributions that are remembered for late outcomes
	boxDraws   = 100     // draws outside of the cube until one is moved to its edge
	maxDraws   = 1000    // draws that a constraint forbids until a proposal is skipped
	patience   = 10      // generations until late outcomes make the population larger
	tooOld     = 3       // generations that outcomes are late then, on average
	choiceRate = 0.5     // how far the odds of a choice go towards those of the best
)

// A Sampler is CMA-ES. Only New and NewFrom make valid ones.
type Sampler struct {
	space   *sweep.Space
	goal    sweep.Goal
	seed    int64
	axes    []axis
	choices []choice

	run      *gauss    // nil without axes
	lambda   int       // population of this run
	runs     int       // restarts so far
	gen      int       // generation that is asked for
	dists    []*dist   // of the last generations, oldest first; the last is gen's
	members  []member  // told of this generation
	champion *member   // the best of the last generation, nil if there is none
	watch    watch     // of this run, for the restart
	ages     int       // of the members since the last look, summed
	since    int       // generations since that look
	u        []float64 // scratch of Ask
}

// An axis is an ordered dimension.
type axis struct {
	dim      int
	domain   *sweep.Domain
	discrete bool
}

// A dist is what the proposals of one generation are drawn from.
type dist struct {
	gen  int
	m    []float64 // n
	l    []float64 // n×n by rows, the lower triangle of σ·S·L
	odds [][]float64
}

// A sample is one draw from a dist: coordinates on the axes, before any
// rounding, and a category per choice; -1 where it is not known.
type sample struct {
	x    []float64
	pick []int
}

// A member is a sample with its outcome.
type member struct {
	sample
	active  []bool // per choice: it had an effect
	foreign bool   // of another distribution
	age     int    // generations since it was drawn
	class   int    // 0: has a score; 1: pruned; 2: has none
	score   float64
	index   int64
}

// New returns CMA-ES in p.Space, from the middle of the cube. It is an error
// if there are several objectives.
func New(p sweep.Plan) (sweep.Sampler, error) { return NewFrom(p, nil) }

// NewFrom is New with the first distribution fitted to earlier outcomes of the
// same space, of whatever sampler: those that Tell need not, and should not, be
// told as well. Less than 2 of them that have a value are too few and change
// nothing.
func NewFrom(p sweep.Plan, earlier []sweep.Outcome) (*Sampler, error) {
	s := &Sampler{space: p.Space, seed: p.Seed}
	switch len(p.Objectives) {
	case 0:
	case 1:
		s.goal = p.Objectives[0].Goal
	default:
		return nil, fmt.Errorf("method cmaes: %d objectives; want one, or method nsga2", len(p.Objectives))
	}
	s.u = make([]float64, len(p.Space.Dims()))
	for d, dim := range p.Space.Dims() {
		if domain := &p.Space.Params[dim.Params[0]].Domain; p.Space.Ordered(dim) {
			s.axes = append(s.axes, axis{dim: d, domain: domain, discrete: domain.Discrete()})
		} else {
			s.choices = append(s.choices, newChoice(p.Space, d, dim))
		}
	}
	for j := range s.choices {
		s.choices[j].setLeast(len(s.choices))
	}
	s.lambda = population(len(s.axes) + len(s.choices))
	s.warm(earlier)
	s.publish()
	return s, nil
}

// population is λ for d dimensions. The tutorial has 4+⌊3 ln d⌋; in the 50 to
// 200 trials of a sweep more and smaller generations go further.
func population(d int) int { return 4 + int(2*math.Log(float64(max(1, d)))) }

// Looks is true.
func (s *Sampler) Looks() bool { return true }

// Ask draws q.N samples of the present generation, however many were drawn of
// it before; one that constraints forbid in a thousand draws has a nil Point.
func (s *Sampler) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	out := make([]sweep.Proposal, max(0, q.N))
	d := s.dists[len(s.dists)-1]
	for k := range out {
		i := q.First + int64(k)
		out[k].Index = i
		pen := s.pen(q, i)
		for draw := range maxDraws {
			x := pen.next(d)
			if draw < boxDraws && !s.inside(x.x) {
				continue
			}
			p, ok, err := s.space.Decode(s.place(x))
			if err != nil {
				return nil, err
			}
			if ok {
				out[k].Point, out[k].Note = p, note(d.gen, draw)
				break
			}
		}
	}
	return out, nil
}

// inside reports whether x is in the cube. Discrete axes have no edge: what is
// beyond belongs to the last value.
func (s *Sampler) inside(x []float64) bool {
	for i, v := range x {
		if !(v >= 0 && v <= 1) && !s.axes[i].discrete {
			return false
		}
	}
	return true
}

// place writes the coordinates of x into s.u, after it moved those of
// continuous axes into the cube.
func (s *Sampler) place(x sample) []float64 {
	for i, a := range s.axes {
		if !a.discrete {
			x.x[i] = max(0, min(1, x.x[i]))
		}
		s.u[a.dim] = max(0, min(1, x.x[i]))
	}
	for j, c := range s.choices {
		s.u[c.dim] = c.at[max(0, x.pick[j])]
	}
	return s.u
}

// note says which draw of which generation a proposal is: "12", or "12+3" for
// the fourth draw.
func note(gen, draw int) string {
	if draw == 0 {
		return strconv.Itoa(gen)
	}
	return strconv.Itoa(gen) + "+" + strconv.Itoa(draw)
}

func parseNote(text string) (gen, draw int, ok bool) {
	first, second, more := strings.Cut(text, "+")
	gen, err := strconv.Atoi(first)
	if err != nil || gen < 0 {
		return 0, 0, false
	}
	if more {
		if draw, err = strconv.Atoi(second); err != nil || draw < 1 || draw >= maxDraws {
			return 0, 0, false
		}
	}
	return gen, draw, true
}

// Tell adds the outcome to the generation, and moves the distribution once
// there are λ. Killed trials say nothing.
func (s *Sampler) Tell(o sweep.Outcome) {
	if o.Point == nil || o.State == sweep.Killed || len(o.Point) != len(s.space.Params) {
		return
	}
	m := s.recall(o)
	m.index = o.Index
	m.class, m.score = s.rate(o)
	m.active = make([]bool, len(s.choices))
	dims := s.space.Dims()
	for j, c := range s.choices {
		m.active[j] = m.pick[j] >= 0 && s.space.Active(dims[c.dim], o.Point)
	}
	s.members = append(s.members, m)
	if len(s.members) >= s.lambda {
		s.advance()
	}
}

// rate says how an outcome ranks: by class, then by score.
func (s *Sampler) rate(o sweep.Outcome) (class int, score float64) {
	if len(o.Values) == 0 || math.IsNaN(o.Values[0]) || math.IsInf(o.Values[0], 0) {
		return 2, 0
	}
	score = s.goal.Score(o.Values[0])
	switch o.State {
	case sweep.Finished:
		return 0, score
	case sweep.Pruned:
		return 1, score
	}
	return 2, 0
}

// recall finds the sample behind an outcome: it draws it again from the
// distribution of its generation. What was not drawn here, or so long ago that
// its distribution is gone, is read off the point.
func (s *Sampler) recall(o sweep.Outcome) member {
	gen, draw, ok := parseNote(o.Note)
	at := len(s.dists) - 1 - (s.gen - gen)
	if ok && gen <= s.gen && at >= 0 {
		pen := s.pen(sweep.Query{Seed: s.seed}, o.Index)
		for range draw {
			pen.next(s.dists[at])
		}
		x := pen.next(s.dists[at])
		if s.matches(s.place(x), o.Point) {
			return member{sample: x, foreign: gen != s.gen, age: s.gen - gen}
		}
	}
	m := s.read(o.Point)
	if ok {
		m.age = max(0, s.gen-gen)
	}
	return m
}

// matches reports whether the active values of p are those at u.
func (s *Sampler) matches(u []float64, p sweep.Point) bool {
	raw := s.space.Raw(u)
	for i, v := range p {
		if !v.IsAbsent() && s.space.Params[i].Derived == nil && !v.Equal(raw[i]) {
			return false
		}
	}
	return true
}

// read takes the coordinates of a point, with the mean where it has none.
func (s *Sampler) read(p sweep.Point) member {
	u := s.space.Encode(p)
	m := member{foreign: true, sample: sample{x: make([]float64, len(s.axes)), pick: make([]int, len(s.choices))}}
	for i, a := range s.axes {
		m.x[i] = u[a.dim]
		if math.IsNaN(m.x[i]) {
			m.x[i] = s.run.m[i]
		}
	}
	for j := range s.choices {
		m.pick[j] = s.choices[j].find(u[s.choices[j].dim])
	}
	return m
}

// advance moves the distribution by the members, and starts anew where it has
// converged.
func (s *Sampler) advance() {
	slices.SortFunc(s.members, order)
	if s.members[0].class < 2 {
		best := s.members[0]
		s.crown()
		s.champion = &best
		s.learn()
	}
	s.widen()
	s.members = s.members[:0]
	s.gen++
	s.publish()
}

// widen doubles λ where so many trials run at a time that most outcomes are
// those of distributions long gone: steps that small generations take from them
// shrink before they arrive.
func (s *Sampler) widen() {
	for _, m := range s.members {
		s.ages += m.age
	}
	if s.since++; s.since < patience || s.run == nil {
		return
	}
	if s.ages > tooOld*s.since*s.lambda {
		s.lambda *= 2
		s.run.resize(s.lambda)
	}
	s.ages, s.since = 0, 0
}

// crown puts the best of the last generation in the place of the worst of this
// one, if it is better than all. A best of all time would be better still on
// smooth functions, and is the luckiest on noisy ones: there steps shrink to
// nothing around it.
func (s *Sampler) crown() {
	if s.champion == nil || order(*s.champion, s.members[0]) >= 0 {
		return
	}
	s.champion.foreign = true
	s.members = slices.Insert(s.members[:len(s.members)-1], 0, *s.champion)
}

// order puts better members first; of equals the one proposed first.
func order(a, b member) int {
	return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.score, b.score), cmp.Compare(a.index, b.index))
}

// learn is one update.
func (s *Sampler) learn() {
	pos, all := s.tied()
	if s.run != nil {
		xs, foreign := make([][]float64, len(s.members)), make([]bool, len(s.members))
		for k, m := range s.members {
			xs[k], foreign[k] = m.x, m.foreign
		}
		s.run.update(xs, foreign, pos, all)
		s.keepMargin()
	}
	for j := range s.choices {
		s.choices[j].update(j, s.members, pos, choiceRate)
	}
	if s.watch.converged(s.run, s.members) {
		s.restart()
	}
}

// tied returns the weights of the members, in order, averaged over those that
// are equally good: the positive ones, and all.
func (s *Sampler) tied() (pos, all []float64) {
	weights := newParams(max(1, len(s.axes)), len(s.members)).weights
	if s.run != nil {
		weights = s.run.weights
	}
	n := len(s.members)
	pos, all = make([]float64, n), make([]float64, n)
	for i := 0; i < n; {
		j := i
		var p, a float64
		for ; j < n && s.members[j].class == s.members[i].class && s.members[j].score == s.members[i].score; j++ {
			p, a = p+max(0, weights[j]), a+weights[j]
		}
		for k := i; k < j; k++ {
			pos[k], all[k] = p/float64(j-i), a/float64(j-i)
		}
		i = j
	}
	return pos, all
}

// keepMargin applies the margin to the discrete axes, with α = 1/(λN).
func (s *Sampler) keepMargin() {
	g := s.run
	alpha := 1 / float64(s.lambda*len(s.u))
	for i, a := range s.axes {
		if !a.discrete {
			continue
		}
		lo, hi := a.domain.Cell(g.m[i])
		if lo <= 0 {
			lo = math.Inf(-1)
		}
		if hi >= 1 {
			hi = math.Inf(1)
		}
		old := g.deviation(i)
		var dev float64
		g.m[i], dev = margin(g.m[i], old, lo, hi, alpha)
		g.s[i] *= dev / old
	}
}

// publish makes the present distribution that of generation s.gen.
func (s *Sampler) publish() {
	d := &dist{gen: s.gen}
	if s.run != nil {
		g := s.run
		d.m = slices.Clone(g.m)
		d.l = slices.Clone(g.l)
		for i := range g.n {
			scale(d.l[i*g.n:(i+1)*g.n], g.sigma*g.s[i])
		}
	}
	for j := range s.choices {
		d.odds = append(d.odds, slices.Clone(s.choices[j].odds))
	}
	if len(s.dists) == kept {
		s.dists = slices.Delete(s.dists, 0, 1)
	}
	s.dists = append(s.dists, d)
}
