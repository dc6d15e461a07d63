package results

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trawl-sweep/trawl/results/rank"
	"github.com/trawl-sweep/trawl/sweep"
)

func TestTrialIsReadWhole(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	p := repeat(1, 1, 1)
	must(t, s.Record(t.Context(), p, started(1, 1)))
	running, err := db.Reader().Running(t.Context(), "one")
	must(t, err)
	if len(running) != 1 || running[0].ID != 1 || running[0].State != sweep.Running || running[0].BegunAt == nil || running[0].EndedAt != nil {
		t.Errorf("running: got %+v", running)
	}
	s.Post(sweep.Post{Trial: 1, Attempt: 1, Events: []sweep.Event{finished(1, 0.25)}, Mark: "m9",
		Reports: []sweep.Report{loss(1, 0.5), loss(3, 0.25), {Name: "acc", Step: 2, Value: math.Inf(1)}}})
	must(t, s.Flush(t.Context()))
	got, err := db.Reader().Trial(t.Context(), "one", 1)
	must(t, err)
	want := TrialRow{Sweep: "one", ID: 1, Point: 1, Repeat: 1, Seed: 1, Revision: 1, Params: []byte(p.Params), State: sweep.Finished,
		Objective: Float{0.25, true}, Step: new(int64(3)), Attempts: 1, ExitCode: new(int64(0)), Signal: new(int64(0)), Seconds: 2, CPUSeconds: 1.5,
		MaxRSSMB: 20, Dir: "/runs/1", Metrics: map[string]float64{"loss": 0.25, "acc": math.Inf(1)}, Steps: map[string]int64{"loss": 3, "acc": 2}}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(TrialRow{}, "StartedAt", "BegunAt", "EndedAt"), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got.StartedAt.UnixMicro() != 1_000_000 || got.EndedAt.UnixMicro() != 3_000_000 {
		t.Errorf("times: got %v … %v", got.StartedAt, got.EndedAt)
	}
	if mark, err := s.Mark(t.Context(), 1); err != nil || mark != "m9" {
		t.Errorf("mark: got %q, %v", mark, err)
	}
	if running, err := db.Reader().Running(t.Context(), "one"); err != nil || len(running) != 0 {
		t.Errorf("running at the end: got %v, %v", running, err)
	}
}

func TestEventsOfATrial(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	for id := sweep.TrialID(1); id <= 3; id++ {
		end(t, s, proposed(id), finished(id, 1))
	}
	must(t, s.Record(t.Context(), &sweep.Requeued{Trial: 2, Reason: "again"}))
	for id, want := range map[sweep.TrialID]string{
		0: "spec proposed started ended proposed started ended proposed started ended requeued",
		2: "proposed started ended requeued", 3: "proposed started ended", 9: "",
	} {
		es, err := db.Reader().Events(t.Context(), "one", id)
		must(t, err)
		var got []string
		for _, e := range es {
			got = append(got, e.Event.Kind())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("events of trial %d: got %v, want %s", id, got, want)
		}
	}
}

