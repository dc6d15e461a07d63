package data

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// csv reads a CSV file as part 0 (training), 1 or 2 of the table. The columns
// are those of the training file.
//
// A column is one of numbers until a cell is none. The texts of the rows before
// are gone by then, so the file is read to its end to learn of all such columns,
// and once more with that knowledge.
func (r *reading) csv(f file, part int) error {
	for {
		c := &csvFile{reading: r, f: f, part: part}
		if err := r.read(f, c.read); err != nil || !c.again {
			return err
		}
		r.matrix, r.columns, r.y = matrix{}, nil, outcome{task: r.o.Task}
		r.hash.Reset() // this is the first file
	}
}

// A csvFile is one pass through a CSV file.
type csvFile struct {
	*reading
	f     file
	part  int
	again bool // a column turned out to hold texts

	csv    *csv.Reader
	window *window
	line   int      // where the last record begins
	names  []string // of all columns
	target int      // the one to be predicted
	x      []float64
}

func (c *csvFile) read(b *bufio.Reader) error {
	head, _ := b.Peek(1 << 15)
	if strings.HasPrefix(string(head), "\ufeff") {
		_, _ = b.Discard(len("\ufeff"))
	}
	c.window = &window{r: b, left: c.longest}
	c.csv = csv.NewReader(c.window)
	c.csv.Comma, c.csv.ReuseRecord, c.csv.FieldsPerRecord, c.csv.TrimLeadingSpace = delimiter(head), true, -1, true
	if c.csv.Comma == '\t' {
		c.csv.TrimLeadingSpace = false // an empty cell is no space
	}
	first, err := c.next()
	if err == io.EOF {
		return errors.New("empty; want lines of cells with a comma between them")
	}
	if err != nil {
		return err
	}
	header, err := c.begin(first)
	for err == nil {
		if header {
			header = false
		} else if err = c.row(first); err != nil {
			break
		}
		first, err = c.next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// next returns the cells of the next line, without blanks around them.
func (c *csvFile) next() ([]string, error) {
	c.window.left = c.longest
	cells, err := c.csv.Read()
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		where := fmt.Sprintf("character %d", p.Column)
		if p.StartLine != p.Line {
			where += fmt.Sprintf(" of the record from line %d on", p.StartLine)
		}
		return nil, &placeError{c.f.name, p.Line, "", fmt.Sprintf("%s: %v; want quotes around a whole cell, doubled within it", where, p.Err)}
	}
	if errors.Is(err, errLine) {
		return nil, &placeError{c.f.name, c.line + 1, "", err.Error()}
	}
	if err != nil {
		return nil, err
	}
	c.line, _ = c.csv.FieldPos(0)
	for i, s := range cells {
		if n := len(s); n > 0 && (s[n-1] == ' ' || s[n-1] == '\r') {
			cells[i] = strings.TrimRight(s, " \r")
		}
	}
	return cells, nil
}

// place is an error at a cell of the line that was read last; −1 is the line.
func (c *csvFile) place(cell int, format string, args ...any) *placeError {
	e := &placeError{c.f.name, c.line, "", fmt.Sprintf(format, args...)}
	if cell >= 0 {
		e.line, _ = c.csv.FieldPos(cell)
		e.column = c.names[cell]
	}
	return e
}

// begin decides on the columns by the first line and tells whether that is one
// of names.
func (c *csvFile) begin(first []string) (header bool, err error) {
	if n := len(first); n < 2 || n > maxColumns {
		return false, c.place(-1, "%d columns; want 2 to %d, one of them to be predicted", n, maxColumns)
	}
	switch c.o.Header {
	case "yes":
		header = true
	case "":
		_, err := strconv.Atoi(c.o.Target)
		header = err != nil && slices.Contains(first, c.o.Target)
		header = header || !slices.ContainsFunc(first, func(s string) bool {
			_, ok := number(s)
			return ok || missing(s)
		})
	}
	c.names = make([]string, len(first))
	for i := range c.names {
		if c.names[i] = strconv.Itoa(i + 1); header {
			c.names[i] = strings.Clone(first[i])
		}
	}
	if c.target, err = targetOf(c.o.Target, c.names, header); err != nil {
		return false, c.place(-1, "%v", err)
	}
	features := slices.Delete(slices.Clone(c.names), c.target, c.target+1)
	c.x = make([]float64, len(features))
	if c.columns != nil {
		return header, c.sameColumns(features)
	}
	c.y.name, c.cols = c.names[c.target], len(features)
	if c.categories == nil {
		c.categories = make([]*placeError, len(features))
	}
	for i, name := range features {
		c.columns = append(c.columns, column{name: name, text: c.categories[i], category: c.categories[i] != nil})
	}
	return header, nil
}

// sameColumns compares a further file with the training file.
func (c *csvFile) sameColumns(features []string) error {
	if len(features) != len(c.columns) {
		return c.place(-1, "%d columns; want %d, as in the training file", len(c.names), len(c.columns)+1)
	}
	if target := c.names[c.target]; target != c.y.name {
		return c.place(-1, "column %s to be predicted; want %s, as in the training file", clip(target), clip(c.y.name))
	}
	for i, name := range features {
		if want := c.columns[i].name; name != want {
			return c.place(-1, "a column %s; want %s there, as in the training file", clip(name), clip(want))
		}
	}
	return nil
}

// targetOf finds the column to be predicted.
func targetOf(target string, names []string, header bool) (int, error) {
	if target == "" {
		return len(names) - 1, nil
	}
	if i := slices.Index(names, target); i >= 0 && header {
		if slices.Index(names[i+1:], target) >= 0 {
			return 0, fmt.Errorf("two columns %s; want one to be predicted", clip(target))
		}
		return i, nil
	}
	n, err := strconv.Atoi(target)
	switch {
	case err == nil && n >= 1 && n <= len(names):
		return n - 1, nil
	case err == nil && n <= -1 && -n <= len(names):
		return len(names) + n, nil
	case header:
		return 0, fmt.Errorf("no column %s to be predicted; want one of %s, or its number", clip(target), some(names))
	}
	return 0, fmt.Errorf("no column %s to be predicted; want 1 to %d (there are no names)", clip(target), len(names))
}

// row takes the cells of one line.
func (c *csvFile) row(cells []string) error {
	if len(cells) != len(c.names) {
		return c.place(-1, "%d cells; want %d, as in the first line", len(cells), len(c.names))
	}
	if c.rows == maxRows {
		return c.place(-1, "want at most %d rows", maxRows)
	}
	j := 0
	for i, cell := range cells {
		if i == c.target {
			continue
		}
		x, ok := number(cell)
		if !ok || c.columns[j].category || math.IsInf(x, 0) {
			var err error
			if x, err = c.cell(i, j, cell); err != nil {
				return err
			}
		}
		c.x[j] = x
		j++
	}
	line, _ := c.csv.FieldPos(c.target)
	if err := c.y.add(cells[c.target], placeError{file: c.f.name, line: line, column: c.y.name}); err != nil {
		return err
	}
	if j := c.add(c.x, c.o.Float64); j >= 0 {
		if j >= c.target {
			j++
		}
		return c.place(j, "%s: beyond float32; want less, or `precision: float64`", clip(cells[j]))
	}
	return nil
}

// cell is the number that stands for what is not plainly one: NaN for a gap,
// the number of a text.
func (c *csvFile) cell(i, j int, cell string) (float64, error) {
	col := &c.columns[j]
	switch _, isNumber := number(cell); {
	case missing(cell):
		if col.gap == nil {
			col.gap = c.place(i, "%s", clip(cell))
		}
		return math.NaN(), nil
	case !col.category && (isNumber || infinite(cell)):
		return 0, c.place(i, "%s; want a finite number", clip(cell))
	case !col.category && c.part > 0:
		return 0, c.place(i, "%s; want a number, as in the training file", clip(cell))
	case !col.category:
		if c.categories[j] == nil {
			c.categories[j] = c.place(i, "%s", clip(cell))
			c.again = true
		}
		return math.NaN(), nil
	}
	n, ok := col.level[cell]
	if !ok {
		if n = len(col.levels); n == maxLevels {
			return 0, c.place(i, "%s is the %d-th different text; want numbers, or at most %d texts", clip(cell), n+1, n)
		}
		if col.level == nil {
			col.level = map[string]int{}
		}
		cell = strings.Clone(cell)
		col.level[cell], col.levels = n, append(col.levels, cell)
	}
	return float64(n), nil
}

// delimiter is the most frequent of , ; and tab in the first line.
func delimiter(head []byte) rune {
	line, _, _ := strings.Cut(string(head), "\n")
	best := ','
	for _, d := range ";\t" {
		if strings.Count(line, string(d)) > strings.Count(line, string(best)) {
			best = d
		}
	}
	return best
}

var errLine = fmt.Errorf("a line that is too long, or a quote that is not closed; want at most %d bytes", maxLine)

// A window gives an error after left bytes; whoever reads lines sets left anew
// for each. So a file without line ends, or with a quote that is never closed,
// does not fill the memory.
type window struct {
	r    io.Reader
	left int
}

func (w *window) Read(b []byte) (int, error) {
	if w.left <= 0 {
		return 0, errLine
	}
	n, err := w.r.Read(b[:min(len(b), w.left)])
	w.left -= n
	return n, err
}
