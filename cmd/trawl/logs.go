package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/results"
)

func newLogsCmd(a *app) *cobra.Command {
	var follow bool
	var f filterFlags
	cmd := &cobra.Command{
		Use: "logs TRIAL | [SWEEP] --state S…", Short: "Print the output of a trial, or of those that are chosen",
		Long: `Logs prints what a trial wrote, both streams in their order: of N, best, last, or
SWEEP/ and one of these. With --state, --class or --where it prints that of every
trial of SWEEP (default: the latest) that they choose, each under a line with its
name.

Exit status: 0 · 1 error, or the trial has no output · 2 usage.`,
		Example: "  trawl logs -f last\n  trawl logs --state failed\n  trawl logs mnist --where 'lr > 1'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.filter()
			if err != nil {
				return err
			}
			if !f.chooses() {
				if len(args) == 0 {
					return usagef("want a trial, or --state, --class or --where\nTry: %s --help", cmd.CommandPath())
				}
				return a.logs(cmd.Context(), args[0], follow)
			}
			if follow {
				return usagef("--follow: want one trial with it")
			}
			return a.logsOf(cmd.Context(), arg(args, 0), q)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on while the trial runs")
	f.add(cmd)
	return cmd
}

// outputOf opens the output of the last attempt of a trial.
func outputOf(row results.SweepRow, t results.TrialRow) (*os.File, error) {
	f, err := os.Open(filepath.Join(row.RunsDir, fmt.Sprint(t.ID), "output.log"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && ranElsewhere(t):
		return nil, fmt.Errorf("trial %d has no output here: it ran elsewhere", t.ID)
	case errors.Is(err, fs.ErrNotExist) && t.Attempts == 0:
		return nil, fmt.Errorf("trial %d has no output: it has not started yet", t.ID)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("trial %d has no output: only commands have, and there is no file %s", t.ID,
			filepath.Join(row.RunsDir, fmt.Sprint(t.ID), "output.log"))
	}
	return f, err
}

func (a *app) logs(ctx context.Context, which string, follow bool) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, t, err := a.trialOf(ctx, r, which)
	if err != nil {
		return err
	}
	f, err := outputOf(row, t)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(a.stdout)
	for {
		if _, err := io.Copy(w, f); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if !follow || t.State.Settled() {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
		if t, err = r.Trial(ctx, row.Name, t.ID); err != nil {
			return err
		}
	}
}

// logsOf prints the output of all trials that q chooses, as tail does.
func (a *app) logsOf(ctx context.Context, name string, q results.Filter) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, rows, err := a.chosen(ctx, r, name, q)
	if err != nil {
		return err
	}
	for _, t := range rows {
		f, err := outputOf(row, t)
		if err != nil {
			fmt.Fprintf(a.stderr, "trawl: %v\n", err)
			continue
		}
		fmt.Fprintf(a.stdout, "==> %s/%d <==\n", row.Name, t.ID)
		_, err = io.Copy(a.stdout, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
