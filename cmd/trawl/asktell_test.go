package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

func testAsker(t testing.TB, doc *sweep.Spec) *asker {
	t.Helper()
	smp, err := sampler.New(doc.Sampler, plan(doc))
	if err != nil {
		t.Fatal(err)
	}
	return &asker{spec: doc, planner: loop.NewPlanner(doc, smp, 1), open: map[sweep.TrialID]*asked{}, now: func() int64 { return 1 }}
}

func TestMetricsOfARequest(t *testing.T) {
	got, err := metrics(quoteNonFinite([]byte(`{"a": NaN, "b": {"c": -Infinity, "d": [1]}, "e": 1e400, "f": "NaN is text"}`)))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, r := range got {
		values[r.Name] = r.Value
	}
	if !math.IsNaN(values["a"]) || !math.IsInf(values["b/c"], -1) || !math.IsInf(values["e"], 1) {
		t.Errorf("got %v", values)
	}
	if _, text := values["f"]; text {
		t.Error("text became a metric")
	}
	for _, bad := range []string{`7`, `[1]`, `{"a": "text"}`, `{"a": 1, "b": "NaN"}`, `{"a": 1, "b": {"c": "-Infinity"}}`, `{"a": "0.5", "b": 1}`} {
		if _, err := metrics(json.RawMessage(bad)); err == nil {
			t.Errorf("%s: got no error", bad)
		}
	}
	for _, none := range []string{``, `null`, `{}`} {
		if got, err := metrics(json.RawMessage(none)); err != nil || len(got) > 0 {
			t.Errorf("%q: got %v, %v; want nothing", none, got, err)
		}
	}
}

func TestAskTellStepsCountOn(t *testing.T) {
	s := testAsker(t, spec(t, "command: [x]\nmethod: grid\nmetric: {name: loss, reduce: min}\nparameters: {a: [1]}"))
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	var ends []sweep.Event
	for _, line := range []string{
		`{"cmd":"ask"}`, `{"cmd":"report","trial":1,"metrics":{"loss":3}}`, `{"cmd":"report","trial":1,"step":7,"metrics":{"loss":1}}`,
		`{"cmd":"tell","trial":1,"metrics":{"loss":2}}`,
	} {
		_, posts := s.answer([]byte(line), w)
		for _, p := range posts {
			ends = append(ends, p.Events...)
		}
	}
	if len(ends) != 1 {
		t.Fatalf("got %v, want one end", ends)
	}
	e := ends[0].(*sweep.Ended)
	if e.State != sweep.Finished || e.Objective != 1 || e.ObjectiveStep != 7 {
		t.Errorf("got %+v; want the least of the reports, of step 7", e)
	}
	if len(s.open) != 0 {
		t.Errorf("%d trials are open after the tell", len(s.open))
	}
}

func TestRequestsAreBounded(t *testing.T) {
	r := bufio.NewReaderSize(io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<17)+"\nshort\n")), 1<<16)
	if line, err := readLine(r); err != nil || len(line) != 1<<17+1 {
		t.Fatalf("got %d bytes, %v", len(line), err)
	}
	if line, err := readLine(r); err != nil || string(line) != "short\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	r = bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", maxRequest+1)), 1<<16)
	if _, err := readLine(r); err == nil || err == io.EOF {
		t.Errorf("got %v, want an error for %d bytes", err, maxRequest+1)
	}
}

// FuzzAskTell: whatever comes in, each line gets one line of JSON.
func FuzzAskTell(f *testing.F) {
	for _, s := range []string{`{"cmd":"ask","n":2}`, `{"cmd":"tell","trial":1,"metrics":{"loss":NaN}}`,
		`{"cmd":"report","trial":1,"step":3,"metrics":{"loss":-Infinity}}`, `{"cmd":"ask","n":-1}`, `[]`, `{"cmd":"tell","trial":1,"state":"pruned"}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.ReplaceAll(line, []byte("\n"), nil)
		s := testAsker(t, spec(t, "command: [x]\nmethod: grid\nmetric: {name: loss}\nparameters: {a: [1, 2, 3]}"))
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		s.answer([]byte(`{"cmd":"ask"}`), w)
		s.answer(line, w)
		w.Flush()
		lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
		if len(lines) != 2 || !json.Valid(lines[1]) {
			t.Errorf("%q: got %q", line, lines)
		}
	})
}
