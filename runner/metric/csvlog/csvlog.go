// Package csvlog reads metrics from CSV files that a training program writes row
// by row, also while it does: Lightning's and Keras's CSVLogger, pandas, a
// program's own.
//
// The first line names the columns; a column is a metric, a cell that is a
// number is a report, an empty cell is nothing, `nan` and `inf` are data. The
// step is the first there is of the columns step, global_step, iteration, iter
// and epoch, in any case, which is then no metric; without one it is the number
// of the row, from 0. A cell may have a thousands separator, a percent sign, or
// PyTorch's tensor(…) around its number; other text is ignored, but said where
// its column has had numbers.
//
// The separator is a comma, semicolon, tab or vertical bar, whichever is most
// frequent in the header; cells may be quoted as in RFC 4180, and padded with
// blanks. Lines end in LF or CRLF, a byte order mark is skipped, and so is a #
// before the first name (NumPy's savetxt).
//
// A file may also be written anew: Lightning does so when a column is added, and
// pandas for every row. Rows that were taken before are known again by their
// cells, wherever their columns are now, and are not reported twice; if they
// differ, it is another file and is read from its start. A header that is
// repeated or changed further down is in force from there on.
//
// Sources: RFC 4180 for the format; lightning.pytorch.loggers.csv_logs 2.4 and
// keras.callbacks.CSVLogger 3.6 for what they write. We depart from RFC 4180 in
// the separators, and in that a quote inside a cell without quotes is a letter.
package csvlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/runner/metric"
)

// maxRow is the longest row in bytes; of a longer one nothing is read.
const maxRow = 64 << 10

// maxColumns bounds the columns of a file.
const maxColumns = 10_000

// stepNames are the columns that can be the step, best first.
var stepNames = []string{"step", "global_step", "iteration", "iter", "epoch"}

// ErrHeader says that a file does not begin with the names of columns.
var ErrHeader = errors.New("line 1: no names of columns")

// An End says what became of the program that writes a file.
type End uint8

const (
	Running End = iota // it may go on: a line without its end is left
	Done               // it ended by itself: a last line without its end counts, if it has all cells
	Cut                // it was ended or failed: such a line is half written
)

// A Reader reads one file. It is used by one goroutine.
type Reader struct {
	State

	columns []column // nil: the header has to be read (again)
	step    int      // index in columns; -1: the number of the row
	line    int64    // of the row that was read last, from 1
	buf     []byte   // the file from at on
	at      int64
	have    int64 // bytes of it
	base    base
	cells   [][]byte
}

type column struct {
	name    string // "" for one that is not read
	numbers bool   // it has had one
}

// Read takes the whole rows of f from where it was to size, as long as more says
// so, and gives their numbers to emit; a step below 0 is none. What is wrong
// with a row goes to bad with its line, counted from 1.
//
// The error wraps ErrHeader if the file has no header: nothing can be read of it.
func (r *Reader) Read(f io.ReaderAt, size int64, end End, more func() bool, emit func(name string, step int64, v float64), bad func(line int64, what string)) error {
	r.have = 0
	if r.Offset > 0 {
		same, err := r.same(f, size)
		if err != nil {
			return err
		}
		if !same {
			if ok, err := r.again(f, size, end); !ok {
				return err
			}
		}
	}
	err := r.rows(f, size, end, more, emit, bad)
	if c, cerr := sumAt(f, r.Head, r.Offset); cerr == nil && r.steady(f) {
		r.Check = c // else the file is looked through again
	}
	return err
}

// rows takes rows from Offset on.
func (r *Reader) rows(f io.ReaderAt, size int64, end End, more func() bool, emit func(string, int64, float64), bad func(int64, string)) error {
	if r.columns == nil {
		if ok, err := r.header(f, size, end); !ok {
			return err
		}
	}
	for more() {
		cells, sum, err := r.next(f, size, end)
		switch {
		case errors.Is(err, errBad):
			r.Bad++
			bad(r.line, strings.TrimPrefix(err.Error(), errBad.Error()+": "))
		case err != nil:
			return err
		case cells == nil:
			return nil
		default:
			r.take(cells, sum)
			r.Old = false
			r.report(cells, emit, bad)
		}
	}
	return nil
}

