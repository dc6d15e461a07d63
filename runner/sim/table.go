package sim

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Table is recorded results: configurations, each with what its runs
// reported. New makes one; it is not changed afterwards but by Measure, and safe
// for concurrent use.
type Table struct {
	Name    string   // for errors
	Columns []string // names of the parameters
	Rows    []Row

	index  map[string]int    // canonical values → row
	values []map[string]bool // per column: its canonical values
	order  [][]sweep.Value   // per column: its values, numbers ascending, then as they come
	truth  []float64         // per row; of Measure
	best   float64           // of truth
	median float64
	goal   sweep.Goal
}

// A Row is a configuration.
type Row struct {
	Values []sweep.Value // one per column; Null where it has none
	Runs   []Record      // at least one
}

// A Record is what one execution of a configuration reported.
type Record struct {
	// Reports are in the order in which they came; At is in microseconds since
	// the start of the run and does not descend. Those with the same At came at
	// once.
	Reports []sweep.Report
	End     int64 // when it ended, in microseconds since its start
	// State is Finished, or how it ended otherwise.
	State sweep.State
}

// moment is when the reports from the i-th on come, or the end where there are
// none.
func (r *Record) moment(i int) int64 {
	if i < len(r.Reports) {
		return r.Reports[i].At
	}
	return r.End
}

// until returns the end of the reports that come at once with the i-th.
func (r *Record) until(i int) int {
	j := i
	for j < len(r.Reports) && r.Reports[j].At == r.Reports[i].At {
		j++
	}
	return j
}

// New returns the table of rows; those with equal values become one, with the
// runs of all. It is an error if there is no row, a row has another number of
// values than there are columns, or a column is named twice.
func New(name string, columns []string, rows []Row) (*Table, error) {
	t := &Table{Name: name, Columns: columns, index: map[string]int{}}
	for i, c := range columns {
		if slices.Contains(columns[:i], c) {
			return nil, fmt.Errorf("%s: column %s is there twice; want each once", name, c)
		}
	}
	if len(columns) == 0 || len(rows) == 0 {
		return nil, fmt.Errorf("%s: %d parameters, %d rows; want at least one of each", name, len(columns), len(rows))
	}
	t.values = make([]map[string]bool, len(columns))
	t.order = make([][]sweep.Value, len(columns))
	for c := range t.values {
		t.values[c] = map[string]bool{}
	}
	for i, r := range rows {
		if len(r.Values) != len(columns) || len(r.Runs) == 0 {
			return nil, fmt.Errorf("%s: row %d: %d values, %d runs; want %d values and at least one run", name, i+1, len(r.Values), len(r.Runs), len(columns))
		}
		t.add(r)
	}
	for _, vs := range t.order {
		sortValues(vs)
	}
	return t, nil
}

func (t *Table) add(r Row) {
	key := rowKey(r.Values)
	if i, ok := t.index[key]; ok {
		t.Rows[i].Runs = append(t.Rows[i].Runs, r.Runs...)
		return
	}
	t.index[key] = len(t.Rows)
	t.Rows = append(t.Rows, r)
	for c, v := range r.Values {
		if k := valueKey(v); !t.values[c][k] {
			t.values[c][k] = true
			t.order[c] = append(t.order[c], v)
		}
	}
}

