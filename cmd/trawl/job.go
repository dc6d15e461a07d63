package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// jobs returns the function that makes the job of an attempt when n trials run
// at a time.
func (s *sweeping) jobs(n int) func(sweep.Trial, string) (runner.Job, error) {
	m := &jobMaker{sweeping: s, base: baseEnv(s.spec, n), interpreter: interpreter()}
	return m.job
}

// jobMaker makes jobs; what all trials of a run share is computed once.
type jobMaker struct {
	*sweeping
	base        []string
	interpreter string
	ports       ports
	python      pythonPath
}

// baseEnv is the environment of every trial: ours, then what spec.md promises
// unless it is set. What trials get by themselves, or from the file's `env:`, is
// left out: of two values of one name C programs see the first, shells the last.
func baseEnv(spec *sweep.Spec, n int) []string {
	own := map[string]bool{}
	for _, name := range trialVars {
		own[name] = true
	}
	for _, e := range spec.Env {
		own[e.Name] = true
	}
	var env []string
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); !own[name] {
			env = append(env, kv)
		}
	}
	unless := func(name, value string) {
		if _, ok := os.LookupEnv(name); !ok && !own[name] {
			env = append(env, name+"="+value)
		}
	}
	threads := max(1, usableCores()/n)
	if c := spec.Resources.CPUs; c >= 1 {
		threads = int(c)
	}
	unless("OMP_NUM_THREADS", strconv.Itoa(threads))
	unless("PYTHONUNBUFFERED", "1")
	return env
}

// trialVars are the variables that each trial gets its own value of.
var trialVars = []string{"TRAWL_SWEEP", "TRAWL_TRIAL", "TRAWL_ATTEMPT", "TRAWL_SEED", "TRAWL_TRIAL_DIR", "TRAWL_CHECKPOINT_DIR",
	"TRAWL_PARAMS", "TRAWL_METRICS", "TRAWL_TOKEN"}

func interpreter() string {
	if _, err := exec.LookPath("python"); err != nil {
		if _, err := exec.LookPath("python3"); err == nil {
			return "python3"
		}
	}
	return "python"
}

// trialDir is the directory of a trial: its number under the sweep's.
func (s *sweeping) trialDir(id sweep.TrialID) string {
	return filepath.Join(s.runs, strconv.FormatInt(int64(id), 10))
}

func (m *jobMaker) job(t sweep.Trial, params string) (runner.Job, error) {
	dir := m.trialDir(t.ID)
	checkpoints := filepath.Join(dir, "checkpoint")
	var values map[string]sweep.Value
	if err := json.Unmarshal([]byte(params), &values); err != nil {
		return runner.Job{}, fmt.Errorf("params: %w", err)
	}
	doc, err := m.paramsJSON(t, params)
	if err != nil {
		return runner.Job{}, err
	}
	job := runner.Job{
		Dir: m.baseDir, TrialDir: dir, Params: doc, Values: values, Seed: t.Seed,
		Timeout: m.spec.Timeout, StallTimeout: m.spec.StallTimeout,
		Signal: signalNumber(m.spec.Stop.Signal), Grace: m.spec.Stop.Grace, LogLimit: m.spec.LogLimit,
	}
	if m.spec.Trainer != nil {
		job.Values = map[string]sweep.Value{}
		for k, v := range m.spec.Trainer {
			job.Values[k] = v
		}
		for k, v := range values {
			job.Values[k] = v
		}
		return job, nil
	}
	vars := m.vars(t, values)
	argv, err := configs.Render(m.spec, vars)
	if err != nil {
		return runner.Job{}, err
	}
	job.Argv = argv
	if job.Env, err = m.env(t, job.Params, dir, checkpoints); err != nil {
		return runner.Job{}, err
	}
	switch m.spec.Workdir {
	case "", ".":
	case "trial":
		job.Dir = dir
		for _, l := range m.spec.Link {
			if !filepath.IsAbs(l) {
				l = filepath.Join(m.baseDir, l)
			}
			job.Link = append(job.Link, l)
		}
	default:
		if job.Dir = m.spec.Workdir; !filepath.IsAbs(job.Dir) {
			job.Dir = filepath.Join(m.baseDir, job.Dir)
		}
	}
	job.Events, err = eventsDir(m.spec, vars, job.Dir)
	return job, err
}

