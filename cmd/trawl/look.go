package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
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
		Long: `Ls lists the sweeps of the database, oldest first. A database is never made: the
error names the nearest one in a directory above.

Exit status: 0 · 1 error, or no database · 2 usage.`,
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
			a.digits().pointer(s.Best), s.Metric, s.CreatedAt.Local().Format(time.DateTime))
	}
	return a.printTable(t)
}

// pointer prints a number that may be missing.
func (d digits) pointer(p *float64) string {
	if p == nil {
		return ""
	}
	return d.number(*p)
}

func newStatusCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [SWEEP]", Short: "What runs, best so far, what was interrupted and the next command",
		Long: `Status shows SWEEP (default: the latest): what runs, how far it is, the best point
so far, the time left, and the command to go on with. Without SWEEP it names
every other sweep that was interrupted, too.

Exit status: 0 · 1 error, or no database · 2 usage.`,
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

	Waits       string   `json:"waits,omitempty"`     // what a sweep waits for of which nothing runs
	NotTaken    []string `json:"not_taken,omitempty"` // GPUs that others use
	Interrupted []string `json:"interrupted"`         // other sweeps; only without a name
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
	if n := totalOf(r, spec); n >= 0 {
		s.Total = &n
	}
	if s.Now == nil {
		s.Now = []results.TrialRow{}
	}
	s.Next = a.nextCommand(s)
	s.Interrupted = []string{}
	if s.State != "finished" {
		if s.Waits, err = a.waits(ctx, r, s); err != nil {
			return err
		}
		quiet := *a
		quiet.stderr = discard{}
		fits, _ := quiet.fit(ctx, spec, 0) // what the machine lacks is said by run
		s.NotTaken = fits.foreign()
	}
	if name == "" {
		all, err := r.Sweeps(ctx)
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.ID != row.ID && interrupted(other) {
				s.Interrupted = append(s.Interrupted, other.Name)
			}
		}
	}
	if a.json {
		return a.printJSON(s)
	}
	a.printStatus(s, spec)
	return nil
}

// waits is what a sweep that is owned but idle says that it waits for.
func (a *app) waits(ctx context.Context, r *results.Reader, s statusJSON) (string, error) {
	if s.Owner == "" || len(s.Now) > 0 {
		return "", nil
	}
	rows, err := r.Query(ctx, "select json_extract(data, '$.what'), json_extract(data, '$.text') from events where sweep = ? order by seq desc limit 1", s.Name)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	text := ""
	for rows.Next() {
		if row := rows.Row(); row[0] == "waiting" {
			text = fmt.Sprint(row[1])
		}
	}
	return text, rows.Err()
}

func (a *app) nextCommand(s statusJSON) string {
	left := s.Queued+s.Running+s.Paused > 0 || s.Total != nil && s.Finished+s.Failed+s.Pruned+s.Diverged+s.Killed < *s.Total
	switch {
	case s.Owner != "":
		return a.next("stop", s.Name)
	case left && s.State != "finished":
		return a.next("resume", s.Name)
	}
	return a.next("rank", s.Name)
}

func (a *app) printStatus(s statusJSON, spec *sweep.Spec) {
	w := a.stdout
	ended := s.Finished + s.Failed + s.Pruned + s.Diverged + s.Killed
	of := ""
	if s.Total != nil {
		of = fmt.Sprintf(" of %d", max(*s.Total, ended))
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
	if s.Waits != "" {
		fmt.Fprintf(w, "waiting  %s\n", plain(s.Waits))
	}
	for _, line := range s.NotTaken {
		fmt.Fprintf(w, "         %s\n", line)
	}
	fmt.Fprintf(w, "next     %s\n", s.Next)
	if n := len(s.Interrupted); n > 0 {
		fmt.Fprintf(w, "\ninterrupted, too: %s\nnext     trawl resume --all%s\n", strings.Join(s.Interrupted, ", "), a.dbFlag())
	}
}

// interrupted reports whether a sweep waits to be gone on with: it has neither
// ended nor does a trawl run it.
func interrupted(row results.SweepRow) bool {
	if row.State == "finished" || row.State == "failed" {
		return false
	}
	_, owned := results.Owner(row.RunsDir)
	return !owned
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

// chooses reports whether any of them was given.
func (f *filterFlags) chooses() bool { return f.where != "" || len(f.states)+len(f.classes) > 0 }

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
		Long: `Trials lists the trials of SWEEP (default: the latest). --where is SQL over the
view "NAME/all": state, objective, class, reason, parameters and metrics.

Exit status: 0 · 1 error, also in the SQL · 2 usage.`,
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
	d := a.digits()
	for _, x := range rows {
		state := string(x.State)
		if x.Class != "" {
			state += " (" + string(x.Class) + ")"
		}
		if x.State == sweep.Running && x.BegunAt != nil {
			x.Seconds = a.now().Sub(*x.BegunAt).Seconds()
		}
		t.add(fmt.Sprint(x.ID), state, d.maybe(x.Objective), fmt.Sprintf("%.3g", x.Seconds), fmt.Sprint(x.Attempts), d.params(spec, string(x.Params)), x.Reason)
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
