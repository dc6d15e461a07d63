package configs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// checkTop checks the top level of a sweep file against the table. Unknown keys
// are W&B's or the user's own, unless they are one letter from a known one.
func (l *loader) checkTop() {
	for _, e := range l.doc.entries {
		k := lookup(table, e.name)
		if k == nil {
			l.unknownTop(e)
			continue
		}
		l.checkEntry(k, e, e.name)
	}
}

func (l *loader) unknownTop(e entry) {
	near := nearest(e.name, keyNames(table))
	if near == "on" { // too short to be what a user's own key was meant to be
		near = ""
	}
	fromFlag := strings.HasPrefix(e.at.file, "--set ")
	switch {
	case foreign[e.name] && !fromFlag:
		l.warnf(e.at, "", "%s: a key of W&B, not used here", e.name)
	case near != "" && typos(strings.ToLower(e.name), near) <= 1:
		l.errorf(e.at, near, "unknown key %q", clip(e.name))
	case fromFlag && l.doc.get("parameters").get(e.name) != nil:
		l.errorf(e.at, "parameters."+e.name, "unknown key %q", clip(e.name))
	case fromFlag:
		l.errorf(e.at, orElse(near, oneOf(keyNames(table))), "unknown key %q", clip(e.name))
	default:
		l.warnf(e.at, "", "unknown key %q: ignored", clip(e.name))
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// checkEntry checks the value of a known key; an empty one counts as not given.
func (l *loader) checkEntry(k *key, e entry, path string) {
	if e.node.isNull() && k.shape&anything == 0 {
		l.warnf(e.at, "", "%s: empty, ignored", path)
		return
	}
	l.check(k, e.node, path)
}

// check reports where n has not the form that k asks for. It turns a scalar
// into the text that is written where k asks for text, and 4.0 into 4 where it
// asks for an integer, so that readers find what they expect.
func (l *loader) check(k *key, n *node, path string) {
	before := len(l.errs)
	switch {
	case k.shape&anything != 0:
	case n.form == mapping && k.shape&mapOf != 0:
		l.checkMap(k, n, path)
	case n.form == mapping && k.shape&open != 0:
		for _, e := range n.entries {
			if e.node.isNull() && k.item.shape&text != 0 {
				e.node.value, e.node.raw = sweep.StringValue(""), ""
			}
			l.check(k.item, e.node, path+"."+e.name)
		}
	case n.form == list && k.shape&listOf != 0:
		if len(n.items) > maxListItem {
			l.errorf(n.place, fmt.Sprintf("at most %d", maxListItem), "%s: %d items", path, len(n.items))
			return
		}
		for _, c := range n.items {
			l.check(k.item, c, path)
		}
	case n.form == scalar && !n.isNull():
		l.checkScalar(k, n, path)
	default:
		l.errorf(n.place, k.want(), "%s: %s", path, n.describe())
	}
	if len(l.errs) == before && k.unbuilt != nil {
		l.noteUnbuilt(k, n, path)
	}
}

func (l *loader) noteUnbuilt(k *key, n *node, path string) {
	if k.unbuilt[0] == always[0] {
		if f, ok := n.value.Number(); ok && f == 0 && n.form == scalar {
			return // gpus: 0 asks for nothing
		}
		l.unbuilt(n.place, path)
		return
	}
	if n.form == scalar && slices.Contains(k.unbuilt, strings.ToLower(n.value.Python())) {
		l.unbuilt(n.place, path+": "+n.value.Python())
	}
}

func (l *loader) unbuilt(at place, what string) {
	l.spec.Unbuilt = append(l.spec.Unbuilt, fmt.Sprintf("%s (%s:%d:%d)", what, at.file, at.line, at.col))
}

func (l *loader) checkMap(k *key, n *node, path string) {
	for _, e := range n.entries {
		sub := lookup(k.keys, e.name)
		if sub != nil {
			l.checkEntry(sub, e, path+"."+e.name)
			continue
		}
		near := nearest(e.name, keyNames(k.keys))
		if k.lenient && near == "" {
			l.warnf(e.at, oneOf(keyNames(k.keys)), "%s: unknown key %q: ignored", path, clip(e.name))
			continue
		}
		l.errorf(e.at, orElse(near, oneOf(keyNames(k.keys))), "%s: unknown key %q", path, clip(e.name))
	}
}

func (l *loader) checkScalar(k *key, n *node, path string) {
	if v, ok := sweep.ParseNumber(n.raw); ok && k.shape&(integer|number) != 0 && !k.strict && n.value.Kind() == sweep.String {
		l.warnf(n.place, n.raw+" without quotes", "%s: a number in quotes", path)
		n.value = v
	}
	f, isNumber := n.value.Number()
	kind := n.value.Kind()
	isNumber = isNumber && kind != sweep.Bool
	if k.shape&integer != 0 && kind == sweep.Float && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		n.value, kind = sweep.IntValue(int64(f)), sweep.Int
	}
	switch {
	case k.shape&number != 0 && isNumber && !math.IsNaN(f) && !math.IsInf(f, 0),
		k.shape&integer != 0 && kind == sweep.Int:
		l.checkBounds(k, n, path, f)
	case k.shape&boolean != 0 && kind == sweep.Bool:
	case k.shape&duration != 0 && isDuration(n.value):
		d, _ := parseDuration(n.value)
		l.checkBounds(k, n, path, float64(d))
	case k.shape&size != 0 && isSize(n.value):
		b, _ := parseSize(n.value)
		l.checkBounds(k, n, path, float64(b))
	case k.shape&text != 0 && (k.words == nil || slices.Contains(k.words, n.raw)):
		n.value = sweep.StringValue(n.raw)
	case k.shape&boolean != 0 && k.shape&text == 0:
		b, ok := oldBool(n)
		if !ok {
			l.errorf(n.place, k.want(), "%s: %s", path, n.describe())
			return
		}
		l.warnf(n.place, "true or false", "%s: %s", path, n.raw)
		n.value = sweep.BoolValue(b)
	default:
		l.errorf(n.place, orElse(nearest(n.raw, k.words), k.want()), "%s: %s", path, n.describe())
	}
}

func isDuration(v sweep.Value) bool { _, ok := parseDuration(v); return ok }
func isSize(v sweep.Value) bool     { _, ok := parseSize(v); return ok }

func (l *loader) checkBounds(k *key, n *node, path string, f float64) {
	if k.least != nil && f < *k.least || k.above != nil && f <= *k.above {
		l.errorf(n.place, k.want(), "%s: %s", path, n.describe())
	}
}

// want says what a key takes.
func (k *key) want() string {
	var ws []string
	add := func(s shape, what string) {
		if k.shape&s != 0 {
			ws = append(ws, what)
		}
	}
	limit := ""
	switch {
	case k.least != nil:
		limit = " >= " + strconv.FormatFloat(*k.least, 'g', -1, 64)
	case k.above != nil:
		limit = " > " + strconv.FormatFloat(*k.above, 'g', -1, 64)
	}
	add(integer, "an integer"+limit)
	add(number, "a number"+limit)
	add(duration, "a time like 90s, 2h or 1d"+limit)
	add(size, "a size like 500MB or 4GiB"+limit)
	if k.words == nil {
		add(text, "a text")
	}
	add(listOf, "a list")
	add(mapOf|open, "a map")
	if k.words == nil || k.shape&text == 0 {
		add(boolean, "true or false")
	}
	return oneOf(append(ws, k.words...))
}
