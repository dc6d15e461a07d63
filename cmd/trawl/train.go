package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs/examples"
	"github.com/trawl-sweep/trawl/runner/inproc"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/sweep"
)

// trainOptions are the flags of `trawl train` that are no keys of the trainer.
type trainOptions struct {
	keys        map[string]sweep.Value
	eval        string // a checkpoint to evaluate
	checkpoints string // folder
}

func newTrainCmd(a *app) *cobra.Command {
	var o trainOptions
	flags := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "train [--KEY VALUE…]",
		Short: "Train one model with the built-in trainer, or evaluate one",
		Long:  trainLong, Example: trainExamples,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.keys = map[string]sweep.Value{}
			for name, s := range flags {
				if cmd.Flags().Changed(name) {
					o.keys[name] = flagValue(*s)
				}
			}
			if o.eval != "" && o.checkpoints != "" {
				return usagef("--eval and --checkpoints: want one of them")
			}
			return a.train(cmd.Context(), o)
		},
	}
	for _, k := range train.AllKeys() {
		flags[k.Name] = cmd.Flags().String(k.Name, "", k.Doc)
	}
	cmd.SetUsageFunc(trainUsage)
	cmd.SetFlagErrorFunc(trainFlagError)
	cmd.Flags().StringVar(&o.checkpoints, "checkpoints", "", "keep the state in this `folder`, and go on from it")
	cmd.Flags().StringVar(&o.eval, "eval", "", "evaluate this `checkpoint` and train nothing")
	return cmd
}

// flagValue reads a value as a sweep file would.
func flagValue(s string) sweep.Value {
	if v, ok := sweep.ParseNumber(s); ok {
		return v
	}
	if s == "true" || s == "false" {
		return sweep.BoolValue(s == "true")
	}
	return sweep.StringValue(s)
}

func (a *app) train(ctx context.Context, o trainOptions) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	opts := a.trainer(dir)
	opts.Say = func(text string) { fmt.Fprintln(a.stderr, "trawl: "+plain(text)) }
	if o.eval != "" {
		return inproc.EvalOne(ctx, o.eval, o.keys, opts, a.stdout)
	}
	if _, err := train.NewConfig(o.keys); err != nil {
		return usagef("%v", err)
	}
	if o.checkpoints != "" {
		if err := os.MkdirAll(o.checkpoints, 0o755); err != nil {
			return fmt.Errorf("checkpoints: %w; want a folder, which may be new", err)
		}
		opts.Dir = o.checkpoints
	}
	return inproc.RunOne(ctx, o.keys, opts, a.stdout)
}

// trainer is what trials of the built-in trainer get from this process.
func (a *app) trainer(dir string) inproc.Options {
	return inproc.Options{
		BaseDirs: []string{dir}, Embedded: examples.FS, Now: a.now,
		Find: func(ctx context.Context, name string) (string, error) { return a.checkpoint(ctx, dir, name) },
	}
}

// checkpoint returns the path of a checkpoint: a file or folder below dir, else
// the best one of the trial SWEEP/N, SWEEP/best or SWEEP/last.
func (a *app) checkpoint(ctx context.Context, dir, name string) (string, error) {
	path, err := train.FindFile(name, []string{dir})
	if err == nil || !strings.Contains(name, "/") || filepath.IsAbs(name) {
		return path, err
	}
	r, second := a.read(ctx)
	if second != nil {
		return "", err
	}
	defer r.Close()
	row, t, second := a.trialOf(ctx, r, name)
	if second != nil {
		return "", fmt.Errorf("%w; and as a trial: %w", err, second)
	}
	path, second = train.FindFile(filepath.Join(fmt.Sprint(t.ID), "checkpoint"), []string{row.RunsDir})
	if second != nil {
		return "", fmt.Errorf("trial %s/%d: %w", row.Name, t.ID, second)
	}
	return path, nil
}

// printNotes prints the notes of a trial: the hash of its weights, what its
// trainer said, output that was lost.
func (a *app) printNotes(list []*sweep.Note) {
	for _, n := range list {
		fmt.Fprintf(a.stdout, "%-10s %s\n", plain(n.What), plain(n.Text))
	}
}
