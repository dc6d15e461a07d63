package configs

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trawl-sweep/trawl/sweep"
)

const small = "method: grid\nprogram: t.py\nmetric: loss\nrepeats: 2\nparameters: {lr: {values: [1, 2]}, a.b: [1], opt: {parameters: {k: [3]}}}\n"

func TestSet(t *testing.T) {
	tests := []struct{ set, key, want string }{
		{"run_cap=5", "run_cap", "5"},
		{"parameters.lr.values=[3, 4.0]", "parameters", `{"lr":{"values":[3,4.0]},"a.b":[1],"opt":{"parameters":{"k":[3]}}}`},
		{"parameters.a.b=7", "parameters", `{"lr":{"values":[1,2]},"a.b":7,"opt":{"parameters":{"k":[3]}}}`},
		{"parameters.opt.parameters.k=1e-3", "parameters", `{"lr":{"values":[1,2]},"a.b":[1],"opt":{"parameters":{"k":0.001}}}`},
		{"parameters.lr.values.1=no", "parameters", `{"lr":{"values":[1,false]},"a.b":[1],"opt":{"parameters":{"k":[3]}}}`},
		{"parameters.new.min=0", "", ""},
		{"metric.goal=maximize", "metric", `{"name":"loss","goal":"maximize"}`},
		{"repeats.parameter=seed", "repeats", `{"count":2,"parameter":"seed"}`},
		{"budget.wall=2h", "budget", `{"wall":"2h"}`},
		{"env.X=a=b", "env", `{"X":"a=b"}`},
		{"description=", "description", ""},
	}
	for _, tt := range tests {
		f, err := Parse("s.yaml", []byte(small), Options{Set: []string{tt.set}})
		if tt.key == "" {
			if err == nil {
				t.Errorf("%s: got no problem", tt.set)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.set, err)
			continue
		}
		if got := short(reparse(f.Spec).get(tt.key)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.set, got, tt.want)
		}
		sameAfterDoc(t, f)
	}
}

func TestSetProblems(t *testing.T) {
	tests := []struct{ set, want string }{
		{"run_cap", `--set run_cap:1:1: "run_cap"; want key=value`},
		{"run_cap=x", `--set run_cap=x:1:9: run_cap: "x"; want an integer >= 1`},
		{"runcap=3", `--set runcap=3:1:1: unknown key "runcap"; want run_cap`},
		{"lr=3", `want parameters.lr`},
		{"dataset=3", `unknown key "dataset"`},
		{"metric.gaol=maximize", `--set metric.gaol=maximize:1:1: metric: unknown key "gaol"; want goal`},
		{"parameters.lr.values.9=1", `"9"; want an index below 2`},
		{"zip=[[lr", "not YAML"},
	}
	for _, tt := range tests {
		_, err := Parse("s.yaml", []byte(small), Options{Set: []string{tt.set}})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.set, err, tt.want)
		}
	}
	_, err := Parse("s.yaml", []byte(small), Options{Set: []string{"run_cap=x"}})
	var b strings.Builder
	err.(Errors).Print(&b, []byte(small))
	if want := "    run_cap=x\n            ^\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got %q, want a caret below the flag: %q", b.String(), want)
	}
}

