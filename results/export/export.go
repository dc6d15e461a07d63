// Package export writes the trials of a sweep in the formats of others, and
// reads what others ran:
//
//	export.go       CSV and JSON lines, from the rows of the view "NAME/all"
//	optuna.go       a study in a new storage of Optuna; distribution.go, optunaschema.go
//	tensorboard.go  event files for the HParams page; wire.go writes protocol buffers
//	study.go        trials on their way in, and the sweep file that stands for them
//	readoptuna.go   a study of a storage of Optuna; optunatrial.go, optunadist.go
//	readcsv.go      a table of earlier results
//
// What goes out to Optuna comes back: trawl's own words for a trial travel in
// user attributes that begin with "trawl:".
//
// Sources: the storage of Optuna is that of optuna/storages/_rdb of release
// 3.1.0 and of the master of release 4, its JSON that of optuna/distributions.py;
// event files are those of tensorflow/core 2.16 with the messages of
// tensorboard/plugins/hparams. We depart from Optuna where a trial's objective
// is infinite: Optuna calls it COMPLETE and ranks it, here it has diverged and
// goes out as FAIL.
package export

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// Rows are rows to be written: results.Rows, or rows made up.
type Rows interface {
	Next() bool
	Values() []any
	Err() error
}

// table adapts results.Rows.
type table struct {
	*results.Rows
	values []any
}

func (t *table) Values() []any {
	t.values = t.values[:0]
	for _, v := range t.Row() {
		t.values = append(t.values, v)
	}
	return t.values
}

// Trials opens the rows of "NAME/all" of a sweep, by trial, and their columns.
// where is an SQL expression over the view; "" selects all. close frees them.
func Trials(ctx context.Context, r *results.Reader, which, where string) (columns []string, rows Rows, close func() error, err error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, nil, nil, err
	}
	q, err := results.AllRows(s.Name, where)
	if err != nil {
		return nil, nil, nil, err
	}
	rs, err := r.Query(ctx, q)
	if err != nil {
		return nil, nil, nil, err
	}
	return rs.Columns, &table{Rows: rs}, rs.Close, nil
}

// CSV writes rows as RFC 4180 with a header: nothing for null, numbers so that
// they read back, booleans as true and false. A text that a spreadsheet would
// take for a formula is given a leading apostrophe.
func CSV(w io.Writer, columns []string, rows Rows) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns); err != nil {
		return fmt.Errorf("csv: %w", err)
	}
	record := make([]string, len(columns))
	for rows.Next() {
		for i, v := range rows.Values() {
			record[i] = field(v)
		}
		if len(record) == 1 && record[0] == "" { // an empty line would be no record
			out.Flush()
			if _, err := io.WriteString(w, "\"\"\n"); err != nil {
				return fmt.Errorf("csv: %w", err)
			}
			continue
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("csv: %w", err)
	}
	return rows.Err()
}

func field(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return sweep.PythonFloat(v)
	case bool:
		return strconv.FormatBool(v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	}
	s := fmt.Sprint(v)
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

// JSONL writes a JSON object per row, with the columns in order. Numbers keep
// their kind (1 and 1.0); one that is not finite is a string.
func JSONL(w io.Writer, columns []string, rows Rows) error {
	out := bufio.NewWriter(w)
	names := make([][]byte, len(columns))
	for i, c := range columns {
		names[i] = append(sweep.StringValue(c).AppendJSON(nil), ':')
	}
	var line []byte
	for rows.Next() {
		line = append(line[:0], '{')
		for i, v := range rows.Values() {
			if i > 0 {
				line = append(line, ',')
			}
			line = value(v).AppendJSON(append(line, names[i]...))
		}
		if _, err := out.Write(append(line, '}', '\n')); err != nil {
			return fmt.Errorf("jsonl: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("jsonl: %w", err)
	}
	return rows.Err()
}

func value(v any) sweep.Value {
	switch v := v.(type) {
	case nil:
		return sweep.NullValue()
	case int64:
		return sweep.IntValue(v)
	case float64:
		if math.IsNaN(v) { // SQL has none, rows that are made up may
			return sweep.NullValue()
		}
		return sweep.FloatValue(v)
	case bool:
		return sweep.BoolValue(v)
	case []byte:
		return sweep.StringValue(base64.StdEncoding.EncodeToString(v))
	}
	return sweep.StringValue(strings.ToValidUTF8(fmt.Sprint(v), string(utf8.RuneError)))
}

// SQLite writes the whole database as one consistent file that opens anywhere.
func SQLite(ctx context.Context, r *results.Reader, dst string) error {
	return r.ExportSQLite(ctx, dst)
}
