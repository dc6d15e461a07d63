package main

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/runner/sim"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// simulateOptions say what is simulated against what.
type simulateOptions struct {
	fileOptions
	table, from string
	seeds, jobs int
	early       []string
	reduce      string
	at          []int
	columns     sim.Columns
	family      string
}

func newSimulateCmd(a *app) *cobra.Command {
	var o simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate [FILE]",
		Short: "Run sweeps against recorded results: what another method would have found",
		Long: `Simulate runs the sweep of FILE against results that are there already, instead of
trials, in virtual time, for each of the methods and of the ways to end trials
early that are named. It prints what each found and what that cost: medians over
the seeds, with quartiles. Nothing runs, nothing is written.

--table is a CSV file, gzipped or not, with one row per configuration and its
repeats (s0, s1 …) or its curve (valid0, valid1 …) in columns; or one row per
configuration, repeat and step. --from is a sweep of trawl.db: what would asha
have saved me? Without parameters in FILE, or without FILE, the columns make the
space: the grid of their values, or the rows as they are where that is no full
grid. A value that is not in the table is an error; nothing is interpolated.

The method recorded takes the rows in their order (with further seeds, shuffled).
regret is (true value - best)/(median - best) over the configurations of the
table: 0 is the best of all, 1 a median one. Budgets, targets and retries do not
count.

Exit status: 0 · 1 error · 2 usage, sweep file or table.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.take(cmd, args); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.simulate(cmd.Context(), o)
		},
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.Lookup("method").Usage = "simulate these `methods`: random,tpe,gp; recorded (default: the file's; with --from, recorded)"
	f.StringVar(&o.table, "table", "", "recorded results: a CSV `file`")
	f.StringVar(&o.from, "from", "", "recorded results: the trials of this `sweep`")
	f.IntVar(&o.seeds, "seeds", 0, "simulate each with this `number` of seeds (default 20; 1 with --from)")
	f.IntVarP(&o.jobs, "jobs", "j", 0, "run this `number` of trials at a time (default: the file's parallel, else 1)")
	f.StringArrayVar(&o.early, "early", nil, "end trials early by these `types`: asha,median,none, file, or '{type: asha, eta: 3}'; may be repeated")
	f.StringVar(&o.reduce, "reduce", "", "reports to objective: `last`, best, min, max or mean:K (default: the file's)")
	f.IntSliceVar(&o.at, "at", nil, "also show where each stood after these `numbers` of trials: 50,100,200")
	f.StringVar(&o.columns.Objective, "objective", "", "the `column` of the objective, or the common name of several (default: the metric's name, else found out)")
	f.StringSliceVar(&o.columns.Params, "params", nil, "the `columns` of the parameters (default: all that are nothing else)")
	f.StringVar(&o.columns.Step, "step", "", "the `column` of the step (default: step, epoch, iteration or iter)")
	f.StringVar(&o.columns.Repeat, "repeat", "", "the `column` that tells repeats apart (default: seed, repeat, replicate or rep)")
	f.StringVar(&o.columns.Time, "time", "", "the `column` of seconds since a run began (default: seconds)")
	f.StringVar(&o.family, "numbered", "", "columns that differ in a number are `repeats` or steps (default: by their name)")
	a.listFlags(cmd)
	return cmd
}

func (o *simulateOptions) check() error {
	if (o.table == "") == (o.from == "") {
		return usagef("want --table FILE or --from SWEEP")
	}
	if o.seeds < 0 || o.jobs < 0 {
		return usagef("--seeds %d, -j %d: want at least 1", o.seeds, o.jobs)
	}
	if len(o.argv) > 0 {
		return usagef("--: nothing runs; want no command")
	}
	for _, n := range o.at {
		if n < 1 {
			return usagef("--at %d: want at least 1", n)
		}
	}
	switch o.family {
	case "":
	case "steps", "repeats":
		curve := o.family == "steps"
		o.columns.Curve = &curve
	default:
		return usagef("--numbered %s: want repeats or steps", o.family)
	}
	return nil
}

// A recorded is the results that a simulation stands on, and the sweep file
// that goes with them.
type recorded struct {
	table     *sim.Table
	objective string // name of its reports; "": named as in the file
	doc       []byte // of the sweep; nil: there is none
	name      string
	note      string
}

// recordedTable opens --table.
func (o *simulateOptions) recordedTable() (*recorded, error) {
	f, err := os.Open(o.table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(o.table, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.table, err)
		}
		in = z
	}
	t, objective, err := sim.ReadCSV(in, filepath.Base(o.table), o.columns)
	if err != nil {
		return nil, usagef("%s", err)
	}
	name, _, _ := strings.Cut(filepath.Base(o.table), ".")
	return &recorded{table: t, objective: objective, name: name}, nil
}

// simulation is all that is simulated.
type simulation struct {
	o        simulateOptions
	rec      *recorded
	variants []*variant
}

// A variant is one method with one way to end trials early.
type variant struct {
	method, early string
	spec          *sweep.Spec
	own           bool // its space is that of the table
	runs          []*sim.Result
}

func (a *app) simulate(ctx context.Context, o simulateOptions) error {
	var rec *recorded
	var err error
	if o.from != "" {
		rec, err = a.recordedSweep(ctx, o.from)
		o.seeds = cmp.Or(o.seeds, 1)
	} else {
		if o.columns.Objective == "" {
			o.columns.Objective, _, _ = strings.Cut(o.metric, ":")
		}
		rec, err = o.recordedTable()
		o.seeds = cmp.Or(o.seeds, 20)
	}
	if err != nil {
		return err
	}
	s := &simulation{o: o, rec: rec}
	if err := s.plan(); err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return err
	}
	s.say(a.stderr)
	return a.printTable(s.listing())
}

// base reads the sweep with a method and a way to end trials early; "" leaves
// the file's.
func (s *simulation) base(method, early string, runCap int) (*sweep.Spec, error) {
	opt := configs.Options{Set: slices.Clone(s.o.set), Params: s.o.params, Name: s.o.name, Metric: s.o.metric, Method: method, RunCap: runCap}
	switch early {
	case "", "file":
	case "none":
		opt.Set = append(opt.Set, "early_terminate=", "stop_if=")
	default:
		if !strings.HasPrefix(early, "{") {
			early = "{type: " + early + "}"
		}
		opt.Set = append(opt.Set, "early_terminate="+early)
	}
	var f *configs.File
	var err error
	switch {
	case s.o.file != "":
		f, err = configs.Load(s.o.file, opt)
	case s.rec.doc != nil:
		f, err = configs.Parse(s.rec.name, s.rec.doc, opt)
	default:
		opt.Name, opt.Command = cmp.Or(s.o.name, s.rec.name), []string{"true"}
		opt.Metric, opt.Method = cmp.Or(s.o.metric, s.rec.objective), cmp.Or(method, "random")
		if len(opt.Params) == 0 {
			opt.Params = []string{"simulated=1"} // the columns take its place
		}
		f, err = configs.FromOptions(opt)
	}
	if err != nil {
		return nil, err
	}
	if len(f.Spec.Objectives) == 0 {
		return nil, usagef("%s has no metric; want --metric NAME", cmp.Or(s.o.file, s.rec.name))
	}
	if s.o.reduce != "" {
		r, k, err := sweep.ParseReduce(s.o.reduce)
		if err != nil {
			return nil, usagef("--%s", err)
		}
		f.Spec.Objectives[0].Reduce, f.Spec.Objectives[0].K = r, k
	}
	return f.Spec, nil
}

// plan resolves the variants.
func (s *simulation) plan() error {
	methods := strings.FieldsFunc(s.o.method, func(r rune) bool { return r == ',' })
	if len(methods) == 0 && s.o.from != "" && s.o.file == "" {
		methods = []string{"recorded"}
	}
	first := ""
	if len(methods) > 0 && methods[0] != "recorded" {
		first = methods[0]
	}
	spec, err := s.base(first, "", s.o.cap)
	if err != nil {
		return err
	}
	if len(methods) == 0 {
		methods = []string{spec.Method}
	}
	var early []string
	for _, e := range s.o.early {
		early = append(early, outsideBraces(e)...)
	}
	if len(early) == 0 {
		early = []string{"file"}
		if s.o.from != "" && spec.EarlyTerminate == nil {
			early = []string{"none", "asha"}
		}
	}
	runCap := cmp.Or(spec.RunCap, min(200, len(s.rec.table.Rows))*spec.Repeats.N())
	for _, m := range methods {
		for _, e := range early {
			v, err := s.variant(m, e, runCap)
			if err != nil {
				return err
			}
			s.variants = append(s.variants, v)
		}
	}
	return s.measure()
}

// outsideBraces splits a list at the commas that are not between braces.
func outsideBraces(s string) (out []string) {
	depth, from := 0, 0
	take := func(to int) {
		if w := strings.TrimSpace(s[from:to]); w != "" {
			out = append(out, w)
		}
		from = to + 1
	}
	for i, r := range s {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth <= 0 {
				take(i)
			}
		}
	}
	take(len(s))
	return out
}

func (s *simulation) variant(method, early string, runCap int) (*variant, error) {
	replay := method == "recorded"
	if replay {
		method = "random" // of those there are
		if s.o.cap == 0 {
			runCap = len(s.rec.table.Rows)
		}
	}
	spec, err := s.base(method, early, runCap)
	if err != nil {
		return nil, err
	}
	v := &variant{method: spec.Method, early: early, spec: spec}
	if replay {
		v.method = "recorded"
	}
	if early == "file" {
		v.early = "none"
		if spec.EarlyTerminate != nil {
			v.early = spec.EarlyTerminate.Type
		} else if spec.StopIf != nil {
			v.early = "stop_if"
		}
	}
	v.own = s.o.file == "" && (len(s.o.params) == 0 || s.rec.doc != nil) || len(spec.Space.Dims()) == 0
	if replay && !v.own {
		return nil, usagef("recorded takes the rows as they are; want a sweep file without parameters, or none")
	}
	if !v.own {
		if err := s.rec.table.Match(spec.Space); err != nil {
			return nil, usagef("%s", err)
		}
	} else {
		if spec.Space, err = s.rec.table.Space(); err != nil {
			return nil, err
		}
		spec.Points = nil
	}
	return v, s.runs(v)
}

// runs sees to it that the table has the runs that the repeats need.
func (s *simulation) runs(v *variant) error {
	n := v.spec.Repeats.N()
	least := len(s.rec.table.Rows[0].Runs)
	for _, r := range s.rec.table.Rows {
		least = min(least, len(r.Runs))
	}
	switch {
	case n <= least:
	case s.o.from == "":
		return usagef("repeats: %d, but %s has configurations with %d runs; want at most that many", n, s.rec.table.Name, least)
	default: // a point that did not finish with all its seeds
		v.spec.Repeats = sweep.Repeats{}
		s.rec.note = fmt.Sprintf("not every point has its %d repeats: each is taken once", n)
	}
	return nil
}

// measure makes the objective of the table that of the sweep.
func (s *simulation) measure() error {
	v := s.variants[0]
	o := v.spec.Objectives[0]
	names := s.rec.table.Metrics()
	if s.rec.objective != "" && s.rec.objective != o.Name && !slices.Contains(names, o.Name) {
		s.rec.table.Rename(s.rec.objective, o.Name)
		names = s.rec.table.Metrics()
	}
	for _, v := range s.variants {
		want := []string{v.spec.Objectives[0].Name}
		if e := v.spec.EarlyTerminate; e != nil {
			m, err := pruner.Metric(e, v.spec.Objectives)
			if err != nil {
				return usagef("%s", err)
			}
			want = append(want, m.Name)
		}
		for _, name := range want {
			if !slices.Contains(names, name) {
				return usagef("%s has no metric %s; want one of %s", s.rec.table.Name, name, strings.Join(names, ", "))
			}
		}
	}
	if err := s.rec.table.Measure(o); err != nil {
		return usagef("%s", err)
	}
	return nil
}

// run simulates all variants with all seeds, on the cores that there are. What
// comes out does not depend on which is first.
func (s *simulation) run(ctx context.Context) error {
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	errs := make([][]error, len(s.variants))
	for i, v := range s.variants {
		v.runs, errs[i] = make([]*sim.Result, s.o.seeds), make([]error, s.o.seeds)
		for seed := range v.runs {
			free <- struct{}{}
			wg.Go(func() {
				defer func() { <-free }()
				if errs[i][seed] = ctx.Err(); errs[i][seed] == nil {
					v.runs[seed], errs[i][seed] = s.one(v, int64(seed))
				}
			})
		}
	}
	wg.Wait()
	for _, of := range errs {
		for _, err := range of {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *simulation) one(v *variant, seed int64) (*sim.Result, error) {
	spec := *v.spec
	spec.Seed += seed
	var smp sweep.Sampler
	var err error
	if v.method == "recorded" {
		smp = sim.NewRecorded(s.rec.table, spec.Space, seed)
	} else if smp, err = sampler.New(spec.Sampler, plan(&spec)); err != nil {
		return nil, usagef("%s", err)
	}
	j, err := judge(&spec)
	if err != nil {
		return nil, err
	}
	r, err := sim.Run(sim.Config{Spec: &spec, Sampler: smp, Judge: j, Table: s.rec.table, Seed: seed,
		Slots: cmp.Or(s.o.jobs, spec.Parallel, 1)})
	if err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", v.method, seed, err)
	}
	return r, nil
}

// errNoTrials says that a sweep holds nothing to simulate against.
var errNoTrials = errors.New("it has no ended trial with a metric; want a sweep that ran")
