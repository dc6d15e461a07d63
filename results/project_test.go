package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/results/rank"
	"github.com/trawl-sweep/trawl/sweep"
)

// The views that are public, with their columns: a golden test, for a column
// once there stays.
func TestViewColumns(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	want := map[string]string{
		"sweeps":      "id name description method metric goal state trials running queued finished failed pruned diverged killed best best_trial seconds trial_seconds created_at changed_at revision directory spec",
		"trials":      "sweep id state class objective kind step params attempts seconds cpu_seconds max_rss_mb gpu_seconds gpu_mem_mb started_at ended_at reason point repeat seed revision code exit_code signal directory",
		"params":      "sweep trial name value number",
		"metrics":     "sweep trial attempt name step value kind seconds",
		"leaderboard": "sweep rank point trial objective n planned mean std low high tie front params",
		"attempts":    "sweep trial attempt state class requeue reason host slot code signal cause message seconds cpu_seconds max_rss_mb gpu_seconds gpu_mem_mb gpus gpu_share started_at ended_at argv directory token boot",
		"decisions":   "seq sweep at decision trial attempt reason inputs",
		"events":      "seq sweep at kind trial attempt data",
		"one":         "trial state rank objective lr opt units loss",
		"one/all":     "trial state rank objective class reason lr opt units loss",
		"one/points":  "rank n planned mean std low high tie lr opt units",
	}
	for view, cols := range want {
		rows, err := db.Reader().Query(t.Context(), "select * from "+quote(view))
		must(t, err)
		if got := strings.Join(rows.Columns, " "); got != cols {
			t.Errorf("%s:\n got %s\nwant %s", view, got, cols)
		}
		if !rows.Next() || rows.Err() != nil {
			t.Errorf("%s: no row, %v", view, rows.Err())
		}
		must(t, rows.Close())
	}
}

// What attempts had of GPUs is summed over them, and survives a rebuild.
func TestGPUsOfTrials(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	with := func(attempt int, share, seconds, mb float64, state sweep.State) (*sweep.Started, *sweep.Ended) {
		b := started(1, attempt)
		b.GPUs, b.Share = []string{"GPU-a", "GPU-b"}, share
		e := finished(1, 0.5)
		e.Attempt, e.State, e.Exit.GPUSeconds, e.Exit.GPUMemMB = attempt, state, seconds, mb
		if state == sweep.Queued {
			e.Requeue = sweep.RequeueRetry
		}
		return b, e
	}
	b1, e1 := with(1, 2, 6, 900, sweep.Queued)
	b2, e2 := with(2, 2, 8, 700, sweep.Finished)
	must(t, s.Record(t.Context(), proposed(1), b1, e1, b2, e2, proposed(2), started(2, 1), finished(2, 1)))
	check := func() {
		t.Helper()
		for q, want := range map[string]string{
			"select id, gpu_seconds, gpu_mem_mb from trials order by id":                                        "1|14|900\n2|NULL|NULL",
			"select attempt, gpus, gpu_share, gpu_seconds, gpu_mem_mb from attempts where trial = 1 order by 1": `1|["GPU-a","GPU-b"]|2|6|900` + "\n" + `2|["GPU-a","GPU-b"]|2|8|700`,
		} {
			if got := table(t, db.Reader(), q); got != want {
				t.Errorf("%s:\n got %s\nwant %s", q, got, want)
			}
		}
	}
	check()
	rows, err := db.Reader().Attempts(t.Context(), "one", 1)
	if err != nil || len(rows) != 2 || len(rows[1].GPUs) != 2 || rows[1].GPUs[1] != "GPU-b" || rows[1].GPUShare != 2 || rows[1].GPUMemMB != 700 {
		t.Errorf("attempts: %+v, %v", rows, err)
	}
	must(t, db.Rebuild(t.Context(), "one"))
	check()
}

