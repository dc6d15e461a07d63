package export

import (
	"bytes"
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

// CSVOptions say what the columns of a table of results are.
type CSVOptions struct {
	File       string            // for errors
	Objectives []sweep.Objective // at least one
	Params     []string          // NAME or NAME:TYPE with int, float, bool, string; none: all columns that are nothing else
	Lax        bool              // a parameter of Params that the table lacks is no mistake
	Metrics    []string          // further metrics; with Params, none means all other columns of numbers
}

// A csvError is a mistake in a table, with its place.
type csvError struct {
	file      string
	line, col int
	what      string
}

func (e *csvError) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.file, e.line, e.col, e.what) }

// The columns that a table may have beside parameters and metrics, in lower
// case: as trawl's own export, Optuna's trials_dataframe and W&B's table name
// them. state says how a trial ended; the others are numbers and dates of trials.
var stateColumns = []string{"state", "status"}

var labelColumns = []string{"", "trial", "number", "name", "id", "run", "rank", "objective",
	"datetime_start", "datetime_complete", "duration", "created", "runtime", "user", "tags", "notes", "hostname"}

// maxCSV bounds the size of a table, which is read as a whole.
const maxCSV = 1 << 30

// ReadCSV reads a table with a header and a row per trial: separated by commas,
// or by tabs or semicolons where the header has none. Types are those that all
// values of a column have. An empty value of a parameter, or NaN, means that the
// trial had none; an objective that is empty, that the trial failed, one that
// is not finite, that it diverged. Rows whose state is running or waiting are
// left out. The parameters of trials_dataframe lose their params_.
//
// The error names file, line and column (in bytes) of the first mistake.
func ReadCSV(r io.Reader, o CSVOptions) (*Study, error) {
	src, err := io.ReadAll(io.LimitReader(r, maxCSV+1))
	if err != nil {
		return nil, err
	}
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	t := &csvTable{o: o}
	switch {
	case len(src) > maxCSV:
		return nil, &csvError{o.File, 1, 1, "more than 1 GiB; want less"}
	case len(bytes.TrimSpace(src)) == 0:
		return nil, &csvError{o.File, 1, 1, "empty; want a header and a row per trial"}
	}
	if err := t.read(src); err != nil {
		return nil, err
	}
	if err := t.columns(); err != nil {
		return nil, err
	}
	return t.study()
}

// A csvTable is a table in memory, and what its columns are.
type csvTable struct {
	o      CSVOptions
	head   []string
	rows   []csvRow
	state  int // columns; -1: none
	class  int
	reason int
	goals  []int       // columns of the objectives
	params []csvColumn // parameters
	others []int       // columns of further metrics
	open   int         // rows of trials that have not ended
}

// A csvRow is a record, without the blanks around its cells.
type csvRow struct {
	cells []string
	at    [][2]int // line and column of each cell, from 1, in bytes
}

// A csvColumn is a column that is a parameter.
type csvColumn struct {
	i    int
	name string // of the parameter
	typ  string // int, float, bool, string; "" until it is known
}

// read splits the text into cells. A record in quotes may span lines; what is
// ragged is refused with the line that it begins on.
func (t *csvTable) read(src []byte) error {
	c := csv.NewReader(bytes.NewReader(src))
	c.Comma = separator(src)
	for {
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad) && errors.Is(err, csv.ErrFieldCount):
			return &csvError{t.o.File, bad.Line, bad.Column, fmt.Sprintf("%d fields; want %d, as the header has", len(cells), len(t.head))}
		case errors.As(err, &bad):
			return &csvError{t.o.File, bad.Line, bad.Column, bad.Err.Error()}
		case err != nil:
			return err
		}
		row := csvRow{cells: cells, at: make([][2]int, len(cells))}
		for i := range cells {
			row.at[i][0], row.at[i][1] = c.FieldPos(i)
			cells[i] = strings.TrimSpace(cells[i])
		}
		if t.head == nil {
			t.head = cells
			continue
		}
		t.rows = append(t.rows, row)
	}
	if len(t.rows) == 0 {
		return &csvError{t.o.File, 1, 1, "a header and no row; want a row per trial"}
	}
	return nil
}