func TestParamFlags(t *testing.T) {
	floats := func(lo, hi float64, d sweep.Dist) sweep.Domain { return sweep.Domain{Dist: d, Min: lo, Max: hi} }
	choices := func(vs ...sweep.Value) sweep.Domain { return sweep.Domain{Dist: sweep.Categorical, Values: vs} }
	constant := func(v sweep.Value) sweep.Domain {
		return sweep.Domain{Dist: sweep.Constant, Values: []sweep.Value{v}}
	}
	logLevels := floats(1e-4, 10, sweep.LogUniformValues)
	logLevels.Levels = 6
	ints := sweep.Domain{Dist: sweep.IntUniform, Min: 16, Max: 256, Ints: true}
	logInts := ints
	logInts.Log = true
	tests := map[string]sweep.Domain{
		"lr=log:1e-4..10/6":   logLevels,
		"lr=1e-4..10":         floats(1e-4, 10, sweep.Uniform),
		"drop=0..0.5":         floats(0, 0.5, sweep.Uniform),
		"w=int:16..256":       ints,
		"w=16..256":           ints,
		"w=log:16..256":       logInts,
		"w=int:log:16..256":   logInts,
		"clip=.25,1,1000":     choices(sweep.FloatValue(.25), sweep.IntValue(1), sweep.IntValue(1000)),
		"opt=sgd, adam":       choices(sweep.StringValue("sgd"), sweep.StringValue("adam")),
		"steps=1000":          constant(sweep.IntValue(1000)),
		"flag=no":             constant(sweep.BoolValue(false)),
		"path=../data":        constant(sweep.StringValue("../data")),
		"span='1..x'":         constant(sweep.StringValue("1..x")),
		"x={min: 1, max: 2.}": floats(1, 2, sweep.Uniform),
		"x=['a,b', 2]":        choices(sweep.StringValue("a,b"), sweep.IntValue(2)),
		"neg=-1..1.5":         floats(-1, 1.5, sweep.Uniform),
	}
	for arg, want := range tests {
		f, err := FromOptions(Options{Params: []string{arg}, Command: []string{"./train"}})
		if err != nil {
			t.Errorf("%s: %v", arg, err)
			continue
		}
		if d := cmp.Diff(want, f.Spec.Space.Params[0].Domain, cmp.AllowUnexported(sweep.Value{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", arg, d)
		}
	}
	for arg, want := range map[string]string{
		"lr":            "want name=values",
		"lr=":           "want name=values",
		"=1":            "want name=values",
		"lr=1,,2":       "-p lr=1,,2:1:6: 1,,2; want a value between",
		"lr=log:1,2":    "want a range",
		"lr=int:0.5..2": "want integers",
		"lr=1..2/q0.1":  "-p lr=1..2/q0.1:1:4: 1..2/q0.1; want a range, like log:1e-4..10/6 or 16..256, or the text in quotes",
		"lr=log:0..1":   "lr.min: 0 on a log scale; want > 0",
		"lr=2..1":       "min 2 is not less than max 1",
		"lr=[1":         "not YAML",
	} {
		_, err := FromOptions(Options{Params: []string{arg}, Command: []string{"./train"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", arg, err, want)
		}
	}
}

func TestFromOptions(t *testing.T) {
	f, err := FromOptions(Options{
		Params: []string{"lr=log:1e-4..10/6", "clip=.25,1,1000"}, Metric: "val_acc:max",
		Command: []string{"python", "-u", "code/train.py", "--x"}, RunCap: 9, Seed: new(int64(4)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := f.Spec
	if s.Name != "train" || s.Method != "grid" || s.RunCap != 9 || s.Seed != 4 || f.Path != "" || len(f.Warnings) > 0 {
		t.Errorf("got name %q, method %s, cap %d, seed %d, warnings %v", s.Name, s.Method, s.RunCap, s.Seed, f.Warnings)
	}
	if o := s.Objectives[0]; o.Name != "val_acc" || o.Goal != sweep.Maximize {
		t.Errorf("objective: %+v", o)
	}
	if d := cmp.Diff([]string{"python", "-u", "code/train.py", "--x", "${args}"}, s.Command); d != "" {
		t.Error(d)
	}
	again, err := Parse("other.yaml", f.Source, Options{})
	if err != nil {
		t.Fatalf("the file written down: %v\n%s", err, f.Source)
	}
	if again.Spec.Doc != s.Doc || again.Spec.Digest != s.Digest {
		t.Errorf("the file written down differs:\n%s\n%s", again.Spec.Doc, s.Doc)
	}
	if f, err := FromOptions(Options{Params: []string{"lr=0.1..1"}, Command: []string{"./a.out", "${args_json}"}}); err != nil ||
		f.Spec.Method != "random" || f.Spec.Name != "a" || len(f.Spec.Command) != 2 {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestOptionsChangeAFile(t *testing.T) {
	f, err := Parse("s.yaml", []byte(small+"shell: x\n"), Options{Name: "n", Method: "random", RunCap: 3, Metric: "acc",
		Command: []string{"./x"}, Params: []string{"lr=5"}})
	if err != nil {
		t.Fatal(err)
	}
	s := f.Spec
	if s.Name != "n" || s.Method != "random" || s.RunCap != 3 || s.Objectives[0].Name != "acc" || s.Shell != "" || s.Command[1] != "${args}" {
		t.Errorf("got %+v", s)
	}
	if got := s.Space.Params[1].Domain; got.Dist != sweep.Constant {
		t.Errorf("lr: got %+v, want the constant of -p", got)
	}
	sameAfterDoc(t, f)
}

func TestParseValues(t *testing.T) {
	f := parse(t, "method: grid\nprogram: t\nparameters: {lr: [0.1, 1], opt: [sgd, '1', on1, 'no'], b: [true, false], d: {expr: lr}}")
	got, err := ParseValues(f.Spec, []string{"lr=1e-1", "opt=no", "b=no"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]sweep.Value{"lr": sweep.FloatValue(0.1), "opt": sweep.StringValue("no"), "b": sweep.BoolValue(false)}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(sweep.Value{})); d != "" {
		t.Error(d)
	}
	_, err = ParseValues(f.Spec, []string{"lrr=1", "x"})
	if err == nil || err.Error() != "lrr: no parameter of that name; want lr\n\"x\"; want name=value" {
		t.Errorf("got %v", err)
	}
}

func TestInterpreter(t *testing.T) {
	has := func(names ...string) func(string) (string, error) {
		return func(s string) (string, error) {
			if strings.Contains(strings.Join(names, " ")+" ", s+" ") {
				return "/bin/" + s, nil
			}
			return "", exec.ErrNotFound
		}
	}
	for want, look := range map[string]func(string) (string, error){"python3": has("python3"), "python": has("python", "python3")} {
		if got := Interpreter(look); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := Interpreter(has()); got != "python" {
		t.Errorf("none: got %s, want python", got)
	}
}