func TestViewsOfOneTrial(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: []sweep.Report{loss(1, 9), loss(2, nan), loss(3, 0.25), {Name: "acc", Step: 2, Value: math.Inf(-1), At: 1_500_000}}})
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Events: []sweep.Event{finished(1, 0.25)}, Mark: "42"})
	must(t, s.Flush(t.Context()))
	for q, want := range map[string]string{
		"select sweep, id, state, objective, kind, step, attempts, seconds, cpu_seconds, max_rss_mb, ended_at, exit_code, directory from trials": "one|1|finished|0.25|finite|3|1|2|1.5|20|1970-01-01T00:00:03.000Z|0|/runs/1",
		"select trial, name, value, number from params order by name":                                                                            "1|lr|0.001|0.001\n1|opt|sgd|NULL\n1|units|1|1",
		"select attempt, name, step, value, kind, seconds from metrics order by name desc, step":                                                 "1|loss|1|9|finite|1.000001\n1|loss|2|NULL|nan|1.000002\n1|loss|3|0.25|finite|1.000003\n1|acc|2|NULL|-inf|0.5",
		"select n, min, min_step, max, max_step, last, last_step from t_series order by name":                                                    "3|0.25|3|9|1|0.25|3\n1|NULL|NULL|NULL|NULL|NULL|2",
		"select rank, point, trial, objective, n, planned, std, low, tie, params from leaderboard":                                               `1|1|1|0.25|1|1|NULL|NULL|1|{"lr":0.001,"opt":"sgd","units":1}`,
		"select trials, finished, best, best_trial, trial_seconds from sweeps":                                                                   "1|1|0.25|1|2",
		`select loss, acc, typeof(lr), typeof(opt), typeof(units) from "one"`:                                                                    "0.25|NULL|real|text|integer",
		"select decision, trial, reason from decisions":                                                                                          "suggest|1|proposal 0",
		"select kind, trial from events order by seq":                                                                                            "spec|NULL\nproposed|1\nstarted|1\nended|1",
		"select state, host, code, seconds, argv from attempts":                                                                                  `finished|here|0|2|["train"]`,
	} {
		if got := table(t, db.Reader(), q); got != want {
			t.Errorf("%s\n got %s\nwant %s", q, got, want)
		}
	}
	if m, err := s.Mark(t.Context(), 1); m != "42" || err != nil {
		t.Errorf("mark %q, %v", m, err)
	}
	wantVerified(t, db, "one")
}

func TestNaNNeverComesFirst(t *testing.T) {
	for _, goal := range []sweep.Goal{sweep.Minimize, sweep.Maximize} {
		db, s := newStore(t, testSpec("one", goal))
		for i, v := range []float64{nan, 3, math.Inf(-1), 1, math.Inf(1)} {
			end(t, s, proposed(sweep.TrialID(i+1)), finished(sweep.TrialID(i+1), v), loss(3, v))
		}
		want := "4|1\n2|2\n1|3\n3|4\n5|5"
		best := "1"
		if goal == sweep.Maximize {
			want, best = "2|1\n4|2\n1|3\n3|4\n5|5", "3"
		}
		if got := table(t, db.Reader(), `select trial, rank from "one/all" order by rank`); got != want {
			t.Errorf("%s: got %s\nwant %s", goal, got, want)
		}
		if got := table(t, db.Reader(), `select best from sweeps`); got != best {
			t.Errorf("%s: best %s, want %s", goal, got, best)
		}
		rows, err := db.Reader().Leaderboard(t.Context(), "", 4, "")
		must(t, err)
		if len(rows) != 4 || rows[1].Rank != 2 || rows[2].Rank != 0 || rows[2].Note != "0/1, 1 without a finite objective" {
			t.Errorf("%s: %+v", goal, rows)
		}
		wantVerified(t, db, "one")
	}
}

