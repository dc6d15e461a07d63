package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
)

// controlOf turns a stored request into a control of the loop.
func (s *sweeping) controlOf(r results.Request) (loop.Control, error) {
	c := loop.Control{Verb: loop.Verb(r.Verb), Why: r.Verb + " from another terminal"}
	switch c.Verb {
	case loop.KillOne, loop.Retry:
		id, err := strconv.ParseInt(r.Arg, 10, 64)
		c.Trial = sweep.TrialID(id)
		return c, err
	case loop.Parallel:
		n, err := strconv.Atoi(r.Arg)
		c.N = n
		return c, err
	case loop.AddPoint:
		return c, json.Unmarshal([]byte(r.Arg), &c.Values)
	}
	return c, nil
}

// errUnowned says that no trawl runs the sweep that a request is for.
var errUnowned = errors.New("no trawl runs it")

// ask sends a request to the trawl that runs the sweep and prints its answer.
func (a *app) ask(ctx context.Context, name string, v loop.Verb, arg string) error {
	db, err := a.open(ctx, false)
	if err != nil {
		return a.noDatabase(err)
	}
	defer db.Close()
	row, err := db.Reader().Sweep(ctx, name)
	if err != nil {
		return err
	}
	if _, owned := results.Owner(row.RunsDir); !owned {
		return fmt.Errorf("sweep %s: %w", row.Name, errUnowned)
	}
	id, err := db.Request(ctx, row.Name, string(v), arg)
	if err != nil {
		return err
	}
	for range 150 {
		text, done, err := db.Answer(ctx, id)
		if err != nil {
			return err
		}
		if done {
			if msg, bad := strings.CutPrefix(text, "error: "); bad {
				return errors.New(msg)
			}
			fmt.Fprintf(a.stdout, "%s: %s\n", row.Name, text)
			return nil
		}
		if _, owned := results.Owner(row.RunsDir); !owned {
			fmt.Fprintf(a.stdout, "%s: it has ended\n", row.Name)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("sweep %s: the trawl that runs it has not answered in 15 s; the request stands", row.Name)
}

func (a *app) noDatabase(err error) error {
	if errors.Is(err, results.ErrNoDatabase) {
		return fmt.Errorf("%w; run a sweep first, or name one with --db", err)
	}
	return err
}

// controlCmd is a command that asks one thing of a running sweep.
func (a *app) controlCmd(use, short string, v loop.Verb) *cobra.Command {
	return &cobra.Command{
		Use: use + " [SWEEP]", Short: short, Args: cobra.MaximumNArgs(1),
		Long: short + ` (SWEEP: default the latest).

Exit status: 0 · 1 error, or no trawl runs the sweep · 2 usage.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.ask(cmd.Context(), arg(args, 0), v, "") },
	}
}

func newPauseCmd(a *app) *cobra.Command {
	return a.controlCmd("pause", "Start nothing more; running trials run on; trawl resume goes on", loop.Pause)
}

func newDrainCmd(a *app) *cobra.Command {
	return a.controlCmd("drain", "Start nothing more, let running trials end, then end", loop.Drain)
}

func newStopCmd(a *app) *cobra.Command {
	var f filterFlags
	cmd := &cobra.Command{
		Use:     "stop [SWEEP | TRIAL]",
		Aliases: []string{"cancel"},
		Short:   "Stop a sweep (resumable), or one trial for good",
		Long: `Stop ends the running trials of SWEEP (default: the latest); they go back to the
queue and trawl resume goes on. TRIAL is SWEEP/N or N: that trial is killed, for
good. With --state, --class or --where every trial chosen is killed. Trials that
outlived a trawl which was killed are stopped, too.

Exit status: 0 · 1 error, or nothing of the sweep runs · 2 usage.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			which := arg(args, 0)
			q, err := f.filter()
			if err != nil {
				return err
			}
			if f.chooses() {
				return a.eachTrial(cmd.Context(), which, q, func(name string, id sweep.TrialID) error {
					return a.ask(cmd.Context(), name, loop.KillOne, fmt.Sprint(id))
				})
			}
			name, id, ok := trialArg(which)
			if ok {
				err = a.ask(cmd.Context(), name, loop.KillOne, fmt.Sprint(id))
			} else {
				name, err = which, a.ask(cmd.Context(), which, loop.StopAll, "")
			}
			if errors.Is(err, errUnowned) {
				return a.stopUnowned(cmd.Context(), name, id)
			}
			return err
		},
	}
	f.add(cmd)
	return cmd
}

// trialArg reads N or SWEEP/N; ok is false for the name of a sweep.
func trialArg(s string) (name string, id sweep.TrialID, ok bool) {
	which := s
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		name, which = s[:i], s[i+1:]
	}
	n, err := strconv.ParseInt(which, 10, 64)
	return name, sweep.TrialID(n), err == nil && n > 0
}

