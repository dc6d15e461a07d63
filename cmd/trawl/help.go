package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// exampleLines are what the help of each command shows, where the command has none
// of its own.
var exampleLines = map[string][]string{
	"init":     {"trawl init", "trawl init -- python3 train.py"},
	"validate": {"trawl validate sweep.yaml", "trawl validate --set method=grid --json"},
	"plan":     {"trawl plan sweep.yaml", "trawl plan -p lr=log:1e-4..1/5 --metric loss -- python3 train.py"},
	"try":      {"trawl try sweep.yaml", "trawl try lr=0.1 momentum=0.9"},
	"resume":   {"trawl resume", "trawl resume mnist -j 2", "trawl resume --all"},
	"rerun":    {"trawl rerun best", "trawl rerun mnist/7"},
	"ls":       {"trawl ls", "trawl ls --json"},
	"status":   {"trawl status", "trawl status mnist --json"},
	"rank":     {"trawl rank -n 5", "trawl rank mnist --by max:val_accuracy", "trawl rank --over lr --format md"},
	"show":     {"trawl show best", "trawl show mnist/7 --format args"},
	"why":      {"trawl why best", "trawl why mnist/7 --json"},
	"stop":     {"trawl stop", "trawl stop mnist/7", "trawl stop --state running --where 'lr > 1'"},
	"pause":    {"trawl pause", "trawl pause mnist"},
	"drain":    {"trawl drain", "trawl drain mnist"},
	"set":      {"trawl set mnist parallel=2"},
	"retry":    {"trawl retry", "trawl retry mnist/7", "trawl retry mnist --class timeout,oom"},
	"add":      {"trawl add mnist lr=0.1 momentum=0.9"},
	"rm":       {"trawl rm mnist", "trawl rm mnist -y --keep-files"},
	"ask-tell": {`echo '{"cmd":"ask","n":2}' | trawl ask-tell sweep.yaml`, "trawl ask-tell sweep.yaml --db trawl.db --sync"},
	"export": {"trawl export mnist --format csv -o mnist.csv", "trawl export --format jsonl --state finished",
		"trawl export mnist --format optuna -o study.db", "trawl export mnist --format tensorboard -o board"},
	"import": {"trawl import study.db --study resnet", "trawl import earlier.csv --metric val_loss --params lr,momentum",
		"trawl import study.db --file sweep.yaml", "trawl import search_space.json -o sweep.yaml"},
	"reread":   {"trawl reread mnist sweep.yaml"},
	"verify":   {"trawl verify mnist"},
	"version":  {"trawl version --json"},
	"simulate": {"trawl simulate --from mnist --early none,asha", "trawl simulate sweep.yaml --table T.csv.gz --method random,tpe --at 50,100", "trawl simulate --table curves.csv.gz --metric valid --early none,asha,median -j 8"},
	"schema":   {"trawl schema > sweep.schema.json"},
}

// example is the text of the examples of a command.
func example(name string) string {
	lines := exampleLines[name]
	if len(lines) == 0 {
		return ""
	}
	return "  " + strings.Join(lines, "\n  ")
}

// usageArgs makes a wrong number of arguments a usage error that says what the
// command wants.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		got := fmt.Sprintf("%d arguments", len(args))
		switch len(args) {
		case 0:
			got = "none"
		case 1:
			got = "one argument"
		}
		return usagef("%s; want: trawl %s\nTry: %s --help", got, cmd.Use, cmd.CommandPath())
	}
}

// flagError says what is wrong with a flag in the words of its user, not of the
// Go function that read it.
func flagError(cmd *cobra.Command, err error) error {
	msg := err.Error()
	if i := strings.Index(msg, ": strconv."); i >= 0 {
		msg = msg[:i] + "; want a whole number"
	}
	return usagef("%s\nTry: %s --help", msg, cmd.CommandPath())
}
