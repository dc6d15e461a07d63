package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
)

// version is set by the release build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// The exit statuses, as spec'd for every command.
const (
	exitOK        = 0
	exitError     = 1
	exitUsage     = 2
	exitFailed    = 3
	exitOwned     = 75
	exitInterrupt = 130
	exitTerminate = 143
)

// app is what commands share: streams, clock, where the database is.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	now    func() time.Time
	dbPath string // --db
	json   bool   // --json
	format string // --format
}

// An exitError ends trawl with a status and, unless quiet, a message.
type exitErr struct {
	status int
	msg    string // "": everything was said already
}

func (e *exitErr) Error() string { return e.msg }

// usagef is an error of the command line: exit status 2.
func usagef(format string, args ...any) error {
	return &exitErr{exitUsage, fmt.Sprintf(format, args...)}
}

// status gives err an exit status and prints it; nil is exitOK.
func (a *app) status(err error) int {
	if err == nil {
		return exitOK
	}
	var exit *exitErr
	var problems configs.Errors
	var owned *results.OwnedError
	switch {
	case errors.As(err, &exit):
		if exit.msg != "" {
			fmt.Fprintln(a.stderr, "trawl: "+exit.msg)
		}
		return exit.status
	case errors.As(err, &problems):
		src := []byte(nil)
		if len(problems) > 0 {
			src, _ = os.ReadFile(problems[0].File)
		}
		problems.Print(a.stderr, src)
		return exitUsage
	case errors.As(err, &owned):
		fmt.Fprintln(a.stderr, "trawl: "+owned.Error())
		return exitOwned
	}
	fmt.Fprintln(a.stderr, "trawl: "+err.Error())
	return exitError
}

// run is main without the process: it returns the exit status.
func run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}
	if runtime.GOOS == "windows" {
		return a.status(errors.New("no trawl for Windows: use Linux, macOS or WSL"))
	}
	root := newRootCmd(a)
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-v") {
		args = []string{"version"} // as other programs have it
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if word, ok := unbuiltCommand(err); ok {
		err = usagef("%s: this version does not have it yet; %s", word, laterCommands[word])
	}
	if err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		err = usagef("%s", strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n\n", "\n")))
	}
	return a.status(err)
}

// laterCommands are those that the next versions bring, and what does the most
// of it today.
var laterCommands = map[string]string{
	"confirm":    "more repeats: in the file and trawl run --extend run every point on more seeds",
	"diff":       "trawl show A and trawl show B print both",
	"doctor":     "trawl plan says what it finds on this machine",
	"importance": "trawl rank --over PARAMETER compares the values of one",
	"man":        "trawl COMMAND --help prints the same",
	"plot":       "trawl export --format csv feeds any plotting program",
	"report":     "trawl rank --format md or latex prints a table",
	"serve":      "trawl status shows what runs",
	"watch":      "trawl status shows what runs",
	"worker":     "trawl ask-tell hands out trials to programs of yours",
	"zoom":       "edit the file and go on with trawl run --extend",
}

// unbuiltCommand is the name of a command of laterCommands in cobra's error.
func unbuiltCommand(err error) (word string, ok bool) {
	if err == nil {
		return "", false
	}
	rest, ok := strings.CutPrefix(err.Error(), `unknown command "`)
	if !ok {
		return "", false
	}
	word, _, _ = strings.Cut(rest, `"`)
	return word, laterCommands[word] != ""
}

func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "trawl",
		Short: "Run hyperparameter sweeps: trials side by side, every outcome in SQLite",
		Long: `trawl runs hyperparameter sweeps on this machine, without a server or an account.
It reads a sweep file (a W&B sweep file runs unchanged), runs the trials side by
side, and writes every outcome to trawl.db, ranked and open to SQL. It loses
nothing when it is killed: trawl resume goes on.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&a.dbPath, "db", "", "database `file` (default $TRAWL_DB, else trawl.db)")
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "plan", Title: "Before a sweep:"},
		&cobra.Group{ID: "run", Title: "Running:"},
		&cobra.Group{ID: "look", Title: "Looking:"},
		&cobra.Group{ID: "control", Title: "Control, also from another terminal:"},
		&cobra.Group{ID: "other", Title: "For other programs:"},
	)
	for group, cmds := range commands(a) {
		for _, c := range cmds {
			c.GroupID = group
			if c.Example == "" {
				c.Example = example(c.Name())
			}
			if c.Args != nil {
				c.Args = usageArgs(c.Args)
			}
			root.AddCommand(c)
		}
	}
	root.AddCommand(newYourScriptTopic())
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	return root
}

// databasePath is the database that commands use: --db, $TRAWL_DB, trawl.db.
func (a *app) databasePath() string {
	if a.dbPath != "" {
		return a.dbPath
	}
	if p := os.Getenv("TRAWL_DB"); p != "" {
		return p
	}
	return "trawl.db"
}

// read opens the database for reading; it never creates one.
func (a *app) read(ctx context.Context) (*results.Reader, error) {
	r, err := results.OpenRead(ctx, a.databasePath())
	if errors.Is(err, results.ErrNoDatabase) {
		return nil, fmt.Errorf("%w; run a sweep first, or name one with --db", err)
	}
	return r, err
}

// groupDelay is how long a result waits for others to be synced with it. The
// supervisors hold it meanwhile, so a kill cannot lose it. Each sync makes the
// file system write its own journal, too, in which short trials have made four
// files each: at 20 ms that costs a tenth of their rate.
const groupDelay = 60 * time.Millisecond

// open opens the database for writing.
func (a *app) open(ctx context.Context, create bool) (*results.DB, error) {
	db, err := results.Open(ctx, a.databasePath(), results.Options{Create: create, Now: a.now, GroupDelay: groupDelay})
	if err != nil {
		return nil, err
	}
	if n := db.Notice(); n != "" {
		fmt.Fprintln(a.stderr, "trawl: "+n)
	}
	return db, nil
}

// runsDir is the directory of a sweep's trials: trawl-runs/NAME beside
// trawl.db, STEM-runs/NAME beside any other database.
func runsDir(db, sweepName string) (string, error) {
	abs, err := filepath.Abs(db)
	if err != nil {
		return "", err
	}
	stem := strings.TrimSuffix(filepath.Base(abs), filepath.Ext(abs))
	return filepath.Join(filepath.Dir(abs), stem+"-runs", safeName(sweepName)), nil
}

// safeName makes a sweep's name one path element, and different for different
// names.
func safeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0
		if ok {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if s := b.String(); len(s) <= 120 {
		return s
	}
	return fmt.Sprintf("%.100s-%08x", b.String(), fnv32(name))
}

func fnv32(s string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// terminal reports whether w is a terminal that may be redrawn.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == ""
}
