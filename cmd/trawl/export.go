package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/results/export"
	"github.com/trawl-sweep/trawl/sweep"
)

type exportOptions struct {
	sweep         string // "": the latest
	format        string
	out           string // file or directory; "": standard output
	study         string // Optuna: name of the study; "": that of the sweep
	optunaVersion string // whose tables are written
	filter        filterFlags
}

func newExportCmd(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export [SWEEP]",
		Short: "Write the trials of a sweep for other programs, or the whole database as one file",
		Long: `Export writes every trial of SWEEP (default: the latest) with its values and
metrics.

  csv, jsonl    one row per trial, to standard output or -o FILE
  optuna        a study in the new SQLite file -o FILE: Optuna opens it and goes on
                with it. Trials without a finite objective are FAIL; what Optuna has
                no place for is in user attributes trawl:… Each version of Optuna opens
                its own tables: --optuna-version says whose (default 3.1, which serves
                3.0 too; 4 serves 3.2 and later)
  tensorboard   event files in the new directory -o DIR, one folder per trial:
                parameters for the HParams page, all metrics as scalars
  sqlite        the whole database as one consistent file -o FILE, all sweeps

Exit status: 0 · 1 error · 2 usage.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.sweep = arg(args, 0)
			if err := o.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return a.export(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "csv", "`format`: csv, jsonl, optuna, tensorboard or sqlite")
	f.StringVarP(&o.out, "output", "o", "", "write to this `file` or directory (default: standard output; csv and jsonl alone)")
	f.StringVar(&o.study, "study", "", "optuna: `name` of the study (default: that of the sweep)")
	f.StringVar(&o.optunaVersion, "optuna-version", "3.1", "optuna: the `version` that is to open it: 3.1, 4, newest")
	o.filter.add(cmd)
	return cmd
}

// check refuses what does not go together; given says whether a flag was.
func (o *exportOptions) check(given func(string) bool) error {
	if _, err := o.filter.filter(); err != nil {
		return err
	}
	if o.filter.limit != 0 {
		return usagef("--limit: export writes all trials that --state, --class and --where choose")
	}
	switch o.format {
	case "csv", "jsonl":
	case "optuna", "sqlite":
		if o.out == "" {
			return usagef("--format %s: want -o FILE", o.format)
		}
	case "tensorboard":
		if o.out == "" {
			return usagef("--format tensorboard: want -o DIR")
		}
	default:
		return usagef("--format %s: want csv, jsonl, optuna, tensorboard or sqlite", o.format)
	}
	for _, name := range []string{"study", "optuna-version"} {
		if given(name) && o.format != "optuna" {
			return usagef("--%s: want --format optuna with it", name)
		}
	}
	if o.format == "sqlite" && o.filter.chooses() {
		return usagef("--format sqlite: it is the whole database; want no choice of trials")
	}
	return nil
}

func (a *app) export(ctx context.Context, o exportOptions) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	switch o.format {
	case "sqlite":
		return export.SQLite(ctx, r, o.out)
	case "optuna":
		return a.exportOptuna(ctx, r, o)
	case "tensorboard":
		return a.exportTensorBoard(ctx, r, o)
	}
	write := export.CSV
	if o.format == "jsonl" {
		write = export.JSONL
	}
	return a.exportRows(ctx, r, o, write)
}

func (a *app) exportRows(ctx context.Context, r *results.Reader, o exportOptions, write func(io.Writer, []string, export.Rows) error) error {
	columns, rows, end, err := export.Trials(ctx, r, o.sweep, o.filter.SQL())
	if err != nil {
		return err
	}
	defer end()
	if o.out == "" {
		return write(a.stdout, columns, rows)
	}
	file, err := os.Create(o.out)
	if err != nil {
		return err
	}
	return errors.Join(write(file, columns, rows), file.Close())
}

// chosen is the sweep to export, its sweep file and the choice of its trials.
func (o *exportOptions) chosen(ctx context.Context, r *results.Reader) (row results.SweepRow, spec *sweep.Spec, f results.Filter, err error) {
	if row, err = r.Sweep(ctx, o.sweep); err != nil {
		return row, nil, f, err
	}
	if spec, err = specOf(row); err != nil {
		return row, nil, f, err
	}
	f, err = o.filter.filter()
	return row, spec, f, err
}

func (a *app) exportOptuna(ctx context.Context, r *results.Reader, o exportOptions) error {
	schema, err := export.OptunaSchemaFor(o.optunaVersion)
	if err != nil {
		return usagef("--optuna-version: %v", err)
	}
	row, spec, filter, err := o.chosen(ctx, r)
	if err != nil {
		return err
	}
	n, err := export.Optuna(ctx, r, spec, row.Name, o.out, export.OptunaOptions{Study: o.study, Schema: schema, Filter: filter})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	opens := "3.0 and 3.1; for later ones: --optuna-version 4"
	if schema == export.OptunaV320a {
		opens = "3.2 and later; for earlier ones: --optuna-version 3.1"
	}
	fmt.Fprintf(a.stderr, "trawl: %d trials in %s for Optuna %s\n", n, o.out, opens)
	return nil
}

func (a *app) exportTensorBoard(ctx context.Context, r *results.Reader, o exportOptions) error {
	row, spec, filter, err := o.chosen(ctx, r)
	if err != nil {
		return err
	}
	n, err := export.TensorBoard(ctx, r, spec, row.Name, o.out, filter)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	fmt.Fprintf(a.stderr, "trawl: %d trials in %s; tensorboard --logdir %s shows them\n", n, o.out, shellQuote(o.out))
	return nil
}
