package inproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/sweep"
)

// LogName is the file in the trial's directory with one JSON line per epoch.
const LogName = "output.log"

const (
	defaultLogLimit = 64 << 20
	tailLines       = 20
)

var (
	errStopped = errors.New("stopped")
	errTimeout = errors.New("ran longer than its timeout")
	errStalled = errors.New("reported nothing for longer than its stall_timeout")
)

// A job is one attempt in its goroutine, or in that of its group. The loop's goroutine touches cancel,
// why, lost and done alone.
type job struct {
	runner.Job
	backend *Backend
	ctx     context.Context // of the attempt: Stop and Close cancel it
	cancel  context.CancelCauseFunc
	why     atomic.Pointer[sweep.Stop] // of the Stop that came last
	lost    atomic.Bool                // the backend was closed under it
	done    chan struct{}

	began   time.Time
	heard   time.Time // of the last report
	working bool      // a mini-batch was begun or an epoch reported
	log     *os.File
	logged  int64
	mark    string
	tail    []string
}

// over reports whether the job's goroutine has sent its Exit.
func (j *job) over() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// run is the goroutine of a job by itself. It holds its thread, so that the CPU
// time of the thread is that of the trial.
func (j *job) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	j.begin()
	cpu := newMeter(j.backend.opts.Now)
	exit := j.attempt()
	j.end(exit, cpu.lap())
}

// attempt trains and says how that ended.
func (j *job) attempt() (exit sweep.Exit) {
	defer func() {
		if p := recover(); p != nil {
			exit = j.panicked(p)
		}
	}()
	config, err := j.config()
	if err == nil {
		err = j.prepare()
	}
	if err != nil {
		return startFailed(err)
	}
	return j.exit(j.train(config))
}

// begin is called at the start of the training.
func (j *job) begin() {
	j.began = j.backend.opts.Now()
	j.heard = j.began
}

// panicked is the exit of a job that panicked with p.
func (j *job) panicked(p any) sweep.Exit {
	exit := sweep.Exit{Code: 2, Message: oneLine(fmt.Sprintf("panic: %v", p))}
	j.tail = append([]string{exit.Message}, stack()...)
	return exit
}

// end sends the exit of a job that took cpu seconds, unless Close ended it: then
// the next process finds it gone.
func (j *job) end(exit sweep.Exit, cpu float64) {
	exit.StartedAt, exit.EndedAt = j.began.UnixMicro(), j.backend.opts.Now().UnixMicro()
	exit.CPUSeconds = cpu
	if exit.Message != "" && exit.Cause != sweep.StopInterrupt && len(j.tail) < tailLines {
		j.tail = append(j.tail, exit.Message)
	}
	if j.log != nil {
		_ = j.log.Close()
	}
	if !j.lost.Load() {
		j.backend.send(runner.Update{Name: j.Name, Mark: j.mark, Tail: j.tail, Exit: &exit})
	}
	j.cancel(nil)
	close(j.done)
}

// config is what the job trains.
func (j *job) config() (train.Config, error) { return config(j.Job) }

func config(spec runner.Job) (train.Config, error) {
	values := map[string]sweep.Value{"seed": sweep.IntValue(spec.Seed)}
	for name, v := range spec.Values {
		if name != "seed" || !v.IsAbsent() && v.Kind() != sweep.Null {
			values[name] = v
		}
	}
	return train.NewConfig(values)
}

