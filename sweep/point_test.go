package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDecodePoint(t *testing.T) {
	s := mixed(t)
	for _, tt := range []struct {
		name string
		u    []float64
		want string
		ok   bool
	}{
		{"inactive", []float64{0.1, 0, 0.2, 0.9}, `{"a.warmup":0.1,"depth":2,"lr":0.0001,"opt.name":"sgd","steps":1000,"width":64}`, true},
		{"active", []float64{0.9, 0, 0.7, 0.9}, `{"a.warmup":0.1,"depth":4,"lr":0.0001,"opt.name":"rmsprop","opt.rho":1.0,"steps":1000,"width":128}`, true},
		{"forbidden", []float64{0.9, 1, 0.2, 0.9}, `{"a.warmup":10000.0,"depth":4,"lr":10.0,"opt.name":"sgd","steps":1000,"width":128}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok, err := s.Decode(tt.u)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(s.AppendJSON(nil, p)); got != tt.want || ok != tt.ok {
				t.Errorf("got  %s, %v\nwant %s, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestPointLaws(t *testing.T) {
	s := mixed(t)
	rapid.Check(t, func(t *rapid.T) {
		u := make([]float64, len(s.Dims()))
		for d := range u {
			u[d] = rapid.Float64Range(0, 0.999).Draw(t, "u")
		}
		p, ok, err := s.Decode(u)
		if err != nil {
			t.Fatal(err)
		}
		v := s.Encode(p)
		for d, dim := range s.Dims() {
			if s.Active(dim, p) == math.IsNaN(v[d]) {
				t.Fatalf("Encode(%s)[%d] = %v", s.Key(p), d, v[d])
			}
		}
		again, ok2, err := s.Decode(v)
		if err != nil || ok2 != ok || !samePoint(s, again, p) {
			t.Fatalf("decoded %s (%v), encoded %v, decoded %s (%v, %v)", s.Key(p), ok, v, s.Key(again), ok2, err)
		}
		done, ok3, err := s.Complete(p)
		if err != nil || ok3 != ok || s.Key(done) != s.Key(p) {
			t.Fatalf("Complete(%s): got %s, %v, %v", s.Key(p), s.Key(done), ok3, err)
		}
		read, err := s.ParseJSON(s.AppendJSON(nil, p))
		if err != nil || !slices.Equal(read, p) {
			t.Fatalf("ParseJSON of %s: got %v, %v", s.AppendJSON(nil, p), read, err)
		}
	})
}

// samePoint allows floats and what derives from them the last places.
func samePoint(s *Space, p, q Point) bool {
	for i := range p {
		if p[i] != q[i] && !(p[i].kind == Float && math.Abs(p[i].num-q[i].num) <= 1e-13*math.Abs(q[i].num)) {
			return false
		}
	}
	return len(p) == len(q)
}

func TestDecodePanicsOnAWrongLength(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "sweep: ") {
			t.Errorf("got panic %q; want one that names the package", got)
		}
	}()
	_, _, _ = mixed(t).Decode([]float64{0.5})
}

func TestComplete(t *testing.T) {
	s := mixed(t)
	raw := make([]Value, len(s.Params))
	set := func(name string, v Value) { i, _ := s.Index(name); raw[i] = v }
	set("depth", IntValue(2))
	set("width", IntValue(64))
	set("lr", FloatValue(0.1))
	set("opt.name", StringValue("rmsprop"))
	set("steps", StringValue("not looked at"))
	if _, _, err := s.Complete(raw); err == nil || err.Error() != "opt.rho: no value; want one of 0.9, 1.0" {
		t.Errorf("active without a value: got %v", err)
	}
	set("opt.name", StringValue("sgd"))
	p, ok, err := s.Complete(raw)
	if err != nil || !ok {
		t.Fatalf("inactive without a value: got %v, %v", ok, err)
	}
	want := `{"a.warmup":100,"depth":2,"lr":0.1,"opt.name":"sgd","steps":1000,"width":64}`
	if got := s.Key(p); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if raw[5] != StringValue("not looked at") {
		t.Error("Complete changed its argument")
	}
}

func TestExpressionsThatFail(t *testing.T) {
	broken := fn{"a / 0", []string{"a"}, func(Env) (Value, error) { return Value{}, errors.New("division by zero") }}
	a := Param{Name: "a", Domain: ints(1)}
	for _, tt := range []struct {
		name        string
		params      []Param
		constraints []Expr
		want        string
	}{
		{"condition", []Param{a, {Name: "b", Domain: ints(1), When: broken}}, nil, "b: when: division by zero"},
		{"derived", []Param{a, {Name: "b", Derived: broken}}, nil, "b: expr: division by zero"},
		{"constraint", []Param{a}, []Expr{broken}, "constraint a / 0: division by zero"},
		{"constraint on what is inactive", []Param{{Name: "a", Domain: ints(1), When: fn{"no", nil, func(Env) (Value, error) {
			return BoolValue(false), nil
		}}}}, []Expr{broken}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := NewSpace(tt.params, tt.constraints, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, ok, err := s.Decode(make([]float64, len(s.Dims())))
			if tt.want == "" && (err != nil || !ok) || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("got %v, %v; want %q", ok, err, tt.want)
			}
		})
	}
}

func TestTruth(t *testing.T) {
	list, _ := JSONValue([]int{})
	full, _ := JSONValue([]int{0})
	for _, v := range []Value{{}, NullValue(), BoolValue(false), IntValue(0), FloatValue(0), StringValue(""), list} {
		if truth(v) {
			t.Errorf("%v (kind %d) is true", v, v.Kind())
		}
	}
	for _, v := range []Value{BoolValue(true), IntValue(-1), FloatValue(math.NaN()), StringValue("0"), full} {
		if !truth(v) {
			t.Errorf("%v (kind %d) is false", v, v.Kind())
		}
	}
}

func TestFromNames(t *testing.T) {
	s := mixed(t)
	for _, tt := range []struct {
		name   string
		values map[string]Value
		want   string // the key, or lines of the error
	}{
		{"none", nil, "{}"},
		{"taken as the domains write them", map[string]Value{"lr": IntValue(1), "opt.rho": IntValue(1), "steps": FloatValue(1000)}, `{"lr":1,"opt.rho":1,"steps":1000}`},
		{"unknown", map[string]Value{"rate": IntValue(1)}, "rate: not a parameter; want one of depth, lr, opt.name, opt.rho, steps, width"},
		{"derived", map[string]Value{"a.warmup": IntValue(1)}, "a.warmup: derived from other parameters; want it left out"},
		{"outside", map[string]Value{"lr": IntValue(20), "opt.name": StringValue("adam")}, "lr: 20 is outside; want 0.0001 to 10\nopt.name: adam is outside; want one of sgd, rmsprop"},
		{"another constant", map[string]Value{"steps": IntValue(7)}, "steps: 7 is outside; want 1000"},
		{"no row of the zip", map[string]Value{"depth": IntValue(2), "width": IntValue(128)}, "depth, width: these values do not go together; want a row of the zip"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := s.FromNames(tt.values)
			got := fmt.Sprint(err)
			if err == nil {
				got = s.Key(p)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFill(t *testing.T) {
	s := mixed(t)
	given, err := s.FromNames(map[string]Value{"width": IntValue(128), "opt.name": StringValue("rmsprop")})
	if err != nil {
		t.Fatal(err)
	}
	p, ok, err := s.Fill(given, []float64{0, 0, 0, 0.9})
	want := `{"a.warmup":0.1,"depth":4,"lr":0.0001,"opt.name":"rmsprop","opt.rho":1,"steps":1000,"width":128}`
	if err != nil || !ok || s.Key(p) != want {
		t.Errorf("got  %s, %v, %v\nwant %s", s.Key(p), ok, err, want)
	}
}

func TestKeyIsTheIdentity(t *testing.T) {
	s, err := NewSpace([]Param{{Name: `b"`, Domain: choices(IntValue(1), StringValue("1"), FloatValue(math.NaN()))}, {Name: "a", Domain: texts("x")}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := func(v Value) string { return s.Key(Point{StringValue("x"), v}) }
	if got, want := key(IntValue(1)), `{"a":"x","b\"":1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if key(IntValue(1)) != key(FloatValue(1)) || key(IntValue(1)) == key(StringValue("1")) {
		t.Error("want 1 and 1.0 to have one key, and \"1\" another")
	}
	if nan := FloatValue(math.NaN()); key(nan) != key(FloatValue(-math.NaN())) {
		t.Error("want one key for NaN")
	}
}

func TestParseJSON(t *testing.T) {
	nan, inf := FloatValue(math.NaN()), FloatValue(math.Inf(-1))
	s, err := NewSpace([]Param{
		{Name: "f", Domain: choices(nan, inf, FloatValue(1))},
		{Name: "s", Domain: texts("NaN", "x")},
		{Name: "d", Derived: reads()},
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ doc, want string }{
		{`{"f":"NaN","s":"NaN","d":"Infinity"}`, "inf/4 nan/4 NaN/5"},
		{`{"f":"-Infinity", "gone":[1,{"x":2}]}`, "/0 -inf/4 /0"},
		{`{"f":7,"s":null,"d":[1, 2.0]}`, "[1, 2.0]/6 7/3 None/1"},
		{`{"f":1.0}`, "/0 1.0/4 /0"},
		{`[1]`, "error"},
		{`{"f":1`, "error"},
	} {
		p, err := s.ParseJSON([]byte(tt.doc))
		words := []string{"error"}
		if err == nil {
			words = nil
			for _, v := range p {
				words = append(words, fmt.Sprintf("%s/%d", v, v.Kind()))
			}
		}
		if got := strings.Join(words, " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.doc, got, tt.want)
		}
	}
}

func TestNested(t *testing.T) {
	s := mixed(t)
	p, _, err := s.Decode([]float64{0, 0, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a.warmup": FloatValue(0.1), "depth": IntValue(2), "width": IntValue(64), "lr": FloatValue(1e-4), "steps": IntValue(1000),
		"opt": map[string]any{"name": StringValue("sgd")},
	}
	if got := s.Nested(p); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i := range p {
		if s.Params[i].Path != nil {
			p[i] = FloatValue(2)
		}
		if s.Params[i].Name == "lr" {
			p[i] = FloatValue(math.Inf(1))
		}
	}
	b, err := json.Marshal(s.Nested(p))
	if err != nil || !strings.Contains(string(b), `"opt":{"name":2.0,`) || !strings.Contains(string(b), `"lr":"Infinity"`) {
		t.Errorf("as JSON: got %s, %v", b, err)
	}
}

func TestEncodeMarksWhatHasNoPlace(t *testing.T) {
	s := mixed(t)
	p, err := s.ParseJSON([]byte(`{"depth":2,"width":128,"lr":1e9,"opt.name":"adam"}`))
	if err != nil {
		t.Fatal(err)
	}
	u := s.Encode(p)
	if !math.IsNaN(u[0]) || u[1] != 1 || !math.IsNaN(u[2]) || !math.IsNaN(u[3]) {
		t.Errorf("got %v; want NaN, 1 (the nearest), NaN, NaN", u)
	}
}

// fiveParams is a space as real sweeps have them.
func fiveParams(t testing.TB) *Space {
	t.Helper()
	s, err := NewSpace([]Param{
		{Name: "lr", Domain: Domain{Dist: LogUniformValues, Min: 1e-4, Max: 10}},
		{Name: "momentum", Domain: Domain{Dist: Uniform, Max: 1}},
		{Name: "batch", Domain: Domain{Dist: QLogUniformValues, Min: 8, Max: 512, Q: 8, Ints: true}},
		{Name: "layers", Domain: Domain{Dist: IntUniform, Min: 1, Max: 8}},
		{Name: "optimizer", Domain: texts("sgd", "adam", "rmsprop")},
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkPoint(b *testing.B) {
	s := fiveParams(b)
	u := []float64{0.3, 0.7, 0.123, 0.456, 0.999}
	p, _, _ := s.Decode(u)
	doc := s.AppendJSON(nil, p)
	buf := make([]byte, 0, 256)
	for name, f := range map[string]func(){
		"decode": func() { _, _, _ = s.Decode(u) },
		"encode": func() { s.Encode(p) },
		"key":    func() { s.Key(p) },
		"json":   func() { buf = s.AppendJSON(buf[:0], p) },
		"parse":  func() { _, _ = s.ParseJSON(doc) },
	} {
		b.Run("do="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func TestDraw(t *testing.T) {
	s := mixed(t)
	rng := func() *rand.Rand { return Query{Seed: 3}.Rand(-1) }
	for _, tt := range []struct {
		name    string
		values  map[string]Value
		ok      bool
		refuses string
	}{
		{"part", map[string]Value{"width": IntValue(128)}, true, ""},
		{"nothing", nil, true, ""},
		{"all that a constraint reads", map[string]Value{"lr": FloatValue(9)}, false, "lr < 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			given, err := s.FromNames(tt.values)
			if err != nil {
				t.Fatal(err)
			}
			p, ok, err := s.Draw(given, rng())
			if err != nil || ok != tt.ok {
				t.Fatalf("got %s, %v, %v, want %v", s.Key(p), ok, err, tt.ok)
			}
			for i, v := range given {
				if !v.IsAbsent() && !p[i].Equal(v) {
					t.Errorf("%s: got %s, want %s as it was given", s.Params[i].Name, p[i], v)
				}
			}
			got := ""
			if c := s.Refuses(p, given); c != nil {
				got = c.String()
			}
			if got != tt.refuses {
				t.Errorf("refused by %q, want %q", got, tt.refuses)
			}
			again, _, _ := s.Draw(given, rng())
			if !samePoint(s, p, again) {
				t.Errorf("got %s, then %s from the same stream", s.Key(p), s.Key(again))
			}
		})
	}
}

func TestAdopt(t *testing.T) {
	s, err := NewSpace([]Param{
		{Name: "lr", Domain: Domain{Dist: LogUniformValues, Min: 1e-3, Max: 1}},
		{Name: "opt", Domain: texts("sgd", "rmsprop"), Was: StringValue("sgd")},
		{Name: "rho", Domain: choices(FloatValue(0.9), FloatValue(0.99)), When: equals("opt", "rmsprop"), Was: FloatValue(0.9)},
		{Name: "steps", Domain: Domain{Dist: Constant, Values: []Value{IntValue(1000)}}, Was: IntValue(1000)},
		{Name: "depth", Domain: ints(2, 4)}, {Name: "width", Domain: ints(64, 128)},
	}, []Expr{fn{"lr < 0.5", []string{"lr"}, func(env Env) (Value, error) {
		return BoolValue(number(env, "lr") < 0.5), nil
	}}}, [][]string{{"depth", "width"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, old, want string
		inside          bool
	}{
		{"lacks what was says", `{"lr":0.1,"depth":2,"width":64}`, `{"depth":2,"lr":0.1,"opt":"sgd","steps":1000,"width":64}`, true},
		{"active", `{"lr":0.1,"opt":"rmsprop","depth":2,"width":64}`, `{"depth":2,"lr":0.1,"opt":"rmsprop","rho":0.9,"steps":1000,"width":64}`, true},
		{"has more", `{"lr":0.1,"gone":7,"depth":2,"width":64}`, `{"depth":2,"lr":0.1,"opt":"sgd","steps":1000,"width":64}`, true},
		{"above the bound", `{"lr":3,"depth":2,"width":64}`, `{"depth":2,"lr":3,"opt":"sgd","steps":1000,"width":64}`, false},
		{"another choice", `{"lr":0.1,"opt":"adam","depth":2,"width":64}`, `{"depth":2,"lr":0.1,"opt":"adam","steps":1000,"width":64}`, false},
		{"another constant", `{"lr":0.1,"steps":5,"depth":2,"width":64}`, `{"depth":2,"lr":0.1,"opt":"sgd","steps":5,"width":64}`, false},
		{"a constraint", `{"lr":0.7,"depth":2,"width":64}`, `{"depth":2,"lr":0.7,"opt":"sgd","steps":1000,"width":64}`, false},
		{"no row of the zip", `{"lr":0.1,"depth":2,"width":128}`, `{"depth":2,"lr":0.1,"opt":"sgd","steps":1000,"width":128}`, false},
		{"no value and no was", `{"depth":2,"width":64}`, `{"depth":2,"opt":"sgd","rho":0.9,"steps":1000,"width":64}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := s.ParseJSON([]byte(tt.old))
			if err != nil {
				t.Fatal(err)
			}
			before := s.Key(p)
			q, inside := s.Adopt(p)
			if got := s.Key(q); got != tt.want || inside != tt.inside {
				t.Errorf("got  %s, %v\nwant %s, %v", got, inside, tt.want, tt.inside)
			}
			if s.Key(p) != before {
				t.Error("Adopt changed its argument")
			}
		})
	}
}
