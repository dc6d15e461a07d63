package sim

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/loop"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner"
	"github.com/trawl-sweep/trawl/sweep/sampler"
)

// newTable makes a grid of d columns a, b … with n values each, where the
// objective of a row falls over the steps to the squared distance from the
// middle, with noise that differs between runs. Every 17th run diverges.
func newTable(t *testing.T, d, n, runs, steps int) *Table {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var columns []string
	total := 1
	for i := range d {
		columns = append(columns, string(rune('a'+i)))
		total *= n
	}
	var rows []Row
	for i := range total {
		r := Row{}
		far, k := 0.0, i
		for range d {
			x := k % n
			k /= n
			r.Values = append(r.Values, sweep.IntValue(int64(x)))
			far += float64((x - n/2) * (x - n/2))
		}
		for j := range runs {
			run := Record{State: sweep.Finished}
			for s := range steps {
				v := far*(1+3/float64(s+1)) + rng.Float64()
				if (i*runs+j)%17 == 16 && s == steps-1 {
					v = math.NaN()
				}
				run.Reports = append(run.Reports, sweep.Report{Name: "loss", Step: int64(s), Value: v, At: int64(s+1) * second})
			}
			run.End = int64(steps) * second
			r.Runs = append(r.Runs, run)
		}
		rows = append(rows, r)
	}
	tab, err := New("table", columns, rows)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func newSpec(t *testing.T, tab *Table, method string, runCap int) *sweep.Spec {
	t.Helper()
	space, err := tab.Space()
	if err != nil {
		t.Fatal(err)
	}
	return &sweep.Spec{Name: "s", Method: method, Sampler: method, Space: space, RunCap: runCap, Duplicates: "skip",
		Objectives: []sweep.Objective{{Name: "loss"}}}
}

func newSampler(t *testing.T, spec *sweep.Spec) sweep.Sampler {
	t.Helper()
	s, err := sampler.New(spec.Sampler, sweep.Plan{Space: spec.Space, Objectives: spec.Objectives, Seed: spec.Seed, RunCap: spec.RunCap})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newJudge(t *testing.T, spec *sweep.Spec, kind string) *loop.Judge {
	t.Helper()
	if kind == "" {
		return nil
	}
	e := &sweep.EarlyTerminate{Type: kind}
	switch kind {
	case "patience":
		e.Options = map[string]sweep.Value{"patience": sweep.IntValue(3)}
	case "hyperband":
		e.Options = map[string]sweep.Value{"min_iter": sweep.IntValue(2)}
	}
	p, err := pruner.New(e, spec.Objectives)
	if err != nil {
		t.Fatal(err)
	}
	return loop.NewJudge(p, nil)
}

// looking is a sampler that looks: it goes one step from the best point told,
// in a direction that depends on all that was told and on what is pending. It
// stands for any that a wrong order of Tell would lead astray.
type looking struct {
	space *sweep.Space
	told  uint64
	best  sweep.Point
	value float64
}

func (l *looking) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	var out []sweep.Proposal
	for k := range q.N {
		i := q.First + int64(k)
		rng := sweep.Query{Seed: q.Seed ^ int64(l.told) ^ int64(len(q.Pending))<<8}.Rand(i)
		u := make([]float64, len(l.space.Dims()))
		if l.best != nil {
			u = l.space.Encode(l.best)
		}
		for d := range u {
			if l.best == nil || rng.IntN(2) == 0 {
				u[d] = rng.Float64()
			}
		}
		p, _, err := l.space.Decode(u)
		if err != nil {
			return nil, err
		}
		out = append(out, sweep.Proposal{Index: i, Point: p, Note: fmt.Sprint(l.told % 97)})
	}
	return out, nil
}

func (l *looking) Tell(o sweep.Outcome) {
	l.told = l.told*31 + uint64(o.Index+1)*7 + uint64(len(o.State))
	if len(o.Values) > 0 && !math.IsNaN(o.Values[0]) {
		l.told += math.Float64bits(o.Values[0])
		if l.best == nil || o.Values[0] < l.value {
			l.best, l.value = o.Point, o.Values[0]
		}
	}
}

func (l *looking) Looks() bool { return true }

// With one trial at a time a simulation is the sweep: loop.Run, over a backend
// that plays the records back, journals the same trials with the same ends.
func TestRunIsTheLoop(t *testing.T) {
	tab := newTable(t, 2, 7, 5, 20)
	for _, kind := range []string{"", "asha", "median", "hyperband", "patience"} {
		for _, method := range []string{"random", "grid", "looking"} {
			for _, repeats := range []int{1, 3, 5} {
				t.Run(fmt.Sprintf("%s/%s/%d", method, kind, repeats), func(t *testing.T) {
					spec := newSpec(t, tab, method, 30)
					for i := range repeats {
						spec.Repeats.Seeds = append(spec.Repeats.Seeds, int64(i+1))
					}
					if repeats == 1 {
						spec.Repeats.Seeds = nil
					}
					spec.Repeats.Race = repeats == 5
					smp := func() sweep.Sampler {
						if method == "looking" {
							return &looking{space: spec.Space}
						}
						return newSampler(t, spec)
					}
					c := Config{Spec: spec, Sampler: smp(), Judge: newJudge(t, spec, kind), Table: tab, Slots: 1, Seed: 5}
					if err := tab.Measure(spec.Objectives[0]); err != nil {
						t.Fatal(err)
					}
					got, err := Run(c)
					if err != nil {
						t.Fatal(err)
					}
					want := runLoop(t, c, smp(), newJudge(t, spec, kind))
					lines := describe(got)
					if lines != want {
						t.Errorf("got\n%s\nwant\n%s", lines, want)
					}
					if kind == "asha" && got.Count(sweep.Pruned) == 0 {
						t.Error("got nothing pruned: the test shows nothing")
					}
				})
			}
		}
	}
}

func describe(r *Result) string {
	var b strings.Builder
	for _, x := range r.Trials {
		fmt.Fprintf(&b, "%d point %d repeat %d %s %v %v %s\n", x.ID, x.Point, x.Repeat, x.State, x.HasValue, x.Value, x.Reason)
	}
	return b.String()
}

// runLoop runs the real loop over the table and describes its journal.
func runLoop(t *testing.T, c Config, smp sweep.Sampler, j *loop.Judge) string {
	t.Helper()
	m := &machine{c: &c, updates: make(chan runner.Update, 1000), left: map[string][]runner.Update{}, acks: make(chan sweep.Ack, 10_000)}
	s := &sim{Config: c}
	var b strings.Builder
	trials := map[sweep.TrialID]sweep.Trial{}
	_, err := loop.Run(t.Context(), loop.Config{Spec: c.Spec, Revision: 1, Planner: loop.NewPlanner(c.Spec, smp, 1), Backend: m,
		Journal: &memory{acks: m.acks}, Clock: still{}, Slots: 1, Judge: j,
		Entries: func(func(sweep.Entry, error) bool) {}, Ticked: noReports,
		Job: func(tr sweep.Trial, _ string) (runner.Job, error) {
			trials[tr.ID] = tr
			row, err := c.Table.Find(c.Spec.Space, tr.Point)
			if err != nil {
				return runner.Job{}, err
			}
			rec, err := s.record(row, tr.Repeat)
			m.next = rec
			return runner.Job{}, err
		},
		Token: func() string { return "x" },
		Watch: func(n loop.News) {
			if e, ok := n.Event.(*sweep.Ended); ok {
				tr := trials[e.Trial]
				reason := ""
				if e.State == sweep.Pruned {
					reason = e.Reason
				}
				fmt.Fprintf(&b, "%d point %d repeat %d %s %v %v %s\n", e.Trial, tr.PointID, tr.Repeat, e.State, e.HasObjective, e.Objective, reason)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func noReports(func(sweep.Ticked, error) bool) {}

// machine is a backend that plays records back, an update at a time.
type machine struct {
	c       *Config
	next    *Record
	updates chan runner.Update
	name    string
	acks    chan sweep.Ack
	left    map[string][]runner.Update
}

func (m *machine) Start(_ context.Context, job runner.Job) error {
	m.name = job.Name
	rec := m.next
	var us []runner.Update
	for i := 0; i < len(rec.Reports); {
		j := rec.until(i)
		us = append(us, runner.Update{Name: job.Name, Reports: slices.Clone(rec.Reports[i:j])})
		i = j
	}
	us[len(us)-1].Exit = &sweep.Exit{}
	m.left[job.Name] = us
	m.pump()
	return nil
}

// pump lets the running job say its next word.
func (m *machine) pump() {
	if us := m.left[m.name]; len(us) > 0 {
		m.left[m.name] = us[1:]
		m.updates <- us[0]
	}
}

func (m *machine) Stop(name string, why sweep.Stop, _ bool) {
	for len(m.updates) > 0 { // said before it heard of the stop
		<-m.updates
	}
	m.left[name] = nil
	m.updates <- runner.Update{Name: name, Exit: &sweep.Exit{Cause: why}}
}

func (m *machine) Recover(context.Context, runner.Job) error { return runner.ErrGone }
func (m *machine) Settled(string)                            {}
func (m *machine) Close() error                              { return nil }

// Updates is asked before each word: the job says it then.
func (m *machine) Updates() <-chan runner.Update {
	if len(m.acks) > 0 {
		return nil // what is synced is told first: a simulation has no delay there
	}
	if len(m.updates) == 0 {
		m.pump()
	}
	return m.updates
}

// memory is a journal that syncs at once.
type memory struct {
	acks chan sweep.Ack
}

func (j *memory) Record(context.Context, ...sweep.Event) error { return nil }
func (j *memory) Post(p sweep.Post)                            { j.acks <- sweep.Ack{Post: p} }
func (j *memory) Acks() <-chan sweep.Ack                       { return j.acks }
func (j *memory) Flush(context.Context) error                  { return nil }

type still struct{}

func (still) Now() time.Time                                 { return time.Unix(0, 0) }
func (still) After(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

var _ iter.Seq2[sweep.Ticked, error] = noReports

// Random search is drawing rows without replacement: the best of a simulation
// is that of the rows that the sampler names, computed without a simulation.
func TestRunRandomOracle(t *testing.T) {
	tab := newTable(t, 2, 9, 4, 3)
	o := sweep.Objective{Name: "loss"}
	if err := tab.Measure(o); err != nil {
		t.Fatal(err)
	}
	for seed := range int64(20) {
		spec := newSpec(t, tab, "random", 25)
		spec.Seed = seed
		for _, slots := range []int{1, 4, 100} {
			got, err := Run(Config{Spec: spec, Sampler: newSampler(t, spec), Table: tab, Slots: slots, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			best, regret := math.Inf(1), math.Inf(1)
			seen := map[string]bool{}
			for i := int64(0); len(seen) < 25; i++ {
				p, err := newSampler(t, spec).Ask(sweep.Query{First: i, N: 1, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				key := spec.Space.Key(p[0].Point)
				if seen[key] {
					continue
				}
				seen[key] = true
				a, _ := p[0].Point[0].Int64()
				b, _ := p[0].Point[1].Int64()
				row := int(a + 9*b)
				rec, err := (&sim{Config: Config{Spec: spec, Table: tab, Seed: seed}}).record(row, 1)
				if err != nil {
					t.Fatal(err)
				}
				if v := rec.Reports[2].Value; !math.IsNaN(v) {
					best, regret = min(best, v), minRegret(regret, tab.Regret(row))
				}
			}
			if last := got.Last(); last.Best != best || last.Regret != regret || last.Trials != 25 || last.Steps != 75 {
				t.Errorf("seed %d, %d at a time: got %+v, want best %v, regret %v, 25 trials, 75 steps", seed, slots, last, best, regret)
			}
			if want := float64((25 + slots - 1) / slots * 3); got.Last().Seconds != want {
				t.Errorf("seed %d, %d at a time: got %v s, want %v", seed, slots, got.Last().Seconds, want)
			}
		}
	}
}

func minRegret(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

// The same arguments give the same result, to the last trial.
func TestRunAgain(t *testing.T) {
	tab := newTable(t, 3, 4, 2, 12)
	spec := newSpec(t, tab, "looking", 40)
	if err := tab.Measure(spec.Objectives[0]); err != nil {
		t.Fatal(err)
	}
	for _, slots := range []int{1, 3, 8} {
		var first string
		for range 2 {
			r, err := Run(Config{Spec: spec, Sampler: &looking{space: spec.Space}, Judge: newJudge(t, spec, "asha"), Table: tab, Slots: slots, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			text := describe(r) + fmt.Sprint(r.Path)
			if first == "" {
				first = text
			} else if text != first {
				t.Errorf("%d at a time: got\n%s\nwant\n%s", slots, text, first)
			}
			at := map[int64]int{}
			for _, x := range r.Trials {
				at[x.Start]++
				at[x.End]--
			}
			n := 0
			for _, when := range slices.Sorted(mapKeys(at)) {
				if n += at[when]; n > slots {
					t.Errorf("got %d trials at %d µs, want at most %d", n, when, slots)
				}
			}
		}
	}
}

func mapKeys(m map[int64]int) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// What was recorded runs again in its order with seed 0, each row once.
func TestRecorded(t *testing.T) {
	tab := newTable(t, 2, 5, 1, 1)
	for _, seed := range []int64{0, 1, 2} {
		spec := newSpec(t, tab, "recorded", 0)
		r, err := Run(Config{Spec: spec, Sampler: NewRecorded(tab, spec.Space, seed), Table: measured(t, tab), Slots: 1})
		if err != nil {
			t.Fatal(err)
		}
		var rows []int
		for _, x := range r.Trials {
			rows = append(rows, x.Row)
		}
		if inOrder := slices.IsSorted(rows); inOrder != (seed == 0) {
			t.Errorf("seed %d: got rows %v", seed, rows)
		}
		slices.Sort(rows)
		if len(slices.Compact(rows)) != 25 {
			t.Errorf("seed %d: got rows %v, want each of 25 once", seed, rows)
		}
	}
}

func measured(t *testing.T, tab *Table) *Table {
	t.Helper()
	if err := tab.Measure(sweep.Objective{Name: "loss"}); err != nil {
		t.Fatal(err)
	}
	return tab
}

// Quartiles of known samples, and NaN on the worse side.
func TestQuartiles(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		name string
		xs   []float64
		less bool
		want Quartiles
	}{
		{"odd", []float64{3, 1, 2}, true, Quartiles{2, 1.5, 2.5}},
		{"even", []float64{4, 1, 3, 2}, true, Quartiles{2.5, 1.75, 3.25}},
		{"one", []float64{7}, false, Quartiles{7, 7, 7}},
		{"NaN is large", []float64{nan, 1, 2}, true, Quartiles{2, 1.5, math.Inf(1)}},
		{"NaN is small", []float64{nan, 1, 2}, false, Quartiles{1, math.Inf(-1), 1.5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := QuartilesOf(tt.xs, tt.less); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
