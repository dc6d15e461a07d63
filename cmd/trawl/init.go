package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/configs/examples"
	"github.com/trawl-sweep/trawl/configs/guess"
	"github.com/trawl-sweep/trawl/runner/python"
	"github.com/trawl-sweep/trawl/sweep"
)

const initPath = "sweep.yaml"

type initOptions struct {
	argv  []string
	force bool
	probe bool
	asked bool // --probe was given, whichever way
	limit time.Duration
}

func newInitCmd(a *app) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [-- CMD…]",
		Short: "Write sweep.yaml: the example that needs nothing, or one for a command",
		Long: `Init writes sweep.yaml in this directory: a sweep of the built-in trainer over the
embedded images, which runs as it is; or, with a command after --, a commented
file with a guess at what to sweep.

For a command it runs CMD --help, and reads the options from that: those of
argparse, click, typer, Hydra, absl, fire, docopt, jsonargparse, tyro, Hugging
Face's parser, Go's flag, getopt, xgboost, LIBSVM, fastText and what prints like
them. Not run, but read themselves, are shell scripts, and Python scripts that
have no options but ask wandb.config or trawl.params. A program that knows no
--help may do its work instead, until the limit. Options with the name of a
hyperparameter become parameters with the usual range around their default; the
rest stays in the file as comments. What CMD sets itself stays as it is.

--probe also runs the first trial of the new file, until the limit, and looks for
a metric in what it reports and prints. On a terminal init asks whether it may.
Whatever either run started is ended with it.

Exit status: 0 · 1 error · 2 usage.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) > 0 && dash != 0 {
				return usagef("%q: want a command after --", args[0])
			}
			if o.limit <= 0 {
				return usagef("--limit %v: want more than 0s", o.limit)
			}
			o.argv, o.asked = args, cmd.Flags().Changed("probe")
			if len(args) == 0 && o.probe {
				return usagef("--probe without a command; want: trawl init --probe -- CMD…")
			}
			return a.init(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.force, "force", false, "overwrite a sweep.yaml that is there")
	f.BoolVar(&o.probe, "probe", false, "run the first trial to find the metric; --probe=false never asks")
	f.DurationVar(&o.limit, "limit", 30*time.Second, "longest `time` that CMD may run, for its help and for --probe")
	return cmd
}

func (a *app) init(ctx context.Context, o initOptions) error {
	if _, err := os.Lstat(initPath); err == nil && !o.force {
		return errThere()
	}
	if len(o.argv) == 0 {
		body, err := fs.ReadFile(examples.FS, "mnist.yaml")
		if err != nil {
			return err
		}
		return a.writeInit(body, o.force, "")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := a.guess(ctx, o)
	if err != nil {
		return err
	}
	if len(s.Program.Flags) == 0 {
		return a.writeInit([]byte(commandFile(o.argv)), o.force, " to be filled in")
	}
	f := s.File()
	if a.mayProbe(f, o) {
		if s.Metric, err = a.probe(ctx, f, o); err != nil {
			return err
		}
		f = s.File()
	}
	return a.writeInit([]byte(f.Text), o.force, saying(f, s.Metric))
}

func errThere() error {
	return usagef("%s: it is there already; --force overwrites it", initPath)
}

// saying is what the last line says of the file.
func saying(f guess.File, m guess.Metric) string {
	var b strings.Builder
	if n := len(f.Swept); n > 0 {
		fmt.Fprintf(&b, ": sweeps %s", strings.Join(f.Swept, ", "))
	} else {
		b.WriteString(": nothing is swept yet, no option is known by its name; enable some under parameters")
	}
	if m.Name != "" {
		fmt.Fprintf(&b, "; metric %s", m.Name)
	}
	for _, s := range f.Missing {
		fmt.Fprintf(&b, "; fill in %s", s)
	}
	return b.String()
}

// writeInit writes the file, whole or not at all where one is there.
func (a *app) writeInit(body []byte, force bool, about string) error {
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(initPath, flag, 0o644)
	if errors.Is(err, os.ErrExist) {
		return errThere()
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(body); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "wrote %s%s; look at it, then: trawl plan, trawl run\n", initPath, about)
	return nil
}

// guess finds out which flags the command has.
func (a *app) guess(ctx context.Context, o initOptions) (guess.Sweep, error) {
	isFile := func(w string) bool {
		info, err := os.Stat(w)
		return err == nil && info.Mode().IsRegular()
	}
	s := guess.Sweep{Argv: o.argv, From: "--help"}
	s.Head, s.Verbs = guess.Head(o.argv, isFile)
	if err := startable(o.argv[0]); err != nil {
		return s, err
	}
	script := guess.Script(o.argv, s.Head)
	if s.Head > 2 && o.argv[s.Head-2] == "-c" {
		fmt.Fprintf(a.stderr, "init: %s is a program by itself, which has no --help: not run\n", shellLine(o.argv[:s.Head]))
		return s, nil
	}
	if _, err := os.Stat(script); err != nil && s.Head > 1 && guess.IsScript(script) {
		return s, fmt.Errorf("%s: %w", script, errors.Unwrap(err))
	}
	if text, ok := shellScript(script); ok {
		s.From = "its text"
		s.Program = guess.ParseScript(text)
		if len(s.Program.Flags) == 0 {
			fmt.Fprintf(a.stderr, "init: %s reads no option, no operand and no variable of the environment\n", script)
		}
		return s, nil
	}
	if source := pythonSource(script); source != "" && !guess.ParsesOptions(source) && !importsBeside(script, source) {
		s.From = "its text"
		if s.Program = guess.ParsePython(source); s.Program.Empty() {
			fmt.Fprintf(a.stderr, "init: %s reads no options, wandb.config or trawl.params: not run, for --help would not keep it from its work\n", script)
		}
		return s, nil
	}
	if err := a.readHelp(ctx, &s, o.limit); err != nil {
		return s, err
	}
	if len(s.Program.Flags) > 0 || len(s.Program.Commands) == 0 {
		return s, nil
	}
	verb := trainingVerb(s.Program.Commands)
	if verb == "" {
		return s, usagef("%s has commands: %s; want one: trawl init -- %s COMMAND", shellLine(o.argv), strings.Join(s.Program.Commands, ", "), shellLine(o.argv))
	}
	fmt.Fprintf(a.stderr, "init: of the commands of %s, takes %s\n", shellLine(o.argv), verb)
	at := s.Head + s.Verbs
	s.Argv = append(append(append([]string{}, o.argv[:at]...), verb), o.argv[at:]...)
	s.Verbs++
	return s, a.readHelp(ctx, &s, o.limit)
}

// startable says why a program cannot be started.
func startable(name string) error {
	_, err := exec.LookPath(name)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", name, errors.Unwrap(err))
	if _, other := exec.LookPath("python3"); name == "python" && other == nil {
		return fmt.Errorf("%w; there is python3", err)
	}
	return err
}

// trainingVerb is the command that trains, "" if none is called so.
func trainingVerb(commands []string) string {
	for _, want := range []string{"train", "fit", "supervised", "finetune", "pretrain", "run"} {
		for _, c := range commands {
			if c == want {
				return c
			}
		}
	}
	return ""
}

// readHelp runs the program for its help. One that does not know --help and
// says so at once is asked for -h, as getopt programs often have it; one of
// Hydra or absl whose help leaves its flags to another option, for that.
func (a *app) readHelp(ctx context.Context, s *guess.Sweep, limit time.Duration) error {
	source := pythonSource(guess.Script(s.Argv, s.Head))
	said, refused := "", false
	for _, ask := range [][]string{{"--help"}, {"--cfg", "job"}, {"--helpfull"}, {"-h"}} {
		hydra := s.Program.Format == "hydra" || strings.Contains(source, "hydra.main")
		absl := s.Program.Format == "absl" || strings.Contains(source, "from absl import")
		if ask[0] == "--cfg" && !hydra || ask[0] == "--helpfull" && !absl || ask[0] == "-h" && (!refused || source != "" || hydra || absl) {
			continue
		}
		argv := append(append([]string{}, s.Argv[:s.Head+s.Verbs]...), ask...)
		r, err := a.runOnce(ctx, argv, limit)
		if err != nil {
			return err
		}
		s.From = strings.Join(ask, " ")
		if ask[0] == "--cfg" && r.exit.Code == 0 {
			s.Program = guess.ParseConfig(r.output)
		} else {
			s.Program = guess.Parse(r.output)
		}
		s.Program.ReadSource(source)
		if !s.Program.Empty() {
			return nil
		}
		if said == "" {
			said, refused = r.said(shellLine(argv)), r.exit.Code != 0
		}
		if r.exit.Cause != "" || r.exit.Class == sweep.ClassStart {
			break
		}
	}
	fmt.Fprintf(a.stderr, "init: no options found: %s\n", said)
	return nil
}

// pythonSource returns the text of a Python script, which says what its help may
// leave out; "" if it is none.
func pythonSource(path string) string {
	text, _ := regularFile(path)
	if filepath.Ext(path) != ".py" {
		return ""
	}
	return text
}

// importsBeside reports whether a Python script imports a module that lies beside
// it, which may read the command line for it.
func importsBeside(script, source string) bool {
	for _, name := range guess.Imports(source) {
		for _, path := range []string{name, name + ".py"} {
			if _, err := os.Stat(filepath.Join(filepath.Dir(script), path)); err == nil {
				return true
			}
		}
	}
	return false
}

// regularFile is the text of a file of at most 1 MiB.
func regularFile(path string) (text string, ok bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
		return "", false
	}
	b, err := os.ReadFile(path)
	return string(b), err == nil
}

// shellScript returns the text of a shell script: by its name or its first line.
func shellScript(path string) (text string, ok bool) {
	if text, ok = regularFile(path); !ok {
		return "", false
	}
	ending := filepath.Ext(path)
	return text, ending == ".sh" || ending == ".bash" || shebang.MatchString(text)
}

var shebang = regexp.MustCompile(`^#!\s*\S*(?:/env\s+(?:-\S+\s+)*(?:\S*/)?|/)(?:ba|da|z|k)?sh\b`)