// chosen reads the trials that q chooses, and says so if there are none.
func (a *app) chosen(ctx context.Context, r *results.Reader, name string, q results.Filter) (results.SweepRow, []results.TrialRow, error) {
	row, err := r.Sweep(ctx, name)
	if err != nil {
		return row, nil, err
	}
	rows, err := r.Trials(ctx, row.Name, q)
	if err == nil && len(rows) == 0 {
		fmt.Fprintf(a.stderr, "sweep %s: no such trials\n", row.Name)
	}
	return row, rows, err
}

func (a *app) eachTrial(ctx context.Context, name string, q results.Filter, do func(string, sweep.TrialID) error) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, rows, err := a.chosen(ctx, r, name, q)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range rows {
		errs = append(errs, do(row.Name, t.ID))
	}
	return errors.Join(errs...)
}

func newSetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "set SWEEP parallel=N", Short: "Change how many trials of a running sweep run at a time", Args: cobra.ExactArgs(2),
		Long: `Set changes how many trials run at a time, at once; with fewer, those that run
run on. It lasts while that trawl runs: the next one takes what the file or -j says.

Exit status: 0 · 1 error, or no trawl runs the sweep · 2 usage.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v, ok := strings.CutPrefix(args[1], "parallel=")
			n, err := strconv.Atoi(v)
			if !ok || err != nil || n < 1 {
				return usagef("%q: want parallel=N with N at least 1", args[1])
			}
			return a.ask(cmd.Context(), args[0], loop.Parallel, v)
		},
	}
}

func newRetryCmd(a *app) *cobra.Command {
	var f filterFlags
	var jobs int
	cmd := &cobra.Command{
		Use:   "retry [SWEEP | TRIAL]",
		Short: "Queue ended trials again: one, or all failed ones of a sweep",
		Long: `Retry queues TRIAL (SWEEP/N or N), or the trials of SWEEP that --state, --class
and --where choose (default: --state failed), again. It runs the sweep too if no
trawl does.

Exit status: as for run.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.filter()
			if err != nil {
				return err
			}
			name, id, one := trialArg(arg(args, 0))
			if one {
				return a.orRun(cmd.Context(), name, jobs, []loop.Control{{Verb: loop.Retry, Trial: id}})
			}
			if !f.chooses() {
				q.States = []sweep.State{sweep.Failed}
			}
			var cs []loop.Control
			err = a.eachTrial(cmd.Context(), arg(args, 0), q, func(_ string, id sweep.TrialID) error {
				cs = append(cs, loop.Control{Verb: loop.Retry, Trial: id})
				return nil
			})
			if err != nil || len(cs) == 0 {
				return err
			}
			return a.orRun(cmd.Context(), arg(args, 0), jobs, cs)
		},
	}
	f.add(cmd)
	cmd.Flags().IntVarP(&jobs, "jobs", "j", 0, "as for run")
	return cmd
}

