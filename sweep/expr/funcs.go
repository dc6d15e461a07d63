package expr

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/trawl-sweep/trawl/sweep"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// functions are the bare ones.
var functions = map[string]function{
	"isnan":    test(math.IsNaN),
	"isinf":    test(func(x float64) bool { return math.IsInf(x, 0) }),
	"isfinite": test(finite),
	"abs":      abs,
	"min":      extreme(syntax.LT),
	"max":      extreme(syntax.GT),
	"sum":      sum,
	"any":      anyOf(true),
	"all":      anyOf(false),
	"int":      toInt,
	"float":    toFloat,
	"str":      toStr,
	"bool":     toBool,
	"len":      length,
	"round":    round,
	"pow":      numbers(2, 2, power),
}

// mathConstants and mathFunctions are the module math.
var mathConstants = map[string]float64{"pi": math.Pi, "e": math.E, "tau": 2 * math.Pi, "inf": math.Inf(1), "nan": math.NaN()}

var mathFunctions = map[string]function{
	"exp": real1(math.Exp), "expm1": real1(math.Expm1), "log1p": real1(math.Log1p), "sqrt": real1(math.Sqrt),
	"log": logarithm, "log10": real1(positive(math.Log10)), "log2": real1(positive(math.Log2)),
	"sin": real1(math.Sin), "cos": real1(math.Cos), "tan": real1(math.Tan),
	"asin": real1(math.Asin), "acos": real1(math.Acos), "atan": real1(math.Atan),
	"sinh": real1(math.Sinh), "cosh": real1(math.Cosh), "tanh": real1(math.Tanh),
	"fabs": real1(math.Abs), "erf": real1(math.Erf), "gamma": real1(math.Gamma),
	"degrees": real1(func(x float64) float64 { return x * (180 / math.Pi) }),
	"radians": real1(func(x float64) float64 { return x * (math.Pi / 180) }),
	"pow":     real2(math.Pow), "atan2": real2(math.Atan2), "hypot": real2(math.Hypot),
	"fmod": real2(math.Mod), "copysign": real2(math.Copysign),
	"floor": whole(math.Floor), "ceil": whole(math.Ceil), "trunc": whole(math.Trunc),
	"isnan": test(math.IsNaN), "isfinite": test(finite),
	"isinf": test(func(x float64) bool { return math.IsInf(x, 0) }),
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// numbers checks how many arguments there are.
func numbers(least, most int, f function) function {
	return func(t *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		if len(args) < least || len(args) > most {
			if least == most {
				return nil, fmt.Errorf("%d arguments; want %d", len(args), least)
			}
			return nil, fmt.Errorf("%d arguments; want %d to %d", len(args), least, most)
		}
		return f(t, args)
	}
}

// checked returns r, or Python's error where finite arguments have no result.
func checked(r float64, args ...float64) (starlark.Value, error) {
	nan, inf := false, false
	for _, a := range args {
		nan = nan || math.IsNaN(a)
		inf = inf || math.IsInf(a, 0)
	}
	switch {
	case math.IsNaN(r) && !nan:
		return nil, errDomain
	case math.IsInf(r, 0) && !nan && !inf:
		return nil, errRange
	}
	return starlark.Float(r), nil
}

func real1(f func(float64) float64) function {
	return numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		x, err := asFloat(args[0])
		if err != nil {
			return nil, err
		}
		return checked(f(x), x)
	})
}

func real2(f func(x, y float64) float64) function {
	return numbers(2, 2, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		x, err := asFloat(args[0])
		if err != nil {
			return nil, err
		}
		y, err := asFloat(args[1])
		if err != nil {
			return nil, err
		}
		return checked(f(x, y), x, y)
	})
}

func logarithm(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	if len(args) == 1 {
		return real1(positive(math.Log))(nil, args)
	}
	log := positive(math.Log)
	return real2(func(x, base float64) float64 { return log(x) / log(base) })(nil, args)
}

// positive makes the pole of a logarithm a domain error, as in Python.
func positive(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		if x == 0 {
			return math.NaN()
		}
		return f(x)
	}
}

