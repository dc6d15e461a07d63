// Package optim holds the update rules of the built-in trainer, gradient
// clipping and the schedules of the learning rate, for float32 and float64.
// All are plain loops in a fixed order. Products are rounded before they are
// added (the explicit conversions forbid a fused multiply-add), so that the
// bits are the same on every processor. Only powers, square roots, and an exp
// and a cos of this package are used: those of package math differ between
// processors.
//
// Sources: Polyak 1964; Nesterov 1983; Robbins and Monro 1951; Sutskever,
// Martens, Dahl and Hinton, ICML 2013; Pascanu, Mikolov and Bengio, ICML 2013;
// Tieleman and Hinton, Lecture 6.5, 2012; Graves, arXiv:1308.0850; Kingma and
// Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2017 and ICLR 2019. We depart
// from them where a denominator is 0, which makes a step of 0 and no NaN, and
// in the heavy-ball form of Nesterov's and RMSprop's momentum, which most
// frameworks have in the velocity form alone.
package optim

// A Method is the kind of an update rule.
type Method int

// The methods. Batch gradient descent is SGD with the whole of the data as its
// batch.
const (
	SGD Method = iota
	RMSprop
	Adam
	AdamW
)

// A Rule says how a gradient changes the weights. The zero value of each knob
// is that knob turned off, the zero Rule is plain gradient descent. Knobs that
// a method does not name are not looked at.
//
// SGD, with d = g + λw, the learning rate η, the momentum μ and the dampening
// τ (1 - τ is taken as 1 at the first step, as in PyTorch):
//
//	heavy ball        v ← μv − η(1−τ)d     w ← w + v
//	with Nesterov                          w ← w + μv − ηd
//	velocity form     v ← μv + (1−τ)d      w ← w − ηv
//	with Nesterov                          w ← w − η(d + μv)
//
// The heavy ball is Polyak's θ(t+1) = θ(t) − η∇J + μ(θ(t) − θ(t−1)); the
// velocity form is that of most frameworks. The two are equal while η is
// constant. When it changes, the heavy ball keeps its speed, for old gradients
// keep the rate that they came with, and the velocity form brakes at once. In
// Nesterov's method w is the point at which the gradient is taken.
//
// RMSprop, with d = g + λw and Rho ρ:
//
//	s ← ρs + (1−ρ)d²,  a ← ρa + (1−ρ)d if centred, else a = 0
//	u = d/(√(s−a²) + ε)
//
// then the momentum of SGD, in its two forms, with u for d and no dampening.
//
// Adam with d = g + λw, and AdamW with d = g, at step t = 1, 2 …:
//
//	m ← β₁m + (1−β₁)d,  s ← β₂s + (1−β₂)d²
//	w ← w − η (m/(1−β₁ᵗ)) / (√(s/(1−β₂ᵗ)) + ε)
//
// AdamW shrinks w by the factor 1 − ηλ before that: its weight decay is
// decoupled from the gradient.
type Rule struct {
	Method Method

	Momentum  float64 // μ of SGD and RMSprop, 0 <= μ < 1
	Velocity  bool    // the velocity form; the heavy ball without
	Dampening float64 // τ of SGD, 0 <= τ <= 1
	Nesterov  bool    // of SGD and RMSprop

	Rho      float64 // ρ of RMSprop, 0 <= ρ < 1
	Centered bool    // of RMSprop: divide by the deviation

	Beta1, Beta2 float64 // β₁ and β₂ of Adam and AdamW, each >= 0 and < 1

	Eps       float64 // ε >= 0 of RMSprop, Adam and AdamW
	EpsInside bool    // RMSprop with √(s−a²+ε), as TensorFlow has it

	WeightDecay float64 // λ >= 0, on every weight, biases included
}

// slots are the names of the vectors that r keeps beside the weights: m, the
// momentum or first moment; s, the second; a, the mean of the centred RMSprop.
func (r Rule) slots() []string {
	switch r.Method {
	case Adam, AdamW:
		return []string{"m", "s"}
	case RMSprop:
		names := []string{"s"}
		if r.Momentum != 0 {
			names = append(names, "m")
		}
		if r.Centered {
			names = append(names, "a")
		}
		return names
	}
	if r.Momentum != 0 {
		return []string{"m"}
	}
	return nil
}
