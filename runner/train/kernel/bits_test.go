package kernel

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"
)

// A digest is a hash of results, with one NaN for all.
type digest struct{ sum []byte }

func (d *digest) f32(x []float32) {
	for _, v := range x {
		b := math.Float32bits(v)
		if v != v {
			b = math.Float32bits(nan32)
		}
		d.sum = binary.LittleEndian.AppendUint32(d.sum, b)
	}
}

func (d *digest) f64(x ...float64) {
	for _, v := range x {
		b := math.Float64bits(v)
		if v != v {
			b = 0x7ff8 << 48
		}
		d.sum = binary.LittleEndian.AppendUint64(d.sum, b)
	}
}

func (d *digest) hash() uint64 {
	h := fnv.New64a()
	h.Write(d.sum)
	return h.Sum64()
}

// everything runs each kernel of both widths on numbers from a seed.
func everything() uint64 {
	var d digest
	var w Work
	rng := rand.New(rand.NewPCG(31, 32))
	integers := func(n int) []float64 { // small parts of a power of 2, since NormFloat64 may differ between processors
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(int32(rng.Uint32())) * 0x1p-30
		}
		return x
	}
	for range 40 {
		s := randomShape(rng, 40)
		na, nb, nc := s.lengths()
		a, b, c := integers(na), integers(nb), integers(nc)
		c32 := narrowed(c)
		Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, narrowed(a), s.lda, narrowed(b), s.ldb, c32, s.ldc, s.acc)
		Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, a, s.lda, b, s.ldb, c, s.ldc, s.acc)
		d.f32(c32)
		d.f64(c...)
	}
	functionsOf(&d, integers)
	return d.hash()
}

// functionsOf adds functions, softmax and steps to the digest.
func functionsOf(d *digest, numbers func(n int) []float64) {
	var x []float32
	sweep32(99_991, func(v float32) { x = append(x, v) })
	out := make([]float32, len(x))
	for _, f := range []func(dst, x []float32){Exp[float32], Log[float32], Tanh[float32], GELU[float32]} {
		f(out, x)
		d.f32(out)
	}
	GELUBackward(out, x, x)
	d.f32(out)
	for _, v := range x {
		v := float64(v)
		d.f64(exp64(v), log64(v), tanh64(v), gelu64(v), geluSlope64(v))
	}
	z := numbers(130 * 7)
	z32, loss, label := narrowed(z), make([]float64, 130), make([]int32, 130)
	SoftmaxCE(z32, 7, 130, 7, label, 0.1, 0.3, loss)
	d.f64(loss...)
	SoftmaxCE(z, 7, 130, 7, label, 0.1, 0.3, loss)
	d.f64(loss...)
	d.f64(z...)
	d.f32(z32)
	d.f64(Dot(z32, z32), Dot(z, z))
	for _, st := range allSteps {
		a, b := numbers(4*37), narrowed(numbers(4*37))
		for range 3 {
			st.f64(a[:37], a[37:][:37], a[74:][:37], a[111:])
			st.f32(b[:37], b[37:][:37], b[74:][:37], b[111:])
		}
		d.f64(a...)
		d.f32(b)
	}
}

// All levels of all processors have the bits of this hash, which came out on
// amd64 at each level and on arm64. Change it with what a kernel promises only.
func TestBitsOfEveryProcessor(t *testing.T) {
	const want = 0x1df88abad9abb897
	atLevels(t, func(t *testing.T) {
		if got := everything(); got != want {
			t.Errorf("hash of the results: got %#x, want %#x", got, uint64(want))
		}
	})
}