// separator is what separates the fields of the header: the first of comma, tab
// and semicolon that it has. A table of one column has none.
func separator(src []byte) rune {
	line, _, _ := bytes.Cut(src, []byte("\n"))
	for _, c := range ",\t;" {
		if bytes.ContainsRune(line, c) {
			return c
		}
	}
	return ','
}

// head1 is an error of the header.
func (t *csvTable) head1(format string, args ...any) error {
	return &csvError{t.o.File, 1, 1, fmt.Sprintf(format, args...)}
}

// column finds a column by name: as it is written, else in any other case.
func (t *csvTable) column(name string) (int, error) {
	if i := slices.Index(t.head, name); i >= 0 {
		return i, nil
	}
	for i, h := range t.head {
		if strings.EqualFold(h, name) {
			return i, nil
		}
	}
	return 0, t.head1("no column %q; want one of %s", name, strings.Join(t.head, ", "))
}

// columns finds the columns that the user named, and gives the others a
// meaning.
func (t *csvTable) columns() error {
	had := map[string]bool{}
	for _, h := range t.head {
		if had[h] && h != "" {
			return t.head1("two columns %q; want each once", h)
		}
		had[h] = true
	}
	taken := map[int]bool{}
	goals := make([]string, len(t.o.Objectives))
	for i, o := range t.o.Objectives {
		goals[i] = o.Name
	}
	var err error
	if t.goals, err = t.takeAll(goals, taken); err != nil {
		return err
	}
	for _, p := range t.o.Params {
		name, typ, err := paramType(p, t.head)
		if err != nil {
			return err
		}
		if _, err := t.column(name); err != nil && t.o.Lax {
			continue
		}
		i, err := t.take(name, taken)
		if err != nil {
			return err
		}
		t.params = append(t.params, csvColumn{i, t.head[i], typ})
	}
	if t.others, err = t.takeAll(t.o.Metrics, taken); err != nil {
		return err
	}
	t.rest(taken)
	if len(t.params) == 0 {
		return t.head1("no column is a parameter; want --params with some of %s", strings.Join(t.head, ", "))
	}
	return nil
}

// take finds a column and marks it as taken.
func (t *csvTable) take(name string, taken map[int]bool) (int, error) {
	i, err := t.column(name)
	if err == nil && taken[i] {
		err = t.head1("column %q is to be two things; want one", name)
	}
	taken[i] = true
	return i, err
}

