package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/sweep"
)

// A table is a listing that prints in every format.
type table struct {
	head []string
	rows [][]string
	data any // what --json prints: a slice
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// listFlags give a listing --json and --format.
func (a *app) listFlags(cmd *cobra.Command) {
	a.jsonFlag(cmd)
	cmd.Flags().StringVar(&a.format, "format", "table", "`format`: table, csv, json or md")
}

// printTable prints t in the format that was asked for.
func (a *app) printTable(t table) error {
	format := a.format
	if a.json {
		format = "json"
	}
	switch format {
	case "json":
		return a.printJSON(t.data)
	case "csv":
		w := csv.NewWriter(a.stdout)
		if err := w.Write(t.head); err != nil {
			return err
		}
		return w.WriteAll(t.rows)
	case "md":
		md := func(cells []string) {
			q := make([]string, len(cells))
			for i, c := range cells {
				q[i] = strings.ReplaceAll(plain(c), "|", `\|`)
			}
			fmt.Fprintf(a.stdout, "| %s |\n", strings.Join(q, " | "))
		}
		md(t.head)
		fmt.Fprintln(a.stdout, "|"+strings.Repeat("---|", len(t.head)))
		for _, r := range t.rows {
			md(r)
		}
		return nil
	case "table", "":
		var b bytes.Buffer
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, strings.Join(t.head, "\t"))
		for _, r := range t.rows {
			fmt.Fprintln(w, plain(strings.Join(r, "\t")))
		}
		w.Flush() // into memory
		out := bufio.NewWriter(a.stdout)
		for line := range bytes.Lines(b.Bytes()) {
			out.Write(bytes.TrimRight(line, " \n")) // an empty last cell leaves blanks
			out.WriteByte('\n')
		}
		return out.Flush()
	}
	return usagef("--format %s: want table, csv, json or md", format)
}

// plain takes what could move a cursor out of text that came from trials.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// A digits prints numbers: in full for programs, as many as people read else.
type digits bool

// digits are in full where a listing is for programs.
func (a *app) digits() digits { return digits(a.format == "csv" && !a.json) }

func (d digits) number(f float64) string {
	if d {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fmt.Sprintf("%.6g", f)
}

func (d digits) value(v sweep.Value) string {
	if d {
		return v.Python()
	}
	return short(v)
}

// variedParams prints the values of a trial that differ between trials.
func variedParams(spec *sweep.Spec, params string) string { return digits(false).params(spec, params) }

func (d digits) params(spec *sweep.Spec, params string) string {
	pt, err := spec.Space.ParseJSON([]byte(params))
	if err != nil {
		return params
	}
	var out []string
	for i, p := range spec.Space.Params {
		if p.Domain.Dist != sweep.Constant && !pt[i].IsAbsent() {
			out = append(out, p.Name+"="+d.value(pt[i]))
		}
	}
	if name := spec.Repeats.Parameter; name != "" && spec.Repeats.N() > 1 {
		if v, ok := jsonField(params, name); ok {
			out = append(out, name+"="+v)
		}
	}
	return strings.Join(out, " ")
}

// short prints a value in little room: floats with five digits.
func short(v sweep.Value) string {
	if f, ok := v.Number(); ok && v.Kind() == sweep.Float {
		return fmt.Sprintf("%.5g", f)
	}
	s := v.Python()
	if r := []rune(s); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return s
}
