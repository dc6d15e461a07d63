package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// arg is the i-th argument, "" if there is none.
func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// jsonField returns a field of a JSON object as text.
func jsonField(doc, name string) (string, bool) {
	var m map[string]sweep.Value
	if json.Unmarshal([]byte(doc), &m) != nil {
		return "", false
	}
	v, ok := m[name]
	return v.Python(), ok
}

// specOf reads the spec of a stored sweep.
func specOf(row results.SweepRow) (*sweep.Spec, error) {
	if row.Doc == "" { // killed between its first two transactions
		return nil, fmt.Errorf("sweep %s was interrupted before its sweep file was recorded: trawl run FILE starts it", row.Name)
	}
	f, err := configs.Parse(row.Name, []byte(row.Doc), configs.Options{Name: row.Name})
	if err != nil {
		return nil, fmt.Errorf("read the spec of sweep %s: %w", row.Name, err)
	}
	return f.Spec, nil
}

func newLsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ls", Short: "List the sweeps of the database", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.ls(cmd.Context()) },
	}
	a.listFlags(cmd)
	return cmd
}

func (a *app) ls(ctx context.Context) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	rows, err := r.Sweeps(ctx)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []results.SweepRow{}
	}
	t := table{head: []string{"id", "name", "method", "state", "trials", "finished", "failed", "best", "metric", "created"}, data: rows}
	for _, s := range rows {
		t.add(fmt.Sprint(s.ID), s.Name, s.Method, s.State, fmt.Sprint(s.Trials), fmt.Sprint(s.Finished), fmt.Sprint(s.Failed),
			number(s.Best), s.Metric, s.CreatedAt.Local().Format(time.DateTime))
	}
	return a.printTable(t)
}

// number prints a value that may be missing.
func number(p *float64) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%.6g", *p)
}

func newStatusCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [SWEEP]", Short: "What runs, best so far, what was interrupted and the next command",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.sweepStatus(cmd.Context(), arg(args, 0)) },
	}
	a.jsonFlag(cmd)
	return cmd
}

// statusJSON is a status as --json prints it.
type statusJSON struct {
	results.SweepRow
	Total *int64             `json:"total"` // trials that the sweep will have
	Owner string             `json:"owner"` // the process that runs it, "" if none
	Now   []results.TrialRow `json:"running_trials"`
	Next  string             `json:"next"`
}

func (a *app) sweepStatus(ctx context.Context, name string) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, err := r.Sweep(ctx, name)
	if err != nil {
		return err
	}
	running, err := r.Running(ctx, row.Name)
	if err != nil {
		return err
	}
	s := statusJSON{SweepRow: row, Now: running}
	if who, owned := results.Owner(row.RunsDir); owned {
		s.Owner = who
	}
	spec, err := specOf(row)
	if err != nil {
		return err
	}
	if n := totalTrials(spec); n >= 0 {
		s.Total = &n
	}
	if s.Now == nil {
		s.Now = []results.TrialRow{}
	}
	s.Next = nextCommand(s)
	if a.json {
		return a.printJSON(s)
	}
	a.printStatus(s, spec)
	return nil
}

func nextCommand(s statusJSON) string {
	left := s.Queued+s.Running+s.Paused > 0 || s.Total != nil && s.Finished+s.Failed+s.Pruned+s.Diverged+s.Killed < *s.Total
	switch {
	case s.Owner != "":
		return "trawl stop " + shellQuote(s.Name)
	case left && s.State != "finished":
		return "trawl resume " + shellQuote(s.Name)
	}
	return "trawl rank " + shellQuote(s.Name)
}

