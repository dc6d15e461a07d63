package kernel

import "math"

// DescendStep is one step of gradient descent,
//
//	w ← w − rate·(g + decay·w)
//
// on weights w and gradient g of one length, each operation rounded. rate is the
// learning rate η, decay the coefficient λ of an L2 penalty ½λ‖w‖².
//
// Robbins and Monro, A stochastic approximation method, Ann. Math. Stat. 22(3),
// 1951.
func DescendStep[T Float](w, g []T, rate, decay T) {
	checkSame("DescendStep", len(w), len(g))
	if single[T]() {
		descendSlice(f32(w), f32(g), float32(rate), float32(decay))
		return
	}
	descendGo(f64(w), f64(g), float64(rate), float64(decay))
}

func descendGo[T Float](w, g []T, rate, decay T) {
	g = g[:len(w)]
	for i, x := range w {
		w[i] = x - T(rate*(g[i]+T(decay*x)))
	}
}

// A Form says how momentum enters a step.
type Form int

// The forms of MomentumStep, with d = g + decay·w:
const (
	HeavyBall         Form = iota // v ← mu·v − fresh·d,  w ← w + v
	HeavyBallNesterov             // v ← mu·v − fresh·d,  w ← w + (mu·v − rate·d)
	Velocity                      // v ← mu·v + fresh·d,  w ← w − rate·v
	VelocityNesterov              // v ← mu·v + fresh·d,  w ← w − rate·(d + mu·v)
)

// MomentumStep is one step of gradient descent with momentum in the given form,
// on weights w, speed v and gradient g of one length. fresh is η(1−τ) for the
// heavy ball and 1−τ for the velocity, with η the learning rate, also rate, and
// τ the dampening.
//
// Polyak 1964; Sutskever, Martens, Dahl and Hinton, On the importance of
// initialization and momentum in deep learning, ICML 2013.
func MomentumStep[T Float](form Form, w, v, g []T, mu, fresh, rate, decay T) {
	checkSame("MomentumStep", len(w), len(v), len(g))
	if single[T]() {
		momentumSlice(form, f32(w), f32(v), f32(g), float32(mu), float32(fresh), float32(rate), float32(decay))
		return
	}
	momentumGo(form, f64(w), f64(v), f64(g), float64(mu), float64(fresh), float64(rate), float64(decay))
}

func momentumGo[T Float](form Form, w, v, g []T, mu, fresh, rate, decay T) {
	v, g = v[:len(w)], g[:len(w)]
	switch form {
	case HeavyBall:
		for i, x := range w {
			v[i] = T(mu*v[i]) - T(fresh*(g[i]+T(decay*x)))
			w[i] = x + v[i]
		}
	case HeavyBallNesterov:
		for i, x := range w {
			d := g[i] + T(decay*x)
			v[i] = T(mu*v[i]) - T(fresh*d)
			w[i] = x + (T(mu*v[i]) - T(rate*d))
		}
	case Velocity:
		for i, x := range w {
			v[i] = T(mu*v[i]) + T(fresh*(g[i]+T(decay*x)))
			w[i] = x - T(rate*v[i])
		}
	case VelocityNesterov:
		for i, x := range w {
			d := g[i] + T(decay*x)
			v[i] = T(mu*v[i]) + T(fresh*d)
			w[i] = x - T(rate*(d+T(mu*v[i])))
		}
	default:
		panic("kernel: MomentumStep: unknown form")
	}
}

// AdamRates are the numbers of one AdamStep.
type AdamRates[T Float] struct {
	Beta1, Fresh1 T // β₁ and 1−β₁
	Beta2, Fresh2 T // β₂ and 1−β₂
	Rate          T // η/(1−β₁ᵗ)
	Spread        T // √(1−β₂ᵗ)
	Eps           T // ε, added to the root
	Decay         T // of Adam, in the gradient
	Shrink        T // 1−ηλ with the decay λ of AdamW, else 1
}

// AdamStep is one step of Adam or AdamW on weights w, first and second moment m
// and s and gradient g of one length, with d = g + Decay·w,
//
//	m ← β₁m + (1−β₁)d,  s ← β₂s + (1−β₂)d²
//	w ← Shrink·w − Rate·m/(√s/Spread + ε)
//
// where 0/0 is 0: a gradient that was always 0 moves nothing, also with ε = 0.
//
// Kingma and Ba, Adam, ICLR 2015; Loshchilov and Hutter, Decoupled weight decay
// regularization, ICLR 2019.
func AdamStep[T Float](w, m, s, g []T, r *AdamRates[T]) {
	checkSame("AdamStep", len(w), len(m), len(s), len(g))
	if single[T]() {
		adamSlice(f32(w), f32(m), f32(s), f32(g), &AdamRates[float32]{
			float32(r.Beta1), float32(r.Fresh1), float32(r.Beta2), float32(r.Fresh2),
			float32(r.Rate), float32(r.Spread), float32(r.Eps), float32(r.Decay), float32(r.Shrink),
		})
		return
	}
	adamGo(w, m, s, g, r)
}

func adamGo[T Float](w, m, s, g []T, r *AdamRates[T]) {
	m, s, g = m[:len(w)], s[:len(w)], g[:len(w)]
	for i, x := range w {
		d := g[i] + T(r.Decay*x)
		m[i] = T(r.Beta1*m[i]) + T(r.Fresh1*d)
		s[i] = T(r.Beta2*s[i]) + T(r.Fresh2*T(d*d))
		u := ratio(m[i], root(s[i])/r.Spread+r.Eps)
		w[i] = T(r.Shrink*x) - T(r.Rate*u)
	}
}

// RMSpropStep is one step of RMSprop, neither centred nor with momentum, on
// weights w, mean square s and gradient g of one length, with d = g + decay·w,
//
//	s ← rho·s + fresh·d²,  w ← w − rate·d/(√(s + inside) + eps)
//
// where 0/0 is 0. fresh is 1−rho; eps stands outside the root, or inside.
//
// Tieleman and Hinton, Neural networks for machine learning, lecture 6.5, 2012.
func RMSpropStep[T Float](w, s, g []T, rho, fresh, rate, eps, inside, decay T) {
	checkSame("RMSpropStep", len(w), len(s), len(g))
	if single[T]() {
		rmspropSlice(f32(w), f32(s), f32(g), float32(rho), float32(fresh), float32(rate), float32(eps), float32(inside), float32(decay))
		return
	}
	rmspropGo(w, s, g, rho, fresh, rate, eps, inside, decay)
}

func rmspropGo[T Float](w, s, g []T, rho, fresh, rate, eps, inside, decay T) {
	s, g = s[:len(w)], g[:len(w)]
	for i, x := range w {
		d := g[i] + T(decay*x)
		s[i] = T(rho*s[i]) + T(fresh*T(d*d))
		w[i] = x - T(rate*ratio(d, root(s[i]+inside)+eps))
	}
}

// ratio is a/b, and 0 where b is 0.
func ratio[T Float](a, b T) T {
	if b == 0 {
		return 0
	}
	return a / b
}

// root is the square root, rounded correctly to T: rounding a root twice, from
// float64, is rounding it once.
func root[T Float](x T) T { return T(math.Sqrt(float64(x))) }
