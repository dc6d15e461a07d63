package train

import (
	"encoding/binary"
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

	narrow bool         // whether columns without a number are to be left out
	active []byte       // per column, whether some example of a batch is not 0 there
	spans  []model.Span // of these
	bytes  []uint8      // those columns of a batch
	number []int32      // 0, 1, 2 …
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

// input writes the examples called rows to x, one after another: the columns
// that it returns, nil for all.
func (f *feed[T]) input(x []T, rows []int32) []model.Span {
	n := f.set.Features
	switch {
	case f.u8 != nil && f.shift == nil && len(f.scale) == 1 && f.narrow && f.columns(rows):
		k := len(f.bytes) / len(rows)
		for len(f.number) < len(rows) {
			f.number = append(f.number, int32(len(f.number)))
		}
		kernel.GatherU8(x, k, f.bytes, k, f.number[:len(rows)], k, f.scale, nil)
		return f.spans
	case f.u8 != nil:
		kernel.GatherU8(x, n, f.u8, n, rows, n, f.scale, f.shift)
	case f.dense != nil:
		kernel.Gather(x, n, f.dense, n, rows, n, f.scale, f.shift)
	default:
		clear(x[:len(rows)*n])
		for i, r := range rows {
			to := x[i*n:][:n]
			for k := f.indptr[r]; k < f.indptr[r+1]; k++ {
				s := f.scale[0]
				if len(f.scale) > 1 {
					s = f.scale[f.col[k]]
				}
				to[f.col[k]] = T(f.val[k] * s)
			}
		}
	}
	return nil
}

// columns finds the columns of bytes that are not 0 in all of the examples, and
// copies them; it reports whether leaving the others out is worth it. Gaps of up
// to 3 columns are not left out.
func (f *feed[T]) columns(rows []int32) bool {
	n := f.set.Features
	if f.active == nil {
		f.active, f.spans = make([]byte, n), make([]model.Span, 0, n/4+1)
	}
	if most := len(rows) * n / 5 * 4; cap(f.bytes) < most {
		f.bytes = make([]uint8, 0, most)
	}
	clear(f.active)
	for _, r := range rows {
		orBytes(f.active, f.u8[int(r)*n:][:n])
	}
	f.spans = f.spans[:0]
	k := 0
	for j := 0; j < n; j++ {
		if f.active[j] == 0 {
			continue
		}
		if last := len(f.spans) - 1; last >= 0 && j-f.spans[last].To <= 3 {
			k += j + 1 - f.spans[last].To
			f.spans[last].To = j + 1
		} else {
			k++
			f.spans = append(f.spans, model.Span{From: j, To: j + 1})
		}
	}
	if k == 0 || 5*k > 4*n {
		return false
	}
	f.bytes = f.bytes[:0]
	for _, r := range rows {
		row := f.u8[int(r)*n:][:n]
		for _, s := range f.spans {
			f.bytes = append(f.bytes, row[s.From:s.To]...)
		}
	}
	return true
}

// orBytes sets to[i] |= from[i], 32 at a time; the lengths are equal.
func orBytes(to, from []byte) {
	word := binary.LittleEndian
	for len(to) >= 32 && len(from) >= 32 {
		t, f := (*[32]byte)(to), (*[32]byte)(from)
		a, b := word.Uint64(t[0:8])|word.Uint64(f[0:8]), word.Uint64(t[8:16])|word.Uint64(f[8:16])
		c, d := word.Uint64(t[16:24])|word.Uint64(f[16:24]), word.Uint64(t[24:32])|word.Uint64(f[24:32])
		word.PutUint64(t[0:8], a)
		word.PutUint64(t[8:16], b)
		word.PutUint64(t[16:24], c)
		word.PutUint64(t[24:32], d)
		to, from = to[32:], from[32:]
	}
	for i, b := range from {
		to[i] |= b
	}
}

// training is input for examples as they are in an epoch: augmented.
func (f *feed[T]) training(x []T, rows []int32, seed, epoch int64) []model.Span {
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
