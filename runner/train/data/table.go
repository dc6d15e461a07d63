package data

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
)

// A table is what the files of a set hold, before any split or preprocessing.
// NaN stands for a missing number, and a column of texts holds their numbers
// in column.levels.
type table struct {
	matrix
	columns []column
	h, w    int     // of images, else 0
	lowest  int     // index in a LIBSVM file
	unit    float64 // the scale that the numbers have by default

	label  []int32 // classification
	names  []string
	target []float64 // regression

	parts  [3]int // rows of the files for training, validation and test
	digest string // of the content
}

// A column is one feature as the file has it.
type column struct {
	name     string
	category bool
	text     *placeError    // the first cell that is no number
	gap      *placeError    // the first missing one
	level    map[string]int // of each text, in the order of appearance
	levels   []string
}

// A reading is the making of a table.
type reading struct {
	table
	o       Options
	limit   int64 // bytes of a file
	hash    hash.Hash
	longest int // bytes of a line
	y       outcome

	categories []*placeError // CSV: the first text of each column, if it has one
}

// read reads the files of the three parts; those of validation and test may be
// absent.
func read(format string, parts [3][]file, o Options, limit int64, longest int) (*table, error) {
	r := &reading{o: o, limit: limit, longest: longest, hash: sha256.New()}
	r.unit, r.y.task = 1, o.Task
	readers := map[string]func(*reading, file, int) error{"csv": (*reading).csv, "libsvm": (*reading).libsvm}
	for part, files := range parts {
		before := r.rows
		var err error
		if format == "idx" && len(files) > 0 {
			err = r.idx(files[0], files[1])
		} else if len(files) > 0 {
			err = readers[format](r, files[0], part)
		}
		if err != nil {
			return nil, err
		}
		if r.parts[part] = r.rows - before; len(files) > 0 && r.parts[part] == 0 {
			return nil, fmt.Errorf("%s: no rows", files[0].name)
		}
		if r.cols == 0 {
			return nil, fmt.Errorf("%s: no features; want index:value in a line", files[0].name)
		}
		if part == 0 && !r.y.fixed {
			r.y.fix()
		}
	}
	return r.finish()
}

func (r *reading) read(f file, do func(*bufio.Reader) error) error {
	return f.read(r.limit, r.hash, do)
}

func (r *reading) finish() (*table, error) {
	t := &r.table
	if t.sparse() {
		t.settle(r.o.Float64)
	}
	t.trim()
	t.label, t.names, t.target = r.y.result()
	t.digest = hex.EncodeToString(r.hash.Sum(nil))
	if t.bytes() > max(r.limit, maxBytes) {
		return nil, fmt.Errorf("%d bytes in memory; want at most %d", t.bytes(), max(r.limit, maxBytes))
	}
	return t, nil
}

// An outcome collects the column to be predicted: as numbers while all are
// numbers, and as classes while they are few.
type outcome struct {
	name  string // of the column; "" if it has none
	task  string // decided by fix
	fixed bool   // the classes are those of the training file

	value  []float64
	text   *placeError // the first that is no number
	broken *placeError // the first that is neither text nor a whole number
	many   bool        // more whole numbers than a guess takes for classes
	code   []int32
	level  map[string]int32
	names  []string
}

// add takes the target of the next row; where is its place without words.
func (y *outcome) add(cell string, where placeError) error {
	fail := func(format string, args ...any) error {
		where.what = fmt.Sprintf(format, args...)
		return &where
	}
	if missing(cell) {
		return fail("no label (%s); want one in every row", clip(cell))
	}
	x, isNumber := number(cell)
	switch {
	case isNumber && math.IsInf(x, 0), infinite(cell):
		return fail("%s; want a finite number", clip(cell))
	case !isNumber && y.task == "regress":
		return fail("%s; want a number", clip(cell))
	case !isNumber && y.text == nil:
		where.what = clip(cell)
		y.text, y.value = &where, nil
	case isNumber && x != math.Trunc(x) && y.broken == nil:
		where.what = clip(cell)
		y.broken = &where
		y.code, y.names, y.level = nil, nil, nil
	}
	if y.text == nil && y.task != "classify" {
		y.value = append(y.value, x)
	}
	if y.broken != nil && (y.text != nil || y.task == "classify") {
		y.broken.what += "; want a text or a whole number for a class"
		return y.broken
	}
	if y.task == "regress" || y.broken != nil || y.many && y.text == nil {
		return nil
	}
	if isNumber && math.Abs(x) < 1<<53 {
		cell = strconv.FormatInt(int64(x), 10) // 1 and 1.0 are one class
	}
	return y.class(cell, fail)
}

