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
	return newJobMaker(s, n).job
}

// jobMaker makes jobs; what all trials of a run share is computed once.
type jobMaker struct {
	*sweeping
	base        []string
	distinct    int // of a trial's own variables, when base was cleared of their names
	interpreter string
	lookup      func(string) (string, bool) // of the variables that trials inherit
	ports       ports
	python      pythonPath
}

// newJobMaker is for jobs of which n run at a time, in our own environment.
func newJobMaker(s *sweeping, n int) *jobMaker {
	return &jobMaker{sweeping: s, base: baseEnv(os.Environ(), s.spec, n), interpreter: interpreter(), lookup: os.LookupEnv}
}

// baseEnv is the environment of every trial: what is inherited, then what spec.md
// promises unless it is set. What trials get by themselves, or from the file's
// `env:`, is left out: of two values of one name C programs see the first, shells
// the last.
func baseEnv(inherited []string, spec *sweep.Spec, n int) []string {
	own := map[string]bool{}
	for _, name := range trialVars {
		own[name] = true
	}
	for _, e := range spec.Env {
		own[e.Name] = true
	}
	var env []string
	set := map[string]bool{}
	for _, kv := range inherited {
		name, _, _ := strings.Cut(kv, "=")
		set[name] = true
		if !own[name] {
			env = append(env, kv)
		}
	}
	unless := func(name, value string) {
		if !set[name] && !own[name] {
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
	file, err := m.paramsJSON(params, values)
	if err != nil {
		return runner.Job{}, fmt.Errorf("params: %w", err)
	}
	job := runner.Job{
		Dir: m.baseDir, TrialDir: dir, Params: file, Values: values, Seed: t.Seed,
		Timeout: m.spec.Timeout, StallTimeout: m.spec.StallTimeout,
		Signal: signalNumber(m.spec.Stop.Signal), Grace: m.spec.Stop.Grace, LogLimit: m.spec.LogLimit,
	}
	if m.spec.Trainer != nil {
		job.Values = trainerValues(m.spec, values)
		return job, nil
	}
	job.Resumed = t.Attempt > 1 && !emptyDir(checkpoints)
	vars := m.vars(t, values, job.Resumed)
	argv, err := configs.Render(m.spec, vars)
	if err != nil {
		return runner.Job{}, err
	}
	job.Argv = argv
	if job.Env, err = m.env(t, job.Params, dir, checkpoints); err != nil {
		return runner.Job{}, err
	}
	if job.Dir = m.workdirOf(dir); m.spec.Workdir == "trial" {
		for _, l := range m.spec.Link {
			if !filepath.IsAbs(l) {
				l = filepath.Join(m.baseDir, l)
			}
			job.Link = append(job.Link, l)
		}
	}
	job.ExitValue = m.spec.ExitValue
	job.Files, err = configs.RenderFiles(m.spec, vars, job.Dir)
	return job, err
}

// vars is what an attempt puts into its command.
func (m *jobMaker) vars(t sweep.Trial, values map[string]sweep.Value, resumed bool) configs.Vars {
	dir := m.trialDir(t.ID)
	return configs.Vars{
		Values: values, Trial: int64(t.ID), TrialDir: dir, CheckpointDir: filepath.Join(dir, "checkpoint"), Seed: t.Seed,
		Attempt: t.Attempt, HasCheckpoint: resumed, Interpreter: m.interpreter, LookupEnv: m.lookup, BaseDir: m.baseDir,
	}
}

// argv is the command line of an attempt, for those who only look: nothing is
// written.
func (m *jobMaker) argv(t sweep.Trial, params string, resumed bool) ([]string, error) {
	var values map[string]sweep.Value
	if err := json.Unmarshal([]byte(params), &values); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return configs.Render(m.spec, m.vars(t, values, resumed))
}

// paramsJSON is the file that $TRAWL_PARAMS names. The journal has it already,
// but for nested parameters, which it keeps flat, and for infinite values,
// which it keeps as texts.
func (m *jobMaker) paramsJSON(flat string, values map[string]sweep.Value) ([]byte, error) {
	nested := slices.ContainsFunc(m.spec.Space.Params, func(p sweep.Param) bool { return p.Path != nil })
	if !nested && !strings.Contains(flat, `Infinity"`) {
		return []byte(flat), nil
	}
	return configs.ParamsJSON(m.spec, values)
}

func (m *jobMaker) env(t sweep.Trial, params []byte, dir, checkpoints string) ([]string, error) {
	python, err := m.pythonEnv(t, params)
	if err != nil {
		return nil, err
	}
	env := make([]string, 0, len(m.base)+12+len(python)+len(m.spec.Env)) // with room for the base
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
	if _, ok := m.lookup("MASTER_PORT"); !ok && !slices.ContainsFunc(m.spec.Env, func(e sweep.EnvVar) bool { return e.Name == "MASTER_PORT" }) {
		env = append(env, "MASTER_PORT="+strconv.Itoa(m.ports.next()))
	}
	env = append(env, python...)
	for _, e := range m.spec.Env {
		env = append(env, e.Name+"="+m.python.keep(e))
	}
	env = lastWins(env)
	m.without(env)
	return append(env, m.base...), nil
}

// without takes the names of a trial's own variables out of the base. They are
// the same for all trials, so that it does so once.
func (m *jobMaker) without(own []string) {
	if m.distinct == len(own) {
		return
	}
	m.base = lastWins(append(slices.Clone(m.base), own...))
	m.base = slices.DeleteFunc(m.base, func(kv string) bool { return slices.Contains(own, kv) })
	m.distinct = len(own)
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
