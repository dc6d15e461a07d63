package model

import "github.com/trawl-sweep/trawl/runner/train/kernel"

// gradRows is how many rows of the turned gradient are computed before they are
// put in their places, from dense examples: enough that packing the other factor
// does not count.
const gradRows = 112

// A Wide is the computation of several models without hidden layers on the same
// examples, side by side as one with more outputs: the products are wide, and
// each example is read once for all. Every model has the bits of a Net alone, for
// an element of a product is the same chain of operations in both.
//
// The scratch space is
//
//	wt, In × n·Out   the weights of all models, turned: a column per output
//	z,  rows × n·Out the outputs, then the gradient by them
//
// with n models. Parameters are the caller's, a vector per model as a Net has it.
// A Wide is used by one goroutine and allocates nothing after its first batch.
type Wide[T Float] struct {
	net       *Net[T]
	n         int // loaded
	work      kernel.Work
	turned    kernel.Pairs[T]
	wt, gt, z []T
	bias, sum []T // and its gradient
	smoothing []T
	right     []int
	loss      []float64
}

// NewWide returns the computation of at most n models of the shape of net, whose
// Input it shares. It panics if that has hidden layers.
func NewWide[T Float](net *Net[T], n int) *Wide[T] {
	if len(net.Layers) != 1 || n < 1 {
		panic("model: NewWide: want models of one layer, at least one")
	}
	cols := n * net.Out
	return &Wide[T]{net: net, wt: make([]T, net.In*cols), gt: make([]T, min(gradRows, net.In)*cols), z: make([]T, net.rows*cols),
		bias: make([]T, cols), sum: make([]T, cols), smoothing: make([]T, n), right: make([]int, n), loss: make([]float64, net.rows*n)}
}

// Load takes the weights of the models; smoothing is that of each one's loss, nil
// for Forward alone.
func (w *Wide[T]) Load(weights [][]T, smoothing []float64) {
	l, cols := w.net.Layers[0], len(weights)*w.net.Out
	w.n = len(weights)
	for i, x := range weights {
		kernel.Transpose(w.wt[i*l.Out:], cols, x[l.Weight:], l.In, l.Out, l.In)
		copy(w.bias[i*l.Out:], x[l.Bias:][:l.Out])
	}
	for i, s := range smoothing {
		w.smoothing[i] = T(s)
	}
}

// Forward returns the outputs of all models for the first rows examples of the
// Net's Input, or of x if it is not nil: Out of the first model, then of the next
// one, for each example. They stay until the next call.
func (w *Wide[T]) Forward(rows int, x *kernel.Sparse[T]) []T {
	in, cols := w.net.In, w.n*w.net.Out
	z := w.z[:rows*cols]
	kernel.SetRows(z, cols, rows, cols, w.bias[:cols])
	if x != nil {
		kernel.MulSparse(x, cols, w.wt, cols, z, cols, true)
	} else {
		kernel.Gemm(&w.work, false, false, rows, cols, in, w.net.x, in, w.wt, cols, z, cols, true)
	}
	return z
}

// Gradient is Net.Gradient for all models: gs are their gradients, with the parts
// of a mini-batch as there. Model m on example i has the loss loss[i·n+m], and
// right[m] examples were classified right.
func (w *Wide[T]) Gradient(gs [][]T, b Batch[T]) (loss []float64, right []int) {
	d := w.Forward(b.Rows, b.X)
	loss, right = w.loss[:b.Rows*w.n], w.right[:w.n]
	clear(right)
	if w.net.Loss == CrossEntropy {
		kernel.SoftmaxGroups(d, b.Rows, w.n, w.net.Out, b.Label, w.smoothing[:w.n], b.Scale, loss, right)
	} else {
		for i := range loss {
			y := b.Target[i/w.n]
			e := float64(d[i]) - float64(y)
			loss[i] = float64(e*e) / 2
			d[i] = T((d[i] - y) * b.Scale)
		}
	}
	w.backward(gs, d, b)
	return loss, right
}

// backward puts the gradient d by the outputs into that of each model.
func (w *Wide[T]) backward(gs [][]T, d []T, b Batch[T]) {
	l, cols, rows := w.net.Layers[0], w.n*w.net.Out, gradRows
	if b.X != nil {
		w.turned.Turn(b.X)
		rows = blockT
	}
	for from := 0; from < l.In; from += rows {
		n := min(rows, l.In-from)
		if !b.First {
			for i, g := range gs {
				kernel.Transpose(w.gt[i*l.Out:], cols, g[l.Weight+from:], l.In, l.Out, n)
			}
		}
		if b.X != nil {
			kernel.MulPairs(&w.turned, from/2, (from+n+1)/2, cols, d, cols, w.gt, cols, !b.First)
		} else {
			kernel.Gemm(&w.work, true, false, n, cols, b.Rows, w.net.x[from:], l.In, d, cols, w.gt, cols, !b.First)
		}
		for i, g := range gs {
			kernel.Transpose(g[l.Weight+from:], l.In, w.gt[i*l.Out:], cols, n, l.Out)
		}
	}
	if !b.First {
		for i, g := range gs {
			copy(w.sum[i*l.Out:], g[l.Bias:][:l.Out])
		}
	}
	kernel.SumRows(w.sum[:cols], d, cols, b.Rows, cols, !b.First)
	for i, g := range gs {
		copy(g[l.Bias:][:l.Out], w.sum[i*l.Out:])
	}
}
