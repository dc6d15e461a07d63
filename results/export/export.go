// Package export writes the trials of a sweep for other programs.
package export

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// CSV writes one row per trial of the view "NAME/all" that the filter chooses,
// with a header. A missing value is an empty field; what is not finite is
// empty, too, as in the view.
func CSV(ctx context.Context, w io.Writer, r *results.Reader, name string, f results.Filter) error {
	out := csv.NewWriter(w)
	err := each(ctx, r, name, f, out.Write, func(_ []string, row []any) error {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = text(v)
		}
		return out.Write(cells)
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// JSONL writes one JSON object per trial of the view "NAME/all" that the
// filter chooses, keys in the order of the view's columns.
func JSONL(ctx context.Context, w io.Writer, r *results.Reader, name string, f results.Filter) error {
	out := bufio.NewWriter(w)
	err := each(ctx, r, name, f, func([]string) error { return nil }, func(head []string, row []any) error {
		out.WriteByte('{')
		for i, v := range row {
			if i > 0 {
				out.WriteByte(',')
			}
			key, err := json.Marshal(head[i])
			if err != nil {
				return err
			}
			value, err := json.Marshal(v)
			if err != nil {
				return err
			}
			out.Write(key)
			out.WriteByte(':')
			out.Write(value)
		}
		_, err := out.WriteString("}\n")
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	return err
}

// each reads the rows that the filter chooses.
func each(ctx context.Context, r *results.Reader, name string, f results.Filter, head func([]string) error, take func([]string, []any) error) error {
	rows, err := r.Query(ctx, statement(name, f))
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := head(rows.Columns); err != nil {
		return err
	}
	for rows.Next() {
		row := make([]any, len(rows.Columns))
		for i, v := range rows.Row() {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			row[i] = v
		}
		if err := take(rows.Columns, row); err != nil {
			return err
		}
	}
	return rows.Err()
}

func statement(name string, f results.Filter) string {
	where := []string{"true"}
	if len(f.States) > 0 {
		where = append(where, "state in ("+list(f.States)+")")
	}
	if len(f.Classes) > 0 {
		where = append(where, "class in ("+list(f.Classes)+")")
	}
	if f.Where != "" {
		where = append(where, "("+f.Where+"\n)")
	}
	q := fmt.Sprintf(`select * from "%s" where %s order by trial`, strings.ReplaceAll(name+"/all", `"`, `""`), strings.Join(where, " and "))
	if f.Limit > 0 {
		q += " limit " + strconv.Itoa(f.Limit)
	}
	return q
}

func list[T sweep.State | sweep.Class](words []T) string {
	q := make([]string, len(words))
	for i, s := range words {
		q[i] = "'" + strings.ReplaceAll(string(s), "'", "''") + "'"
	}
	return strings.Join(q, ", ")
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return sweep.PythonFloat(v)
	}
	return fmt.Sprint(v)
}