func test(f func(float64) bool) function {
	return numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		x, err := asFloat(args[0])
		if err != nil {
			return nil, err
		}
		return starlark.Bool(f(x)), nil
	})
}

// whole makes an integer of a number.
func whole(f func(float64) float64) function {
	return numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		if i, ok := boolAsInt(args[0]).(starlark.Int); ok {
			return i, nil
		}
		x, err := asFloat(args[0])
		if err != nil {
			return nil, err
		}
		return integer(f(x))
	})
}

// integer is a float without a fraction as an integer.
func integer(x float64) (starlark.Value, error) {
	if !finite(x) {
		return nil, fmt.Errorf("%s has no integer", sweep.PythonFloat(x))
	}
	if math.Abs(x) < 1<<53 {
		return starlark.MakeInt64(int64(x)), nil
	}
	i, _ := big.NewFloat(x).Int(nil)
	return starlark.MakeBigInt(i), nil
}

var abs = numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	switch x := boolAsInt(args[0]).(type) {
	case starlark.Int:
		if x.Sign() < 0 {
			return starlark.MakeInt(0).Sub(x), nil
		}
		return x, nil
	case starlark.Float:
		return starlark.Float(math.Abs(float64(x))), nil
	}
	_, err := asFloat(args[0])
	return nil, err
})

// elements are the arguments, or those of the one list given.
func elements(args starlark.Tuple) ([]starlark.Value, error) {
	if len(args) != 1 {
		return args, nil
	}
	switch x := args[0].(type) {
	case starlark.Tuple:
		return x, nil
	case *starlark.List:
		out := make([]starlark.Value, x.Len())
		for i := range out {
			out[i] = x.Index(i)
		}
		return out, nil
	case *starlark.Dict:
		return x.Keys(), nil
	}
	if args[0] == starlark.None {
		return nil, errNone
	}
	return nil, fmt.Errorf("want a list or several values, got a %s", typeName(args[0]))
}

// extreme is min and max: the first of equals, as in Python.
func extreme(op syntax.Token) function {
	return func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		list, err := elements(args)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, errors.New("no values to choose from")
		}
		best := list[0]
		for _, v := range list[1:] {
			better, err := holds(op, v, best)
			if err != nil {
				return nil, err
			}
			if better {
				best = v
			}
		}
		return best, nil
	}
}

var sum = numbers(1, 1, func(t *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	list, err := elements(args)
	if err != nil {
		return nil, err
	}
	var total starlark.Value = starlark.MakeInt(0)
	add := arithmetic("+")
	for _, v := range list {
		if total, err = add(t, starlark.Tuple{total, v}); err != nil {
			return nil, err
		}
	}
	return total, nil
})

func anyOf(want starlark.Bool) function {
	return numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		list, err := elements(args)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			if v.Truth() == want {
				return want, nil
			}
		}
		return !want, nil
	})
}

var toInt = numbers(1, 1, func(t *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	s, ok := args[0].(starlark.String)
	if !ok {
		return whole(math.Trunc)(t, args)
	}
	digits := strings.TrimSpace(string(s))
	i, ok := new(big.Int).SetString(digits, 10)
	if !ok || len(digits) > maxBits/4 {
		return nil, fmt.Errorf("the text %q is not an integer", clip(digits))
	}
	return starlark.MakeBigInt(i), nil
})

var toFloat = numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	s, ok := args[0].(starlark.String)
	if !ok {
		f, err := asFloat(args[0])
		return starlark.Float(f), err
	}
	digits := strings.TrimSpace(string(s))
	switch strings.ToLower(strings.TrimLeft(digits, "+-")) {
	case "nan", "inf", "infinity": // the words that ParseNumber leaves to others
		if f, err := strconv.ParseFloat(strings.TrimPrefix(digits, "+"), 64); err == nil {
			return starlark.Float(f), nil
		}
	}
	v, ok := sweep.ParseNumber(digits)
	if !ok {
		return nil, fmt.Errorf("the text %q is not a number", clip(digits))
	}
	f, _ := v.Number()
	return starlark.Float(f), nil
})

// clip shortens a text for an error.
func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

