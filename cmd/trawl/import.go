package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/results/export"
	"github.com/trawl-sweep/trawl/sweep"
)

// importOptions are the flags of import, and its argument.
type importOptions struct {
	path    string
	format  string   // optuna, csv or nni
	studies []string // Optuna: by name; none: the only one
	name    string   // of the sweep; "": that of the study or file
	metric  []string // NAME or NAME:GOAL
	params  []string // CSV: NAME or NAME:TYPE
	metrics []string // CSV
	file    string   // the sweep file that goes on with the trials
	out     string   // NNI: "" is standard output
}

func newImportCmd(a *app) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take over trials that ran elsewhere: an Optuna study, a CSV; or NNI's search space",
		Long: `Import makes a sweep of the ended trials in FILE: ranked, in SQL, for 'from: NAME'
in a sweep file that is to learn from them. They have 0 attempts, their reason
says where they are from, and they are never run.

  optuna   a SQLite storage of Optuna 3 or 4. --study chooses among several, each
           becomes a sweep of its name. Intermediate values are the steps of the
           objective, numbers among the user attributes are metrics
  csv      a table with a header and a row per trial. --metric says which column
           is the objective, --params which are parameters (default: all others but
           state, trial, name, dates …); then other columns of numbers are metrics
  nni      NNI's search_space.json: prints the sweep file, or writes -o FILE

With --file the trials go into a new sweep of that sweep file, as far as they lie
in its space and have a value, and trawl run goes on from them: first with those
that wait in Optuna. run_cap counts them all.

Exit status: 0 · 1 error, also in FILE · 2 usage or sweep file · 75 another trawl
owns the sweep.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.path = args[0]
			if err := o.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return a.importFile(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", "`format`: optuna, csv or nni (default: by the name of the file)")
	f.StringArrayVar(&o.studies, "study", nil, "optuna: `name` of a study; may be given several times")
	f.StringVar(&o.name, "name", "", "`name` of the sweep (default: that of the study or file)")
	f.StringSliceVar(&o.metric, "metric", nil, "the `objective`s: NAME or NAME:maximize, with commas between")
	f.StringSliceVar(&o.params, "params", nil, "csv: the `columns` that are parameters: NAME or NAME:TYPE (int float bool string)")
	f.StringSliceVar(&o.metrics, "metrics", nil, "csv: the `columns` that are further metrics")
	f.StringVar(&o.file, "file", "", "the sweep `file` that is to go on with the trials")
	f.StringVarP(&o.out, "output", "o", "", "nni: write the sweep file to this new `file`")
	return cmd
}

// check finds the format, and refuses flags of others: a flag that does nothing
// would be believed to do something.
func (o *importOptions) check(given func(string) bool) error {
	if o.format == "" {
		switch strings.ToLower(filepath.Ext(o.path)) {
		case ".csv", ".tsv":
			o.format = "csv"
		case ".json":
			o.format = "nni"
		default:
			o.format = "optuna"
		}
	}
	of := map[string][]string{
		"optuna": {"study", "name", "metric", "file"},
		"csv":    {"name", "metric", "params", "metrics", "file"},
		"nni":    {"name", "metric", "output"},
	}
	if of[o.format] == nil {
		return usagef("--format %s: want optuna, csv or nni", o.format)
	}
	for _, name := range []string{"study", "name", "metric", "params", "metrics", "file", "output"} {
		if given(name) && !slices.Contains(of[o.format], name) {
			return usagef("--%s: an import of %s has none", name, o.format)
		}
	}
	if len(o.studies) > 1 && (o.name != "" || o.file != "") {
		return usagef("--name and --file: want one --study with them")
	}
	if o.format == "csv" && len(o.metric) == 0 && o.file == "" {
		return usagef("--metric: want the column of the objective: --metric val_loss, or --metric accuracy:maximize")
	}
	return nil
}

// objectives reads --metric; goals says whether a goal was given, which for a
// study has to be its own.
func (o *importOptions) objectives() (out []sweep.Objective, goals bool, err error) {
	for _, m := range o.metric {
		x := sweep.Objective{Name: m}
		if i := strings.LastIndexByte(m, ':'); i >= 0 {
			x.Name, goals = m[:i], true
			switch m[i+1:] {
			case "maximize":
				x.Goal = sweep.Maximize
			case "minimize":
			default:
				return nil, false, usagef("--metric %s: want NAME, NAME:minimize or NAME:maximize", m)
			}
		}
		if x.Name == "" {
			return nil, false, usagef("--metric %q: want a name", m)
		}
		out = append(out, x)
	}
	return out, goals, nil
}

// importFile reads the whole file before it opens the database: what cannot be
// read leaves none behind.
func (a *app) importFile(ctx context.Context, o importOptions) error {
	var spec *sweep.Spec
	if o.file != "" {
		f, err := a.load(fileOptions{file: o.file, name: o.name})
		if err != nil {
			return err
		}
		if err := continues(f.Spec); err != nil {
			return err
		}
		spec = f.Spec
	}
	switch o.format {
	case "nni":
		return a.importNNI(o)
	case "csv":
		st, err := a.readTable(o, spec)
		if err != nil {
			return err
		}
		return a.importStudy(ctx, o, st, spec)
	}
	all, err := a.readStudies(ctx, o)
	if err != nil {
		return err
	}
	for _, st := range all {
		if err := a.importStudy(ctx, o, st, spec); err != nil {
			return err
		}
	}
	return nil
}

// continues says why a sweep file cannot go on with imported trials: a planner
// that wants each point with several seeds would have to compute the imported
// ones again, to repeat them.
func continues(spec *sweep.Spec) error {
	switch {
	case spec.Repeats.N() > 1:
		return usagef("--file: the sweep repeats each point %d times, and an imported trial is one run; want a file without repeats, or an import by itself and `from:`", spec.Repeats.N())
	case len(spec.Objectives) == 0:
		return usagef("--file: the sweep has no metric; want one")
	}
	return nil
}

// readTable reads a CSV. With a sweep file its objectives and parameters are
// those of the file, unless the user names others.
func (a *app) readTable(o importOptions, spec *sweep.Spec) (*export.Study, error) {
	goals, _, err := o.objectives()
	if err != nil {
		return nil, err
	}
	if goals == nil {
		for _, x := range spec.Objectives {
			goals = append(goals, sweep.Objective{Name: x.Name, Goal: x.Goal})
		}
	}
	lax := spec != nil && len(o.params) == 0
	if lax { // its parameters that the table has; the rest is metrics
		for i := range spec.Space.Params {
			if p := &spec.Space.Params[i]; p.Derived == nil {
				o.params = append(o.params, p.Name)
			}
		}
	}
	f, err := os.Open(o.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := export.ReadCSV(f, export.CSVOptions{File: o.path, Objectives: goals, Params: o.params, Lax: lax, Metrics: o.metrics})
	if err != nil {
		return nil, err
	}
	st.Name = strings.TrimSuffix(filepath.Base(o.path), filepath.Ext(o.path))
	return st, nil
}

// readStudies reads the studies that the user chose; the only one by itself. All
// of them are read, at one moment, before any is recorded.
func (a *app) readStudies(ctx context.Context, o importOptions) ([]*export.Study, error) {
	goals, given, err := o.objectives()
	if err != nil {
		return nil, err
	}
	f, err := export.OpenOptuna(ctx, o.path)
	if errors.Is(err, results.ErrNotSQLite) {
		return nil, fmt.Errorf("%w; want the storage of an Optuna study, or --format csv or nni", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Studies(ctx)
	if err != nil {
		return nil, err
	}
	list := strings.Join(names, ", ")
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("%s: the storage has no study", o.path)
	case len(o.studies) == 0 && len(names) > 1:
		return nil, usagef("%s has %d studies; want --study with one of %s", o.path, len(names), list)
	case len(o.studies) == 0:
		o.studies = names
	}
	var all []*export.Study
	for _, name := range o.studies {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s has no study %q; there is %s", o.path, name, list)
		}
		st, err := f.Study(ctx, name)
		if err != nil {
			return nil, err
		}
		if goals != nil {
			if err := renameGoals(st, goals, given); err != nil {
				return nil, err
			}
		}
		all = append(all, st)
	}
	return all, nil
}

// renameGoals gives the objectives of a study the names that the user has for
// them; goals that are given must be the study's.
func renameGoals(st *export.Study, goals []sweep.Objective, given bool) error {
	if len(goals) != len(st.Objectives) {
		return usagef("--metric: %d names; %s has %d objectives", len(goals), st.Source, len(st.Objectives))
	}
	for i, g := range goals {
		if given && g.Goal != st.Objectives[i].Goal {
			return usagef("--metric %s:%s; %s is to %s", g.Name, g.Goal, st.Source, st.Objectives[i].Goal)
		}
	}
	st.Rename(goals)
	return nil
}

// importStudy records a study as a sweep: of the sweep file spec, or of one that
// says what the study is.
func (a *app) importStudy(ctx context.Context, o importOptions, st *export.Study, spec *sweep.Spec) error {
	var err error
	if spec == nil {
		if n := len(st.Waiting); n > 0 {
			st.Notes = append(st.Notes, fmt.Sprintf("%d trials are WAITING and left out; with --file they are run", n))
			st.Waiting = nil
		}
		spec, err = standFor(st, o.name)
	} else {
		err = fitStudy(st, spec)
	}
	if err != nil {
		return err
	}
	db, err := a.open(ctx, true)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := a.clearFor(ctx, db, spec.Name); err != nil {
		return err
	}
	queued, err := a.recordStudy(ctx, db, st, spec, o.file != "")
	if err != nil {
		return err
	}
	for _, note := range st.Notes {
		fmt.Fprintf(a.stderr, "trawl: %s\n", note)
	}
	fmt.Fprintf(a.stderr, "trawl: sweep %s has %d trials of %s\n", spec.Name, len(st.Trials), st.Source)
	if queued > 0 {
		fmt.Fprintf(a.stderr, "trawl: %d trials that wait there are queued here\n", queued)
	}
	switch {
	case o.file == "":
		fmt.Fprintf(a.stderr, "trawl: next: trawl rank %s, or from: %s in a sweep file\n", shellQuote(spec.Name), spec.Name)
	case o.name == "":
		fmt.Fprintf(a.stderr, "trawl: next: trawl run %s\n", shellQuote(o.file))
	default:
		fmt.Fprintf(a.stderr, "trawl: next: trawl run %s --name %s\n", shellQuote(o.file), shellQuote(o.name))
	}
	return nil
}

// standFor is the sweep file that stands for a study, under a name that the user
// gave or that of the study.
func standFor(st *export.Study, name string) (*sweep.Spec, error) {
	if name == "" {
		name = st.Name
	}
	if err := results.CheckName(name); err != nil {
		return nil, usagef("%v; --name gives it another", err)
	}
	f, err := configs.Parse(name, st.Document(name), configs.Options{})
	if err != nil {
		return nil, importProblems(st, err)
	}
	return f.Spec, nil
}

// importProblems are what the sweep file of a study has against it, such as a
// name that no parameter may have.
func importProblems(st *export.Study, err error) error {
	var problems configs.Errors
	if !errors.As(err, &problems) {
		return err
	}
	var words []string
	for _, p := range problems {
		w := p.What
		if p.Want != "" {
			w += "; want " + p.Want
		}
		words = append(words, w)
	}
	return fmt.Errorf("%s: %s", st.Source, strings.Join(words, "\n"))
}

// clearFor is what makes importing the same thing twice safe. It makes sure that there is no sweep of the name; one that an import
// which was killed has left is removed.
func (a *app) clearFor(ctx context.Context, db *results.DB, name string) error {
	row, err := db.Reader().Sweep(ctx, name)
	if errors.Is(err, results.ErrNoSweep) || err == nil && row.Name != name {
		return nil
	}
	if err != nil {
		return err
	}
	if who, owned := results.Owner(row.RunsDir); owned {
		return &results.OwnedError{Sweep: row.Name, Owner: who}
	}
	entries, err := db.Reader().Events(ctx, row.Name, 0)
	if err != nil {
		return err
	}
	cut := row.Revision == 0
	for _, e := range entries {
		switch e := e.Event.(type) {
		case *sweep.SpecSet:
			cut = e.Why == whyImport
		case *sweep.Note:
			cut = cut && e.What != noteImported
		case *sweep.Started:
			cut = false // somebody has gone on from what there was
		}
	}
	if cut {
		return db.Remove(ctx, name)
	}
	return usagef("sweep %s exists; want --name with another, or trawl rm %s before", name, shellQuote(name))
}
