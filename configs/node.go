package configs

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	yaml "go.yaml.in/yaml/v4"
)

// Limits on what is read, so that a hostile file costs little.
const (
	maxSource   = 1 << 20  // bytes of a sweep file
	maxDoc      = 16 << 20 // bytes of a document as JSON, and of a file with its aliases expanded
	maxDepth    = 64       // nesting
	nodeWeight  = 16       // what a node counts besides its text
	maxParams   = 10_000
	maxValues   = 1_000_000 // of one parameter
	maxRepeats  = 100_000
	maxCommand  = 10_000 // words
	maxListItem = 200_000
)

// form says what a node is.
type form uint8

const (
	scalar form = iota
	list
	mapping
)

// A node is a piece of the document: YAML with aliases and merge keys expanded,
// duplicate keys dropped and scalars read by the rules of YAML 1.2.
type node struct {
	place
	form    form
	value   sweep.Value // of a scalar
	raw     string      // of a scalar, as written, without quotes
	plain   bool        // a scalar without quotes
	exact   bool        // the characters of raw stand in the file from offset on
	offset  int         // of the first character of raw from the place: 1 for quotes
	items   []*node     // of a list
	entries []entry     // of a mapping, in order
}

// An entry is a key of a mapping with its value.
type entry struct {
	name string
	at   place // of the key
	node *node
}

// get returns the value of a key, or nil.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for _, e := range n.entries {
		if e.name == name {
			return e.node
		}
	}
	return nil
}

// set replaces or adds a key.
func (n *node) set(name string, v *node) {
	for i, e := range n.entries {
		if e.name == name {
			n.entries[i].node, n.entries[i].at = v, v.place
			return
		}
	}
	n.entries = append(n.entries, entry{name, v.place, v})
}

// drop removes a key.
func (n *node) drop(name string) {
	for i, e := range n.entries {
		if e.name == name {
			n.entries = append(n.entries[:i:i], n.entries[i+1:]...)
			return
		}
	}
}

func (n *node) isNull() bool { return n.form == scalar && n.value.Kind() == sweep.Null }

// at is the place of the i-th character (from 0) of a scalar's text.
func (n *node) at(i int) place {
	p := n.place
	if n.exact {
		p.col += n.offset + i
	}
	return p
}

func newText(at place, s string) *node {
	return &node{place: at, value: sweep.StringValue(s), raw: s}
}

func newInt(at place, i int64) *node {
	v := sweep.IntValue(i)
	return &node{place: at, value: v, raw: v.Python()}
}

// describe names what a node is, for a message.
func (n *node) describe() string {
	switch n.form {
	case list:
		return "a list"
	case mapping:
		return "a map"
	}
	switch n.value.Kind() {
	case sweep.Null:
		return "nothing"
	case sweep.String:
		return strconv.Quote(clip(n.raw))
	}
	return clip(n.raw)
}

func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// A parser turns YAML into nodes.
type parser struct {
	*report
	file   string
	weight int
	full   bool // weight ran over; said once
	deep   bool
	open   map[*yaml.Node]bool // anchors being expanded
}

// parse reads one document. It returns nil if there is none or it is broken.
func (r *report) parse(file string, src []byte) *node {
	limit, kind := maxSource, "1 MiB"
	if bytes.HasPrefix(bytes.TrimLeft(src, " \t\r\n"), []byte("{")) {
		limit, kind = maxDoc, "16 MiB"
	}
	start := place{file, 1, 1}
	if len(src) > limit {
		r.errorf(start, "at most "+kind, "%d bytes", len(src))
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		r.errorf(start, "a sweep file", "empty")
		return nil
	}
	if err != nil {
		r.broken(file, src, err)
		return nil
	}
	switch err := d.Decode(&more); {
	case err == nil:
		r.errorf(place{file, max(1, more.Line), max(1, more.Column)}, "one", "a second document")
	case !errors.Is(err, io.EOF):
		r.broken(file, src, err)
		return nil
	}
	p := &parser{report: r, file: file, open: map[*yaml.Node]bool{}}
	return p.convert(doc.Content[0], 1)
}

