package gp

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// A factor is the lower Cholesky factor L of a symmetric positive definite
// matrix A = LLᵀ that grows by rows. It is stored by rows with room to spare.
type factor struct {
	n, stride int
	a         []float64
}

// least is the smallest square of a pivot: a row that hardly differs from the
// rows before it is kept, with this much of its own.
const least = 1e-12

// factorize computes the factor of the n×n matrix whose lower triangle fill
// writes, row by row, the diagonal last. It reports false if the matrix is not
// positive definite. Room is left for `room` more rows.
func (f *factor) factorize(n, room int, fill func(i int, row []float64)) bool {
	f.n = 0
	f.reserve(n + room)
	for i := range n {
		fill(i, f.a[i*f.stride:i*f.stride+i+1])
	}
	if n > 0 {
		sym := blas64.Symmetric{Uplo: blas.Lower, N: n, Stride: f.stride, Data: f.a}
		if _, ok := lapack64.Potrf(sym); !ok {
			return false
		}
	}
	f.n = n
	return true
}

// reserve makes room for n rows. The stride is even so that all rows start at
// the same alignment.
func (f *factor) reserve(n int) {
	if n <= f.stride {
		return
	}
	stride := max(n, 16)
	stride += stride & 1
	a := make([]float64, stride*stride)
	for i := range f.n {
		copy(a[i*stride:], f.a[i*f.stride:i*f.stride+i+1])
	}
	f.a, f.stride = a, stride
}

// extend adds the row and column of A whose part left of the diagonal is
// column, and whose diagonal element is d, in O(n²). column is changed.
//
//	l = L⁻¹ column,  λ² = d − lᵀl
func (f *factor) extend(column []float64, d float64) {
	if f.n == f.stride {
		f.reserve(f.n + f.n/4 + 16)
	}
	f.solve(column)
	row := f.a[f.n*f.stride:]
	copy(row, column)
	for _, l := range column {
		d -= l * l
	}
	row[f.n] = math.Sqrt(max(d, least))
	f.n++
}

// truncate forgets all rows from n on.
func (f *factor) truncate(n int) { f.n = n }

func (f *factor) tri() blas64.Triangular {
	return blas64.Triangular{Uplo: blas.Lower, Diag: blas.NonUnit, N: f.n, Stride: f.stride, Data: f.a}
}

// solve replaces b by L⁻¹b.
func (f *factor) solve(b []float64) {
	if f.n > 0 {
		blas64.Trsv(blas.NoTrans, f.tri(), blas64.Vector{N: f.n, Inc: 1, Data: b})
	}
}

// solveT replaces b by L⁻ᵀb.
func (f *factor) solveT(b []float64) {
	if f.n > 0 {
		blas64.Trsv(blas.Trans, f.tri(), blas64.Vector{N: f.n, Inc: 1, Data: b})
	}
}

// solveMany replaces the n×m matrix b by L⁻¹b.
func (f *factor) solveMany(b []float64, m int) {
	if f.n > 0 && m > 0 {
		blas64.Trsm(blas.Left, blas.NoTrans, 1, f.tri(), blas64.General{Rows: f.n, Cols: m, Stride: m, Data: b})
	}
}

// logDet returns log |A|.
func (f *factor) logDet() float64 {
	sum := 0.0
	for i := range f.n {
		sum += math.Log(f.a[i*f.stride+i])
	}
	return 2 * sum
}

// invert replaces the factor by the lower triangle of A⁻¹ and returns it by
// rows; the factor is empty afterwards.
func (f *factor) invert() (inv []float64, stride int) {
	n := f.n
	f.n = 0
	if n > 0 {
		t := blas64.Triangular{Uplo: blas.Lower, Diag: blas.NonUnit, N: n, Stride: f.stride, Data: f.a}
		lapack64.Potri(t)
	}
	return f.a, f.stride
}
