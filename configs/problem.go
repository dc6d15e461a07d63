package configs

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Problem is one thing wrong with a sweep file, and what would be right.
type Problem struct {
	File string `json:"file"` // as it was given; "--set a=b" or "-p a=b" for a flag
	Line int    `json:"line"` // from 1; 0: the problem has no place
	Col  int    `json:"col"`  // from 1, in characters
	What string `json:"what"`
	Want string `json:"want"` // "": nothing shorter than What says it
}

// Error returns `file:line:col: what; want …`.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Col)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.What)
	if p.Want != "" {
		b.WriteString("; want " + p.Want)
	}
	return b.String()
}

// Errors is everything wrong with a sweep file, in order of place.
type Errors []Problem

// Error returns one problem a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, p := range e {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Print writes each problem with its line of src, the text of the file, and a
// caret below its place. A problem of a flag shows the flag.
func (e Errors) Print(w io.Writer, src []byte) {
	lines := bytes.Split(src, []byte("\n"))
	for _, p := range e {
		fmt.Fprintln(w, p.Error())
		text, col := "", p.Col
		switch {
		case p.flag() != "":
			text = p.flag()
		case p.Line >= 1 && p.Line <= len(lines):
			text = strings.TrimRight(string(lines[p.Line-1]), "\r")
		}
		text, col = window(text, col)
		if text != "" && col >= 1 {
			fmt.Fprintf(w, "    %s\n    %s^\n", text, indent(text, col-1))
		}
	}
}

// flag is the argument of the flag that the problem is in, "" for a file.
func (p Problem) flag() string {
	for _, f := range []string{"--set ", "-p "} {
		if s, ok := strings.CutPrefix(p.File, f); ok {
			return s
		}
	}
	return ""
}

// window cuts a long line down to what surrounds column col.
func window(s string, col int) (string, int) {
	const width, before = 160, 60
	if utf8.RuneCountInString(s) <= width {
		return s, col
	}
	r := []rune(s)
	from := max(0, min(col-1-before, len(r)-width))
	return string(r[from : from+width]), col - from
}

// indent is n characters of blank that take as much room as those of s.
func indent(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		if n--; n < 0 {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	for ; n > 0; n-- {
		b.WriteByte(' ')
	}
	return b.String()
}

// byPlace orders problems: those of the file first, then those of flags.
func byPlace(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(boolInt(a.flag() != ""), boolInt(b.flag() != "")),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// place is where a node stands.
type place struct {
	file      string
	line, col int
}

// report collects errors and warnings.
type report struct {
	errs  []Problem
	warns []Problem
}

// maxProblems bounds what a hopeless file prints.
const maxProblems = 200

func (r *report) errorf(at place, want, format string, args ...any) {
	if len(r.errs) < maxProblems {
		r.errs = append(r.errs, problem(at, want, format, args...))
	}
}

func (r *report) warnf(at place, want, format string, args ...any) {
	if len(r.warns) < maxProblems {
		r.warns = append(r.warns, problem(at, want, format, args...))
	}
}

func problem(at place, want, format string, args ...any) Problem {
	return Problem{File: at.file, Line: at.line, Col: at.col, What: fmt.Sprintf(format, args...), Want: want}
}
