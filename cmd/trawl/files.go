package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/metric/files"
	"github.com/trawl-sweep/trawl/sweep"
)

// workdirOf is the working directory of a trial with the given directory.
func (s *sweeping) workdirOf(trialDir string) string {
	switch w := s.spec.Workdir; {
	case w == "" || w == ".":
		return s.baseDir
	case w == "trial":
		return trialDir
	case filepath.IsAbs(w):
		return w
	default:
		return filepath.Join(s.baseDir, w)
	}
}

// filesOf are the files in which the last attempt of a trial in the past left
// metrics.
func (s *sweeping) filesOf(t results.TrialRow) ([]sweep.ReportFile, error) {
	if len(s.spec.Files) == 0 {
		return nil, nil
	}
	var values map[string]sweep.Value
	if err := json.Unmarshal(t.Params, &values); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	dir := s.trialDir(t.ID)
	return configs.RenderFiles(s.spec, configs.Vars{Values: values, Trial: int64(t.ID), TrialDir: dir, CheckpointDir: filepath.Join(dir, "checkpoint"),
		Seed: t.Seed, Attempt: t.Attempts, LookupEnv: os.LookupEnv, BaseDir: s.baseDir}, s.workdirOf(dir))
}

// readFiles gives what the files of an attempt that has ended hold. What is
// wrong with one of them ends that alone.
func readFiles(dir string, named []sweep.ReportFile, end files.End, emit files.Emit) (wrong []error) {
	_, wrong = files.New(dir, named).Read(0, end, func() bool { return true }, emit)
	return wrong
}

// files says what was read from files.
func (n *notes) files(dir string, named []sweep.ReportFile, end files.End) {
	numbers, order := map[string]int{}, []string{}
	wrong := readFiles(dir, named, end, func(path, name string, step int64, v float64) {
		if numbers[path] == 0 {
			order = append(order, path)
		}
		numbers[path]++
		n.parser.Number(name, step, v, 0, n.add)
	})
	for _, f := range order {
		fmt.Fprintf(n.a.stdout, "%s  ← %d numbers\n", filepath.Base(f), numbers[f])
	}
	for _, err := range wrong {
		fmt.Fprintf(n.a.stderr, "try: %v\n", err)
	}
}