// take counts a row.
func (r *Reader) take(cells [][]byte, sum uint64) {
	if r.Rows == 0 {
		r.First = sum
	}
	r.Rows++
	r.Sum = r.Sum*fnvPrime + sum
}

// report emits the numbers of a row.
func (r *Reader) report(cells [][]byte, emit func(string, int64, float64), bad func(int64, string)) {
	step := r.Rows - 1
	if r.step >= 0 {
		step = -1
		if v, ok := number(cells[r.step]); ok && v >= 0 && v < 1<<53 && v == float64(int64(v)) {
			step = int64(v)
		}
	}
	for i, cell := range cells {
		c := &r.columns[i]
		if c.name == "" || i == r.step || len(cell) == 0 {
			continue
		}
		v, ok := number(cell)
		if ok {
			c.numbers = true
			emit(c.name, step, v)
		} else if c.numbers && !missing(cell) {
			r.Bad++
			bad(r.line, fmt.Sprintf("%s: %s is no number", c.name, quote(cell)))
		}
	}
}

// number reads a cell.
func number(cell []byte) (float64, bool) {
	if rest, ok := bytes.CutPrefix(cell, []byte("tensor(")); ok {
		if i := bytes.IndexAny(rest, ",)"); i > 0 {
			cell = rest[:i]
		}
	}
	return metric.ParseNumber(cell)
}

// missing reports whether a text stands for no value.
func missing(cell []byte) bool {
	switch strings.ToLower(string(cell)) {
	case "na", "n/a", "#n/a", "none", "null", "-", "true", "false":
		return true
	}
	return false
}

// quote shows a text that is not ours.
func quote(b []byte) string {
	if len(b) > 40 {
		return fmt.Sprintf("%q…", b[:40])
	}
	return fmt.Sprintf("%q", b)
}

// header reads the names of the columns at Head; ok is false where they are not
// all there yet.
func (r *Reader) header(f io.ReaderAt, size int64, end End) (ok bool, err error) {
	b, err := r.window(f, r.Head, size)
	if err != nil || len(b) == 0 {
		return false, err
	}
	skip := 0
	if r.Head == 0 && bytes.HasPrefix(b, []byte("\ufeff")) {
		skip = len("\ufeff")
	}
	first, _, whole := bytes.Cut(b[skip:], []byte("\n"))
	if !whole && len(b) == maxRow {
		return false, ErrHeader
	}
	if !whole && end == Running {
		return false, nil
	}
	if r.Sep == 0 {
		r.Sep = separator(first)
	}
	cells, used, err := split(r.cells[:0], b[skip:], r.Sep, !whole)
	if err != nil || used == 0 {
		return false, ErrHeader
	}
	columns, ok := names(cells)
	if !ok {
		return false, ErrHeader
	}
	r.columns, r.cells = columns, cells
	r.step = stepOf(columns)
	if r.Offset == 0 {
		r.Offset = int64(skip + used)
		r.Line = int64(bytes.Count(b[:skip+used], []byte("\n")))
		r.base = base{offset: r.Offset}
		r.base.sum, _ = sumAt(bytes.NewReader(b), 0, r.Offset) // of what was read, whatever the file is by now
	}
	return true, nil
}

// names makes columns of a header; ok is false if it has no name, or a number.
func names(cells [][]byte) (columns []column, ok bool) {
	if len(cells) > maxColumns {
		return nil, false
	}
	seen := map[string]bool{}
	for i, c := range cells {
		if i == 0 {
			c = bytes.TrimLeft(c, "# \t")
		}
		if _, isNumber := metric.ParseNumber(c); isNumber {
			return nil, false
		}
		name := string(c)
		if seen[name] || strings.HasPrefix(name, "Unnamed: ") { // pandas's name for a column without one
			name = ""
		}
		seen[name] = true
		ok = ok || name != ""
		columns = append(columns, column{name: name})
	}
	return columns, ok
}