// sortValues puts numbers in ascending order where all values are numbers, so
// that samplers find what is near in what is alike.
func sortValues(vs []sweep.Value) {
	for _, v := range vs {
		if _, ok := v.Number(); !ok {
			return
		}
	}
	slices.SortFunc(vs, func(a, b sweep.Value) int {
		x, _ := a.Number()
		y, _ := b.Number()
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// valueKey is the identity of a value; what is inactive is null in a table.
func valueKey(v sweep.Value) string {
	if v.IsAbsent() {
		v = sweep.NullValue()
	}
	return string(v.AppendKey(nil))
}

func rowKey(values []sweep.Value) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(valueKey(v))
		b.WriteByte(0)
	}
	return b.String()
}

// Grid reports whether every combination of the columns' values is a row.
func (t *Table) Grid() bool {
	n := 1
	for _, vs := range t.order {
		if n *= len(vs); n > len(t.Rows) {
			return false
		}
	}
	return n == len(t.Rows)
}

// Space returns the space of the table: each column a parameter with the values
// that it has. Where that is no full grid, the columns move together, so that
// every point is a row: then one coordinate chooses the row, and what lies near
// means nothing to a sampler.
func (t *Table) Space() (*sweep.Space, error) {
	params := make([]sweep.Param, len(t.Columns))
	var zips [][]string
	if !t.Grid() {
		zips = [][]string{t.Columns}
	}
	for c, name := range t.Columns {
		d := sweep.Domain{Dist: sweep.Categorical, Values: t.order[c]}
		if zips != nil {
			d.Values = make([]sweep.Value, len(t.Rows))
			for i := range t.Rows {
				d.Values[i] = t.Rows[i].Values[c]
			}
		}
		params[c] = sweep.Param{Name: name, Domain: d}
	}
	s, err := sweep.NewSpace(params, nil, zips)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	return s, nil
}

// Point returns the point of a row in the space that Space returned.
func (t *Table) Point(s *sweep.Space, row int) sweep.Point {
	p := make(sweep.Point, len(s.Params))
	for c, name := range t.Columns {
		if i, ok := s.Index(name); ok {
			p[i] = t.Rows[row].Values[c]
		}
	}
	return p
}

// Match checks that the points of a space can be rows of the table: each
// parameter that varies has a column, in which each of its choices occurs, and
// each column with different values has a parameter. All that is wrong comes at
// once.
func (t *Table) Match(s *sweep.Space) error {
	var errs []error
	wrong := func(name, what, want string) {
		errs = append(errs, fmt.Errorf("%s: %s; want %s", name, what, want))
	}
	for i := range s.Params {
		p := &s.Params[i]
		c := slices.Index(t.Columns, p.Name)
		switch {
		case p.Derived != nil || c < 0 && p.Domain.Dist == sweep.Constant:
		case c < 0:
			wrong(p.Name, "not a column of "+t.Name, "one of "+strings.Join(t.Columns, ", "))
		case !p.Domain.Discrete():
			wrong(p.Name, fmt.Sprintf("continuous, but %s has %d values of it", t.Name, len(t.order[c])), "values: "+some(t.order[c])+", or no parameters: the columns make the space then")
		default:
			for _, v := range p.Domain.Values {
				if !t.values[c][valueKey(v)] {
					wrong(p.Name, t.absent(c, v), t.near(c, v))
				}
			}
		}
	}
	for c, name := range t.Columns {
		if _, ok := s.Index(name); !ok && len(t.order[c]) > 1 {
			wrong(name, fmt.Sprintf("%s has %d values of it, and the sweep has no such parameter", t.Name, len(t.order[c])), "it among the parameters")
		}
	}
	return errors.Join(errs...)
}

func (t *Table) absent(c int, v sweep.Value) string {
	return fmt.Sprintf("%s is not in column %s of %s", v, t.Columns[c], t.Name)
}

// near names the values of a column that lie around v.
func (t *Table) near(c int, v sweep.Value) string {
	x, ok := v.Number()
	vs := t.order[c]
	if !ok {
		return some(vs)
	}
	for i, w := range vs {
		if y, number := w.Number(); !number {
			return some(vs)
		} else if y > x {
			if i == 0 {
				return w.String() + " or more"
			}
			return vs[i-1].String() + " or " + w.String()
		}
	}
	return vs[len(vs)-1].String() + " or less"
}

// some lists values, the first ones where there are many.
func some(vs []sweep.Value) string {
	words := make([]string, 0, 8)
	for i, v := range vs {
		if i == 7 && len(vs) > 8 {
			words = append(words, fmt.Sprintf("… (%d)", len(vs)))
			break
		}
		words = append(words, v.String())
	}
	return strings.Join(words, ", ")
}

// Find returns the row of a point of s. The error names the column that lacks
// its value; there is no nearest row.
func (t *Table) Find(s *sweep.Space, p sweep.Point) (row int, err error) {
	values := make([]sweep.Value, len(t.Columns))
	for c, name := range t.Columns {
		if i, ok := s.Index(name); ok {
			values[c] = p[i]
		} else {
			values[c] = t.order[c][0] // the only one: Match
		}
	}
	if i, ok := t.index[rowKey(values)]; ok {
		return i, nil
	}
	for c, v := range values {
		if !t.values[c][valueKey(v)] {
			return 0, fmt.Errorf("%s: %s; want %s", t.Columns[c], t.absent(c, v), t.near(c, v))
		}
	}
	return 0, fmt.Errorf("%s has no row with %s: it is no full grid; want no parameters, then its rows are the points", t.Name, t.text(values))
}

func (t *Table) label(row int) string { return t.text(t.Rows[row].Values) }

func (t *Table) text(values []sweep.Value) string {
	words := make([]string, len(values))
	for c, v := range values {
		words[c] = t.Columns[c] + "=" + v.String()
	}
	return strings.Join(words, " ")
}

// Measure computes the true value of each row, the mean objective of its finished
// runs, and with it the best and the median of the table. It is an error if
// fewer than half of the rows have one: the median would be none.
func (t *Table) Measure(o sweep.Objective) error {
	t.truth = make([]float64, len(t.Rows))
	t.goal = o.Goal
	var all []float64
	for i := range t.Rows {
		t.truth[i] = t.Rows[i].mean(o)
		if v := t.truth[i]; !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	if 2*len(all) < len(t.Rows) || len(all) == 0 {
		return fmt.Errorf("%s: %d of %d configurations have a finite %s; want at least half", t.Name, len(all), len(t.Rows), o.Name)
	}
	slices.SortFunc(all, func(a, b float64) int {
		switch {
		case o.Goal.Better(a, b):
			return -1
		case o.Goal.Better(b, a):
			return 1
		}
		return 0
	})
	t.best, t.median = all[0], (all[(len(all)-1)/2]+all[len(all)/2])/2
	return nil
}

// mean is the mean objective of the finished runs; NaN if there is none, or one
// diverged.
func (r *Row) mean(o sweep.Objective) float64 {
	sum, n := 0.0, 0
	for i := range r.Runs {
		switch r.Runs[i].State {
		case sweep.Diverged:
			return math.NaN()
		case sweep.Finished:
		default:
			continue
		}
		var s sweep.Series
		for _, x := range r.Runs[i].Reports {
			if x.Name == o.Name {
				s.Add(1, x.Step, x.Value)
			}
		}
		v, _, ok := s.Reduce(o)
		if math.IsInf(v, 0) || !ok {
			v = math.NaN()
		}
		sum += v
		n++
	}
	return sum / float64(n)
}

// Best and Median return the best and the median true value of the table.
func (t *Table) Best() float64   { return t.best }
func (t *Table) Median() float64 { return t.median }

// Truth returns the true value of a row; NaN if it has none.
func (t *Table) Truth(row int) float64 { return t.truth[row] }

// Regret returns (true value − best)/(median − best) of a row: 0 for the best
// of the table, 1 for a median one. Where best and median are equal it is 0 for
// the best and +Inf for all others. NaN for a row without a true value.
func (t *Table) Regret(row int) float64 {
	d, scale := t.goal.Score(t.truth[row])-t.goal.Score(t.best), t.goal.Score(t.median)-t.goal.Score(t.best)
	switch {
	case d == 0:
		return 0
	case scale == 0 && d > 0:
		return math.Inf(1)
	}
	return d / scale
}

// Metrics returns the names of what the runs reported, sorted.
func (t *Table) Metrics() []string {
	seen := map[string]bool{}
	for _, row := range t.Rows {
		for i := range row.Runs {
			for _, r := range row.Runs[i].Reports {
				seen[r.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Rename gives the reports of a metric another name: what a sweep file calls it.
func (t *Table) Rename(from, to string) {
	for _, row := range t.Rows {
		for i := range row.Runs {
			for k := range row.Runs[i].Reports {
				if r := &row.Runs[i].Reports[k]; r.Name == from {
					r.Name = to
				}
			}
		}
	}
}