func TestRepeats(t *testing.T) {
	spec := testSpec("one")
	spec.Repeats = sweep.Repeats{Parameter: "seed", Seeds: []int64{1, 2, 3}}
	db, s := newStore(t, spec)
	values := [][]float64{{1, 1.2, 1.1}, {1.15, 1.3, 1.05}, {9, 8, 8.5}, {0.1, 0.2}}
	id := sweep.TrialID(0)
	for p, vs := range values {
		for _, v := range vs {
			id++
			end(t, s, repeat(id, sweep.PointID(p+1), 3), finished(id, v), loss(3, v))
		}
	}
	id++
	end(t, s, repeat(id, 4, 3), &sweep.Ended{Trial: id, Attempt: 1, State: sweep.Diverged})
	got := table(t, db.Reader(), `select rank, n, planned, round(mean, 6), tie, lr from "one/points" order by rank is null, rank`)
	if want := "1|3|3|1.1|1|0.001\n2|3|3|1.166667|1|0.004\n3|3|3|8.5|0|0.007\nNULL|2|3|0.15|NULL|0.01"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	rows, err := db.Reader().Leaderboard(t.Context(), "one", 10, "")
	must(t, err)
	if len(rows) != 4 || rows[3].Note != "2/3, 1 diverged" || string(rows[1].Params) != `{"lr":0.004,"opt":"sgd","units":4}` {
		t.Fatalf("got %+v", rows)
	}
	sample := rank.Of(values[1]...)
	low, high, _ := sample.Interval()
	if math.Abs(rows[1].Low.V-low) > 1e-12 || math.Abs(rows[1].High.V-high) > 1e-12 || !*rows[1].Tie || *rows[2].Tie {
		t.Errorf("got %+v, want [%g, %g]", rows[1], low, high)
	}
	byMetric, err := db.Reader().Leaderboard(t.Context(), "one", 2, "loss", RankedOnly())
	must(t, err)
	if len(byMetric) != 2 || byMetric[0].Point != 1 {
		t.Errorf("by loss: %+v", byMetric)
	}
	// The same trial run again leaves its point and comes back.
	must(t, s.Record(t.Context(), &sweep.Requeued{Trial: 1, Reason: "rerun"}))
	if got := table(t, db.Reader(), `select n, round(mean, 6), score from t_points where id = 1 union all select finished, diverged, null from sweeps`); got != "2|1.15|NULL\n10|1|NULL" {
		t.Errorf("after requeue: %s", got)
	}
	if got := table(t, db.Reader(), `select state, loss from "one/all" where trial = 1`); got != "queued|NULL" {
		t.Errorf("after requeue: %s", got)
	}
	wantVerified(t, db, "one")
	must(t, s.Record(t.Context(), started(1, 2)))
	e := finished(1, 0.4)
	e.Attempt = 2
	s.Post(sweep.Post{Trial: 1, Attempt: 2, Events: []sweep.Event{e}, Reports: []sweep.Report{loss(3, 0.4)}})
	must(t, s.Flush(t.Context()))
	if got := table(t, db.Reader(), `select p.n, round(p.mean, 6), o.loss from t_points p, "one" o where p.id = 1 and o.trial = 1`); got != "3|0.9|0.4" {
		t.Errorf("after the rerun: %s", got)
	}
	wantVerified(t, db, "one")
}

// Welch's test in the views agrees with that of the rank package.
func TestTiesInViews(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	db, s := newStore(t, testSpec("one"))
	id := sweep.TrialID(0)
	var batch []sweep.Event
	for p := sweep.PointID(1); p <= 60; p++ {
		n := 2 + rng.IntN(6)
		mean, spread := rng.Float64()*2, math.Exp(rng.NormFloat64())
		for range n {
			id++
			batch = append(batch, repeat(id, p, n), started(id, 1), finished(id, mean+spread*rng.NormFloat64()))
		}
	}
	must(t, s.Record(t.Context(), batch...))
	rows, err := db.Reader().Leaderboard(t.Context(), "one", 0, "")
	must(t, err)
	got := table(t, db.Reader(), "select group_concat(tie, '') from (select tie from leaderboard order by rank)")
	want := ""
	for _, r := range rows {
		want += map[bool]string{true: "1", false: "0"}[*r.Tie]
	}
	if got != want || !strings.Contains(want, "01") {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestColumnNamesThatClash(t *testing.T) {
	spec := testSpec("one")
	spec.Space.Params = []sweep.Param{{Name: "Loss"}, {Name: "LR"}, {Name: "lr"}, {Name: "rank"}, {Name: `a"b`}, {Name: "opt.lr"}}
	db, s := newStore(t, spec)
	p := proposed(1)
	p.Params = `{"Loss":1,"LR":2,"lr":3,"rank":4,"a\"b":5,"opt.lr":6}`
	end(t, s, p, finished(1, 10), loss(3, 10), sweep.Report{Name: "state", Step: 3, Value: 11}, sweep.Report{Name: "param.LR", Step: 3, Value: 12},
		sweep.Report{Name: "loss/x y", Step: 3, Value: 13}, sweep.Report{Name: "", Step: 3, Value: 14})
	rows, err := db.Reader().Query(t.Context(), `select * from "one"`)
	must(t, err)
	defer rows.Close()
	if got, want := strings.Join(rows.Columns, ","), `trial,state,rank,objective,Loss,LR,param.lr,param.rank,a"b,opt.lr,metric.loss,metric.state,metric.param.LR,loss/x y`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	rows.Next()
	if got := fmt.Sprint(rows.Row()); got != "[1 finished 1 10 1 2 3 4 5 6 10 11 12 13]" {
		t.Errorf("got %s", got)
	}
	if got := table(t, db.Reader(), `select count(*) from params union all select count(*) from metrics`); got != "5\n5" {
		t.Errorf("got %s", got)
	}
}

func TestManyMetrics(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(2), finished(2, 4), loss(3, 4), sweep.Report{Name: "first", Step: 3, Value: 5})
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	var reports []sweep.Report
	for i := range maxMetricColumns + 7 {
		reports = append(reports, sweep.Report{Name: fmt.Sprintf("m%04d", i), Step: 3, Value: float64(i)})
	}
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: reports, Events: []sweep.Event{finished(1, 1)}})
	must(t, s.Flush(t.Context()))
	if got := table(t, db.Reader(), `select m0000, m0997, loss, first, lr, (select count(*) from metrics) from "one/all"`); got != "0|997|NULL|NULL|0.001|1009\nNULL|NULL|4|5|0.002|1009" {
		t.Errorf("got %s", got)
	}
	must(t, s.Record(t.Context(), &sweep.Requeued{Trial: 1}))
	if got := table(t, db.Reader(), `select m0000, first from "one/all" order by trial`); got != "NULL|NULL\nNULL|5" {
		t.Errorf("got %s", got)
	}
}

