package configs

import (
	"fmt"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Change is a key of the sweep file with another value than before.
type Change struct {
	Key      string // "run_cap"; for a map that changed inside, "parameters.lr"
	Old, New string // as JSON; "" = not given
}

// Compare returns what changed between two specs of one sweep: how it runs,
// and what it tries. Order of keys, and 1 for 1.0, are no changes; what is
// empty exactly if the digests are equal.
func Compare(old, new *sweep.Spec) (how, what []Change) {
	a, b := reparse(old), reparse(new)
	for _, k := range table {
		if k.part == names || canonical(a, k.name) == canonical(b, k.name) {
			continue
		}
		cs := changes(k.name, a.get(k.name), b.get(k.name))
		if k.part == decides {
			what = append(what, cs...)
		} else {
			how = append(how, cs...)
		}
	}
	return how, what
}

// reparse reads a Doc, which was read before.
func reparse(s *sweep.Spec) *node {
	var r report
	if n := r.parse("", []byte(s.Doc)); n != nil {
		return n
	}
	return &node{form: mapping}
}

// changes is one change, or one for each key of a map.
func changes(name string, a, b *node) []Change {
	if a == nil || b == nil || a.form != mapping || b.form != mapping {
		return []Change{{name, short(a), short(b)}}
	}
	var out []Change
	inner := func(key string) {
		x, y := a.get(key), b.get(key)
		if x == nil || y == nil || string(x.appendKey(nil)) != string(y.appendKey(nil)) {
			out = append(out, Change{name + "." + key, short(x), short(y)})
		}
	}
	for _, e := range a.entries {
		inner(e.name)
	}
	for _, e := range b.entries {
		if a.get(e.name) == nil {
			inner(e.name)
		}
	}
	return out
}

func short(n *node) string {
	if n == nil || n.isNull() {
		return ""
	}
	const most = 400
	s := string(n.appendJSON(nil))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// Diff prints changes as lines that begin with - and +; "" for none.
func Diff(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		if c.Old != "" {
			fmt.Fprintf(&b, "- %s: %s\n", c.Key, c.Old)
		}
		if c.New != "" {
			fmt.Fprintf(&b, "+ %s: %s\n", c.Key, c.New)
		}
	}
	return b.String()
}

// CheckExtend returns what a new revision leaves open: parameters that old
// trials do not have and for which it does not say what they had.
func CheckExtend(old, new *sweep.Spec) []Problem {
	var out []Problem
	for _, p := range new.Space.Params {
		if _, ok := old.Space.Index(p.Name); !ok && p.Was.IsAbsent() {
			out = append(out, Problem{What: fmt.Sprintf("%s is new: old trials have no value for it", p.Name),
				Want: "was: VALUE, if they had one"})
		}
	}
	return out
}
