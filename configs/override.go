package configs

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trawl-sweep/trawl/sweep"
)

// override changes the document as the command line asks.
func (l *loader) override(o Options) {
	for _, arg := range o.Params {
		l.overrideParam(arg)
	}
	for _, arg := range o.Set {
		l.overrideKey(arg)
	}
	flag := func(name, value string) {
		if value != "" {
			l.doc.set(name, newText(place{file: "--" + name}, value))
		}
	}
	flag("name", o.Name)
	flag("method", o.Method)
	if o.Metric != "" {
		l.doc.set("metric", metricNode(o.Metric))
		l.doc.drop("metrics")
	}
	if o.RunCap != 0 {
		l.doc.set("run_cap", newInt(place{file: "-n"}, int64(o.RunCap)))
	}
	if o.Seed != nil {
		l.doc.set("seed", newInt(place{file: "--seed"}, *o.Seed))
	}
	if len(o.Command) > 0 {
		l.doc.set("command", commandNode(o.Command))
		for _, name := range []string{"shell", "trainer"} {
			l.doc.drop(name)
		}
	}
}

// metricNode reads NAME or NAME:GOAL.
func metricNode(s string) *node {
	at := place{file: "--metric"}
	n := &node{place: at, form: mapping}
	goals := map[string]string{"min": "minimize", "minimize": "minimize", "max": "maximize", "maximize": "maximize"}
	if i := strings.LastIndexByte(s, ':'); i > 0 && goals[s[i+1:]] != "" {
		n.set("name", newText(at, s[:i]))
		n.set("goal", newText(at, goals[s[i+1:]]))
		return n
	}
	n.set("name", newText(at, s))
	return n
}

// commandNode is a command typed after --: without an args macro it gets ${args}.
func commandNode(argv []string) *node {
	at := place{file: "--"}
	n := &node{place: at, form: list}
	for _, w := range argv {
		n.items = append(n.items, newText(at, w))
	}
	if !slices.ContainsFunc(argv, func(w string) bool { return strings.Contains(w, "${args") }) {
		n.items = append(n.items, newText(at, "${args}"))
	}
	return n
}

// overrideKey reads one --set: a path of keys, list indices and dotted names,
// and a YAML value. An empty value takes the key out.
func (l *loader) overrideKey(arg string) {
	file := "--set " + arg
	at := place{file, 1, 1}
	path, value, ok := strings.Cut(arg, "=")
	if !ok || path == "" {
		l.errorf(at, "key=value", "%q", clip(arg))
		return
	}
	// The blanks in front put the value in its column of the argument.
	v := &node{place: at, value: sweep.NullValue()}
	if strings.TrimSpace(value) != "" {
		before := len(l.errs)
		v = l.parse(file, []byte(strings.Repeat(" ", utf8.RuneCountInString(path)+1)+value))
		if len(l.errs) > before {
			return
		}
	}
	n := l.doc
	for {
		step, rest := n.step(path)
		if n.form == list {
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(n.items) {
				l.errorf(at, "an index below "+strconv.Itoa(len(n.items)), "%q", clip(step))
				return
			}
			if rest == "" {
				n.items[i] = v
				return
			}
			n, path = n.items[i], rest
			continue
		}
		if rest == "" {
			if v.isNull() && n == l.doc {
				n.drop(step)
				return
			}
			n.set(step, v)
			n.entryAt(step, at)
			return
		}
		next := n.get(step)
		if next == nil || next.form == scalar {
			// `metric: loss` and `metric.goal=…` go together: a scalar gives way.
			next = l.widen(step, next, at)
			n.set(step, next)
			n.entryAt(step, at)
		}
		n, path = next, rest
	}
}

// widen makes a map of a short form, so that a key of it can be set.
func (l *loader) widen(name string, n *node, at place) *node {
	m := &node{place: at, form: mapping}
	if n == nil || n.isNull() {
		return m
	}
	switch name {
	case "metric":
		m.set("name", n)
	case "repeats":
		m.set("count", n)
	case "retries":
		m.set("max", n)
	}
	return m
}

func (n *node) entryAt(name string, at place) {
	for i := range n.entries {
		if n.entries[i].name == name {
			n.entries[i].at = at
		}
	}
}

// step splits the first key off a dotted path: the longest one that n has, so
// that names with dots are found, else the text up to the first dot.
func (n *node) step(path string) (step, rest string) {
	best := -1
	for _, e := range n.entries {
		if len(e.name) > best && (path == e.name || strings.HasPrefix(path, e.name+".")) {
			best = len(e.name)
		}
	}
	if best < 0 {
		step, rest, _ = strings.Cut(path, ".")
		return step, rest
	}
	return path[:best], strings.TrimPrefix(path[best:], ".")
}

var levelsForm = regexp.MustCompile(`^(.*\.\..*)/(\d+)$`)

