package configs

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

func (l *loader) readReport() {
	n := l.get("report")
	if n == nil {
		return
	}
	l.readFiles(n)
	for _, key := range []string{"pattern", "patterns"} {
		for _, p := range textsOf(n, key) {
			l.spec.Patterns = append(l.spec.Patterns, metric.Named(p, l.objective()))
		}
		p := given(n, key)
		switch {
		case p == nil:
		case p.form == scalar:
			l.checkPattern(p, "report."+key)
		default:
			for i, c := range p.items {
				l.checkPattern(c, fmt.Sprintf("report.%s[%d]", key, i))
			}
		}
	}
}

// objective is the name of the first one, "" if there is none.
func (l *loader) objective() string {
	if len(l.spec.Objectives) == 0 {
		return ""
	}
	return l.spec.Objectives[0].Name
}

// checkPattern wants the name of a ready-made pattern, or a regular expression
// that names a metric.
func (l *loader) checkPattern(c *node, path string) {
	if c.form != scalar || metric.IsName(c.value.Text()) {
		if _, err := metric.New([]string{c.value.Text()}); c.form == scalar && err != nil {
			l.errorf(c.place, "number:NAME", "%s: %s", path, c.describe())
		}
		return
	}
	re, err := regexp.Compile(c.value.Text())
	if err != nil {
		l.errorf(c.place, "a regular expression", "%s: %s", path, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	if !slices.ContainsFunc(re.SubexpNames(), func(s string) bool { return s != "" && s != "step" }) {
		want := "a group like (?P<val_loss>\\S+), or one of " + strings.Join(metric.Names(), ", ")
		if near := nearest(c.value.Text(), metric.Names()); near != "" {
			want = near + ", or " + want
		}
		l.errorf(c.place, want, "%s: no group names a metric", path)
	}
}

// readFiles reads where trials leave metrics in files, and what their status is.
func (l *loader) readFiles(n *node) {
	for _, kind := range []sweep.FileKind{sweep.TensorBoard, sweep.CSVFile, sweep.JSONFile, sweep.TrainerState} {
		v := given(n, string(kind))
		if v == nil {
			continue
		}
		path := "report." + string(kind)
		nodes := []*node{v}
		if v.form == list {
			nodes = v.items
		}
		for i, c := range nodes {
			if c.form != scalar || c.isNull() {
				continue
			}
			at := path
			if v.form == list {
				at = fmt.Sprintf("%s[%d]", path, i)
			}
			if c.value.Text() == "" {
				l.errorf(c.place, "a path", "%s: an empty text", at)
				continue
			}
			l.checkFile(c, at, kind)
			l.spec.Files = append(l.spec.Files, sweep.ReportFile{Kind: kind, Path: c.value.Text()})
		}
	}
	v := given(n, "exit_value")
	if v == nil || v.form != scalar {
		return
	}
	l.spec.ExitValue = v.value.Text()
	if _, err := metric.ParseArgs([]string{l.spec.ExitValue + "=0"}); err != nil {
		l.errorf(v.place, "the name of a metric", "report.exit_value: %s", v.describe())
	}
	if slices.Contains(l.spec.Retries.On, sweep.ClassExit) {
		l.warnf(v.place, "classes of failure that can be", "report.exit_value: with it no exit status is a failure, so retries.on exit retries nothing")
	}
}

// checkFile refuses a path that all trials would share: whose metrics lie there
// could not be told.
func (l *loader) checkFile(n *node, path string, kind sweep.FileKind) {
	before := len(l.errs)
	l.checkTemplate(n, path, true)
	if len(l.errs) > before {
		return
	}
	want := "a file"
	if kind == sweep.TensorBoard || kind == sweep.TrainerState {
		want = "a directory"
	}
	own := l.spec.Workdir == "trial" && !filepath.IsAbs(n.value.Text())
	pieces, _ := parseTemplate(n.value.Text()) // checked above
	for _, p := range pieces {
		if slices.Contains(many, p.macro) {
			l.errorf(n.place, want, "%s: ${%s} gives several words", path, p.macro)
			return
		}
		own = own || p.macro == "trial" || p.macro == "trial_dir" || p.macro == "checkpoint_dir"
	}
	if !own {
		l.errorf(n.place, "${trial} or ${trial_dir} in it, or workdir: trial", "%s: all trials would write to %s", path, n.describe())
	}
	if _, err := filepath.Match(n.value.Text(), ""); globs(kind) && err != nil {
		l.errorf(n.place, `*, ?, [a-z], or \ before one of them`, "%s: %s: %v", path, n.describe(), err)
	}
}
