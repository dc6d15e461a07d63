package configs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/trawl-sweep/trawl/sweep"
)

var update = flag.Bool("update", false, "rewrite golden files")

// parse reads a text that must be right.
func parse(t *testing.T, src string) *File {
	t.Helper()
	f, err := Parse("sweep.yaml", []byte(src), Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return f
}

// TestProblems compares what is printed for broken files.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(path), src, Options{})
			problems, ok := errors.AsType[Errors](err)
			if !ok {
				t.Fatalf("got %v, want problems", err)
			}
			var got bytes.Buffer
			problems.Print(&got, src)
			golden := strings.TrimSuffix(path, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got.String()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestSpecExample(t *testing.T) {
	f, err := Load("testdata/spec.yaml", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
	s := f.Spec
	if s.Name != "mnist-clip" || s.Seed != 7 || s.RunCap != 100 || s.Sampler != "grid" || s.Program != "train.py" {
		t.Errorf("got %q seed %d cap %d %s %s", s.Name, s.Seed, s.RunCap, s.Sampler, s.Program)
	}
	if got := s.Budget; got != (sweep.Budget{Wall: 8 * time.Hour, TrialHours: 40, Failures: 10}) {
		t.Errorf("budget: got %+v", got)
	}
	if got := s.Resources; got != (sweep.Resources{CPUs: 1, GPUs: 0.5, GPUsSet: true, Memory: 4 << 30}) {
		t.Errorf("resources: got %+v", got)
	}
	want := sweep.Retries{Max: 2, On: []sweep.Class{sweep.ClassSignal, sweep.ClassExit}, OOM: &sweep.Resources{GPUs: 1, GPUsSet: true}}
	if d := cmp.Diff(want, s.Retries); d != "" {
		t.Errorf("retries: %s", d)
	}
	if d := cmp.Diff(sweep.Repeats{Parameter: "seed", Seeds: []int64{1, 2, 3}}, s.Repeats); d != "" {
		t.Errorf("repeats: %s", d)
	}
	if s.EarlyTerminate == nil || s.EarlyTerminate.Type != "asha" || s.StopIf == nil || s.Keep != 3 {
		t.Errorf("early_terminate %v, stop_if %v, keep %d", s.EarlyTerminate, s.StopIf, s.Keep)
	}
	if got := len(s.Space.Constraints); got != 1 {
		t.Errorf("constraints: got %d, want 1", got)
	}
	lr, _ := s.Space.Index("lr")
	if got := s.Space.Params[lr].Domain; got.Dist != sweep.LogUniformValues || got.Min != 1e-4 || got.Max != 10 || got.Levels != 6 {
		t.Errorf("lr: got %+v", got)
	}
	places := strings.Join(s.Unbuilt, "\n")
	for _, name := range []string{"keep.checkpoints ("} {
		if !strings.Contains(places, name) {
			t.Errorf("unbuilt: got %q, want %s", s.Unbuilt, name)
		}
	}
	sameAfterDoc(t, f)
}

// TestSpecExampleIsTheSpecs keeps the copy like the original.
func TestSpecExampleIsTheSpecs(t *testing.T) {
	spec, err := os.ReadFile("../../shared/spec.md")
	if err != nil {
		t.Skip("the specification is not here")
	}
	got, err := os.ReadFile("testdata/spec.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(spec), "```yaml\n"+string(got)+"```") {
		t.Error("testdata/spec.yaml is not the example of the specification")
	}
}

func TestExamplesLoad(t *testing.T) {
	err := fs.WalkDir(Examples, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := Examples.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(src), "# yaml-language-server: $schema=") {
			t.Errorf("%s: the first line does not name the schema", path)
		}
		f, err := Parse(path, src, Options{})
		if err != nil {
			return err
		}
		if len(f.Warnings)+len(f.Spec.Unbuilt) > 0 {
			t.Errorf("%s: %v %v", path, f.Warnings, f.Spec.Unbuilt)
		}
		sameAfterDoc(t, f)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that it is not there", err)
	}
}

func TestDefaults(t *testing.T) {
	f := parse(t, "method: random\nprogram: t.py\nparameters: {x: {min: 0.0, max: 1}}")
	s := f.Spec
	got := []any{s.Name, s.Duplicates, s.Executor, s.WandB, s.LogLimit, s.MinFree, s.Stop, s.Parallel, s.Repeats.N(), len(s.Objectives)}
	want := []any{"sweep", "skip", "local", "auto", int64(64 << 20), int64(1 << 30), sweep.StopRule{Signal: "SIGTERM", Grace: 10 * time.Second}, 0, 1, 0}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
}

func TestWarnings(t *testing.T) {
	const base = "method: random\nprogram: t.py\n"
	tests := []struct{ name, src, want string }{
		{"W&B's keys", "project: p\nparameters: {x: [1]}", "3:1: project: a key of W&B"},
		{"user's keys", "dataset_root: p\nparameters: {x: [1]}", "3:1: unknown key \"dataset_root\""},
		{"duplicate keys", "parameters: {x: [1], x: [2]}", "3:22: duplicate key \"x\": the last wins"},
		{"no for false", "parameters: {x: {value: no}}", "3:25: no is false here"},
		{"exponents", "parameters: {x: {distribution: log_uniform, min: -5, max: 0}}", "natural logarithms; log_uniform_values"},
		{"quantised", "parameters: {x: {distribution: q_uniform, min: 0.1, max: 1, q: 0.25}}", "multiples of q inside min and max"},
		{"weights", "parameters: {x: {values: [1, 2], probabilities: [1, 1]}}", "sum to 2"},
		{"no metric name", "metric: {goal: minimize}\nparameters: {x: [1]}", "3:9: metric: no name"},
		{"foreign key of metric", "metric: {name: a, dashboard: x}\nparameters: {x: [1]}", "metric: unknown key \"dashboard\""},
		{"empty key", "run_cap:\nparameters: {x: [1]}", "3:1: run_cap: empty"},
		{"hyperband", "metric: {name: a}\nearly_terminate: {type: hyperband}\nparameters: {x: [1]}", "without a first step"},
		{"nothing to prune on", "early_terminate: {type: median}\nparameters: {x: [1]}", "3:18: early_terminate: the sweep has no metric"},
		{"order", "order: shuffled\nparameters: {x: [1]}", "order: random has none"},
		{"numbers in quotes", "run_cap: \"7\"\nparameters: {x: [1]}", "3:10: run_cap: a number in quotes"},
		{"a command of one text", "command: ./t --x ${args}\nparameters: {x: [1]}", "command: one text, split at blanks"},
		{"alike", "parameters: {x: {values: [0.5, 1.0, 1]}}", "3:37: x: 1 is 1.0 again, the same point"},
		{"two integers", "parameters: {x: {min: 0, max: 1}}", "3:23: x: min and max are integers, so only 0 and 1 are tried, as W&B has it; want 0.0 and 1.0"},
		{"beyond 64 bits", "parameters: {x: {values: [12345678901234567890]}}", "3:27: x: 12345678901234567890 is beyond 64 bits and becomes 1.2345678901234567e+19; want quotes"},
		{"link", "link: [data]\nparameters: {x: [1]}", "workdir: trial"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := parse(t, base+tt.src)
			if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Error(), tt.want) {
				t.Errorf("got %v, want one: %s", f.Warnings, tt.want)
			}
			sameAfterDoc(t, f)
		})
	}
	f := parse(t, "parameters: {x: [1]}")
	if len(f.Warnings) != 2 || f.Spec.Method != "grid" {
		t.Errorf("neither method nor program: got %v, %s", f.Warnings, f.Spec.Method)
	}
}

