package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// A shape is one call of Gemm.
type shape struct {
	m, n, k       int
	ta, tb, acc   bool
	lda, ldb, ldc int
}

func (s shape) String() string {
	return fmt.Sprintf("m=%d/n=%d/k=%d/ta=%t/tb=%t/acc=%t", s.m, s.n, s.k, s.ta, s.tb, s.acc)
}

// strides sets the strides to the widths plus up to extra.
func (s shape) strides(rng *rand.Rand, extra int) shape {
	s.lda, s.ldb, s.ldc = s.k, s.n, s.n
	if s.ta {
		s.lda = s.m
	}
	if s.tb {
		s.ldb = s.k
	}
	s.lda, s.ldb, s.ldc = s.lda+rng.IntN(extra+1), s.ldb+rng.IntN(extra+1), s.ldc+rng.IntN(extra+1)
	return s
}

// need is the least length of a rows×cols matrix with stride ld.
func need(rows, cols, ld int) int {
	if rows == 0 || cols == 0 {
		return 0
	}
	return (rows-1)*ld + cols
}

// lengths are the least lengths of A, B and C.
func (s shape) lengths() (a, b, c int) {
	a, b = need(s.m, s.k, s.lda), need(s.k, s.n, s.ldb)
	if s.ta {
		a = need(s.k, s.m, s.lda)
	}
	if s.tb {
		b = need(s.n, s.k, s.ldb)
	}
	return a, b, need(s.m, s.n, s.ldc)
}

func randomShape(rng *rand.Rand, limit int) shape {
	size := func() int {
		if rng.IntN(3) == 0 {
			return 1 + rng.IntN(20)
		}
		return 1 + rng.IntN(limit)
	}
	s := shape{m: size(), n: size(), k: size(), ta: rng.IntN(2) == 0, tb: rng.IntN(2) == 0, acc: rng.IntN(2) == 0}
	return s.strides(rng, 5)
}

func normals[T Float](rng *rand.Rand, n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(rng.NormFloat64())
	}
	return x
}

// oracle returns op(A)·op(B) (+ C with acc) and the same of absolute values, in
// float64 by gonum, both m×n.
func oracle[T Float](s shape, a, b, c []T) (sum, size []float64) {
	wide := func(x []T, abs bool) []float64 {
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = float64(v)
			if abs {
				out[i] = math.Abs(out[i])
			}
		}
		return out
	}
	t := map[bool]blas.Transpose{false: blas.NoTrans, true: blas.Trans}
	product := func(abs bool) []float64 {
		out := make([]float64, s.m*s.n)
		if s.acc {
			for i := range s.m {
				copy(out[i*s.n:][:s.n], wide(c[i*s.ldc:][:s.n], abs))
			}
		}
		gonum.Implementation{}.Dgemm(t[s.ta], t[s.tb], s.m, s.n, s.k, 1, wide(a, abs), s.lda, wide(b, abs), s.ldb, 1, out, s.n)
		return out
	}
	return product(false), product(true)
}

func testOracle[T Float](t *testing.T, u float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	var w Work
	for range 60 {
		s := randomShape(rng, 300)
		na, nb, nc := s.lengths()
		a, b, c := normals[T](rng, na), normals[T](rng, nb), normals[T](rng, nc)
		want, size := oracle(s, a, b, c)
		Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, a, s.lda, b, s.ldb, c, s.ldc, s.acc)
		for i := range s.m {
			for j := range s.n {
				got, limit := float64(c[i*s.ldc+j]), 2*float64(s.k+1)*u*size[i*s.n+j]
				if d := math.Abs(got - want[i*s.n+j]); !(d <= limit) {
					t.Fatalf("%s: c[%d][%d]: got %v, want %v ± %v", s, i, j, got, want[i*s.n+j], limit)
				}
			}
		}
	}
}

// The error of an element is within 2K·u·Σ|a·b| of the product in float64, on
// random shapes with tails, strides and transposes.
func TestGemmAgainstOracle(t *testing.T) {
	atLevels(t, func(t *testing.T) { testOracle[float32](t, 0x1p-24) })
	t.Run("float64", func(t *testing.T) { testOracle[float64](t, 0x1p-53) })
}

// atLevels runs f at each level of this machine.
func atLevels(t *testing.T, f func(t *testing.T)) {
	for _, l := range Levels() {
		t.Run(l, func(t *testing.T) {
			use(t, l)
			f(t)
		})
	}
}

// use selects a level until the test ends.
func use(t testing.TB, level string) {
	t.Helper()
	restore, err := Use(level)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(restore)
}

// chain is the law: one chain of fused multiply-adds in the order of k.
func chain(s shape, a, b []float32, c float32, i, j int) float32 {
	for k := range s.k {
		row, step := steps(s.ta, s.lda)
		y := b[(k*s.ldb+j)%len(b)]
		if s.tb {
			y = b[j*s.ldb+k]
		}
		c = exactFMA(a[i*row+k*step], y, c)
	}
	return c
}

// Each element is the chain that the package promises, by big floats.
func TestGemmIsOneChain(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		var w Work
		for range 30 {
			s := randomShape(rng, 60)
			na, nb, nc := s.lengths()
			a, b, c := normals[float32](rng, na), normals[float32](rng, nb), normals[float32](rng, nc)
			before := append([]float32(nil), c...)
			Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, a, s.lda, b, s.ldb, c, s.ldc, s.acc)
			for range 20 {
				i, j := rng.IntN(s.m), rng.IntN(s.n)
				start := float32(0)
				if s.acc {
					start = before[i*s.ldc+j]
				}
				if got, want := c[i*s.ldc+j], chain(s, a, b, start, i, j); got != want {
					t.Fatalf("%s: c[%d][%d]: got %x, want %x", s, i, j, got, want)
				}
			}
		}
	})
}

// What lies between the rows of C is not touched.
func TestGemmLeavesTheGaps(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		var w Work
		for range 40 {
			s := randomShape(rng, 70)
			s.ldc = s.n + 1 + rng.IntN(20)
			na, nb, nc := s.lengths()
			c := normals[float32](rng, nc)
			before := append([]float32(nil), c...)
			Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, normals[float32](rng, na), s.lda, normals[float32](rng, nb), s.ldb, c, s.ldc, s.acc)
			for i, v := range c {
				if i%s.ldc >= s.n && v != before[i] {
					t.Fatalf("%s ldc=%d: c[%d] between the rows changed from %v to %v", s, s.ldc, i, before[i], v)
				}
			}
		}
	})
}
