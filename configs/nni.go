package configs

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// FromNNI makes a sweep file of a search space of NNI: search_space.json, or the
// same as YAML. Source is the file to write down. The error is an Errors, with
// places in the search space.
//
//	choice                   values; options that are maps with a _name become a
//	                         choice of the names, and what an option has beside it
//	                         parameters NAME.KEY under the condition that it is chosen
//	randint [a, b]           integers from a to b−1
//	uniform, quniform        uniform, q_uniform
//	loguniform, qloguniform  log_uniform_values, q_log_uniform_values
//	normal, lognormal, …     the same, with mu and sigma
//
// Quantised values are integers where bounds and q are written as integers,
// which NNI makes floats; and they are multiples of q inside the bounds, where
// NNI cuts the last one off at the bound.
//
// Sources: NNI 3.0, docs/source/hpo/search_space.rst and
// nni/common/hpo_utils/formatting.py.
func FromNNI(path string, src []byte, o Options) (*File, error) {
	l := newLoader(path)
	if !bytes.ContainsRune(src, '\n') || bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) {
		src = bytes.ReplaceAll(src, []byte("\t"), []byte(" ")) // JSON may be indented so, YAML may not
	}
	space := l.parse(path, src)
	if len(l.errs) > 0 {
		return nil, l.problems()
	}
	if space.form != mapping || len(space.entries) == 0 {
		l.errorf(space.place, "a map of parameters with _type and _value", "%s", orElse(emptyMap(space), space.describe()))
		return nil, l.problems()
	}
	n := &nniReader{loader: l, params: &node{place: space.place, form: mapping}}
	for _, e := range space.entries {
		n.param(e.at, e.name, e.node, "", 1)
	}
	if len(l.errs) > 0 {
		return nil, l.problems()
	}
	at := space.place
	l.doc = &node{place: at, form: mapping}
	l.doc.set("method", newText(at, "auto"))
	l.doc.set("parameters", n.params)
	l.override(o)
	if l.doc.get("name") == nil {
		name := stemOf(path)
		if checkName(name) != "" {
			name = "nni"
		}
		l.doc.entries = append([]entry{{name: "name", at: at, node: newText(at, name)}}, l.doc.entries...)
	}
	return l.load("", nil)
}

// An nniReader turns NNI's parameters into ours. It builds the nodes of a sweep
// file with the places of the search space, so that what the loader has against
// them is reported where the user wrote it.
type nniReader struct {
	*loader
	params *node
}

// nniForms are NNI's types of numbers: what we call them and their arguments.
var nniForms = map[string]struct {
	dist sweep.Dist
	args []string
}{
	"uniform":     {sweep.Uniform, []string{"min", "max"}},
	"quniform":    {sweep.QUniform, []string{"min", "max", "q"}},
	"loguniform":  {sweep.LogUniformValues, []string{"min", "max"}},
	"qloguniform": {sweep.QLogUniformValues, []string{"min", "max", "q"}},
	"normal":      {sweep.Normal, []string{"mu", "sigma"}},
	"qnormal":     {sweep.QNormal, []string{"mu", "sigma", "q"}},
	"lognormal":   {sweep.LogNormal, []string{"mu", "sigma"}},
	"qlognormal":  {sweep.QLogNormal, []string{"mu", "sigma", "q"}},
}

// nniTypes are NNI's types, for errors.
const nniTypes = "choice, randint, uniform, quniform, loguniform, qloguniform, normal, qnormal, lognormal or qlognormal"

// param reads one parameter; when is the condition under which it is there.
func (r *nniReader) param(at place, name string, n *node, when string, depth int) {
	typ, value := n.get("_type"), n.get("_value")
	switch {
	case depth > maxDepth:
		r.errorf(at, fmt.Sprintf("at most %d", maxDepth), "%s: nested too deep", clip(name))
		return
	case n.form != mapping || typ == nil:
		r.errorf(n.place, "a map with _type and _value", "%s: %s", clip(name), n.describe())
		return
	case value == nil:
		r.errorf(n.place, "_value beside it", "%s: _type alone", clip(name))
		return
	}
	kind := typ.value.Text()
	for _, e := range n.entries {
		if e.name != "_type" && e.name != "_value" {
			r.errorf(e.at, "_type and _value alone", "%s: key %q", clip(name), clip(e.name))
			return
		}
	}
	out := &node{place: n.place, form: mapping}
	ok := false
	switch kind {
	case "choice":
		ok = r.choice(out, name, value, depth)
	case "randint":
		ok = r.randint(out, name, value)
	default:
		ok = r.distribution(out, name, typ, value)
	}
	if ok {
		r.add(at, name, out, when)
	}
}

// distribution reads the types of numbers other than randint.
func (r *nniReader) distribution(out *node, name string, typ, value *node) bool {
	kind := typ.value.Text()
	form, ok := nniForms[kind]
	if !ok {
		r.errorf(typ.place, nniTypes, "%s: _type %s", clip(name), typ.describe())
		return false
	}
	if !r.numbers(name, kind, value, len(form.args)) {
		return false
	}
	if first, second := value.items[0], value.items[1]; form.args[0] == "min" && equalNumbers(first, second) {
		out.set("value", first) // NNI takes an interval of one value
		return true
	}
	out.set("distribution", newText(typ.place, string(form.dist)))
	for i, arg := range form.args {
		v := value.items[i]
		if arg == "q" && !allInts(value.items) {
			v = asFloat(v)
		}
		out.set(arg, v)
	}
	return true
}