func TestExponentsOutOfRangeAreCut(t *testing.T) {
	f := parse(t, "method: random\nprogram: t\nparameters: {x: {distribution: log_uniform, min: 1, max: 1000}}")
	if d := f.Spec.Space.Params[0].Domain; d.Max != 700 || len(f.Warnings) != 2 {
		t.Errorf("got max %v, warnings %v", d.Max, f.Warnings)
	}
}

func TestSharesOfGPUs(t *testing.T) {
	const file = "method: grid\nprogram: t\nparameters: {x: 1}\nresources: {gpus: "
	for _, n := range []string{"0", "0.5", "0.34", "1", "8", "0.015625"} {
		f := parse(t, file+n+"}")
		if want, _ := strconv.ParseFloat(n, 64); len(f.Spec.Unbuilt) > 0 || !f.Spec.Resources.GPUsSet || f.Spec.Resources.GPUs != want {
			t.Errorf("%s: got %q, %+v", n, f.Spec.Unbuilt, f.Spec.Resources)
		}
	}
	for _, n := range []string{"1.5", "2.0001", "0.001", "1e-300"} {
		_, err := Parse("s.yaml", []byte(file+n+"}"), Options{})
		if err == nil || !strings.Contains(err.Error(), "resources.gpus: "+n) {
			t.Errorf("%s: got error %v", n, err)
		}
	}
}

