package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/inproc"
	"github.com/trawl-sweep/trawl/runner/local"
	"github.com/trawl-sweep/trawl/sweep"
)

func newRerunCmd(a *app) *cobra.Command {
	var keep string
	cmd := &cobra.Command{
		Use:   "rerun TRIAL",
		Short: "Run the exact command of a trial again, in the foreground, unrecorded",
		Long: `Rerun runs the command of TRIAL (N, best, last, SWEEP/N) from its beginning, as
its first attempt did: the words of the sweep file as it was then, its values, its
seed and its params file, where trawl run was started, with the variables of the
environment that were recorded (trawl show lists them; secrets have today's
value), and as many GPUs. Only the trial's own directory is another: a temporary
one, or that of --dir. Nothing is recorded.

What has changed since is said first: the commit, what is not committed, the files
of the command, Python, the host. A trial of the built-in trainer ends with
whether its weights came out the same, to the bit.

Exit status: that of the trial; 2 usage; 130 interrupted.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.rerun(cmd.Context(), args[0], keep) },
	}
	cmd.Flags().StringVar(&keep, "dir", "", "keep the trial's directory in this new `folder`")
	return cmd
}

func (a *app) rerun(ctx context.Context, which, keep string) error {
	r, err := a.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	row, t, err := a.trialOf(ctx, r, which)
	if err != nil {
		return err
	}
	if err := refuseImported(row); err != nil {
		return err
	}
	o, err := a.originOf(ctx, r, row, t)
	if err != nil {
		return err
	}
	for _, c := range o.changes(ctx, a) {
		fmt.Fprintf(a.stderr, "trawl: changed since: %s\n", plain(c))
	}
	if o.diff != "" {
		fmt.Fprintf(a.stderr, "trawl: it ran with uncommitted changes: trawl show %s/%d --format diff\n", row.Name, t.ID)
	}
	if o.started != nil && o.started.Resumed {
		fmt.Fprintf(a.stderr, "trawl: attempt %d went on from a checkpoint; this begins anew\n", o.started.Attempt)
	}
	if keep == "" {
		if keep, err = os.MkdirTemp("", "trawl-rerun-"); err != nil {
			return err
		}
		defer os.RemoveAll(keep)
	} else if keep, err = newDir(keep); err != nil {
		return err
	}
	return a.runAgain(ctx, o, filepath.Join(keep, safeName(row.Name)))
}

// newDir makes a folder that must not be there, and returns its absolute path.
func newDir(name string) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", usagef("--dir: %v; want a folder that is not there yet", err)
	}
	return path, nil
}

// runAgain runs the trial with its directory below runs.
func (a *app) runAgain(ctx context.Context, o *origin, runs string) error {
	env, lost := o.environ(os.Environ())
	for _, name := range lost {
		fmt.Fprintf(a.stderr, "trawl: %s was set then, to a secret that is not recorded; it is not set now\n", name)
	}
	set := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		set[name] = value
	}
	m := o.maker(a, runs, func(name string) (string, bool) { v, ok := set[name]; return v, ok })
	m.base = baseEnv(env, o.spec, 1)
	t, err := o.attempt(1)
	if err != nil {
		return err
	}
	job, err := m.job(t, string(o.trial.Params))
	if err != nil {
		return err
	}
	if o.spec.Trainer != nil {
		return a.trainAgain(ctx, o, job.Values)
	}
	gpus, need := a.gpusAgain(ctx, o)
	return a.tryCommand(ctx, o.spec, job, gpus, need)
}

// trainAgain trains, and compares the weights.
func (a *app) trainAgain(ctx context.Context, o *origin, values map[string]sweep.Value) error {
	if _, ok := values["seed"]; !ok {
		values["seed"] = sweep.IntValue(o.trial.Seed)
	}
	was := ""
	for _, n := range o.notes {
		if n.What == "weights" {
			was = n.Text
		}
	}
	opts := a.trainer(o.dir)
	opts.Say = func(text string) {
		if now, ok := strings.CutPrefix(text, "weights "); ok && was != "" {
			if now == was {
				text += ": those of the trial, to the bit"
			} else {
				text += ": not those of the trial, which were " + was
			}
		}
		fmt.Fprintln(a.stderr, "trawl: "+plain(text))
	}
	return inproc.RunOne(ctx, values, opts, a.stdout)
}

// gpusAgain are the GPUs to choose from for a trial that had some: the same,
// where they are visible.
func (a *app) gpusAgain(ctx context.Context, o *origin) ([]local.GPU, sweep.Resources) {
	if o.started == nil || o.started.Share == 0 {
		return nil, sweep.Resources{}
	}
	need := o.spec.Resources
	need.GPUs = o.started.Share
	visible, isSet := os.LookupEnv(visibleName)
	gpus, err := local.ListGPUs(ctx, visible, isSet)
	if err != nil || float64(len(gpus)) < need.GPUs {
		fmt.Fprintf(a.stderr, "trawl: it had %g of %s; %d GPUs are visible now, so it gets none\n", need.GPUs, strings.Join(o.started.GPUs, ", "), len(gpus))
		return nil, sweep.Resources{}
	}
	same := slices.DeleteFunc(slices.Clone(gpus), func(g local.GPU) bool { return !slices.Contains(o.started.GPUs, g.UUID) })
	if len(same) == len(o.started.GPUs) {
		return same, need
	}
	fmt.Fprintf(a.stderr, "trawl: it had %g of %s, not all of which are visible now: it gets others\n", need.GPUs, strings.Join(o.started.GPUs, ", "))
	return gpus, need
}

// holdGPUs waits until the GPUs that are needed can be had, and writes into the
// job what names them. end gives them back.
func (a *app) holdGPUs(ctx context.Context, spec *sweep.Spec, job *runner.Job, gpus []local.GPU, need sweep.Resources) (end func(), err error) {
	if need.GPUs <= 0 || len(gpus) == 0 {
		return func() {}, nil
	}
	d, err := local.NewDevices(gpus, lockDir(), false)
	if err != nil {
		return nil, err
	}
	said := ""
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		g, why := d.Take(runner.Need{Resources: need})
		if g != nil {
			for _, kv := range g.Env {
				name, _, _ := strings.Cut(kv, "=")
				if !slices.ContainsFunc(spec.Env, func(e sweep.EnvVar) bool { return e.Name == name }) {
					job.Env = append(job.Env, kv)
				}
			}
			job.Env = lastWins(job.Env)
			return func() { g.Release(); d.Close() }, nil
		}
		if why != said {
			said = why
			fmt.Fprintf(a.stderr, "trawl: %s\n", plain(why))
		}
		select {
		case <-ctx.Done():
			d.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}
