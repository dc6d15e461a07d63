package csvlog

import (
	"errors"
	"hash/crc32"
	"io"
)

// A State is how far a file was read: what a later process goes on from.
type State struct {
	Offset int64  `json:"o,omitempty"` // behind the last row taken, in bytes
	Line   int64  `json:"l,omitempty"` // lines before Offset
	Head   int64  `json:"h,omitempty"` // where the header in force begins
	Sep    byte   `json:"d,omitempty"` // what separates cells, as the first header says
	Rows   int64  `json:"n,omitempty"` // rows taken
	Sum    uint64 `json:"s,omitempty"` // of their cells
	First  uint64 `json:"f,omitempty"` // of the first of them
	Check  uint32 `json:"c,omitempty"` // of the header, and of the bytes before Offset
	Bad    int64  `json:"b,omitempty"` // rows left out
	Old    bool   `json:"p,omitempty"` // all rows taken were there before the program began
}

// checked is how many bytes before Offset tell whether the file is still the same.
const checked = 64

// sumAt is a checksum of the header at head and of the bytes before offset.
func sumAt(f io.ReaderAt, head, offset int64) (uint32, error) {
	var b [2 * checked]byte
	h, t := min(offset-head, checked), min(offset, checked)
	if _, err := f.ReadAt(b[:h], head); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if _, err := f.ReadAt(b[h:h+t], offset-t); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return crc32.ChecksumIEEE(b[:h+t]), nil
}

// base is what a Read found at its start. Who writes a file anew begins at its
// header; so if that is the same behind a look at the rows, they were those that
// go with it.
type base struct {
	head, offset int64
	sum          uint32
}

// steady reports whether the file is what it was when the Read began.
func (r *Reader) steady(f io.ReaderAt) bool {
	sum, err := sumAt(f, r.base.head, r.base.offset)
	return err == nil && sum == r.base.sum
}

// same reports whether the file still holds what was read of it.
func (r *Reader) same(f io.ReaderAt, size int64) (bool, error) {
	if size < r.Offset {
		return false, nil
	}
	sum, err := sumAt(f, r.Head, r.Offset)
	r.base = base{r.Head, r.Offset, sum}
	return sum == r.Check, err
}

// again looks for the rows that were taken in a file that was written anew, and
// goes on behind them; from the start, if it is another file. ok is false while
// that cannot be told: it may be half written.
func (r *Reader) again(f io.ReaderAt, size int64, end End) (ok bool, err error) {
	before := r.State
	wait := func(err error) (bool, error) {
		r.State, r.columns = before, nil
		return false, err
	}
	r.State, r.columns = State{Bad: before.Bad}, nil
	if ok, err := r.header(f, size, end); !ok {
		if errors.Is(err, ErrHeader) {
			return false, err
		}
		return wait(err)
	}
	for r.Rows < before.Rows {
		cells, sum, err := r.next(f, size, end)
		switch {
		case errors.Is(err, errBad):
			continue
		case err != nil:
			return wait(err)
		case cells != nil:
			r.take(cells, sum)
			continue
		case before.Old, r.Rows > 0 && r.First != before.First:
			r.State, r.columns = State{Bad: before.Bad}, nil
			return true, nil
		}
		return wait(nil)
	}
	if r.Sum != before.Sum {
		r.State, r.columns = State{Bad: before.Bad}, nil
	}
	return true, nil
}

// sum is the same for equal cells under equal names, in any order, empty ones
// left out.
func (r *Reader) sum(cells [][]byte) (sum uint64) {
	for i, c := range cells {
		if len(c) > 0 {
			sum += fnv(fnv(14695981039346656037, r.columns[i].name)*fnvPrime, c)
		}
	}
	return sum
}

const fnvPrime = 1099511628211

// fnv is the hash FNV-1a of 64 bits, gone on with from h.
func fnv[T string | []byte](h uint64, b T) uint64 {
	for i := range len(b) {
		h = (h ^ uint64(b[i])) * fnvPrime
	}
	return h
}