// TestScalars checks YAML 1.2's core schema through the values of a parameter.
func TestScalars(t *testing.T) {
	tests := map[string]sweep.Value{
		"1e-3": sweep.FloatValue(1e-3), "1.": sweep.FloatValue(1), ".5": sweep.FloatValue(.5), "1.e-5": sweep.FloatValue(1e-5),
		"64": sweep.IntValue(64), "+3": sweep.IntValue(3), "1.0": sweep.FloatValue(1), "-0": sweep.IntValue(0),
		"0x1f": sweep.IntValue(31), "0o17": sweep.IntValue(15), "017": sweep.IntValue(17),
		"1_000": sweep.StringValue("1_000"), "1:30": sweep.StringValue("1:30"), "2001-01-01": sweep.StringValue("2001-01-01"),
		"true": sweep.BoolValue(true), "False": sweep.BoolValue(false), "off": sweep.BoolValue(false), `"off"`: sweep.StringValue("off"),
		"~": sweep.NullValue(), "null": sweep.NullValue(), "y": sweep.StringValue("y"), `"1"`: sweep.StringValue("1"),
		"!!str 5": sweep.StringValue("5"), "!!float 5": sweep.FloatValue(5), "'it''s'": sweep.StringValue("it's"),
		"9223372036854775808": sweep.FloatValue(1 << 63),
	}
	for text, want := range tests {
		f := parse(t, "method: grid\nprogram: t\nparameters: {x: {value: "+text+"}}")
		if got := f.Spec.Space.Params[0].Domain.Values[0]; got != want {
			t.Errorf("%s: got %v %v, want %v %v", text, got.Kind(), got, want.Kind(), want)
		}
		sameAfterDoc(t, f)
	}
}

func TestInfinityStays(t *testing.T) {
	f := parse(t, "method: grid\nprogram: t\nparameters: {clip: [0.25, .inf, {a: -.inf}]}")
	if got := f.Spec.Space.Params[0].Domain.Values[1].Python(); got != "inf" {
		t.Errorf("got %s, want inf", got)
	}
	sameAfterDoc(t, f)
}

func TestAliasesAndMerges(t *testing.T) {
	f := parse(t, `
method: grid
program: t
base: &base {min: 1, max: 4}
parameters:
  a: {<<: *base, max: 2}
  b: *base
  c: {<<: [{min: 0}, *base]}
`)
	for i, want := range [][2]float64{{1, 2}, {1, 4}, {0, 4}} {
		if d := f.Spec.Space.Params[i].Domain; d.Min != want[0] || d.Max != want[1] {
			t.Errorf("%s: got %v to %v, want %v", f.Spec.Space.Params[i].Name, d.Min, d.Max, want)
		}
	}
}

