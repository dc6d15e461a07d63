package configs

import (
	"errors"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// All of NNI's types, as its documentation shows them.
const nniAll = `{
	"dropout": {"_type": "uniform", "_value": [0.5, 0.9]},
	"units": {"_type": "quniform", "_value": [128, 1024, 64]},
	"keep": {"_type": "quniform", "_value": [0, 1, 0.25]},
	"lr": {"_type": "loguniform", "_value": [0.0001, 0.1]},
	"warm": {"_type": "qloguniform", "_value": [1, 100, 1]},
	"mean": {"_type": "normal", "_value": [0, 2]},
	"mean4": {"_type": "qnormal", "_value": [0, 2, 4.0]},
	"decay": {"_type": "lognormal", "_value": [-3, 0.5]},
	"steps": {"_type": "qlognormal", "_value": [4, 1, 10]},
	"layers": {"_type": "randint", "_value": [1, 5]},
	"one": {"_type": "randint", "_value": [3, 4]},
	"fixed": {"_type": "uniform", "_value": [2, 2]},
	"batch": {"_type": "choice", "_value": [16, 32.0, "all", null, true]},
	"kernel": {"_type": "choice", "_value": [[1, 1], [3, 3]]}
}`

func TestNNITypes(t *testing.T) {
	f, err := FromNNI("search_space.json", []byte(nniAll), Options{Metric: "loss"})
	if err != nil {
		t.Fatal(err)
	}
	if f.Spec.Name != "search_space" || f.Spec.Method != "auto" || f.Spec.Objectives[0].Name != "loss" {
		t.Errorf("got %s, %s, %v", f.Spec.Name, f.Spec.Method, f.Spec.Objectives)
	}
	want := map[string]sweep.Domain{
		"dropout": {Dist: sweep.Uniform, Min: 0.5, Max: 0.9},
		"units":   {Dist: sweep.QUniform, Min: 128, Max: 1024, Q: 64, Ints: true},
		"keep":    {Dist: sweep.QUniform, Min: 0, Max: 1, Q: 0.25},
		"lr":      {Dist: sweep.LogUniformValues, Min: 0.0001, Max: 0.1},
		"warm":    {Dist: sweep.QLogUniformValues, Min: 1, Max: 100, Q: 1, Ints: true},
		"mean":    {Dist: sweep.Normal, Mu: 0, Sigma: 2},
		"mean4":   {Dist: sweep.QNormal, Mu: 0, Sigma: 2, Q: 4},
		"decay":   {Dist: sweep.LogNormal, Mu: -3, Sigma: 0.5},
		"steps":   {Dist: sweep.QLogNormal, Mu: 4, Sigma: 1, Q: 10, Ints: true},
		"layers":  {Dist: sweep.IntUniform, Min: 1, Max: 4, Ints: true},
		"one":     {Dist: sweep.Constant},
		"fixed":   {Dist: sweep.Constant},
		"batch":   {Dist: sweep.Categorical},
		"kernel":  {Dist: sweep.Categorical},
	}
	for _, p := range f.Spec.Space.Params {
		got := p.Domain
		got.Values = nil
		w, ok := want[p.Name]
		if !ok || got.Dist != w.Dist || got.Min != w.Min || got.Max != w.Max || got.Mu != w.Mu || got.Sigma != w.Sigma || got.Q != w.Q || got.Ints != w.Ints {
			t.Errorf("%s: got %+v, want %+v", p.Name, got, w)
		}
		delete(want, p.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	i, _ := f.Spec.Space.Index("batch")
	if got := f.Spec.Space.Params[i].Domain.Want(); got != "one of 16, 32.0, all, None, True" {
		t.Errorf("batch: got %s", got)
	}
	again, err := Parse("x.yaml", f.Source, Options{})
	if err != nil || again.Spec.Digest != f.Spec.Digest {
		t.Errorf("the file that is written down is another sweep: %v\n%s", err, f.Source)
	}
}

// Options with parameters become conditions, two levels deep.
func TestNNINested(t *testing.T) {
	f, err := FromNNI("s.json", []byte(`{"layer": {"_type": "choice", "_value": [
  {"_name": "Empty"},
  {"_name": "Conv", "size": {"_type": "choice", "_value": [1, 3]}},
  {"_name": "Max \"pool\"", "size": {"_type": "uniform", "_value": [0, 1]},
    "after": {"_type": "choice", "_value": ["no", {"_name": "norm", "eps": {"_type": "loguniform", "_value": [1e-5, 1e-3]}}]}},
  "plain"]}}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	space := f.Spec.Space
	when := map[string]string{}
	for _, p := range space.Params {
		when[p.Name] = ""
		if p.When != nil {
			when[p.Name] = p.When.String()
		}
	}
	for name, want := range map[string]string{
		"layer": "", "layer.size": `p["layer"] == "Conv"`, `layer.Max "pool".size`: `p["layer"] == "Max \"pool\""`,
		"layer.after": `p["layer"] == "Max \"pool\""`, "layer.after.eps": `p["layer.after"] == "norm"`,
	} {
		if got, ok := when[name]; !ok || got != want {
			t.Errorf("%s: got the condition %q, want %q", name, got, want)
		}
		delete(when, name)
	}
	if len(when) > 0 {
		t.Errorf("also: %v", when)
	}
	p, ok, err := space.Complete(func() sweep.Point {
		p, err := space.FromNames(map[string]sweep.Value{"layer": sweep.StringValue("Conv"), "layer.size": sweep.IntValue(3)})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}())
	if err != nil || !ok || string(space.AppendJSON(nil, p)) != `{"layer":"Conv","layer.size":3}` {
		t.Errorf("got %s, %v, %v", space.AppendJSON(nil, p), ok, err)
	}
}

func TestNNIMistakes(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"empty", "", "s.json:1:1: empty; want a sweep file"},
		{"an empty map", "{}", "s.json:1:1: an empty map; want a map of parameters with _type and _value"},
		{"a list", "[1]", "s.json:1:1: a list; want a map of parameters with _type and _value"},
		{"no JSON", "{\"a\": [}", "s.json:1:8: not YAML"},
		{"a plain value", `{"a": 3}`, "s.json:1:7: a: 3; want a map with _type and _value"},
		{"no value", `{"a": {"_type": "choice"}}`, "s.json:1:7: a: _type alone; want _value beside it"},
		{"an unknown type", "{\n \"a\": {\"_type\": \"mutable_layer\", \"_value\": [1]}}", `s.json:2:17: a: _type "mutable_layer"; want choice, randint, `},
		{"another key", `{"a": {"_type": "choice", "_value": [1], "_default": 1}}`, `s.json:1:42: a: key "_default"; want _type and _value alone`},
		{"too few numbers", `{"a": {"_type": "quniform", "_value": [1, 2]}}`, "s.json:1:39: a: _value of quniform: a list of 2; want a list of 3 numbers"},
		{"a text for a number", `{"a": {"_type": "uniform", "_value": [1, "x"]}}`, `s.json:1:42: a: "x"; want a number`},
		{"an empty choice", `{"a": {"_type": "choice", "_value": []}}`, "s.json:1:37: a: _value of choice: a list of 0; want a list of options"},
		{"randint of fractions", `{"a": {"_type": "randint", "_value": [1, 2.5]}}`, "s.json:1:38: a: randint of 1 to 2.5; want integers"},
		{"randint of nothing", `{"a": {"_type": "randint", "_value": [2, 2]}}`, "s.json:1:42: a: randint up to 2; want more than the lower one"},
		{"an option without a name", `{"a": {"_type": "choice", "_value": [{"b": {"_type": "choice", "_value": [1]}}]}}`, "s.json:1:38: a: an option with parameters and without a name; want a _name in it"},
		{"an option in a list", `{"a": {"_type": "choice", "_value": [[{"_type": "choice", "_value": [1]}]]}}`, "s.json:1:38: a: an option with parameters"},
		{"a name that is no text", `{"a": {"_type": "choice", "_value": [{"_name": 3}]}}`, "s.json:1:48: a: _name: 3; want a text"},
		{"a log scale from 0", `{"a": {"_type": "loguniform", "_value": [0, 1]}}`, "s.json:1:42: a.min: 0 on a log scale; want > 0"},
		{"bounds the wrong way round", `{"a": {"_type": "uniform", "_value": [2, 1]}}`, "s.json:1:42: a: min 2 is not less than max 1; want max > min"},
		{"a sigma of 0", `{"a": {"_type": "normal", "_value": [0, 0]}}`, "s.json:1:"},
		{"one name twice", `{"a": {"_type": "choice", "_value": [{"_name": "x", "b": {"_type": "choice", "_value": [1]}}]}, "a.b": {"_type": "choice", "_value": [1]}}`, "s.json:1:97: parameter a.b stands twice; want another name"},
		{"a choice of NaN", `{"a": {"_type": "choice", "_value": [.nan]}}`, "s.json:1:38: a: NaN; want a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := FromNNI("s.json", []byte(tt.src), Options{})
			problems, ok := errors.AsType[Errors](err)
			if !ok || !strings.HasPrefix(problems[0].Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// FuzzNNI: no panic, and a search space that is accepted gives a sweep file
// that is accepted, too, and is the same sweep.
func FuzzNNI(f *testing.F) {
	for _, s := range []string{nniAll, `{"a": {"_type": "choice", "_value": [{"_name": "x", "b": {"_type": "choice", "_value": [1]}}, 2]}}`,
		"a:\n  _type: uniform\n  _value: [0, 1]\n", `{"a": {"_type": "choice", "_value": [{"c": [1, {"d": .inf}]}, "\u2028"]}}`, `{"": {"_type": "normal", "_value": [1e308, 1]}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := FromNNI("s.json", src, Options{})
		if err != nil {
			if _, ok := errors.AsType[Errors](err); !ok {
				t.Fatalf("got %T, want Errors", err)
			}
			return
		}
		again, err := Parse("s.yaml", file.Source, Options{})
		if err != nil {
			t.Fatalf("what is written down is refused: %v\n%s", err, file.Source)
		}
		if again.Spec.Digest != file.Spec.Digest {
			t.Fatalf("what is written down is another sweep:\n%s\n%s", again.Spec.Doc, file.Spec.Doc)
		}
	})
}
