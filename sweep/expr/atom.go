package expr

import (
	"math/big"
	"slices"

	"go.starlark.net/syntax"
)

func (p *parser) atom() node {
	t := p.peek()
	switch {
	case t.kind == number || t.kind == text:
		return p.literal(p.next())
	case t.kind == name:
		return p.word(p.next())
	case p.is("(") || p.is("[") || p.is("{"):
		return p.bracket()
	}
	return p.unexpected("want a value")
}

func (p *parser) literal(t token) node {
	n := node{from: t.from, to: t.to, cheap: true}
	lit := &syntax.Literal{TokenPos: p.pos(t.from), Raw: p.src[t.from:t.to]}
	switch v := t.num.(type) {
	case float64:
		lit.Token, lit.Value = syntax.FLOAT, v
	case int64, *big.Int:
		lit.Token, lit.Value = syntax.INT, v
	default:
		lit.Token, lit.Value = syntax.STRING, t.word
	}
	n.e = lit
	if p.peek().kind == text && t.kind == text {
		return p.fail(p.peek().from, `two texts side by side; join them with "+"`)
	}
	return n
}

// word reads what begins with a name.
func (p *parser) word(t token) node {
	switch t.word {
	case "None", "True", "False":
		return node{e: &syntax.Ident{Name: t.word, NamePos: p.pos(t.from)}, from: t.from, to: t.to, cheap: true, none: t.word == "None"}
	case "and", "or", "not", "in", "is", "if", "else":
		return p.fail(t.from, "unexpected %s; want a value", t.word)
	case "p":
		return node{e: &syntax.Ident{Name: "None", NamePos: p.pos(t.from)}, from: t.from, to: t.to, cheap: true, mapping: true}
	case "math":
		return p.math(t)
	}
	f, builtin := functions[t.word]
	switch called := p.is("("); {
	case called && builtin:
		return p.function(t.from, t.word, f)
	case called && mathFunctions[t.word] != nil:
		return p.fail(t.from, "no function %s; want math.%s", t.word, t.word)
	case called:
		return p.fail(t.from, "no function %s; there are %s, and those of math", t.word, known(keys(functions)))
	case builtin:
		return p.fail(t.from, "%s is a function; want %s(…), or p[%q] for a value of that name", t.word, t.word, t.word)
	}
	return p.free(t.word, t.from)
}

