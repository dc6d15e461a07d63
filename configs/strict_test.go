package configs

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// strictFile has what programs that parse strictly trip over.
const strictFile = `
method: grid
parameters:
  one: {value: 1.0}
  unit: {value: 1}
  small: {value: 1e-05}
  huge: {value: 1e+20}
  hundred: {value: 100000000000000000000.0}
  wide: {value: 9007199254740993}
  zero: {value: -0.0}
  on: true
  off: false
  none: {value: null}
  word: {value: resnet18}
  like_int: {value: "1"}
  like_float: {value: "1.0"}
  like_bool: {value: "true"}
  like_null: {value: "null"}
  empty: {value: ""}
  blanks: {value: " a  b "}
  signs: {value: 'a,b=c:d$e(f)[g]{h}'}
  quotes: {value: "it's \"so\""}
  slashes: {value: 'C:\dir\'}
  slash_quote: {value: "a\\'b\\"}
  inter: {value: '${oc.env:HOME}'}
  inter2: {value: '\${x} \\${y}'}
  lines: {value: "a\nb\tc"}
  accent: {value: "é 漢 😀"}
  sizes: {value: [64, 1.0, "64", null, true, "a, b", 1e-05, []]}
  layers: {value: [[1, 2], [3.0]]}
  opt:
    parameters:
      lr: {value: 1.0}
      name: {value: "o'k"}
      inner: {parameters: {deep: {value: [1, "x: y"]}, flag: {value: false}}}
`

const strictWant = `{"one": 1.0, "unit": 1, "small": 1e-05, "huge": 1e20, "hundred": 1e20, "wide": 9007199254740993, "zero": -0.0,
"on": True, "off": False, "none": None, "word": "resnet18", "like_int": "1", "like_float": "1.0", "like_bool": "true", "like_null": "null",
"empty": "", "blanks": " a  b ", "signs": "a,b=c:d$e(f)[g]{h}", "quotes": "it's \"so\"", "slashes": "C:\\dir\\", "slash_quote": "a\\'b\\",
"inter": "${oc.env:HOME}", "inter2": "\\${x} \\\\${y}", "lines": "a\nb\tc", "accent": "é 漢 😀",
"sizes": [64, 1.0, "64", None, True, "a, b", 1e-05, []], "layers": [[1, 2], [3.0]],
"opt": {"lr": 1.0, "name": "o'k", "inner": {"deep": [1, "x: y"], "flag": False}}}`

