// Package model holds the models of the built-in trainer: their parameters as
// one flat vector, loss and gradient of one example at a time.
//
// An example is sparse, x[Index[j]] = Value[j]/255: most pixels of a scanned
// digit are blank. Sums run in the order of the example, products are rounded
// before they are added, and exp and log are of this package, so that the same
// weights come out to the bit on every processor.
package model

import "math"

// An Example is the non-zero features of one input, ascending by index, as
// bytes that stand for Value/255.
type Example struct {
	Index []uint16
	Value []uint8
}

// Softmax is multinomial logistic regression with d features and c classes,
//
//	z = Wᵀx + b,  p = softmax(z),  loss = −log p[y]
//
// Its parameters are one vector of length (d+1)·c: W row by row (one row of c
// weights per feature), then b. The gradient of the loss is x(p − e_y)ᵀ for W
// and p − e_y for b. A Softmax holds scratch space and is used by one goroutine.
type Softmax struct {
	Features, Classes int

	z []float64 // logits, then the gradient by them
}

// NewSoftmax returns a model of d features and c classes, both at least 1.
func NewSoftmax(d, c int) *Softmax {
	return &Softmax{Features: d, Classes: c, z: make([]float64, c)}
}

// Len is the number of parameters.
func (m *Softmax) Len() int { return (m.Features + 1) * m.Classes }

// Loss returns the loss of example x with label y under the parameters w, and
// whether y is the class with the largest logit (the first of equals). A loss
// that is not finite is never right.
func (m *Softmax) Loss(w []float64, x Example, y int) (loss float64, right bool) {
	m.logits(w, x)
	top, right := m.top(y)
	sum := 0.0
	for _, z := range m.z {
		sum += exp(z - top)
	}
	return log(sum) - (m.z[y] - top), right
}

// Gradient adds scale times the gradient of the loss of (x, y) to g, and
// returns what Loss does.
func (m *Softmax) Gradient(w, g []float64, x Example, y int, scale float64) (loss float64, right bool) {
	m.logits(w, x)
	top, right := m.top(y)
	zy := m.z[y] - top
	sum := 0.0
	for k, z := range m.z {
		m.z[k] = exp(z - top)
		sum += m.z[k]
	}
	for k, e := range m.z {
		m.z[k] = float64(e / sum * scale)
	}
	m.z[y] -= scale
	m.spread(g, x)
	return log(sum) - zy, right
}

// top returns the largest logit, and whether it is that of y. If a logit is
// not a number, top is NaN and so is the loss.
func (m *Softmax) top(y int) (top float64, right bool) {
	top, at := m.z[0], 0
	for k, z := range m.z {
		if math.IsNaN(z) {
			return z, false
		}
		if z > top {
			top, at = z, k
		}
	}
	return top, at == y && !math.IsInf(top, 0)
}

// logits sets z = Wᵀx + b.
func (m *Softmax) logits(w []float64, x Example) {
	c := m.Classes
	copy(m.z, w[m.Features*c:])
	if c == 10 {
		logits10((*[10]float64)(m.z), w, x)
		return
	}
	for j, i := range x.Index {
		v := pixel[x.Value[j]]
		row := w[int(i)*c:][:c]
		for k := range m.z {
			m.z[k] += float64(v * row[k])
		}
	}
}

// spread adds x zᵀ and z to the gradient of W and b.
func (m *Softmax) spread(g []float64, x Example) {
	c := m.Classes
	b := g[m.Features*c:][:c]
	for k, d := range m.z {
		b[k] += d
	}
	if c == 10 {
		spread10(g, (*[10]float64)(m.z), x)
		return
	}
	for j, i := range x.Index {
		v := pixel[x.Value[j]]
		row := g[int(i)*c:][:c]
		for k, d := range m.z {
			row[k] += float64(v * d)
		}
	}
}

// pixel is n/255, rounded once.
var pixel = func() (t [256]float64) {
	for n := range t {
		t[n] = float64(n) / 255
	}
	return t
}()

// logits10 is logits for ten classes, with the sums in registers. The order of
// additions is that of the plain loop, and so are the bits.
func logits10(z *[10]float64, w []float64, x Example) {
	z0, z1, z2, z3, z4 := z[0], z[1], z[2], z[3], z[4]
	z5, z6, z7, z8, z9 := z[5], z[6], z[7], z[8], z[9]
	value := x.Value[:len(x.Index)]
	for j, i := range x.Index {
		v := pixel[value[j]]
		r := (*[10]float64)(w[int(i)*10:])
		z0 += float64(v * r[0])
		z1 += float64(v * r[1])
		z2 += float64(v * r[2])
		z3 += float64(v * r[3])
		z4 += float64(v * r[4])
		z5 += float64(v * r[5])
		z6 += float64(v * r[6])
		z7 += float64(v * r[7])
		z8 += float64(v * r[8])
		z9 += float64(v * r[9])
	}
	*z = [10]float64{z0, z1, z2, z3, z4, z5, z6, z7, z8, z9}
}

// spread10 is spread's loop for ten classes.
func spread10(g []float64, z *[10]float64, x Example) {
	z0, z1, z2, z3, z4 := z[0], z[1], z[2], z[3], z[4]
	z5, z6, z7, z8, z9 := z[5], z[6], z[7], z[8], z[9]
	value := x.Value[:len(x.Index)]
	for j, i := range x.Index {
		v := pixel[value[j]]
		r := (*[10]float64)(g[int(i)*10:])
		r[0] += float64(v * z0)
		r[1] += float64(v * z1)
		r[2] += float64(v * z2)
		r[3] += float64(v * z3)
		r[4] += float64(v * z4)
		r[5] += float64(v * z5)
		r[6] += float64(v * z6)
		r[7] += float64(v * z7)
		r[8] += float64(v * z8)
		r[9] += float64(v * z9)
	}
}
