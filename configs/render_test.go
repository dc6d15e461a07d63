package configs

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trawl-sweep/trawl/sweep"
)

// macroFile has a value of every kind; W&B passes them sorted by name.
const macroFile = `
method: grid
program: train.py
parameters:
  lr: 1e-05
  batch: 64
  drop: 1.0
  use_amp: true
  bias: false
  none: {value: null}
  opt: {values: ["a b"]}
  rho: {values: [0.9], when: 'batch == 0'}
  net: {parameters: {width: {value: 8}, act: {parameters: {kind: {value: it's}}}}}
  sizes: {value: [1, 2.0, x]}
`

// vars are the values of the only point of a file.
func vars(t *testing.T, spec *sweep.Spec) Vars {
	t.Helper()
	values := map[string]sweep.Value{}
	for _, p := range spec.Space.Params {
		if p.Derived == nil && p.When == nil {
			values[p.Name] = p.Domain.Values[0]
		}
	}
	return Vars{Values: values, Trial: 7, TrialDir: "/runs/7", CheckpointDir: "/runs/7/checkpoint", Seed: 3, Attempt: 1,
		LookupEnv: func(s string) (string, bool) { return "of " + s, s == "HOME" }}
}

func render(t *testing.T, src string, change func(*Vars)) ([]string, error) {
	t.Helper()
	f := parse(t, src)
	v := vars(t, f.Spec)
	if change != nil {
		change(&v)
	}
	return Render(f.Spec, v)
}

