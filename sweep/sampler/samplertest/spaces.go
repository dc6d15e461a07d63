package samplertest

import "github.com/trawl-sweep/trawl/sweep"

// Fn is an expression written in Go, for spaces in tests.
type Fn struct {
	Text  string
	Reads []string
	F     func(get func(name string) sweep.Value) sweep.Value
}

// String returns the text.
func (f Fn) String() string { return f.Text }

// Names returns the names that f reads.
func (f Fn) Names() []string { return f.Reads }

// Eval calls F.
func (f Fn) Eval(env sweep.Env) (sweep.Value, error) {
	return f.F(func(name string) sweep.Value { v, _ := env(name); return v }), nil
}

// Is is the condition name == want.
func Is(name, want string) sweep.Expr {
	return Fn{name + " == " + want, []string{name}, func(get func(string) sweep.Value) sweep.Value {
		return sweep.BoolValue(get(name).Text() == want)
	}}
}

// Below is the condition that the sum of the named numbers is less than limit.
func Below(limit float64, names ...string) sweep.Expr {
	return Fn{"sum below limit", names, func(get func(string) sweep.Value) sweep.Value {
		return sweep.BoolValue(sum(get, names) < limit)
	}}
}

// Sum is the sum of the named numbers.
func Sum(names ...string) sweep.Expr {
	return Fn{"sum", names, func(get func(string) sweep.Value) sweep.Value {
		return sweep.FloatValue(sum(get, names))
	}}
}

func sum(get func(string) sweep.Value, names []string) (total float64) {
	for _, name := range names {
		f, _ := get(name).Number()
		total += f
	}
	return total
}

// Ints is a categorical domain of integers.
func Ints(ns ...int64) sweep.Domain {
	d := sweep.Domain{Dist: sweep.Categorical}
	for _, n := range ns {
		d.Values = append(d.Values, sweep.IntValue(n))
	}
	return d
}

// Texts is a categorical domain of texts.
func Texts(words ...string) sweep.Domain {
	d := sweep.Domain{Dist: sweep.Categorical}
	for _, w := range words {
		d.Values = append(d.Values, sweep.StringValue(w))
	}
	return d
}

// Must returns a space; a mistake in it panics.
func Must(params []sweep.Param, constraints []sweep.Expr, zips ...[]string) *sweep.Space {
	s, err := sweep.NewSpace(params, constraints, zips)
	if err != nil {
		panic("samplertest: " + err.Error())
	}
	return s
}

// A Named is a space with the name of its kind.
type Named struct {
	Name  string
	Space *sweep.Space
}

// Spaces returns the spaces of Run: mixed, conditional, zip, derived and
// constrained. Continuous parameters have levels, so that a grid takes them.
func Spaces() []Named {
	lr := sweep.Param{Name: "lr", Domain: sweep.Domain{Dist: sweep.LogUniformValues, Min: 1e-4, Max: 10, Levels: 4}}
	units := sweep.Param{Name: "units", Domain: sweep.Domain{Dist: sweep.QLogUniformValues, Min: 8, Max: 64, Q: 8, Ints: true}}
	steps := sweep.Param{Name: "steps", Domain: sweep.Domain{Dist: sweep.Constant, Values: []sweep.Value{sweep.IntValue(100)}}}
	opt := sweep.Param{Name: "opt", Domain: Texts("sgd", "adam", "rmsprop")}
	beta := sweep.Param{Name: "beta", When: Is("opt", "adam"), Domain: sweep.Domain{Dist: sweep.Uniform, Min: 0.8, Max: 1, Levels: 3}}
	rho := sweep.Param{Name: "a.rho", When: Is("opt", "rmsprop"), Domain: sweep.Domain{Dist: sweep.Beta, A: 2, B: 2, Levels: 3}}
	bias := sweep.Param{Name: "bias", Domain: sweep.Domain{Dist: sweep.Normal, Sigma: 2, Levels: 3}}
	depth := sweep.Param{Name: "depth", Domain: Ints(2, 4, 8)}
	width := sweep.Param{Name: "width", Domain: Ints(64, 32, 16)}
	heads := sweep.Param{Name: "heads", Domain: Ints(1, 1, 2), When: Is("opt", "adam")}
	return []Named{
		{"mixed", Must([]sweep.Param{lr, units, steps, opt, bias}, nil)},
		{"conditional", Must([]sweep.Param{rho, beta, lr, opt}, nil)},
		{"zip", Must([]sweep.Param{width, lr, depth, opt, heads}, nil, []string{"width", "depth", "heads"})},
		{"derived", Must([]sweep.Param{lr, bias, {Name: "total", Derived: Sum("lr", "bias")}, {Name: "a", Derived: Sum("total", "lr")}}, nil)},
		{"constrained", Must([]sweep.Param{lr, depth, width, beta, opt}, []sweep.Expr{Below(68, "lr", "depth", "width")})},
	}
}