// class counts a label. Too many classes end the counting, unless they must be.
func (y *outcome) class(cell string, fail func(string, ...any) error) error {
	c, ok := y.level[cell]
	switch {
	case y.many:
		return fail("%s; want a number, as in the rows before, or `task: classify`", clip(cell))
	case !ok && y.task == "" && y.text == nil && len(y.names) == fewClasses:
		y.many, y.code, y.names, y.level = true, nil, nil, nil
		return nil
	case !ok && y.fixed:
		return fail("label %s; want one of the classes of the training file: %s", clip(cell), some(y.names))
	case !ok && len(y.names) == maxClasses:
		return fail("label %s is the %d-th; want at most %d classes", clip(cell), maxClasses+1, maxClasses)
	case !ok:
		if y.level == nil {
			y.level = map[string]int32{}
		}
		c = int32(len(y.names))
		cell = string([]byte(cell)) // not the whole line
		y.level[cell], y.names = c, append(y.names, cell)
	}
	y.code = append(y.code, c)
	return nil
}

// fix decides the task and, for classes, their order, after the training file.
func (y *outcome) fix() {
	if n := len(y.code); y.task == "" {
		few := !y.many && len(y.names) <= max(2, int(math.Sqrt(float64(n))))
		if y.task = "classify"; y.text == nil && (y.broken != nil || !few) {
			y.task = "regress"
		}
	}
	if y.fixed = true; y.task == "regress" {
		y.code, y.names, y.level = nil, nil, nil
		return
	}
	y.value = nil
	order := make([]int, len(y.names))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return before(y.names[order[a]], y.names[order[b]]) })
	rank, names := make([]int32, len(order)), make([]string, len(order))
	for i, c := range order {
		rank[c], names[i] = int32(i), y.names[c]
		y.level[names[i]] = int32(i)
	}
	for i, c := range y.code {
		y.code[i] = rank[c]
	}
	y.names = names
}

func (y *outcome) result() (label []int32, names []string, target []float64) {
	if y.task == "regress" {
		return nil, nil, trimmed(y.value)
	}
	return trimmed(y.code), y.names, nil
}

// before orders class names: numbers by value, before texts.
func before(a, b string) bool {
	x, xok := number(a)
	z, zok := number(b)
	if xok && zok {
		return x < z
	}
	return xok && !zok || xok == zok && a < b
}

// some lists the first of many names.
func some(names []string) string {
	s := ""
	for i, n := range names[:min(10, len(names))] {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	if len(names) > 10 {
		s += fmt.Sprintf(", … (%d)", len(names))
	}
	return s
}

// number reads a cell by the grammar of sweep.ParseNumber.
func number(s string) (float64, bool) {
	if n := len(s); n > 0 && n <= 3 { // the bytes of images
		x := 0
		for _, c := range []byte(s) {
			if c < '0' || c > '9' {
				x = -1
				break
			}
			x = 10*x + int(c-'0')
		}
		if x >= 0 {
			return float64(x), true
		}
	}
	v, ok := sweep.ParseNumber(s)
	if !ok {
		return 0, false
	}
	return v.Number()
}

var gaps = []string{"", "?", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "null", "NULL", "None"}

func missing(s string) bool { return len(s) <= 4 && slices.Contains(gaps, s) }

var infinities = []string{"inf", "-inf", "+inf", "Inf", "-Inf", "+Inf", "infinity", "-infinity", "Infinity", "-Infinity"}

func infinite(s string) bool { return len(s) >= 3 && len(s) <= 9 && slices.Contains(infinities, s) }
