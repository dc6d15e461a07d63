package gp

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/qmc"
)

// The budget of one search of the acquisition function.
const (
	fewest, most = 128, 512 // candidates spread over the space, by the rows of the model
	effort       = 60_000   // candidates × rows
	incumbents   = 4        // best points whose surroundings are searched
	neighbours   = 24       // candidates around each
	starts       = 4        // candidates that are improved
	rounds       = 3        // of numbers, then choices
	ascent       = 25       // steps of the numbers in a round
	exchanges    = 6        // times round the choices in a round
	redraws      = 1000     // draws when nothing new was found
)

// A candidate is a point that may be proposed.
type candidate struct {
	u, x  []float64 // unit and kernel coordinates
	point sweep.Point
	value float64 // log EI
}

// A search looks for the point of largest log EI that is allowed and new.
//
// Candidates are a scrambled Sobol set and perturbations of the points with the
// best posterior means. The best few, apart from each other, are improved in
// turn along the numbers, by gradient, and over the values of each choice or
// short list of numbers, until neither helps. Constraints are kept by
// rejection, and at the end of an ascent by halving the way back.
type search struct {
	space  *sweep.Space
	coords []coord
	m      *model
	taken  func(key string) bool
	rng    *rand.Rand
}

// best returns the proposal; nil if every draw was refused by a constraint.
func (s *search) best(around [][]float64) (sweep.Point, error) {
	pool, err := s.pool(around)
	if err != nil {
		return nil, err
	}
	if len(pool) == 0 {
		return s.draw()
	}
	var top *candidate
	for _, c := range s.pick(pool) {
		if err := s.improve(c); err != nil {
			return nil, err
		}
		if top == nil || c.value > top.value {
			top = c
		}
	}
	return top.point, nil
}

// place makes a candidate of u, which it keeps; nil if it is not allowed or not
// new.
func (s *search) place(u []float64) (*candidate, error) {
	p, ok, err := s.space.Decode(u)
	if err != nil || !ok || s.taken(s.space.Key(p)) {
		return nil, err
	}
	return s.candidate(u, p), nil
}

// candidate makes one of a point at u.
func (s *search) candidate(u []float64, p sweep.Point) *candidate {
	at := s.space.Encode(p)
	c := &candidate{u: u, x: embed(s.coords, at), point: p}
	if u == nil {
		c.u = s.fill(at)
	}
	return c
}

// pool returns the candidates with their values.
func (s *search) pool(around [][]float64) (pool []*candidate, err error) {
	add := func(u []float64) error {
		c, err := s.place(u)
		if c != nil {
			pool = append(pool, c)
		}
		return err
	}
	many := max(fewest, min(most, effort/max(1, s.m.f.n)))
	spread, err := qmc.NewSobol(sweep.Plan{Space: s.space, Seed: s.rng.Int64()})
	if err == nil {
		ps, err := spread.Ask(sweep.Query{N: many})
		if err != nil {
			return nil, err
		}
		for _, p := range ps {
			if p.Point != nil && !s.taken(s.space.Key(p.Point)) {
				pool = append(pool, s.candidate(nil, p.Point))
			}
		}
	}
	for range many - len(pool) { // refused by constraints, or too many dimensions for Sobol
		if err := add(s.uniform()); err != nil {
			return nil, err
		}
	}
	for _, u := range around {
		for range neighbours {
			if err := add(s.perturb(u)); err != nil {
				return nil, err
			}
		}
	}
	s.score(pool)
	return pool, nil
}

func (s *search) score(pool []*candidate) {
	xs := make([][]float64, len(pool))
	for i, c := range pool {
		xs[i] = c.x
	}
	for i, v := range s.m.scores(xs) {
		pool[i].value = v
	}
}

func (s *search) uniform() []float64 {
	u := make([]float64, len(s.coords))
	for d := range u {
		u[d] = s.rng.Float64()
	}
	return u
}

// fill draws the coordinates that are NaN.
func (s *search) fill(u []float64) []float64 {
	for d := range u {
		if math.IsNaN(u[d]) {
			u[d] = s.rng.Float64()
		}
	}
	return u
}

// perturb returns a neighbour of u at a scale drawn between a hair and a third
// of the range. It changes each coordinate with a probability drawn too, one at
// least.
func (s *search) perturb(u []float64) []float64 {
	v := s.fill(slices.Clone(u))
	scale := math.Exp(-1 - 6*s.rng.Float64())
	chance := s.rng.Float64()
	must := s.rng.IntN(len(v))
	for d := range v {
		if d != must && s.rng.Float64() >= chance {
			continue
		}
		c := &s.coords[d]
		if c.unit == nil {
			v[d] = reflect(v[d] + scale*s.rng.NormFloat64())
			continue
		}
		at, n := c.value(v[d]), len(c.unit)
		if c.nominal {
			at = s.rng.IntN(n)
		} else if s.rng.IntN(2) == 0 {
			at = min(at+1, n-1)
		} else {
			at = max(at-1, 0)
		}
		v[d] = c.unit[at]
	}
	return v
}

