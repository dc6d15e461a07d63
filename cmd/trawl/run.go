package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

type runOptions struct {
	fileOptions
	jobs   int
	detach bool
	revise
	quiet bool
}

// fileOptions choose a sweep file and override parts of it.
type fileOptions struct {
	file   string
	set    []string
	params []string
	metric string
	method string
	name   string
	cap    int
	argv   []string // after --
	dashed bool     // there was a --
}

func (o *fileOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.set, "set", nil, "override a `key=value` of the file: budget.wall=2h")
	f.StringArrayVarP(&o.params, "param", "p", nil, "a `parameter`: lr=log:1e-4..10/6, clip=.25,1,1000")
	f.StringVar(&o.metric, "metric", "", "the objective: `NAME`, or NAME:maximize")
	f.StringVar(&o.method, "method", "", "how points are chosen: grid random sobol lhs tpe gp cmaes nsga2 auto points")
	f.StringVar(&o.name, "name", "", "`name` of the sweep (default: the file's name key, else its stem)")
	f.IntVarP(&o.cap, "run-cap", "n", 0, "run at most this `number` of trials")
}

// take reads the arguments: FILE before the dashes, a command after them.
func (o *fileOptions) take(cmd *cobra.Command, args []string) error {
	return o.takeAt(args, cmd.ArgsLenAtDash())
}

// takeAt is take for arguments whose dashes stand before args[dash]; -1: none.
func (o *fileOptions) takeAt(args []string, dash int) error {
	if dash >= 0 {
		o.argv, o.dashed = args[dash:], true
		args = args[:dash]
		if len(o.argv) == 0 {
			return usagef("--: want a command after it")
		}
	}
	if len(args) > 1 {
		return usagef("%q: want one sweep file; a command goes after --", args[1])
	}
	if len(args) == 1 {
		o.file = args[0]
	}
	if o.cap < 0 {
		return usagef("-n %d: want at least 1", o.cap)
	}
	return nil
}

func newRunCmd(a *app) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [FILE] [-- CMD…]",
		Short: "Run a sweep, or go on with it",
		Long: `Run plans the sweep of FILE (default sweep.yaml), runs its trials side by side and
ends with the ranking. A sweep that exists goes on where it was; one that has
ended prints its ranking. Without a file, -p and a command after -- make one.

Ctrl-C once lets running trials end, twice stops them (resumable), three times
kills them.

Exit status: 0 ended · 1 error · 2 usage or sweep file · 3 ended with failed
trials or nothing finished · 75 another trawl owns the sweep · 130, 143
interrupted, resumable.`,
		Example: `  trawl run sweep.yaml -j 4
  trawl run --set budget.wall=2h sweep.yaml
  trawl run -p lr=log:1e-4..10/6 -p clip=.25,1,1000 --metric val_loss -- python train.py`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return err
			}
			if cmd.Flags().Changed("jobs") && o.jobs < 1 {
				return usagef("-j %d: want at least 1", o.jobs)
			}
			if o.extend && o.fresh {
				return usagef("--extend and --new: want one of them")
			}
			if o.detach {
				return a.detach(cmd.Context(), o)
			}
			return a.run(cmd.Context(), o)
		},
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.IntVarP(&o.jobs, "jobs", "j", 0, "run this `number` of trials at a time (default: the file's parallel, else what fits)")
	f.BoolVarP(&o.detach, "detach", "d", false, "run in the background; trawl status looks, trawl stop stops")
	f.BoolVar(&o.extend, "extend", false, "the file asks for other trials: a new revision of the sweep")
	f.BoolVar(&o.fresh, "new", false, "the file asks for other trials: a new sweep beside the old one")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show no progress")
	return cmd
}

