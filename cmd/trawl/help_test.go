package main

import (
	"bytes"
	"strings"
	"testing"
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
		{[]string{"nosuch"}, `trawl: unknown command "nosuch" for "trawl"` + "\n"},
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), strings.NewReader(""), &out, &errs, tt.args)
		if status != exitUsage || !strings.HasPrefix(errs.String(), tt.want) || out.Len() > 0 {
			t.Errorf("trawl %q: status %d\n%s%s\nwant status 2 and\n%s", tt.args, status, &out, &errs, tt.want)
		}
	}
}
