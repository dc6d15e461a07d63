// Command regret measures samplers on the problems of package benchfn.
//
// It prints CSV without a header, `sampler,problem,seed,trials,regret`, with a
// line for each budget: the regret of the best of so many trials.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler"
	"github.com/trawl-sweep/trawl/sweep/sampler/benchfn"
)

type options struct {
	samplers, only  []string
	tables          string
	seeds, parallel int
	budgets         []int
	workers         int
}

func main() {
	if err := run(os.Stdout, os.Stderr, os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "regret:", err)
		}
		os.Exit(2)
	}
}

func run(stdout, stderr io.Writer, args []string) error {
	o, err := parse(stderr, args)
	if err != nil {
		return err
	}
	problems, err := o.problems()
	if err != nil {
		return err
	}
	var jobs []*job
	for _, name := range o.samplers {
		if !sampler.Built(name) {
			return fmt.Errorf("-sampler %s: want some of %s", name, strings.Join(sampler.Known(), ","))
		}
		for _, f := range problems {
			for seed := range o.seeds {
				jobs = append(jobs, &job{sampler: name, f: f, seed: int64(seed), done: make(chan struct{})})
			}
		}
	}
	return o.work(stdout, jobs)
}

func parse(stderr io.Writer, args []string) (o options, err error) {
	flags := flag.NewFlagSet("regret", flag.ContinueOnError)
	flags.SetOutput(stderr)
	samplers := flags.String("sampler", "tpe", "`names` of samplers, with commas")
	only := flags.String("only", "", "`names` of problems, with commas; default: all")
	budgets := flags.String("budgets", "50,100,200", "`numbers` of trials to report, with commas")
	flags.StringVar(&o.tables, "tables", "", "`directory` of recorded tables, *.csv.gz; default: functions only")
	flags.IntVar(&o.seeds, "seeds", 20, "runs per problem, with seeds 0, 1 …")
	flags.IntVar(&o.parallel, "parallel", 1, "trials at a time")
	flags.IntVar(&o.workers, "workers", 2, "runs at a time")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%s: want no arguments", flags.Arg(0))
	}
	o.samplers = strings.Split(*samplers, ",")
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, s := range strings.Split(*budgets, ",") {
		b, err := strconv.Atoi(s)
		if err != nil || b < 1 {
			return o, fmt.Errorf("-budgets %s: want numbers of at least 1", *budgets)
		}
		o.budgets = append(o.budgets, b)
	}
	slices.Sort(o.budgets)
	if o.seeds < 1 || o.parallel < 1 || o.workers < 1 {
		return o, errors.New("-seeds, -parallel and -workers: want at least 1")
	}
	return o, nil
}

// problems returns the functions and tables asked for.
func (o options) problems() ([]*benchfn.Function, error) {
	all := benchfn.All()
	if o.tables != "" {
		tables, err := benchfn.Tables(o.tables)
		if err != nil {
			return nil, err
		}
		all = append(all, tables...)
	}
	if o.only == nil {
		return all, nil
	}
	var out []*benchfn.Function
	for _, name := range o.only {
		i := slices.IndexFunc(all, func(f *benchfn.Function) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only %s: no such problem", name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// A job is one run of a sampler on a problem.
type job struct {
	sampler string
	f       *benchfn.Function
	seed    int64
	trace   []float64
	err     error
	done    chan struct{}
}

// work runs the jobs, several at a time, and prints them in order.
func (o options) work(stdout io.Writer, jobs []*job) error {
	next := make(chan *job, len(jobs))
	for _, j := range jobs {
		next <- j
	}
	close(next)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range o.workers {
		wg.Go(func() {
			for j := range next {
				build := func(p sweep.Plan) (sweep.Sampler, error) { return sampler.New(j.sampler, p) }
				j.trace, j.err = benchfn.Run(build, j.f, o.budgets[len(o.budgets)-1], j.seed, o.parallel)
				close(j.done)
			}
		})
	}
	w := bufio.NewWriter(stdout)
	for _, j := range jobs {
		<-j.done
		if j.err != nil {
			return j.err
		}
		for _, b := range o.budgets {
			if n := min(b, len(j.trace)); n > 0 {
				fmt.Fprintf(w, "%s,%s,%d,%d,%v\n", j.sampler, j.f.Name, j.seed, b, j.trace[n-1])
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}
