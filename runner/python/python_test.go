package python

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// interpreter is a Python 3 of the machine; without one the test is skipped.
func interpreter(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Skip("no python3 here")
	return ""
}

func install(t testing.TB, mode string) string {
	t.Helper()
	path, err := Install(filepath.Join(t.TempDir(), ".python"), mode)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInPython runs the unit tests of the packages, which are written in Python.
func TestInPython(t *testing.T) {
	python := interpreter(t)
	tests, err := filepath.Glob("testdata/test_*.py")
	if err != nil || len(tests) < 2 {
		t.Fatalf("got %v, %v; want the tests", tests, err)
	}
	path := install(t, Auto)
	for _, test := range tests {
		t.Run(filepath.Base(test), func(t *testing.T) {
			t.Parallel()
			test, err := filepath.Abs(test)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), python, "-W", "error", "-B", test)
			cmd.Dir = t.TempDir()
			cmd.Env = append(clean(os.Environ()), "PYTHONPATH="+path, "HOME="+cmd.Dir, "TESTED_PATH="+path)
			out, err := cmd.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("\nOK")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// clean leaves out what a surrounding sweep or account would change.
func clean(env []string) (out []string) {
	for _, kv := range env {
		if !strings.HasPrefix(kv, "TRAWL_") && !strings.HasPrefix(kv, "WANDB_") && !strings.HasPrefix(kv, "PYTHON") {
			out = append(out, kv)
		}
	}
	return out
}

func TestInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", ".python")
	paths := make([]string, 8)
	var wg sync.WaitGroup
	for i := range paths {
		wg.Go(func() {
			p, err := Install(dir, Shim)
			if err != nil {
				t.Error(err)
			}
			paths[i] = p
		})
	}
	wg.Wait()
	shim, lib, ok := strings.Cut(paths[0], string(os.PathListSeparator))
	if !ok {
		t.Fatalf("got %q, want two entries", paths[0])
	}
	for _, p := range paths {
		if p != paths[0] {
			t.Errorf("got %q and %q, want one place", p, paths[0])
		}
	}
	for _, f := range []string{filepath.Join(shim, "wandb", "__init__.py"), filepath.Join(shim, "wandb", "_run.py"), filepath.Join(lib, "trawl.py")} {
		if st, err := os.Stat(f); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", f, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("got %v, %v; want one version and nothing unfinished", left, err)
	}
	if off, err := Install(dir, Off); err != nil || off != lib {
		t.Errorf("off: got %q, %v; want %q alone", off, err, lib)
	}
}

func TestInstallWhereNothingCanBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(filepath.Join(file, ".python"), Auto); err == nil || !strings.Contains(err.Error(), "install the Python packages") {
		t.Errorf("got %v, want an error that says what was done", err)
	}
}

func TestAgentParams(t *testing.T) {
	b, err := AgentParams([]byte(`{"lr": 1e-05, "n": 12345678901234567890, "opt": {"name": "sgd 1e5 \"1e5"}, "clip": [1e999, -2.5E+10]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"clip":{"value":[1.0e+999,-2.5e+10]},"lr":{"value":1.0e-05},"n":{"value":12345678901234567890},` +
		`"opt":{"value":{"name":"sgd 1e5 \"1e5"}},"wandb_version":1}` + "\n"
	if string(b) != want || !json.Valid(b) {
		t.Errorf("got %s, want %s", b, want)
	}
	if _, err := AgentParams([]byte(`[1]`)); err == nil {
		t.Error("a list: got no error")
	}
}

// TestAgentParamsInYAML reads the file as W&B's library does, with PyYAML.
func TestAgentParamsInYAML(t *testing.T) {
	python := interpreter(t)
	if exec.CommandContext(t.Context(), python, "-c", "import yaml").Run() != nil {
		t.Skip("no PyYAML here")
	}
	b, err := AgentParams([]byte(`{"lr":1e-05,"big":1e+20,"clip":1e999,"low":-1e999,"n":64,"one":1.0,"text":"1e5 é 😀","yes":true,"none":null}`))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", `import sys, yaml
doc = {k: v["value"] for k, v in yaml.safe_load(sys.stdin.read()).items() if k != "wandb_version"}
want = {"lr": 1e-05, "big": 1e20, "clip": float("inf"), "low": -float("inf"), "n": 64, "one": 1.0, "text": "1e5 é 😀", "yes": True, "none": None}
assert doc == want and {k: type(v) for k, v in doc.items()} == {k: type(v) for k, v in want.items()}, doc`)
	cmd.Stdin = bytes.NewReader(b)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// BenchmarkImport is a Python process that imports the stand-in, against one
// that imports nothing: the difference is what it costs a script.
func BenchmarkImport(b *testing.B) {
	python, path := interpreter(b), install(b, Auto)
	for _, code := range []string{"pass", "import wandb", "import trawl"} {
		b.Run("code="+strings.ReplaceAll(code, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(python, "-c", code)
				cmd.Env = append(clean(os.Environ()), "PYTHONPATH="+path, "TRAWL_WANDB=auto")
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}

// BenchmarkLog is one call of wandb.log, of 100,000 in a process.
func BenchmarkLog(b *testing.B) {
	python, path := interpreter(b), install(b, Auto)
	for b.Loop() {
		cmd := exec.Command(python, "-c", `
import time, wandb
wandb.init()
t = time.perf_counter()
for i in range(100_000):
    wandb.log({"loss": 0.5 / (i + 1), "accuracy": 0.25, "epoch": i})
print(time.perf_counter() - t)`)
		dir := b.TempDir()
		cmd.Env = append(clean(os.Environ()), "PYTHONPATH="+path, "TRAWL_WANDB=auto", "TRAWL_TRIAL_DIR="+dir,
			"TRAWL_METRICS="+filepath.Join(dir, "metrics.jsonl"))
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		var s float64
		if _, err := fmt.Sscan(string(out), &s); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(s, "s/100k")
	}
}
