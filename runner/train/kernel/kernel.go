// Package kernel holds the inner loops of the built-in trainer: matrix product,
// softmax, activations, sums, gathers and update rules, on slices of float32 or
// float64, on the goroutine of the caller.
//
// The law of the package is that a result depends on the numbers alone, to the
// bit. It is the same with AVX-512, with AVX2 and FMA, and in plain Go; on amd64
// and on arm64; and for a column of a product whether it is computed by itself
// or together with a thousand others. So each element of a product is one chain
//
//	c ← fma(a₀, b₀, c), c ← fma(a₁, b₁, c), …  in float32
//	c ← c + (a₀·b₀), c ← c + (a₁·b₁), …        in float64, products rounded
//
// in the order of k, sums of vectors have fixed lanes, and exp, log, tanh and
// the normal distribution are of this package, of additions, multiplications
// and divisions in a fixed order, products rounded before they are added. Of a
// NaN only that it is one is promised, not its sign and payload.
//
// Float32 is the fast path. Float64 is plain Go in the same order.
//
// A slice that is too short for its shape, a negative size and a stride below
// the width are programmer's mistakes and panic.
//
// Sources: Goto and van de Geijn, Anatomy of high-performance matrix
// multiplication, ACM Trans. Math. Softw. 34(3), 2008, for panels and blocks,
// with this departure: a block of k goes on from the sums of the block before,
// in place of adding a sum of its own, which would tie the bits to the size of
// the block. Boldo and Melquiond, Emulation of a FMA and correctly rounded sums:
// proved algorithms using rounding to odd, IEEE Trans. Comput. 57(4), 2008, for
// the fused multiply-add of plain Go. Cody and Waite, Software Manual for the
// Elementary Functions, 1980, for the reduction of exp.
package kernel

import "unsafe"

// Float is what the kernels compute with.
type Float interface{ ~float32 | ~float64 }

// single reports whether T is 4 bytes wide.
func single[T Float]() bool { return unsafe.Sizeof(T(0)) == 4 }

// f32 is s seen as float32; only where single[T]().
func f32[T Float](s []T) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// f64 is s seen as float64; only where not single[T]().
func f64[T Float](s []T) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// checkMatrix panics unless an m×n matrix with stride ld fits in length values.
func checkMatrix(what string, length, m, n, ld int) {
	if m < 0 || n < 0 || ld < n {
		panic("kernel: " + what + ": negative size, or stride below the width")
	}
	if m > 0 && n > 0 && (m-1)*ld+n > length {
		panic("kernel: " + what + ": slice shorter than its shape")
	}
}

// checkSame panics unless the lengths are equal.
func checkSame(what string, n int, others ...int) {
	for _, o := range others {
		if o != n {
			panic("kernel: " + what + ": slices differ in length")
		}
	}
}
