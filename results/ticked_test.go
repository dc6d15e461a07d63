package results

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// shownTicked is a ticked report as text.
func shownTicked(t sweep.Ticked) string {
	return fmt.Sprintf("%d: %d.%d %s %d %v", t.Tick, t.Trial, t.Attempt, t.Name, t.Step, t.Value)
}

// Reports come back in the order of their ticks, within one by trial, step and
// name, in whatever order and transactions they were written; those without a
// tick, which no decision depends on, are left out. A pruner that is fed them
// decides as the first time.
func TestTickedReportsComeBackInOrder(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	const trials = 5
	for id := sweep.TrialID(1); id <= trials; id++ {
		must(t, s.Record(t.Context(), proposed(id), started(id, 1)))
	}
	rng := rand.New(rand.NewPCG(7, 1))
	var want []sweep.Ticked
	for tick := int64(1); tick <= 60; tick++ {
		id := sweep.TrialID(1 + rng.IntN(trials))
		var reports []sweep.Report
		for i := range 1 + rng.IntN(3) {
			for _, name := range []string{"loss", "acc"}[rng.IntN(2):] {
				reports = append(reports, sweep.Report{Name: name, Step: 10*tick + int64(i), Value: []float64{0.5, nan, float64(tick)}[rng.IntN(3)], At: tick})
			}
		}
		for _, r := range reports {
			want = append(want, sweep.Ticked{Tick: tick, Trial: id, Attempt: 1, Report: r})
		}
		rng.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
		post := sweep.Post{Trial: id, Attempt: 1, Reports: reports, Tick: tick}
		if rng.IntN(2) == 0 {
			s.Post(post)
		} else {
			must(t, s.Flush(t.Context())) // else it would overtake what is queued
			must(t, s.RecordPosts(t.Context(), nil, []sweep.Post{post}))
		}
		if rng.IntN(4) == 0 {
			s.Post(sweep.Post{Trial: id, Attempt: 1, Reports: []sweep.Report{{Name: "time", Step: tick, Value: 1}}})
		}
	}
	must(t, s.Flush(t.Context()))
	slices.SortStableFunc(want, func(a, b sweep.Ticked) int {
		if a.Tick != b.Tick || a.Step != b.Step {
			return int(a.Tick-b.Tick)*1000 + int(a.Step-b.Step)
		}
		return strings.Compare(a.Name, b.Name)
	})
	of, err := db.Reader().Ticked(t.Context(), "one")
	must(t, err)
	for from, all := range map[string]func(func(sweep.Ticked, error) bool){"store": s.Ticked(t.Context()), "reader": of} {
		n := 0
		for got, err := range all {
			must(t, err)
			if n >= len(want) || shownTicked(got) != shownTicked(want[n]) {
				t.Fatalf("%s: report %d: got %s, want %d of them and there %s", from, n, shownTicked(got), len(want), shownTicked(want[min(n, len(want)-1)]))
			}
			n++
		}
		if n != len(want) {
			t.Errorf("%s: got %d reports, want %d", from, n, len(want))
		}
		for range all { // leaving early is no error, and keeps no connection
			break
		}
	}
	if _, err := db.Reader().Ticked(t.Context(), "two"); err == nil {
		t.Error("reports of no sweep")
	}
	wantVerified(t, db, "one")
}

// A report that comes again, after a kill between its commit and its ack, is
// there once, with its last value and tick.
func TestReportsThatComeAgain(t *testing.T) {
	db, s := newStore(t, testSpec("one"))
	must(t, s.Record(t.Context(), proposed(1), started(1, 1)))
	for i, v := range []float64{1, 2, 3} {
		s.Post(sweep.Post{Trial: 1, Attempt: 1, Reports: []sweep.Report{loss(4, v), loss(5, 10+v)}, Tick: int64(i) + 1})
	}
	must(t, s.Flush(t.Context()))
	var got []string
	for r, err := range s.Ticked(t.Context()) {
		must(t, err)
		got = append(got, shownTicked(r))
	}
	if want := []string{"3: 1.1 loss 4 3", "3: 1.1 loss 5 13"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	series, err := db.Reader().Metrics(t.Context(), "one", 1)
	must(t, err)
	if len(series) != 1 || series[0].N != 2 || series[0].Last.V != 13 || series[0].Min.V != 3 || series[0].Max.V != 13 {
		t.Errorf("got %+v; want 2 steps, last and largest 13, least 3", series)
	}
	wantVerified(t, db, "one")
}
