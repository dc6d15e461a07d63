package results

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// BenchmarkTrial is what the store costs a trivial trial: an intent, an end
// with one report, and its share of a group commit. cpu/op would be less where
// the disk is waited for.
func BenchmarkTrial(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "trawl.db"), Options{Create: true, Now: clock()})
	must(b, err)
	defer db.Close()
	s := claim(b, db, testSpec("bench"))
	defer s.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; n < b.N; n++ {
			<-s.Acks()
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		id := sweep.TrialID(n + 1)
		must(b, s.Record(b.Context(), proposed(id), started(id, 1)))
		s.Post(sweep.Post{Trial: id, Attempt: 1, Events: []sweep.Event{finished(id, float64(n%1000))}, Reports: []sweep.Report{loss(3, float64(n%1000))}})
	}
	must(b, s.Flush(b.Context()))
	b.StopTimer()
	<-done
}

// BenchmarkReports is a running trial that reports two metrics per step, in
// posts of n points.
func BenchmarkReports(b *testing.B) {
	for _, n := range []int{10, 200, 2000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			_, s := newStore(b, testSpec("bench"))
			must(b, s.Record(b.Context(), proposed(1), started(1, 1)))
			step := int64(0)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				reports := make([]sweep.Report, 0, n)
				for range n / 2 {
					step++
					reports = append(reports, loss(step, float64(step)), sweep.Report{Name: "acc", Step: step, Value: 0.5, At: step})
				}
				s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: reports, Mark: "x"})
				if i%50 == 49 {
					must(b, s.Flush(b.Context()))
				}
			}
			must(b, s.Flush(b.Context()))
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "points/s")
		})
	}
}

// BenchmarkLeaderboard is `trawl rank` without the start of the process: open,
// and the best ten of n trials with parameters.
func BenchmarkLeaderboard(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			db := openDB(b, filepath.Join(b.TempDir(), "trawl.db"))
			s := claim(b, db, testSpec("bench"))
			must(b, db.do(b.Context(), func(c *conn) error { return fill(c, s.id, n) }))
			b.ReportAllocs()
			for b.Loop() {
				r, err := OpenRead(b.Context(), db.Path())
				must(b, err)
				rows, err := r.Leaderboard(b.Context(), "bench", 10, "")
				must(b, err)
				if len(rows) != 10 || rows[0].Rank != 1 {
					b.Fatalf("got %d rows", len(rows))
				}
				must(b, r.Close())
			}
		})
	}
}

// fill makes n finished trials at once.
func fill(c *conn, id int64, n int) error {
	return c.text(fmt.Sprintf(`create temp table ids as with recursive a(i) as (select 1 union all select i + 1 from a where i < %[2]d) select i from a;
insert into main.t_points (sweep, id, trial, planned, n, mean, score)
select %[1]d, i, i, 1, 1, (i * 7919) %% 1000003, (i * 7919) %% 1000003 from ids;
insert into main.t_trials (sweep, id, point, planned, repeat, seed, revision, proposal, params, state, active, objective, kind, step, attempts, first_seq, last_seq)
select %[1]d, i, i, 1, 1, 0, 1, i - 1, '{"lr":' || i / 1e6 || ',"opt":"sgd","units":' || i || '}', 'finished', 0, cast((i * 7919) %% 1000003 as real), 0, 0, 1, i, i from ids;
insert into main.t_wide_%[1]d (trial, lr, opt, units) select i, i / 1e6, 'sgd', i from ids;
update main.t_sweeps set finished = %[2]d where id = %[1]d;
drop table ids;`, id, n))
}
