package kernel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"
)

// A fence is memory between two pages that nobody may touch.
type fence struct {
	t   *testing.T
	all []byte
}

func newFence(t *testing.T, size int) *fence {
	page := os.Getpagesize()
	size = (size + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(all) })
	for _, guard := range [][]byte{all[:page], all[page+size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return &fence{t, all[page:][:size]}
}

// place copies x so that it ends, or begins, at the fence.
func place[T any](f *fence, x []T, end bool) []T {
	if len(x) == 0 {
		return nil
	}
	size := len(x) * int(unsafe.Sizeof(x[0]))
	if size > len(f.all) {
		f.t.Fatalf("fence of %d bytes: want %d", len(f.all), size)
	}
	at := 0
	if end {
		at = len(f.all) - size
	}
	out := unsafe.Slice((*T)(unsafe.Pointer(&f.all[at])), len(x))
	copy(out, x)
	return out
}

// untouched fails the test if f reads or writes beyond a fence.
func untouched(t *testing.T, what string, f func()) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s at %s: %v", what, Level(), r)
		}
	}()
	f()
}

// No product reads or writes beyond its slices, whatever the tails.
func TestGemmStaysInside(t *testing.T) {
	fences := [3]*fence{newFence(t, 1<<17), newFence(t, 1<<17), newFence(t, 1<<17)}
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(21, 22))
		var w Work
		for i := range 400 {
			s := randomShape(rng, 50)
			if i%8 == 0 {
				s = shape{m: 64 + rng.IntN(100), n: 1 + rng.IntN(20), k: 1 + rng.IntN(40), ta: true, tb: i%16 == 0, acc: i%3 == 0}.strides(rng, 3)
			}
			na, nb, nc := s.lengths()
			end := i%2 == 0
			a := place(fences[0], normals[float32](rng, na), end)
			b := place(fences[1], normals[float32](rng, nb), end)
			c := place(fences[2], normals[float32](rng, nc), end)
			untouched(t, s.String(), func() {
				Gemm(&w, s.ta, s.tb, s.m, s.n, s.k, a, s.lda, b, s.ldb, c, s.ldc, s.acc)
			})
		}
	})
}

// No loop over slices reads or writes beyond them.
func TestLoopsStayInside(t *testing.T) {
	var f [4]*fence
	for i := range f {
		f[i] = newFence(t, 4096)
	}
	bytes := newFence(t, 4096)
	atLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(23, 24))
		for n := range 50 {
			for _, end := range []bool{false, true} {
				var x [4][]float32
				for i := range x {
					x[i] = place(f[i], normals[float32](rng, n), end)
				}
				u8 := place(bytes, make([]uint8, n), end)
				untouched(t, fmt.Sprintf("n=%d end=%t", n, end), func() {
					Exp(x[0], x[1])
					Log(x[0], x[1])
					Tanh(x[0], x[1])
					GELU(x[0], x[1])
					ReLU(x[0], x[1])
					TanhBackward(x[0], x[1], x[2])
					GELUBackward(x[0], x[1], x[2])
					ReLUBackward(x[0], x[1], x[2])
					Axpy(2, x[0], x[1])
					Scale(2, x[0])
					Dot(x[0], x[1])
					GatherU8(x[0], n, u8, n, []int32{0}, n, []float32{2}, nil)
					GatherU8(x[0], n, u8, n, []int32{0}, n, x[1], x[2])
					Gather(x[0], n, x[1], n, []int32{0}, n, x[2], x[3])
					SumRows(x[0], x[1], n, min(n, 1), n, false)
					for _, st := range allSteps {
						st.f32(x[0], x[1], x[2], x[3])
					}
				})
			}
		}
	})
}

// The fences of these tests hold: one byte beyond is a fault.
func TestFenceHolds(t *testing.T) {
	f := newFence(t, 4096)
	for _, at := range []int{-1, len(f.all)} {
		func() {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				if recover() == nil {
					t.Errorf("byte %d: got no fault, want one", at)
				}
			}()
			sink = *(*byte)(unsafe.Add(unsafe.Pointer(&f.all[0]), at))
		}()
	}
}

var sink byte
