package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	yamlv4 "go.yaml.in/yaml/v4"

	"github.com/trawl-sweep/trawl/configs"
)

// backed are the scripts that run what a row of the page says, word for word.
// The other rows are of programs that no test can install: what they print is
// read by yours_lines, as they print it.
var backed = map[string]string{
	"PyTorch, argparse":      "yours_torch/sweep.yaml",
	"a W&B script":           "yours_wandb/sweep.yaml",
	"Hydra":                  "yours_hydra/sweep.yaml",
	"click":                  "yours_click/click.yaml",
	"typer":                  "yours_click/typer.yaml",
	"absl":                   "yours_click/absl.yaml",
	"scikit-learn":           "yours_sklearn/sweep.yaml",
	"XGBoost, command line":  "yours_xgboost/sweep.yaml",
	"libsvm":                 "yours_libsvm/svm.yaml",
	"liblinear":              "yours_libsvm/linear.yaml",
	"fastText":               "yours_fasttext/sweep.yaml",
	"C, C++":                 "yours_c/sweep.yaml",
	"shell":                  "yours_shell/sweep.yaml",
	"R":                      "yours_r/sweep.yaml",
	"Lightning":              "yours_lines/lightning.yaml",
	"Keras":                  "yours_lines/keras.yaml",
	"Hugging Face Trainer":   "yours_lines/huggingface.yaml",
	"XGBoost, Python":        "yours_lines/xgboost.yaml",
	"LightGBM, command line": "yours_lines/lightgbm.yaml",
	"LightGBM, Python":       "yours_lines/callback.yaml",
	"CatBoost":               "yours_lines/catboost.yaml",
	"JAX, Flax":              "yours_lines/flax.yaml",
	"Julia":                  "yours_lines/julia.yaml",
}

// code is a piece of a sweep file in a cell.
var code = regexp.MustCompile("`((?:program|command|shell|report|workdir|link|dashes|parameters): [^`]+)`")

// TestYourScriptPage holds each row against the script that runs it: the same
// values under every key of the row.
func TestYourScriptPage(t *testing.T) {
	_, table, ok := strings.Cut(configs.YourScript, "## By framework\n")
	if !ok {
		t.Fatal("the page has no table of frameworks")
	}
	table, special, ok := strings.Cut(table, "\n## Special cases\n")
	if !ok || strings.Count(special, "\n| ") < 10 {
		t.Errorf("the page has no table of special cases")
	}
	var rows []string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| yours |") {
			continue
		}
		row := cells(strings.TrimSpace(line))
		if len(row) != 4 {
			t.Errorf("%d cells; want 4: %s", len(row), line)
			continue
		}
		rows = append(rows, row[0])
		t.Run(row[0], func(t *testing.T) { checkRow(t, row) })
	}
	for name := range backed {
		if !slices.Contains(rows, name) {
			t.Errorf("the page has no row %q", name)
		}
	}
}

func checkRow(t *testing.T, row []string) {
	var doc strings.Builder
	for _, m := range code.FindAllStringSubmatch(row[1]+" "+row[2], -1) {
		doc.WriteString(m[1] + "\n")
	}
	var want map[string]any
	if err := yamlv4.Unmarshal([]byte(doc.String()), &want); err != nil || len(want) == 0 {
		t.Fatalf("%v in\n%s", err, &doc)
	}
	src := doc.String() + "name: row\nmethod: random\nmetric: {name: loss}\n"
	if want["parameters"] == nil {
		src += "parameters: {lr: {min: 0.1, max: 1}, depth: [1, 2]}\n"
	}
	if f, err := configs.Parse("row.yaml", []byte(src), configs.Options{}); err != nil || len(f.Warnings) > 0 {
		t.Errorf("%v, %v in\n%s", err, f.Warnings, src)
	}
	at, ok := backed[row[0]]
	if !ok {
		t.Fatal("no script runs it")
	}
	got := scriptFile(t, at)
	for key, w := range want {
		if key == "command" && reflect.DeepEqual(w, []any{"${env}", "${interpreter}", "${program}", "${args}"}) && got[key] == nil {
			continue
		}
		if strings.HasPrefix(at, "yours_lines/") && (key == "command" || key == "program" || key == "workdir" || key == "link") {
			continue // what it prints stands for it
		}
		if key == "program" && filepath.Ext(fmt.Sprint(w)) == filepath.Ext(fmt.Sprint(got[key])) {
			continue // a file may have several
		}
		if !reflect.DeepEqual(got[key], w) {
			t.Errorf("%s: the page has %v, %s has %v", key, w, at, got[key])
		}
	}
}

// scriptFile is a sweep file of a script, by SCRIPT/FILE.
func scriptFile(t *testing.T, at string) (doc map[string]any) {
	script, name, _ := strings.Cut(at, "/")
	b, err := os.ReadFile("testdata/script/" + script + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse(b).Files {
		if f.Name == name {
			if err := yamlv4.Unmarshal(f.Data, &doc); err != nil {
				t.Fatal(err)
			}
			return doc
		}
	}
	t.Fatalf("%s: no file %s", script, name)
	return nil
}

// TestYourScriptTopic: the page is a topic of help, without Markdown.
func TestYourScriptTopic(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run(t.Context(), strings.NewReader(""), &out, &errs, []string{"help", "your-script"}); status != exitOK || errs.Len() > 0 {
		t.Fatalf("status %d, %s", status, &errs)
	}
	for _, want := range []string{"\nBY FRAMEWORK\n", "\n  XGBoost, command line\n      command: [xgboost, train.conf, \"${args_no_hyphens}\"]\n      workdir: trial\n", "fastText"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if s := out.String(); strings.Contains(s, "`") || strings.Contains(s, "|---") {
		t.Errorf("Markdown in\n%s", s)
	}
}
