package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// libsvm reads lines of `label index:value …`, indices ascending, `#` before a
// comment. The first index is 0 if any file of the set has a 0, else 1.
func (r *reading) libsvm(f file, part int) error {
	if r.indptr == nil {
		r.indptr, r.lowest = []int64{0}, math.MaxInt32
		if r.o.Float64 {
			r.v64 = []float64{}
		} else {
			r.v32 = []float32{}
		}
	}
	return r.read(f, func(b *bufio.Reader) error {
		for line := 1; ; line++ {
			text, err := readLine(b, r.longest)
			if err == io.EOF {
				return nil
			}
			if errors.Is(err, errLine) {
				return &placeError{f.name, line, "", err.Error()}
			}
			if err != nil {
				return err
			}
			if err := r.libsvmLine(text, placeError{file: f.name, line: line}); err != nil {
				return err
			}
		}
	})
}

// readLine returns the next line without its end; it is valid until the next
// call.
func readLine(b *bufio.Reader, longest int) ([]byte, error) {
	text, err := b.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		long := bytes.Clone(text)
		for err == bufio.ErrBufferFull {
			if len(long) > longest {
				return nil, errLine
			}
			text, err = b.ReadSlice('\n')
			long = append(long, text...)
		}
		text = long
	}
	if err == io.EOF && len(text) > 0 {
		err = nil
	}
	return bytes.TrimSuffix(text, []byte{'\n'}), err
}

func (r *reading) libsvmLine(text []byte, where placeError) error {
	text, _, _ = bytes.Cut(text, []byte{'#'})
	label, rest := field(text)
	if len(label) == 0 {
		return nil // blank
	}
	if r.rows == maxRows {
		where.what = fmt.Sprintf("want at most %d rows", maxRows)
		return &where
	}
	if err := r.y.add(string(label), where); err != nil {
		return err
	}
	last := int64(-1)
	for {
		var pair []byte
		if pair, rest = field(rest); len(pair) == 0 {
			break
		}
		i, x, what := pairOf(pair, last, r.o.Float64)
		if what != "" {
			where.what = fmt.Sprintf("%s: %s", clip(string(pair)), what)
			return &where
		}
		r.lowest, r.cols, last = min(r.lowest, int(i)), max(r.cols, int(i)+1), i
		if x == 0 {
			continue
		}
		r.col = append(r.col, int32(i))
		if r.o.Float64 {
			r.v64 = append(r.v64, x)
		} else {
			r.v32 = append(r.v32, float32(x))
		}
	}
	r.indptr = append(r.indptr, int64(len(r.col)))
	r.rows++
	return nil
}

// field cuts the first word off a line.
func field(b []byte) (word, rest []byte) {
	b = bytes.TrimLeft(b, " \t\r")
	n := bytes.IndexAny(b, " \t\r")
	if n < 0 {
		return b, nil
	}
	return b[:n], b[n:]
}

// pairOf reads index:value; what says what is wrong with it.
func pairOf(pair []byte, last int64, wide bool) (i int64, x float64, what string) {
	index, value, ok := bytes.Cut(pair, []byte{':'})
	i, err := strconv.ParseInt(string(index), 10, 64)
	switch {
	case !ok || err != nil || index[0] == '+' || i < 0:
		return 0, 0, "want index:value with a whole number >= 0 for the index"
	case i >= maxIndex:
		return 0, 0, fmt.Sprintf("want an index below %d", maxIndex)
	case i <= last:
		return 0, 0, fmt.Sprintf("want indices in ascending order, here above %d", last)
	}
	x, ok = number(string(value))
	switch {
	case !ok || math.IsInf(x, 0):
		return 0, 0, "want a finite number for the value"
	case !wide && math.Abs(x) > math.MaxFloat32:
		return 0, 0, "beyond float32; want less, or `precision: float64`"
	}
	return i, x, ""
}

// settle moves the first index of a sparse table to 0, names the columns, and
// makes it dense where that takes less memory.
func (t *table) settle(wide bool) {
	first := 1
	if t.lowest == 0 || t.cols == 0 {
		first = 0
	}
	t.cols -= first
	for k := range t.col {
		t.col[k] -= int32(first)
	}
	for j := range min(t.cols, maxColumns) {
		t.columns = append(t.columns, column{name: strconv.Itoa(j + first)})
	}
	size := int64(4)
	if wide {
		size = 8
	}
	if int64(t.rows)*int64(t.cols)*size <= t.bytes() {
		t.matrix = *t.dense(wide)
	}
}

// dense is m with its zeros, nil if that takes over maxBytes.
func (m *matrix) dense(wide bool) *matrix {
	size := int64(4)
	if wide {
		size = 8
	}
	if int64(m.rows)*int64(m.cols) > maxBytes/size {
		return nil
	}
	d, n := &matrix{rows: m.rows, cols: m.cols}, m.rows*m.cols
	if wide {
		d.f64 = make([]float64, n)
	} else {
		d.f32 = make([]float32, n)
	}
	for i := range m.rows {
		for k := m.indptr[i]; k < m.indptr[i+1]; k++ {
			at := i*m.cols + int(m.col[k])
			if wide {
				d.f64[at] = m.v64[k]
			} else {
				d.f32[at] = m.v32[k]
			}
		}
	}
	return d
}
