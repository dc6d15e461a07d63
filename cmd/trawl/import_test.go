package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results/export"
	"github.com/trawl-sweep/trawl/sweep"
)

// trawlIn runs a command of trawl in this process.
func trawlIn(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(t.Context(), strings.NewReader(""), &out, &errs, args); got != want {
		t.Fatalf("trawl %q: status %d, want %d\n%s%s", args, got, want, &out, &errs)
	}
	return out.String(), errs.String()
}

const importTable = "x,loss\n1,0.5\n2,0.25\n3,0.75\n"

// An import that a kill cut short is done again under the same name; one that is
// complete, or a sweep that was run, is not replaced.
func TestImportAfterAKill(t *testing.T) {
	t.Chdir(t.TempDir())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile("t.csv", []byte(importTable), 0o644))
	st, err := export.ReadCSV(strings.NewReader(importTable), export.CSVOptions{File: "t.csv", Objectives: []sweep.Objective{{Name: "loss"}}})
	must(err)
	f, err := configs.Parse("t", st.Document("t"), configs.Options{})
	must(err)
	for _, trials := range []int{0, 2} { // what the kill left
		a := &app{stdout: io.Discard, stderr: io.Discard, now: time.Now, dbPath: fmt.Sprintf("%d.db", trials)}
		db, err := a.open(t.Context(), true)
		must(err)
		store, err := db.Claim(t.Context(), f.Spec, "runs")
		must(err)
		must(store.Revise(t.Context(), &sweep.SpecSet{Revision: 1, Doc: f.Spec.Doc, Digest: f.Spec.Digest, Why: whyImport}, f.Spec))
		for i := range trials {
			post := importPost(st, f.Spec, &st.Trials[i], sweep.TrialID(i+1), map[string]sweep.PointID{}, false)
			must(store.RecordPosts(t.Context(), nil, []sweep.Post{post}))
		}
		must(store.Close())
		must(db.Close())
		trawlIn(t, exitOK, "import", "t.csv", "--metric", "loss", "--db", a.dbPath)
		if out, _ := trawlIn(t, exitOK, "query", "--db", a.dbPath, "--format", "csv", "select count(*), min(objective) from trials where sweep = 't'"); !strings.Contains(out, "\n3,0.25\n") {
			t.Errorf("got %s, want 3 trials", out)
		}
		trawlIn(t, exitOK, "verify", "--db", a.dbPath, "t")
		if db, err = a.open(t.Context(), false); err == nil {
			err = errors.Join(db.Rebuild(t.Context(), "t"), db.Close())
		}
		must(err)
		trawlIn(t, exitOK, "verify", "--db", a.dbPath, "t")
		trawlIn(t, exitUsage, "import", "t.csv", "--metric", "loss", "--db", a.dbPath)
	}
}

// A sweep in which trials have run is not removed, even if its import was cut
// short.
func TestImportKeepsWhatRan(t *testing.T) {
	t.Chdir(t.TempDir())
	a := &app{stdout: io.Discard, stderr: io.Discard, now: time.Now}
	f, err := configs.Parse("t", []byte(`{"name": "t", "method": "random", "metric": {"name": "loss"}, "parameters": {"x": {"min": 1, "max": 9}}}`), configs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := a.open(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store, err := db.Claim(t.Context(), f.Spec, "runs")
	if err != nil {
		t.Fatal(err)
	}
	st := &export.Study{Trials: []export.StudyTrial{{Params: map[string]sweep.Value{"x": sweep.IntValue(2)}, State: sweep.Failed}}}
	ran := importProposal(st, f.Spec, &export.StudyTrial{Params: map[string]sweep.Value{"x": sweep.IntValue(3)}}, 2, map[string]sweep.PointID{})
	err = errors.Join(store.Revise(t.Context(), &sweep.SpecSet{Revision: 1, Doc: f.Spec.Doc, Digest: f.Spec.Digest, Why: whyImport}, f.Spec),
		store.RecordPosts(t.Context(), nil, []sweep.Post{importPost(st, f.Spec, &st.Trials[0], 1, map[string]sweep.PointID{}, true)}))
	if err == nil {
		err = store.Record(t.Context(), ran, &sweep.Started{Trial: 2, Attempt: 1})
	}
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	var usage *exitErr
	if err := a.clearFor(t.Context(), db, "t"); !errors.As(err, &usage) || usage.status != exitUsage {
		t.Errorf("got %v, want a refusal", err)
	}
	if row, err := db.Reader().Sweep(t.Context(), "t"); err != nil || row.Trials != 2 {
		t.Errorf("got %+v, %v; want 2 trials", row, err)
	}
}

// Every method goes on from imported trials, and what it proposes can be
// computed again.
func TestMethodsGoOnFromImports(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("t.csv", []byte("x,y,loss\n0.5,a,0.5\n0.25,b,0.25\n0.75,a,0.75\n0.5,a,0.6\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const space = `command: [sh, -c, 'true']
run_cap: 10
metric: {name: loss, goal: minimize}
parameters: {x: {min: 0.0, max: 1.0}, y: [a, b]}
early_terminate: {type: median}
method: `
	for _, method := range []string{"random", "sobol", "tpe", "gp", "cmaes", "auto", "nsga2"} {
		if err := os.WriteFile(method+".yaml", []byte(space+method+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		trawlIn(t, exitOK, "import", "t.csv", "--file", method+".yaml")
		in := `{"cmd":"ask","n":2}` + "\n" + `{"cmd":"tell","trial":5,"metrics":{"loss":0.1}}` + "\n"
		var out, errs bytes.Buffer
		db, err := filepath.Abs("trawl.db")
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t.Context(), strings.NewReader(in), &out, &errs, []string{"ask-tell", method + ".yaml", "--db", db}); got != exitOK || !strings.Contains(out.String(), `"trial":5,`) || !strings.HasSuffix(out.String(), "{\"ok\":true}\n") {
			t.Errorf("%s: ask-tell: status %d\n%s%s", method, got, &out, &errs)
		}
		if out, _ := trawlIn(t, exitOK, "verify", method); !strings.Contains(out, "2 proposals came out the same") {
			t.Errorf("%s: got %s", method, out)
		}
	}
}
