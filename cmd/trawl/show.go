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

func newShowCmd(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "show TRIAL", Short: "Everything about one trial, with its exact command line",
		Long: `Show prints one trial: N, best, last, or SWEEP/ and one of these.

With --format args it prints the command line only, ready for a shell; with
--format yaml the values; with --format diff what was not committed when it ran,
for git apply. The command line is computed from the sweep file and
the trial's values; the database does not hold it.

Exit status: 0 · 1 error, or no such trial · 2 usage.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), args[0], format) },
	}
	cmd.Flags().StringVar(&format, "format", "", "`format`: args, yaml or diff")
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
	argv := []string{}
	if !ranElsewhere(t) {
		if argv, err = a.commandOf(row, spec, t); err != nil {
			return err
		}
	}
	switch format {
	case "args":
		if ranElsewhere(t) {
			return fmt.Errorf("trial %s/%d has no command: it ran elsewhere", row.Name, t.ID)
		}
		fmt.Fprintln(a.stdout, shellLine(argv))
		return nil
	case "yaml":
		return a.showYAML(t)
	case "", "diff":
	default:
		return usagef("--format %s: want args, yaml or diff", format)
	}
	doc, diff, err := r.Provenance(ctx, row.Name, t.ID)
	if err != nil {
		return err
	}
	if format == "diff" {
		_, err := fmt.Fprint(a.stdout, diff)
		return err
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
		return a.printJSON(map[string]any{"trial": t, "command": argv, "attempts": attempts, "metrics": series, "notes": said,
			"provenance": rawOrNull(doc), "diff": diff})
	}
	a.printTrial(t, argv, attempts, series)
	a.printProvenance(doc, diff)
	a.printNotes(said)
	return nil
}

func rawOrNull(doc string) json.RawMessage {
	if doc == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(doc)
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
	command := shellLine(argv)
	if ranElsewhere(t) {
		command = "none: it ran elsewhere"
	}
	fmt.Fprintf(w, "seed       %d (repeat %d)\ndirectory  %s\ncommand    %s\nvalues     %s\n", t.Seed, t.Repeat, t.Dir, command, t.Params)
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
