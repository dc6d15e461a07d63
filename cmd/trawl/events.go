package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/metric/tfevents"
	"github.com/trawl-sweep/trawl/sweep"
)

// eventsDir is the directory that report.tensorboard names for an attempt with
// the given working directory; "" if it names none.
func eventsDir(spec *sweep.Spec, v configs.Vars, workdir string) (string, error) {
	dir, err := configs.RenderTensorBoard(spec, v)
	if err != nil || dir == "" || filepath.IsAbs(dir) {
		return dir, err
	}
	return filepath.Join(workdir, dir), nil
}

// eventsOf is eventsDir of the last attempt of a trial in the past.
func (s *sweeping) eventsOf(t results.TrialRow) (string, error) {
	if s.spec.TensorBoard == "" {
		return "", nil
	}
	var values map[string]sweep.Value
	if err := json.Unmarshal(t.Params, &values); err != nil {
		return "", fmt.Errorf("params: %w", err)
	}
	dir := s.trialDir(t.ID)
	workdir := s.baseDir
	if s.spec.Workdir == "trial" {
		workdir = dir
	} else if s.spec.Workdir != "" {
		if workdir = s.spec.Workdir; !filepath.IsAbs(workdir) {
			workdir = filepath.Join(s.baseDir, workdir)
		}
	}
	return eventsDir(s.spec, configs.Vars{Values: values, Trial: int64(t.ID), TrialDir: dir, CheckpointDir: filepath.Join(dir, "checkpoint"),
		Seed: t.Seed, Attempt: t.Attempts, LookupEnv: os.LookupEnv, BaseDir: s.baseDir}, workdir)
}

// readEvents gives what the event files in a trial's directory and in another
// one hold, with the file's name. A damaged file ends where it is damaged.
func readEvents(dir, more string, emit func(file, name string, step int64, v float64)) {
	seen := map[string]bool{}
	read := func(path, run string) {
		f, err := os.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil || seen[path] {
			return
		}
		seen[path] = true
		var r tfevents.Reader
		_ = r.Read(f, st.Size(), func() bool { return true }, func(s tfevents.Scalar) {
			emit(path, tfevents.Name(run, s.Tag), s.Step, s.Value)
		})
	}
	tfevents.Find(dir, read)
	if more != "" {
		tfevents.Find(more, read)
	}
}

// eventFiles says what was read from event files.
func (n *notes) eventFiles(dir, more string) {
	scalars, order := map[string]int{}, []string{}
	readEvents(dir, more, func(file, name string, step int64, v float64) {
		if scalars[file] == 0 {
			order = append(order, file)
		}
		scalars[file]++
		n.parser.Number(name, step, v, 0, n.add)
	})
	for _, f := range order {
		fmt.Fprintf(n.a.stdout, "%s  ← %d scalars\n", filepath.Base(f), scalars[f])
	}
}
