package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

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

// showOptions say how a trial is shown.
type showOptions struct {
	format  string
	secrets bool
}

func newShowCmd(a *app) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use: "show TRIAL", Short: "Everything about one trial, with its exact command line",
		Long: `Show prints one trial: N, best, last, or SWEEP/ and one of these; of what code it
was, with which variables of the environment, and what has changed since.

With --format args it prints the command line only, ready for a shell; with
--format yaml the values; with --format diff what was not committed when it ran,
for git apply. The command line is computed from the sweep file as it was when the
trial started and from the trial's values; the database does not hold it. What is
secret by its name (--api-key, TOKEN=, the password of an address) is shown as ***
unless --secrets is given; of the environment secrets are not recorded at all.

Exit status: 0 · 1 error, or no such trial · 2 usage.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringVar(&o.format, "format", "", "`format`: args, yaml or diff")
	cmd.Flags().BoolVar(&o.secrets, "secrets", false, "show secrets in the command line")
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) show(ctx context.Context, which string, opts showOptions) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, t, err := a.trialOf(ctx, r, which)
	if err != nil {
		return err
	}
	o, err := a.originOf(ctx, r, row, t)
	if err != nil {
		return err
	}
	argv, dir := []string{}, ""
	if !ranElsewhere(t) {
		if argv, dir, err = o.command(a); err != nil {
			return err
		}
	}
	if !opts.secrets {
		argv = maskArgs(argv)
	}
	switch opts.format {
	case "args":
		if ranElsewhere(t) {
			return fmt.Errorf("trial %s/%d has no command: it ran elsewhere", row.Name, t.ID)
		}
		fmt.Fprintln(a.stdout, shellLine(argv))
		if strings.Contains(strings.Join(argv, " "), masked) {
			fmt.Fprintln(a.stderr, "trawl: *** stands for a secret")
		}
		return nil
	case "yaml":
		return a.showYAML(t)
	case "diff":
		_, err := fmt.Fprint(a.stdout, o.diff)
		return err
	case "":
	default:
		return usagef("--format %s: want args, yaml or diff", opts.format)
	}
	return a.showAll(ctx, r, o, argv, dir)
}

// showAll shows everything.
func (a *app) showAll(ctx context.Context, r *results.Reader, o *origin, argv []string, dir string) error {
	t := o.trial
	attempts, err := r.Attempts(ctx, t.Sweep, t.ID)
	if err != nil {
		return err
	}
	series, err := r.Metrics(ctx, t.Sweep, t.ID)
	if err != nil {
		return err
	}
	changed := o.changes(ctx, a)
	if a.json {
		return a.printJSON(map[string]any{"trial": t, "command": argv, "cwd": dir, "env": fileEnv(o.spec), "attempts": attempts, "metrics": series,
			"notes": orEmpty(o.notes), "provenance": rawOrNull(o.doc), "diff": o.diff, "changed": orEmpty(changed)})
	}
	a.printTrial(t, argv, dir, attempts, series)
	a.printProvenance(o, changed)
	a.printNotes(o.notes)
	return nil
}

// fileEnv are the variables of the file's `env:`, secrets masked.
func fileEnv(spec *sweep.Spec) map[string]string {
	out := map[string]string{}
	for _, e := range spec.Env {
		out[e.Name] = maskURL(e.Value)
		if secretEnv(e.Name, e.Value) {
			out[e.Name] = masked
		}
	}
	return out
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func rawOrNull(doc string) json.RawMessage {
	if doc == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(doc)
}

// trainerCommand is the `trawl train` that gives the numbers of a trial.
func trainerCommand(spec *sweep.Spec, t results.TrialRow) ([]string, error) {
	var swept map[string]sweep.Value
	if err := json.Unmarshal(t.Params, &swept); err != nil {
		return nil, err
	}
	values := trainerValues(spec, swept)
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

func (a *app) printTrial(t results.TrialRow, argv []string, dir string, attempts []results.AttemptRow, series []results.SeriesRow) {
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
	command := shellLine(argv)
	if ranElsewhere(t) {
		command = "none: it ran elsewhere"
	}
	fmt.Fprintf(w, "seed       %d (repeat %d)\ndirectory  %s\nrun in     %s\ncommand    %s\nvalues     %s\n", t.Seed, t.Repeat, t.Dir, dir, command, t.Params)
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
		if n := len(x.GPUs); n > 0 {
			fmt.Fprintf(w, "GPU        %g of %s, %.3g GPU seconds", x.GPUShare, plain(strings.Join(x.GPUs, ", ")), x.GPUSeconds)
			if x.GPUMemMB > 0 {
				fmt.Fprintf(w, ", %.0f MiB at most", x.GPUMemMB)
			}
			fmt.Fprintln(w)
		}
	}
	for _, m := range series {
		fmt.Fprintf(w, "metric     %s = %s at step %d (%d reports, %s … %s)\n", plain(m.Name), floatText(m.Last), m.LastStep, m.N, floatText(m.Min), floatText(m.Max))
	}
}
