package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/runner/python"
	"github.com/trawl-sweep/trawl/sweep"
)

// pythonPath is what our packages put before the trials' PYTHONPATH; "" until
// they are installed.
type pythonPath string

// pythonEnv is what a Python script and W&B's library look at. The packages are
// written before the first trial of the process, beside the runs of all sweeps.
func (m *jobMaker) pythonEnv(t sweep.Trial, params []byte) ([]string, error) {
	if m.python == "" {
		path, err := python.Install(filepath.Join(filepath.Dir(m.runs), ".python"), m.spec.WandB)
		if err != nil {
			return nil, err
		}
		m.python = pythonPath(path)
	}
	others, _ := m.lookup("PYTHONPATH")
	env := []string{"PYTHONPATH=" + m.python.before(others)}
	if s := "SIG" + strings.TrimPrefix(m.spec.Stop.Signal, "SIG"); s != "SIGTERM" {
		env = append(env, "TRAWL_STOP_SIGNAL="+s)
	}
	if m.spec.WandB == python.Off {
		return env, nil
	}
	if len(m.spec.Objectives) > 0 { // W&B writes a.b for what scripts log as {a: {b: 1}}
		env = append(env, "TRAWL_OBJECTIVE="+m.spec.Objectives[0].Name)
	}
	agent, err := m.agentEnv(t, params)
	return append(append(env, "TRAWL_WANDB="+m.spec.WandB), agent...), err
}

// agentEnv is what a W&B agent sets for a run: names, and the file with the
// values, which only sweep files with W&B's `program` pay for.
func (m *jobMaker) agentEnv(t sweep.Trial, params []byte) ([]string, error) {
	name := strings.ReplaceAll(filepath.Base(m.runs), "%", "-") // W&B refuses / \ # ? % : in ids
	run := name + "-" + strconv.FormatInt(int64(t.ID), 10)
	env := []string{"WANDB_SWEEP_ID=" + name, "WANDB_RUN_ID=" + run}
	if m.spec.Program == "" {
		return env, nil
	}
	doc, err := python.AgentParams(params)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(m.runs, ".wandb", "config-"+run+".yaml")
	err = os.WriteFile(file, doc, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(file), 0o755); err == nil {
			err = os.WriteFile(file, doc, 0o644)
		}
	}
	return append(env, "WANDB_SWEEP_PARAM_PATH="+file), err
}

// before puts ours before other entries; an empty entry would be the working
// directory.
func (p pythonPath) before(others string) string {
	if others == "" {
		return string(p)
	}
	return string(p) + string(os.PathListSeparator) + others
}

// keep is the value of a variable of `env:`; a PYTHONPATH there goes behind ours.
func (p pythonPath) keep(e sweep.EnvVar) string {
	if e.Name == "PYTHONPATH" {
		return p.before(e.Value)
	}
	return e.Value
}
