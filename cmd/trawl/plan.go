package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
	"github.com/trawl-sweep/trawl/sweep/sampler/grid"
)

func newValidateCmd(a *app) *cobra.Command {
	var o fileOptions
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a sweep file; every problem at once, with its place",
		Long: `Validate checks FILE (default sweep.yaml) and lists every problem with its place
and what would be right there.

Exit status: 0 no problem · 1 error · 2 problems.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return err
			}
			return a.validate(o)
		},
	}
	o.flags(cmd)
	a.jsonFlag(cmd)
	return cmd
}

// problemJSON is a problem as `--json` prints it.
type problemJSON struct {
	Line int    `json:"line"`
	Col  int    `json:"col"`
	What string `json:"what"`
	Want string `json:"want"`
}

func problemsJSON(ps []configs.Problem) []problemJSON {
	out := make([]problemJSON, 0, len(ps))
	for _, p := range ps {
		out = append(out, problemJSON{p.Line, p.Col, p.What, p.Want})
	}
	return out
}

func (a *app) validate(o fileOptions) error {
	if !a.json {
		f, err := a.load(o)
		if err != nil {
			return err
		}
		for _, u := range f.Spec.Unbuilt {
			fmt.Fprintf(a.stderr, "warning: this version cannot run it yet: %s\n", u)
		}
		fmt.Fprintf(a.stdout, "%s: no problems\n", f.Path)
		return nil
	}
	quiet := *a
	quiet.stderr = discard{}
	f, err := quiet.load(o)
	res := struct {
		OK       bool          `json:"ok"`
		Problems []problemJSON `json:"problems"`
		Warnings []problemJSON `json:"warnings"`
	}{OK: err == nil, Problems: []problemJSON{}, Warnings: []problemJSON{}}
	var problems configs.Errors
	switch {
	case errors.As(err, &problems):
		res.Problems = problemsJSON(problems)
	case err != nil:
		return err
	}
	if f != nil {
		res.Warnings = problemsJSON(f.Warnings)
	}
	if err := a.printJSON(res); err != nil {
		return err
	}
	if !res.OK {
		return &exitErr{status: exitUsage}
	}
	return nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// jsonFlag gives a command --json.
func (a *app) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON")
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func newPlanCmd(a *app) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "plan [FILE] [-- CMD…]",
		Short: "Show what a sweep would run: space, trials, first points and commands",
		Long: `Plan shows the space of FILE (default sweep.yaml), the number of trials, the first
points and their command lines, what runs at a time, and an estimate of time and
disk: from the trials of this sweep that have ended, if there are any. It says
where trials run, and warns of files that they would write over each other, or
not find: trawl help your-script. It runs nothing and writes nothing.

Linear and softmax trials of the trainer that follow one another with the same
data, seed and batches are trained together, each with the numbers that it has by
itself: a group reads each mini-batch once and takes one place among those that run
at a time. fuse: off in the file keeps them apart; so do a timeout, and a method
that looks at results.

Exit status: 0 · 1 error · 2 usage or sweep file.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return err
			}
			return a.plan(cmd.Context(), o)
		},
	}
	o.flags(cmd)
	cmd.Flags().IntVarP(&o.jobs, "jobs", "j", 0, "as for run: this `number` of trials at a time")
	a.jsonFlag(cmd)
	return cmd
}

// planned is a plan as `--json` prints it.
type planned struct {
	Method     string           `json:"method"`
	Resolved   string           `json:"resolved"`
	Why        string           `json:"why,omitempty"`             // how the method works, where it looks at results
	Early      string           `json:"early_terminate,omitempty"` // what ends trials early, its defaults spelled out
	Trials     *int64           `json:"trials"`
	AtMost     *int64           `json:"at_most,omitempty"`
	Parallel   int              `json:"parallel"`
	Workdir    string           `json:"workdir,omitempty"`   // where trials run; a trainer's run nowhere
	Fused      int              `json:"fused,omitempty"`     // most trials that are trained together
	NotFused   string           `json:"not_fused,omitempty"` // why none are, of those that could be
	Parameters []plannedParam   `json:"parameters"`
	First      []map[string]any `json:"first"`
	Last       []map[string]any `json:"last"`
	Estimate   *estimate        `json:"estimate"`
	Warnings   []problemJSON    `json:"warnings"`
	Notes      []string         `json:"notes,omitempty"` // GPUs that are not taken
}

type plannedParam struct {
	Name         string `json:"name"`
	Distribution string `json:"distribution"`
}