// load reads the sweep file, or makes one from the flags.
func (a *app) load(o fileOptions) (*configs.File, error) {
	opt := configs.Options{Set: o.set, Params: o.params, Command: o.argv, Name: o.name,
		Metric: o.metric, Method: o.method, RunCap: o.cap}
	var f *configs.File
	var err error
	switch {
	case o.file == "" && len(o.params) > 0 && o.dashed:
		f, err = configs.FromOptions(opt)
	default:
		path := o.file
		if path == "" {
			path = "sweep.yaml"
		}
		f, err = configs.Load(path, opt)
		if errors.Is(err, os.ErrNotExist) {
			return nil, usagef("%s: no such file; trawl init writes one, -p and -- CMD do without", path)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, w := range f.Warnings {
		fmt.Fprintln(a.stderr, "warning: "+w.Error())
	}
	return f, nil
}

func (a *app) run(ctx context.Context, o runOptions) error {
	f, err := a.load(o.fileOptions)
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := refuseUnrunnable(f.Spec); err != nil {
		return err
	}
	s, err := a.own(ctx, f.Spec, dir, o.revise)
	if err != nil {
		return err
	}
	defer s.close()
	if f.Path == "" {
		if err := s.writeFile(f); err != nil {
			return err
		}
	}
	return s.drive(ctx, o.jobs, o.quiet)
}

// writeFile keeps the sweep file that -p and -- CMD made.
func (s *sweeping) writeFile(f *configs.File) error {
	path := filepath.Join(s.runs, "sweep.yaml")
	if err := os.WriteFile(path, f.Source, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(s.a.stderr, "trawl: wrote the sweep down in %s\n", path)
	return nil
}

// drive runs the sweep with signals, requests of other terminals and a display,
// and ends with the ranking.
func (s *sweeping) drive(ctx context.Context, jobs int, quiet bool) error {
	var err error
	if s.fits, err = s.a.fit(ctx, s.spec, jobs); err != nil {
		return err
	}
	if row, err := s.db.Reader().Sweep(ctx, s.spec.Name); err == nil && row.Trials == 0 && !quiet { // said once
		for _, h := range hazards(s.spec, s.baseDir, s.fits.n) {
			fmt.Fprintf(s.a.stderr, "warning: %s\n", h)
		}
	}
	controls := make(chan loop.Control)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	show := newProgress(s.a, s.spec, s.fits.n, quiet)
	term := s.signals(ctx, controls, show.tell)
	answered := s.requests(ctx, controls)
	show.begin(s, s.fits.why)
	sum, err := s.run(ctx, controls, show.news)
	cancel()
	<-answered
	show.end()
	if err != nil {
		return err
	}
	return s.conclude(ctx, sum, term())
}

// signals turns Ctrl-C and SIGTERM into controls. The returned function says
// whether a SIGTERM came. SIGHUP is ignored: a closed terminal stops nothing.
func (s *sweeping) signals(ctx context.Context, controls chan<- loop.Control, tell func(string)) func() bool {
	signal.Ignore(syscall.SIGHUP)
	// Nor does a reader that goes away, as tee does at the first Ctrl-C. Ignored,
	// the signal would be ignored by the trials, too; this way writing fails.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	terminated := make(chan struct{})
	go func() {
		defer signal.Stop(c)
		send := func(v loop.Verb, why string) {
			select {
			case controls <- loop.Control{Verb: v, Why: why}:
			case <-ctx.Done():
			}
		}
		ladder := []struct {
			verb loop.Verb
			say  string
		}{
			{loop.Drain, "running trials will end, nothing more starts; Ctrl-C again stops them"},
			{loop.StopAll, "stopping the running trials; they can be resumed; Ctrl-C again kills them"},
			{loop.KillAll, "killing the running trials; they can be resumed"},
		}
		for i := 0; ; {
			select {
			case <-ctx.Done():
				return
			case sig := <-c:
				if sig == syscall.SIGTERM {
					select {
					case <-terminated:
						send(loop.KillAll, "terminated")
					default:
						close(terminated)
						send(loop.StopAll, "terminated")
					}
					continue
				}
				step := ladder[min(i, len(ladder)-1)]
				tell("trawl: " + step.say)
				send(step.verb, "interrupted")
				i++
			}
		}
	}()
	return func() bool {
		select {
		case <-terminated:
			return true
		default:
			return false
		}
	}
}

// pollRequests is how often requests of other terminals are looked for.
const pollRequests = 200 * time.Millisecond

// requests hands requests of other terminals to the loop, each once, and
// writes the answers down. The returned channel closes when it has ended.
func (s *sweeping) requests(ctx context.Context, controls chan<- loop.Control) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pollRequests)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			reqs, err := s.store.Requests(ctx)
			if err != nil {
				continue // a locked database: the next tick asks again
			}
			for _, r := range reqs {
				s.answer(ctx, r, controls)
			}
		}
	}()
	return done
}

func (s *sweeping) answer(ctx context.Context, r results.Request, controls chan<- loop.Control) {
	c, err := s.controlOf(r)
	text := make(chan string, 1)
	if err != nil {
		text <- "error: " + err.Error()
	} else {
		c.Answer = func(t string, err error) {
			if err != nil {
				t = "error: " + err.Error()
			}
			text <- t
		}
		select {
		case controls <- c:
		case <-ctx.Done():
			return
		}
	}
	select {
	case t := <-text:
		_ = s.store.Done(context.WithoutCancel(ctx), r.ID, t) // unanswered, the asker says so
	case <-ctx.Done():
	}
}

// conclude prints the ranking and an SQL line, and turns the summary into the
// exit status.
func (s *sweeping) conclude(ctx context.Context, sum loop.Summary, terminated bool) error {
	ctx = context.WithoutCancel(ctx)
	if sum.Finished > 0 && len(s.spec.Objectives) > 0 {
		fmt.Fprintln(s.a.stdout)
		if err := s.a.printRank(ctx, s.db.Reader(), s.spec.Name, rankOptions{top: 10}); err != nil {
			return err
		}
		s.a.sayQuery(s.spec)
	}
	if sum.Why != "" {
		fmt.Fprintf(s.a.stderr, "trawl: %s\n", sum.Why)
	}
	if sum.State == "fuse" || sum.Finished == 0 && sum.Failed > 0 && sum.State == "finished" {
		s.sayFuse(ctx, sum)
	}
	if sum.State == "fuse" {
		s.sayHint(ctx, sum)
	}
	return exitOf(sum, s.spec, totalOf(s.db.Reader(), s.spec), terminated, s.a)
}

