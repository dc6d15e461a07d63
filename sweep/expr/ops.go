package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A function is what an operator or a function does with its operands.
type function func(t *starlark.Thread, args starlark.Tuple) (starlark.Value, error)

// A place is one use of a function in the source.
type place struct {
	col      int
	word     string
	operands []string // their source
	f        function
}

// errNone stands for an operand that has no value; place.run names it.
var errNone = errors.New("no value")

// run is the Starlark builtin of the place.
func (b place) run(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	v, err := b.f(t, args)
	if err == nil {
		return v, nil
	}
	for i, a := range args {
		if a == starlark.None {
			return nil, &Error{Col: b.col, Msg: fmt.Sprintf("%s has no value (None) in %s", b.operands[i], b.shape())}
		}
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return nil, own
	}
	return nil, &Error{Col: b.col, Msg: fmt.Sprintf("%v in %s", err, b.shape())}
}

// shape is the place as a reader would write it.
func (b place) shape() string {
	c := b.word[len(b.word)-1]
	switch {
	case c >= 'a' && c <= 'z' && b.word != "in" && b.word != "not in" && len(b.operands) > 0 || c >= '0' && c <= '9':
		s := b.word + "("
		for i, o := range b.operands {
			if i > 0 {
				s += ", "
			}
			s += o
		}
		return s + ")"
	case len(b.operands) == 1:
		return b.word + b.operands[0]
	case len(b.operands) == 2:
		return b.operands[0] + " " + b.word + " " + b.operands[1]
	}
	return b.word
}

// comparisons are Python's: NaN compares unequal and unordered, True is 1.
var comparisons = map[string]function{
	"==": compare(syntax.EQL), "!=": compare(syntax.NEQ),
	"<": compare(syntax.LT), "<=": compare(syntax.LE), ">": compare(syntax.GT), ">=": compare(syntax.GE),
	"in": contains(true), "not in": contains(false),
}

func compare(op syntax.Token) function {
	return func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		ok, err := holds(op, args[0], args[1])
		return starlark.Bool(ok), err
	}
}

// holds reports whether `x op y`.
func holds(op syntax.Token, x, y starlark.Value) (bool, error) {
	if a, ok := exact(x); ok {
		if b, ok := exact(y); ok {
			return ordered(op, a, b), nil
		}
	}
	x, y = boolAsInt(x), boolAsInt(y)
	if isNaN(x) || isNaN(y) {
		switch {
		case op == syntax.EQL || op == syntax.NEQ:
			return op == syntax.NEQ, nil
		case isNumber(x) && isNumber(y):
			return false, nil
		}
	}
	if op == syntax.EQL || op == syntax.NEQ {
		return starlark.Compare(op, x, y)
	}
	if x == starlark.None || y == starlark.None {
		return false, errNone
	}
	ok, err := starlark.Compare(op, x, y)
	if err != nil {
		return false, fmt.Errorf("a %s and a %s have no order", typeName(x), typeName(y))
	}
	return ok, nil
}

// exact is a number that a float holds without rounding.
func exact(v starlark.Value) (float64, bool) {
	switch v := v.(type) {
	case starlark.Float:
		return float64(v), true
	case starlark.Int:
		i, ok := v.Int64()
		return float64(i), ok && i > -1<<53 && i < 1<<53
	}
	return 0, false
}

func ordered(op syntax.Token, a, b float64) bool {
	switch op {
	case syntax.EQL:
		return a == b
	case syntax.NEQ:
		return a != b
	case syntax.LT:
		return a < b
	case syntax.LE:
		return a <= b
	case syntax.GT:
		return a > b
	}
	return a >= b
}

func isNaN(v starlark.Value) bool {
	f, ok := v.(starlark.Float)
	return ok && f != f
}

func isNumber(v starlark.Value) bool {
	switch v.(type) {
	case starlark.Int, starlark.Float:
		return true
	}
	return false
}

// boolAsInt makes a number of a boolean, as Python's arithmetic does.
func boolAsInt(v starlark.Value) starlark.Value {
	if b, ok := v.(starlark.Bool); ok {
		if b {
			return starlark.MakeInt(1)
		}
		return starlark.MakeInt(0)
	}
	return v
}

// typeName is Python's name of the type of v, for errors.
func typeName(v starlark.Value) string {
	switch v.(type) {
	case starlark.String:
		return "text"
	case starlark.Int, starlark.Float:
		return "number"
	case starlark.Bool:
		return "boolean"
	}
	return v.Type()
}

func contains(want bool) function {
	return func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		x, y := args[0], args[1]
		if y == starlark.None {
			return nil, errNone
		}
		if seq, ok := y.(starlark.Indexable); ok && y.Type() != "string" {
			for i := range seq.Len() {
				if eq, err := holds(syntax.EQL, x, seq.Index(i)); err != nil || eq {
					return starlark.Bool(eq == want), err
				}
			}
			return starlark.Bool(!want), nil
		}
		v, err := starlark.Binary(syntax.IN, x, y)
		if err != nil {
			return nil, fmt.Errorf("a %s has no members to look for a %s", typeName(y), typeName(x))
		}
		return starlark.Bool(bool(v.Truth()) == want), nil
	}
}

func isNone(want bool) function {
	return func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		return starlark.Bool((args[0] == starlark.None) == want), nil
	}
}

