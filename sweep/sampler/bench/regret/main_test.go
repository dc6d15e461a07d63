package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep/sampler/benchfn"
)

// TestFunctionsAgree: Optuna's side of the comparison sees the same functions.
func TestFunctionsAgree(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var in bytes.Buffer
	var want []float64
	var what []string
	for _, f := range benchfn.All() {
		for range 20 {
			u := make([]float64, len(f.Space.Dims()))
			for d := range u {
				u[d] = rng.Float64()
			}
			p, _, err := f.Space.Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			line := f.Name + " " + string(f.Space.AppendJSON(nil, p))
			fmt.Fprintln(&in, line)
			want, what = append(want, f.True(p)), append(what, line)
		}
	}
	cmd := exec.Command(python, "functions.py", "check")
	cmd.Dir, cmd.Stdin = "..", &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	if len(got) != len(want) {
		t.Fatalf("got %d values, want %d", len(got), len(want))
	}
	for i, text := range got {
		y, err := strconv.ParseFloat(text, 64)
		// Sums of a dozen terms up to 10⁶ in another order.
		if err != nil || math.Abs(y-want[i]) > 1e-9*max(1, math.Abs(want[i])) {
			t.Errorf("%s: Python gives %s, Go %v", what[i], text, want[i])
		}
	}
}

func TestRegretPrintsEveryRun(t *testing.T) {
	var out, talk bytes.Buffer
	err := run(&out, &talk, []string{"-sampler", "random,tpe", "-only", "branin,mixed", "-seeds", "2", "-budgets", "30,10", "-parallel", "3"})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2*2*2*2 || !strings.HasPrefix(lines[0], "random,branin,0,10,") || !strings.HasPrefix(lines[15], "tpe,mixed,1,30,") {
		t.Errorf("got\n%s", out.String())
	}
	var again bytes.Buffer
	if err := run(&again, &talk, []string{"-sampler", "random,tpe", "-only", "branin,mixed", "-seeds", "2", "-budgets", "30,10", "-parallel", "3", "-workers", "1"}); err != nil || again.String() != out.String() {
		t.Errorf("the figures depend on the workers: %v", err)
	}
	if talk.Len() > 0 {
		t.Errorf("said %q", talk.String())
	}
}

func TestRegretArguments(t *testing.T) {
	for args, want := range map[string]string{
		"-sampler best":         "-sampler best: want some of",
		"-only ackley":          "-only ackley: no such problem",
		"-budgets 0":            "-budgets 0: want numbers",
		"-budgets ten":          "-budgets ten: want numbers",
		"-seeds 0":              "want at least 1",
		"-tables /nowhere/else": "no tables",
		"extra":                 "extra: want no arguments",
	} {
		var out, talk bytes.Buffer
		if err := run(&out, &talk, strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v; want %q", args, err, want)
		}
	}
}