// broken reports what the YAML reader says.
func (r *report) broken(file string, src []byte, err error) {
	at, what := place{file, 1, 1}, err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		what = e.Message
		switch {
		case e.Mark.Line > 0:
			at.line, at.col = e.Mark.Line, max(1, e.Mark.Column)
		case e.Mark.Index > 0 && e.Mark.Index <= len(src):
			// The reader knows only the offset.
			head := string(src[:e.Mark.Index])
			at.line = 1 + strings.Count(head, "\n")
			at.col = 1 + len([]rune(head[strings.LastIndexByte(head, '\n')+1:]))
		}
		if e.ContextMsg != "" {
			what = e.ContextMsg + ": " + what
		}
	}
	want := ""
	if tabbed(src, at.line) {
		what, want = "a tab in the indentation", "spaces"
	}
	r.errorf(at, want, "not YAML: %s", what)
}

// tabbed reports whether a line of src is indented with a tab, which YAML does
// not allow and its readers say in other words.
func tabbed(src []byte, line int) bool {
	lines := bytes.Split(src, []byte("\n"))
	if line > len(lines) {
		return false
	}
	text := bytes.TrimLeft(lines[line-1], " ")
	return len(text) > 0 && text[0] == '\t'
}

func (p *parser) at(y *yaml.Node) place { return place{p.file, max(1, y.Line), max(1, y.Column)} }

// convert returns y as a node, never nil.
func (p *parser) convert(y *yaml.Node, depth int) *node {
	n := &node{place: p.at(y), value: sweep.NullValue()}
	p.weight += nodeWeight + len(y.Value)
	switch {
	case p.weight > maxDoc:
		if !p.full {
			p.errorf(n.place, "fewer aliases", "the document expands to more than 16 MiB")
		}
		p.full = true
		return n
	case depth > maxDepth:
		if !p.deep {
			p.errorf(n.place, "at most "+strconv.Itoa(maxDepth), "nested deeper than %d", maxDepth)
		}
		p.deep = true
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if p.open[y.Alias] {
			p.errorf(n.place, "an anchor that ends before", "*%s contains itself", y.Value)
			return n
		}
		p.open[y.Alias] = true
		defer delete(p.open, y.Alias)
		return p.convert(y.Alias, depth)
	case yaml.SequenceNode:
		n.form = list
		for _, c := range y.Content {
			n.items = append(n.items, p.convert(c, depth+1))
			if p.full {
				break
			}
		}
	case yaml.MappingNode:
		n.form = mapping
		p.entries(n, y, depth)
	default:
		p.scalar(n, y)
	}
	return n
}

// entries fills the mapping n: the last of equal keys wins, with a warning;
// merged keys (<<) give way to those of the mapping itself.
func (p *parser) entries(n *node, y *yaml.Node, depth int) {
	index := map[string]int{}
	var merged []*node
	for i := 0; i+1 < len(y.Content) && !p.full; i += 2 {
		k, at := y.Content[i], p.at(y.Content[i])
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			p.errorf(at, "a text", "a key that is a list or a map")
			continue
		}
		v := p.convert(y.Content[i+1], depth+1)
		if k.Value == "<<" && k.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
			merged = append(merged, p.mergeable(v)...)
			continue
		}
		p.weight += nodeWeight + len(k.Value)
		if j, ok := index[k.Value]; ok {
			p.warnf(at, "", "duplicate key %q: the last wins", clip(k.Value))
			n.entries[j].node, n.entries[j].at = v, at
			continue
		}
		index[k.Value] = len(n.entries)
		n.entries = append(n.entries, entry{k.Value, at, v})
	}
	for _, m := range merged {
		for _, e := range m.entries {
			if _, ok := index[e.name]; !ok {
				index[e.name] = len(n.entries)
				n.entries = append(n.entries, e)
			}
		}
	}
}

// mergeable returns the mappings that a merge key names.
func (p *parser) mergeable(v *node) []*node {
	all := []*node{v}
	if v.form == list {
		all = v.items
	}
	for _, m := range all {
		if m.form != mapping {
			p.errorf(m.place, "a map or a list of maps", "<<: %s", m.describe())
			return nil
		}
	}
	return all
}