func (a *app) plan(ctx context.Context, o runOptions) error {
	load := a
	if a.json {
		quiet := *a
		quiet.stderr = discard{}
		load = &quiet
	}
	f, err := load.load(o.fileOptions)
	if err != nil {
		return a.planProblems(err)
	}
	spec := f.Spec
	fits, err := load.fit(ctx, spec, o.jobs)
	if err != nil { // another machine may have it
		fits.why = "nothing: " + err.Error()
	}
	n := fits.n
	p := planned{Method: spec.Method, Resolved: spec.Sampler, Parallel: n, Notes: fits.foreign(), First: []map[string]any{}, Last: []map[string]any{},
		Warnings: problemsJSON(f.Warnings)}
	if smp, err := sampler.New(spec.Sampler, plan(spec)); err == nil && smp.Looks() {
		p.Why = sampler.Describe(spec.Sampler, plan(spec))
	}
	p.Early = describePruner(spec)
	if err := p.where(load, spec, n); err != nil {
		return err
	}
	for _, q := range spec.Space.Params {
		p.Parameters = append(p.Parameters, plannedParam{q.Name, distribution(q)})
	}
	if err := p.count(spec); err != nil {
		return err
	}
	if spec.Sampler == "grid" {
		if err := p.ends(spec); err != nil {
			return err
		}
	}
	if p.Fused, p.NotFused, err = fusedPlan(spec, max(1, n)); err != nil {
		return err
	}
	if p.Estimate, err = a.estimate(ctx, spec, p.Trials, max(1, n)); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p)
	}
	return a.printPlan(p, f, fits.why)
}