// tokens are the operators that Starlark computes.
var tokens = map[string]syntax.Token{"|": syntax.PIPE, "^": syntax.CIRCUMFLEX, "&": syntax.AMP, "<<": syntax.LTLT,
	">>": syntax.GTGT, "+": syntax.PLUS, "-": syntax.MINUS, "*": syntax.STAR, "/": syntax.SLASH,
	"//": syntax.SLASHSLASH, "%": syntax.PERCENT, "~": syntax.TILDE}

// arithmetic is a binary operator on numbers, texts and lists.
func arithmetic(word string) function {
	op := tokens[word]
	return func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		x, y := args[0], args[1]
		if f, ok := floats(op, x, y); ok {
			return f, nil
		}
		if a, ok := x.(starlark.Bool); ok && (op == syntax.PIPE || op == syntax.AMP || op == syntax.CIRCUMFLEX) {
			if b, ok := y.(starlark.Bool); ok {
				return starlark.Bool(op == syntax.PIPE && (a || b) || op == syntax.AMP && (a && b) || op == syntax.CIRCUMFLEX && a != b), nil
			}
		}
		x, y = boolAsInt(x), boolAsInt(y)
		if op == syntax.STAR {
			if err := boundProduct(x, y); err != nil {
				return nil, err
			}
		}
		v, err := starlark.Binary(op, x, y)
		if err == nil {
			return v, nil
		}
		if !isNumber(x) || !isNumber(y) {
			return nil, fmt.Errorf("a %s and a %s do not go together", typeName(x), typeName(y))
		}
		return nil, err
	}
}

// floats computes the common case, at least one of them a float, without a
// detour.
func floats(op syntax.Token, x, y starlark.Value) (starlark.Value, bool) {
	_, xf := x.(starlark.Float)
	_, yf := y.(starlark.Float)
	if !xf && !yf {
		return nil, false
	}
	u, xok := exact(x)
	v, yok := exact(y)
	if !xok || !yok {
		return nil, false
	}
	a, b := starlark.Float(u), starlark.Float(v)
	switch op {
	case syntax.PLUS:
		return a + b, true
	case syntax.MINUS:
		return a - b, true
	case syntax.STAR:
		return a * b, true
	}
	return nil, false
}

// boundProduct refuses products that would need much memory.
func boundProduct(x, y starlark.Value) error {
	if _, ok := x.(starlark.Int); !ok {
		x, y = y, x
	}
	n, ok := x.(starlark.Int)
	if !ok {
		return nil
	}
	switch y := y.(type) {
	case starlark.Int:
		_, small := n.Int64()
		_, other := y.Int64()
		if !(small && other) && n.BigInt().BitLen()+y.BigInt().BitLen() > maxBits {
			return errTooLarge
		}
	case starlark.String, *starlark.List, starlark.Tuple:
		times, ok := n.Int64()
		if size := int64(starlark.Len(y)); n.Sign() > 0 && size > 0 && (!ok || times > maxLen/size) {
			return fmt.Errorf("the result would be longer than %d", maxLen)
		}
	}
	return nil
}

var (
	errTooLarge = errors.New("the result is too large")
	errDomain   = errors.New("math domain error")
	errRange    = errors.New("math range error")
)

// unary is a sign or ~.
func unary(word string) function {
	op := tokens[word]
	return func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		v, err := starlark.Unary(op, boolAsInt(args[0]))
		if err != nil {
			return nil, fmt.Errorf("a %s has no %s", typeName(args[0]), word)
		}
		return v, nil
	}
}

// power is Python's **: of two integers an integer, unless the exponent is
// negative; of a negative number to a fraction an error, as real numbers go.
func power(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	x, y := boolAsInt(args[0]), boolAsInt(args[1])
	a, aInt := x.(starlark.Int)
	b, bInt := y.(starlark.Int)
	if aInt && bInt && b.Sign() >= 0 {
		return intPower(a.BigInt(), b)
	}
	u, err := asFloat(x)
	if err != nil {
		return nil, err
	}
	v, err := asFloat(y)
	if err != nil {
		return nil, err
	}
	r := math.Pow(u, v)
	switch {
	case u == 0 && v < 0:
		return nil, errors.New("0 to a negative power")
	case math.IsNaN(r) && !math.IsNaN(u) && !math.IsNaN(v):
		return nil, errors.New("a negative number to a fractional power")
	case math.IsInf(r, 0) && !math.IsInf(u, 0) && !math.IsInf(v, 0):
		return nil, errTooLarge
	}
	return starlark.Float(r), nil
}

func intPower(a *big.Int, n starlark.Int) (starlark.Value, error) {
	if a.IsInt64() && (a.Int64() == 0 || a.Int64() == 1 || a.Int64() == -1) { // any exponent will do
		if n.Sign() == 0 || a.Int64() == -1 && n.BigInt().Bit(0) == 0 {
			return starlark.MakeInt(1), nil
		}
		return starlark.MakeBigInt(a), nil
	}
	e, ok := n.Int64()
	if !ok || e > maxBits || int64(a.BitLen())*e > maxBits {
		return nil, errTooLarge
	}
	return starlark.MakeBigInt(new(big.Int).Exp(a, big.NewInt(e), nil)), nil
}

// asFloat reads a number as a float.
func asFloat(v starlark.Value) (float64, error) {
	switch v := boolAsInt(v).(type) {
	case starlark.Float:
		return float64(v), nil
	case starlark.Int:
		if f := float64(v.Float()); !math.IsInf(f, 0) {
			return f, nil
		}
		return 0, errTooLarge
	}
	if v == starlark.None {
		return 0, errNone
	}
	return 0, fmt.Errorf("want a number, got a %s", typeName(v))
}
