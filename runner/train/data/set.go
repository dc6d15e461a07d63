// Package data reads the data sets of the built-in trainer: CSV, LIBSVM and
// IDX (the format of MNIST), each plain or gzip. A set is read once and shared,
// read-only, by all trials of a sweep.
//
// What the files hold is kept as it came, in the smallest type that holds it:
// bytes where all features are whole numbers from 0 to 255 (images), else
// float32, or float64 with Options.Float64; rows of few numbers in compressed
// sparse rows. Standardising and the like do not change these numbers: they are
// a scale and a shift per column, x' = x·scale + shift, for whoever gathers a
// batch to apply. So trials with other preprocessing and other splits share one
// copy. Only one-hot columns, filled gaps and sparsify make a copy, one per
// Options.
//
// The float64 features are those that the closed form of least squares and
// the optimum of a logistic regression can be compared with to 1e-8; float32
// rows are 2⁻²⁴ off where a number has more digits than that.
//
// Sources: the CSV of RFC 4180, with delimiters , ; and tab; the text format of
// LIBSVM (Chang and Lin 2011) with indices from 0 or 1, without qid; IDX of
// LeCun, Cortes and Burges, unsigned bytes in 1 and 3 dimensions. Standardising
// divides by the population's deviation (n, not n−1), a column without spread
// by 1, as scikit-learn does.
package data

import (
	"fmt"
	"math"
)

// A Set is a data set with its split and preprocessing. It is immutable, safe
// for concurrent use, and what its methods return must not be written to.
type Set struct {
	Name         string   // as it was asked for, for messages
	Features     int      // columns of a row, after one-hot; at most 65,536, sparse 4,194,304
	Classes      int      // labels are 0 … Classes−1; 0: regression
	ClassNames   []string // of the labels; numbers in numeric order, else sorted
	FeatureNames []string // of the columns, `colour=red` for an indicator; of the first 65,536

	// Train, Val and Test are the row numbers of the parts, ascending, without
	// a row in common. Val and Test may be empty.
	Train, Val, Test []int32

	// Digest is a SHA-256, in hexadecimal, of the content of the files, unpacked,
	// and of the options, the same wherever the files lie.
	Digest string

	// Warnings are what deserves a word but stops nothing: classes or
	// categories that the training part lacks.
	Warnings []error

	t            *table
	m            *matrix // t's, or a copy of its own
	scale, shift []float64
}

// Len is the number of rows, all parts together.
func (s *Set) Len() int { return s.m.rows }

// Dense returns the rows, Len × Features numbers row by row: exactly one slice is
// not nil, or none if the set is sparse. float64 comes with Options.Float64 only;
// uint8 with either. The numbers are as they were read, in the units of the
// file: ScaleShift is due.
func (s *Set) Dense() (u8 []uint8, f32 []float32, f64 []float64) {
	return s.m.u8, s.m.f32, s.m.f64
}

// CSR returns compressed sparse rows: row i has val[k] in column col[k] for
// indptr[i] <= k < indptr[i+1], columns ascending, zeros elsewhere; indptr has
// Len+1 numbers, col and val as many as are not 0. ok is false if the set is
// dense or has float64 values. A sparse set has no shift; its scale is due.
func (s *Set) CSR() (indptr []int64, col []int32, val []float32, ok bool) {
	return s.m.indptr, s.m.col, s.m.v32, s.m.v32 != nil
}

// CSR64 is CSR for the sparse sets of Options.Float64.
func (s *Set) CSR64() (indptr []int64, col []int32, val []float64, ok bool) {
	return s.m.indptr, s.m.col, s.m.v64, s.m.v64 != nil
}

// ScaleShift returns, for each of the Features columns, what makes the number
// that a model sees of the one in the rows: x·scale + shift. By default images
// have 1/255 and 0, all else 1 and 0; standardised columns 1/σ and −μ/σ.
func (s *Set) ScaleShift() (scale, shift []float64) { return s.scale, s.shift }

// Row writes row i, 0 <= i < Len, as the model sees it to dst, which has Features
// numbers: zeros filled in, x·scale + shift in float64.
func (s *Set) Row(i int32, dst []float64) {
	s.m.row(int(i), dst)
	for j, x := range dst {
		dst[j] = float64(x*s.scale[j]) + s.shift[j]
	}
}

// Label returns the class of row i, from 0 to Classes−1, an index of ClassNames;
// 0 for regression.
func (s *Set) Label(i int32) int {
	if s.Classes == 0 {
		return 0
	}
	return int(s.t.label[i])
}

// Target returns the number to be predicted of row i, in the unit of the file: it
// is never scaled. For classification it is the label.
func (s *Set) Target(i int32) float64 {
	if s.Classes == 0 {
		return s.t.target[i]
	}
	return float64(s.t.label[i])
}

