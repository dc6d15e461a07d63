package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	pythonBin = "/usr/bin/python3"
	optunaLib = "/usr/lib/python3/dist-packages/optuna"
)

// fromPython runs a script under Debian's Python, and reads the JSON that it
// prints. The test is skipped where that has no Optuna 3.1. lib is where Optuna
// is to be found instead; "" leaves it.
func fromPython(t *testing.T, into any, lib, script string, args ...string) {
	t.Helper()
	version, err := os.ReadFile(optunaLib + "/version.py")
	if err != nil || !bytes.Contains(version, []byte(`"3.1.`)) {
		t.Skipf("no Optuna 3.1 in %s", optunaLib)
	}
	path := filepath.Join(t.TempDir(), "script.py")
	must(t, os.WriteFile(path, []byte("import json, math, sys, optuna\noptuna.logging.set_verbosity(optuna.logging.ERROR)\n"+script), 0o644))
	cmd := exec.Command(pythonBin, append([]string{path}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONWARNINGS=ignore")
	if lib != "" {
		cmd.Env = append(cmd.Env, "PYTHONPATH="+lib)
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
}

// constant is an expression over nothing, for a derived parameter.
type constant struct{}

func (constant) String() string                      { return "0" }
func (constant) Names() []string                     { return nil }
func (constant) Eval(sweep.Env) (sweep.Value, error) { return sweep.IntValue(0), nil }
func params(s string) *sweep.Proposed                { return &sweep.Proposed{Params: s, Key: s} }
func str(s string) sweep.Value                       { return sweep.StringValue(s) }
func at(name string, step int64, v float64) sweep.Report {
	return sweep.Report{Name: name, Step: step, Value: v, At: 1_800_000_000_000_000 + step*1_000_000}
}

// demoSpace has a parameter of every kind.
func demoSpace(t testing.TB) *sweep.Space {
	t.Helper()
	s, err := sweep.NewSpace([]sweep.Param{
		{Name: "lr", Domain: sweep.Domain{Dist: sweep.LogUniformValues, Min: 1e-5, Max: 1}},
		{Name: "x", Domain: sweep.Domain{Dist: sweep.Uniform, Min: 0, Max: 1}},
		{Name: "q", Domain: sweep.Domain{Dist: sweep.QUniform, Min: 0.05, Max: 0.95, Q: 0.1}},
		{Name: "k", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 1, Max: 8, Ints: true}},
		{Name: "width", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 16, Max: 512, Ints: true, Log: true}},
		{Name: "w", Domain: sweep.Domain{Dist: sweep.Normal, Mu: 0, Sigma: 1}},
		{Name: "opt", Domain: sweep.Domain{Dist: sweep.Categorical, Values: []sweep.Value{str("sgd"), str("ädam \"x\""), sweep.IntValue(3),
			sweep.FloatValue(2.5), sweep.BoolValue(true), sweep.NullValue()}}},
		{Name: "rho", Domain: sweep.Domain{Dist: sweep.Categorical, Values: []sweep.Value{sweep.FloatValue(0.9), sweep.FloatValue(0.99)}}},
		{Name: "steps", Domain: sweep.Domain{Dist: sweep.Constant, Values: []sweep.Value{sweep.IntValue(1000)}}},
		{Name: "warmup", Derived: constant{}},
	}, nil, nil)
	must(t, err)
	return s
}

func demoSpec(t testing.TB, name string, goals ...sweep.Goal) *sweep.Spec {
	s := &sweep.Spec{Doc: `{"name":"` + name + `"}`, Digest: "d", Name: name, Method: "random", Sampler: "random", Space: demoSpace(t)}
	for i, g := range goals {
		s.Objectives = append(s.Objectives, sweep.Objective{Name: []string{"loss", "size"}[i], Goal: g})
	}
	return s
}

// demoTrial is one trial of the demonstration.
type demoTrial struct {
	params string
	ended  *sweep.Ended // nil: it runs; at attempt 0 it stays queued
	post   []sweep.Report
}

func demoParams(i int, opt, more string) string {
	return fmt.Sprintf(`{"k":%d,"lr":%s,"opt":%s,"q":0.3,"steps":1000,"w":-5.5,"warmup":7,"width":64,"x":0.5%s}`, i, sweep.PythonFloat(math.Pow10(-i)), opt, more)
}

func ended(s sweep.State, v float64, more ...float64) *sweep.Ended {
	return &sweep.Ended{Attempt: 1, State: s, HasObjective: true, Objective: v, ObjectiveStep: 2, Others: more,
		Exit: sweep.Exit{StartedAt: 1_800_000_000_250_000, EndedAt: 1_800_000_010_500_000}}
}

// demoTrials are trials in every state.
func demoTrials() []demoTrial {
	inf, nan := math.Inf(1), math.NaN()
	failed := ended(sweep.Failed, 0)
	failed.HasObjective, failed.Class, failed.Reason = false, sweep.ClassOOM, "killed: out of memory"
	return []demoTrial{
		{demoParams(1, `"sgd"`, `,"rho":0.9`), ended(sweep.Finished, 0.25), []sweep.Report{at("loss", 0, inf), at("loss", 1, nan), at("loss", 2, 0.25), at("acc", 0, 0.5), at("acc", 2, 0.75), at("acc", 3, 0.8)}},
		{demoParams(2, `"ädam \"x\""`, ""), ended(sweep.Pruned, 0.5), []sweep.Report{at("loss", 0, 1), at("loss", 2, 0.5)}},
		{demoParams(3, `3`, ""), failed, nil},
		{demoParams(4, `2.5`, ""), ended(sweep.Diverged, nan), []sweep.Report{at("loss", 2, nan)}},
		{demoParams(5, `true`, ""), ended(sweep.Finished, math.Inf(-1)), []sweep.Report{at("loss", 2, math.Inf(-1))}},
		{demoParams(6, `null`, ""), nil, []sweep.Report{at("loss", 0, 9)}},
		{demoParams(7, `null`, ""), &sweep.Ended{}, nil},
		{demoParams(8, `"sgd"`, `,"rho":0.99`), ended(sweep.Finished, 0.125), []sweep.Report{at("loss", 1, 0.0625), at("loss", 2, 0.125)}},
	}
}

// demo is a database with a sweep of the trials.
func demo(t *testing.T, spec *sweep.Spec, trials []demoTrial) *results.Reader {
	t.Helper()
	db, err := results.Open(t.Context(), filepath.Join(t.TempDir(), "trawl.db"), results.Options{Create: true,
		Now: func() time.Time { return time.UnixMicro(1_800_000_000_000_000) }})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	s, err := db.Claim(t.Context(), spec, filepath.Join(t.TempDir(), "runs"))
	must(t, err)
	must(t, s.Revise(t.Context(), &sweep.SpecSet{Revision: 1, Doc: spec.Doc, Digest: "d", Why: "run"}, spec))
	for i, x := range trials {
		id := sweep.TrialID(i + 1)
		p := params(x.params)
		p.Trial, p.Proposal, p.PointID, p.Repeat, p.Planned, p.Seed, p.Revision = id, int64(i), sweep.PointID(id), 1, 1, 40+int64(id), 1
		must(t, s.Record(t.Context(), p))
		if x.ended != nil && x.ended.Attempt == 0 {
			continue
		}
		must(t, s.Record(t.Context(), &sweep.Started{Trial: id, Attempt: 1}))
		post := sweep.Post{Trial: id, Attempt: 1, Reports: x.post}
		if x.ended != nil {
			e := *x.ended
			e.Trial = id
			post.Events = []sweep.Event{&e}
		}
		s.Post(post)
	}
	must(t, s.Close())
	return db.Reader()
}