// Whatever order reports come in, over attempts and restarts of the process,
// the series is that of sweep.Series, and the wide row its value at the
// objective's step.
func TestSeriesAreThoseOfSweep(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	db, s := newStore(t, testSpec("one"))
	for id := sweep.TrialID(1); id <= 15; id++ {
		var want sweep.Series
		must(t, s.Record(t.Context(), proposed(id)))
		for attempt := 1; attempt <= 3; attempt++ {
			must(t, s.Record(t.Context(), started(id, attempt)))
			first := int64(rng.IntN(10)) // the least step of the attempt comes first
			for range 1 + rng.IntN(4) {
				var batch []sweep.Report
				for range 1 + rng.IntN(4) {
					step, v := first+int64(rng.IntN(10)), float64(rng.IntN(40)-20)
					if len(batch) == 0 {
						step = first
					}
					if rng.IntN(10) == 0 {
						v = nan
					}
					batch = append(batch, loss(step, v))
					want.Add(attempt, step, v)
				}
				s.Post(sweep.Post{Trial: id, Attempt: attempt, Reports: batch})
				must(t, s.Flush(t.Context()))
				if rng.IntN(3) == 0 {
					must(t, db.do(t.Context(), func(*conn) error { return s.p.reset() })) // as a new process
				}
			}
			e := finished(id, 1)
			e.Attempt, e.ObjectiveStep = attempt, int64(rng.IntN(20))
			if attempt < 3 {
				e.State, e.Requeue = sweep.Queued, sweep.RequeueRetry
			}
			s.Post(sweep.Post{Trial: id, Attempt: attempt, Events: []sweep.Event{e}})
			must(t, s.Flush(t.Context()))
			if attempt == 3 {
				checkWide(t, db, id, &want, e.ObjectiveStep)
			}
		}
		checkSeries(t, db, id, &want)
	}
	wantVerified(t, db, "one")
}

func checkWide(t *testing.T, db *DB, id sweep.TrialID, s *sweep.Series, step int64) {
	t.Helper()
	want := "NULL"
	for i := range s.Len() {
		if at, v := s.At(i); at <= step {
			want = fmt.Sprint(v)
		}
	}
	if want == "NaN" {
		want = "NULL"
	}
	if got := table(t, db.Reader(), `select loss from "one" where trial = ?`, int64(id)); got != want {
		t.Errorf("trial %d: wide value at step %d: got %s, want %s", id, step, got, want)
	}
}