func newAddCmd(a *app) *cobra.Command {
	var jobs int
	cmd := &cobra.Command{
		Use:   "add SWEEP KEY=VALUE…",
		Short: "Try a point of your own in a sweep; missing values are drawn",
		Long: `Add queues the trials of one point. It runs the sweep too if no trawl does.

Exit status: as for run.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.read(cmd.Context())
			if err != nil {
				return err
			}
			row, err := r.Sweep(cmd.Context(), args[0])
			r.Close()
			if err != nil {
				return err
			}
			spec, err := specOf(row)
			if err != nil {
				return err
			}
			values, err := configs.ParseValues(spec, args[1:])
			if err != nil {
				return usagef("%v", err)
			}
			return a.orRun(cmd.Context(), row.Name, jobs, []loop.Control{{Verb: loop.AddPoint, Values: values}})
		},
	}
	cmd.Flags().IntVarP(&jobs, "jobs", "j", 0, "as for run")
	return cmd
}

// orRun asks the trawl that runs the sweep, or runs it with the controls given
// first.
func (a *app) orRun(ctx context.Context, name string, jobs int, cs []loop.Control) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	row, err := r.Sweep(ctx, name)
	r.Close()
	if err != nil {
		return err
	}
	if err := refuseImported(row); err != nil {
		return err
	}
	for i, c := range cs {
		arg := fmt.Sprint(c.Trial)
		if c.Verb == loop.AddPoint {
			b, err := json.Marshal(c.Values)
			if err != nil {
				return err
			}
			arg = string(b)
		}
		err := a.ask(ctx, name, c.Verb, arg)
		if errors.Is(err, errUnowned) {
			return a.resumeWith(ctx, name, jobs, cs[i:])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resumeWith runs the sweep with the controls done first. It fails where one of
// them is refused, once what was queued anyway has run.
func (a *app) resumeWith(ctx context.Context, name string, jobs int, cs []loop.Control) error {
	var refused []error
	for i := range cs {
		cs[i].Answer = func(text string, err error) {
			if err != nil {
				refused = append(refused, err)
				return
			}
			fmt.Fprintln(a.stderr, "trawl: "+text)
		}
	}
	err := a.resume(ctx, name, jobs, false, cs)
	if len(refused) > 0 {
		return errors.Join(refused...)
	}
	return err
}

func newResumeCmd(a *app) *cobra.Command {
	var jobs int
	var all, quiet bool
	cmd := &cobra.Command{
		Use:   "resume [SWEEP]",
		Short: "Go on with a sweep after a stop, a kill, a crash, a reboot",
		Long: `Resume goes on with SWEEP (default: the latest) as it was last run, without its
file: trials that are still alive are re-attached, those that ended meanwhile
are recorded, the rest runs. A sweep that is paused goes on in its terminal.

Exit status: as for run.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return a.resumeAll(cmd.Context(), jobs)
			}
			err := a.resume(cmd.Context(), arg(args, 0), jobs, quiet, nil)
			var owned *results.OwnedError
			if errors.As(err, &owned) {
				if row, rerr := a.sweepRow(cmd.Context(), arg(args, 0)); rerr == nil && row.State == "paused" {
					return a.ask(cmd.Context(), row.Name, loop.Continue, "")
				}
			}
			return err
		},
	}
	cmd.Flags().IntVarP(&jobs, "jobs", "j", 0, "run this `number` of trials at a time")
	cmd.Flags().BoolVar(&all, "all", false, "every sweep that was interrupted, one after the other")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "show no progress")
	return cmd
}

func (a *app) sweepRow(ctx context.Context, name string) (results.SweepRow, error) {
	r, err := a.read(ctx)
	if err != nil {
		return results.SweepRow{}, err
	}
	defer r.Close()
	return r.Sweep(ctx, name)
}

func (a *app) resume(ctx context.Context, name string, jobs int, quiet bool, first []loop.Control) error {
	row, err := a.sweepRow(ctx, name)
	if err != nil {
		return err
	}
	spec, err := specOf(row)
	if err != nil {
		return err
	}
	s, err := a.own(ctx, spec, row.Dir, revise{})
	if err != nil {
		return err
	}
	defer s.close()
	s.first = first
	return s.drive(ctx, jobs, quiet)
}

// resumeAll goes on with every sweep that was interrupted.
func (a *app) resumeAll(ctx context.Context, jobs int) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	rows, err := r.Sweeps(ctx)
	r.Close()
	if err != nil {
		return err
	}
	var worst error
	n := 0
	for _, row := range rows {
		if !interrupted(row) {
			continue
		}
		n++
		var exit *exitErr
		err := a.resume(ctx, row.Name, jobs, false, nil)
		if errors.As(err, &exit) && exit.status >= exitInterrupt {
			return err
		}
		if err != nil {
			worst = err
		}
	}
	if n == 0 {
		fmt.Fprintln(a.stderr, "trawl: no sweep was interrupted")
	}
	return worst
}
