// Package expr compiles conditions, constraints, derived values and stop rules:
// one expression in Python's syntax over named values.
//
//	lr * momentum < 5
//	1e-4 < lr <= 10 and optimizer == "rmsprop"
//	int(0.1 * steps) if warmup is None else 2 ** warmup
//	p["opt.lr"] > 0 or p.get("opt.name", "sgd") in ["sgd", "adam"]
//	isnan(val_loss) or val_loss > 1e4
//
// Names are those of parameters or metrics; `p["name"]` reads one that is not a
// Python name. The functions are abs, all, any, bool, float, int, isfinite,
// isinf, isnan, len, max, min, pow, round, str and sum, and those of `math`.
// They win over a parameter of the same name, which p["name"] still reads; a
// bare `p` that is neither indexed nor looked into is the parameter p.
//
// Starlark evaluates it, on a tree that says what Starlark's own syntax cannot:
// `**`, chained comparisons, `is None`. Where the two differ, Python's rules
// hold: NaN is unequal to itself and unordered, True counts as 1, len counts
// characters, round goes half to even, an integer power stays an integer, and
// math.log(0) is an error.
//
// There are no statements, no comprehensions, no lambda, no loading and no
// printing. An evaluation is bounded: by a limit on steps, and because no part
// of the tree runs twice and no operator can make much memory of little.
package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

const (
	maxSource = 10_000  // bytes of an expression
	maxDepth  = 100     // of its nesting
	maxSteps  = 100_000 // of an evaluation
	maxBits   = 8192    // of an integer
	maxLen    = 10_000  // of a text or list made by `*`
)

// An Error is what is wrong with an expression, or what went wrong when it was
// evaluated.
type Error struct {
	Col int // 1-based, in characters of the source
	Msg string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Col, e.Msg) }

// program is a compiled expression. It is immutable after Compile.
type program struct {
	src   string
	names []string
	args  []string // names that the function takes, in order
	fn    *starlark.Function
	env   bool // the thread needs the Env itself
}

// Compile reads an expression. The error is an *Error. The result may be used
// by several goroutines at once, if its Env may.
func Compile(src string) (sweep.Expr, error) {
	if len(src) > maxSource {
		return nil, &Error{Col: 1, Msg: fmt.Sprintf("the expression has %d bytes; want at most %d", len(src), maxSource)}
	}
	toks, err := scan(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, file: "expression", toks: toks, names: map[string]bool{}, pre: starlark.StringDict{}}
	if p.peek().kind == end {
		return nil, &Error{Col: 1, Msg: "an empty expression"}
	}
	n := p.plain(p.cond())
	if p.err == nil && p.peek().kind != end {
		p.unexpected("want an operator or the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.build(n)
}

// build makes the function of one parameter per name whose result is n.
func (p *parser) build(n node) (sweep.Expr, error) {
	x := &program{src: p.src, names: keys(p.names), env: p.env}
	slices.Sort(x.names)
	x.args = x.names
	at := p.pos(0)
	def := &syntax.DefStmt{Def: at, Name: &syntax.Ident{Name: "result", NamePos: at}, Lparen: at, Rparen: at,
		Body: []syntax.Stmt{&syntax.ReturnStmt{Return: at, Result: n.e}}}
	for _, name := range x.args {
		def.Params = append(def.Params, &syntax.Ident{Name: variable(name), NamePos: at})
	}
	file := &syntax.File{Path: p.file, Stmts: []syntax.Stmt{def}, Options: &syntax.FileOptions{}}
	prog, err := starlark.FileProgram(file, p.pre.Has)
	if err != nil {
		return nil, &Error{Col: 1, Msg: err.Error()}
	}
	globals, err := prog.Init(&starlark.Thread{}, p.pre)
	if err != nil {
		return nil, &Error{Col: 1, Msg: err.Error()}
	}
	globals.Freeze()
	fn, ok := globals["result"].(*starlark.Function)
	if !ok {
		return nil, &Error{Col: 1, Msg: "the expression has no result"}
	}
	x.fn = fn
	return x, nil
}

// String returns the source.
func (x *program) String() string { return x.src }

// Names returns the names that it reads, sorted.
func (x *program) Names() []string { return slices.Clone(x.names) }

// Eval computes the value. A name without a value reads as None; an operator
// that cannot do with None is an *Error that names it.
func (x *program) Eval(env sweep.Env) (sweep.Value, error) {
	args := make(starlark.Tuple, len(x.args))
	for i, name := range x.args {
		args[i] = starlark.None
		if v, ok := env(name); ok {
			args[i] = toStarlark(v)
		}
	}
	t := &starlark.Thread{Name: "expression"}
	t.SetMaxExecutionSteps(maxSteps)
	if x.env {
		t.SetLocal(envKey, env)
	}
	v, err := starlark.Call(t, x.fn, args, nil)
	if err != nil {
		return sweep.Value{}, x.explain(err, args)
	}
	out, err := fromStarlark(v)
	if err != nil {
		return sweep.Value{}, &Error{Col: 1, Msg: err.Error()}
	}
	return out, nil
}

// explain makes an *Error of what Starlark says.
func (x *program) explain(err error, args starlark.Tuple) error {
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	out := &Error{Col: 1, Msg: err.Error()}
	eval, ok := errors.AsType[*starlark.EvalError](err)
	if !ok {
		return out
	}
	out.Msg = eval.Msg
	for i := range eval.CallStack {
		if pos := eval.CallStack.At(i).Pos; pos.Filename() == "expression" && pos.Col > 0 {
			out.Col = column(x.src, int(pos.Col)-1)
			break
		}
	}
	if strings.Contains(out.Msg, "NoneType") {
		for i, a := range args {
			if a == starlark.None {
				out.Msg = fmt.Sprintf("%s has no value (None): %s", x.args[i], out.Msg)
				break
			}
		}
	}
	return out
}

// Truth is Python's bool(v): false for no value, None, False, 0, an empty text,
// list or map; NaN is true.
func Truth(v sweep.Value) bool {
	switch v.Kind() {
	case sweep.Absent, sweep.Null:
		return false
	case sweep.String:
		return v.Text() != ""
	case sweep.JSON:
		return v.Text() != "[]" && v.Text() != "{}"
	}
	f, _ := v.Number()
	return f != 0
}
