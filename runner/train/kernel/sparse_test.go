package kernel

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// randomSparse is a matrix of which about one number in odds is kept, and the
// same with its zeros.
func randomSparse[T Float](rng *rand.Rand, rows, cols, odds int) (*Sparse[T], []T) {
	a, dense := &Sparse[T]{Rows: rows, Cols: cols, Start: []int32{0}}, make([]T, rows*cols)
	for i := range rows {
		for j := range cols {
			if rng.IntN(odds) == 0 {
				v := T(rng.NormFloat64())
				dense[i*cols+j] = v
				a.Col, a.Val = append(a.Col, int32(j)), append(a.Val, v)
			}
		}
		a.Start = append(a.Start, int32(len(a.Col)))
	}
	return a, dense
}

// A sparse product has the bits of Gemm, at all levels.
func TestMulSparseIsGemm(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(21, 22))
		for i := range 120 {
			m, n, k := 1+rng.IntN(20), 1+rng.IntN(300), rng.IntN(60)
			mulSparseIsGemm[float32](t, rng, m, n, k, i%2 == 0)
			mulSparseIsGemm[float64](t, rng, m, n, k, i%2 == 0)
		}
	})
}

func mulSparseIsGemm[T Float](t *testing.T, rng *rand.Rand, m, n, k int, acc bool) {
	t.Helper()
	a, dense := randomSparse[T](rng, m, k, 1+rng.IntN(6))
	ldb, ldc := n+rng.IntN(3), n+rng.IntN(3)
	b, c := normals[T](rng, k*ldb), normals[T](rng, m*ldc)
	want := append([]T(nil), c...)
	Gemm(&Work{}, false, false, m, n, k, dense, max(k, 1), b, ldb, want, ldc, acc)
	MulSparse(a, n, b, ldb, c, ldc, acc)
	if !reflect.DeepEqual(c, want) {
		t.Fatalf("m=%d n=%d k=%d acc=%t %T: got %v want %v", m, n, k, acc, c, c, want)
	}
}

// The parts of a transpose, multiplied, are the rows of Xᵀ·d, at all levels.
func TestTurnedPairs(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(23, 24))
		for _, s := range []struct{ rows, cols, odds int }{{7, 40, 3}, {30, 9, 2}, {5, 5, 1}, {4, 6, 1 << 30}, {1, 101, 4}, {3, 1, 2}} {
			for _, n := range []int{1, 21, 64, 200, 293} {
				turnedPairs[float32](t, rng, s.rows, s.cols, s.odds, n)
				turnedPairs[float64](t, rng, s.rows, s.cols, s.odds, n)
			}
		}
	})
}

func turnedPairs[T Float](t *testing.T, rng *rand.Rand, rows, cols, odds, n int) {
	t.Helper()
	x, dense := randomSparse[T](rng, rows, cols, odds)
	d := normals[T](rng, rows*n)
	got := normals[T](rng, cols*n)
	var turned Pairs[T]
	for _, acc := range []bool{false, true} {
		want := append([]T(nil), got...)
		Gemm(&Work{}, true, false, cols, n, rows, dense, cols, d, n, want, n, acc)
		turned.Turn(x)
		for j := 0; j < cols; j += 4 {
			MulPairs(&turned, j/2, (min(j+4, cols)+1)/2, n, d, n, got[j*n:], n, acc)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d×%d, n=%d, acc=%t: got %v want %v", rows, cols, n, acc, got, want)
		}
	}
}

func TestTranspose(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(25, 26))
		for range 60 {
			rows, cols := rng.IntN(40), rng.IntN(40)
			lds, ldd := cols+rng.IntN(3), rows+rng.IntN(3)
			src, dst := normals[float32](rng, rows*lds), make([]float32, cols*ldd)
			wide, turned := normals[float64](rng, rows*lds), make([]float64, cols*ldd)
			Transpose(dst, ldd, src, lds, rows, cols)
			Transpose(turned, ldd, wide, lds, rows, cols)
			for r := range rows {
				for c := range cols {
					if dst[c*ldd+r] != src[r*lds+c] || turned[c*ldd+r] != wide[r*lds+c] {
						t.Fatalf("%d×%d: row %d, column %d is elsewhere", rows, cols, r, c)
					}
				}
			}
		}
	})
}

// The bytes that are not 0 are found in their order, at all levels.
func TestNonzeroU8(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(27, 28))
		for n := range 120 {
			src := make([]uint8, n)
			for i := range src {
				src[i] = uint8(rng.Uint32() & rng.Uint32() & uint32(-rng.IntN(2)))
			}
			nonzeroOf[float32](t, src)
			nonzeroOf[float64](t, src)
		}
	})
}

func nonzeroOf[T Float](t *testing.T, src []uint8) {
	t.Helper()
	var wantCol []int32
	var want []T
	for j, v := range src {
		if v != 0 {
			wantCol, want = append(wantCol, int32(j)), append(want, T(v)*(T(1)/255))
		}
	}
	col, val := make([]int32, len(src)+16), make([]T, len(src)+16)
	n := NonzeroU8(col, val, src, T(1)/255)
	if n != len(want) || !slices.Equal(col[:n], wantCol) || !slices.Equal(val[:n], want) {
		t.Fatalf("%v: got %v %v want %v %v", src, col[:n], val[:n], wantCol, want)
	}
}

func TestSparsePanics(t *testing.T) {
	good := Sparse[float32]{2, 3, []int32{0, 1, 2}, []int32{0, 2}, []float32{1, 1}}
	for name, change := range map[string]func(a *Sparse[float32]){
		"column outside":      func(a *Sparse[float32]) { a.Cols = 2 },
		"rows without starts": func(a *Sparse[float32]) { a.Rows = 3 },
		"too few numbers":     func(a *Sparse[float32]) { a.Val = a.Val[:1] },
		"starts that descend": func(a *Sparse[float32]) { a.Start = []int32{2, 1, 2} },
	} {
		a := good
		change(&a)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			MulSparse(&a, 1, make([]float32, 3), 1, make([]float32, 3), 1, false)
		}()
	}
}

// The first layer of a 784-256 perceptron on 128 images of which a fifth is not 0.
func BenchmarkMulSparse(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, _ := randomSparse[float32](rng, 128, 784, 5)
	w, z := normals[float32](rng, 784*256), make([]float32, 784*256)
	var turned Pairs[float32]
	turned.Turn(x)
	for _, l := range Levels() {
		b.Run(fmt.Sprintf("of=forward/level=%s", l), func(b *testing.B) {
			use(b, l)
			bestOf(b, func() { MulSparse(x, 256, w, 256, z, 256, false) })
		})
		b.Run(fmt.Sprintf("of=gradient/level=%s", l), func(b *testing.B) {
			use(b, l)
			bestOf(b, func() { MulPairs(&turned, 0, 392, 256, w, 256, z, 256, false) })
		})
	}
	b.Run("of=turn", func(b *testing.B) { bestOf(b, func() { turned.Turn(x) }) })
}
