package expr

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// env is what the tables below evaluate against. x_list and x_map are JSON.
func env(t testing.TB) sweep.Env {
	t.Helper()
	list, err := sweep.JSONValue([]any{64, 128})
	if err != nil {
		t.Fatal(err)
	}
	object, err := sweep.JSONValue(map[string]any{"a": 1, "b": "x"})
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]sweep.Value{
		"lr": sweep.FloatValue(0.1), "momentum": sweep.FloatValue(0.9), "steps": sweep.IntValue(1000),
		"optimizer": sweep.StringValue("rmsprop"), "nesterov": sweep.BoolValue(true), "p": sweep.FloatValue(0.5),
		"opt.lr": sweep.FloatValue(0.01), "nan": sweep.FloatValue(math.NaN()), "inf": sweep.FloatValue(math.Inf(1)),
		"null": sweep.NullValue(), "absent": {}, "big": sweep.IntValue(math.MaxInt64), "word": sweep.StringValue("größe"),
		"x_list": list, "x_map": object, "max": sweep.IntValue(7),
	}
	return func(name string) (sweep.Value, bool) {
		v, ok := m[name]
		return v, ok
	}
}

// python is what CPython 3 prints for str() of each expression, with the names
// of env bound; absent and unknown ones are None.
var python = []struct{ src, want string }{
	// powers: to the right, tighter than a sign before them
	{"2 ** 3", "8"}, {"2 ** -1", "0.5"}, {"-2 ** 2", "-4"}, {"(-2) ** 2", "4"}, {"2 ** 3 ** 2", "512"},
	{"2.0 ** 3", "8.0"}, {"10 ** 20 // 10 ** 18", "100"}, {"2 ** -2 ** 1", "0.25"}, {"0 ** 0", "1"},
	{"2 * 3 ** 2", "18"}, {"-3 ** 2 * 2", "-18"}, {"True ** 2", "1"}, {"(-8) ** 3", "-512"}, {"1 ** 10 ** 10", "1"},
	{"lr ** 2 < 0.011", "True"}, {"-lr ** 2", "-0.010000000000000002"},
	// arithmetic
	{"7 / 2", "3.5"}, {"6 / 2", "3.0"}, {"7 // 2", "3"}, {"-7 // 2", "-4"}, {"7.0 // 2", "3.0"}, {"-7 % 3", "2"},
	{"7 % -3", "-2"}, {"-7.5 % 2", "0.5"}, {"1 + 2 * 3", "7"}, {"(1 + 2) * 3", "9"}, {"1 - 2 - 3", "-4"},
	{"2 + 0.5", "2.5"}, {"int(0.1 * steps)", "100"}, {"1_000 + 1", "1001"}, {"0x10 + 0b11 + 0o7", "26"},
	{"True + True", "2"}, {"nesterov * 3", "3"}, {"1e400", "inf"}, {"-1e400", "-inf"}, {".5 + 5.", "5.5"}, {"1e-5", "1e-05"},
	{"5 & 3 | 8", "9"}, {"1 << 4 >> 2", "4"}, {"~5", "-6"}, {"6 ^ 3", "5"}, {"True & False", "False"}, {"- - 3", "3"}, {"+True", "1"},
	{"'a' + 'b'", "ab"}, {"'ab' * 2", "abab"}, {"3 * 'x'", "xxx"}, {"[1] + [2.0]", "[1, 2.0]"}, {"[0] * 3", "[0, 0, 0]"},
	{"'%s-%d' % ('a', 3)", "a-3"}, {"3 * 1.5 - 0.5", "4.0"}, {"1e308 * 10", "inf"},
	// comparisons, chains, None
	{"1 < 2 < 3", "True"}, {"1 < 3 < 2", "False"}, {"3 > 2 > 1 > 0", "True"}, {"1 < 2 > 1", "True"},
	{"1e-4 < lr <= 10", "True"}, {"0 < lr * 2 < 1", "True"}, {"0 < lr * 2 < lr * 3 < 0.2", "False"},
	{"0 < 1 + 1 < 1 + 2 < 1 + 3 == 4", "True"}, {"1 == 1.0", "True"}, {"1 == True", "True"}, {"0 == False", "True"},
	{"'1' == 1", "False"}, {"'a' < 'b'", "True"}, {"not 1 == 2", "True"}, {"1 != 2", "True"}, {"1 == 2 == False", "False"},
	{"absent is None", "True"}, {"absent is not None", "False"}, {"lr is None", "False"}, {"null is None", "True"},
	{"unknown == None", "True"}, {"None != 3", "True"}, {"lr is not None and lr > 0", "True"}, {"(None) is None", "True"},
	{"True > 0", "True"}, {"big + 1 > big", "True"}, {"2 ** 53 + 1 == 2.0 ** 53", "False"},
	// NaN and infinities
	{"nan == nan", "False"}, {"nan != nan", "True"}, {"nan > 1e4", "False"}, {"nan < 1e4", "False"}, {"nan >= nan", "False"},
	{"isnan(nan) or nan > 1e4", "True"}, {"isinf(inf)", "True"}, {"isfinite(lr)", "True"}, {"isfinite(inf)", "False"},
	{"inf > 10 ** 30", "True"}, {"inf - inf", "nan"}, {"math.inf == inf", "True"}, {"math.isnan(math.nan)", "True"},
	{"max(nan, 1)", "nan"}, {"max(1, nan)", "1"}, {"min(2, 1.0, True)", "1.0"}, {"max([1, 5, 3])", "5"},
	// logic
	{"1 and 2", "2"}, {"0 or 'x'", "x"}, {"not 0", "True"}, {"not not 'a'", "True"}, {"1 if 0 else 2", "2"},
	{"1 if lr > 1 else 2 if lr > 0.05 else 3", "2"}, {"False and 1 / 0", "False"}, {"True or absent < 3", "True"},
	{"0 < 0 < 1 / 0 if False else 'ok'", "ok"}, {"True or False and False", "True"}, {"not False and False", "False"},
	// members
	{"optimizer == \"rmsprop\"", "True"}, {"optimizer in ['sgd', 'rmsprop']", "True"}, {"optimizer not in ('sgd', 'adam')", "True"},
	{"optimizer in {'sgd', 'adam',}", "False"}, {"'prop' in optimizer", "True"}, {"1.0 in [1]", "True"}, {"2 in ()", "False"},
	{"'a' in {'a': 1}", "True"}, {"'a' in x_map", "True"}, {"x_map['b']", "x"}, {"x_map.get('c', 5)", "5"}, {"True in [1]", "True"},
	{"x_list[0] < x_list[-1]", "True"}, {"x_list[1:]", "[128]"}, {"x_list[::-1]", "[128, 64]"}, {"x_list", "[64, 128]"},
	{"{'a': 1.0, 'b': [True, None]}", "{'a': 1.0, 'b': [True, None]}"}, {"len(x_list)", "2"}, {"len(word)", "5"}, {"len('')", "0"},
	{"optimizer.startswith('rms')", "True"}, {"optimizer.upper()", "RMSPROP"}, {"'a-b'.split('-')", "['a', 'b']"},
	{"optimizer[:3] == 'rms'", "True"}, {"{}", "{}"}, {"[]", "[]"}, {"sum([1, 2.5])", "3.5"}, {"any([0, 1])", "True"}, {"all([])", "True"},
	// functions
	{"abs(-3)", "3"}, {"abs(-2.5)", "2.5"}, {"int(2.9)", "2"}, {"int(-2.9)", "-2"}, {"int('12')", "12"}, {"int(True)", "1"},
	{"float('1e-3')", "0.001"}, {"float('-inf')", "-inf"}, {"float(3)", "3.0"}, {"str(1.0)", "1.0"}, {"str(1e-5)", "1e-05"}, {"str(None)", "None"},
	{"bool('')", "False"}, {"bool(nan)", "True"}, {"round(2.5)", "2"}, {"round(3.5)", "4"}, {"round(-0.5)", "0"}, {"round(2.675, 2)", "2.67"},
	{"round(0.15, 1)", "0.1"}, {"round(1250, -2)", "1200"}, {"round(1350, -2)", "1400"}, {"round(-1250, -2)", "-1200"}, {"round(7)", "7"},
	{"round(1234.5, -2)", "1200.0"}, {"round(2.0, 0)", "2.0"}, {"pow(2, 10)", "1024"},
	{"math.exp(0)", "1.0"}, {"math.log(math.e)", "1.0"}, {"math.log10(1000)", "3.0"}, {"math.log2(8)", "3.0"}, {"math.sqrt(16)", "4.0"},
	{"math.log(8, 2)", "3.0"}, {"math.pow(2, 3)", "8.0"}, {"math.floor(-1.5)", "-2"}, {"math.ceil(1.2)", "2"}, {"math.fabs(-2)", "2.0"},
	{"math.floor(1e20)", "100000000000000000000"}, {"math.pi > 3.14", "True"}, {"math.isinf(-math.inf)", "True"}, {"math.trunc(-1.7)", "-1"},
	{"math.log10(lr) < 0", "True"}, {"math.copysign(1, -2)", "-1.0"}, {"math.fmod(-7, 3)", "-1.0"}, {"math.hypot(3, 4)", "5.0"},
	// texts
	{`'a\tb\\\'\x41\u00e9'`, "a\tb\\'Aé"}, {`r'\d'`, `\d`}, {`'\d'`, `\d`}, {`"it's"`, "it's"}, {"'é' < 'ü'", "True"},
	// the words p and math
	{"p[\"opt.lr\"] < 0.1", "True"}, {"p['lr']", "0.1"}, {"p.get('opt.lr', 1)", "0.01"}, {"p.get('gone', 3)", "3"},
	{"p.get('gone')", "None"}, {"p['opt' + '.lr']", "0.01"}, {"'opt.lr' in p", "True"}, {"'gone' not in p", "True"},
	{"p * 2", "1.0"}, {"p < 1", "True"}, {"p['max']", "7"}, {"p['gone'] is None", "True"}, {"(p)", "0.5"}, {"[p]", "[0.5]"},
	{"  lr\n  * 2 ", "0.2"}, {"p.get('null', 3)", "None"},
}

