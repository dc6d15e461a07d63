package model

import "github.com/trawl-sweep/trawl/runner/train/kernel"

// blockT is how many rows of the turned gradient are computed before they are
// put in their places: 16 columns of float32 are a line of the cache.
const blockT = 16

// first adds the first layer's products to z, which holds the biases.
func (n *Net[T]) first(w []T, rows int, x *kernel.Sparse[T], z []T) {
	l := n.Layers[0]
	if x == nil {
		kernel.Gemm(&n.work, false, true, rows, l.Out, l.In, n.x, l.In, w[l.Weight:], l.In, z, l.Out, true)
		return
	}
	if n.wt == nil {
		n.wt, n.gt = make([]T, l.In*l.Out), make([]T, blockT*l.Out)
	}
	kernel.Transpose(n.wt, l.Out, w[l.Weight:], l.In, l.Out, l.In)
	kernel.MulSparse(x, l.Out, n.wt, l.Out, z, l.Out, true)
}

// firstBack computes the gradient of the first layer's weights, Σ d·xᵀ over the
// examples, from d. Sparse examples give it column by column.
func (n *Net[T]) firstBack(d, g []T, b Batch[T]) {
	l := n.Layers[0]
	g = g[l.Weight:l.Bias]
	if b.X == nil {
		kernel.Gemm(&n.work, true, false, l.Out, l.In, b.Rows, d, l.Out, n.x, l.In, g, l.In, !b.First)
		return
	}
	n.turned.Turn(b.X)
	for from := 0; from < l.In; from += blockT {
		cols := min(blockT, l.In-from)
		if !b.First {
			kernel.Transpose(n.gt, l.Out, g[from:], l.In, l.Out, cols)
		}
		kernel.MulPairs(&n.turned, from/2, (from+cols+1)/2, l.Out, d, l.Out, n.gt, l.Out, !b.First)
		kernel.Transpose(g[from:], l.In, n.gt, l.Out, cols, l.Out)
	}
}
