package kernel

import (
	"math/rand/v2"
	"testing"
)

// After the first call of a shape nothing is allocated.
func TestNothingIsAllocated(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var w Work
	const rows, in, out = 32, 65, 10
	x, y, z := normals[float32](rng, rows*in), normals[float32](rng, in*out), normals[float32](rng, rows*out)
	d, g := normals[float32](rng, 128*in), make([]float32, in*out)
	z64, loss, label := make([]float64, rows*out), make([]float64, rows), make([]int32, rows)
	u8, index := make([]uint8, rows*in), make([]int32, rows)
	hits := make([]int, 2)
	rates := AdamRates[float32]{0.9, 0.1, 0.99, 0.01, 0.1, 1, 1e-8, 0, 1}
	tests := []struct {
		name string
		f    func()
	}{
		{"forward", func() { Gemm(&w, false, false, rows, out, in, x, in, y, out, z, out, true) }},
		{"forward, B transposed", func() { Gemm(&w, false, true, rows, out, in, x, in, y, in, z, out, true) }},
		{"backward", func() { Gemm(&w, true, false, in, out, rows, x, in, z, out, g, out, false) }},
		{"backward, wide", func() { Gemm(&w, true, false, out, in, rows, z, out, x, in, g, in, false) }},
		{"float64", func() { Gemm(&w, false, false, rows, out, 0, z64, 1, z64, out, z64, out, true) }},
		{"softmax", func() { SoftmaxCE(z, out, rows, out, label, 0.1, 1, loss) }},
		{"softmax in groups", func() { SoftmaxGroups(z, rows/2, 2, out, label, x[:2], 1, loss, hits) }},
		{"softmax of float64", func() { SoftmaxLoss(z64, out, rows, out, label, 0.1, loss) }},
		{"gather", func() { GatherU8(x, in, u8, in, index, in, y[:1], y[:in]) }},
		{"activations", func() { GELU(x, x); Tanh(x, x); ReLU(x, x); GELUBackward(x, x, x) }},
		{"sums", func() { SumRows(z[:out], x, out, rows, out, true); SumSquares(d) }},
		{"steps", func() { AdamStep(g, g, g, g, &rates); MomentumStep(Velocity, g, g, g, 0.9, 1, 0.1, 0) }},
	}
	atLevels(t, func(t *testing.T) {
		for _, tt := range tests {
			if n := testing.AllocsPerRun(5, tt.f); n != 0 {
				t.Errorf("%s: got %v allocations a call, want 0", tt.name, n)
			}
		}
	})
}