// overrideParam reads one -p: NAME=VALUE, NAME=A,B,C, NAME=[log:|int:]MIN..MAX[/LEVELS],
// or NAME={…} and NAME=[…] as in a file.
func (l *loader) overrideParam(arg string) {
	at := place{"-p " + arg, 1, 1}
	name, s, ok := strings.Cut(arg, "=")
	if name = strings.TrimSpace(name); !ok || name == "" || strings.TrimSpace(s) == "" {
		l.errorf(at, "name=values, like lr=log:1e-4..10/6 or clip=.25,1,1000", "%q", clip(arg))
		return
	}
	at.col = utf8.RuneCountInString(arg[:len(arg)-len(s)]) + 1
	v := l.paramFlag(at, arg, s)
	if v == nil {
		return
	}
	params := l.doc.get("parameters")
	if params == nil || params.form != mapping {
		params = &node{place: at, form: mapping}
		l.doc.set("parameters", params)
	}
	params.set(name, v)
}

func (l *loader) paramFlag(at place, arg, s string) *node {
	body, log, whole := s, false, false
	for {
		if rest, ok := strings.CutPrefix(body, "log:"); ok {
			body, log = rest, true
		} else if rest, ok := strings.CutPrefix(body, "int:"); ok {
			body, whole = rest, true
		} else {
			break
		}
	}
	if n := rangeNode(at, body, log); n != nil {
		if whole && (n.get("min").value.Kind() != sweep.Int || n.get("max").value.Kind() != sweep.Int) {
			l.errorf(at, "integers, like int:16..256", "%s", clip(s))
			return nil
		}
		return n
	}
	if log || whole {
		l.errorf(at, "a range, like log:1e-4..10/6 or int:16..256", "%s", clip(s))
		return nil
	}
	if lo, _, ok := strings.Cut(s, ".."); ok {
		if _, isNumber := sweep.ParseNumber(strings.TrimSpace(lo)); isNumber { // no text that anybody means
			l.errorf(at, "a range, like log:1e-4..10/6 or 16..256, or the text in quotes", "%s", clip(s))
			return nil
		}
	}
	if strings.ContainsAny(s[:1], "[{'\"") {
		before := len(l.errs)
		n := l.parse(at.file, []byte(strings.Repeat(" ", at.col-1)+s))
		if len(l.errs) > before {
			return nil
		}
		return n
	}
	if !strings.Contains(s, ",") {
		return flagScalar(at, s)
	}
	n := &node{place: at, form: list}
	for item := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(item) == "" {
			l.errorf(at, "a value between the commas", "%s", clip(s))
			return nil
		}
		n.items = append(n.items, flagScalar(at, item))
		at.col += utf8.RuneCountInString(item) + 1
	}
	return n
}

func flagScalar(at place, s string) *node {
	s = strings.TrimSpace(s)
	return &node{place: at, value: plainValue(s), raw: s, plain: true}
}

// rangeNode reads MIN..MAX[/LEVELS], or returns nil.
func rangeNode(at place, s string, log bool) *node {
	levels := ""
	if m := levelsForm.FindStringSubmatch(s); m != nil {
		s, levels = m[1], m[2]
	}
	lo, hi, ok := strings.Cut(s, "..")
	if !ok {
		return nil
	}
	n := &node{place: at, form: mapping}
	for _, b := range [][2]string{{"min", lo}, {"max", hi}} {
		v := flagScalar(at, b[1])
		if _, isNumber := sweep.ParseNumber(v.raw); !isNumber {
			return nil
		}
		n.set(b[0], v)
	}
	if log {
		n.set("scale", newText(at, "log"))
	}
	if levels != "" {
		n.set("levels", flagScalar(at, levels))
	}
	return n
}

// ParseValues reads NAME=VALUE arguments as values of the parameters of spec.
// A value is YAML; one that the parameter has only as text is taken as text.
func ParseValues(spec *sweep.Spec, args []string) (map[string]sweep.Value, error) {
	r := &report{}
	out := make(map[string]sweep.Value, len(args))
	for _, arg := range args {
		name, s, ok := strings.Cut(arg, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			r.errorf(place{}, "name=value", "%q", clip(arg))
			continue
		}
		i, known := spec.Space.Index(name)
		if !known {
			all := make([]string, len(spec.Space.Params))
			for j, p := range spec.Space.Params {
				all[j] = p.Name
			}
			r.errorf(place{}, orElse(nearest(name, all), oneOf(all)), "%s: no parameter of that name", clip(name))
			continue
		}
		var v sweep.Value
		switch {
		case strings.TrimSpace(s) == "":
			v = sweep.StringValue(s)
		default:
			n := r.parse("", []byte(s))
			if n == nil || len(r.errs) > 0 {
				continue
			}
			if _, old := oldBool(n); old {
				(&report{}).modernise(n)
			}
			v = n.toValue()
		}
		p := spec.Space.Params[i]
		if p.Derived == nil && !p.Domain.Contains(v) && p.Domain.Contains(sweep.StringValue(s)) {
			v = sweep.StringValue(s)
		}
		out[name] = v
	}
	if len(r.errs) > 0 {
		return nil, Errors(r.errs)
	}
	return out, nil
}
