package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

// spec parses a sweep file.
func spec(t *testing.T, doc string) *sweep.Spec {
	t.Helper()
	f, err := configs.Parse("sweep.yaml", []byte(doc), configs.Options{Name: "sweep"})
	if err != nil {
		t.Fatal(err)
	}
	return f.Spec
}

func TestTakeAt(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		dash int
		file string
		argv []string
		bad  string
	}{
		{name: "nothing", dash: -1},
		{name: "file", args: []string{"a.yaml"}, dash: -1, file: "a.yaml"},
		{name: "command", args: []string{"sh", "-c", "x"}, dash: 0, argv: []string{"sh", "-c", "x"}},
		{name: "file and command", args: []string{"a.yaml", "true"}, dash: 1, file: "a.yaml", argv: []string{"true"}},
		{name: "two files", args: []string{"a", "b"}, dash: -1, bad: `"b": want one sweep file`},
		{name: "dashes and no command", dash: 0, bad: "want a command"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o fileOptions
			err := o.takeAt(tt.args, tt.dash)
			if tt.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tt.bad) {
					t.Fatalf("got %v, want %q", err, tt.bad)
				}
				return
			}
			if err != nil || o.file != tt.file || !cmp.Equal(o.argv, tt.argv) || o.dashed != (tt.dash >= 0) {
				t.Errorf("got %+v, %v", o, err)
			}
		})
	}
}

func TestUndetachedStopsBeforeTheCommand(t *testing.T) {
	got := undetached([]string{"run", "-dj2", "--", "prog", "-d"})
	if want := []string{"run", "-dj2", "--detach=false", "--", "prog", "-d"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = undetached([]string{"run", "--detach", "a.yaml"})
	if want := []string{"run", "--detach", "a.yaml", "--detach=false"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuoting(t *testing.T) {
	for in, want := range map[string]string{
		"": "''", "plain-1.5": "plain-1.5", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "ä": "'ä'", "a\nb": "'a\nb'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("shellQuote(%q): got %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"lr": "lr", "opt.lr": `"opt.lr"`, "Order": `"Order"`, `a"b`: `"a""b"`, "1x": `"1x"`, "x1": "x1",
	} {
		if got := sqlName(in); got != want {
			t.Errorf("sqlName(%q): got %s, want %s", in, got, want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	four := spec(t, "command: [x]\nmethod: grid\nparameters: {a: [1, 2, 3, 4]}")
	sum := func(state string, c loop.Counts) loop.Summary { return loop.Summary{State: state, Counts: c} }
	for _, tt := range []struct {
		name       string
		sum        loop.Summary
		terminated bool
		want       int
		says       string
	}{
		{name: "all finished", sum: sum("finished", loop.Counts{Trials: 4, Finished: 4})},
		{name: "diverged beside finished", sum: sum("finished", loop.Counts{Trials: 4, Finished: 1, Diverged: 3})},
		{name: "nothing finished", sum: sum("finished", loop.Counts{Trials: 4, Diverged: 4}), want: exitFailed},
		{name: "failed", sum: sum("finished", loop.Counts{Trials: 4, Finished: 3, Failed: 1}), want: exitFailed, says: "1 of 4 trials failed"},
		{name: "empty", sum: sum("finished", loop.Counts{})},
		{name: "target", sum: sum("target", loop.Counts{Trials: 2, Finished: 2})},
		{name: "budget", sum: sum("budget", loop.Counts{Trials: 2, Finished: 1, Queued: 1})},
		{name: "fuse", sum: sum("fuse", loop.Counts{Trials: 3, Failed: 3}), want: exitFailed},
		{name: "disk", sum: sum("disk", loop.Counts{Trials: 1, Queued: 1}), want: exitError, says: "trawl resume sweep"},
		{name: "drained with points to come", sum: sum("drained", loop.Counts{Trials: 2, Finished: 2}), want: exitInterrupt, says: "trawl resume sweep"},
		{name: "drained at the end", sum: sum("drained", loop.Counts{Trials: 4, Finished: 4}), want: exitInterrupt},
		{name: "terminated", sum: sum("stopped", loop.Counts{Trials: 2, Queued: 2}), terminated: true, want: exitTerminate, says: "trawl resume sweep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			a := &app{stderr: &out}
			if got := a.status(exitOf(tt.sum, four, totalTrials(four), tt.terminated, a)); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if !strings.Contains(out.String(), tt.says) || tt.says == "" && out.Len() > 0 {
				t.Errorf("got %q, want %q", out.String(), tt.says)
			}
		})
	}
}
