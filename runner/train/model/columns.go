package model

import "github.com/trawl-sweep/trawl/runner/train/kernel"

// A Span is the columns From … To−1 of the input.
type Span struct{ From, To int }

// width is the number of columns of spans.
func width(spans []Span) int {
	n := 0
	for _, s := range spans {
		n += s.To - s.From
	}
	return n
}

// first computes the sums z of the first layer. If the input has only some
// columns because the others are 0 in every example, their weights are left out
// of the product: each would add an exact 0.
func (n *Net[T]) first(w []T, rows int, cols []Span, z []T) {
	l := n.Layers[0]
	a, k := w[l.Weight:l.Bias], l.In
	if cols != nil {
		k = width(cols)
		a = n.compact(a, cols)
	}
	kernel.Gemm(&n.work, false, true, rows, l.Out, k, n.x, k, a, k, z, l.Out, true)
}

// firstBack computes the gradient of the first layer's weights from d; it is 0
// for columns that are.
func (n *Net[T]) firstBack(d, g []T, b Batch[T]) {
	l := n.Layers[0]
	gw := g[l.Weight:l.Bias]
	if b.Columns == nil {
		kernel.Gemm(&n.work, true, false, l.Out, l.In, b.Rows, d, l.Out, n.x, l.In, gw, l.In, !b.First)
		return
	}
	k := width(b.Columns)
	if b.First {
		clear(gw)
	}
	part := n.compact(gw, b.Columns)
	kernel.Gemm(&n.work, true, false, l.Out, k, b.Rows, d, l.Out, n.x, k, part, k, true)
	for o := range l.Out {
		row, from := gw[o*l.In:][:l.In], part[o*k:][:k]
		for _, s := range b.Columns {
			from = from[copy(row[s.From:s.To], from):]
		}
	}
}

// compact returns a copy of the columns of a matrix as wide as the input, until
// the next call.
func (n *Net[T]) compact(a []T, cols []Span) []T {
	if n.some == nil {
		n.some = make([]T, len(a))
	}
	out := n.some[:0]
	for ; len(a) > 0; a = a[n.In:] {
		for _, s := range cols {
			out = append(out, a[s.From:s.To]...)
		}
	}
	return out
}