func checkSeries(t *testing.T, db *DB, id sweep.TrialID, s *sweep.Series) {
	t.Helper()
	got, err := db.Reader().MetricSeries(t.Context(), "one", id, "loss")
	must(t, err)
	sums, err := db.Reader().Metrics(t.Context(), "one", id)
	must(t, err)
	if len(got) != s.Len() || sums[0].N != int64(s.Len()) {
		t.Fatalf("trial %d: got %d points and n = %d, want %d", id, len(got), sums[0].N, s.Len())
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, r := range got {
		step, v := s.At(i)
		if r.Step != step || r.Value != v && !(math.IsNaN(v) && math.IsNaN(r.Value)) {
			t.Errorf("trial %d: point %d: got (%d, %g), want (%d, %g)", id, i, r.Step, r.Value, step, v)
		}
		if isFinite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
		if i == s.Len()-1 && (sums[0].LastStep != step || sums[0].Last.V != v && isFinite(v)) {
			t.Errorf("trial %d: last: got %+v, want (%d, %g)", id, sums[0], step, v)
		}
	}
	if sums[0].Min.Valid != (lo <= hi) || sums[0].Min.Valid && (sums[0].Min.V != lo || sums[0].Max.V != hi) {
		t.Errorf("trial %d: got %+v, want min %g, max %g", id, sums[0], lo, hi)
	}
}

func TestParetoRanking(t *testing.T) {
	db, s := newStore(t, testSpec("one", sweep.Minimize, sweep.Maximize))
	for i, v := range [][2]float64{{1, 1}, {2, 2}, {3, 3}, {2, 1}, {3, 2}, {9, nan}, {2, 2.1}} {
		id := sweep.TrialID(i + 1)
		e := finished(id, v[0])
		e.Others = v[1:]
		end(t, s, proposed(id), e)
	}
	if got, want := table(t, db.Reader(), `select trial, rank, front from leaderboard order by rank`), "1|1|1\n3|2|1\n7|3|1\n2|4|2\n4|5|3\n5|6|3"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	wantVerified(t, db, "one")
}

// TestRebuildLaw plays random histories and rebuilds the tables from the
// journal: nothing may differ.
func TestRebuildLaw(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 9))
		goals := []sweep.Goal{sweep.Maximize}
		if seed%3 == 2 {
			goals = append(goals, sweep.Minimize)
		}
		db, s := newStore(t, testSpec("one", goals...))
		playRandom(t, rng, s, len(goals))
		must(t, s.Flush(t.Context()))
		wantVerified(t, db, "one")
		must(t, db.Rebuild(t.Context(), "one"))
		wantVerified(t, db, "one")
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func playRandom(t *testing.T, rng *rand.Rand, s *Store, objectives int) {
	states := map[sweep.TrialID]sweep.Trial{}
	apply := func(e sweep.Event) {
		next, err := states[e.Subject()].Apply(e)
		must(t, err)
		states[e.Subject()] = next
	}
	const trials = 30
	for range 160 {
		id := sweep.TrialID(1 + rng.IntN(trials))
		tr := states[id]
		switch {
		case tr.State == "":
			e := repeat(id, sweep.PointID(1+(id-1)/3), 3)
			apply(e)
			must(t, s.Record(t.Context(), e))
		case tr.State == sweep.Queued:
			e := started(id, tr.Attempt+1)
			apply(e)
			must(t, s.Record(t.Context(), e))
		case tr.State == sweep.Running:
			p := sweep.Post{Trial: id, Attempt: tr.Attempt, Mark: fmt.Sprint(rng.Int())}
			for range rng.IntN(5) {
				p.Reports = append(p.Reports, sweep.Report{Name: string(rune('a' + rng.IntN(4))), Step: int64(rng.IntN(20)), Value: rng.NormFloat64(), At: 5})
			}
			if rng.IntN(2) == 0 {
				e := &sweep.Ended{Trial: id, Attempt: tr.Attempt, ObjectiveStep: 10, Exit: sweep.Exit{CPUSeconds: rng.Float64()},
					State: []sweep.State{sweep.Finished, sweep.Finished, sweep.Finished, sweep.Failed, sweep.Diverged, sweep.Pruned, sweep.Killed, sweep.Queued}[rng.IntN(8)]}
				if e.State == sweep.Finished {
					e.HasObjective, e.Objective = true, rng.NormFloat64()
					for range objectives - 1 {
						e.Others = append(e.Others, rng.NormFloat64())
					}
					if rng.IntN(8) == 0 {
						e.Objective = nan
					}
				}
				apply(e)
				p.Events = append(p.Events, e)
			}
			s.Post(p)
		case rng.IntN(6) == 0:
			e := &sweep.Requeued{Trial: id, Reason: "again"}
			apply(e)
			must(t, s.Record(t.Context(), e))
		}
	}
}

func TestVerifySeesDamage(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	wantVerified(t, db, "one")
	must(t, db.do(t.Context(), func(c *conn) error { return c.text("update t_points set mean = 0.5") }))
	diff, err := db.Verify(t.Context(), "one")
	must(t, err)
	if len(diff) != 2 || !strings.HasPrefix(diff[0], "t_points: stored has") {
		t.Errorf("got %q", diff)
	}
	must(t, db.Rebuild(t.Context(), "one"))
	wantVerified(t, db, "one")
}

func TestRemove(t *testing.T) {
	db := openDB(t, t.TempDir()+"/trawl.db")
	a, b := claim(t, db, testSpec("a")), claim(t, db, testSpec("b"))
	for _, s := range []*Store{a, b} {
		end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	}
	must(t, a.Close())
	must(t, db.Remove(t.Context(), "a"))
	if got := table(t, db.Reader(), `select name from sqlite_master where name like 'a%' union all select name from sweeps union all select sweep from trials union all select trial from "b"`); got != "attempts\nb\nb\n1" {
		t.Errorf("got %s", got)
	}
	claim(t, db, testSpec("a"))
}
