package expr

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A parser turns the tokens of one expression into a Starlark tree. Starlark
// keeps control flow, literals and slices; every operator and call becomes a
// call of a builtin made for that place, which knows Python's rules where the
// two differ (NaN, booleans as numbers, `**`) and the column and the text of
// its operands, for errors.
//
// Each part of the tree is evaluated at most once and nothing is bound to a
// name that could be used twice (but for chained comparisons, whose results
// are booleans), so the work and the memory of an evaluation are bounded by
// the size of the source times that of the values.
type parser struct {
	src   string
	file  string
	toks  []token
	i     int
	depth int
	err   *Error

	names   map[string]bool     // free names
	pre     starlark.StringDict // builtins made for places of this expression
	middles int                 // of chained comparisons that have a name
	env     bool                // it reads names that are known only when it runs
}

// A node is a part of the tree with its place in the source.
type node struct {
	e        syntax.Expr
	from, to int
	cheap    bool // a name or a literal: may be evaluated twice
	none     bool // the literal None
	mapping  bool // the word p, standing for all names
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != end {
		p.i++
	}
	return t
}

// fail records the first error and skips to the end, so that all loops stop.
func (p *parser) fail(at int, format string, args ...any) node {
	if p.err == nil {
		p.err = &Error{Col: column(p.src, at), Msg: fmt.Sprintf(format, args...)}
	}
	p.i = len(p.toks) - 1
	return node{e: &syntax.Ident{Name: "None", NamePos: p.pos(at)}, from: at, to: at}
}

func (p *parser) is(word string) bool {
	t := p.peek()
	return t.word == word && (t.kind == op || t.kind == name)
}

func (p *parser) take(word string) bool {
	if p.is(word) {
		p.i++
		return true
	}
	return false
}

func (p *parser) want(word string) token {
	if !p.is(word) {
		p.unexpected(fmt.Sprintf("want %q", word))
		return p.peek()
	}
	return p.next()
}

func (p *parser) unexpected(want string) node {
	t := p.peek()
	switch {
	case t.kind == end:
		return p.fail(t.from, "the expression ends too early; %s", want)
	case t.word == "=" && t.kind == op:
		return p.fail(t.from, `"=" assigns; use "==" to compare`)
	case t.word == "&&" && t.kind == op:
		return p.fail(t.from, `"&&" is not Python; use "and"`)
	case t.word == "||" && t.kind == op:
		return p.fail(t.from, `"||" is not Python; use "or"`)
	case t.word == "!" && t.kind == op:
		return p.fail(t.from, `"!" is not Python; use "not"`)
	}
	return p.fail(t.from, "unexpected %s; %s", p.src[t.from:t.to], want)
}

// pos is a position of the tree: the column stands for the byte offset.
func (p *parser) pos(at int) syntax.Position { return syntax.MakePosition(&p.file, 1, int32(at+1)) }

// enter guards the recursion; the caller must call leave.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek().from, "nested deeper than %d", maxDepth)
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// cond = or ["if" or "else" cond]
func (p *parser) cond() node {
	defer p.leave()
	if !p.enter() {
		return p.unexpected("")
	}
	x := p.or()
	if !p.is("if") {
		return x
	}
	at := p.next().from
	c := p.or()
	p.want("else")
	y := p.cond()
	return node{from: x.from, to: y.to, e: &syntax.CondExpr{If: p.pos(at), Cond: c.e, True: x.e, ElsePos: p.pos(at), False: y.e}}
}

func (p *parser) or() node  { return p.logic("or", syntax.OR, p.and) }
func (p *parser) and() node { return p.logic("and", syntax.AND, p.not) }

func (p *parser) logic(word string, op syntax.Token, operand func() node) node {
	x := operand()
	for p.is(word) {
		at := p.next().from
		y := operand()
		x = node{from: x.from, to: y.to, e: &syntax.BinaryExpr{X: x.e, OpPos: p.pos(at), Op: op, Y: y.e}}
	}
	return x
}

func (p *parser) not() node {
	if !p.is("not") {
		return p.comparison()
	}
	defer p.leave()
	if !p.enter() {
		return p.unexpected("")
	}
	at := p.next().from
	x := p.not()
	return node{from: at, to: x.to, e: &syntax.UnaryExpr{OpPos: p.pos(at), Op: syntax.NOT, X: x.e}}
}

// comparisonOp reads an operator of comparisons, "" if there is none.
func (p *parser) comparisonOp() (word string, at int) {
	t := p.peek()
	if t.kind != op && t.kind != name {
		return "", 0
	}
	switch t.word {
	case "<", "<=", ">", ">=", "==", "!=", "in":
		p.next()
		return t.word, t.from
	case "is":
		p.next()
		if p.take("not") {
			return "is not", t.from
		}
		return "is", t.from
	case "not":
		p.next()
		p.want("in")
		return "not in", t.from
	}
	return "", 0
}

// A link is one step of a chained comparison.
type link struct {
	op string
	at int
	y  node
}

func (p *parser) comparison() node {
	x := p.binary(0)
	var links []link
	for {
		op, at := p.comparisonOp()
		if op == "" {
			break
		}
		links = append(links, link{op, at, p.binary(0)})
	}
	if len(links) == 0 {
		return x
	}
	return p.chain(x, links)
}

