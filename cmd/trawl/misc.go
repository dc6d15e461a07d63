package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
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
