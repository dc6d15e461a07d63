package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
)

// queryLimit bounds how long a query may run.
const queryLimit = 5 * time.Minute

func newQueryCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query SQL",
		Short: "Read-only SQL over the results",
		Long: `Query runs one SQL statement that reads. The views are sweeps, trials, params,
metrics, leaderboard, attempts, decisions, events; and "NAME", "NAME/all",
"NAME/points" for each sweep.

Exit status: 0 · 1 error · 2 usage.`,
		Example: `  trawl query 'select * from sweeps'
  trawl query 'select lr, momentum, val_loss from "mnist" order by rank limit 10'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.query(cmd.Context(), args[0]) },
	}
	a.listFlags(cmd)
	return cmd
}

func (a *app) query(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	rows, err := r.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	t := table{head: rows.Columns}
	objects := []map[string]any{}
	for rows.Next() {
		cells := make([]string, len(rows.Columns))
		object := map[string]any{}
		for i, v := range rows.Row() {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			object[rows.Columns[i]] = v
			if v != nil {
				cells[i] = fmt.Sprint(v)
			}
		}
		objects = append(objects, object)
		t.rows = append(t.rows, cells)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	t.data = objects
	return a.printTable(t)
}

func newRmCmd(a *app) *cobra.Command {
	var keep, yes bool
	cmd := &cobra.Command{
		Use: "rm SWEEP", Short: "Remove a sweep: its rows and the directories of its trials",
		Long: `Rm removes SWEEP for good: its rows, its views and the directories of its trials.
Trials that outlived their trawl are killed. It asks before, unless -y is given.

Exit status: 0 · 1 error, or no such sweep · 2 usage, or not confirmed · 75 a trawl
runs the sweep.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.rm(cmd.Context(), args[0], keep, yes) },
	}
	cmd.Flags().BoolVar(&keep, "keep-files", false, "leave the trials' directories")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) rm(ctx context.Context, name string, keep, yes bool) error {
	row, err := a.sweepRow(ctx, name)
	if err != nil {
		return err
	}
	if who, owned := results.Owner(row.RunsDir); owned {
		return &results.OwnedError{Sweep: row.Name, Owner: who}
	}
	if !yes {
		fmt.Fprintf(a.stderr, "remove sweep %s with %d trials? Type yes: ", row.Name, row.Trials)
		var answer string
		if _, err := fmt.Fscanln(a.stdin, &answer); err != nil || answer != "yes" {
			fmt.Fprintln(a.stderr)
			return usagef("not removed; -y does not ask")
		}
	}
	if row.Running > 0 { // they may have outlived their trawl: nothing may run on without a trace
		if err := a.endOrphans(ctx, row, loop.Control{Verb: loop.KillAll, Why: "removed"}); err != nil {
			return err
		}
	}
	db, err := a.open(ctx, false)
	if err != nil {
		return a.noDatabase(err)
	}
	defer db.Close()
	if err := db.Remove(ctx, row.Name); err != nil {
		return err
	}
	if keep || filepath.Base(filepath.Dir(row.RunsDir)) == "." {
		return nil
	}
	want, err := runsDir(a.databasePath(), row.Name)
	if err != nil || want != row.RunsDir {
		fmt.Fprintf(a.stderr, "trawl: the trials' directories are left: %s\n", row.RunsDir)
		return err
	}
	return os.RemoveAll(row.RunsDir)
}

func newVerifyCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [SWEEP]",
		Short: "Recompute proposals and tables from the journal and compare",
		Long: `Verify folds the journal of SWEEP (default: the latest) again: every table that
follows from it must come out the same, and so must every proposal.

Exit status: 0 all equal · 1 error, or something differs · 2 usage.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), arg(args, 0)) },
	}
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) verify(ctx context.Context, name string) error {
	db, err := a.open(ctx, false)
	if err != nil {
		return a.noDatabase(err)
	}
	defer db.Close()
	row, err := db.Reader().Sweep(ctx, name)
	if err != nil {
		return err
	}
	diffs, err := db.Verify(ctx, row.Name)
	if err != nil {
		return err
	}
	n, more, err := verifyProposals(ctx, db.Reader(), row)
	if err != nil {
		return err
	}
	diffs = append(diffs, more...)
	rulings, more, err := verifyRulings(ctx, db.Reader(), row)
	if err != nil {
		return err
	}
	diffs = append(diffs, more...)
	if a.json {
		if diffs == nil {
			diffs = []string{}
		}
		if err := a.printJSON(map[string]any{"ok": len(diffs) == 0, "sweep": row.Name, "proposals": n, "decisions": rulings, "differences": diffs}); err != nil {
			return err
		}
	} else {
		for _, d := range diffs {
			fmt.Fprintln(a.stdout, d)
		}
		if len(diffs) == 0 {
			fmt.Fprintf(a.stdout, "%s: the tables follow from the journal, and %d proposals came out the same\n", row.Name, n)
		}
		if len(diffs) == 0 && rulings > 0 {
			fmt.Fprintf(a.stdout, "%s: %d decisions to end a trial early came out the same\n", row.Name, rulings)
		}
	}
	if len(diffs) > 0 {
		return &exitErr{exitError, fmt.Sprintf("sweep %s: %d differences", row.Name, len(diffs))}
	}
	return nil
}

func newRereadCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reread SWEEP [FILE]",
		Short: "Read stored outputs again as the file's report: says; nothing is run",
		Long: `Reread reads the stored output of every ended trial of SWEEP, and the files that
it left, as report: of FILE (default: of the sweep) says, and settles the trials
anew: one that failed with no_objective finishes if its metric is found now.

Exit status: 0 · 1 error · 2 usage or sweep file · 75 a trawl runs the sweep.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.reread(cmd.Context(), args[0], arg(args, 1))
		},
	}
}