// reflect folds x into the unit interval.
func reflect(x float64) float64 {
	x = math.Abs(math.Mod(x, 2))
	if x > 1 {
		return 2 - x
	}
	return x
}

// pick returns the best candidates of the pool, as many as are to be improved,
// leaving out those that the kernel sees close to a better one.
func (s *search) pick(pool []*candidate) []*candidate {
	const close = 0.95
	sort.SliceStable(pool, func(i, j int) bool { return pool[i].value > pool[j].value })
	var out []*candidate
next:
	for _, c := range pool {
		if len(out) == starts {
			break
		}
		for _, o := range out {
			if s.m.kernel.at(o.x, c.x) > close {
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

// improve raises the value of c as far as it goes.
func (s *search) improve(c *candidate) error {
	for range rounds {
		if err := s.ascend(c); err != nil {
			return err
		}
		moved, err := s.exchange(c)
		if err != nil || !moved {
			return err
		}
	}
	return nil
}

// ascend moves the active continuous coordinates of c uphill. The point it
// reaches is taken if it is allowed, new and, once rounded to steps, better;
// else the way back is halved until one is.
func (s *search) ascend(c *candidate) error {
	var free []int
	for d := range s.coords {
		if s.coords[d].unit == nil && s.space.Active(s.space.Dims()[d], c.point) {
			free = append(free, d)
		}
	}
	if len(free) == 0 {
		return nil
	}
	x, all := slices.Clone(c.x), make([]float64, len(c.x))
	b := box{steps: ascent, memory: 6, tol: 1e-5, lo: make([]float64, len(free)), hi: make([]float64, len(free))}
	v := make([]float64, len(free))
	for i, d := range free {
		b.hi[i], v[i] = 1, c.x[d]
	}
	b.minimize(v, func(v, grad []float64) float64 {
		for i, d := range free {
			x[d] = v[i]
		}
		value := -s.m.score(x, all)
		for i, d := range free {
			grad[i] = -all[d]
		}
		return value
	})
	for range 6 {
		u := slices.Clone(c.u)
		for i, d := range free {
			u[d] = v[i]
		}
		to, err := s.place(u)
		if err != nil {
			return err
		}
		if to != nil {
			if to.value = s.m.score(to.x, nil); to.value > c.value {
				*c = *to
				return nil
			}
		}
		for i, d := range free {
			v[i] = (v[i] + c.x[d]) / 2
		}
	}
	return nil
}

// exchange goes round the listed coordinates and moves c to the best value of
// each, until a round changes nothing.
func (s *search) exchange(c *candidate) (moved bool, err error) {
	for range exchanges {
		still := true
		for d := range s.coords {
			top, err := s.bestValue(d, c)
			if err != nil {
				return moved, err
			}
			if top != c {
				*c, still, moved = *top, false, true
			}
		}
		if still {
			break
		}
	}
	return moved, nil
}

// bestValue returns the best of c and the points that differ from it in listed
// coordinate d.
func (s *search) bestValue(d int, c *candidate) (*candidate, error) {
	var pool []*candidate
	for _, at := range s.others(d, c) {
		u := slices.Clone(c.u)
		u[d] = at
		to, err := s.place(u)
		if err != nil {
			return nil, err
		}
		if to != nil {
			pool = append(pool, to)
		}
	}
	s.score(pool)
	top := c
	for _, to := range pool {
		if to.value > top.value {
			top = to
		}
	}
	return top, nil
}

// others returns the other values of coordinate d that are to be tried: all, or
// of a long list as many as are tried at most, drawn.
func (s *search) others(d int, c *candidate) (units []float64) {
	list := s.coords[d].unit
	if list == nil || !s.space.Active(s.space.Dims()[d], c.point) {
		return nil
	}
	at := s.coords[d].value(c.u[d])
	if len(list) <= listed {
		units = append(units, list[:at]...)
		return append(units, list[at+1:]...)
	}
	for range listed {
		if k := s.rng.IntN(len(list)); k != at {
			units = append(units, list[k])
		}
	}
	return units
}

// draw returns a random point that is allowed, a new one if one of the first
// draws is.
func (s *search) draw() (sweep.Point, error) {
	var known sweep.Point
	for range redraws {
		p, ok, err := s.space.Decode(s.uniform())
		if err != nil {
			return nil, err
		}
		if ok && !s.taken(s.space.Key(p)) {
			return p, nil
		}
		if ok {
			known = p
		}
	}
	return known, nil
}