func equalNumbers(a, b *node) bool {
	x, _ := a.value.Number()
	y, _ := b.value.Number()
	return x == y
}

func allInts(items []*node) bool {
	for _, n := range items {
		if n.value.Kind() != sweep.Int {
			return false
		}
	}
	return true
}

// asFloat is a number that stays a float.
func asFloat(n *node) *node {
	f, _ := n.value.Number()
	v := sweep.FloatValue(f)
	return &node{place: n.place, value: v, raw: v.Python()}
}

// numbers checks the arguments of a type: a list of so many numbers.
func (r *nniReader) numbers(name, kind string, value *node, want int) bool {
	if value.form != list || len(value.items) != want {
		r.errorf(value.place, fmt.Sprintf("a list of %d numbers", want), "%s: _value of %s: %s", clip(name), kind, describeList(value))
		return false
	}
	for _, v := range value.items {
		if k := v.value.Kind(); v.form != scalar || k != sweep.Int && k != sweep.Float {
			r.errorf(v.place, "a number", "%s: %s", clip(name), v.describe())
			return false
		}
	}
	return true
}

func describeList(n *node) string {
	if n.form == list {
		return fmt.Sprintf("a list of %d", len(n.items))
	}
	return n.describe()
}

// randint reads [lower, upper), whose upper bound is no value.
func (r *nniReader) randint(out *node, name string, value *node) bool {
	if !r.numbers(name, "randint", value, 2) {
		return false
	}
	lo, ok := value.items[0].value.Int64()
	hi, ok2 := value.items[1].value.Int64()
	switch {
	case !ok || !ok2:
		r.errorf(value.place, "integers", "%s: randint of %s to %s", clip(name), value.items[0].raw, value.items[1].raw)
		return false
	case hi <= lo:
		r.errorf(value.items[1].place, "more than the lower one, for it is left out itself", "%s: randint up to %d", clip(name), hi)
		return false
	case hi == lo+1:
		out.set("value", value.items[0])
		return true
	}
	out.set("min", value.items[0])
	out.set("max", newInt(value.items[1].place, hi-1))
	return true
}

// choice reads the options, and the parameters of those that have some. An
// option is a plain value; a map or list of plain values, which is one value,
// too; or a map with a _name, whose further keys are parameters.
func (r *nniReader) choice(out *node, name string, value *node, depth int) bool {
	if value.form != list || len(value.items) == 0 {
		r.errorf(value.place, "a list of options", "%s: _value of choice: %s", clip(name), describeList(value))
		return false
	}
	values := &node{place: value.place, form: list}
	for _, v := range value.items {
		option := v.get("_name")
		switch {
		case option == nil && holdsType(v, 0):
			r.errorf(v.place, "a _name in it, which says how the option is called", "%s: an option with parameters and without a name", clip(name))
			return false
		case option == nil:
			values.items = append(values.items, v)
			continue
		case option.form != scalar || option.value.Kind() != sweep.String:
			r.errorf(option.place, "a text", "%s: _name: %s", clip(name), option.describe())
			return false
		}
		values.items = append(values.items, option)
		for _, e := range v.entries {
			if e.name != "_name" {
				r.param(e.at, r.free(name, option.value.Text(), e), e.node, condition(name, option.value.Text()), depth+1)
			}
		}
	}
	out.set("values", values)
	return true
}

// holdsType reports whether there is a parameter somewhere inside.
func holdsType(n *node, depth int) bool {
	if n.get("_type") != nil {
		return true
	}
	for _, c := range n.items {
		if depth < maxDepth && holdsType(c, depth+1) {
			return true
		}
	}
	for _, e := range n.entries {
		if depth < maxDepth && holdsType(e.node, depth+1) {
			return true
		}
	}
	return false
}

// free is the name of a parameter of an option: NAME.KEY, and NAME.OPTION.KEY
// where another option has that.
func (r *nniReader) free(name, option string, e entry) string {
	short := name + "." + e.name
	if r.params.get(short) == nil {
		return short
	}
	return name + "." + option + "." + e.name
}

// condition is the expression that the option of a choice is taken.
func condition(name, option string) string {
	return "p[" + strconv.Quote(name) + "] == " + strconv.Quote(option)
}

// add puts a parameter into the sweep file.
func (r *nniReader) add(at place, name string, out *node, when string) {
	if r.params.get(name) != nil {
		r.errorf(at, "another name", "parameter %s stands twice", clip(name))
		return
	}
	if when != "" {
		if strings.ContainsFunc(when, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			r.errorf(at, "names of printable characters", "%s: its condition", clip(name))
			return
		}
		out.set("when", newText(out.place, when))
	}
	r.params.set(name, out)
	r.params.entries[len(r.params.entries)-1].at = at
}
