package gp

import (
	"math"
	"math/rand/v2"
	"testing"
)

// rows returns n rows of d coordinates in the unit cube.
func rows(seed uint64, n, d int) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float64, n*d)
	for i := range x {
		x[i] = rng.Float64()
	}
	return x
}

// dense is a matrix for oracles that are too slow and too plain to be wrong.
type dense [][]float64

func covariance(k kernel, x []float64, eta float64) dense {
	d := len(k.inv)
	n := len(x) / d
	a := make(dense, n)
	for i := range a {
		a[i] = make([]float64, n)
		for j := range a[i] {
			a[i][j] = k.at(x[i*d:(i+1)*d], x[j*d:(j+1)*d])
		}
		a[i][i] += eta
	}
	return a
}

// inverse is Gauss and Jordan's, with pivots; det is the determinant.
func (a dense) inverse() (inv dense, det float64) {
	n := len(a)
	m := make(dense, n)
	for i := range m {
		m[i] = append(append([]float64(nil), a[i]...), make([]float64, n)...)
		m[i][n+i] = 1
	}
	det = 1
	for c := range n {
		p := c
		for i := c; i < n; i++ {
			if math.Abs(m[i][c]) > math.Abs(m[p][c]) {
				p = i
			}
		}
		if p != c {
			m[p], m[c], det = m[c], m[p], -det
		}
		det *= m[c][c]
		pivot := m[c][c]
		for j := range m[c] {
			m[c][j] /= pivot
		}
		for i := range m {
			if f := m[i][c]; i != c && f != 0 {
				for j := range m[i] {
					m[i][j] -= f * m[c][j]
				}
			}
		}
	}
	for i := range m {
		inv = append(inv, m[i][n:])
	}
	return inv, det
}

func (a dense) times(v []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		for j, x := range v {
			out[i] += a[i][j] * x
		}
	}
	return out
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*(1+math.Abs(want))) {
		t.Errorf("%s: got %v, want %v within %g", what, got, want, tol)
	}
}

// The condition of these matrices is below 1e5, so 1e-9 leaves two digits.
const solveTol = 1e-9

func TestFactorAgainstInverse(t *testing.T) {
	const n, d, eta = 30, 3, 1e-3
	k := newKernel(make([]bool, d), []float64{-1, 0, -0.5})
	x := rows(1, n, d)
	a := covariance(k, x, eta)
	inv, det := a.inverse()
	var f factor
	fill := func(i int, row []float64) { copy(row, a[i][:i+1]) }
	if !f.factorize(n, 0, fill) {
		t.Fatal("not positive definite")
	}
	near(t, "log determinant", f.logDet(), math.Log(det), solveTol)
	b := rows(2, n, 1)
	want := inv.times(b)
	f.solve(b)
	f.solveT(b)
	for i := range b {
		near(t, "solution", b[i], want[i], solveTol)
	}
	many := rows(3, n, 4)
	first := make([]float64, n)
	for i := range first {
		first[i] = many[i*4]
	}
	f.solveMany(many, 4)
	f.solve(first)
	for i := range first {
		near(t, "one of many", many[i*4], first[i], solveTol)
	}
	got, stride := f.invert()
	for i := range n {
		for j := range i + 1 {
			near(t, "inverse", got[i*stride+j], inv[i][j], solveTol)
		}
	}
}

func TestFactorByRowsIsTheFactorAtOnce(t *testing.T) {
	const n, d, eta = 70, 2, 1e-4
	k := newKernel(make([]bool, d), []float64{-1, -1})
	a := covariance(k, rows(4, n, d), eta)
	fill := func(i int, row []float64) { copy(row, a[i][:i+1]) }
	var whole, grown factor
	whole.factorize(n, 0, fill)
	grown.factorize(5, 3, fill)
	for i := 5; i < n; i++ {
		grown.extend(append([]float64(nil), a[i][:i]...), a[i][i])
	}
	for i := range n {
		for j := range i + 1 {
			near(t, "element", grown.a[i*grown.stride+j], whole.a[i*whole.stride+j], solveTol)
		}
	}
	grown.truncate(50)
	grown.extend(append([]float64(nil), a[50][:50]...), a[50][50])
	near(t, "pivot after going back", grown.a[50*grown.stride+50], whole.a[50*whole.stride+50], solveTol)
}

func TestFactorOfNothingAndOfTheImpossible(t *testing.T) {
	var f factor
	if !f.factorize(0, 0, nil) || f.logDet() != 0 {
		t.Error("an empty matrix has an empty factor")
	}
	f.solve(nil)
	f.solveMany(nil, 0)
	f.extend(nil, 4)
	if f.n != 1 || f.a[0] != 2 {
		t.Errorf("first row: got %v, want 2", f.a[0])
	}
	f.extend([]float64{4}, 4) // the same row again: singular
	if p := f.a[f.stride+1]; !(p > 0) {
		t.Errorf("pivot of a repeated row: got %v, want > 0", p)
	}
	if f.factorize(2, 0, func(i int, row []float64) { row[i] = float64(-i) }) {
		t.Error("a negative pivot passes")
	}
}