// TestStrictPrograms gives the arguments of each macro to a real program that
// takes a value in the one form of its type: 1.0 and never 1, and the reverse.
func TestStrictPrograms(t *testing.T) {
	python := "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		if python, err = exec.LookPath("python3"); err != nil {
			t.Skip("no python3 here")
		}
	}
	file := filepath.Join(t.TempDir(), "params.json")
	tests := []struct{ name, mode, src, want string }{
		{"args", "values", strictFile + "command: [x, '${args}']", strictWant},
		{"args_no_equals", "pairs", strictFile + "command: [x, '${args_no_equals}']", strictWant},
		{"args_override_hydra", "hydra", strictFile + "command: [x, '${args_override_hydra}']", strictWant},
		{"args_json", "json", strictFile + "command: [x, '${args_json}']", strictWant},
		{"args_json_file", "file", strictFile + "command: [x, '${args_json_file}']", strictWant},
		{"shell", "values", strictFile + "shell: 'exec x ${args}'", strictWant},
		{"args_no_boolean_flags", "flags", "method: grid\nparameters: {lr: {value: 1.0}, use_amp: true, nesterov: false, layers: 2, name: {value: 'a b'}}\n" +
			"command: [x, '${args_no_boolean_flags}']", `{"lr": 1.0, "use_amp": True, "nesterov": False, "layers": 2, "name": "a b"}`},
		{"dotted flags", "values", "method: grid\nparameters: {optimizer.lr: {value: 1.0}, optimizer.name: sgd, data.sizes: {value: [1, 2]}}\n" +
			"command: [x, '${args}']", `{"optimizer.lr": 1.0, "optimizer.name": "sgd", "data.sizes": [1, 2]}`},
		{"dotted overrides", "hydra", "method: grid\nparameters: {optimizer.lr: {value: 1.0}, optimizer.name: sgd, data.sizes: {value: [1, 2]}}\n" +
			"command: [x, '${args_override_hydra}']", `{"optimizer.lr": 1.0, "optimizer.name": "sgd", "data.sizes": [1, 2]}`},
		{"nested under their own flags", "values", "method: grid\nparameters: {opt: {parameters: {lr: {value: 1.0, flag: --opt.lr}, k: {value: 2, flag: --opt.k}}}}\n" +
			"command: [x, '${args}']", `{"opt.lr": 1.0, "opt.k": 2}`},
		{"keys in Hydra's maps", "hydra", `{method: grid, parameters: {m: {value: {"a b": 1, "k:v": "x y", "c,d": {"e=f": [1]}, "g/h.i-j": null}}}, command: [x, "${args_override_hydra}"]}`,
			`{"m": {"a b": 1, "k:v": "x y", "c,d": {"e=f": [1]}, "g/h.i-j": None}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var params []byte
			argv, err := render(t, tt.src, func(v *Vars) {
				v.TrialDir = filepath.Dir(file)
				if tt.mode == "file" {
					params, _ = ParamsJSON(parse(t, tt.src).Spec, v.Values) // never fails: these are JSON
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if params != nil {
				if err := os.WriteFile(file, params, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), python, append([]string{"testdata/strict.py", tt.mode, tt.want}, argv[1:]...)...)
			if argv[0] == "sh" { // exec x, with the program in place of x
				cmd = exec.CommandContext(t.Context(), "sh", "-c", `x() { "$PYTHON" testdata/strict.py values "$WANT" "$@"; }; `+argv[2][len("exec "):])
				cmd.Env = append(os.Environ(), "PYTHON="+python, "WANT="+tt.want)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestWideIntegers: what no int64 holds is a float, and never silently.
func TestWideIntegers(t *testing.T) {
	f, err := Parse("sweep.yaml", []byte("method: grid\ncommand: [x, '${args}']\nparameters: {a: [18446744073709551615, 9223372036854775807, '18446744073709551615', 1e20]}\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Error(), "3:18: a: 18446744073709551615 is beyond 64 bits and becomes 1.8446744073709552e+19; want quotes") {
		t.Errorf("got %v", f.Warnings)
	}
	var got []string
	for _, v := range f.Spec.Space.Params[0].Domain.Values {
		got = append(got, v.Python())
	}
	want := []string{"1.8446744073709552e+19", "9223372036854775807", "18446744073709551615", "1e+20"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStrictProgramRefuses: the program above is no judge if it takes anything.
func TestStrictProgramRefuses(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	refused := []struct {
		mode string
		want any
		arg  string
	}{
		{"values", 1.5, "--x=1"}, {"values", 1, "--x=1.0"}, {"values", true, "--x=true"}, {"values", nil, "--x=null"}, {"values", []int{1}, "--x=1,2"},
		{"hydra", "a,b", "++x=a,b"}, {"hydra", "true", "++x=true"}, {"hydra", "1", "++x=1"}, {"hydra", "a b", "++x='a b"}, {"hydra", "${x}", "++x='${x}'"},
		{"hydra", `a\`, `++x='a\'`}, {"hydra", map[string]int{"a b": 1}, "++x={'a b':1}"}, {"hydra", 1.0, "++x=1"}, {"hydra", "f(x)", "++x=f(x)"}, {"hydra", "", "++x="},
	}
	for _, tt := range refused {
		b, err := json.Marshal(tt.want)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"true": "True", "null": "None", "1": "1.0"}[string(b)]
		if _, isInt := tt.want.(int); want == "" || isInt {
			want = string(b)
		}
		if exec.CommandContext(t.Context(), python, "testdata/strict.py", tt.mode, `{"x": `+want+`}`, tt.arg).Run() == nil {
			t.Errorf("%s %s: taken as %s", tt.mode, tt.arg, want)
		}
	}
}
