package main

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/configs"
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