func TestMacros(t *testing.T) {
	tests := []struct {
		name    string
		command []string
		want    []string
	}{
		{"args", []string{"${args}"}, []string{"--batch=64", "--bias=False", "--drop=1.0", "--lr=1e-05",
			`--net={'act': {'kind': "it's"}, 'width': 8}`, "--none=None", "--opt=a b", "--sizes=[1, 2.0, 'x']", "--use_amp=True"}},
		{"no hyphens", []string{"${args_no_hyphens}"}, []string{"batch=64", "bias=False", "drop=1.0", "lr=1e-05",
			`net={'act': {'kind': "it's"}, 'width': 8}`, "none=None", "opt=a b", "sizes=[1, 2.0, 'x']", "use_amp=True"}},
		{"no equals", []string{"${args_no_equals}"}, []string{"--batch", "64", "--bias", "False", "--drop", "1.0", "--lr", "1e-05",
			"--net", `{'act': {'kind': "it's"}, 'width': 8}`, "--none", "None", "--opt", "a b", "--sizes", "[1, 2.0, 'x']", "--use_amp", "True"}},
		{"no boolean flags", []string{"${args_no_boolean_flags}"}, []string{"--batch=64", "--drop=1.0", "--lr=1e-05",
			`--net={'act': {'kind': "it's"}, 'width': 8}`, "--none=None", "--opt=a b", "--sizes=[1, 2.0, 'x']", "--use_amp"}},
		{"append hydra", []string{"${args_append_hydra}"}, []string{"+batch=64", "+bias=false", "+drop=1.0", "+lr=1e-05",
			`+net={act:{kind:'it\'s'},width:8}`, "+none=null", "+opt='a b'", "+sizes=[1,2.0,x]", "+use_amp=true"}},
		{"override hydra", []string{"${args_override_hydra}"}, []string{"++batch=64", "++bias=false", "++drop=1.0", "++lr=1e-05",
			`++net={act:{kind:'it\'s'},width:8}`, "++none=null", "++opt='a b'", "++sizes=[1,2.0,x]", "++use_amp=true"}},
		{"json", []string{"${args_json}"}, []string{`{"batch": 64, "bias": false, "drop": 1.0, "lr": 1e-05, ` +
			`"net": {"act": {"kind": "it's"}, "width": 8}, "none": null, "opt": "a b", "sizes": [1, 2.0, "x"], "use_amp": true}`}},
		{"json file", []string{"${args_json_file}"}, []string{"/runs/7/params.json"}},
		{"env", []string{"${env}"}, []string{"/usr/bin/env"}},
		{"interpreter and program", []string{"${interpreter}", "${program}"}, []string{"python", "train.py"}},
		{"inside words", []string{"-n=${trial}:${seed}", "${trial_dir}/x", "${checkpoint_dir}", "lr-${param:lr}", "${param:net.width}"},
			[]string{"-n=7:3", "/runs/7/x", "/runs/7/checkpoint", "lr-1e-05", "8"}},
		{"environment", []string{"${envvar:HOME}/x"}, []string{"of HOME/x"}},
		{"literal", []string{"$${args}", "$x $$ $", "a$${b"}, []string{"${args}", "$x $$ $", "a${b"}},
		{"inactive", []string{"--rho=${param:rho}", "x"}, []string{"x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			command, _ := json.Marshal(append([]string{"c"}, tt.command...))
			got, err := render(t, macroFile+"command: "+string(command)+"\n", nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got[1:]); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestWordsStayAsWritten(t *testing.T) {
	got, err := render(t, "method: grid\nparameters: {a: 1}\ncommand: [-c, 1e-3, True, '', 'it''s', no, 0x10]", nil)
	if d := cmp.Diff([]string{"-c", "1e-3", "True", "", "it's", "no", "0x10"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestDefaultCommand(t *testing.T) {
	got, err := render(t, "method: grid\nprogram: train.py\nparameters: {lr: 0.1}", func(v *Vars) { v.Interpreter = "python3" })
	if d := cmp.Diff([]string{"/usr/bin/env", "python3", "train.py", "--lr=0.1"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if _, err := render(t, "method: grid\nparameters: {lr: 0.1}", nil); err == nil {
		t.Error("no program: got no error")
	}
	if _, err := render(t, "method: grid\ncommand: ['${envvar:NOT_THERE}']\nparameters: {lr: 0.1}", nil); err == nil {
		t.Error("no such variable: got no error")
	}
}

func TestFlagsAndDashes(t *testing.T) {
	const src = "method: grid\ndashes: true\nparameters: {weight_decay: {value: 1, flag: --wd_}, a_b: 2, c: {value: 3, flag: -c}, d: {value: 4, flag: dd}}\ncommand: "
	tests := map[string][]string{
		"['${args}']":            {"--a-b=2", "-c=3", "--dd=4", "--wd_=1"},
		"['${args_no_hyphens}']": {"a-b=2", "c=3", "dd=4", "wd_=1"},
		"['${args_json}']":       {`{"a_b": 2, "c": 3, "d": 4, "weight_decay": 1}`},
	}
	for command, want := range tests {
		got, err := render(t, src+command, nil)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %s %v", command, d, err)
		}
	}
}

func TestRepeatParameterIsPassed(t *testing.T) {
	got, err := render(t, "method: grid\nprogram: t\nrepeats: {count: 2, parameter: seed}\nparameters: {a: 1, z: 2}\ncommand: ['${args}', '${param:seed}']",
		func(v *Vars) { v.Values["seed"] = sweep.IntValue(2) })
	if d := cmp.Diff([]string{"--a=1", "--seed=2", "--z=2", "2"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestOnePass(t *testing.T) {
	got, err := render(t, "method: grid\nparameters: {a: {value: '${trial}'}}\ncommand: [x, '${args}']", nil)
	if d := cmp.Diff([]string{"x", "--a=${trial}"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestResumeArgs(t *testing.T) {
	for _, head := range []string{"command: [x]\n", "shell: x\n"} {
		src := "method: grid\nparameters: {a: 1}\nresume_args: [--resume, '${checkpoint_dir}/last.pt', 'a b']\n" + head
		for attempt, there := range map[int]bool{1: true, 2: true, 3: false} {
			got, err := render(t, src, func(v *Vars) { v.Attempt, v.HasCheckpoint = attempt, there })
			if err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(strings.Join(got, " "), "/runs/7/checkpoint/last.pt"); has != (attempt == 2) {
				t.Errorf("attempt %d, checkpoint %v: got %q", attempt, there, got)
			}
		}
	}
}

func TestWorkdirTrialMakesTheProgramAbsolute(t *testing.T) {
	const src = "method: grid\nprogram: code/t.py\nparameters: {a: 1}\ncommand: ['${program}']\nworkdir: "
	for dir, want := range map[string]string{"trial": "/home/me/code/t.py", ".": "code/t.py"} {
		got, err := render(t, src+dir, func(v *Vars) { v.BaseDir = "/home/me" })
		if err != nil || got[0] != want {
			t.Errorf("workdir %s: got %q, %v; want %s", dir, got, err, want)
		}
	}
}

// nasty are values that a careless shell line would run.
var nasty = []string{"a b", "$(echo pwned)", "`echo pwned`", "'; echo pwned; '", `"; echo pwned; "`, `\`, `a\"b`, "$HOME", "", "*", "~", "-n", "é\n2", "!x"}

func TestShellKeepsValuesData(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	for _, line := range []string{`printf '<%s>' ${param:a}`, `printf '<%s>' "${param:a}"`, `printf "<${param:a}>" | cat`, `printf '%s' '<${param:a}>'`, `printf '<%s>' x${param:a}y`} {
		for _, v := range nasty {
			if strings.Contains(line, `"<$`) && strings.ContainsAny(v, `\%`) {
				continue // printf's own escapes
			}
			quoted, _ := json.Marshal(v)
			shell, _ := json.Marshal(line)
			argv, err := render(t, "method: grid\nparameters: {a: {value: "+string(quoted)+"}}\nshell: "+string(shell), nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := exec.Command(sh, argv[1:]...).CombinedOutput()
			want := "<" + v + ">"
			if strings.Contains(line, "x$") {
				want = "<x" + v + "y>"
			}
			if err != nil || string(got) != want {
				t.Errorf("%s with %q: got %q, %v; want %q", line, v, got, err, want)
			}
		}
	}
}

func TestShellArgs(t *testing.T) {
	const src = "method: grid\nparameters: {a: {values: ['x y']}, b: {values: [1], when: 'a == 0'}, c: 2}\nshell: "
	tests := map[string]string{
		`'cd d && t ${args} >out'`:                    `cd d && t '--a=x y' --c=2 >out`,
		`'t -b ${param:b} --b=${param:b}; u "$${X}"'`: `t -b  ; u "${X}"`,
		`'t --b="q ${param:b} r" -c ${param:c}'`:      `t  -c 2`,
	}
	for line, want := range tests {
		got, err := render(t, src+line, nil)
		if d := cmp.Diff([]string{"sh", "-c", want}, got); d != "" || err != nil {
			t.Errorf("%s: %s %v", line, d, err)
		}
	}
}

func TestHydraTexts(t *testing.T) {
	for s, want := range map[string]string{
		"resnet18": "resnet18", "a/b.yaml": "a/b.yaml", "true": "'true'", "NULL": "'NULL'", "1e-3": "'1e-3'", "inf": "'inf'",
		"a,b": "'a,b'", "": "''", "it's": `'it\'s'`, `a\`: `'a\\'`, `a\b`: `'a\b'`, "${x}": `'\${x}'`, "k=v": "'k=v'", "a:b": "'a:b'", "12": "'12'",
	} {
		if got := hydra(sweep.StringValue(s)); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestTemplateProblems(t *testing.T) {
	for s, want := range map[string]string{
		"x${":          "2 ${ without }",
		"${nope}":      "1 unknown macro ${nope}",
		"é${arg}":      "2 unknown macro ${arg}",
		"${param}":     "1 ${param} without a name",
		"${param:}":    "1 ${param} without a name",
		"${trial:3}":   "1 ${trial:3}",
		"$${a}${x y}$": "6 unknown macro ${x y}",
	} {
		_, err := parseTemplate(s)
		if err == nil {
			t.Errorf("%q: got no error", s)
			continue
		}
		if got := string(rune('1'+err.at)) + " " + err.what; got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestParamsJSON(t *testing.T) {
	f := parse(t, `
method: grid
program: t
repeats: {count: 2, parameter: seed}
parameters:
  lr: 1e-05
  one: {value: 1.0}
  clip: .inf
  word: {value: Infinity}
  rho: {values: [0.9], when: 'lr == 0'}
  net: {parameters: {width: {value: 8}, drop: {value: 1.0, flag: --drop}, act: {parameters: {low: {value: -.inf}, name: {value: "a<b"}}}}}
  sizes: {value: [1, 2.0, .inf, null]}
`)
	v := vars(t, f.Spec)
	if err := json.Unmarshal([]byte(`{"clip": "Infinity", "net.act.low": "-Infinity", "seed": 2}`), &v.Values); err != nil {
		t.Fatal(err)
	}
	got, err := ParamsJSON(f.Spec, v.Values)
	want := `{"clip":1e999,"lr":1e-05,"net":{"act":{"low":-1e999,"name":"a\u003cb"},"drop":1.0,"width":8},"one":1.0,"seed":2,"sizes":[1,2.0,1e999,null],"word":"Infinity"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// TestInfinityFromJSON: trials carry their values as JSON.
func TestInfinityFromJSON(t *testing.T) {
	f := parse(t, "method: grid\nprogram: t\nparameters: {clip: [1, .inf], word: [Infinity]}\ncommand: ['${args}']")
	v := vars(t, f.Spec)
	if err := json.Unmarshal([]byte(`{"clip": "Infinity", "word": "Infinity"}`), &v.Values); err != nil {
		t.Fatal(err)
	}
	got, err := Render(f.Spec, v)
	if d := cmp.Diff([]string{"--clip=inf", "--word=Infinity"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
}