// A later attempt replaces what earlier ones reported, from its first step on;
// of one attempt the last report of a step counts.
func TestLaterAttemptsReplace(t *testing.T) {
	type at struct {
		attempt int
		step    int64
		value   float64
	}
	for _, tt := range []struct {
		name    string
		reports []at
		want    string
	}{
		{"goes on", []at{{1, 0, 9}, {1, 1, 8}, {2, 2, 7}, {2, 3, 6}}, "[{0 9} {1 8} {2 7} {3 6}]"},
		{"goes back", []at{{1, 0, 9}, {1, 1, 8}, {1, 2, 7}, {2, 1, 5}}, "[{0 9} {1 5}]"},
		{"begins anew", []at{{1, 0, 9}, {1, 1, 8}, {2, 0, 5}}, "[{0 5}]"},
		{"the same step again", []at{{1, 0, 9}, {1, 0, 8}, {1, 1, 7}, {1, 1, 6}}, "[{0 8} {1 6}]"},
		{"a third behind the second", []at{{1, 0, 9}, {1, 5, 8}, {2, 3, 7}, {2, 4, 6}, {3, 4, 1}}, "[{0 9} {3 7} {4 1}]"},
		{"not finite", []at{{1, 0, 9}, {2, 1, nan}}, "[{0 9} {1 NaN}]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, s := newStore(t, testSpec("one"))
			must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
			for _, r := range tt.reports {
				s.Post(sweep.Post{Trial: 1, Attempt: r.attempt, Reports: []sweep.Report{loss(r.step, r.value)}})
			}
			must(t, s.Flush(t.Context()))
			rows, err := db.Reader().MetricSeries(t.Context(), "one", 1, "loss")
			must(t, err)
			type point struct {
				step  int64
				value float64
			}
			var got []point
			for _, r := range rows {
				got = append(got, point{r.Step, r.Value})
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
			n := 0
			for r, err := range s.TrialReports(t.Context(), 1) { // all of them, for whoever folds
				must(t, err)
				if r.Name != "loss" || r.Attempt < 1 {
					t.Errorf("got %+v", r)
				}
				n++
			}
			if all := table(t, db.Reader(), "select count(*) from metrics"); all != fmt.Sprint(n) {
				t.Errorf("TrialReports gave %d, the view has %s", n, all)
			}
		})
	}
}

func TestIterationsMayBeLeft(t *testing.T) {
	_, s := newStore(t, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(1, 3), loss(2, 2), loss(3, 1))
	for range s.TrialReports(t.Context(), 1) {
		break
	}
	for range s.Entries(t.Context()) {
		break
	}
	end(t, s, proposed(2), finished(2, 1)) // the connections are free again
}

