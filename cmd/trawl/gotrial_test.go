package main

import (
	"errors"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/trawl-sweep/trawl/runner/trial"
)

// goTrial [crash] [wait] is a program of the scripts, a trial written in Go:
// gradient descent on w² from 1. With crash its first attempt fails behind a
// checkpoint; with wait it goes on until it is asked to end.
func goTrial() {
	p := struct {
		LR     float64 `json:"lr"`
		Epochs int64   `json:"epochs"`
	}{LR: 0.25, Epochs: 2}
	if err := trial.Params(&p); err != nil {
		log.Fatal(err)
	}
	report := func(step int64, m trial.Metrics) {
		if err := trial.Report(step, m); err != nil {
			log.Fatal(err)
		}
	}
	if slices.Contains(os.Args[1:], "crash") {
		crashOnce()
	}
	trial.ShouldStop() // from here on the signal is ours
	w := 1.0
	for epoch := range p.Epochs {
		w -= p.LR * 2 * w
		report(epoch, trial.Metrics{"loss": w * w, "seed": float64(trial.Seed())})
	}
	if slices.Contains(os.Args[1:], "wait") {
		<-trial.Stopped()
		report(trial.NoStep, trial.Metrics{"left": 1})
	}
}

// crashOnce fails unless an earlier attempt has left a checkpoint.
func crashOnce() {
	dir, err := trial.CheckpointDir()
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "saved")
	_, err = os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && trial.Attempt() == 1:
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			log.Fatal(err)
		}
		log.Fatal("crash")
	case err != nil:
		log.Fatal("the checkpoint is gone: ", err)
	}
}
