package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// everyLevel runs f at each level and reports where its result differs from
// that of plain Go.
func everyLevel(t *testing.T, what string, f func() []float32) {
	t.Helper()
	var want []float32
	for i := len(Levels()) - 1; i >= 0; i-- {
		restore, err := Use(Levels()[i])
		if err != nil {
			t.Fatal(err)
		}
		got := f()
		restore()
		if want == nil {
			want = got
		}
		for j := range want {
			if !sameBits(got[j], want[j]) {
				t.Fatalf("%s at %s: value %d: got %x (%v), plain Go has %x (%v)", what, Levels()[i], j, got[j], got[j], want[j], want[j])
			}
		}
	}
}

// special is a number, or one time in eight something odd.
func special(rng *rand.Rand) float32 {
	if rng.IntN(8) == 0 {
		return edges32[rng.IntN(len(edges32))]
	}
	return math.Float32frombits(rng.Uint32())
}

// Products have the same bits at all levels, on random shapes and numbers of
// all sizes, some of them not finite.
func TestGemmHasTheSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	var w Work
	for i := range 150 {
		s := randomShape(rng, 90)
		if i%10 == 0 {
			s = shape{m: 1 + rng.IntN(40), n: 1 + rng.IntN(40), k: 390 + rng.IntN(800), ta: i%20 == 0, tb: i%30 == 0, acc: i%40 == 0}.strides(rng, 3)
		}
		na, nb, nc := s.lengths()
		a, b, c := normals[float32](rng, na), normals[float32](rng, nb), normals[float32](rng, nc)
		if i%3 == 0 {
			for j := range a {
				a[j] *= math.Float32frombits(uint32(rng.IntN(250)) << 23)
			}
		}
		if i%5 == 0 {
			a[rng.IntN(na)], b[rng.IntN(nb)], c[rng.IntN(nc)] = special(rng), special(rng), special(rng)
		}
		everyLevel(t, s.String(), func() []float32 {
			out := append([]float32(nil), c...)
			Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, a, s.lda, b, s.ldb, out, s.ldc, s.acc)
			return out
		})
	}
}

// A column has the same bits in a product of its own and in a wide one, and so
// have rows; and k may be cut with acc.
func TestGemmDoesNotDependOnTheCut(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(13, 14))
		var w Work
		for _, s := range []shape{{m: 60, n: 70, k: 50}, {m: 130, n: 20, k: 90, ta: true}, {m: 64, n: 320, k: 30}, {m: 33, n: 40, k: 500, tb: true}} {
			s = s.strides(rng, 2)
			na, nb, nc := s.lengths()
			a, b, c, d := normals[float32](rng, na), normals[float32](rng, nb), make([]float32, nc), make([]float32, nc)
			Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, a, s.lda, b, s.ldb, c, s.ldc, false)
			row, step := steps(s.ta, s.lda)
			col, stepB := steps(!s.tb, s.ldb)
			k := s.k / 3
			for i := 0; i < s.m; {
				rows := min(1+rng.IntN(20), s.m-i)
				for j := 0; j < s.n; {
					cols := min(1+rng.IntN(40), s.n-j)
					out := d[i*s.ldc+j:]
					Gemm(&w, s.ta, s.tb, rows, cols, k, a[i*row:], s.lda, b[j*col:], s.ldb, out, s.ldc, false)
					Gemm(&w, s.ta, s.tb, rows, cols, s.k-k, a[i*row+k*step:], s.lda, b[j*col+k*stepB:], s.ldb, out, s.ldc, true)
					j += cols
				}
				i += rows
			}
			for i := range c {
				if i%s.ldc < s.n && !sameBits(c[i], d[i]) {
					t.Fatalf("%s: c[%d]: got %x in parts, want %x", s, i, d[i], c[i])
				}
			}
		}
	})
}

// Functions have the same bits at all levels, over 430,000 numbers of all
// sizes with NaN, infinities and what lies below the normal numbers.
func TestFunctionsHaveTheSameBits(t *testing.T) {
	var x []float32
	sweep32(9973, func(v float32) { x = append(x, v) })
	dy := make([]float32, len(x))
	rng := rand.New(rand.NewPCG(15, 16))
	for i := range dy {
		dy[i] = special(rng)
	}
	tests := []struct {
		name string
		f    func(dst []float32)
	}{
		{"exp", func(dst []float32) { Exp(dst, x) }},
		{"tanh", func(dst []float32) { Tanh(dst, x) }},
		{"gelu", func(dst []float32) { GELU(dst, x) }},
		{"relu", func(dst []float32) { ReLU(dst, x) }},
		{"gelu backward", func(dst []float32) { GELUBackward(dst, dy, x) }},
		{"relu backward", func(dst []float32) { ReLUBackward(dst, dy, x) }},
		{"tanh backward", func(dst []float32) { TanhBackward(dst, dy, x) }},
		{"axpy", func(dst []float32) { copy(dst, dy); Axpy(0.3, x, dst) }},
		{"scale", func(dst []float32) { copy(dst, x); Scale(0.3, dst) }},
		{"gather", func(dst []float32) { Gather(dst, len(x), x, len(x), []int32{0}, len(x), dy, x) }},
		{"softmax", func(dst []float32) {
			copy(dst, x)
			Softmax(dst, 7, len(dst)/7, 7)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			everyLevel(t, tt.name, func() []float32 {
				dst := make([]float32, len(x))
				tt.f(dst)
				return dst
			})
		})
	}
}

// Short slices go through the tails of the loops.
func TestTailsHaveTheSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for n := range 40 {
		x, dy, bytes := normals[float32](rng, n), normals[float32](rng, n), make([]uint8, n)
		for i := range bytes {
			bytes[i] = uint8(rng.Uint32())
		}
		for name, f := range map[string]func(dst []float32){
			"exp": func(dst []float32) { Exp(dst, x) }, "tanh": func(dst []float32) { Tanh(dst, x) },
			"gelu": func(dst []float32) { GELU(dst, x) }, "relu": func(dst []float32) { ReLU(dst, x) },
			"gelu backward": func(dst []float32) { GELUBackward(dst, dy, x) },
			"relu backward": func(dst []float32) { ReLUBackward(dst, dy, x) },
			"tanh backward": func(dst []float32) { TanhBackward(dst, dy, x) },
			"axpy":          func(dst []float32) { copy(dst, x); Axpy(0.7, dy, dst) },
			"gather": func(dst []float32) {
				GatherU8(dst, n, bytes, n, []int32{0}, n, []float32{1.0 / 255}, []float32{-0.1})
			},
			"gather by column": func(dst []float32) { GatherU8(dst, n, bytes, n, []int32{0}, n, dy, x) },
			"norm": func(dst []float32) {
				if n > 0 {
					dst[0] = float32(Dot(x, dy))
				}
			},
		} {
			everyLevel(t, name, func() []float32 {
				dst := make([]float32, n)
				f(dst)
				return dst
			})
		}
	}
}
