package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trawl-sweep/trawl/runner/train"
)

// Every command says in its help what its exit statuses are and shows how it is
// used.
func TestHelpOfEveryCommand(t *testing.T) {
	seen := map[string]bool{}
	for _, cmds := range commands(&app{}) {
		for _, c := range cmds {
			name := c.Name()
			seen[name] = true
			var out, errs bytes.Buffer
			if status := run(t.Context(), strings.NewReader(""), &out, &errs, []string{name, "--help"}); status != exitOK || errs.Len() > 0 {
				t.Errorf("trawl %s --help: status %d, %s", name, status, &errs)
			}
			for _, want := range []string{"Exit status: ", "\nExamples:\n  ", "\nUsage:\n  trawl " + name} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("trawl %s --help: no %q in it", name, want)
				}
			}
		}
	}
	for name := range exampleLines {
		if !seen[name] {
			t.Errorf("an example of %q, which is no command", name)
		}
	}
}

// The help of train has every key once, under the heading of its subject, in
// lines that a terminal can show.
func TestHelpOfTrain(t *testing.T) {
	var out, errs bytes.Buffer
	run(t.Context(), strings.NewReader(""), &out, &errs, []string{"train", "--help"})
	for _, k := range train.AllKeys() {
		if n := strings.Count(out.String(), "\n  --"+k.Name+" "); n != 1 {
			t.Errorf("--%s: %d times in the help", k.Name, n)
		}
	}
	for _, s := range trainSections {
		if !strings.Contains(out.String(), "\n"+s.title+":\n  --"+s.first+" ") {
			t.Errorf("no heading %q before --%s", s.title, s.first)
		}
	}
	_, keys, _ := strings.Cut(out.String(), "\n"+trainSections[0].title+":\n")
	for line := range strings.Lines(keys) {
		if n := utf8.RuneCountInString(line); n > helpWidth+1 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// What a user gets for a command line that is wrong: status 2, one line that
// says what is wanted, and where to read on.
func TestWrongCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"show"}, "trawl: none; want: trawl show TRIAL\nTry: trawl show --help\n"},
		{[]string{"show", "1", "2"}, "trawl: 2 arguments; want: trawl show TRIAL\n"},
		{[]string{"add", "x"}, "trawl: one argument; want: trawl add SWEEP KEY=VALUE…\n"},
		{[]string{"version", "x"}, "trawl: one argument; want: trawl version\n"},
		{[]string{"rank", "-n", "x"}, `trawl: invalid argument "x" for "-n, --top" flag; want a whole number` + "\n"},
		{[]string{"rank", "-n", "0"}, "trawl: --top 0: want at least 1\n"},
		{[]string{"run", "--nosuch"}, "trawl: unknown flag: --nosuch\nTry: trawl run --help\n"},
		{[]string{"train", "--learning_rate", "1"}, "trawl: --learning_rate: unknown key of the trainer; want lr\nTry: trawl train --help\n"},
		{[]string{"train", "--lr"}, "trawl: flag needs an argument: --lr\nTry: trawl train --help\n"},
		{[]string{"nosuch"}, `trawl: unknown command "nosuch" for "trawl"` + "\n"},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), strings.NewReader(""), &out, &errs, tt.args)
		if status != exitUsage || !strings.HasPrefix(errs.String(), tt.want) || out.Len() > 0 {
			t.Errorf("trawl %q: status %d\n%s%s\nwant status 2 and\n%s", tt.args, status, &out, &errs, tt.want)
		}
	}
}