// stepOf is the column that is the step, -1 if there is none.
func stepOf(columns []column) int {
	for _, want := range stepNames {
		if i := slices.IndexFunc(columns, func(c column) bool { return strings.EqualFold(c.name, want) }); i >= 0 {
			return i
		}
	}
	return -1
}

// renamed takes a row that is a header in force from here on: all text, and one
// of its names known.
func (r *Reader) renamed(cells [][]byte, at int64) bool {
	columns, ok := names(cells)
	if !ok || slices.ContainsFunc(columns, func(c column) bool { return c.name == "" }) {
		return false
	}
	if !slices.ContainsFunc(columns, func(c column) bool {
		return slices.ContainsFunc(r.columns, func(o column) bool { return o.name == c.name })
	}) {
		return false
	}
	r.columns, r.step, r.Head = columns, stepOf(columns), at
	return true
}

var (
	errBad  = errors.New("bad row")
	errLong = fmt.Errorf("more than %d bytes", maxRow)
)

// next returns the cells of the next row and their sum, and moves Offset behind
// it. No cells: there is no whole row. The error wraps errBad where the row can
// only be left out.
func (r *Reader) next(f io.ReaderAt, size int64, end End) (cells [][]byte, sum uint64, err error) {
	for {
		at := r.Offset
		r.line = r.Line + 1
		row, cells, err := r.row(f, size, end)
		if err != nil || row == nil {
			return nil, 0, err
		}
		if len(cells) == 1 && len(cells[0]) == 0 || r.renamed(cells, at) {
			continue // an empty line, or another header
		}
		for len(cells) > len(r.columns) && len(cells[len(cells)-1]) == 0 {
			cells = cells[:len(cells)-1] // a separator at the end of the line
		}
		switch {
		case len(cells) == len(r.columns):
			return cells, r.sum(cells), nil
		case len(cells) < len(r.columns) && row[len(row)-1] != '\n':
			r.Offset = at
			return nil, 0, nil // half of a row, after all
		}
		return nil, 0, fmt.Errorf("%w: %d cells; want %d as in the header", errBad, len(cells), len(r.columns))
	}
}

// row returns the next row, and moves Offset behind it; nil where its end is
// not there.
func (r *Reader) row(f io.ReaderAt, size int64, end End) (row []byte, cells [][]byte, err error) {
	b := r.held() // one look at the file is good for many rows
	for fresh := false; ; fresh = true {
		if fresh {
			if b, err = r.window(f, r.Offset, size); err != nil || len(b) == 0 {
				return nil, nil, err
			}
			if !r.steady(f) {
				r.have = 0
				return nil, nil, nil // it is being written anew
			}
		} else if len(b) == 0 {
			continue
		}
		last := end == Done && r.Offset+int64(len(b)) == size
		cells, used, err := split(r.cells[:0], b, r.Sep, last)
		r.cells = cells
		if err == nil && used == 0 && len(b) == maxRow {
			err = errLong
		}
		if err != nil {
			used = bytes.IndexByte(b, '\n') + 1
			if used == 0 && (len(b) == maxRow || fresh && end != Running) {
				used = len(b)
			}
			err = fmt.Errorf("%w: %w", errBad, err)
		}
		if used > 0 {
			r.Offset += int64(used)
			r.Line += int64(bytes.Count(b[:used], []byte("\n")))
			return b[:used], cells, err
		}
		if fresh {
			return nil, nil, nil
		}
	}
}

// window reads what is at an offset: at most maxRow bytes, fewer where the file
// ends. It holds until the next call.
func (r *Reader) window(f io.ReaderAt, at, size int64) ([]byte, error) {
	r.at, r.have = at, 0
	n := min(size-at, maxRow)
	if n <= 0 {
		return nil, nil
	}
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, max(n, 4096))
	}
	got, err := f.ReadAt(r.buf[:n], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read at byte %d: %w", at, err)
	}
	r.have = int64(got)
	return r.buf[:got], nil
}

// held is what the last window has from Offset on.
func (r *Reader) held() []byte {
	if r.Offset < r.at || r.Offset >= r.at+r.have {
		return nil
	}
	return r.buf[r.Offset-r.at : r.have]
}