// math reads math.NAME.
func (p *parser) math(t token) node {
	if !p.take(".") {
		return p.fail(t.from, `math is a module; want math.NAME, or p["math"] for a value of that name`)
	}
	m := p.next()
	if v, ok := mathConstants[m.word]; ok && m.kind == name {
		return node{e: &syntax.Literal{Token: syntax.FLOAT, TokenPos: p.pos(t.from), Raw: m.word, Value: v}, from: t.from, to: m.to, cheap: true}
	}
	f, ok := mathFunctions[m.word]
	if !ok || m.kind != name {
		return p.fail(m.from, "math has no %s; it has %s", p.src[m.from:m.to], known(append(keys(mathFunctions), keys(mathConstants)...)))
	}
	if !p.is("(") {
		return p.fail(t.from, "math.%s is a function; want math.%s(…)", m.word, m.word)
	}
	return p.function(t.from, "math."+m.word, f)
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// function reads the arguments of a function and calls it.
func (p *parser) function(at int, word string, f function) node {
	args, to := p.args()
	n := p.call(at, word, f, args...)
	n.from, n.to = at, to
	return n
}

// args reads a list of arguments in parentheses.
func (p *parser) args() (args []node, to int) {
	p.want("(")
	if t := p.peek(); t.kind == op && (t.word == "*" || t.word == "**") {
		p.unexpected("want a value")
	}
	args, _ = p.list(")")
	if p.is("=") {
		p.fail(p.peek().from, "arguments have no names here; give them in order")
	}
	return args, p.want(")").to
}

// subscript reads x[i], x[a:b] and p["name"].
func (p *parser) subscript(x node) node {
	at := p.next().from
	if x.mapping {
		return p.lookup(x, at)
	}
	var parts [3]syntax.Expr // low, high, step
	slice := 0
	for !p.is("]") && p.err == nil {
		if slice < 2 && p.take(":") {
			slice++
			continue
		}
		if parts[slice] != nil {
			break
		}
		parts[slice] = p.plain(p.cond()).e
	}
	to := p.want("]").to
	out := node{from: x.from, to: to}
	switch {
	case slice > 0:
		out.e = &syntax.SliceExpr{X: x.e, Lbrack: p.pos(at), Lo: parts[0], Hi: parts[1], Step: parts[2], Rbrack: p.pos(to)}
	case parts[0] == nil:
		return p.fail(at, "an empty subscript; want [index]")
	default:
		out.e = &syntax.IndexExpr{X: x.e, Lbrack: p.pos(at), Y: parts[0], Rbrack: p.pos(to)}
	}
	return out
}

// lookup reads p["name"]; a name that is computed is looked up when it runs.
func (p *parser) lookup(x node, at int) node {
	if t := p.peek(); t.kind == text && p.toks[p.i+1].word == "]" && p.toks[p.i+1].kind == op {
		p.next()
		n := p.free(t.word, x.from)
		n.to = p.next().to
		return n
	}
	key := p.plain(p.cond())
	to := p.want("]").to
	p.env = true
	n := p.call(at, "p", getEnv, key)
	n.from, n.to = x.from, to
	return n
}

// methods are those of texts and maps that cannot make much of little.
var methods = []string{"count", "endswith", "find", "get", "index", "isalpha", "isdigit", "items", "keys",
	"lower", "lstrip", "rstrip", "split", "startswith", "strip", "upper", "values"}

// method reads x.NAME(…).
func (p *parser) method(x node) node {
	at := p.next().from
	m := p.next()
	switch {
	case m.kind != name:
		return p.fail(at, "want a name after the dot")
	case x.mapping && m.word == "get" && p.is("("):
		if t := p.toks[p.i+1]; t.kind == text {
			p.names[t.word] = true
		}
		p.env = true
		return p.function(x.from, "p.get", getEnv)
	case x.mapping || !p.is("("):
		if x.cheap {
			path := p.src[x.from:m.to]
			return p.fail(x.from, "%s: a value with a dot in its name is p[%q]", path, path)
		}
		return p.fail(at, "values have no fields; want a method such as .startswith(…)")
	case !slices.Contains(methods, m.word):
		return p.fail(m.from, "no method %s; there are %s", m.word, known(slices.Clone(methods)))
	}
	args, to := p.args()
	n := p.call(x.from, m.word, method(m.word), append([]node{x}, args...)...)
	n.to = to
	return n
}

// bracket reads (x), (x, y), [x, y], {x, y} and {k: v}.
func (p *parser) bracket() node {
	open := p.next()
	var items []node
	comma := false
	if open.word == "{" {
		if p.is("}") {
			return p.dict(open, node{})
		}
		first := p.plain(p.cond())
		if p.is(":") {
			return p.dict(open, first)
		}
		items = append(items, first)
		comma = p.take(",")
	}
	shut := map[string]string{"(": ")", "[": "]", "{": "}"}[open.word]
	if open.word != "{" || comma {
		var rest []node
		rest, comma = p.list(shut)
		items = append(items, rest...)
	}
	to := p.want(shut).to
	out := node{from: open.from, to: to}
	switch {
	case open.word == "(" && len(items) == 1 && !comma:
		out.e, out.cheap, out.none = items[0].e, items[0].cheap, items[0].none
	case open.word == "[":
		out.e = &syntax.ListExpr{Lbrack: p.pos(open.from), List: exprs(items), Rbrack: p.pos(to)}
	default: // a set is only ever looked into: a tuple serves
		out.e = &syntax.TupleExpr{Lparen: p.pos(open.from), List: exprs(items), Rparen: p.pos(to)}
	}
	return out
}

// dict reads {k: v, …} from the colon of its first key on; without a first key
// it is empty.
func (p *parser) dict(open token, key node) node {
	d := &syntax.DictExpr{Lbrace: p.pos(open.from)}
	for !p.is("}") && p.err == nil {
		if key.e == nil {
			key = p.plain(p.cond())
		}
		at := p.want(":").from
		value := p.plain(p.cond())
		d.List = append(d.List, &syntax.DictEntry{Key: key.e, Colon: p.pos(at), Value: value.e})
		key = node{}
		if !p.take(",") {
			break
		}
	}
	to := p.want("}").to
	d.Rbrace = p.pos(to)
	return node{e: d, from: open.from, to: to}
}