// Image returns the height and width, in pixels, of the images that the rows are:
// pixel (r, c) is column r·w + c. ok is false if they are none.
func (s *Set) Image() (h, w int, ok bool) { return s.t.h, s.t.w, s.t.h > 0 }

// CheckBatch returns an error, with the range wanted, if n is not from 1 to the
// number of training examples: more than there are make no mini-batch.
func (s *Set) CheckBatch(n int) error {
	if n < 1 || n > len(s.Train) {
		return wantf(s, "batch_size %d; want 1 to %d, the number of training examples", n, len(s.Train))
	}
	return nil
}

// wantf is an error about the use of s.
func wantf(s *Set, format string, args ...any) error {
	return fmt.Errorf("data %s: %w", s.Name, fmt.Errorf(format, args...))
}

// Bytes is the memory, in bytes, that the set's rows, labels and parts take. Sets
// that share rows count them each.
func (s *Set) Bytes() int64 {
	return s.m.bytes() + 4*int64(len(s.t.label)+len(s.Train)+len(s.Val)+len(s.Test)) + 8*int64(len(s.t.target))
}

// A matrix is numbers in one of five forms.
type matrix struct {
	rows, cols int

	// dense, row by row; at most one is not nil
	u8  []uint8
	f32 []float32
	f64 []float64

	// compressed sparse rows; one of v32 and v64 is not nil
	indptr []int64
	col    []int32
	v32    []float32
	v64    []float64
}

func (m *matrix) sparse() bool { return m.indptr != nil }

func (m *matrix) bytes() int64 {
	return int64(len(m.u8)) + 4*int64(len(m.f32)+len(m.v32)+len(m.col)) + 8*int64(len(m.f64)+len(m.v64)+len(m.indptr))
}

// row writes row i to dst, as float64 and with its zeros.
func (m *matrix) row(i int, dst []float64) {
	at, end := i*m.cols, (i+1)*m.cols
	switch {
	case m.u8 != nil:
		widen(dst, m.u8[at:end])
	case m.f32 != nil:
		widen(dst, m.f32[at:end])
	case m.f64 != nil:
		copy(dst, m.f64[at:end])
	default:
		clear(dst)
		for k := m.indptr[i]; k < m.indptr[i+1]; k++ {
			dst[m.col[k]] = m.value(k)
		}
	}
}

func (m *matrix) value(k int64) float64 {
	if m.v32 != nil {
		return float64(m.v32[k])
	}
	return m.v64[k]
}

func widen[T uint8 | float32](dst []float64, src []T) {
	for j, x := range src {
		dst[j] = float64(x)
	}
}

// add appends a dense row. Rows are bytes until a number is none, then float32,
// or float64 if wide is set. It returns the column of a number that float32
// cannot hold, else −1. NaN stands for a missing number.
func (m *matrix) add(x []float64, wide bool) int {
	if m.f32 == nil && m.f64 == nil {
		if m.addBytes(x) {
			m.rows++
			return -1
		}
		m.leaveBytes(wide)
	}
	m.rows++
	if m.f64 != nil {
		m.f64 = append(m.f64, x...)
		return -1
	}
	for j, v := range x {
		if math.Abs(v) > math.MaxFloat32 {
			return j
		}
		m.f32 = append(m.f32, float32(v))
	}
	return -1
}

func (m *matrix) addBytes(x []float64) bool {
	n := len(m.u8)
	for _, v := range x {
		b := uint8(int64(v)) // of NaN and the like, whatever: it is not v
		if float64(b) != v {
			m.u8 = m.u8[:n]
			return false
		}
		m.u8 = append(m.u8, b)
	}
	return true
}

func (m *matrix) leaveBytes(wide bool) {
	if wide {
		m.f64 = make([]float64, len(m.u8), len(m.u8)+64)
		widen(m.f64, m.u8)
	} else {
		m.f32 = make([]float32, len(m.u8), len(m.u8)+64)
		for i, b := range m.u8 {
			m.f32[i] = float32(b)
		}
	}
	m.u8 = nil
}

// trim gives back the spare room that appending left.
func (m *matrix) trim() {
	m.u8, m.f32, m.f64 = trimmed(m.u8), trimmed(m.f32), trimmed(m.f64)
	m.col, m.v32, m.v64, m.indptr = trimmed(m.col), trimmed(m.v32), trimmed(m.v64), trimmed(m.indptr)
}

func trimmed[T any](x []T) []T {
	if cap(x)-len(x) <= len(x)/16 {
		return x
	}
	return append(make([]T, 0, len(x)), x...)
}
