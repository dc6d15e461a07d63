// Package optim holds the update rules of the built-in trainer: momentum,
// gradient clipping and the decay of the learning rate. All are plain float64
// loops in a fixed order. Products are rounded before they are added (the
// explicit conversions forbid a fused multiply-add), so that the bits are the
// same on every processor.
//
// Sources: Polyak 1964; Robbins and Monro 1951; Pascanu, Mikolov and Bengio,
// ICML 2013; Sutskever, Martens, Dahl and Hinton, ICML 2013.
package optim

// Momentum is gradient descent with a heavy ball,
//
//	v ← μv − η(g + λw)
//	w ← w + v
//
// or, with Velocity, in the form that most frameworks have,
//
//	v ← μv + g + λw
//	w ← w − ηv
//
// with η the learning rate, g the gradient of the mean loss of the batch and λ
// the weight decay. The two are equal while η is constant; when it decays, the
// heavy ball keeps its speed and the velocity form brakes at once. The zero
// Momentum is plain gradient descent.
//
// Polyak, Some methods of speeding up the convergence of iteration methods,
// USSR Comput. Math. Math. Phys. 4(5), 1964.
type Momentum struct {
	Mu          float64 // μ, 0 <= Mu < 1
	Velocity    bool    // the second form
	WeightDecay float64 // λ >= 0, on every weight, biases included

	v []float64 // len(w); nil before the first step
}

// Step changes w in place by one update with gradient g and learning rate eta.
// It panics if w and g, or w and the w of earlier steps, differ in length.
func (m *Momentum) Step(w, g []float64, eta float64) {
	if m.v == nil {
		m.v = make([]float64, len(w))
	}
	if len(w) != len(g) || len(w) != len(m.v) {
		panic("optim: weights, gradient and state differ in length")
	}
	v, mu, lambda := m.v, m.Mu, m.WeightDecay
	g, v = g[:len(w)], v[:len(w)]
	if m.Velocity {
		for i := range w {
			v[i] = float64(mu*v[i]) + (g[i] + float64(lambda*w[i]))
			w[i] -= float64(eta * v[i])
		}
		return
	}
	for i := range w {
		v[i] = float64(mu*v[i]) - float64(eta*(g[i]+float64(lambda*w[i])))
		w[i] += v[i]
	}
}

// State returns the momentum vector, nil before the first step: what a
// checkpoint must hold beside the weights. It is not a copy.
func (m *Momentum) State() []float64 { return m.v }

// Restore takes v as the momentum vector; it is not copied.
func (m *Momentum) Restore(v []float64) { m.v = v }
