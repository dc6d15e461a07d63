package sim

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// Columns says what the columns of a CSV file are. What is left empty is found
// out by the names.
type Columns struct {
	// Objective is the column of the objective, or the common part of the names
	// of several: s for s0, s1 …, valid for valid0, valid1 …. Else: the first
	// such family from 0 on; else the last column that is nothing else.
	Objective string
	// Curve says that the columns of such a family are steps, not repeats. It is
	// found out by the name: s, seed, rep, repeat, run, fold and split are
	// repeats, all others steps.
	Curve *bool
	// Step is the column of the step, in a file with a row per configuration and
	// step. Else: step, epoch, iteration or iter.
	Step string
	// Repeat is the column that tells the repeats of a configuration apart.
	// Else: seed, repeat, replicate or rep. Without one, rows with equal
	// parameters are repeats, in order, where there are no steps.
	Repeat string
	// Time is the column of the seconds since the start of the run. Else:
	// seconds. Without one, each step takes a second.
	Time string
	// Params are the columns of the parameters. Else: all that are nothing else.
	// With them, all further columns of numbers are metrics.
	Params []string
}

// The names by which columns are known.
var (
	stepNames     = []string{"step", "epoch", "iteration", "iter"}
	repeatNames   = []string{"seed", "repeat", "replicate", "rep"}
	timeNames     = []string{"seconds"}
	repeatFamily  = []string{"s", "seed", "rep", "repeat", "run", "fold", "split"}
	second        = int64(1e6)
	maxTableCells = 50_000_000
)

