package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

// What argparse, click, typer and absl say of an argument that they do not take.
var (
	flagHasNoValue = regexp.MustCompile(`ignored explicit argument '(?:True|False)'|[Oo]ption '?-[^ ]*'? does not take a value`)
	unknownOption  = regexp.MustCompile(`(?i)(?:unrecognized arguments|no such option|unknown command line flag|unrecognized option)[: ].*?'?-{0,2}([A-Za-z]\w*_\w*)`)
)

// sayHint prints what the file needs, where the first trials show it.
func (s *sweeping) sayHint(ctx context.Context, sum loop.Summary) {
	output := sum.Fuse
	if len(output) == 0 {
		output = s.unread(ctx)
	}
	if h := hint(s.spec, sum.Why, output); h != "" {
		fmt.Fprintln(s.a.stderr, "trawl: "+h)
	}
}

// unread is the end of the output of a trial that reported nothing: at most
// 16 KiB, as the lines that a parser is given.
func (s *sweeping) unread(ctx context.Context) []string {
	rows, err := s.db.Reader().Query(ctx, "select id from trials where sweep = ? and class = 'no_objective' order by id limit 1", s.spec.Name)
	if err != nil {
		return nil
	}
	defer rows.Close()
	if !rows.Next() {
		return nil
	}
	f, err := os.Open(filepath.Join(s.runs, fmt.Sprint(rows.Row()[0]), "output.log"))
	if err != nil {
		return nil
	}
	defer f.Close()
	const most = 16 << 10
	if st, err := f.Stat(); err == nil && st.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd) // else the start of it must do
	}
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' || r == '\r' })
}

// hint is what a sweep file needs so that its script takes the arguments, "" if
// nothing is known: why is why the sweep has ended, output the last lines of a
// trial.
func hint(spec *sweep.Spec, why string, output []string) string {
	text := strings.Join(output, "\n")
	if flagHasNoValue.MatchString(text) {
		return "its flags take no value; want ${args_no_boolean_flags} in the command"
	}
	if m := unknownOption.FindStringSubmatch(text); m != nil && !spec.Dashes {
		if _, ok := spec.Space.Index(m[1]); ok {
			return "it has no --" + m[1] + "; want dashes: true for --" + strings.ReplaceAll(m[1], "_", "-")
		}
	}
	if !strings.Contains(why, "no_objective") || len(spec.Objectives) == 0 {
		return ""
	}
	name := spec.Objectives[0].Name
	if setting := readable(name, output); setting != "" {
		return "nothing was read as " + name + "; with report: " + setting + " it would be"
	}
	return "nothing was read as " + name + "; trawl try shows what is read, trawl help your-script how to say what to read"
}

// readable is a setting of `report:` that reads a metric from lines of output:
// a ready-made pattern, else one made of a line that has the name and a number;
// "" if there is none.
func readable(name string, output []string) string {
	for _, pattern := range metric.Names() {
		p, err := metric.New([]string{pattern})
		if err != nil || pattern == "number" {
			continue
		}
		found := false
		for _, line := range output {
			p.Line([]byte(line), 0, func(r sweep.Report) { found = found || r.Name == name })
		}
		if found {
			return "{pattern: " + pattern + "}"
		}
	}
	if !plainName.MatchString(name) {
		return "" // no name of a group
	}
	words := strings.Split(name, "_")
	re := regexp.MustCompile(`(?i)(\b` + strings.Join(words, `[ _-]?`) + `(?:["']?\W{1,4}?|[^:=\d]{1,30}[:=]\s*))[-+]?\.?\d`)
	for _, line := range slices.Backward(output) {
		if m := re.FindStringSubmatch(line); m != nil {
			return "{patterns: ['" + strings.ReplaceAll(regexp.QuoteMeta(m[1]), "'", "''") + "(?P<" + name + `>\S+)']}`
		}
	}
	return ""
}

var plainName = regexp.MustCompile(`^[A-Za-z]\w*$`)