// prepare makes the trial's directory with what is in it.
func (j *job) prepare() error {
	if err := os.MkdirAll(j.checkpoints(), 0o755); err != nil {
		return err
	}
	params := j.Params
	if params == nil {
		var err error
		if params, err = json.Marshal(j.Values); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(j.TrialDir, "params.json"), params, 0o644); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(j.TrialDir, LogName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	j.log = log
	return err
}

func (j *job) checkpoints() string { return filepath.Join(j.TrialDir, "checkpoint") }

// hooks connect the trainer with the job.
func (j *job) hooks() train.Hooks {
	return train.Hooks{
		Source:      j.backend.source,
		Report:      j.report,
		BeforeBatch: j.inTime,
		Now:         j.backend.opts.Now,
		Dir:         j.checkpoints(),
		Resume:      true,
		Say:         func(text string) { j.note("trainer", oneLine(text)) },
		Find:        j.backend.opts.find(j.ctx),
		Warn:        func(err error) { j.note("checkpoint_lost", oneLine(err.Error())) },
	}
}

// train runs the trainer from the checkpoint, or from the beginning if that is
// of no use: the numbers come out the same.
func (j *job) train(config train.Config) (train.Result, error) {
	hooks := j.hooks()
	res, err := j.backend.train(j.ctx, config, hooks)
	if errors.Is(err, train.ErrCheckpoint) {
		j.note("checkpoint_lost", oneLine(err.Error())+": begun again")
		hooks.Resume = false
		res, err = j.backend.train(j.ctx, config, hooks)
	}
	return res, err
}

// exit says what the end of the training means.
func (j *job) exit(res train.Result, err error) sweep.Exit {
	if err == nil && res.Weights != "" {
		j.note("weights", "sha256:"+res.Weights)
	}
	switch {
	case err == nil && res.Diverged == "":
		return sweep.Exit{}
	case err == nil:
		return sweep.Exit{Code: -1, Cause: sweep.StopDiverge, Message: oneLine(res.Diverged)}
	case errors.Is(err, errStopped):
		exit := sweep.Exit{Code: -1, Cause: sweep.StopInterrupt, Message: err.Error()}
		if why := j.why.Load(); why != nil {
			exit.Cause = *why
		}
		return exit
	case errors.Is(err, errTimeout):
		return sweep.Exit{Code: -1, Cause: sweep.StopTimeout, Message: fmt.Sprintf("%v of %v", err, j.Timeout)}
	case errors.Is(err, errStalled):
		return sweep.Exit{Code: -1, Cause: sweep.StopStall, Message: fmt.Sprintf("%v of %v", err, j.StallTimeout)}
	case !j.working:
		return startFailed(err)
	}
	return sweep.Exit{Code: 1, Message: oneLine(err.Error())}
}

func startFailed(err error) sweep.Exit {
	return sweep.Exit{Code: -1, Class: sweep.ClassStart, Message: oneLine(err.Error())}
}

// inTime is called before each mini-batch. In a group nothing else ends one job.
func (j *job) inTime() error {
	j.working = true
	if j.ctx.Err() != nil {
		return context.Cause(j.ctx)
	}
	if j.Timeout <= 0 && j.StallTimeout <= 0 {
		return nil
	}
	now := j.backend.opts.Now()
	if j.Timeout > 0 && now.Sub(j.began) > j.Timeout {
		return errTimeout
	}
	if j.StallTimeout > 0 && now.Sub(j.heard) > j.StallTimeout {
		return errStalled
	}
	return nil
}

// report writes the metrics of an epoch to the log, then sends them.
func (j *job) report(step int64, metrics []sweep.Report) {
	j.working = true
	j.heard = j.backend.opts.Now()
	j.write(string(appendLine(nil, step, metrics)))
	j.mark = strconv.FormatInt(step, 10)
	j.backend.send(runner.Update{Name: j.Name, Reports: metrics, Mark: j.mark})
}

// write appends a line to the log, up to its limit.
func (j *job) write(line string) {
	if len(j.tail) == tailLines {
		j.tail = append(j.tail[:0], j.tail[1:]...)
	}
	j.tail = append(j.tail, line)
	limit := j.LogLimit
	if limit <= 0 {
		limit = defaultLogLimit
	}
	if j.logged += int64(len(line)) + 1; j.log == nil || j.logged > limit {
		return
	}
	if _, err := j.log.WriteString(line + "\n"); err != nil {
		_ = j.log.Close()
		j.log = nil
		j.note("output_lost", oneLine(err.Error()))
	}
}

func (j *job) note(what, text string) {
	j.backend.send(runner.Update{Name: j.Name, Mark: j.mark, Note: &sweep.Note{What: what, Trial: j.Trial, Text: text}})
}

// stack is the place of a panic, in a few lines.
func stack() []string {
	lines := strings.Split(strings.TrimSpace(string(debug.Stack())), "\n")
	return lines[:min(len(lines), tailLines-1)]
}

// oneLine makes an error with several lines one.
func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") }