func (a *app) printStatus(s statusJSON, spec *sweep.Spec) {
	w := a.stdout
	ended := s.Finished + s.Failed + s.Pruned + s.Diverged + s.Killed
	of := ""
	if s.Total != nil {
		of = fmt.Sprintf(" of %d", *s.Total)
	}
	state := s.State
	if s.Owner != "" {
		state = "running, " + s.Owner
		if s.State == "paused" {
			state = "paused, " + s.Owner
		}
	} else if s.State == "running" || s.State == "paused" {
		state = "interrupted: no trawl runs it"
	}
	fmt.Fprintf(w, "sweep    %s\nstate    %s\ntrials   %d%s ended: %d finished", s.Name, state, ended, of, s.Finished)
	for _, c := range []struct {
		n    int64
		what string
	}{{s.Failed, "failed"}, {s.Pruned, "pruned"}, {s.Diverged, "diverged"}, {s.Killed, "killed"}, {s.Queued, "queued"}} {
		if c.n > 0 {
			fmt.Fprintf(w, ", %d %s", c.n, c.what)
		}
	}
	fmt.Fprintln(w)
	if s.Best != nil {
		fmt.Fprintf(w, "best     %s = %.6g (trial %d)\n", s.Metric, *s.Best, *s.BestTrial)
	}
	if ended > 0 && s.Seconds > 0 && s.Owner != "" {
		rate := float64(ended) / s.Seconds
		fmt.Fprintf(w, "rate     %.3g trials/min", rate*60)
		if s.Total != nil {
			fmt.Fprintf(w, ", about %s left", seconds(float64(*s.Total-ended)/rate))
		}
		fmt.Fprintln(w)
	}
	for _, t := range s.Now {
		line := fmt.Sprintf("  trial %d  %s", t.ID, variedParams(spec, string(t.Params)))
		for _, o := range spec.Objectives {
			if v, ok := t.Metrics[o.Name]; ok {
				line += fmt.Sprintf("  %s=%.5g (step %d)", o.Name, v, t.Steps[o.Name])
			}
		}
		if t.BegunAt != nil {
			line += "  for " + seconds(a.now().Sub(*t.BegunAt).Seconds())
		}
		fmt.Fprintln(w, plain(line))
	}
	fmt.Fprintf(w, "next     %s\n", s.Next)
}

// filterFlags are the flags that choose trials.
type filterFlags struct {
	states, classes []string
	where           string
	limit           int
}

func (f *filterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.states, "state", nil, "only trials in these `states`: failed,diverged")
	cmd.Flags().StringSliceVar(&f.classes, "class", nil, "only failures of these `classes`: exit,oom")
	cmd.Flags().StringVar(&f.where, "where", "", "only trials for which this `SQL` holds: 'lr > 1 and val_loss < 0.5'")
	cmd.Flags().IntVarP(&f.limit, "limit", "n", 0, "at most this `number` of trials")
}

func (f *filterFlags) filter() (results.Filter, error) {
	out := results.Filter{Where: f.where, Limit: f.limit}
	for _, s := range f.states {
		switch st := sweep.State(s); st {
		case sweep.Queued, sweep.Running, sweep.Paused, sweep.Finished, sweep.Pruned, sweep.Failed, sweep.Diverged, sweep.Killed:
			out.States = append(out.States, st)
		default:
			return out, usagef("--state %s: want queued, running, paused, finished, pruned, failed, diverged or killed", s)
		}
	}
	for _, c := range f.classes {
		switch cl := sweep.Class(c); cl {
		case sweep.ClassExit, sweep.ClassSignal, sweep.ClassTimeout, sweep.ClassStalled, sweep.ClassOOM, sweep.ClassNoObjective, sweep.ClassLost, sweep.ClassStart:
			out.Classes = append(out.Classes, cl)
		default:
			return out, usagef("--class %s: want exit, signal, timeout, stalled, oom, no_objective, lost or start", c)
		}
	}
	return out, nil
}

// SQL is the choice as a condition over "NAME/all"; "" chooses all.
func (f *filterFlags) SQL() string {
	var and []string
	quoted := func(words []string) string { return "('" + strings.Join(words, "', '") + "')" } // filter has seen them
	if len(f.states) > 0 {
		and = append(and, "state in "+quoted(f.states))
	}
	if len(f.classes) > 0 {
		and = append(and, "class in "+quoted(f.classes))
	}
	if f.where != "" {
		and = append(and, "("+f.where+"\n)")
	}
	return strings.Join(and, " and ")
}

func newTrialsCmd(a *app) *cobra.Command {
	var f filterFlags
	cmd := &cobra.Command{
		Use: "trials [SWEEP]", Short: "List the trials of a sweep, one line each", Args: cobra.MaximumNArgs(1),
		Example: "  trawl trials --state failed\n  trawl trials mnist --where 'lr > 1'",
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.filter()
			if err != nil {
				return err
			}
			return a.trials(cmd.Context(), arg(args, 0), q)
		},
	}
	f.add(cmd)
	a.listFlags(cmd)
	return cmd
}

