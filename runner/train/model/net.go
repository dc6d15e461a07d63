// Package model holds the models of the built-in trainer: linear regression,
// softmax regression and perceptrons of up to four hidden layers, with their
// losses, penalties, dropout, gradients and initial weights, for float32 and
// float64.
//
// The parameters are one vector, layer after layer from the input on: the
// weights [out, in] row by row, then the biases. A batch is a matrix with an
// example per row; all products are those of package kernel, so that the bits
// depend on the numbers alone and not on the size of the batch, on what stands
// beside it, or on the processor.
//
// Sources: Rumelhart, Hinton and Williams, Learning representations by
// back-propagating errors, Nature 323, 1986; Hendrycks and Gimpel,
// arXiv:1606.08415 (GELU); Srivastava and others, Dropout, JMLR 15, 2014;
// Szegedy and others, CVPR 2016, section 7 (label smoothing); Glorot and Bengio,
// AISTATS 2010; He and others, ICCV 2015. Departures: dropout divides by 1−p in
// training, where the paper multiplies by it in evaluation; He's weights are
// uniform with his variance and not normal.
package model

import (
	"fmt"

	"github.com/trawl-sweep/trawl/runner/train/kernel"
)

// Float is what weights are made of.
type Float interface{ float32 | float64 }

// An Activation is what a hidden unit makes of its sum z.
type Activation int

// The activations: max(z, 0); tanh z; zΦ(z) with Φ the normal distribution.
const (
	ReLU Activation = iota
	Tanh
	GELU
)

// A Loss is what the outputs z of one example are measured by.
type Loss int

// The losses. CrossEntropy is −Σ q_k log p_k with p = softmax(z) and q the
// label, smoothed: 1−s+s/c at its class, s/c at the other c−1. Squared is
// ½(z−y)² of the one output.
const (
	CrossEntropy Loss = iota
	Squared
)

// MaxHidden is the largest number of hidden layers.
const MaxHidden = 4

// A Spec is the shape of a network and what it is trained for,
//
//	J = mean loss + L1·Σ|w| + ½·L2·Σw²
//
// the sums over all weights and no biases. Without hidden layers it is linear
// or softmax regression.
type Spec struct {
	In, Out    int   // features; classes, or 1 for Squared
	Hidden     []int // units of each hidden layer, at most MaxHidden of them
	Activation Activation
	Loss       Loss

	L1, L2    float64 // >= 0
	Smoothing float64 // s of CrossEntropy, 0 <= s < 1
	// Dropout is the part of the hidden units that each example of a training
	// batch does without, 0 <= p < 1. The others are divided by 1−p, so that an
	// evaluation changes nothing (Srivastava and others, JMLR 15, 2014, inverted).
	Dropout float64
	// Frozen layers, counted from the input, get no gradient.
	Frozen int
}

// Check returns what is wrong with the shapes of s, as an error that says what is
// wanted. The numbers L1, L2, Smoothing and Dropout are the caller's to check.
func (s Spec) Check() error {
	switch {
	case s.In < 1 || s.Out < 1:
		return fmt.Errorf("%d features and %d outputs; want at least 1 of each", s.In, s.Out)
	case len(s.Hidden) > MaxHidden:
		return fmt.Errorf("%d hidden layers; want at most %d", len(s.Hidden), MaxHidden)
	case s.Frozen < 0 || s.Frozen > len(s.Hidden):
		return fmt.Errorf("freeze: %d of %d layers; want at least one that learns", s.Frozen, len(s.Hidden)+1)
	case s.Loss == Squared && s.Out != 1:
		return fmt.Errorf("%d outputs with the squared loss; want 1", s.Out)
	}
	for _, h := range s.Hidden {
		if h < 1 {
			return fmt.Errorf("a hidden layer of %d units; want at least 1", h)
		}
	}
	return nil
}

// A Layer is z = Wa + b with its place in the vector of parameters: W, Out×In
// row by row, from Weight on, and b from Bias on.
type Layer struct {
	In, Out      int
	Weight, Bias int
}

// Layers returns the layers of s from the input to the output, and the number
// of all parameters. They follow one another, so that frozen ones come first.
func (s Spec) Layers() (layers []Layer, n int) {
	in := s.In
	for _, out := range append(append([]int(nil), s.Hidden...), s.Out) {
		layers = append(layers, Layer{in, out, n, n + in*out})
		n += in*out + out
		in = out
	}
	return layers, n
}

