package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// goPeak is the peak of plain Go: four independent chains of fma32.
func goPeak(n int) int {
	var s [4]float32
	for range n {
		for i := range s {
			s[i] = fma32(1.5, 0.7, s[i]*0.5)
		}
	}
	peakSink = s[0]
	return 4
}

var peakSink float32

// peakRate is the measured peak of a level, in multiply-adds per nanosecond:
// the best of several short runs.
func peakRate(level string) float64 {
	best := 0.0
	for range 20 {
		const n = 20_000
		start := time.Now()
		per := peakLoop(level, n)
		best = max(best, float64(n*per)/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// The peak of a level: multiply-adds in registers alone.
func BenchmarkPeak(b *testing.B) {
	for _, l := range Levels() {
		b.Run("level="+l, func(b *testing.B) {
			const n = 1000
			per := 0
			for b.Loop() {
				per = peakLoop(l, n)
			}
			b.ReportMetric(float64(n*per)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "fma/ns")
		})
	}
}

// The products of a training step. Each call is timed: best-ns is the fastest,
// which a busy neighbour does not change, and %peak its share of the peak of
// the level, measured before and after.
func BenchmarkGemm(b *testing.B) {
	shapes := []shape{
		{m: 128, k: 784, n: 256}, {m: 784, k: 128, n: 256, ta: true}, // hidden layer of 256 on MNIST
		{m: 128, k: 784, n: 256, tb: true}, {m: 256, k: 128, n: 784, ta: true}, // the same, weights transposed
		{m: 128, k: 784, n: 10}, {m: 784, k: 128, n: 10, ta: true}, // softmax on MNIST
		{m: 128, k: 784, n: 10, tb: true}, {m: 10, k: 128, n: 784, ta: true}, // the same, weights transposed
		{m: 128, k: 128, n: 256}, {m: 128, k: 10, n: 128}, // gradients of hidden layers
		{m: 128, k: 784, n: 320}, {m: 784, k: 128, n: 320, ta: true}, // 32 fused softmax trials
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, l := range Levels() {
		for _, s := range shapes {
			s = s.strides(rng, 0)
			b.Run(fmt.Sprintf("level=%s/m=%d/k=%d/n=%d/ta=%t/tb=%t", l, s.m, s.k, s.n, s.ta, s.tb), func(b *testing.B) {
				use(b, l)
				na, nb, nc := s.lengths()
				x, y, z := normals[float32](rng, na), normals[float32](rng, nb), make([]float32, nc)
				var w Work
				step := func() { Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, x, s.lda, y, s.ldb, z, s.ldc, false) }
				step()
				peak := peakRate(l)
				best := bestOf(b, step)
				peak = max(peak, peakRate(l))
				b.ReportMetric(100*float64(s.m*s.n*s.k)/best/peak, "%peak")
			})
		}
	}
}

// bestOf runs f as a benchmark and reports the fastest of its calls, in
// nanoseconds.
func bestOf(b *testing.B, f func()) float64 {
	best := math.Inf(1)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, float64(time.Since(start).Nanoseconds()))
	}
	b.ReportMetric(best, "best-ns")
	return best
}

// What stands beside the products in a training step on MNIST.
func BenchmarkLoops(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	const rows, in, out = 128, 784, 10
	x, y, loss := normals[float32](rng, rows*in), make([]float32, rows*in), make([]float64, rows)
	u8, index, label := make([]uint8, 1000*in), make([]int32, rows), make([]int32, rows)
	for i := range index {
		index[i], label[i] = int32(rng.IntN(1000)), int32(rng.IntN(out))
	}
	wide := make([]float32, in)
	z := normals[float32](rng, rows*out)
	h := x[:rows*256]
	losses, hits := make([]float64, rows*32), make([]int, 32)
	loops := []struct {
		name string
		f    func()
	}{
		{"gather rows=128 n=784", func() { GatherU8(y, in, u8, in, index, in, []float32{1.0 / 255}, nil) }},
		{"gather and standardise", func() { GatherU8(y, in, u8, in, index, in, wide, wide) }},
		{"softmax rows=128 n=10", func() { copy(y, z); SoftmaxCE(y, out, rows, out, label, 0, 1, loss) }},
		{"softmax smoothed", func() { copy(y, z); SoftmaxCE(y, out, rows, out, label, 0.1, 1, loss) }},
		{"softmax in 32 groups", func() {
			copy(y, x[:rows*32*out])
			SoftmaxGroups(y, rows, 32, out, label, wide[:32], 1, losses, hits)
		}},
		{"set bias rows=128 n=256", func() { SetRows(y, 256, rows, 256, wide[:256]) }},
		{"sum rows=128 n=256", func() { SumRows(wide[:256], h, 256, rows, 256, false) }},
		{"sum rows=128 n=10", func() { SumRows(wide[:out], h, out, rows, out, false) }},
		{"relu n=32768", func() { ReLU(y[:len(h)], h) }},
		{"relu backward n=32768", func() { ReLUBackward(y[:len(h)], h, h) }},
		{"tanh n=32768", func() { Tanh(y[:len(h)], h) }},
		{"gelu n=32768", func() { GELU(y[:len(h)], h) }},
		{"gelu backward n=32768", func() { GELUBackward(y[:len(h)], h, h) }},
		{"exp n=32768", func() { Exp(y[:len(h)], h) }},
		{"norm n=100352", func() { SumSquares(x) }},
		{"finite n=100352", func() { Finite(x) }},
	}
	for _, l := range Levels() {
		for _, p := range loops {
			b.Run("level="+l+"/"+p.name, func(b *testing.B) {
				use(b, l)
				bestOf(b, p.f)
			})
		}
	}
}
