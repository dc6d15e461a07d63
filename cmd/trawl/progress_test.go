package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

func TestProgressLines(t *testing.T) {
	doc := spec(t, "command: [x]\nmethod: grid\nmetric: {name: loss, goal: minimize}\nparameters: {a: [1, 2], fixed: 9}")
	for _, quiet := range []bool{false, true} {
		var out bytes.Buffer
		now := time.Unix(1_000_000, 0)
		p := newProgress(&app{stderr: &out, now: func() time.Time { return now }}, doc, 2, quiet)
		p.total = totalTrials(doc)
		end := func(id sweep.TrialID, params string, e sweep.Ended) {
			e.Trial = id
			p.news(loop.News{Trial: sweep.Trial{ID: id}, Params: params, Event: &sweep.Started{Trial: id, Attempt: 1}})
			p.news(loop.News{Trial: sweep.Trial{ID: id}, Params: params, Event: &e, Seconds: 2})
		}
		end(1, `{"a":1,"fixed":9}`, sweep.Ended{State: sweep.Queued, Requeue: sweep.RequeueRetry, Reason: "exit 1"})
		end(1, `{"a":1,"fixed":9}`, sweep.Ended{State: sweep.Finished, HasObjective: true, Objective: 0.5})
		end(2, `{"a":2,"fixed":9}`, sweep.Ended{State: sweep.Failed, Class: sweep.ClassExit, Reason: "exit 3: \x1b[2Jboom"})
		p.tell("trawl: always")
		p.out.Flush()
		want := "trawl: always\n"
		if !quiet {
			want = "trial 1 queued again: exit 1\n[1/2]  trial 1  finished  loss=0.5  2.0s  a=1  best so far\n" +
				"[2/2]  trial 2  failed (exit)  exit 3:  [2Jboom  2.0s  a=2\n" + want
		}
		if out.String() != want {
			t.Errorf("quiet %v: got\n%swant\n%s", quiet, out.String(), want)
		}
	}
}

func TestProgressCountsARetriedTrialOnce(t *testing.T) {
	doc := spec(t, "command: [x]\nmethod: grid\nmetric: {name: loss, goal: minimize}\nparameters: {a: [1, 2]}")
	var out bytes.Buffer
	p := newProgress(&app{stderr: &out, now: time.Now}, doc, 2, false)
	p.total, p.ended = 2, 2
	p.news(loop.News{Event: &sweep.Requeued{Trial: 2}})
	p.news(loop.News{Trial: sweep.Trial{ID: 2}, Params: `{"a":2}`, Event: &sweep.Ended{Trial: 2, State: sweep.Failed}})
	p.out.Flush()
	if got := out.String(); !strings.HasPrefix(got, "[2/2]  trial 2  failed") {
		t.Errorf("got %q", got)
	}
}

func TestFitWidth(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"123456789", "123456789"},
		{"1234567890", "12345678…"},
		{"12345678学", "12345678…"}, // ten columns
		{"学習率=0.1", "学習率=0…"},
		{"学習率=0.", "学習率=0."},
		{"0000000e\u0301x", "0000000e\u0301x"}, // nine columns: the accent takes none
		{"学学学学学学学学", "学学学学…"},
	} {
		if got := fitWidth(tt.line, 10); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestManyValuesDoNotFillTheLog(t *testing.T) {
	var b strings.Builder
	b.WriteString("command: [x]\nmethod: random\nrun_cap: 1\nparameters:\n")
	params := map[string]int{}
	for i := range 300 {
		fmt.Fprintf(&b, "  p%03d: [1, 2]\n", i)
		params[fmt.Sprintf("p%03d", i)] = 1
	}
	doc := spec(t, b.String())
	js, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	got := newProgress(&app{stderr: io.Discard, now: time.Now}, doc, 1, false).varied(string(js))
	if len(got) > variedRoom+4 || !strings.HasPrefix(got, "p000=1 p001=1 ") || !strings.HasSuffix(got, "=1 …") {
		t.Errorf("got %d bytes: %s", len(got), got)
	}
}

func TestTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminal to be had:", err)
	}
	defer f.Close()
	for _, tt := range []struct {
		term, noColor string
		want          bool
	}{
		{"xterm", "", true}, {"dumb", "", false}, {"xterm", "1", false},
	} {
		t.Setenv("TERM", tt.term)
		t.Setenv("NO_COLOR", tt.noColor)
		if got := terminal(f); got != tt.want {
			t.Errorf("TERM=%s NO_COLOR=%s: got %v, want %v", tt.term, tt.noColor, got, tt.want)
		}
	}
	if terminal(io.Discard) {
		t.Error("io.Discard is no terminal")
	}
}
