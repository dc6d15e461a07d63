package train

import (
	"encoding/binary"

	"github.com/trawl-sweep/trawl/runner/train/kernel"
)

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
	if f.shift != nil || f.u8 == nil && f.indptr == nil {
		return
	}
	if f.u8 != nil {
		if len(f.scale) > 1 {
			return
		}
		f.number = make([]T, 256)
		for v := range f.number {
			f.number[v] = T(f.scale[0] * T(v))
		}
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

// sparseBytes takes the bytes that are not 0 from rows of bytes, eight at a time.
func (f *feed[T]) sparseBytes(rows []int32) *kernel.Sparse[T] {
	f.begin(rows)
	n, number := f.set.Features, (*[256]T)(f.number)
	for _, r := range rows {
		f.reserve(n + 8)
		k := len(f.x.Col)
		col, val := f.x.Col[:k+n+8], f.x.Val[:k+n+8]
		row := f.u8[int(r)*n:][:n]
		j := 0
		for ; j+8 <= n; j += 8 {
			word := binary.LittleEndian.Uint64(row[j:])
			if word == 0 {
				continue
			}
			c, v := (*[8]int32)(col[k:]), (*[8]T)(val[k:])
			at := 0
			for b := range 8 {
				x := uint8(word >> (8 * b))
				c[at&7], v[at&7] = int32(j+b), number[x]
				at += int((uint(x) + 255) >> 8)
			}
			k += at
		}
		for ; j < n; j++ {
			if x := row[j]; x != 0 {
				col[k], val[k] = int32(j), number[x]
				k++
			}
		}
		f.x.Col, f.x.Val = col[:k], val[:k]
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