// TestLimits feeds what is meant to cost much.
func TestLimits(t *testing.T) {
	laughs := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	many := "method: grid\nparameters:\n"
	for i := range maxParams + 1 {
		many += fmt.Sprintf("  p%d: 1\n", i)
	}
	tests := []struct{ name, src, want string }{
		{"size", strings.Repeat("#\n", maxSource), "2097152 bytes; want at most 1 MiB"},
		{"depth", "x: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "nested deeper than 64"},
		{"much depth", strings.Repeat("[", 100_000), "not YAML"},
		{"laughs", laughs, "expands to more than 16 MiB"},
		{"itself", "a: &a {b: *a}", "*a contains itself"},
		{"parameters", many, "too many parameters"},
		{"two documents", "a: 1\n---\nb: 2\n", "a second document"},
		{"empty", " \n", "empty; want a sweep file"},
		{"tabs", "parameters:\n  a: 1\n\tb: 2\n", "3:1: not YAML: a tab in the indentation; want spaces"},
		{"a list", "[1, 2]", "1:1: a list; want a map"},
		{"controls", "a: \x01", "control characters"},
		{"repeats", "method: grid\nparameters: {x: [1]}\nrepeats: 1000000000", "want at most 100000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(tt.src), Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %.300v, want %s", err, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"12", "sqlite_x", "SQLITE_x", "Trials", "leaderboard", " ", "a\nb"} {
		_, err := Parse("x.yaml", []byte("method: grid\nparameters: {x: [1]}"), Options{Name: name})
		if err == nil || !strings.Contains(err.Error(), "--name: name") {
			t.Errorf("%q: got %v, want a problem", name, err)
		}
	}
	f := parse(t, `{"name": "cancer instance (alpina)", "method": "grid", "parameters": {"x": [1]}}`)
	if f.Spec.Name != "cancer instance (alpina)" {
		t.Errorf("got %q", f.Spec.Name)
	}
	if _, err := Parse("dir/2024.yaml", []byte("method: grid\nparameters: {x: [1]}"), Options{}); err == nil {
		t.Error("a stem of digits: got no problem")
	}
	if f, err := Parse("dir/a.b.yaml", []byte("method: grid\nparameters: {x: [1]}"), Options{}); err != nil || f.Spec.Name != "a.b" {
		t.Errorf("stem: got %v, %v", f, err)
	}
}

func TestNestedAndDotted(t *testing.T) {
	f := parse(t, "method: grid\nprogram: t\nparameters: {a.b: 1, opt: {parameters: {lr: [1, 2], sched: {parameters: {k: 3}}}}}\npoints: [{opt: {lr: 2}}]")
	var got []string
	for _, p := range f.Spec.Space.Params {
		got = append(got, p.Name+" "+strings.Join(p.Path, "/"))
	}
	if d := cmp.Diff([]string{"a.b ", "opt.lr opt/lr", "opt.sched.k opt/sched/k"}, got); d != "" {
		t.Error(d)
	}
	if v := f.Spec.Points[0]["opt.lr"]; v != sweep.IntValue(2) {
		t.Errorf("nested point: got %v", f.Spec.Points)
	}
}

func TestPointsTakeTheDomainsForm(t *testing.T) {
	f := parse(t, "method: random\nprogram: t\nparameters: {lr: {min: 0.5, max: 2}, b: [1.0, 2]}\npoints: [{lr: 1, b: 1}]")
	if got := f.Spec.Points[0]; got["lr"] != sweep.FloatValue(1) || got["b"] != sweep.FloatValue(1) {
		t.Errorf("got %v", got)
	}
}

func TestKeysOfEveryKind(t *testing.T) {
	f := parse(t, `
method: grid
shell: "train ${args}"
parameters: {x: [1], log: {min: 1, max: 1000, scale: log, levels: 3}}
metric: {name: a, goal: maximize, reduce: "mean:3", target: 0.9, impute: worst}
repeats: {seeds: [11, 12], race: true}
duplicates: reuse
order: shuffled
stop: {signal: SIGINT, grace: 90}
budget: {failures: off, wall: 1d}
retries: 3
timeout: 1h30m
env: {A: 1e-3, B: no, C: , D: "x"}
workdir: trial
link: data
executor: {slurm: {partition: gpu, time: 4h, workers: 12, mode: auto, setup: [a], sbatch: ["-p x"], pools: [{name: a}]}}
wandb: off
hooks: {new_best: "./x --quick", done: [notify, all]}
log_limit: 1MB
min_free: 2G
parallel: 3
dashes: yes
stop_if: "a > 1"
`)
	s := f.Spec
	if o := s.Objectives[0]; o.Goal != sweep.Maximize || o.Reduce != sweep.Mean || o.K != 3 || *o.Target != 0.9 {
		t.Errorf("objective: %+v", o)
	}
	if !s.Budget.FailuresOff || s.Budget.Wall != 24*time.Hour || s.Timeout != 90*time.Minute || s.Retries.Max != 3 {
		t.Errorf("budget %+v, timeout %v, retries %+v", s.Budget, s.Timeout, s.Retries)
	}
	want := []sweep.EnvVar{{Name: "A", Value: "1e-3"}, {Name: "B", Value: "no"}, {Name: "C"}, {Name: "D", Value: "x"}}
	if d := cmp.Diff(want, s.Env); d != "" {
		t.Error(d)
	}
	if s.LogLimit != 1e6 || s.MinFree != 2<<30 || s.Parallel != 3 || !s.Dashes || s.Executor != "slurm" || s.WandB != "off" {
		t.Errorf("got %+v", s)
	}
	if d := cmp.Diff([]string{"data"}, s.Link); d != "" || s.Stop != (sweep.StopRule{Signal: "SIGINT", Grace: 90 * time.Second}) {
		t.Errorf("link %v, stop %v", s.Link, s.Stop)
	}
	if d := s.Space.Params[0].Domain; !d.Log || !d.Ints || d.Dist != sweep.IntUniform {
		t.Errorf("integers on a log scale: %+v", d)
	}
	if len(s.Unbuilt) != 1 { // slurm
		t.Errorf("unbuilt: %q", s.Unbuilt)
	}
	sameAfterDoc(t, f)
}

func TestHooks(t *testing.T) {
	const file = "method: grid\nprogram: t\nparameters: {x: 1}\n"
	want := map[string][]string{"new_best": {"sh", "-c", "a b"}, "trial_failed": {"c", "d e"}}
	for _, name := range []string{"hooks", "on"} {
		f := parse(t, file+name+": {new_best: a b, trial_failed: [c, d e], other: f}")
		if d := cmp.Diff(want, f.Spec.Hooks); d != "" || len(f.Spec.Unbuilt) > 0 || len(f.Warnings) != 1 {
			t.Errorf("%s: %s, unbuilt %v, warnings %v", name, d, f.Spec.Unbuilt, f.Warnings)
		}
	}
	for text, want := range map[string]string{
		"on: {done: a}\nhooks: {done: b}": "hooks and on", "on: {don: a}": "done", "hooks: {done: []}": "nothing to run",
		"hooks: {done: {a: b}}": "hooks.done", "on: sh": "on:",
	} {
		if _, err := Parse("s.yaml", []byte(file+text), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", text, err, want)
		}
	}
	// Keys of users that look like it stay theirs.
	if f := parse(t, file+"no: 1\nin: 2"); len(f.Warnings) != 2 {
		t.Errorf("warnings: %v", f.Warnings)
	}
}

func TestEveryMethodValidates(t *testing.T) {
	for _, m := range methods {
		f := parse(t, "run_cap: 3\nprogram: t\nmethod: "+m+"\nparameters: {x: [1]}\npoints: [{x: 1}]")
		if f.Spec.Method != m {
			t.Errorf("got %s, want %s", f.Spec.Method, m)
		}
		if len(f.Spec.Unbuilt) > 0 {
			t.Errorf("%s: unbuilt %q", m, f.Spec.Unbuilt)
		}
	}
	if f := parse(t, "method: bayes\nprogram: t\nparameters: {x: [1]}"); f.Spec.Sampler != "auto" {
		t.Errorf("bayes: got %s, want auto", f.Spec.Sampler)
	}
}

// TestTables keeps the tables in step with each other.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range table {
		if seen[k.name] || foreign[k.name] || k.doc == "" {
			t.Errorf("%s: twice, foreign or without a word", k.name)
		}
		seen[k.name] = true
	}
	for _, d := range dists {
		for _, name := range append(d.needs, d.may...) {
			if lookup(paramKeys, name) == nil {
				t.Errorf("%s: no key %s", d.dist, name)
			}
		}
	}
}