// vars is what the macros of a command stand for.
func (m *jobMaker) vars(t sweep.Trial, values map[string]sweep.Value) configs.Vars {
	dir := m.trialDir(t.ID)
	checkpoints := filepath.Join(dir, "checkpoint")
	return configs.Vars{
		Values: values, Trial: int64(t.ID), TrialDir: dir, CheckpointDir: checkpoints, Seed: t.Seed,
		Attempt: t.Attempt, HasCheckpoint: t.Attempt > 1 && !emptyDir(checkpoints), Interpreter: m.interpreter,
		LookupEnv: os.LookupEnv, BaseDir: m.baseDir,
	}
}

// commandLine is the argv of a trial's job, nil for the built-in trainer. Other
// than job it writes nothing: a job brings files for Python with it.
func (m *jobMaker) commandLine(t sweep.Trial, params string) ([]string, error) {
	if m.spec.Trainer != nil {
		return nil, nil
	}
	var values map[string]sweep.Value
	if err := json.Unmarshal([]byte(params), &values); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return configs.Render(m.spec, m.vars(t, values))
}

// paramsJSON is the file that $TRAWL_PARAMS names: nested parameters nested.
func (m *jobMaker) paramsJSON(t sweep.Trial, flat string) ([]byte, error) {
	if !slices.ContainsFunc(m.spec.Space.Params, func(p sweep.Param) bool { return p.Path != nil }) {
		return []byte(flat), nil
	}
	nested := m.spec.Space.Nested(t.Point)
	if name := m.spec.Repeats.Parameter; name != "" && len(m.spec.Repeats.Seeds) > 0 {
		nested[name] = t.Seed
	}
	b, err := json.Marshal(nested)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return b, nil
}

func (m *jobMaker) env(t sweep.Trial, params []byte, dir, checkpoints string) ([]string, error) {
	python, err := m.pythonEnv(t, params)
	if err != nil {
		return nil, err
	}
	env := make([]string, len(m.base), len(m.base)+12+len(python)+len(m.spec.Env))
	copy(env, m.base)
	env = append(env,
		"TRAWL_SWEEP="+m.spec.Name,
		"TRAWL_TRIAL="+strconv.FormatInt(int64(t.ID), 10),
		"TRAWL_ATTEMPT="+strconv.Itoa(t.Attempt),
		"TRAWL_SEED="+strconv.FormatInt(t.Seed, 10),
		"TRAWL_TRIAL_DIR="+dir,
		"TRAWL_CHECKPOINT_DIR="+checkpoints,
		"TRAWL_PARAMS="+filepath.Join(dir, "params.json"),
		"TRAWL_METRICS="+filepath.Join(dir, "metrics.jsonl"),
	)
	if _, ok := os.LookupEnv("MASTER_PORT"); !ok && !slices.ContainsFunc(m.spec.Env, func(e sweep.EnvVar) bool { return e.Name == "MASTER_PORT" }) {
		env = append(env, "MASTER_PORT="+strconv.Itoa(m.ports.next()))
	}
	env = append(env, python...)
	for _, e := range m.spec.Env {
		env = append(env, e.Name+"="+m.python.keep(e))
	}
	return lastWins(env), nil
}

// lastWins leaves one entry of each name, the last, in place: of two, the C library and
// Python take the first, and shells the last.
func lastWins(env []string) []string {
	at := make(map[string]int, len(env))
	out := env[:0]
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if i, ok := at[name]; ok {
			out[i] = kv
			continue
		}
		at[name] = len(out)
		out = append(out, kv)
	}
	return out
}

func emptyDir(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return true
	}
	defer f.Close()
	names, _ := f.Readdirnames(1)
	return len(names) == 0
}