// mayProbe reports whether the first trial may be run.
func (a *app) mayProbe(f guess.File, o initOptions) bool {
	in, ok := a.stdin.(*os.File)
	asks := !o.asked && ok && terminal(in) && terminal(a.stderr)
	switch {
	case !o.probe && !asks:
		return false
	case len(f.Missing) > 0 || len(f.Swept) == 0:
		if o.probe {
			fmt.Fprintln(a.stderr, "init: not run for its metric: the file is not complete yet")
		}
		return false
	case o.probe:
		return true
	}
	fmt.Fprintf(a.stderr, "Run it once, for at most %v, to see which metric it reports? [y/N] ", o.limit)
	answer, _ := bufio.NewReader(in).ReadString('\n') // no answer is no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// probe runs the first trial of the file and looks for a metric.
func (a *app) probe(ctx context.Context, f guess.File, o initOptions) (guess.Metric, error) {
	file, err := configs.Parse(initPath, []byte(f.Text), configs.Options{})
	if err != nil {
		return guess.Metric{}, err
	}
	file.Spec.WandB = python.Shim // a trial that is no result does not belong into an account
	started := a.now()
	r, err := a.runTrial(ctx, file.Spec, o.limit)
	if err != nil {
		return guess.Metric{}, err
	}
	m, ok := guess.FindMetric(r.reports, r.output)
	if r.exit.Code != 0 && r.exit.Cause != sweep.StopTimeout {
		fmt.Fprintf(a.stderr, "init: %s\n", r.said("the first trial"))
	}
	if !ok {
		fmt.Fprintln(a.stderr, "init: no metric in its output"+ifText(r.exit.Cause == sweep.StopTimeout, fmt.Sprintf(" of the first %v", o.limit), ""))
		if dir := newEvents(started); dir != "" {
			fmt.Fprintf(a.stderr, "init: it writes TensorBoard files to %s; have it write below ${trial_dir}, or set report: {tensorboard: …}\n", dir)
		}
	}
	return m, nil
}

func ifText(c bool, a, b string) string {
	if c {
		return a
	}
	return b
}

// newEvents is a folder below this one in which event files appeared since a
// time, "" if there is none. It looks at the first thousands of files.
func newEvents(since time.Time) (dir string) {
	seen := 0
	_ = filepath.WalkDir(".", func(path string, e fs.DirEntry, err error) error {
		if seen++; seen > 20_000 || dir != "" {
			return fs.SkipAll
		}
		if err != nil || e.IsDir() && strings.Count(path, string(filepath.Separator)) > 4 {
			return fs.SkipDir
		}
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), "events.out.tfevents") && !info.ModTime().Before(since.Truncate(time.Second)) {
			dir = filepath.Dir(path)
		}
		return nil
	})
	return dir
}

// commandFile is a sweep file to fill in for a command.
func commandFile(argv []string) string {
	q := make([]string, len(argv))
	for i, s := range argv {
		q[i] = "'" + strings.ReplaceAll(strings.ReplaceAll(s, "'", "''"), "${", "$${") + "'"
	}
	return `# A sweep of a command. Each trial gets its values as --NAME=VALUE in place of
# ${args}; it reports by printing JSON lines such as {"step": 1, "val_loss": 0.5}.
# All keys: trawl schema. Next: trawl plan, trawl try, trawl run.
command: [` + strings.Join(q, ", ") + `, '${args}']
method: random              # grid, random, sobol, lhs
run_cap: 20                 # how many trials
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {min: 1e-4, max: 1, scale: log}
  momentum: {min: 0.0, max: 0.99}
# report:                   # for a program that prints no JSON
#   patterns: ['epoch +(?P<step>\d+).* val_loss[ =:]+(?P<val_loss>\S+)']
`
}