// exitOf is how a run of a sweep of total trials (-1: unknown) ends.
func exitOf(sum loop.Summary, spec *sweep.Spec, total int64, terminated bool, a *app) error {
	name := spec.Name
	switch sum.State {
	case "stopped", "drained":
		if total < 0 || int64(sum.Trials-sum.Queued-sum.Running) < total {
			fmt.Fprintf(a.stderr, "trawl: go on with: %s\n", a.next("resume", name))
		}
		if terminated {
			return &exitErr{status: exitTerminate}
		}
		return &exitErr{status: exitInterrupt}
	case "disk":
		fmt.Fprintf(a.stderr, "trawl: go on with: %s\n", a.next("resume", name))
		return &exitErr{status: exitError}
	case "fuse", "failures":
		return &exitErr{status: exitFailed}
	}
	if sum.Failed > 0 || sum.Finished == 0 && sum.Trials > 0 {
		if sum.Failed > 0 {
			fmt.Fprintf(a.stderr, "trawl: %d of %d trials failed: %s --state failed\n", sum.Failed, sum.Trials, a.next("trials", name))
		}
		return &exitErr{status: exitFailed}
	}
	return nil
}

// shellQuote quotes s for a POSIX shell where it needs quotes.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=,:+@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// sayQuery prints an SQL line to try next.
func (a *app) sayQuery(spec *sweep.Spec) {
	cols := []string{"rank"}
	for _, p := range spec.Space.Params {
		if p.Domain.Dist != sweep.Constant && len(cols) < 6 {
			cols = append(cols, sqlName(p.Name))
		}
	}
	if len(spec.Objectives) > 0 && !strings.EqualFold(spec.Objectives[0].Name, "rank") {
		name := spec.Objectives[0].Name
		for _, p := range spec.Space.Params {
			if strings.EqualFold(p.Name, name) {
				name = "metric." + spec.Objectives[0].Name // as the view has it
			}
		}
		cols = append(cols, sqlName(name))
	}
	q := fmt.Sprintf(`select %s from "%s" order by rank limit 10`, strings.Join(cols, ", "), strings.ReplaceAll(spec.Name, `"`, `""`))
	fmt.Fprintf(a.stdout, "\nTry next: trawl query%s %s\n", a.dbFlag(), shellQuote(q))
}

// dbFlag is what a command line of ours needs to find the same database.
func (a *app) dbFlag() string {
	if p := a.databasePath(); p != "trawl.db" {
		return " --db " + shellQuote(p)
	}
	return ""
}

// next is a command line of ours to type next.
func (a *app) next(verb, what string) string {
	return "trawl " + verb + a.dbFlag() + " " + shellQuote(what)
}

// sqlName quotes an SQL name where it needs quotes.
func sqlName(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
	}
	switch strings.ToLower(s) {
	case "group", "order", "index", "values", "table", "where", "select", "from", "limit", "when", "case", "default", "check", "transaction":
		return `"` + s + `"`
	}
	return s
}

// detach starts trawl again in the background and returns once it owns the
// sweep, or with what it said.
func (a *app) detach(ctx context.Context, o runOptions) error {
	f, err := a.load(o.fileOptions)
	if err != nil {
		return err
	}
	if err := refuseUnrunnable(f.Spec); err != nil {
		return err
	}
	dir, err := runsDir(a.databasePath(), f.Spec.Name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, "trawl.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	start, err := log.Seek(0, 2)
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, undetached(os.Args[1:])...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return a.awaitOwner(ctx, cmd, f.Spec.Name, log.Name(), start)
}

// undetached takes back -d, however it was written: the last word on a flag
// wins.
func undetached(args []string) []string {
	i := slices.Index(args, "--")
	if i < 0 {
		i = len(args)
	}
	return slices.Insert(slices.Clone(args), i, "--detach=false")
}

func (a *app) awaitOwner(ctx context.Context, cmd *exec.Cmd, name, log string, start int64) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	lock := filepath.Join(filepath.Dir(log), ".lock")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < 500; i++ {
		select {
		case err := <-ended:
			b, _ := os.ReadFile(log)
			if int64(len(b)) > start {
				a.stderr.Write(b[start:])
			}
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return &exitErr{status: exit.ExitCode()}
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		b, err := os.ReadFile(lock)
		if err == nil && strings.HasPrefix(string(b), fmt.Sprintf("pid %d ", cmd.Process.Pid)) {
			break
		}
	}
	fmt.Fprintf(a.stdout, "%s runs in the background (pid %d), its output goes to %s\n", name, cmd.Process.Pid, log)
	fmt.Fprintf(a.stdout, "look: %s   stop: %s\n", a.next("status", name), a.next("stop", name))
	return nil
}