func TestUnits(t *testing.T) {
	times := map[string]time.Duration{"2h": 2 * time.Hour, "90s": 90 * time.Second, "1d12h": 36 * time.Hour, "1.5 h": 90 * time.Minute,
		"500ms": 500 * time.Millisecond, "10": 10 * time.Second, "1e2": 100 * time.Second, "3 min": 3 * time.Minute, "2 hours": 2 * time.Hour}
	for s, want := range times {
		if got, ok := parseDuration(plainValue(s)); !ok || got != want {
			t.Errorf("%s: got %v, %v; want %v", s, got, ok, want)
		}
	}
	sizes := map[string]int64{"4GiB": 4 << 30, "500MB": 500e6, "4G": 4 << 30, "1k": 1024, "12": 12, "1.5 MiB": 3 << 19, "7B": 7}
	for s, want := range sizes {
		if got, ok := parseSize(plainValue(s)); !ok || got != want {
			t.Errorf("%s: got %v, %v; want %v", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "soon", "-1", "1h x", "1e300", ".nan", "true", "[]", "h"} {
		if d, ok := parseDuration(plainValue(s)); ok {
			t.Errorf("time %q: got %v, want none", s, d)
		}
		if b, ok := parseSize(plainValue(s)); ok {
			t.Errorf("size %q: got %v, want none", s, b)
		}
	}
}

func TestTypos(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"method", "method", 0}, {"mehtod", "method", 1}, {"methods", "method", 1}, {"ethod", "method", 1}, {"mothud", "method", 2}, {"", "abc", 3}} {
		if got := typos(c.a, c.b); got != c.want {
			t.Errorf("%s %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
