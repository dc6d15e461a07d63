package kernel

// Work is the scratch space of Gemm: panels of op(A) and op(B), and a transposed
// C. The zero Work is ready, nil is not; it grows to the largest shape seen and
// allocates nothing afterwards. It is used by one goroutine.
type Work struct {
	packA, packB, turned []float32
}

// Gemm multiplies matrices,
//
//	C ← op(A)·op(B), or C ← C + op(A)·op(B) with acc
//
// all row by row. op(A) is m×k: A is stored so, with lda values from row to row,
// or, with ta, as k×m and read transposed. op(B) is k×n: stored so, or, with tb,
// as n×k. C is m×n and overlaps neither A nor B. With acc each element's chain
// starts from the element of C, else from +0; with k = 0 that is what C becomes.
//
// An element of C is one chain of fused multiply-adds over k, in float64 of
// rounded products and additions (see the package comment): its error is at
// most about k·u·Σ|a·b| with u = 2⁻²⁴ or 2⁻⁵³. So a product may be cut into rows,
// columns or, with acc, steps of k in their order, and keeps its bits.
//
// A dense layer with weights stored as out×in is X·Wᵀ forward (tb, with acc
// after SetRows for a bias), dYᵀ·X for the gradient of W (ta) and dY·W for that
// of X. All shapes are fast; few columns (n < 16) use a part of the vector.
func Gemm[T Float](w *Work, ta, tb bool, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, acc bool) {
	if k < 0 {
		panic("kernel: Gemm: negative size, or stride below the width")
	}
	if ta {
		checkMatrix("Gemm: A", len(a), k, m, lda)
	} else {
		checkMatrix("Gemm: A", len(a), m, k, lda)
	}
	if tb {
		checkMatrix("Gemm: B", len(b), n, k, ldb)
	} else {
		checkMatrix("Gemm: B", len(b), k, n, ldb)
	}
	checkMatrix("Gemm: C", len(c), m, n, ldc)
	if m == 0 || n == 0 {
		return
	}
	if single[T]() && k > 0 {
		gemm32(product{w, ta, tb, m, n, k, f32(a), lda, f32(b), ldb, f32(c), ldc, acc})
		return
	}
	if !acc {
		clearRows(c, m, n, ldc)
	}
	if k > 0 {
		gemm64(ta, tb, m, n, k, f64(a), lda, f64(b), ldb, f64(c), ldc)
	}
}

// A product is the arguments of Gemm in float32, checked, none of the sizes 0.
// With acc the chains start from C, else from 0.
type product struct {
	w       *Work
	ta, tb  bool
	m, n, k int
	a       []float32
	lda     int
	b       []float32
	ldb     int
	c       []float32
	ldc     int
	acc     bool
}

func clearRows[T Float](c []T, m, n, ldc int) {
	for i := range m {
		clear(c[i*ldc:][:n])
	}
}

// steps returns the distances from row to row and from k to k in op(A).
func steps(ta bool, lda int) (row, k int) {
	if ta {
		return 1, lda
	}
	return lda, 1
}
