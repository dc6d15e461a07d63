package sweep

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// fn is an expression written in Go.
type fn struct {
	text  string
	names []string
	eval  func(Env) (Value, error)
}

func (f fn) String() string                { return f.text }
func (f fn) Names() []string               { return f.names }
func (f fn) Eval(env Env) (Value, error)   { return f.eval(env) }
func number(env Env, name string) float64  { v, _ := env(name); f, _ := v.Number(); return f }
func reads(names ...string) Expr           { return fn{text: strings.Join(names, "+"), names: names, eval: one} }
func one(Env) (Value, error)               { return IntValue(1), nil }
func choices(vs ...Value) Domain           { return Domain{Dist: Categorical, Values: vs} }
func texts(words ...string) (d Domain)     { return choices(valuesOf(words)...) }
func ints(ns ...int64) Domain              { return choices(valuesOfInts(ns)...) }
func valuesOf(words []string) (vs []Value) { return mapped(words, StringValue) }
func valuesOfInts(ns []int64) []Value      { return mapped(ns, IntValue) }

func mapped[T any](in []T, f func(T) Value) []Value {
	out := make([]Value, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}

// equals is the condition name == want.
func equals(name, want string) Expr {
	return fn{name + " == " + want, []string{name}, func(env Env) (Value, error) {
		v, _ := env(name)
		return BoolValue(v.Text() == want), nil
	}}
}

// mixed is a space with one of everything: nested and dotted names, a
// constant, a zip, a condition, a derived value and a constraint.
func mixed(t testing.TB) *Space {
	t.Helper()
	s, err := NewSpace([]Param{
		{Name: "width", Domain: ints(64, 128)},
		{Name: "depth", Domain: ints(2, 4)},
		{Name: "lr", Domain: Domain{Dist: LogUniformValues, Min: 1e-4, Max: 10, Levels: 6}},
		{Name: "opt.name", Path: []string{"opt", "name"}, Domain: texts("sgd", "rmsprop")},
		{Name: "opt.rho", Path: []string{"opt", "rho"}, Domain: choices(FloatValue(0.9), FloatValue(1)), When: equals("opt.name", "rmsprop")},
		{Name: "steps", Domain: Domain{Dist: Constant, Values: []Value{IntValue(1000)}}},
		{Name: "a.warmup", Derived: fn{"steps * lr", []string{"steps", "lr"}, func(env Env) (Value, error) {
			return FloatValue(number(env, "steps") * number(env, "lr")), nil
		}}},
	}, []Expr{fn{"lr < 5", []string{"lr"}, func(env Env) (Value, error) {
		return BoolValue(number(env, "lr") < 5), nil
	}}}, [][]string{{"depth", "width"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewSpaceSorts(t *testing.T) {
	s := mixed(t)
	var names, dims []string
	for i := range s.Params {
		names = append(names, s.Params[i].Name)
	}
	for _, d := range s.Dims() {
		dims = append(dims, s.dimNames(d))
	}
	if want := []string{"a.warmup", "depth", "lr", "opt.name", "opt.rho", "steps", "width"}; !slices.Equal(names, want) {
		t.Errorf("params: got %v, want %v", names, want)
	}
	if want := []string{"depth, width", "lr", "opt.name", "opt.rho"}; !slices.Equal(dims, want) {
		t.Errorf("dims: got %v, want %v", dims, want)
	}
	if i, ok := s.Index("lr"); i != 2 || !ok {
		t.Errorf("Index(lr): got %d, %v", i, ok)
	}
	if _, ok := s.Index("rate"); ok {
		t.Error("Index(rate): got a parameter")
	}
}

func TestNewSpaceErrors(t *testing.T) {
	d := ints(1, 2)
	for _, tt := range []struct {
		name   string
		params []Param
		zips   [][]string
		want   string
	}{
		{"twice", []Param{{Name: "a", Domain: d}, {Name: "a", Domain: d}}, nil, `parameter "a": want a name, once`},
		{"no name", []Param{{Domain: d}}, nil, `parameter ""`},
		{"bad domain", []Param{{Name: "a"}}, nil, `a: distribution ""`},
		{"circle", []Param{{Name: "a", Derived: reads("b")}, {Name: "b", Domain: d, When: reads("c")}, {Name: "c", Derived: reads("a")}}, nil, "a → b → c → a"},
		{"reads itself", []Param{{Name: "a", Domain: d, When: reads("a")}}, nil, "a → a"},
		{"zip of nothing known", []Param{{Name: "a", Domain: d}}, [][]string{{"a", "x"}}, "zip a, x: x is not a parameter"},
		{"zip of unequal lists", []Param{{Name: "a", Domain: d}, {Name: "b", Domain: ints(1, 2, 3)}}, [][]string{{"a", "b"}}, "b has 3 values; want 2, as many as a"},
		{"zip of a range", []Param{{Name: "a", Domain: d}, {Name: "b", Domain: Domain{Dist: Uniform, Max: 1}}}, [][]string{{"a", "b"}}, "b has no plain list"},
		{"in two zips", []Param{{Name: "a", Domain: d}, {Name: "b", Domain: d}, {Name: "c", Domain: d}}, [][]string{{"a", "b"}, {"b", "c"}}, "b is in a zip already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewSpace(tt.params, nil, tt.zips)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %q", err, tt.want)
			}
		})
	}
	_, err := NewSpace([]Param{{Name: "a"}, {Name: "b"}}, nil, nil)
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two problems: got %v; want both", err)
	}
}

func TestNamesOutsideTheSpaceAreNoError(t *testing.T) {
	if _, err := NewSpace([]Param{{Name: "a", Derived: reads("seed")}}, []Expr{reads("seed")}, nil); err != nil {
		t.Error(err)
	}
}

func TestFinite(t *testing.T) {
	many := Domain{Dist: IntUniform, Max: 1 << 52}
	for _, tt := range []struct {
		name   string
		params []Param
		zips   [][]string
		n      int64
		ok     bool
	}{
		{"nothing", nil, nil, 1, true},
		{"product", []Param{{Name: "a", Domain: ints(1, 2, 2)}, {Name: "b", Domain: ints(1, 2, 3)}}, nil, 6, true},
		{"zip with a repeated row", []Param{{Name: "a", Domain: ints(1, 2, 1, 1)}, {Name: "b", Domain: ints(1, 2, 1, 3)}}, [][]string{{"a", "b"}}, 3, true},
		{"saturated", []Param{{Name: "a", Domain: many}, {Name: "b", Domain: many}}, nil, math.MaxInt64, true},
		{"continuous", []Param{{Name: "a", Domain: many}, {Name: "b", Domain: Domain{Dist: Uniform, Max: 1}}}, nil, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := NewSpace(tt.params, nil, tt.zips)
			if err != nil {
				t.Fatal(err)
			}
			if n, ok := s.Finite(); n != tt.n || ok != tt.ok {
				t.Errorf("got %d, %v; want %d, %v", n, ok, tt.n, tt.ok)
			}
		})
	}
}

func TestPlain(t *testing.T) {
	if mixed(t).Plain() {
		t.Error("a space with a condition is plain")
	}
	s, err := NewSpace([]Param{{Name: "a", Domain: ints(1)}, {Name: "b", Derived: reads("a")}}, nil, nil)
	if err != nil || !s.Plain() {
		t.Errorf("a space with a derived value is not plain (%v)", err)
	}
	s, err = NewSpace([]Param{{Name: "a", Domain: ints(1)}}, []Expr{reads("a")}, nil)
	if err != nil || s.Plain() {
		t.Errorf("a space with a constraint is plain (%v)", err)
	}
}
