package train

import (
	"math/bits"
	"math/rand/v2"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/kernel"
	"github.com/trawl-sweep/trawl/runner/train/model"
)

// A feed copies examples of a set into the input of a network, as the model
// sees them: x·scale + shift in T.
type feed[T model.Float] struct {
	set          *data.Set
	scale, shift []T // one for all columns, or one a column; shift nil: none
	u8           []uint8
	dense        []T
	indptr       []int64
	col          []int32
	val          []T

	augment data.Augment
	scratch []T // one example

	sparse bool             // whether to give examples as x
	x      kernel.Sparse[T] // of a batch
}

func newFeed[T model.Float](set *data.Set, augment data.Augment) *feed[T] {
	f := &feed[T]{set: set, augment: augment}
	if augment != (data.Augment{}) {
		f.scratch = make([]T, set.Features)
	}
	scale, shift := set.ScaleShift()
	f.scale, f.shift = narrow[T](scale), narrow[T](shift)
	if len(f.shift) == 1 && f.shift[0] == 0 {
		f.shift = nil
	}
	u8, f32, f64 := set.Dense()
	switch f.u8 = u8; any(f.dense).(type) {
	case []float32:
		f.dense, _ = any(f32).([]T)
		var v []float32
		f.indptr, f.col, v, _ = set.CSR()
		f.val, _ = any(v).([]T)
	default:
		f.dense, _ = any(f64).([]T)
		var v []float64
		f.indptr, f.col, v, _ = set.CSR64()
		f.val, _ = any(v).([]T)
	}
	return f
}

// narrow rounds x to T, and to one number if all are equal.
func narrow[T model.Float](x []float64) []T {
	y, same := make([]T, len(x)), true
	for i, v := range x {
		y[i] = T(v)
		same = same && y[i] == y[0]
	}
	if same {
		return y[:1:1]
	}
	return y
}

// input writes the examples called rows to x, one after another, or returns them
// as a sparse matrix until the next call.
func (f *feed[T]) input(x []T, rows []int32) *kernel.Sparse[T] {
	n := f.set.Features
	switch {
	case f.sparse && f.u8 != nil:
		return f.sparseBytes(rows)
	case f.sparse && f.indptr != nil:
		return f.sparseRows(rows)
	case f.u8 != nil:
		kernel.GatherU8(x, n, f.u8, n, rows, n, f.scale, f.shift)
	case f.dense != nil:
		kernel.Gather(x, n, f.dense, n, rows, n, f.scale, f.shift)
	default:
		clear(x[:len(rows)*n])
		for i, r := range rows {
			to := x[i*n:][:n]
			for k := f.indptr[r]; k < f.indptr[r+1]; k++ {
				to[f.col[k]] = f.value(k)
			}
		}
	}
	return nil
}

// value is number k of the sparse rows, scaled.
func (f *feed[T]) value(k int64) T {
	s := f.scale[0]
	if len(f.scale) > 1 {
		s = f.scale[f.col[k]]
	}
	return T(f.val[k] * s)
}

// training is input for examples as they are in an epoch: augmented.
func (f *feed[T]) training(x []T, rows []int32, seed, epoch int64) *kernel.Sparse[T] {
	if f.scratch == nil {
		return f.input(x, rows)
	}
	data.Apply(f.augment, f.set, seed, int(epoch), rows, x[:len(rows)*f.set.Features], f.scratch)
	return nil
}

// outcomes writes what the examples called rows are to give.
func (f *feed[T]) outcomes(label []int32, target []T, rows []int32) {
	if f.set.Classes == 0 {
		for i, r := range rows {
			target[i] = T(f.set.Target(r))
		}
		return
	}
	for i, r := range rows {
		label[i] = int32(f.set.Label(r))
	}
}

// shuffle sets order to the order of the examples called from in an epoch, a
// function of the seed and the epoch alone: so a checkpoint needs no state of a
// generator.
func shuffle(order, from []int32, seed int64, epoch int64) {
	copy(order, from)
	src := rand.PCG{}
	src.Seed(uint64(seed), uint64(epoch)+0x9e3779b97f4a7c15)
	for i := len(order) - 1; i > 0; i-- {
		// Fisher and Yates, with the multiplication of Lemire 2019 (its bias is
		// below 2⁻³² here); rand.Shuffle may change with the Go version.
		j, _ := bits.Mul64(src.Uint64(), uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
}