func (a *app) trials(ctx context.Context, name string, q results.Filter) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, err := r.Sweep(ctx, name)
	if err != nil {
		return err
	}
	spec, err := specOf(row)
	if err != nil {
		return err
	}
	rows, err := r.Trials(ctx, row.Name, q)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []results.TrialRow{}
	}
	t := table{head: []string{"trial", "state", "objective", "seconds", "attempts", "params", "reason"}, data: rows}
	for _, x := range rows {
		state := string(x.State)
		if x.Class != "" {
			state += " (" + string(x.Class) + ")"
		}
		t.add(fmt.Sprint(x.ID), state, floatText(x.Objective), fmt.Sprintf("%.3g", x.Seconds), fmt.Sprint(x.Attempts), variedParams(spec, string(x.Params)), x.Reason)
	}
	return a.printTable(t)
}

// bestRow is how far a sweep is that goes on.
type bestRow struct {
	value float64 // NaN: nothing ranks yet
	trial sweep.TrialID
	ended int
}

func (a *app) bestSoFar(s *sweeping) (*bestRow, error) {
	row, err := s.db.Reader().Sweep(context.Background(), s.spec.Name)
	if err != nil {
		return nil, err
	}
	b := &bestRow{value: math.NaN(), ended: int(row.Finished + row.Failed + row.Pruned + row.Diverged + row.Killed)}
	if row.Best != nil && row.BestTrial != nil {
		b.value, b.trial = *row.Best, sweep.TrialID(*row.BestTrial)
	}
	return b, nil
}

// trialOf reads TRIAL: SWEEP/N, N, best or last, or SWEEP/best.
func (a *app) trialOf(ctx context.Context, r *results.Reader, s string) (results.SweepRow, results.TrialRow, error) {
	name, which := "", s
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		name, which = s[:i], s[i+1:]
	}
	row, err := r.Sweep(ctx, name)
	if err != nil {
		return row, results.TrialRow{}, err
	}
	var id sweep.TrialID
	switch which {
	case "best":
		if row.BestTrial == nil {
			return row, results.TrialRow{}, fmt.Errorf("sweep %s: no trial ranks yet", row.Name)
		}
		id = sweep.TrialID(*row.BestTrial)
	case "last":
		if row.Trials == 0 {
			return row, results.TrialRow{}, fmt.Errorf("sweep %s: it has no trials yet", row.Name)
		}
		id = sweep.TrialID(row.Trials)
	default:
		n, err := strconv.ParseInt(which, 10, 64)
		if err != nil || n < 1 {
			return row, results.TrialRow{}, usagef("trial %q: want a number, best or last, or SWEEP/ and one of these", s)
		}
		id = sweep.TrialID(n)
	}
	t, err := r.Trial(ctx, row.Name, id)
	if errors.Is(err, results.ErrNoTrial) {
		return row, t, fmt.Errorf("sweep %s has no trial %d; it has %d", row.Name, id, row.Trials)
	}
	return row, t, err
}