// where says in which directory trials run, and which files are in danger there.
func (p *planned) where(a *app, spec *sweep.Spec, n int) error {
	if spec.Trainer != nil {
		return nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	p.Workdir = describeWorkdir(spec)
	for _, h := range hazards(spec, dir, n) {
		p.Warnings = append(p.Warnings, problemJSON{What: h.what, Want: h.want})
		fmt.Fprintf(a.stderr, "warning: %s\n", h)
	}
	return nil
}

// planProblems prints the problems of a file as JSON where that was asked for.
func (a *app) planProblems(err error) error {
	var problems configs.Errors
	if !a.json || !errors.As(err, &problems) {
		return err
	}
	if err := a.printJSON(map[string]any{"ok": false, "problems": problemsJSON(problems)}); err != nil {
		return err
	}
	return &exitErr{status: exitUsage}
}

func distribution(p sweep.Param) string {
	if p.Derived != nil {
		return "derived"
	}
	return configs.WandbName(p.Domain)
}

// count fills in the number of trials: exact, or unknown with a bound.
func (p *planned) count(spec *sweep.Spec) error {
	if spec.Sampler == "grid" {
		size, exact, err := grid.Size(spec.Space)
		if err != nil {
			return err
		}
		if !exact {
			bound := size * int64(spec.Repeats.N())
			if spec.RunCap > 0 {
				bound = min(bound, int64(spec.RunCap))
			}
			p.AtMost = &bound
			return nil
		}
	}
	if n := totalTrials(spec); n >= 0 {
		p.Trials = &n
	}
	return nil
}

// ends fills in the first three points of a grid and the last one.
func (p *planned) ends(spec *sweep.Spec) error {
	first, err := grid.First(plan(spec), 3)
	if err != nil {
		return err
	}
	last, err := grid.Last(plan(spec), 1)
	if err != nil {
		return err
	}
	for _, pt := range first {
		p.First = append(p.First, namedPoint(spec.Space, pt))
	}
	for _, pt := range last {
		p.Last = append(p.Last, namedPoint(spec.Space, pt))
	}
	return nil
}

// namedPoint is a point as JSON: nested parameters nested, dotted names flat.
func namedPoint(space *sweep.Space, pt sweep.Point) map[string]any {
	return space.Nested(pt)
}

func (a *app) printPlan(p planned, f *configs.File, why string) error {
	spec, w := f.Spec, a.stdout
	fmt.Fprintf(w, "sweep       %s\n", spec.Name)
	method := p.Method
	if p.Resolved != p.Method {
		method += " (" + p.Resolved + ")"
	}
	fmt.Fprintf(w, "method      %s, seed %d\n", method, spec.Seed)
	if p.Why != "" {
		fmt.Fprintf(w, "            %s\n", p.Why)
	}
	for _, o := range spec.Objectives {
		fmt.Fprintf(w, "metric      %s, %s\n", o.Name, o.Goal)
	}
	if len(spec.Objectives) == 0 {
		fmt.Fprintln(w, "metric      none: trials are recorded, nothing ranks")
	}
	if p.Early != "" {
		fmt.Fprintf(w, "ends early  %s\n", p.Early)
	}
	if spec.StopIf != nil {
		fmt.Fprintf(w, "stop_if     %s\n", spec.StopIf)
	}
	switch {
	case p.Trials != nil && *p.Trials == 0:
		fmt.Fprintln(w, "trials      0: the constraints leave no point")
	case p.Trials != nil:
		fmt.Fprintf(w, "trials      %d", *p.Trials)
		if n := spec.Repeats.N(); n > 1 {
			fmt.Fprintf(w, " (%d points × %d seeds)", (*p.Trials+int64(n)-1)/int64(n), n)
		}
		fmt.Fprintln(w)
	case p.AtMost != nil:
		fmt.Fprintf(w, "trials      at most %d: conditions or constraints take some away\n", *p.AtMost)
	default:
		fmt.Fprintln(w, "trials      no end; Ctrl-C, -n or budget")
	}
	fmt.Fprintf(w, "parallel    %s\n", why)
	switch {
	case p.Fused > 0:
		fmt.Fprintf(w, "fused       groups of %d share each pass over the data\n", p.Fused)
	case p.NotFused != "":
		fmt.Fprintf(w, "fused       none: %s\n", p.NotFused)
	}
	for _, line := range p.Notes {
		fmt.Fprintf(w, "            %s\n", line)
	}
	if p.Workdir != "" {
		fmt.Fprintf(w, "workdir     %s\n", p.Workdir)
	}
	p.Estimate.print(w, p.Parallel)
	fmt.Fprintln(w, "\nparameters")
	width := 20
	for _, q := range spec.Space.Params {
		width = max(width, utf8.RuneCountInString(q.Name))
	}
	for _, q := range spec.Space.Params {
		fmt.Fprintf(w, "  %-*s %s\n", width, q.Name, describe(q))
	}
	for _, u := range spec.Unbuilt {
		fmt.Fprintf(a.stderr, "warning: this version cannot run it yet: %s\n", u)
	}
	if !sampler.Built(spec.Sampler) {
		return nil
	}
	return a.printFirst(spec)
}

// printFirst prints the first points with their command lines.
func (a *app) printFirst(spec *sweep.Spec) error {
	smp, err := sampler.New(spec.Sampler, plan(spec))
	if err != nil {
		return err
	}
	got, err := a.firstProposals(loop.NewPlanner(spec, smp, 1))
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	runs, err := runsDir(a.databasePath(), spec.Name)
	if err != nil {
		return err
	}
	m := newJobMaker(&sweeping{a: a, spec: spec, baseDir: dir, runs: runs}, 1)
	fmt.Fprintln(a.stdout, "\nfirst trials")
	for _, e := range got {
		t, err := sweep.Trial{}.Apply(e)
		if err != nil {
			return err
		}
		t.Attempt = 1
		fmt.Fprintf(a.stdout, "  %d  %s\n", e.Trial, variedParams(spec, e.Params))
		if spec.Trainer != nil || needsProgram(spec) {
			continue // that was a warning
		}
		argv, err := m.argv(t, e.Params, false)
		if err != nil {
			return fmt.Errorf("trial %d: %w", e.Trial, err)
		}
		fmt.Fprintf(a.stdout, "     %s\n", shellLine(maskArgs(argv)))
	}
	return nil
}

// firstSearch bounds how long a plan looks for points that no constraint refuses.
const firstSearch = 3 * time.Second

// firstProposals are the first three trials. A search that takes long, as in a
// large grid of which constraints leave little, is given up with a word.
func (a *app) firstProposals(p *loop.Planner) (out []*sweep.Proposed, err error) {
	for began := a.now(); len(out) < 3; {
		got, searching, err := p.Some(3 - len(out))
		if out = append(out, got...); err != nil || !searching {
			return out, err
		}
		if a.now().Sub(began) > firstSearch {
			fmt.Fprintf(a.stderr, "trawl: the constraints refuse so many points that %d of the first 3 were found in %s\n", len(out), firstSearch)
			return out, nil
		}
	}
	return out, nil
}

func shellLine(argv []string) string {
	q := make([]string, len(argv))
	for i, s := range argv {
		q[i] = shellQuote(s)
	}
	return strings.Join(q, " ")
}

// describe prints a parameter's domain for people.
func describe(p sweep.Param) string {
	d := p.Domain
	s := ""
	switch {
	case p.Derived != nil:
		s = "= " + p.Derived.String()
	case d.Dist == sweep.Constant:
		s = d.Values[0].Python()
	case len(d.Values) > 0:
		var vs []string
		for i, v := range d.Values {
			if i == 12 {
				vs = append(vs, fmt.Sprintf("… %d values", len(d.Values)))
				break
			}
			vs = append(vs, v.Python())
		}
		s = "one of " + strings.Join(vs, ", ")
	case d.Sigma > 0:
		s = fmt.Sprintf("%s mu=%g sigma=%g", d.Dist, d.Mu, d.Sigma)
	case d.A > 0:
		s = fmt.Sprintf("%s a=%g b=%g", d.Dist, d.A, d.B)
	default:
		s = fmt.Sprintf("%s %g … %g", d.Dist, d.Min, d.Max)
	}
	if d.Q > 0 {
		s += fmt.Sprintf(" step %g", d.Q)
	}
	if d.Levels > 0 {
		s += fmt.Sprintf(", %d levels", d.Levels)
	}
	if p.When != nil {
		s += "  when " + p.When.String()
	}
	return s
}