var toStr = numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	if i, ok := args[0].(starlark.Int); ok {
		return starlark.String(i.String()), nil
	}
	v, err := fromStarlark(args[0])
	if err != nil {
		return nil, err
	}
	return starlark.String(v.Python()), nil
})

var toBool = numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	return args[0].Truth(), nil
})

// length counts characters, as Python does, where Starlark counts bytes.
var length = numbers(1, 1, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	if s, ok := args[0].(starlark.String); ok {
		return starlark.MakeInt(utf8.RuneCountInString(string(s))), nil
	}
	n := starlark.Len(args[0])
	if n < 0 {
		return nil, fmt.Errorf("a %s has no length", typeName(args[0]))
	}
	return starlark.MakeInt(n), nil
})

// round is Python's: half to even; to an integer unless digits are given.
var round = numbers(1, 2, func(_ *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	x, err := asFloat(args[0])
	if err != nil {
		return nil, err
	}
	i, isInt := boolAsInt(args[0]).(starlark.Int)
	if len(args) == 1 || args[1] == starlark.None {
		if isInt {
			return i, nil
		}
		return integer(math.RoundToEven(x))
	}
	d, ok := boolAsInt(args[1]).(starlark.Int)
	if !ok {
		return nil, fmt.Errorf("want an integer number of digits, got a %s", typeName(args[1]))
	}
	digits, ok := d.Int64()
	switch {
	case !ok || digits > 330 || digits < -330:
		return nil, errors.New("the number of digits is out of range")
	case isInt && digits >= 0:
		return i, nil
	case isInt:
		return roundInt(i.BigInt(), -digits), nil
	case !finite(x):
		return starlark.Float(x), nil
	case digits >= 0: // exact: the decimal expansion of a float ends
		f, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', int(digits), 64), 64)
		return starlark.Float(f), nil
	}
	unit := math.Pow(10, float64(-digits))
	if math.IsInf(unit, 0) {
		return starlark.Float(math.Copysign(0, x)), nil
	}
	return starlark.Float(math.RoundToEven(x/unit) * unit), nil
})

// roundInt rounds i to a multiple of 10^n, half to even.
func roundInt(i *big.Int, n int64) starlark.Value {
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil)
	q, r := new(big.Int).DivMod(i, unit, new(big.Int)) // 0 <= r < unit
	if c := new(big.Int).Lsh(r, 1).Cmp(unit); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return starlark.MakeBigInt(q.Mul(q, unit))
}

// method calls a method of a text or a map, the first argument.
func method(word string) function {
	return func(t *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		recv, ok := args[0].(starlark.HasAttrs)
		if !ok {
			return nil, fmt.Errorf("a %s has no .%s", typeName(args[0]), word)
		}
		m, err := recv.Attr(word)
		if err != nil || m == nil {
			return nil, fmt.Errorf("a %s has no .%s", typeName(args[0]), word)
		}
		v, err := starlark.Call(t, m, args[1:], nil)
		if e, ok := errors.AsType[*starlark.EvalError](err); ok {
			return nil, errors.New(e.Msg)
		}
		return v, err
	}
}

// envKey is where a thread keeps the names of an evaluation.
const envKey = "env"

// getEnv is p[name] and p.get(name, default) for a name that is computed.
func getEnv(t *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, fmt.Errorf("%d arguments; want a name and maybe a default", len(args))
	}
	v, ok, err := lookUp(t, args[0])
	switch {
	case err != nil:
		return nil, err
	case ok:
		return toStarlark(v), nil
	case len(args) == 2:
		return args[1], nil
	}
	return starlark.None, nil
}

// inEnv is `name in p`.
func inEnv(want bool) function {
	return func(t *starlark.Thread, args starlark.Tuple) (starlark.Value, error) {
		_, ok, err := lookUp(t, args[0])
		return starlark.Bool(ok == want), err
	}
}

func lookUp(t *starlark.Thread, name starlark.Value) (sweep.Value, bool, error) {
	s, ok := name.(starlark.String)
	if !ok {
		return sweep.Value{}, false, fmt.Errorf("want a name, got a %s", typeName(name))
	}
	env, _ := t.Local(envKey).(sweep.Env)
	v, ok := env(string(s))
	return v, ok && !v.IsAbsent(), nil
}
