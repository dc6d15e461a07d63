package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/configs/examples"
	"github.com/trawl-sweep/trawl/runner/metric"
)

// commands are all commands, by group of the help.
func commands(a *app) map[string][]*cobra.Command {
	return map[string][]*cobra.Command{
		"plan":    {newInitCmd(a), newValidateCmd(a), newPlanCmd(a), newTryCmd(a), newSimulateCmd(a), newSchemaCmd(a)},
		"run":     {newRunCmd(a), newResumeCmd(a), newRerunCmd(a)},
		"look":    {newLsCmd(a), newStatusCmd(a), newTrialsCmd(a), newRankCmd(a), newShowCmd(a), newWhyCmd(a), newLogsCmd(a), newQueryCmd(a)},
		"control": {newStopCmd(a), newPauseCmd(a), newDrainCmd(a), newSetCmd(a), newRetryCmd(a), newAddCmd(a), newRmCmd(a)},
		"other":   {newAskTellCmd(a), newTrainCmd(a), newMetricCmd(a), newExportCmd(a), newImportCmd(a), newRereadCmd(a), newVerifyCmd(a), newVersionCmd(a)},
	}
}

func newVersionCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Version prints the version, and with what and for what it was built.

Exit status: 0 · 2 usage.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
			}{version, runtime.Version(), runtime.GOOS, runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok && v.Version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
				v.Version = info.Main.Version
			}
			if a.json {
				return a.printJSON(v)
			}
			fmt.Fprintf(a.stdout, "trawl %s %s %s/%s\n", v.Version, v.Go, v.OS, v.Arch)
			return nil
		},
	}
	a.jsonFlag(cmd)
	return cmd
}

func newSchemaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of sweep files, for editors",
		Long: `Schema prints the JSON Schema of sweep files. An editor uses it when the first
line of a file says: # yaml-language-server: $schema=PATH

Exit status: 0 · 2 usage.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := a.stdout.Write(configs.Schema())
			return err
		},
	}
}

func newInitCmd(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [-- CMD…]",
		Short: "Write sweep.yaml: the example that needs nothing, or one for a command",
		Long: `Init writes sweep.yaml in this directory: a sweep of the built-in trainer over the
embedded images, which runs as it is; or, with a command after --, a commented
file for it to fill in.

Exit status: 0 · 1 error · 2 usage.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) > 0 && dash != 0 {
				return usagef("%q: want a command after --", args[0])
			}
			return a.init(args, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite a sweep.yaml that is there")
	return cmd
}

func (a *app) init(argv []string, force bool) error {
	const path = "sweep.yaml"
	body := []byte(commandFile(argv))
	if len(argv) == 0 {
		var err error
		if body, err = fs.ReadFile(examples.FS, "mnist.yaml"); err != nil {
			return err
		}
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flag, 0o644)
	if errors.Is(err, os.ErrExist) {
		return usagef("%s: it is there already; --force overwrites it", path)
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
	fmt.Fprintf(a.stdout, "wrote %s; look at it, then: trawl plan, trawl run\n", path)
	return nil
}

// commandFile is a sweep file to fill in for a command.
func commandFile(argv []string) string {
	q := make([]string, len(argv))
	for i, s := range argv {
		q[i] = "'" + strings.ReplaceAll(s, "'", "''") + "'"
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

func newMetricCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "metric NAME=VALUE… [step=N]",
		Short: "Report metrics from a shell script that runs as a trial",
		Long: `Metric appends one line to the file $TRAWL_METRICS, which trawl sets for each
trial. Outside of a trial it says so and does nothing.

Exit status: 0 · 1 error · 2 usage.`,
		Example: "  trawl metric val_loss=0.3 step=2",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sample, err := metric.ParseArgs(args)
			if err != nil {
				return usagef("%v", err)
			}
			path := os.Getenv("TRAWL_METRICS")
			if path == "" {
				path = os.DevNull
				fmt.Fprintf(a.stderr, "trawl: $TRAWL_METRICS is not set, so this is no trial: %s goes nowhere\n", strings.Join(args, " "))
			}
			return metric.Append(path, sample)
		},
	}
}