func (t *csvTable) takeAll(names []string, taken map[int]bool) (all []int, err error) {
	for _, name := range names {
		i, err := t.take(name, taken)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return all, nil
}

// paramType splits NAME:TYPE, unless a column has that whole name.
func paramType(p string, head []string) (name, typ string, err error) {
	i := strings.LastIndexByte(p, ':')
	if i < 0 || slices.Contains(head, p) {
		return p, "", nil
	}
	name, typ = p[:i], p[i+1:]
	if !slices.Contains([]string{"int", "float", "bool", "string"}, typ) {
		return "", "", fmt.Errorf("parameter %q: type %q; want int, float, bool or string", p, typ)
	}
	return name, typ, nil
}

// rest says what the columns are that the user did not name:
//
//	state, status, class, reason       how the trial ended
//	name, id, dates …                  nothing
//	params_NAME of a data frame        the parameter NAME
//	others, where no parameter is named  a parameter
//	other numbers, where some are named  a metric
func (t *csvTable) rest(taken map[int]bool) {
	t.state, t.class, t.reason = -1, -1, -1
	frame := false // of Optuna's trials_dataframe
	for i, h := range t.head {
		frame = frame || !taken[i] && strings.HasPrefix(h, "params_") && len(t.o.Params) == 0
	}
	for i, h := range t.head {
		low := strings.ToLower(h)
		switch {
		case taken[i]:
		case slices.Contains(stateColumns, low) && t.state < 0:
			t.state = i
		case low == "class":
			t.class = i
		case low == "reason":
			t.reason = i
		case slices.Contains(labelColumns, low):
		case frame && strings.HasPrefix(h, "params_"):
			t.params = append(t.params, csvColumn{i, strings.TrimPrefix(h, "params_"), ""})
		case len(t.o.Params) == 0 && !frame:
			t.params = append(t.params, csvColumn{i, h, ""})
		case len(t.o.Metrics) == 0 && t.numeric(i):
			t.others = append(t.others, i)
		}
	}
}

// numeric reports whether all values of a column are numbers, and some are.
func (t *csvTable) numeric(i int) bool {
	n := 0
	for _, row := range t.rows {
		if c := row.cells[i]; c != "" {
			if _, ok := csvNumber(c); !ok {
				return false
			}
			n++
		}
	}
	return n > 0
}

// csvNumber reads a metric, as spreadsheets and Python write it.
func csvNumber(s string) (float64, bool) {
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "nan":
		return math.NaN(), true
	case "inf", "infinity":
		if s[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	v, ok := sweep.ParseNumber(s)
	if !ok {
		return 0, false
	}
	return v.Number()
}

// study reads the rows, once the types of the columns are known.
func (t *csvTable) study() (*Study, error) {
	s := &Study{Source: t.o.File, Objectives: slices.Clone(t.o.Objectives)}
	for k := range t.params {
		if t.params[k].typ == "" {
			t.params[k].typ = t.typeOf(t.params[k].i)
		}
	}
	for _, row := range t.rows {
		x, ok, err := t.trial(row)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			t.open++
			continue
		}
		s.Trials = append(s.Trials, x)
	}
	if t.open > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d rows are of trials that have not ended and left out", t.open))
	}
	return s, s.setParams(func(string) string { return "" })
}

// typeOf is the type that all values of a column have: a column of 1 and 2.5 is
// one of floats, a column of 1 and a one of texts. One without any value is an
// empty column of booleans, of which no trial has a value.
func (t *csvTable) typeOf(i int) string {
	is := map[string]bool{"int": true, "float": true, "bool": true}
	for _, row := range t.rows {
		c := row.cells[i]
		if missing(c) {
			continue
		}
		v, number := sweep.ParseNumber(c)
		is["int"] = is["int"] && number && v.Kind() == sweep.Int
		is["float"] = is["float"] && number
		is["bool"] = is["bool"] && (strings.EqualFold(c, "true") || strings.EqualFold(c, "false"))
	}
	for _, typ := range []string{"bool", "int", "float"} {
		if is[typ] {
			return typ
		}
	}
	return "string"
}

// missing reports whether a cell of a parameter says that there is no value:
// pandas writes what is missing as nothing or as nan.
func missing(c string) bool { return c == "" || c == "nan" || c == "NaN" }

// bad is a mistake in a cell.
func (t *csvTable) bad(row csvRow, i int, format string, args ...any) error {
	return &csvError{t.o.File, row.at[i][0], row.at[i][1], fmt.Sprintf("column %s: ", t.head[i]) + fmt.Sprintf(format, args...)}
}

