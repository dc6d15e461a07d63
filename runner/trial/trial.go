// Package trial is for training programs written in Go that run as trials of
// trawl: it reads the trial's values, reports metrics, and says when to stop.
//
//	p := struct {
//		LR     float64 `json:"lr"`
//		Epochs int     `json:"epochs"`
//	}{LR: 0.1, Epochs: 3}
//	if err := trial.Params(&p); err != nil {
//		log.Fatal(err)
//	}
//	for epoch := range p.Epochs {
//		loss := train(p.LR)
//		if err := trial.Report(int64(epoch), trial.Metrics{"val_loss": loss}); err != nil {
//			log.Fatal(err)
//		}
//		if trial.ShouldStop() {
//			break
//		}
//	}
//
// Outside of trawl nothing breaks: Params leaves its argument as it is, Report
// prints its line to standard output, and directories are those of the working
// directory. The package needs the standard library alone.
//
// Sources: the contract is that of trawl.py, the same for Python, and of the
// environment variables TRAWL_… that trawl sets for each trial. It departs from
// trawl.py in that values are decoded into what the program declares.
package trial

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// Inside reports whether the program runs as a trial.
func Inside() bool { return os.Getenv("TRAWL_TRIAL") != "" }

// Params decodes the values of this trial into what into points at, by the
// rules of encoding/json: a struct whose fields have the parameters' names, or a
// map. Nested parameters are nested; a parameter that the trial does not have
// leaves its field as it is, so defaults stay, and one that has no field is
// ignored. Outside of trawl it does nothing.
//
// The error names the file and what does not fit: a text for a number, 0.5 for
// an int.
func Params(into any) error {
	path := os.Getenv("TRAWL_PARAMS")
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("trial: parameters: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("trial: parameters in %s: %w", path, err)
	}
	return nil
}

// Metrics are numbers by name. NaN and infinities are data.
type Metrics map[string]float64

// NoStep is the step of a Report without one: each metric takes its last + 1,
// and 0 first.
const NoStep = -1

// Report reports metrics at a step, an integer of at least 0, or NoStep. It
// makes one write, so that several goroutines and processes may report at once.
//
// It is an error to report nothing, an empty name, a name of more than 256 bytes
// or the name `step`, and if the line cannot be written; nothing is then
// reported.
func Report(step int64, m Metrics) error {
	line, err := encode(step, m)
	if err != nil {
		return fmt.Errorf("trial: report: %w", err)
	}
	if err := out.write(line); err != nil {
		return fmt.Errorf("trial: report: %w", err)
	}
	return nil
}

// encode makes a line of JSON, with NaN and Infinity as Python writes them.
func encode(step int64, m Metrics) ([]byte, error) {
	if len(m) == 0 {
		return nil, errors.New("no metric; want at least one")
	}
	b := []byte{'{'}
	switch {
	case step >= 0:
		b = strconv.AppendInt(append(b, `"step": `...), step, 10)
	case step != NoStep:
		return nil, fmt.Errorf("step %d; want at least 0, or NoStep", step)
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case name == "step":
			return nil, errors.New("step is no metric; pass it as the step")
		case name == "" || len(name) > maxName:
			return nil, fmt.Errorf("%q: want a name of 1 to %d bytes", name, maxName)
		}
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b = appendNumber(append(append(b, key...), ": "...), m[name])
	}
	return append(b, "}\n"...), nil
}

// maxName is the longest name of a metric that trawl reads, in bytes.
const maxName = 256

func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 1):
		return append(b, "Infinity"...)
	case math.IsInf(v, -1):
		return append(b, "-Infinity"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// out is where reports go.
var out sink

// sink is the file $TRAWL_METRICS, opened at the first report.
type sink struct {
	mu   sync.Mutex // reports come from any goroutine, and a message could not return their error
	path string
	file *os.File
}

func (s *sink) write(line []byte) error {
	path := os.Getenv("TRAWL_METRICS")
	s.mu.Lock()
	defer s.mu.Unlock()
	if path == "" {
		_, err := os.Stdout.Write(line)
		return err
	}
	if s.file == nil || s.path != path {
		if s.file != nil {
			s.file.Close()
		}
		var err error
		if s.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
			s.file = nil
			return err
		}
		s.path = path
	}
	_, err := s.file.Write(line)
	return err
}

// stops are the signals that a sweep file can name.
var stops = map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "SIGHUP": syscall.SIGHUP,
	"SIGQUIT": syscall.SIGQUIT, "SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2}

var (
	watch   sync.Once
	stopped = make(chan struct{})
	asked   atomic.Bool
)

// Stopped returns a channel that is closed when trawl asks this trial to end:
// pruned, stopped, or out of time. From the first call of Stopped or ShouldStop
// on, the signal (SIGTERM, or `stop.signal` of the sweep file) no longer ends
// the program at once: it should save what must be saved, and leave within the
// grace period. A second one ends it.
func Stopped() <-chan struct{} {
	watch.Do(func() {
		sig, ok := stops[os.Getenv("TRAWL_STOP_SIGNAL")]
		if !ok {
			sig = syscall.SIGTERM
		}
		c := make(chan os.Signal, 1)
		signal.Notify(c, sig)
		go func() { // owned by the program: it ends with it, or with the signal
			<-c
			signal.Reset(sig)
			asked.Store(true)
			close(stopped)
		}()
	})
	return stopped
}

// ShouldStop reports whether trawl has asked this trial to end: see Stopped. Ask
// once per step.
func ShouldStop() bool {
	Stopped()
	return asked.Load()
}

// CheckpointDir returns a directory that is kept over the attempts of this
// trial, ./checkpoint outside of trawl. It is made if it is not there.
func CheckpointDir() (string, error) {
	dir := os.Getenv("TRAWL_CHECKPOINT_DIR")
	if dir == "" {
		var err error
		if dir, err = filepath.Abs("checkpoint"); err != nil {
			return "", fmt.Errorf("trial: checkpoint: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("trial: checkpoint: %w", err)
	}
	return dir, nil
}

// Dir returns this trial's own directory; outside of trawl the working
// directory, as ".".
func Dir() string {
	if dir := os.Getenv("TRAWL_TRIAL_DIR"); dir != "" {
		return dir
	}
	return "."
}

// Sweep returns the name of the sweep, "" outside of trawl.
func Sweep() string { return os.Getenv("TRAWL_SWEEP") }

// ID returns the number of this trial in its sweep, from 1; 0 outside of trawl.
func ID() int64 { return integer("TRAWL_TRIAL") }

// Attempt returns the number of this attempt, from 1; 0 outside of trawl.
func Attempt() int { return int(integer("TRAWL_ATTEMPT")) }

// Seed returns the seed of this repeat; 0 outside of trawl.
func Seed() int64 { return integer("TRAWL_SEED") }

func integer(name string) int64 {
	n, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