func newShowCmd(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "show TRIAL", Short: "Everything about one trial, with its exact command line",
		Long: `Show prints one trial: N, best, last, or SWEEP/ and one of these.

With --format args it prints the command line only, ready for a shell; with
--format yaml the values.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), args[0], format) },
	}
	cmd.Flags().StringVar(&format, "format", "", "`format`: args or yaml")
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) show(ctx context.Context, which, format string) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, t, err := a.trialOf(ctx, r, which)
	if err != nil {
		return err
	}
	spec, err := specOf(row)
	if err != nil {
		return err
	}
	argv, err := a.commandOf(row, spec, t)
	if err != nil {
		return err
	}
	switch format {
	case "args":
		fmt.Fprintln(a.stdout, shellLine(argv))
		return nil
	case "yaml":
		return a.showYAML(t)
	case "":
	default:
		return usagef("--format %s: want args or yaml", format)
	}
	attempts, err := r.Attempts(ctx, row.Name, t.ID)
	if err != nil {
		return err
	}
	series, err := r.Metrics(ctx, row.Name, t.ID)
	if err != nil {
		return err
	}
	said, err := notesOf(ctx, r, row.Name, t.ID)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"trial": t, "command": argv, "attempts": attempts, "metrics": series, "notes": said})
	}
	a.printTrial(t, argv, attempts, series)
	a.printNotes(said)
	return nil
}

// commandOf is the command line of a trial's last attempt.
func (a *app) commandOf(row results.SweepRow, spec *sweep.Spec, t results.TrialRow) ([]string, error) {
	if spec.Trainer != nil {
		return trainerCommand(spec, t)
	}
	m := &jobMaker{sweeping: &sweeping{a: a, spec: spec, baseDir: row.Dir, runs: row.RunsDir}, interpreter: interpreter()}
	pt, err := spec.Space.ParseJSON(t.Params)
	if err != nil {
		return nil, err
	}
	job, err := m.job(sweep.Trial{ID: t.ID, Point: pt, Seed: t.Seed, Attempt: max(1, t.Attempts)}, string(t.Params))
	return job.Argv, err
}

// trainerCommand is the `trawl train` that gives the numbers of a trial.
func trainerCommand(spec *sweep.Spec, t results.TrialRow) ([]string, error) {
	values := map[string]sweep.Value{}
	for k, v := range spec.Trainer {
		values[k] = v
	}
	var swept map[string]sweep.Value
	if err := json.Unmarshal(t.Params, &swept); err != nil {
		return nil, err
	}
	for k, v := range swept {
		values[k] = v
	}
	if _, ok := values["seed"]; !ok {
		values["seed"] = sweep.IntValue(t.Seed)
	}
	names := make([]string, 0, len(values))
	for k := range values {
		names = append(names, k)
	}
	sort.Strings(names)
	argv := []string{"trawl", "train"}
	for _, k := range names {
		v := values[k].Python()
		if values[k].Kind() == sweep.Bool {
			v = strings.ToLower(v)
		}
		argv = append(argv, "--"+k+"="+v)
	}
	return argv, nil
}

func (a *app) showYAML(t results.TrialRow) error {
	var m map[string]sweep.Value
	if err := json.Unmarshal(t.Params, &m); err != nil {
		return err
	}
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		fmt.Fprintf(a.stdout, "%s: %s\n", sweep.StringValue(k).AppendJSON(nil), m[k].AppendJSON(nil))
	}
	return nil
}

func (a *app) printTrial(t results.TrialRow, argv []string, attempts []results.AttemptRow, series []results.SeriesRow) {
	w := a.stdout
	state := string(t.State)
	if t.Class != "" {
		state += " (" + string(t.Class) + ")"
	}
	fmt.Fprintf(w, "trial      %s/%d\nstate      %s\n", t.Sweep, t.ID, state)
	if t.Reason != "" {
		fmt.Fprintf(w, "reason     %s\n", plain(t.Reason))
	}
	if s := floatText(t.Objective); s != "" {
		fmt.Fprintf(w, "objective  %s\n", s)
	}
	fmt.Fprintf(w, "seconds    %.3g (%.3g of CPU, %.0f MiB at most)\n", t.Seconds, t.CPUSeconds, t.MaxRSSMB)
	fmt.Fprintf(w, "seed       %d (repeat %d)\ndirectory  %s\ncommand    %s\nvalues     %s\n", t.Seed, t.Repeat, t.Dir, shellLine(argv), t.Params)
	for _, x := range attempts {
		state := x.State
		if state == string(sweep.Queued) {
			state = "queued again"
		}
		fmt.Fprintf(w, "attempt %d  %s", x.Attempt, state)
		if x.StartedAt != nil {
			fmt.Fprintf(w, ", started %s on %s", x.StartedAt.Local().Format(time.DateTime), x.Host)
		}
		if x.Reason != "" {
			fmt.Fprintf(w, ": %s", plain(x.Reason))
		}
		fmt.Fprintln(w)
	}
	for _, m := range series {
		fmt.Fprintf(w, "metric     %s = %s at step %d (%d reports, %s … %s)\n", plain(m.Name), floatText(m.Last), m.LastStep, m.N, floatText(m.Min), floatText(m.Max))
	}
}

func newLogsCmd(a *app) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use: "logs TRIAL", Short: "Print the output of a trial", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.logs(cmd.Context(), args[0], follow) },
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on while the trial runs")
	return cmd
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
	dir := filepath.Join(row.RunsDir, fmt.Sprint(t.ID))
	f, err := os.Open(filepath.Join(dir, "output.log"))
	if err != nil {
		return fmt.Errorf("trial %d has no output: %w", t.ID, err)
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
