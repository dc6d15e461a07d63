package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/trawl-sweep/trawl/runner/train/kernel"
)

// Models side by side have the bits of each alone, from dense examples and from
// sparse ones, in one part and in two.
func TestWideIsNets(t *testing.T) {
	t.Run("float32", wideIsNets[float32])
	t.Run("float64", wideIsNets[float64])
}

func wideIsNets[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	for range 60 {
		s := Spec{In: 1 + rng.IntN(260), Out: 1 + rng.IntN(13)}
		if s.Out == 1 && rng.IntN(2) == 0 {
			s.Loss = Squared
		}
		net := New[T](s, 20)
		n := 1 + rng.IntN(9)
		w := NewWide(net, 9)
		weights, want, got := make([][]T, n), make([][]T, n), make([][]T, n)
		smoothing := make([]float64, n)
		for i := range n {
			weights[i], want[i], got[i] = uniform[T](rng, net.Len()), make([]T, net.Len()), make([]T, net.Len())
			smoothing[i] = []float64{0, 0.1}[rng.IntN(2)]
		}
		w.Load(weights, smoothing)
		b := Batch[T]{First: true, Scale: 0.25}
		for _, b.Rows = range []int{1 + rng.IntN(20), 7} {
			b.X = thinInput(net, b.Rows, rng)
			b.Label, b.Target = make([]int32, b.Rows), uniform[T](rng, b.Rows)
			for i := range b.Label {
				b.Label[i] = int32(rng.IntN(s.Out))
			}
			if rng.IntN(2) == 0 {
				b.X = nil
			}
			loss, right := w.Gradient(got, b)
			loss, right = slices.Clone(loss), slices.Clone(right)
			for i := range n {
				s.Smoothing = smoothing[i]
				losses, ok := net.Beside(s).Gradient(weights[i], want[i], b)
				for j, l := range losses {
					if loss[j*n+i] != l {
						t.Fatalf("%+v: model %d of %d, example %d: loss %v want %v", s, i, n, j, loss[j*n+i], l)
					}
				}
				if s.Loss == CrossEntropy && ok != right[i] {
					t.Errorf("%+v: model %d of %d: %d right want %d", s, i, n, right[i], ok)
				}
				if !sameBits(got[i], want[i]) {
					t.Fatalf("%+v: model %d of %d: the gradients differ", s, i, n)
				}
			}
			b.First = false
		}
		z := slices.Clone(w.Forward(b.Rows, nil))
		for i := range n {
			for j, v := range net.Forward(weights[i], b.Rows, nil) {
				if k := (j/s.Out*n+i)*s.Out + j%s.Out; z[k] != v {
					t.Fatalf("%+v: model %d of %d: output %v want %v", s, i, n, z[k], v)
				}
			}
		}
	}
}

func uniform[T Float](rng *rand.Rand, n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(2*rng.Float64() - 1)
	}
	return x
}

// thinInput sets the input of net to examples that are mostly 0, and returns them
// as a sparse matrix.
func thinInput[T Float](net *Net[T], rows int, rng *rand.Rand) *kernel.Sparse[T] {
	x := &kernel.Sparse[T]{Rows: rows, Cols: net.In, Start: []int32{0}}
	clear(net.x)
	for i := range rows {
		for j := range net.In {
			if rng.IntN(4) == 0 {
				v := T(rng.NormFloat64())
				net.x[i*net.In+j] = v
				x.Col, x.Val = append(x.Col, int32(j)), append(x.Val, v)
			}
		}
		x.Start = append(x.Start, int32(len(x.Col)))
	}
	return x
}

// sameBits compares to the bit, but for the sign of 0.
func sameBits[T Float](a, b []T) bool {
	return slices.EqualFunc(a, b, func(x, y T) bool {
		return x == y || math.IsNaN(float64(x)) && math.IsNaN(float64(y))
	})
}

func TestNewWideWantsOneLayer(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("hidden layers: no panic")
		}
	}()
	NewWide(New[float32](Spec{In: 2, Hidden: []int{3}, Out: 2}, 4), 3)
}
