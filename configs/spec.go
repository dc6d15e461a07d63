package configs

import (
	"slices"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// get returns the value of a top-level key, nil if it is not given.
func (l *loader) get(name string) *node { return given(l.doc, name) }

// given returns the value of a key, nil if it is absent or empty.
func given(n *node, name string) *node {
	v := n.get(name)
	if v == nil || v.isNull() {
		return nil
	}
	return v
}

func textOf(n *node, name string) string {
	if v := given(n, name); v != nil && v.form == scalar {
		return v.value.Text()
	}
	return ""
}

func intOf(n *node, name string, otherwise int64) int64 {
	if v := given(n, name); v != nil {
		if i, ok := v.value.Int64(); ok {
			return i
		}
	}
	return otherwise
}

func numberOf(n *node, name string) float64 {
	if v := given(n, name); v != nil && v.form == scalar {
		f, _ := v.value.Number()
		return f
	}
	return 0
}

func boolOf(n *node, name string) bool {
	v := given(n, name)
	if v == nil || v.form != scalar || v.value.Kind() != sweep.Bool {
		return false
	}
	f, _ := v.value.Number()
	return f != 0
}

func timeOf(n *node, name string) time.Duration {
	if v := given(n, name); v != nil && v.form == scalar {
		d, _ := parseDuration(v.value)
		return d
	}
	return 0
}

func sizeOf(n *node, name string, otherwise int64) int64 {
	if v := given(n, name); v != nil && v.form == scalar {
		if b, ok := parseSize(v.value); ok {
			return b
		}
	}
	return otherwise
}

// textsOf returns a list of texts, or one text as a list of one.
func textsOf(n *node, name string) []string {
	v := given(n, name)
	switch {
	case v == nil || v.form == mapping:
		return nil
	case v.form == scalar:
		return []string{v.value.Text()}
	}
	var out []string
	for _, c := range v.items {
		out = append(out, c.value.Text())
	}
	return out
}

// readSpec fills the spec from a document that checkTop has seen. It reports
// what the table cannot know.
func (l *loader) readSpec(stem string) {
	s := l.spec
	l.readName(stem)
	s.Description, s.Program = textOf(l.doc, "description"), textOf(l.doc, "program")
	s.Seed = intOf(l.doc, "seed", 0)
	s.RunCap = int(intOf(l.doc, "run_cap", 0))
	s.Duplicates = orElse(textOf(l.doc, "duplicates"), "skip")
	l.readObjectives()
	l.readSpace()
	l.readRepeats()
	l.readPoints()
	l.readMethod()
	l.readCommand()
	l.readTrainer()
	if n := l.get("early_terminate"); n != nil {
		l.readEarlyTerminate(n)
	}
	if n := l.get("stop_if"); n != nil {
		var ignored []source
		s.StopIf = l.compile(&ignored, n, "stop_if")
	}
	l.readRunning()
	l.readReport()
}

// reserved are the names of views and tables, which a sweep's views would hide.
var reserved = []string{"sweeps", "trials", "params", "metrics", "leaderboard", "attempts", "decisions", "events"}

// checkName says what is wrong with the name of a sweep, "" if nothing is.
func checkName(name string) string {
	low := strings.ToLower(name)
	switch {
	case strings.TrimSpace(name) == "":
		return "empty"
	case strings.Trim(name, "0123456789") == "":
		return "all digits"
	case strings.HasPrefix(low, "sqlite_"):
		return "begins with sqlite_"
	case slices.Contains(reserved, low):
		return "the name of a view of the database"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has a control character"
	case len(name) > 200:
		return "longer than 200 bytes"
	}
	return ""
}

func (l *loader) readName(stem string) {
	if n := l.get("name"); n != nil {
		l.spec.Name = n.value.Text()
		if why := checkName(l.spec.Name); why != "" && n.form == scalar {
			l.errorf(n.place, "another name", "name %q: %s", clip(l.spec.Name), why)
		}
		return
	}
	l.spec.Name = stem
	if why := checkName(stem); why != "" {
		l.errorf(l.doc.place, "name: NAME", "the file's stem %q is no name for a sweep: %s", clip(stem), why)
	}
	l.doc.drop("name")
	l.doc.entries = append([]entry{{name: "name", at: l.doc.place, node: newText(l.doc.place, stem)}}, l.doc.entries...)
}

// readMethod finds the sampler and checks what it needs.
func (l *loader) readMethod() {
	s := l.spec
	at := l.doc.place
	n := l.get("method")
	if n != nil {
		at, s.Method = n.place, n.value.Text()
	} else {
		s.Method = l.guessMethod()
		if l.file != "" {
			l.warnf(at, "method: grid, random, …", "no method: %s is taken", s.Method)
		}
		l.doc.set("method", newText(at, s.Method))
	}
	s.Sampler = s.Method
	if s.Method == "bayes" {
		s.Sampler = "auto"
	}
	if slices.Contains(sampler.Known(), s.Sampler) && !sampler.Built(s.Sampler) {
		l.unbuilt(at, "method: "+s.Method)
	}
	if o := l.get("order"); o != nil {
		s.Options = map[string]sweep.Value{"order": sweep.StringValue(o.value.Text())}
		if s.Method != "grid" {
			l.warnf(o.place, "", "order: %s has none, ignored", s.Method)
		}
	}
	switch s.Method {
	case "lhs":
		if s.RunCap == 0 {
			l.errorf(at, "run_cap", "method lhs without run_cap")
		}
	case "points":
		if len(s.Points) == 0 {
			l.errorf(at, "points: [{…}]", "method points without points")
		}
	case "grid":
		for _, p := range l.params {
			if p.Derived != nil {
				continue
			}
			if _, err := p.Domain.Grid(); err != nil {
				what, want, _ := strings.Cut(err.Error(), "; want ")
				l.errorf(p.at, want, "%s: %s", p.Name, what)
			}
		}
	}
}

// guessMethod is grid where every parameter has a finite list, else random.
func (l *loader) guessMethod() string {
	for _, p := range l.params {
		if p.Derived != nil {
			continue
		}
		if _, err := p.Domain.Grid(); err != nil {
			return "random"
		}
	}
	return "grid"
}

func (l *loader) readTrainer() {
	n := l.get("trainer")
	if n == nil || n.form != mapping {
		return
	}
	l.spec.Trainer = map[string]sweep.Value{}
	for _, e := range n.entries {
		v := l.finite(e.node, "trainer."+e.name)
		l.spec.Trainer[e.name] = v
		l.checkTrainer(e.node.place, "trainer."+e.name, e.name, v)
	}
	for _, other := range []string{"command", "shell", "program"} {
		if x := l.get(other); x != nil {
			l.errorf(x.place, "one of them", "trainer and %s", other)
		}
	}
	for _, p := range l.params {
		if p.Path == nil && p.Derived == nil && lookup(trainerKeys, p.Name) == nil {
			l.warnf(p.at, nearest(p.Name, keyNames(trainerKeys)), "%s is not a key of the trainer", p.Name)
			continue
		}
		for _, v := range p.Domain.Choices() {
			l.checkTrainer(p.at, p.Name, p.Name, v)
		}
	}
}

// checkTrainer lets the trainer judge a value of one of its keys. Keys that it
// does not know have been spoken of.
func (l *loader) checkTrainer(at place, what, name string, v sweep.Value) {
	if lookup(trainerKeys, name) == nil {
		return
	}
	if err := train.CheckValue(name, v); err != nil {
		_, want, _ := strings.Cut(err.Error(), "; want ")
		l.errorf(at, want, "%s: %s", what, v.Python())
	}
}
