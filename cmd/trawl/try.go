package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/inproc"
	"github.com/trawl-sweep/trawl/runner/local"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/runner/metric/files"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

func newTryCmd(a *app) *cobra.Command {
	var o fileOptions
	cmd := &cobra.Command{
		Use:   "try [FILE] [KEY=VALUE…] [-- CMD…]",
		Short: "Run one trial in the foreground, unrecorded, and show what is read from it",
		Long: `Try runs the first trial of FILE (default sweep.yaml), or one with the values given,
in the foreground, with the GPUs that it would get. It prints the trial's output
and, beside each line, what was read from it. Nothing is recorded.

Exit status: that of the trial; 2 usage or sweep file; 130 interrupted.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			before, after := args, []string(nil)
			dash := cmd.ArgsLenAtDash()
			if dash >= 0 {
				before, after = args[:dash], args[dash:]
			}
			files, values := splitValues(before)
			if dash >= 0 {
				dash = len(files)
			}
			if err := o.takeAt(append(files, after...), dash); err != nil {
				return err
			}
			return a.try(cmd.Context(), o, values)
		},
	}
	o.flags(cmd)
	return cmd
}

// splitValues tells k=v arguments from the rest.
func splitValues(args []string) (rest, values []string) {
	for _, s := range args {
		if strings.Contains(s, "=") {
			values = append(values, s)
		} else {
			rest = append(rest, s)
		}
	}
	return rest, values
}

func (a *app) try(ctx context.Context, o fileOptions, values []string) error {
	f, err := a.load(o)
	if err != nil {
		return err
	}
	if err := refuseUnrunnable(f.Spec); err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "trawl-try-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	s := &sweeping{a: a, spec: f.Spec, baseDir: dir, runs: filepath.Join(tmp, safeName(f.Spec.Name))}
	e, err := firstTrial(f.Spec, values)
	if err != nil {
		return err
	}
	t, err := sweep.Trial{}.Apply(e)
	if err != nil {
		return err
	}
	t.Attempt = 1
	job, err := newJobMaker(s, 1).job(t, e.Params)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "try: %s\n", variedParams(f.Spec, e.Params))
	if f.Spec.Trainer != nil {
		return inproc.RunOne(ctx, job.Values, a.trainer(dir), a.stdout)
	}
	fits, err := a.fit(ctx, f.Spec, 1)
	if err != nil {
		fmt.Fprintf(a.stderr, "warning: %v\n", err) // run would refuse; one trial may show why it needs them
		fits = fitting{}
	}
	return a.tryCommand(ctx, f.Spec, job, fits.gpus, fits.need)
}

// firstTrial is the first trial of a spec, or that of the values given.
func firstTrial(spec *sweep.Spec, values []string) (*sweep.Proposed, error) {
	smp, err := sampler.New(spec.Sampler, plan(spec))
	if err != nil {
		return nil, err
	}
	p := loop.NewPlanner(spec, smp, 1)
	if len(values) > 0 {
		v, err := configs.ParseValues(spec, values)
		if err != nil {
			return nil, usagef("%v", err)
		}
		got, err := p.Add(v)
		if err != nil {
			return nil, usagef("%v", err)
		}
		return got[0], nil
	}
	got, err := p.Next(1)
	if err != nil {
		return nil, err
	}
	if len(got) == 0 {
		return nil, errors.New("the sweep has no point")
	}
	return got[0], nil
}

// tryCommand runs the job's command in the foreground, with what it needs of the
// GPUs, and annotates its output.
func (a *app) tryCommand(ctx context.Context, spec *sweep.Spec, job runner.Job, gpus []local.GPU, need sweep.Resources) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := os.MkdirAll(filepath.Join(job.TrialDir, "checkpoint"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(job.TrialDir, "params.json"), job.Params, 0o644); err != nil {
		return err
	}
	for _, l := range job.Link {
		if err := os.Symlink(l, filepath.Join(job.TrialDir, filepath.Base(l))); err != nil {
			return err
		}
	}
	if err := files.Remember(job.TrialDir, job.Files); err != nil {
		return err
	}
	end, err := a.holdGPUs(ctx, spec, &job, gpus, need)
	if ctx.Err() != nil {
		return &exitErr{status: exitInterrupt}
	}
	if err != nil {
		return err
	}
	defer end()
	fmt.Fprintf(a.stderr, "try: %s\n", shellLine(maskArgs(job.Argv)))
	n, err := newNotes(a, spec)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, job.Argv[0], job.Argv[1:]...)
	cmd.Path, cmd.Err = programPath(job)
	cmd.Dir, cmd.Env = job.Dir, job.Env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = job.Grace
	out, errs := &lineWriter{n: n, w: a.stdout}, &lineWriter{n: n, w: a.stderr}
	cmd.Stdout, cmd.Stderr = out, errs
	err = cmd.Run()
	out.flush()
	errs.flush()
	n.metricsFile(filepath.Join(job.TrialDir, "metrics.jsonl"))
	if ctx.Err() != nil {
		return &exitErr{status: exitInterrupt}
	}
	status := sweep.Exit{Code: cmd.ProcessState.ExitCode()}
	how := files.Cut
	if status.Code == 0 {
		how = files.Done
	}
	n.files(job.TrialDir, job.Files, how)
	if v, ok := status.Value(); ok && spec.ExitValue != "" {
		fmt.Fprintf(a.stderr, "try: exit %d: %s\n", status.Code, spec.ExitValue)
		n.parser.Number(spec.ExitValue, -1, v, 0, n.add)
		err = nil
	}
	return n.conclude(err)
}

// programPath finds argv[0] as the supervisor does: on the PATH of the trial.
func programPath(job runner.Job) (string, error) {
	name := job.Argv[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, kv := range job.Env {
		list, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			p := filepath.Join(cmp.Or(dir, "."), name)
			if !filepath.IsAbs(p) {
				p = filepath.Join(job.Dir, p)
			}
			if st, err := os.Stat(p); err == nil && !st.IsDir() && unix.Access(p, unix.X_OK) == nil {
				return p, nil
			}
		}
	}
	return "", fmt.Errorf("exec: %s: no such program on PATH", name)
}

// notes says what was read from the output of a trial.
type notes struct {
	a      *app
	spec   *sweep.Spec
	mu     sync.Mutex // stdout and stderr come from two goroutines of os/exec
	parser *metric.Parser
	series map[string]*sweep.Series
}

func newNotes(a *app, spec *sweep.Spec) (*notes, error) {
	p, err := metric.New(spec.Patterns)
	if err != nil {
		return nil, err
	}
	return &notes{a: a, spec: spec, parser: p, series: map[string]*sweep.Series{}}, nil
}

// add keeps a report.
func (n *notes) add(r sweep.Report) {
	s := n.series[r.Name]
	if s == nil {
		s = &sweep.Series{}
		n.series[r.Name] = s
	}
	s.Add(1, r.Step, r.Value)
}

// line returns what was read from a line, "" if nothing.
func (n *notes) line(b []byte, parse func([]byte, int64, func(sweep.Report))) string {
	var read []string
	step := int64(0)
	parse(b, 0, func(r sweep.Report) {
		n.add(r)
		step = r.Step
		if len(read) < 8 {
			read = append(read, fmt.Sprintf("%s=%.6g", r.Name, r.Value))
		}
	})
	if len(read) == 0 {
		return ""
	}
	return fmt.Sprintf("  ← %s step=%d", strings.Join(read, " "), step)
}

func (n *notes) metricsFile(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return // the trial wrote none
	}
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\r\n")
		if s := n.line(line, n.parser.MetricsLine); s != "" {
			fmt.Fprintf(n.a.stdout, "$TRAWL_METRICS: %s%s\n", line, s)
		}
	}
}

// conclude says what the sweep would have made of it.
func (n *notes) conclude(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		fmt.Fprintf(n.a.stderr, "try: %s: the trial would be failed\n", exit)
		return &exitErr{status: max(exit.ExitCode(), exitError)}
	}
	if err != nil {
		return err
	}
	for _, o := range n.spec.Objectives {
		s := n.series[o.Name]
		if s == nil {
			return &exitErr{exitError, fmt.Sprintf("exit 0, but no %q was read: the trial would be failed (no_objective); "+
				"print JSON lines, or say under report: where it is (pattern, csv, json, tensorboard, trainer_state, exit_value)", o.Name)}
		}
		v, step, _ := s.Reduce(o)
		fmt.Fprintf(n.a.stderr, "try: %s = %.6g (%s, step %d)\n", o.Name, v, orLast(o.Reduce), step)
	}
	return nil
}

func orLast(r sweep.Reduce) sweep.Reduce {
	if r == "" {
		return sweep.Last
	}
	return r
}

// lineWriter passes lines on with what was read from them.
type lineWriter struct {
	n   *notes
	w   io.Writer
	buf []byte
}

// Write takes output of the trial.
func (l *lineWriter) Write(b []byte) (int, error) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.buf = append(l.buf, b...)
	for {
		i := bytes.IndexAny(l.buf, "\r\n")
		if i < 0 {
			break
		}
		l.put(l.buf[:i])
		l.buf = l.buf[i+1:]
	}
	return len(b), nil
}

func (l *lineWriter) put(line []byte) {
	w := bufio.NewWriter(l.w)
	w.Write(line)
	w.WriteString(l.n.line(line, l.n.parser.Line))
	w.WriteByte('\n')
	w.Flush()
}

func (l *lineWriter) flush() {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if len(l.buf) > 0 {
		l.put(l.buf)
		l.buf = nil
	}
}