// Another metric ranks by its means over the finished repeats, with the
// goal of the sweep unless another is given.
func TestRankByAnotherMetric(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	acc := func(v float64) sweep.Report { return sweep.Report{Name: "acc", Step: 3, Value: v} }
	id := sweep.TrialID(0)
	values := [][]float64{{0.5, 0.6, 0.7}, {0.9, 0.8, 0.91}, {0.1, 0.2}}
	for p, vs := range values {
		for _, v := range vs {
			id++
			end(t, s, repeat(id, sweep.PointID(p+1), 3), finished(id, 1), acc(v))
		}
	}
	order := func(by string, n int, opts ...RankOption) string {
		rows, err := db.Reader().Leaderboard(t.Context(), "one", n, by, opts...)
		must(t, err)
		var out []string
		for _, r := range rows {
			out = append(out, fmt.Sprintf("%d:%d", r.Rank, r.Point))
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct{ got, want string }{
		{order("acc", 0), "1:1 2:2 0:3"},
		{order("acc", 0, Goal(sweep.Maximize)), "1:2 2:1 0:3"},
		{order("acc", 0, Goal(sweep.Maximize), RankedOnly()), "1:2 2:1"},
		{order("acc", 1, Goal(sweep.Maximize)), "1:2"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
	rows, err := db.Reader().Leaderboard(t.Context(), "one", 1, "acc")
	must(t, err)
	sample := rank.Of(values[0]...)
	low, high, _ := sample.Interval()
	if r := rows[0]; math.Abs(r.Mean.V-sample.Mean) > 1e-12 || math.Abs(r.Low.V-low) > 1e-9 || math.Abs(r.High.V-high) > 1e-9 || r.N != 3 {
		t.Errorf("got %+v; want mean %g in [%g, %g]", r, sample.Mean, low, high)
	}
	if _, err := db.Reader().Leaderboard(t.Context(), "one", 1, "ac"); err == nil || !strings.Contains(err.Error(), "there is acc") {
		t.Errorf("an unknown metric: got %v", err)
	}
	other := claim(t, db, testSpec("two"))
	if _, err := db.Reader().Leaderboard(t.Context(), other.Name(), 1, "acc"); err == nil || !strings.Contains(err.Error(), "no trial has reported a metric") {
		t.Errorf("no metric at all: got %v", err)
	}
}

// The first front in the ranking is that of the definition: nobody is as good
// in all and better in one.
func TestFirstFrontIsThatOfTheDefinition(t *testing.T) {
	db, s := newStore(t, testSpec("one", sweep.Minimize, sweep.Maximize))
	values := map[sweep.TrialID][2]float64{}
	x := uint64(7)
	for id := sweep.TrialID(1); id <= 60; id++ {
		x = x*6364136223846793005 + 1442695040888963407 // Knuth's generator: any spread will do
		v := [2]float64{float64(x>>40%20) / 4, float64(x>>20%20) / 4}
		values[id] = v
		e := finished(id, v[0])
		e.Others = v[1:]
		end(t, s, proposed(id), e)
	}
	rows, err := db.Reader().Leaderboard(t.Context(), "one", 0, "")
	must(t, err)
	if len(rows) != len(values) {
		t.Fatalf("got %d rows, want %d", len(rows), len(values))
	}
	last := int64(1)
	for _, r := range rows {
		v := values[r.Trial]
		dominated := false
		for _, w := range values {
			dominated = dominated || w[0] <= v[0] && w[1] >= v[1] && w != v
		}
		if (r.Front == 1) == dominated {
			t.Errorf("trial %d at %v: front %d, dominated %v", r.Trial, v, r.Front, dominated)
		}
		if r.Front < last {
			t.Errorf("front %d behind front %d", r.Front, last)
		}
		last = r.Front
	}
}

func TestReadersWhileItIsWritten(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	const n = 60
	r, err := OpenRead(t.Context(), db.Path())
	must(t, err)
	defer r.Close()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for seen := int64(0); ; {
				row, err := r.Sweep(t.Context(), "one")
				if err != nil || row.Finished < seen {
					t.Errorf("got %d after %d, %v", row.Finished, seen, err)
					return
				}
				seen = row.Finished
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for id := sweep.TrialID(1); id <= n; id++ {
		end(t, s, proposed(id), finished(id, 1))
	}
	close(stop)
	wg.Wait()
	if row, err := r.Sweep(t.Context(), "one"); err != nil || row.Finished != n {
		t.Errorf("got %d, %v, want %d", row.Finished, err, n)
	}
}

func TestReadsWithinReads(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	for id := sweep.TrialID(1); id <= 5; id++ {
		end(t, s, proposed(id), finished(id, 1), loss(3, 1))
	}
	n := 0
	for e, err := range s.Entries(t.Context()) {
		must(t, err)
		if id := e.Event.Subject(); id != 0 {
			for _, err := range s.TrialReports(t.Context(), id) {
				must(t, err)
				n++
			}
		}
	}
	if n != 15 { // three events each
		t.Errorf("got %d reports, want 15", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Reader().Sweeps(ctx); !isCanceled(err) {
		t.Errorf("a read without time: got %v", err)
	}
}

func TestClosedReader(t *testing.T) {
	db, _ := newStore(t, testSpec("one"))
	r, err := OpenRead(t.Context(), db.Path())
	must(t, err)
	if r.Path() != db.Path() {
		t.Errorf("path: got %s, want %s", r.Path(), db.Path())
	}
	must(t, r.Close())
	must(t, r.Close())
	if _, err := r.Sweeps(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// A database in a directory that cannot be written to is read all the same.
func TestReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root writes everywhere")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "trawl.db")
	db := openDB(t, path)
	s := claim(t, db, testSpec("one"))
	end(t, s, proposed(1), finished(1, 1), loss(3, 1))
	must(t, errors.Join(s.Close(), db.Close()))
	must(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o755)
	for _, mode := range []os.FileMode{0o644, 0o444} {
		must(t, os.Chmod(path, mode))
		r, err := OpenRead(t.Context(), path)
		must(t, err)
		if got := table(t, r, "select loss from one"); got != "1" {
			t.Errorf("a file of mode %o: got %s", mode, got)
		}
		must(t, r.Close())
	}
}