const quotes = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
const blocks = yaml.LiteralStyle | yaml.FoldedStyle

func (p *parser) scalar(n *node, y *yaml.Node) {
	n.raw = y.Value
	n.plain = y.Style&(quotes|blocks) == 0
	tagged := y.Style&yaml.TaggedStyle != 0
	odd := "\n" // what stands otherwise in the file than in the value
	if !n.plain {
		n.offset, odd = 1, "\n\\\""
		if y.Style&yaml.SingleQuotedStyle != 0 {
			odd = "\n'"
		}
	}
	n.exact = !tagged && y.Anchor == "" && y.Style&blocks == 0 && !strings.ContainsAny(y.Value, odd)
	switch {
	case tagged:
		n.plain = false
		n.value = p.tagged(n, y)
	case n.plain:
		n.value = plainValue(y.Value)
	default:
		n.value = sweep.StringValue(y.Value)
	}
}

// tagged reads a scalar with an explicit tag.
func (p *parser) tagged(n *node, y *yaml.Node) sweep.Value {
	v := plainValue(y.Value)
	f, isNumber := v.Number()
	isNumber = isNumber && v.Kind() != sweep.Bool
	tag := y.ShortTag()
	switch tag {
	case "!!str", "!":
		return sweep.StringValue(y.Value)
	case "!!null":
		return sweep.NullValue()
	case "!!bool":
		if v.Kind() == sweep.Bool {
			return v
		}
	case "!!int":
		if v.Kind() == sweep.Int {
			return v
		}
	case "!!float":
		if isNumber {
			return sweep.FloatValue(f)
		}
	default:
		p.errorf(n.place, "no tag", "tag %s", clip(tag))
		return sweep.NullValue()
	}
	p.errorf(n.place, "a value of that kind", "%s with the tag %s", strconv.Quote(clip(y.Value)), tag)
	return sweep.NullValue()
}

// plainValue reads an unquoted scalar by the core schema of YAML 1.2.
func plainValue(s string) sweep.Value {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return sweep.NullValue()
	case "true", "True", "TRUE":
		return sweep.BoolValue(true)
	case "false", "False", "FALSE":
		return sweep.BoolValue(false)
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return sweep.FloatValue(math.Inf(1))
	case "-.inf", "-.Inf", "-.INF":
		return sweep.FloatValue(math.Inf(-1))
	case ".nan", ".NaN", ".NAN":
		return sweep.FloatValue(math.NaN())
	}
	if v, ok := sweep.ParseNumber(s); ok {
		return v
	}
	for prefix, base := range map[string]int{"0x": 16, "0o": 8} {
		if digits, ok := strings.CutPrefix(s, prefix); ok && !strings.ContainsAny(digits, "+-_") {
			if i, err := strconv.ParseInt(digits, base, 64); err == nil {
				return sweep.IntValue(i)
			}
		}
	}
	return sweep.StringValue(s)
}

// oldBool reads the words that YAML 1.1, and so W&B, takes for booleans and
// YAML 1.2 for text.
func oldBool(n *node) (b, ok bool) {
	if n.form != scalar || !n.plain {
		return false, false
	}
	switch n.raw {
	case "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

// modernise turns those words into booleans below n, with a warning each: where
// values stand, a W&B file means booleans.
func (r *report) modernise(n *node) {
	if b, ok := oldBool(n); ok {
		v := sweep.BoolValue(b)
		r.warnf(n.place, "quotes for the text", "%s is %s here, as in YAML 1.1 and W&B", n.raw, strings.ToLower(v.Python()))
		n.value, n.raw = v, strings.ToLower(v.Python())
	}
	for _, c := range n.items {
		r.modernise(c)
	}
	for _, e := range n.entries {
		r.modernise(e.node)
	}
}

// toValue returns n as one value: a list or a map as JSON.
func (n *node) toValue() sweep.Value {
	if n.form == scalar {
		return n.value
	}
	v, err := sweep.JSONValue(n.toAny())
	if err != nil {
		return sweep.NullValue() // unreachable: appendJSON writes what JSON can hold
	}
	return v
}