// ReadCSV reads a table: a row per configuration, with its repeats or its whole
// curve in columns, or a row per configuration, repeat and step. The first row
// names the columns. Empty cells are parameters that a configuration does not
// have, and results that are missing; nan and inf are results.
//
// It returns the name of the objective as the reports bear it. Errors name the
// line of what is wrong.
func ReadCSV(in io.Reader, name string, c Columns) (t *Table, objective string, err error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, "", fmt.Errorf("%s: empty; want a row of column names", name)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	l, err := newLayout(name, slices.Clone(head), c)
	if err != nil {
		return nil, "", err
	}
	cells := 0
	for line := 2; ; line++ {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", name, err)
		}
		if cells += len(rec); cells > maxTableCells {
			return nil, "", fmt.Errorf("%s:%d: over %d cells; want fewer", name, line, maxTableCells)
		}
		if err := l.take(rec); err != nil {
			return nil, "", fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
	t, err = l.table()
	return t, l.objective, err
}

// A family is columns that differ in a number behind their name.
type family struct {
	name    string
	columns []int // in order of the numbers
	from    int   // the first number
	curve   bool
}

// layout is what the columns of a file are, and what was read so far.
type layout struct {
	name      string
	head      []string
	objective string
	families  []family
	params    []int
	metrics   []int // one value per row: of the objective, and further ones
	step      int   // -1: none
	repeat    int
	time      int

	rows []*csvRow
	at   map[string]*csvRow
}

// csvRow is a configuration that is being read.
type csvRow struct {
	values []sweep.Value
	runs   []Record
	of     map[string]int // repeat → index in runs
}

func newLayout(name string, head []string, c Columns) (*layout, error) {
	l := &layout{name: name, head: head, at: map[string]*csvRow{}}
	for i, h := range head {
		head[i] = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
	}
	var errs [3]error
	l.step, errs[0] = l.column("step", c.Step, stepNames)
	l.repeat, errs[1] = l.column("repeat", c.Repeat, repeatNames)
	l.time, errs[2] = l.column("time", c.Time, timeNames)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if slices.Contains(c.Params, head[max(0, l.repeat)]) {
		l.repeat = -1 // a parameter called seed
	}
	if err := l.results(c); err != nil {
		return nil, err
	}
	return l, l.parameters(c)
}

// column finds the column that was named, or one of the usual names.
func (l *layout) column(what, given string, usual []string) (int, error) {
	if given != "" {
		i := slices.Index(l.head, given)
		if i < 0 {
			return -1, l.unknown(what, given)
		}
		return i, nil
	}
	return slices.IndexFunc(l.head, func(h string) bool { return slices.Contains(usual, strings.ToLower(h)) }), nil
}

func (l *layout) unknown(what, given string) error {
	return fmt.Errorf("%s:1: no column %s for the %s; want one of %s", l.name, given, what, strings.Join(l.head, ", "))
}

// results finds the columns of the objective and their kin.
func (l *layout) results(c Columns) error {
	if i := slices.Index(l.head, c.Objective); c.Objective != "" && i >= 0 {
		l.objective, l.metrics = c.Objective, []int{i}
		return nil
	}
	fs := l.allFamilies()
	first := slices.IndexFunc(fs, func(f family) bool {
		if c.Objective != "" {
			return f.name == c.Objective
		}
		return f.from == 0
	})
	if first < 0 || l.step >= 0 && c.Objective == "" {
		if c.Objective != "" {
			return l.unknown("objective", c.Objective)
		}
		for i := len(l.head) - 1; i >= 0; i-- {
			if i != l.step && i != l.repeat && i != l.time && !slices.Contains(c.Params, l.head[i]) {
				l.objective, l.metrics = l.head[i], []int{i}
				return nil
			}
		}
		return fmt.Errorf("%s:1: no column for the objective among %s; want its name", l.name, strings.Join(l.head, ", "))
	}
	l.objective = fs[first].name
	for i, f := range fs {
		if c.Curve != nil {
			f.curve = *c.Curve
		} else {
			f.curve = !slices.Contains(repeatFamily, strings.ToLower(f.name))
		}
		// A family as long as the objective's is another metric of the same runs.
		if i == first || len(f.columns) == len(fs[first].columns) && f.curve && f.from == 0 {
			l.families = append(l.families, f)
		}
	}
	return nil
}

// allFamilies lists the names with at least two consecutive numbers behind
// them, from 0 or 1 on.
func (l *layout) allFamilies() []family {
	type numbered struct{ column, n int }
	found := map[string][]numbered{}
	var names []string
	for i, h := range l.head {
		stem := strings.TrimRight(h, "0123456789")
		n, err := strconv.Atoi(h[len(stem):])
		if err != nil || stem == "" {
			continue
		}
		if found[stem] == nil {
			names = append(names, stem)
		}
		found[stem] = append(found[stem], numbered{i, n})
	}
	var out []family
	for _, name := range names {
		ns := found[name]
		slices.SortStableFunc(ns, func(a, b numbered) int { return cmp.Compare(a.n, b.n) })
		whole := len(ns) >= 2 && ns[0].n <= 1
		f := family{name: strings.TrimRight(name, "_-. "), from: ns[0].n}
		for k, x := range ns {
			whole = whole && x.n == ns[0].n+k
			f.columns = append(f.columns, x.column)
		}
		if whole {
			out = append(out, f)
		}
	}
	return out
}

// parameters finds the columns of the parameters and of further metrics.
func (l *layout) parameters(c Columns) error {
	taken := map[int]bool{l.step: true, l.repeat: true, l.time: true}
	for _, i := range l.metrics {
		taken[i] = true
	}
	for _, f := range l.families {
		for _, i := range f.columns {
			taken[i] = true
		}
	}
	for _, p := range c.Params {
		i := slices.Index(l.head, p)
		if i < 0 {
			return l.unknown("parameter", p)
		}
		if taken[i] {
			return fmt.Errorf("%s:1: column %s is a parameter and something else; want one of them", l.name, p)
		}
		taken[i] = true
		l.params = append(l.params, i)
	}
	for i := range l.head {
		switch {
		case taken[i]:
		case c.Params == nil:
			l.params = append(l.params, i)
		case l.families == nil:
			l.metrics = append(l.metrics, i)
		}
	}
	if len(l.params) == 0 {
		return fmt.Errorf("%s:1: no column is a parameter; want at least one", l.name)
	}
	return nil
}

// take reads one row.
func (l *layout) take(rec []string) error {
	values := make([]sweep.Value, len(l.params))
	for k, i := range l.params {
		values[k] = cellValue(rec[i])
	}
	key := rowKey(values)
	row := l.at[key]
	if row == nil {
		row = &csvRow{values: values, of: map[string]int{}}
		l.at[key] = row
		l.rows = append(l.rows, row)
	}
	if l.families != nil {
		return l.wide(row, rec)
	}
	return l.long(row, rec)
}

// cellValue reads a parameter: a number, true or false, null where it is empty,
// else text.
func cellValue(s string) sweep.Value {
	s = strings.TrimSpace(s)
	switch s {
	case "":
		return sweep.NullValue()
	case "true", "True":
		return sweep.BoolValue(true)
	case "false", "False":
		return sweep.BoolValue(false)
	}
	if v, ok := sweep.ParseNumber(s); ok {
		return v
	}
	return sweep.StringValue(s)
}

// result reads a result; ok is false where the cell is empty.
func (l *layout) result(rec []string, i int) (v float64, ok bool, err error) {
	s := strings.TrimSpace(rec[i])
	if s == "" {
		return 0, false, nil
	}
	if v, err = strconv.ParseFloat(s, 64); err != nil && !math.IsInf(v, 0) {
		return 0, false, fmt.Errorf("%s: %q; want a number", l.head[i], s)
	}
	return v, true, nil
}

// wide reads a row that holds whole runs.
func (l *layout) wide(row *csvRow, rec []string) error {
	var run Record
	for k := range l.families[0].columns {
		if !l.families[0].curve {
			run = Record{}
		}
		for _, f := range l.families {
			v, ok, err := l.result(rec, f.columns[k])
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			r := sweep.Report{Name: f.name, Value: v, At: second}
			if f.curve {
				r.Step, r.At = int64(k), int64(k+1)*second
			}
			run.Reports = append(run.Reports, r)
		}
		if !l.families[0].curve && len(run.Reports) > 0 {
			row.runs = append(row.runs, run)
		}
	}
	if l.families[0].curve {
		row.runs = append(row.runs, run)
	}
	return nil
}

// long reads a row that holds one step, or one run of one step.
func (l *layout) long(row *csvRow, rec []string) error {
	step, at := int64(0), int64(-1)
	if l.step >= 0 {
		v, ok, err := l.result(rec, l.step)
		if err != nil {
			return err
		}
		if step = int64(v); !ok || float64(step) != v || step < 0 {
			return fmt.Errorf("%s: %q; want a whole number, 0 or more", l.head[l.step], rec[l.step])
		}
	}
	if l.time >= 0 {
		v, ok, err := l.result(rec, l.time)
		if err != nil {
			return err
		}
		if !ok || !(v >= 0 && v < 1e12) {
			return fmt.Errorf("%s: %q; want seconds since the start of the run", l.head[l.time], rec[l.time])
		}
		at = int64(v * 1e6)
	}
	repeat := ""
	switch {
	case l.repeat >= 0:
		repeat = strings.TrimSpace(rec[l.repeat])
	case l.step < 0:
		repeat = strconv.Itoa(len(row.runs))
	}
	i, ok := row.of[repeat]
	if !ok {
		i = len(row.runs)
		row.of[repeat] = i
		row.runs = append(row.runs, Record{})
	}
	for _, c := range l.metrics {
		v, ok, err := l.result(rec, c)
		if err != nil && l.head[c] == l.objective {
			return err
		}
		if ok {
			row.runs[i].Reports = append(row.runs[i].Reports, sweep.Report{Name: l.head[c], Step: step, Value: v, At: at})
		}
	}
	return nil
}

// table puts the runs in order and gives them their times.
func (l *layout) table() (*Table, error) {
	columns := make([]string, len(l.params))
	for k, i := range l.params {
		columns[k] = l.head[i]
	}
	rows := make([]Row, len(l.rows))
	for i, r := range l.rows {
		rows[i] = Row{r.values, r.runs}
		for k := range r.runs {
			if err := r.runs[k].settle(l.time >= 0); err != nil {
				return nil, fmt.Errorf("%s: %v: %w", l.name, r.values, err)
			}
		}
	}
	return New(l.name, columns, rows)
}

// settle orders a run by steps. Without recorded times each step takes a
// second.
func (r *Record) settle(timed bool) error {
	slices.SortStableFunc(r.Reports, func(a, b sweep.Report) int { return cmp.Compare(a.Step, b.Step) })
	at := int64(0)
	for i := range r.Reports {
		x := &r.Reports[i]
		if !timed {
			if i == 0 || x.Step > r.Reports[i-1].Step {
				at += second
			}
			x.At = at
		}
		if x.At < at {
			return fmt.Errorf("step %d comes before an earlier one: at %g s; want seconds since the start of the run", x.Step, float64(x.At)/1e6)
		}
		at = x.At
	}
	r.End, r.State = max(at, 1), sweep.Finished
	return nil
}