// A Net is a network with the scratch space of its computations, for batches
// of at most rows examples. Its parameters are the caller's. It is used by one
// goroutine and allocates nothing after its first batch.
type Net[T Float] struct {
	Spec
	Layers []Layer

	rows int
	n    int
	work kernel.Work
	x    []T    // rows × In
	z    [][]T  // per layer, before the activation; the last are the outputs
	h    [][]T  // per hidden layer, after it; z itself but for GELU
	mask [][]T  // per hidden layer with dropout: 0 or 1/(1−p)
	drop [][]T  // h times mask, or h
	d    [2][]T // gradients by z, in turn
	loss []float64

	// for sparse input
	turned kernel.Pairs[T] // its transpose
	wt     []T             // the first layer's weights, In × Out
	gt     []T             // rows of their gradient, blockT × Out
}

// New returns a network for at most rows >= 1 examples at a time. It panics if
// s.Check has an error.
func New[T Float](s Spec, rows int) *Net[T] {
	if err := s.Check(); err != nil || rows < 1 {
		panic(fmt.Sprintf("model: %v, for %d rows", err, rows))
	}
	n := &Net[T]{Spec: s, rows: rows, x: make([]T, rows*s.In), loss: make([]float64, rows)}
	n.Layers, n.n = s.Layers()
	widest := 0
	for i, l := range n.Layers {
		z := make([]T, rows*l.Out)
		n.z = append(n.z, z)
		if i == len(n.Layers)-1 {
			break
		}
		widest = max(widest, l.Out)
		h, mask, drop := z, []T(nil), []T(nil)
		if s.Activation == GELU {
			h = make([]T, rows*l.Out)
		}
		if drop = h; s.Dropout > 0 {
			mask, drop = make([]T, rows*l.Out), make([]T, rows*l.Out)
		}
		n.h, n.mask, n.drop = append(n.h, h), append(n.mask, mask), append(n.drop, drop)
	}
	n.d = [2][]T{make([]T, rows*widest), make([]T, rows*widest)}
	return n
}

// Beside returns a network for s, which differs from n.Spec in penalties,
// smoothing and dropout alone, with the scratch space of n: of the two only one
// computes at a time. Its Input is that of n.
func (n *Net[T]) Beside(s Spec) *Net[T] {
	other := *n
	other.Spec = s
	return &other
}

// Len is the number of parameters.
func (n *Net[T]) Len() int { return n.n }

// Rows is the largest number of examples at a time.
func (n *Net[T]) Rows() int { return n.rows }

// FrozenLen is the number of parameters of the frozen layers; those come first.
func (n *Net[T]) FrozenLen() int { return n.Layers[n.Frozen].Weight }

// Input is where the next batch goes before Gradient or Forward: example i
// from i·In on.
func (n *Net[T]) Input() []T { return n.x }

// A Batch is what the examples of Input are to give, and how they count.
type Batch[T Float] struct {
	Rows int // examples in Input
	// X is the examples in place of Input, where most of their numbers are 0;
	// nil: Input. The result is that of the dense input if the weights are finite.
	X *kernel.Sparse[T]

	Label  []int32 // classes, for CrossEntropy
	Target []T     // numbers, for Squared
	// Scale of the gradient: 1/B, with B the examples of the whole mini-batch.
	Scale T
	// First is set for the first part of a mini-batch: its gradient replaces
	// what g held. The parts that follow are added, in one chain of operations,
	// so that the bits do not depend on how a mini-batch is divided.
	First bool
	// Place and Key say which units dropout takes: that of unit u of layer l is
	// a function of Key, l and (Place + row)·width + u. Place is the number of
	// examples in the parts before.
	Place int
	Key   uint64
}

// Gradient computes the gradient of the mean loss by the parameters w, both of Len
// numbers, without the penalties, into g (see Batch.First): from the output layer
// back, with d the gradient by z = Wa + b of a layer, over the examples i,
//
//	∂J/∂W = Σ dᵢaᵢᵀ,  ∂J/∂b = Σ dᵢ,  d of the layer below = (Wᵀd)·h′(z)
//
// and d = Scale·(p − q) or Scale·(z − y) at the outputs. It sums in the order of
// the examples. The part of g that belongs to frozen layers is left alone.
//
// It returns the loss of each example, in nats or half squares of the target's
// unit, until the next call, and, for CrossEntropy, how many were classified right.
func (n *Net[T]) Gradient(w, g []T, b Batch[T]) (loss []float64, right int) {
	n.forward(w, b.Rows, b.X, &b)
	top := len(n.Layers) - 1
	d := n.z[top][:b.Rows*n.Out]
	loss = n.loss[:b.Rows]
	if n.Loss == CrossEntropy {
		right = kernel.SoftmaxCE(d, n.Out, b.Rows, n.Out, b.Label, T(n.Smoothing), b.Scale, loss)
	} else {
		for i := range loss {
			e := float64(d[i]) - float64(b.Target[i])
			loss[i] = float64(e*e) / 2
			d[i] = T((d[i] - b.Target[i]) * b.Scale)
		}
	}
	n.backward(w, g, d, b)
	return loss, right
}