// trial reads a row; ended is false for a trial that has not.
func (t *csvTable) trial(row csvRow) (x StudyTrial, ended bool, err error) {
	x = StudyTrial{Label: fmt.Sprintf("line %d", row.at[0][0]), Params: map[string]sweep.Value{}, State: sweep.Finished}
	if t.state >= 0 {
		var want string
		if x.State, x.Class, want = stateOf(row.cells[t.state]); want != "" {
			return x, false, t.bad(row, t.state, "state %q; want %s", row.cells[t.state], want)
		}
		if !x.State.Settled() {
			return x, false, nil
		}
	}
	if t.class >= 0 && x.State == sweep.Failed && knownClass(sweep.Class(row.cells[t.class])) {
		x.Class = sweep.Class(row.cells[t.class])
	}
	if t.reason >= 0 {
		x.Reason = strings.ToValidUTF8(row.cells[t.reason], "�")
	}
	for _, p := range t.params {
		c := row.cells[p.i]
		if missing(c) {
			continue
		}
		v, ok := cellValue(c, p.typ)
		if !ok {
			return x, false, t.bad(row, p.i, "%q is no %s", clip(c), map[string]string{"int": "integer", "float": "number", "bool": "true or false"}[p.typ])
		}
		x.Params[p.name] = v
	}
	if len(x.Params) == 0 {
		return x, false, t.bad(row, t.params[0].i, "the row has no parameter")
	}
	if err := t.measures(row, &x); err != nil {
		return x, false, err
	}
	x.settle()
	return x, true, nil
}

// measures reads the objectives and further metrics of a row, as reports at
// step 0. A trial that lacks an objective has none of them.
func (t *csvTable) measures(row csvRow, x *StudyTrial) error {
	for k, i := range append(slices.Clone(t.goals), t.others...) {
		c := row.cells[i]
		if c == "" {
			continue
		}
		v, ok := csvNumber(c)
		if !ok {
			return t.bad(row, i, "%q is no number", clip(c))
		}
		name := t.head[i]
		if k < len(t.goals) {
			name = t.o.Objectives[k].Name
			x.Values = append(x.Values, v)
		}
		x.Reports = append(x.Reports, sweep.Report{Name: name, Value: v})
	}
	if len(x.Values) < len(t.goals) {
		x.Values = nil
	}
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// cellValue reads a parameter of a type; ok is false if the cell has another. A
// number written 3.0 is an integer where the column is one. A text loses the apostrophe with which our own
// export guards a formula.
func cellValue(c, typ string) (v sweep.Value, ok bool) {
	switch typ {
	case "int":
		v, ok = sweep.ParseNumber(c)
		if f, _ := v.Number(); ok && v.Kind() == sweep.Float && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			v = sweep.IntValue(int64(f)) // pandas writes the integers of a column with gaps as floats
		}
		return v, ok && v.Kind() == sweep.Int
	case "float":
		v, ok = sweep.ParseNumber(c)
		f, _ := v.Number()
		return sweep.FloatValue(f), ok && !math.IsInf(f, 0)
	case "bool":
		b, err := strconv.ParseBool(strings.ToLower(c))
		return sweep.BoolValue(b), err == nil
	}
	if len(c) > 1 && c[0] == '\'' && strings.IndexByte("=+-@\t\r", c[1]) >= 0 {
		c = c[1:]
	}
	return sweep.StringValue(strings.ToValidUTF8(c, "�")), true
}

// stateOf reads how a trial ended, in the words of trawl, Optuna and W&B; want
// says what is, where it is none of them.
func stateOf(s string) (state sweep.State, class sweep.Class, want string) {
	low := strings.ToLower(s)
	switch low = strings.TrimPrefix(low, "trialstate."); low {
	case "", "finished", "complete", "completed", "success", "succeeded", "done", "ok":
		return sweep.Finished, "", ""
	case "pruned":
		return sweep.Pruned, "", ""
	case "diverged":
		return sweep.Diverged, "", ""
	case "killed", "canceled", "cancelled", "stopped":
		return sweep.Killed, "", ""
	case "failed", "fail", "failure", "crashed", "error":
		return sweep.Failed, sweep.ClassExit, ""
	case "running", "queued", "waiting", "pending", "paused", "preempted", "preempting":
		return sweep.Queued, "", ""
	}
	return "", "", "finished, pruned, failed, diverged, killed or running, or Optuna's or W&B's word for one"
}
