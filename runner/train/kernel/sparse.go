package kernel

// A Sparse is a matrix of which only some numbers are kept, all others being 0:
// row i has Val[k] in column Col[k] for Start[i] <= k < Start[i+1], columns
// ascending.
type Sparse[T Float] struct {
	Rows, Cols int
	Start      []int32 // Rows+1
	Col        []int32
	Val        []T
}

// Pairs is the transpose of a sparse matrix, two of its rows at a time: rows 2p
// and 2p+1 have Val[2k] and Val[2k+1] in column Col[k] for Start[p] <= k <
// Start[p+1], columns ascending, where at least one of the two is kept.
type Pairs[T Float] struct {
	Rows, Cols int
	Start      []int32 // (Rows+1)/2 + 1
	Col        []int32
	Val        []T
}

// Turn makes p the transpose of b, in the room that p has. Neighbours in the rows
// of b, such as pixels, that are both kept share a place.
func (p *Pairs[T]) Turn(b *Sparse[T]) {
	b.check("Turn")
	p.Rows, p.Cols = b.Cols, b.Rows
	pairs := (p.Rows + 1) / 2
	p.Start = room(p.Start, pairs+2)
	next := p.Start // where pair c goes on, at c+1, once all are counted
	clear(next)
	for i := range b.Rows {
		last := int32(-1)
		for _, c := range b.Col[b.Start[i]:b.Start[i+1]] {
			pair := c >> 1
			next[pair+2] += differ(pair, last)
			last = pair
		}
	}
	for c := range pairs {
		next[c+2] += next[c+1]
	}
	n := int(next[pairs+1])
	p.Col, p.Val = room(p.Col, n), room(p.Val, 2*n)
	clear(p.Val)
	for i := range b.Rows {
		from, to := b.Start[i], b.Start[i+1]
		col, val := b.Col[from:to], b.Val[from:to]
		last := int32(-1)
		for k, c := range col {
			pair := c >> 1
			end := next[pair+1] + differ(pair, last)
			next[pair+1], last = end, pair
			p.Col[end-1] = int32(i)
			p.Val[2*(end-1)+c&1] = val[k]
		}
	}
	p.Start = next[:pairs+1]
}

// differ is 1 if a is not b, without a branch that would be guessed wrong.
func differ(a, b int32) int32 {
	d := int32(0)
	if a != b {
		d = 1
	}
	return d
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

// MulPairs is MulSparse, C ← A·B or C ← C + A·B with acc, for the pairs from … to−1 of a, which are the rows of C
// in turn; with an odd number of rows in all, the last of C has no partner.
func MulPairs[T Float](a *Pairs[T], from, to int, n int, b []T, ldb int, c []T, ldc int, acc bool) {
	rows := min(2*to, a.Rows) - 2*from
	checkMatrix("MulPairs: B", len(b), a.Cols, n, ldb)
	checkMatrix("MulPairs: C", len(c), rows, n, ldc)
	if n == 0 {
		return
	}
	for p := range to - from {
		first, end := a.Start[from+p], a.Start[from+p+1]
		col, val := a.Col[first:end], a.Val[2*first:2*end]
		c := c[2*p*ldc:]
		if !acc {
			clear(c[:n])
			if rows-2*p > 1 {
				clear(c[ldc:][:n])
			}
		}
		if len(col) == 0 {
			continue
		}
		if single[T]() && rows-2*p > 1 {
			pairSlice(col, f32(val), f32(b), ldb, f32(c), ldc, n)
			continue
		}
		pairGo(col, val, b, ldb, c, ldc, n, min(2, rows-2*p))
	}
}

// pairGo adds the products of a pair of sparse rows, or of its first row alone.
func pairGo[T Float](col []int32, val, b []T, ldb int, c []T, ldc, n, rows int) {
	for r := range rows {
		row := c[r*ldc:][:n]
		for k, j := range col {
			v, from := val[2*k+r], b[int(j)*ldb:][:n]
			for i, x := range row {
				row[i] = multiplyAdd(v, from[i], x)
			}
		}
	}
}

// multiplyAdd is a step of Gemm's chain.
func multiplyAdd[T Float](a, b, c T) T {
	if single[T]() {
		return T(fma32(float32(a), float32(b), float32(c)))
	}
	return c + T(a*b)
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

// NonzeroU8 writes the columns of the bytes of src that are not 0 to col, and the
// bytes times scale to val, in their order, and returns how many there are. col
// and val have room for 16 more than the bytes of src, and keep no promise of
// what is in that room.
func NonzeroU8[T Float](col []int32, val []T, src []uint8, scale T) int {
	if len(col) < len(src)+16 || len(val) < len(src)+16 {
		panic("kernel: NonzeroU8: no room for 16 more than the bytes")
	}
	n, j := 0, 0
	if single[T]() {
		n, j = nonzeroSlice(col, f32(val), src, float32(scale))
	}
	for ; j < len(src); j++ {
		if x := src[j]; x != 0 {
			col[n], val[n] = int32(j), T(scale*T(x))
			n++
		}
	}
	return n
}