// Forward returns the outputs, Out per example, for the first rows examples of
// Input, or of x if it is not nil, under the parameters w, without dropout. They
// stay until the next call and may be changed.
func (n *Net[T]) Forward(w []T, rows int, x *kernel.Sparse[T]) []T {
	n.forward(w, rows, x, nil)
	return n.z[len(n.Layers)-1][:rows*n.Out]
}

// forward fills z, h and drop; dropout is that of b, and none without b.
func (n *Net[T]) forward(w []T, rows int, x *kernel.Sparse[T], b *Batch[T]) {
	var a []T
	for i, l := range n.Layers {
		z := n.z[i][:rows*l.Out]
		kernel.SetRows(z, l.Out, rows, l.Out, w[l.Bias:][:l.Out])
		if i == 0 {
			n.first(w, rows, x, z)
		} else {
			kernel.Gemm(&n.work, false, true, rows, l.Out, l.In, a, l.In, w[l.Weight:], l.In, z, l.Out, true)
		}
		if i == len(n.Layers)-1 {
			return
		}
		a = n.h[i][:rows*l.Out]
		switch n.Activation {
		case ReLU:
			kernel.ReLU(a, z)
		case Tanh:
			kernel.Tanh(a, z)
		default:
			kernel.GELU(a, z)
		}
		if b != nil && n.Dropout > 0 {
			drop, mask := n.drop[i][:len(a)], n.mask[i][:len(a)]
			dropMask(mask, n.Dropout, layerKey(b.Key, i), b.Place*l.Out)
			for j, m := range mask {
				drop[j] = a[j] * m
			}
			a = drop
		}
	}
}

// backward spreads d, the gradient by the outputs.
func (n *Net[T]) backward(w, g, d []T, b Batch[T]) {
	for i := len(n.Layers) - 1; i >= n.Frozen; i-- {
		l := n.Layers[i]
		if i == 0 {
			n.firstBack(d, g, b)
		} else {
			a := n.h[i-1]
			if n.Dropout > 0 {
				a = n.drop[i-1]
			}
			kernel.Gemm(&n.work, true, false, l.Out, l.In, b.Rows, d, l.Out, a, l.In, g[l.Weight:], l.In, !b.First)
		}
		kernel.SumRows(g[l.Bias:][:l.Out], d, l.Out, b.Rows, l.Out, !b.First)
		if i == n.Frozen {
			return
		}
		below := n.d[i&1][:b.Rows*l.In]
		kernel.Gemm(&n.work, false, false, b.Rows, l.In, l.Out, d, l.Out, w[l.Weight:], l.In, below, l.In, false)
		d = below
		if n.Dropout > 0 {
			for j, m := range n.mask[i-1][:len(d)] {
				d[j] *= m
			}
		}
		switch n.Activation {
		case ReLU:
			kernel.ReLUBackward(d, d, n.h[i-1][:len(d)])
		case Tanh:
			kernel.TanhBackward(d, d, n.h[i-1][:len(d)])
		default:
			kernel.GELUBackward(d, d, n.z[i-1][:len(d)])
		}
	}
}

// Penalty adds the gradient of the L1 and L2 terms of the layers that learn to g,
//
//	g ← g + L1·sign(w) + L2·w,  sign(0) = 0
//
// for weights and not for biases; w and g have Len numbers.
func (n *Net[T]) Penalty(w, g []T) {
	if n.L1 == 0 && n.L2 == 0 {
		return
	}
	l1, l2 := T(n.L1), T(n.L2)
	for _, l := range n.Layers[n.Frozen:] {
		u, gu := w[l.Weight:l.Bias], g[l.Weight:l.Bias]
		for j, x := range u {
			s := T(0)
			if x > 0 {
				s = l1
			} else if x < 0 {
				s = -l1
			}
			gu[j] += T(l2*x) + s
		}
	}
}

// PenaltyLoss is L1·Σ|w| + ½·L2·Σw² over the weights of all layers, those that are
// frozen included and biases not, summed in float64 in the order of w.
func (n *Net[T]) PenaltyLoss(w []T) float64 {
	sum := 0.0
	for _, l := range n.Layers {
		for _, x := range w[l.Weight:l.Bias] {
			v := float64(x)
			sum += float64(n.L1*max(v, -v)) + float64(float64(n.L2*v)*v)/2
		}
	}
	return sum
}
