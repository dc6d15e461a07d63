package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wandbDistributions are the names of W&B's schema for its distributions, by
// the name that a YAML file has for them.
var wandbDistributions = map[string]string{
	"constant": "param_single_value", "categorical": "param_categorical", "int_uniform": "param_int_uniform",
	"uniform": "param_uniform", "q_uniform": "param_quniform", "log_uniform": "param_loguniform",
	"log_uniform_values": "param_loguniform_v2", "q_log_uniform_values": "param_qloguniform_v2",
	"q_log_uniform": "param_qloguniform", "inv_log_uniform": "param_inv_loguniform",
	"inv_log_uniform_values": "param_inv_loguniform_v2", "normal": "param_normal", "q_normal": "param_qnormal",
	"log_normal": "param_lognormal", "q_log_normal": "param_qlognormal", "beta": "param_beta", "q_beta": "param_qbeta",
}

// TestWandbFilesByTheCommands runs validate and plan as their users do on real
// sweep files of W&B, against what W&B itself makes of each.
func TestWandbFilesByTheCommands(t *testing.T) {
	dir, err := filepath.Abs("../../../shared/cases/wandb")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared cases are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string]wandbCase
	if err := json.Unmarshal(doc, &expected); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, want := range expected {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			want.validate(t, path)
			if want.ParamError == "" {
				want.plan(t, path)
			}
		})
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("validate and plan left %v, %v", left, err)
	}
}

type wandbCase struct {
	ParamError string            `json:"param_error"`
	Violations []string          `json:"schema_violations"`
	Method     string            `json:"method"`
	ParamTypes map[string]string `json:"param_types"`
	GridSize   int64             `json:"grid_size"`
	GridFirst  []any             `json:"grid_first"`
	GridLast   []any             `json:"grid_last"`
}

// command runs trawl in this process and reads the JSON that it prints.
func command(t *testing.T, status int, out any, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), strings.NewReader(""), &stdout, &stderr, args); got != status {
		t.Fatalf("trawl %q: exit status %d, want %d\n%s", args, got, status, &stderr)
	}
	if stderr.Len() > 0 {
		t.Errorf("trawl %q: --json, and yet it said:\n%s", args, &stderr)
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		t.Fatalf("trawl %q: %v\n%s", args, err, &stdout)
	}
}

func (want wandbCase) validate(t *testing.T, path string) {
	var got struct {
		OK                 *bool
		Problems, Warnings []problemJSON
	}
	status := exitOK
	if want.ParamError != "" {
		status = exitUsage
	}
	command(t, status, &got, "validate", path, "--json")
	if got.OK == nil || *got.OK != (want.ParamError == "") || got.Problems == nil || got.Warnings == nil {
		t.Fatalf("validate: got %+v; want ok %v and two lists", got, want.ParamError == "")
	}
	if want.ParamError != "" {
		param := want.ParamError[strings.LastIndex(want.ParamError, " ")+1:]
		for _, p := range got.Problems {
			if p.Line > 0 && p.Col > 0 && strings.Contains(p.What, param) {
				return
			}
		}
		t.Errorf("validate: got %+v; want a problem of %s with its place", got.Problems, param)
	}
	if len(want.Violations) > 0 && len(got.Warnings) == 0 {
		t.Errorf("validate: no warning; want one for %q", want.Violations)
	}
}

func (want wandbCase) plan(t *testing.T, path string) {
	var got struct {
		Method     string
		Trials     *int64
		Parameters []plannedParam
		First      []any
		Last       []any
	}
	command(t, exitOK, &got, "plan", path, "--json")
	if got.Method != want.Method {
		t.Errorf("method: got %s, want %s", got.Method, want.Method)
	}
	types := map[string]string{}
	for _, p := range got.Parameters {
		types[p.Name] = wandbDistributions[p.Distribution]
	}
	if d := cmp.Diff(want.ParamTypes, types); d != "" {
		t.Errorf("types (-want +got):\n%s", d)
	}
	if want.Method != "grid" {
		if got.First == nil || len(got.First)+len(got.Last) > 0 {
			t.Errorf("points of %s: got %v, %v; want two empty lists", want.Method, got.First, got.Last)
		}
		return
	}
	if got.Trials == nil || *got.Trials != want.GridSize {
		t.Errorf("trials: got %v, want %d", got.Trials, want.GridSize)
	}
	if d := cmp.Diff(want.GridFirst, got.First); d != "" {
		t.Errorf("first points (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want.GridLast, got.Last); d != "" {
		t.Errorf("last point (-want +got):\n%s", d)
	}
}
