package kernel

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// Dot has sixteen lanes, folded in pairs, of exact products.
func TestDotLanes(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		for n := range 100 {
			x, y := normals[float32](rng, n), normals[float32](rng, n)
			var s [16]float64
			for i := range x {
				s[i%16] += float64(x[i]) * float64(y[i])
			}
			for d := 8; d >= 1; d /= 2 {
				for l := range d {
					s[l] += s[l+d]
				}
			}
			if got := Dot(x, y); got != s[0] {
				t.Fatalf("n=%d: got %v, want %v", n, got, s[0])
			}
		}
		big := []float32{math.MaxFloat32, math.MaxFloat32}
		if got := SumSquares(big); math.IsInf(got, 0) {
			t.Errorf("sum of two large squares: got %v, want a finite number", got)
		}
	})
}

func TestRows(t *testing.T) {
	a := []float32{1, 2, 9, 3, 4, 9, 5, 6}
	sum := []float32{100, 200}
	SumRows(sum, a, 3, 3, 2, true)
	if sum[0] != 109 || sum[1] != 212 {
		t.Errorf("SumRows with acc: got %v, want [109 212]", sum)
	}
	SumRows(sum, a, 3, 3, 2, false)
	if sum[0] != 9 || sum[1] != 12 {
		t.Errorf("SumRows: got %v, want [9 12]", sum)
	}
	AddRows(a, 3, 3, 2, sum)
	if a[0] != 10 || a[1] != 14 || a[2] != 9 || a[7] != 18 {
		t.Errorf("AddRows: got %v", a)
	}
	SetRows(a, 3, 3, 2, sum)
	if a[0] != 9 || a[4] != 12 || a[5] != 9 || a[7] != 12 {
		t.Errorf("SetRows: got %v", a)
	}
}

func TestGather(t *testing.T) {
	src := []uint8{0, 1, 2, 99, 100, 200, 255, 99}
	dst := make([]float64, 7)
	dst[3] = -1
	GatherU8(dst, 4, src, 4, []int32{1, 0}, 3, []float64{0.5}, nil)
	want := []float64{50, 100, 127.5, -1, 0, 0.5, 1}
	for i := range want {
		if dst[i] != want[i] {
			t.Fatalf("one scale: got %v, want %v", dst, want)
		}
	}
	GatherU8(dst, 4, src, 4, []int32{0, 1}, 3, []float64{1, 2, 3}, []float64{10, 20, 30})
	want = []float64{10, 22, 36, -1, 110, 420, 795}
	for i := range want {
		if dst[i] != want[i] {
			t.Fatalf("scale and shift: got %v, want %v", dst, want)
		}
	}
	out := make([]float64, 3)
	Gather(out, 3, dst, 4, []int32{1}, 3, nil, []float64{-100})
	if out[0] != 10 || out[1] != 320 || out[2] != 695 {
		t.Errorf("Gather: got %v, want [10 320 695]", out)
	}
}

func TestFinite(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		for n := 1; n < 40; n++ {
			x, y := make([]float32, n), make([]float64, n)
			x[n/2], y[n/2] = math.MaxFloat32, math.MaxFloat64
			if !Finite(x) || !Finite(y) {
				t.Fatalf("n=%d, large: got false, want true", n)
			}
			for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				x[n-1], y[n-1] = float32(v), v
				if Finite(x) || Finite(y) {
					t.Fatalf("n=%d, %v: got true, want false", n, v)
				}
			}
		}
	})
}

// A slice shorter than its shape is a programmer's mistake, found before any
// work is done.
func TestMistakesPanic(t *testing.T) {
	x := make([]float32, 12)
	var w Work
	tests := []struct {
		name string
		call func()
	}{
		{"short A", func() { Gemm(&w, false, false, 3, 3, 5, x, 5, make([]float32, 15), 3, x, 3, false) }},
		{"short B", func() { Gemm(&w, false, false, 3, 3, 4, x, 4, x[:11], 3, make([]float32, 9), 3, false) }},
		{"short C", func() { Gemm(&w, false, false, 3, 3, 4, x, 4, x, 3, x[:8], 3, false) }},
		{"narrow A", func() { Gemm(&w, true, false, 3, 3, 4, x, 2, x, 3, x[:9], 3, false) }},
		{"negative k", func() { Gemm(&w, false, false, 3, 3, -1, x, 4, x, 3, x[:9], 3, false) }},
		{"lengths", func() { Exp(x, x[:11]) }},
		{"row outside", func() { GatherU8(x, 3, make([]uint8, 6), 3, []int32{2}, 3, x[:1], nil) }},
		{"negative row", func() { GatherU8(x, 3, make([]uint8, 6), 3, []int32{-1}, 3, x[:1], nil) }},
		{"scale", func() { GatherU8(x, 3, make([]uint8, 6), 3, []int32{1}, 3, x[:2], nil) }},
		{"label", func() { SoftmaxCE(x, 3, 4, 3, []int32{0, 1, 2, 3}, 0, 1, make([]float64, 4)) }},
		{"losses", func() { SoftmaxCE(x, 3, 4, 3, []int32{0, 1, 2, 1}, 0, 1, make([]float64, 3)) }},
		{"groups", func() { SoftmaxGroups(x, 2, 2, 3, []int32{0, 1}, x[:1], 1, make([]float64, 4), make([]int, 2)) }},
		{"bias", func() { AddRows(x, 3, 4, 3, x[:2]) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "kernel: ") {
					t.Errorf("got %q, want a panic that names the package", s)
				}
			}()
			tt.call()
		})
	}
}

func TestUseRefusesUnknownLevels(t *testing.T) {
	before := Level()
	if _, err := Use("sse9"); err == nil || !strings.Contains(err.Error(), "want one of") {
		t.Errorf("got %v, want an error that lists the levels", err)
	}
	restore, err := Use("go")
	if err != nil || Level() != "go" {
		t.Errorf("got %v and level %s, want go", err, Level())
	}
	restore()
	if Level() != before {
		t.Errorf("after restore: got %s, want %s", Level(), before)
	}
}