// chain builds `x op1 y1 op2 y2 …` as `x op1 y1 and y1 op2 y2 …`. A middle that
// is more than a name or a literal is evaluated once, as the argument of a
// function of one parameter.
func (p *parser) chain(x node, links []link) node {
	first := links[0]
	if len(links) == 1 {
		return p.compare(x, first)
	}
	mid := first.y
	var param *syntax.Ident
	if !mid.cheap {
		p.middles++
		// A space keeps the name apart from all that can be written.
		param = &syntax.Ident{Name: fmt.Sprintf("middle %d", p.middles), NamePos: p.pos(mid.from)}
		first.y = node{e: again(param), from: mid.from, to: mid.to, cheap: true}
	}
	left := p.compare(x, first)
	first.y.e = again(first.y.e)
	right := p.chain(first.y, links[1:])
	out := node{from: x.from, to: right.to}
	out.e = &syntax.BinaryExpr{X: left.e, OpPos: p.pos(links[1].at), Op: syntax.AND, Y: right.e}
	if param != nil {
		f := &syntax.LambdaExpr{Lambda: p.pos(mid.from), Params: []syntax.Expr{param}, Body: out.e}
		out.e = &syntax.CallExpr{Fn: f, Lparen: p.pos(mid.from), Args: []syntax.Expr{mid.e}, Rparen: p.pos(mid.to)}
	}
	return out
}

// again copies a name for a second use: the resolver writes into it.
func again(e syntax.Expr) syntax.Expr {
	if id, ok := e.(*syntax.Ident); ok {
		return &syntax.Ident{Name: id.Name, NamePos: id.NamePos}
	}
	return e
}

func (p *parser) compare(x node, l link) node {
	switch {
	case l.y.mapping && (l.op == "in" || l.op == "not in"):
		p.env = true
		return p.call(l.at, "p", inEnv(l.op == "in"), x)
	case l.op == "is" || l.op == "is not":
		if !l.y.none {
			return p.fail(l.at, `%q compares with None only; use "==" or "!="`, l.op)
		}
		return p.call(l.at, l.op, isNone(l.op == "is"), x)
	}
	return p.call(l.at, l.op, comparisons[l.op], x, p.plain(l.y))
}

// levels are the binary operators from the loosest on.
var levels = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%"}}

func (p *parser) binary(level int) node {
	if level == len(levels) {
		return p.unary()
	}
	x := p.binary(level + 1)
	for {
		t := p.peek()
		if t.kind != op || !slices.Contains(levels[level], t.word) {
			return x
		}
		p.next()
		x = p.call(t.from, t.word, arithmetic(t.word), x, p.binary(level+1))
	}
}

func (p *parser) unary() node {
	t := p.peek()
	if t.kind != op || t.word != "-" && t.word != "+" && t.word != "~" {
		return p.power()
	}
	defer p.leave()
	if !p.enter() {
		return p.unexpected("")
	}
	p.next()
	x := p.unary()
	if lit, ok := x.e.(*syntax.Literal); ok && t.word == "-" {
		switch v := lit.Value.(type) {
		case int64:
			lit.Value = -v
			return node{e: lit, from: t.from, to: x.to, cheap: true}
		case float64:
			lit.Value = -v
			return node{e: lit, from: t.from, to: x.to, cheap: true}
		}
	}
	return p.call(t.from, t.word, unary(t.word), x)
}

// power = postfix ["**" unary]: to the right, and tighter than a sign before it.
func (p *parser) power() node {
	x := p.postfix()
	if !p.is("**") {
		return x
	}
	at := p.next().from
	return p.call(at, "**", power, x, p.unary())
}

func (p *parser) postfix() node {
	x := p.atom()
	for p.peek().kind == op {
		switch {
		case p.is("["):
			x = p.subscript(x)
		case p.is("."):
			x = p.method(x)
		case p.is("("):
			return p.fail(p.peek().from, "%s is not a function", p.src[x.from:x.to])
		default:
			return x
		}
	}
	return x
}

// call makes a call of a builtin that stands for this place alone.
func (p *parser) call(at int, word string, f function, args ...node) node {
	b := place{col: column(p.src, at), word: word, f: f}
	from, to := at, at
	list := make([]syntax.Expr, len(args))
	for i, a := range args {
		a = p.plain(a)
		b.operands = append(b.operands, p.src[a.from:a.to])
		from, to = min(from, a.from), max(to, a.to)
		list[i] = a.e
	}
	name := fmt.Sprintf("call %d", len(p.pre))
	p.pre[name] = starlark.NewBuiltin(word, b.run)
	return node{from: from, to: to, e: &syntax.CallExpr{Fn: &syntax.Ident{Name: name, NamePos: p.pos(at)},
		Lparen: p.pos(at), Args: list, Rparen: p.pos(at)}}
}

// plain reads a bare p as the name of a value, like any other.
func (p *parser) plain(n node) node {
	if n.mapping {
		n.mapping = false
		n.e = p.free("p", n.from).e
	}
	return n
}

// free reads the value of a name.
func (p *parser) free(word string, at int) node {
	p.names[word] = true
	return node{e: &syntax.Ident{Name: variable(word), NamePos: p.pos(at)}, from: at, to: at + len(word), cheap: true}
}

// variable is the name of the parameter that carries the value of a name; the
// prefix keeps it apart from what Starlark defines by itself.
func variable(word string) string { return "$" + word }

func (p *parser) list(close string) (out []node, comma bool) {
	for !p.is(close) && p.err == nil {
		out = append(out, p.plain(p.cond()))
		if p.is("for") || p.err != nil {
			break
		}
		comma = p.take(",")
		if !comma {
			break
		}
	}
	return out, comma || len(out) > 1
}

func exprs(nodes []node) []syntax.Expr {
	out := make([]syntax.Expr, len(nodes))
	for i, n := range nodes {
		out[i] = n.e
	}
	return out
}

// known lists words for an error.
func known(words []string) string {
	slices.Sort(words)
	return strings.Join(words, " ")
}
