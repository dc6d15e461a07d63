package optim

import (
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/runner/train/kernel"
)

// Float is what weights are made of.
type Float interface{ float32 | float64 }

// An Optimizer is a Rule with its state for n weights. It is used by one
// goroutine; a Step allocates nothing.
type Optimizer[T Float] struct {
	rule    Rule
	n       int
	steps   int64 // done
	m, s, a []T   // of the rule's slots; nil where it has none
}

// New returns an optimizer of n >= 0 weights that has made no step: all vectors of
// its state are 0. They take up to 3n numbers, none for gradient descent.
func New[T Float](r Rule, n int) *Optimizer[T] {
	o := &Optimizer[T]{rule: r, n: n}
	for _, name := range r.slots() {
		*o.slot(name) = make([]T, n)
	}
	return o
}

func (o *Optimizer[T]) slot(name string) *[]T {
	switch name {
	case "m":
		return &o.m
	case "s":
		return &o.s
	case "a":
		return &o.a
	}
	return nil
}

// A Slot is a vector of an optimizer's state.
type Slot[T Float] struct {
	Name string // m, s or a, see Rule
	Data []T    // one number per weight; not a copy
}

// State returns the number of steps done and the vectors that a checkpoint
// must hold beside the weights.
func (o *Optimizer[T]) State() (steps int64, slots []Slot[T]) {
	for _, name := range o.rule.slots() {
		slots = append(slots, Slot[T]{name, *o.slot(name)})
	}
	return o.steps, slots
}

// Restore copies a state that State returned. It changes nothing where it
// returns an error: a slot is missing, of no use to the rule or of another
// length.
func (o *Optimizer[T]) Restore(steps int64, slots []Slot[T]) error {
	names := o.rule.slots()
	if len(slots) != len(names) || steps < 0 {
		return fmt.Errorf("optimizer state of %d vectors after %d steps; want the vectors %v", len(slots), steps, names)
	}
	for i, s := range slots {
		if s.Name != names[i] || len(s.Data) != o.n {
			return fmt.Errorf("optimizer state %s of %d numbers; want %s of %d", s.Name, len(s.Data), names[i], o.n)
		}
	}
	o.steps = steps
	for _, s := range slots {
		copy(*o.slot(s.Name), s.Data)
	}
	return nil
}

// Step changes w, in place, by one update of the rule, whose formulas stand at
// Rule, with the gradient g of the mean loss of the batch and the learning rate
// eta, both of n numbers in one order. It panics if w or g has another
// length than the optimizer. The numbers of the rule are rounded to T once.
func (o *Optimizer[T]) Step(w, g []T, eta float64) {
	if len(w) != o.n || len(g) != o.n {
		panic("optim: weights, gradient and state differ in length")
	}
	o.steps++
	switch o.rule.Method {
	case Adam, AdamW:
		o.adam(w, g, eta)
	case RMSprop:
		o.rmsprop(w, g, eta)
	default:
		o.sgd(w, g, eta)
	}
}

// sgd is one pass of the kernels, which has the bits of the plain loop over pace.
func (o *Optimizer[T]) sgd(w, g []T, eta float64) {
	r := &o.rule
	if r.Momentum == 0 {
		kernel.DescendStep(w, g, T(eta), T(r.WeightDecay))
		return
	}
	fresh := 1 - r.Dampening
	if o.steps == 1 {
		fresh = 1
	}
	form := kernel.HeavyBall
	switch {
	case r.Velocity && r.Nesterov:
		form = kernel.VelocityNesterov
	case r.Velocity:
		form = kernel.Velocity
	case r.Nesterov:
		form = kernel.HeavyBallNesterov
	}
	if !r.Velocity {
		fresh = float64(eta * fresh)
	}
	kernel.MomentumStep(form, w, o.m, g, T(r.Momentum), T(fresh), T(eta), T(r.WeightDecay))
}

// A pace is what a direction d makes of the speed v, and of that a step.
type pace[T Float] struct {
	mu, rate T
	fresh    T // 1-τ; times η in the heavy-ball form
}

func (p pace[T]) heavy(v *T, d T) T {
	*v = T(p.mu**v) - T(p.fresh*d)
	return *v
}

func (p pace[T]) heavyNesterov(v *T, d T) T {
	*v = T(p.mu**v) - T(p.fresh*d)
	return T(p.mu**v) - T(p.rate*d)
}

func (p pace[T]) velocity(v *T, d T) T {
	*v = T(p.mu**v) + T(p.fresh*d)
	return T(p.rate * *v)
}

func (p pace[T]) velocityNesterov(v *T, d T) T {
	*v = T(p.mu**v) + T(p.fresh*d)
	return T(p.rate * (d + T(p.mu**v)))
}

// rmsprop is a pass of the kernels without momentum and centring, which has the
// bits of the loop below.
func (o *Optimizer[T]) rmsprop(w, g []T, eta float64) {
	r := &o.rule
	rho, kept := T(1-r.Rho), T(r.Rho)
	lambda, rate, eps, inside := T(r.WeightDecay), T(eta), T(r.Eps), T(0)
	if r.EpsInside {
		eps, inside = 0, eps
	}
	if r.Momentum == 0 && !r.Centered {
		kernel.RMSpropStep(w, o.s, g, kept, rho, rate, eps, inside, lambda)
		return
	}
	p := pace[T]{mu: T(r.Momentum), rate: rate, fresh: 1}
	if !r.Velocity {
		p.fresh = rate
	}
	for i, x := range w {
		d := g[i] + T(lambda*x)
		s := T(kept*o.s[i]) + T(rho*T(d*d))
		o.s[i] = s
		if r.Centered {
			a := T(kept*o.a[i]) + T(rho*d)
			o.a[i] = a
			s = max(s-T(a*a), 0)
		}
		u := ratio(d, root(s+inside)+eps)
		switch {
		case r.Momentum == 0:
			w[i] = x - T(rate*u)
		case r.Velocity && r.Nesterov:
			w[i] = x - p.velocityNesterov(&o.m[i], u)
		case r.Velocity:
			w[i] = x - p.velocity(&o.m[i], u)
		case r.Nesterov:
			w[i] = x + p.heavyNesterov(&o.m[i], u)
		default:
			w[i] = x + p.heavy(&o.m[i], u)
		}
	}
}

func (o *Optimizer[T]) adam(w, g []T, eta float64) {
	r := &o.rule
	rates := kernel.AdamRates[T]{
		Beta1: T(r.Beta1), Fresh1: T(1 - r.Beta1), Beta2: T(r.Beta2), Fresh2: T(1 - r.Beta2),
		Rate:   T(eta / (1 - power(r.Beta1, o.steps))),
		Spread: T(math.Sqrt(1 - power(r.Beta2, o.steps))),
		Eps:    T(r.Eps), Decay: T(r.WeightDecay), Shrink: 1,
	}
	if r.Method == AdamW {
		rates.Decay, rates.Shrink = 0, T(1-float64(eta*r.WeightDecay))
	}
	kernel.AdamStep(w, o.m, o.s, g, &rates)
}

// ratio is a/b, and 0 where b is 0: a gradient that was always 0 moves nothing.
func ratio[T Float](a, b T) T {
	if b == 0 {
		return 0
	}
	return a / b
}

// root is the square root, rounded correctly to T.
func root[T Float](x T) T { return T(math.Sqrt(float64(x))) }

// power is xⁿ, n >= 0, by squaring: the same bits everywhere.
func power(x float64, n int64) float64 {
	p := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = float64(p * x)
		}
		x = float64(x * x)
	}
	return p
}
