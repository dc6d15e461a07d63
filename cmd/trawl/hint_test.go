package main

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

func TestHint(t *testing.T) {
	const src = "command: [x, '${args}']\nmethod: grid\nmetric: {name: loss}\nparameters: {batch_size: [1], amp: [true]}\n"
	tests := []struct{ name, more, why, output, want string }{
		{"argparse's store_true", "", "exit", "usage: b.py [-h]\nb.py: error: argument --amp: ignored explicit argument 'True'", "${args_no_boolean_flags}"},
		{"click's flag", "", "exit", "Error: Option '--amp' does not take a value.", "${args_no_boolean_flags}"},
		{"argparse with hyphens", "", "exit", "b.py: error: unrecognized arguments: --batch_size=1", "dashes: true for --batch-size"},
		{"click with hyphens", "", "exit", "Error: No such option: --batch_size Did you mean --batch-size?", "dashes: true for --batch-size"},
		{"typer with hyphens", "", "exit", "│ No such option: --batch_size Did you mean --batch-size?  │", "dashes: true for --batch-size"},
		{"absl", "", "exit", "FATAL Flags parsing error:\n  Unknown command line flag 'batch_size'. Did you mean: batchsize ?", "it has no --batch_size"},
		{"hyphens already", "dashes: true\n", "exit", "b.py: error: unrecognized arguments: --batch_size=1", ""},
		{"another option", "", "exit", "b.py: error: unrecognized arguments: --some_thing=1", ""},
		{"nothing read", "", "the first 3 trials all failed (no_objective)", "done", "nothing was read as loss; trawl try"},
		{"xgboost's lines", "", "(no_objective)", "[10:41:25] [0]\ttest-rmse:0.5\tloss:0.4", "; with report: {pattern: xgboost} it would be"},
		{"key=value", "", "(no_objective)", "epoch 1, loss=0.4", "; with report: {pattern: key=value} it would be"},
		{"prose", "", "(no_objective)", "Epoch 3 Loss: 0.25, done", `; with report: {patterns: ['Loss: (?P<loss>\S+)']} it would be`},
		{"a dict with quotes", "", "(no_objective)", `result: ("loss", 0.25)`, `{patterns: ['loss", (?P<loss>\S+)']}`},
		{"no number behind", "", "(no_objective)", "loss: none", "trawl try shows"},
		{"another error", "", "exit", "ValueError: batch_size", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := configs.Parse("x.yaml", []byte(src+tt.more), configs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := hint(f.Spec, tt.why, strings.Split(tt.output, "\n"))
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestReadablePatterns: what is suggested is a sweep file's, and reads.
func TestReadablePatterns(t *testing.T) {
	for name, line := range map[string]string{"loss": "a (loss) 'loss': 0.5", "val_loss": "Val-Loss   0.5 (best)", "accuracy": "Cross Validation Accuracy = 98.5%", "f1": "f1: .5", "acc": "Acc on the test set: 91.2 %"} {
		setting := readable(name, []string{"nothing", line})
		f, err := configs.Parse("x.yaml", []byte("command: [x]\nmethod: grid\nparameters: {a: [1]}\nreport: "+setting+"\n"), configs.Options{})
		if setting == "" || err != nil {
			t.Errorf("%s: %q: %v", line, setting, err)
			continue
		}
		p, err := metric.New(f.Spec.Patterns)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		p.Line([]byte(line), 0, func(r sweep.Report) { got[r.Name] = r.Value })
		if len(got) != 1 || got[name] == 0 {
			t.Errorf("%s: %s reads %v", line, setting, got)
		}
	}
}
