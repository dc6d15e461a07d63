package train

import "github.com/trawl-sweep/trawl/runner/train/kernel"

// Where the first layer has at least sparseOut units, examples of which at most
// one number in sparsePart is not 0 are given to it as a sparse matrix: with
// fewer units or more numbers the dense product is as fast.
const (
	sparseOut  = 64
	sparsePart = 3
	sparseLook = 256 // examples, evenly spaced, by which that is judged
)

// chooseSparse decides whether examples are given as a sparse matrix.
func (f *feed[T]) chooseSparse() {
	if f.shift != nil || f.u8 == nil && f.indptr == nil || f.u8 != nil && len(f.scale) > 1 {
		return
	}
	n, seen, kept := f.set.Features, 0, 0
	rows := f.set.Train
	for i := 0; i < len(rows); i += (len(rows) + sparseLook - 1) / sparseLook {
		r := int(rows[i])
		seen += n
		if f.indptr != nil {
			kept += int(f.indptr[r+1] - f.indptr[r])
			continue
		}
		for _, v := range f.u8[r*n:][:n] {
			if v != 0 {
				kept++
			}
		}
	}
	f.sparse = sparsePart*kept <= seen
}

// begin empties x for the examples called rows.
func (f *feed[T]) begin(rows []int32) {
	f.x.Rows, f.x.Cols = len(rows), f.set.Features
	f.x.Start = append(f.x.Start[:0], 0)
	f.x.Col, f.x.Val = f.x.Col[:0], f.x.Val[:0]
}

// reserve makes room for another n numbers in x, and half as many again as there
// are where that is too little.
func (f *feed[T]) reserve(n int) {
	if k := len(f.x.Col); cap(f.x.Col) < k+n || cap(f.x.Val) < k+n {
		f.x.Col = append(make([]int32, 0, k+k/2+n), f.x.Col...)
		f.x.Val = append(make([]T, 0, k+k/2+n), f.x.Val...)
	}
}

// sparseBytes takes the bytes that are not 0 from rows of bytes.
func (f *feed[T]) sparseBytes(rows []int32) *kernel.Sparse[T] {
	f.begin(rows)
	n := f.set.Features
	for _, r := range rows {
		f.reserve(n + 16)
		k := len(f.x.Col)
		k += kernel.NonzeroU8(f.x.Col[k:k+n+16], f.x.Val[k:k+n+16], f.u8[int(r)*n:][:n], f.scale[0])
		f.x.Col, f.x.Val = f.x.Col[:k], f.x.Val[:k]
		f.x.Start = append(f.x.Start, int32(k))
	}
	return &f.x
}

// sparseRows copies rows of a sparse set.
func (f *feed[T]) sparseRows(rows []int32) *kernel.Sparse[T] {
	f.begin(rows)
	for _, r := range rows {
		from, to := f.indptr[r], f.indptr[r+1]
		f.reserve(int(to - from))
		f.x.Col = append(f.x.Col, f.col[from:to]...)
		for k := from; k < to; k++ {
			f.x.Val = append(f.x.Val, f.value(k))
		}
		f.x.Start = append(f.x.Start, int32(len(f.x.Col)))
	}
	return &f.x
}