func TestPython(t *testing.T) {
	for _, tt := range python {
		t.Run(tt.src, func(t *testing.T) {
			x, err := Compile(tt.src)
			if err != nil {
				t.Fatal(err)
			}
			v, err := x.Eval(env(t))
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if want == "100000000000000000000" { // beyond int64 a value is a float
				want = "1e+20"
			}
			if got := v.Python(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	tests := []struct {
		src  string
		col  int
		want string
	}{
		{"", 1, "empty"}, {"  ", 1, "empty"}, {"lr <", 5, "ends too early"}, {"lr = 3", 4, `use "=="`}, {"a && b", 3, `use "and"`},
		{"a || b", 3, `use "or"`}, {"!a", 1, `use "not"`}, {"(1, 2", 6, "ends too early"}, {"1 2", 3, "unexpected 2"},
		{"f(1)", 1, "no function f"}, {"1 + log(2)", 5, "math.log"}, {"math.foo(1)", 6, "math has no foo"}, {"math", 1, "math.NAME"},
		{"max > 1", 1, `p["max"]`}, {"lambda x: x", 1, "lambda"}, {"[x for x in y]", 4, "for"}, {"{x for x in y}", 4, "for"},
		{"import os", 1, "import"}, {"load('x')", 1, "load"}, {"print(1)", 1, "no function print"}, {"x is 3", 3, "None only"},
		{"'abc", 1, "closing quote"}, {"1__0", 1, "not a number"}, {"012", 1, "not a number"}, {"1.2.3", 1, "not a number"}, {"1j", 1, "not a number"},
		{"0x1p-2", 1, "not a number"}, {"a $ b", 3, "no meaning"}, {"größe $ b", 7, "no meaning"}, {"opt.lr > 1", 1, `p["opt.lr"]`},
		{"x.replace('a', 'b')", 3, "no method replace"}, {"'a'.join(x)", 5, "no method join"}, {"max(*x)", 5, "unexpected *"}, {"round(1, n=2)", 11, "no names"},
		{"x[]", 2, "empty subscript"}, {"x[1:2:3:4]", 8, "want"}, {"lr(2)", 1, "no function lr"}, {"lr[0](2)", 6, "not a function"},
		{"not", 4, "ends too early"}, {"a not b", 7, `want "in"`}, {"a if b", 7, "else"}, {"f'x'", 1, "before a text"}, {`"""a"""`, 1, "triple"},
		{`'\x4'`, 1, "escape"}, {"'a' 'b'", 5, "side by side"}, {"a; b", 2, "no meaning"}, {"a := 3", 3, "unexpected"}, {"# no", 1, "no meaning"},
		{"9" + strings.Repeat("0", 5000), 1, "too large"}, {strings.Repeat("(", 200) + "1", 101, "nested deeper"},
		{strings.Repeat("{", 200) + "1", 101, "nested deeper"}, {strings.Repeat("-", 200) + "x", 100, "nested deeper"},
		{strings.Repeat("a", 20_000), 1, "at most"}, {"{'a': 1, 2}", 11, `want ":"`}, {"p.keys()", 1, "dot in its name"},
	}
	for _, tt := range tests {
		name := tt.src
		if len(name) > 20 {
			name = name[:20]
		}
		t.Run(name, func(t *testing.T) {
			_, err := Compile(tt.src)
			e, ok := err.(*Error)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Col != tt.col || !strings.Contains(e.Msg, tt.want) {
				t.Errorf("got %v, want column %d: …%s…", e, tt.col, tt.want)
			}
		})
	}
}

func TestEvalErrors(t *testing.T) {
	tests := []struct {
		src  string
		col  int
		want string
	}{
		{"absent < 3", 8, "absent has no value"}, {"1 < lr or unknown * 2 > 1", 19, "unknown has no value"}, {"isnan(absent)", 1, "absent has no value"},
		{"math.log(0)", 1, "domain"}, {"math.log(absent)", 1, "absent has no value"}, {"math.exp(1000)", 1, "range"}, {"math.sqrt(-1)", 1, "domain"},
		{"1 / 0", 3, "zero"}, {"1 // 0", 3, "zero"}, {"1.0 % 0", 5, "zero"}, {"0 ** -1", 3, "negative power"}, {"(-8) ** 0.5", 6, "fractional"},
		{"'a' < 1", 5, "no order"}, {"'a' + 1", 5, "go together"}, {"-'a'", 1, "no -"}, {"-absent", 1, "absent has no value"}, {"1 in 2", 3, "no members"},
		{"'a' * 10 ** 9", 5, "longer than"}, {"[0] * 10 ** 9", 5, "longer than"}, {"10 ** 10 ** 10", 4, "too large"}, {"10.0 ** 400", 6, "too large"},
		{"x_list[5]", 7, "out of range"}, {"x_map['z']", 6, "not in"}, {"absent[0]", 7, "absent has no value"}, {"int('x')", 1, "not an integer"},
		{"float('1_0')", 1, "not a number"}, {"int(nan)", 1, "no integer"}, {"len(3)", 1, "no length"}, {"len(absent)", 1, "absent has no value"},
		{"max([])", 1, "no values"}, {"max(lr, absent)", 1, "absent has no value"}, {"[nan]", 1, "nan and inf"}, {"{1: 2}", 1, "not a text"},
		{"abs('a')", 1, "want a number"}, {"round(1, 1000)", 1, "out of range"}, {"abs(1, 2)", 1, "want 1"}, {"p[3]", 2, "want a name"},
		{"lr.upper()", 1, "has no .upper"}, {"optimizer.upper(1)", 1, "upper"}, {"1 << 10 ** 9", 3, "shift"}, {"2 ** 4000 * 2 ** 4000 * 2 ** 4000", 23, "too large"}, {"math.log(-1)", 1, "domain"},
		{"absent + 'a' == 'a'", 8, "absent has no value"}, {"sum(3)", 1, "want a list"}, {"p['no' + 'pe'] > 1", 16, "p['no' + 'pe'] has no value"},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			x, err := Compile(tt.src)
			if err != nil {
				t.Fatal(err)
			}
			v, err := x.Eval(env(t))
			e, ok := err.(*Error)
			if !ok {
				t.Fatalf("got %v, %v, want an *Error", v, err)
			}
			if e.Col != tt.col || !strings.Contains(e.Msg, tt.want) {
				t.Errorf("got %v, want column %d: …%s…", e, tt.col, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	tests := []struct {
		src  string
		want []string
	}{
		{"3", nil}, {"b * a < p['opt.lr'] and math.pi > e", []string{"a", "b", "e", "opt.lr"}}, {"max(p, 1)", []string{"p"}},
		{"p.get('x', y)", []string{"x", "y"}}, {"a < b + 1 < c", []string{"a", "b", "c"}}, {"p['max'] if isnan(q) else None", []string{"max", "q"}},
		{"{'k': v}['k'] + l[i]", []string{"i", "l", "v"}}, {"'x' in p", nil},
	}
	for _, tt := range tests {
		x, err := Compile(tt.src)
		if err != nil {
			t.Fatalf("%s: %v", tt.src, err)
		}
		if got := x.Names(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.src, got, tt.want)
		}
		if x.String() != tt.src {
			t.Errorf("String: got %q, want %q", x.String(), tt.src)
		}
	}
}

func TestTruth(t *testing.T) {
	empty, _ := sweep.JSONValue([]any{})
	full, _ := sweep.JSONValue([]any{0})
	for _, tt := range []struct {
		v    sweep.Value
		want bool
	}{
		{sweep.Value{}, false}, {sweep.NullValue(), false}, {sweep.BoolValue(true), true}, {sweep.IntValue(0), false}, {sweep.FloatValue(math.NaN()), true},
		{sweep.StringValue(""), false}, {sweep.StringValue("0"), true}, {empty, false}, {full, true},
	} {
		if got := Truth(tt.v); got != tt.want {
			t.Errorf("Truth(%v %d): got %v, want %v", tt.v, tt.v.Kind(), got, tt.want)
		}
	}
}

// One compiled expression serves several goroutines; the race detector looks on.
func TestConcurrent(t *testing.T) {
	x, err := Compile("0 < lr * 2 < 1 and optimizer in ['sgd', 'rmsprop'] and p.get('opt.lr', 3) < 1")
	if err != nil {
		t.Fatal(err)
	}
	e := env(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if v, err := x.Eval(e); err != nil || v != sweep.BoolValue(true) {
					t.Errorf("got %v, %v, want True", v, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The memory of a middle that is a chain itself is that of its text.
func TestNestedChains(t *testing.T) {
	src := "1"
	for range 40 {
		src = "0 < (" + src + " + 0) < 3"
	}
	x, err := Compile(src)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := x.Eval(env(t)); err != nil || v != sweep.BoolValue(true) {
		t.Errorf("got %v, %v, want True", v, err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, tt := range python {
		f.Add(tt.src)
	}
	for _, s := range []string{"((((", "a<b<c<d+1<e", "p[p[p]]", "'\\", "{{1:2}", "x[::", "9**9**9", "- - -~x", "1 if 2 else", "\xff\xfe", "p.get()", "a is not", "0 < (0 < (1 + 1) < 2) < 3"} {
		f.Add(s)
	}
	e := env(f)
	f.Fuzz(func(t *testing.T, src string) {
		x, err := Compile(src)
		if err != nil {
			bad, ok := err.(*Error)
			if !ok || bad.Col < 1 || bad.Msg == "" {
				t.Fatalf("got %#v, want an *Error with a column and a text", err)
			}
			return
		}
		if _, err := x.Eval(e); err != nil {
			if bad, ok := err.(*Error); !ok || bad.Col < 1 || bad.Col > len(src)+1 {
				t.Fatalf("got %#v, want an *Error within the source", err)
			}
		}
	})
}

func BenchmarkEval(b *testing.B) {
	for _, src := range []string{`optimizer == "rmsprop"`, "lr * momentum < 5", "0 < lr * 2 < 1", "int(0.1 * steps)", "isnan(nan) or nan > 1e4"} {
		b.Run("src="+strings.ReplaceAll(src, " ", ""), func(b *testing.B) {
			x, err := Compile(src)
			if err != nil {
				b.Fatal(err)
			}
			e := env(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Eval(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
