package kernel

// A Sparse is a matrix of which only some numbers are kept, all others being 0:
// row i has Val[k] in column Col[k] for Start[i] <= k < Start[i+1], columns
// ascending.
type Sparse[T Float] struct {
	Rows, Cols int
	Start      []int32 // Rows+1
	Col        []int32
	Val        []T

	sound bool // made by Turn: no column lies outside
}

// Part is rows from … to−1 of a. It shares the numbers of a.
func (a *Sparse[T]) Part(from, to int) Sparse[T] {
	return Sparse[T]{to - from, a.Cols, a.Start[from : to+1], a.Col, a.Val, a.sound}
}

// Turn makes a the transpose of b, in the room that a has.
func (a *Sparse[T]) Turn(b *Sparse[T]) {
	b.check("Turn")
	a.Rows, a.Cols, a.sound = b.Cols, b.Rows, true
	n := int(b.Start[b.Rows] - b.Start[0])
	a.Start, a.Col, a.Val = room(a.Start, a.Rows+2), room(a.Col, n), room(a.Val, n)
	next := a.Start[:a.Rows+2] // of row c at c+1, once the numbers are counted
	clear(next)
	col, val := b.Col[b.Start[0]:][:n], b.Val[b.Start[0]:][:n]
	for _, c := range col {
		next[c+2]++
	}
	for c := range a.Rows {
		next[c+2] += next[c+1]
	}
	k := 0
	for i := range b.Rows {
		for end := int(b.Start[i+1] - b.Start[0]); k < end; k++ {
			at := next[col[k]+1]
			next[col[k]+1] = at + 1
			a.Col[at], a.Val[at] = int32(i), val[k]
		}
	}
	a.Start = next[:a.Rows+1]
}

// room is s with length n, or a new slice with a quarter to spare.
func room[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n, n+n/4)
	}
	return s[:n]
}

func (a *Sparse[T]) check(what string) {
	if a.Rows < 0 || len(a.Start) != a.Rows+1 || int(a.Start[a.Rows]) > min(len(a.Col), len(a.Val)) {
		panic("kernel: " + what + ": a sparse matrix without its parts")
	}
	if a.sound {
		return
	}
	last := a.Start[0]
	for _, s := range a.Start {
		if s < last {
			panic("kernel: " + what + ": a sparse matrix whose rows do not ascend")
		}
		last = s
	}
	for _, c := range a.Col[a.Start[0]:a.Start[a.Rows]] {
		if uint(c) >= uint(a.Cols) {
			panic("kernel: " + what + ": column outside the sparse matrix")
		}
	}
}

// MulSparse multiplies a sparse matrix, m×k, and a dense one, k×n row by row,
//
//	C ← A·B, or C ← C + A·B with acc
//
// where C, m×n, does not overlap B. Each element is the chain of Gemm over the
// numbers that A has, in their order: the bits of Gemm if B is finite, but for
// the sign of a 0, for fma(0, b, c) is c.
func MulSparse[T Float](a *Sparse[T], n int, b []T, ldb int, c []T, ldc int, acc bool) {
	a.check("MulSparse")
	checkMatrix("MulSparse: B", len(b), a.Cols, n, ldb)
	checkMatrix("MulSparse: C", len(c), a.Rows, n, ldc)
	if n == 0 {
		return
	}
	for i := range a.Rows {
		col, val := a.Col[a.Start[i]:a.Start[i+1]], a.Val[a.Start[i]:a.Start[i+1]]
		row := c[i*ldc:][:n]
		if single[T]() {
			sparseSlice(col, f32(val), f32(b), ldb, f32(row), !acc)
			continue
		}
		if !acc {
			clear(row)
		}
		for k, j := range col {
			axpyGo(val[k], b[int(j)*ldb:][:n], row)
		}
	}
}

func sparseGo(col []int32, val, b []float32, ldb int, c []float32, zero bool) {
	if zero {
		clear(c)
	}
	for k, j := range col {
		v, row := val[k], b[int(j)*ldb:][:len(c)]
		for i, x := range c {
			c[i] = fma32(v, row[i], x)
		}
	}
}

// Transpose sets dst[c][r] = src[r][c] for the rows×cols matrix src (stride lds);
// dst has stride ldd and does not overlap it.
func Transpose[T Float](dst []T, ldd int, src []T, lds, rows, cols int) {
	checkMatrix("Transpose: source", len(src), rows, cols, lds)
	checkMatrix("Transpose", len(dst), cols, rows, ldd)
	if single[T]() {
		transposeSlice(f32(dst), ldd, f32(src), lds, rows, cols)
		return
	}
	transposeGo(dst, ldd, src, lds, rows, cols)
}

func transposeGo[T Float](dst []T, ldd int, src []T, lds, rows, cols int) {
	for r := range rows {
		for c, v := range src[r*lds:][:cols] {
			dst[c*ldd+r] = v
		}
	}
}
