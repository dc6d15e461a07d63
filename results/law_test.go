package results

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trawl-sweep/trawl/sweep"
)

// publicRows are all rows of all views of sweep "one", in their order.
func publicRows(t testing.TB, r *Reader) string {
	var b strings.Builder
	for _, q := range []string{
		"select name, state, trials, running, queued, finished, failed, pruned, diverged, killed, best, best_trial, trial_seconds, revision from sweeps",
		"select * from trials order by id", "select * from params order by trial, name", "select * from metrics order by trial, name, attempt, step",
		"select * from leaderboard", "select * from attempts order by trial, attempt", "select * from decisions", "select * from events",
		`select * from "one" order by trial`, `select * from "one/all" order by trial`, `select * from "one/points" order by rank is null, rank, lr, n`,
	} {
		fmt.Fprintf(&b, "%s\n%s\n", q, table(t, r, q))
	}
	return b.String()
}

// A player makes a random history that the state machine of trials allows.
type player struct {
	r      *rapid.T
	s      *Store
	goals  int
	trials map[sweep.TrialID]sweep.Trial
}

func (p *player) record(t *testing.T, es ...sweep.Event) {
	for _, e := range es {
		if e.Subject() == 0 {
			continue
		}
		next, err := p.trials[e.Subject()].Apply(e)
		if err != nil {
			p.r.Fatalf("%s: %v", e.Kind(), err)
		}
		p.trials[e.Subject()] = next
	}
	if err := p.s.Record(t.Context(), es...); err != nil {
		p.r.Fatal(err)
	}
}

func (p *player) step(t *testing.T) {
	id := sweep.TrialID(rapid.IntRange(1, 9).Draw(p.r, "trial"))
	tr := p.trials[id]
	switch tr.State {
	case "":
		p.record(t, repeat(id, sweep.PointID(1+(id-1)/3), 3))
	case sweep.Queued:
		p.record(t, started(id, tr.Attempt+1))
	case sweep.Running:
		p.runs(t, id, tr.Attempt)
	default:
		p.record(t, &sweep.Requeued{Trial: id, Reason: "again"})
	}
}

var someValues = []float64{0, 1, -1, 0.5, 1e300, -1e300, 5e-324}

func (p *player) runs(t *testing.T, id sweep.TrialID, attempt int) {
	post := sweep.Post{Trial: id, Attempt: attempt, Mark: rapid.SampledFrom([]string{"", "a", "b"}).Draw(p.r, "mark")}
	value := rapid.OneOf(rapid.SampledFrom(append([]float64{nan}, someValues...)), rapid.Float64Range(-9, 9))
	for range rapid.IntRange(0, 3).Draw(p.r, "reports") {
		post.Reports = append(post.Reports, sweep.Report{Name: rapid.SampledFrom([]string{"loss", "a", "b/c"}).Draw(p.r, "name"),
			Step: rapid.Int64Range(0, 6).Draw(p.r, "step"), Value: value.Draw(p.r, "value"), At: 7})
	}
	if state := rapid.SampledFrom([]sweep.State{"", sweep.Finished, sweep.Finished, sweep.Failed, sweep.Diverged, sweep.Pruned, sweep.Killed, sweep.Queued}).Draw(p.r, "end"); state != "" {
		e := &sweep.Ended{Trial: id, Attempt: attempt, State: state, ObjectiveStep: rapid.Int64Range(0, 6).Draw(p.r, "at"), Exit: sweep.Exit{StartedAt: 1_000_000, EndedAt: 3_000_000}}
		if state == sweep.Finished {
			e.HasObjective, e.Objective = true, rapid.SampledFrom(someValues).Draw(p.r, "objective")
			for range p.goals - 1 {
				e.Others = append(e.Others, rapid.Float64Range(-2, 2).Draw(p.r, "other"))
			}
		}
		next, err := p.trials[id].Apply(e)
		if err != nil {
			p.r.Fatal(err)
		}
		p.trials[id] = next
		post.Events = []sweep.Event{e}
	}
	p.s.Post(post)
}

// TestTablesFollowFromTheJournal: whatever happened, and however it was cut
// into transactions and processes, the tables that were kept up to date equal
// those made anew from the journal, and every public view reads the same.
func TestTablesFollowFromTheJournal(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue { // each makes and closes a database
		checks := "30"
		if raced {
			checks = "8"
		}
		must(t, f.Value.Set(checks))
		defer f.Value.Set(f.DefValue)
	}
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		goals := []sweep.Goal{rapid.SampledFrom([]sweep.Goal{sweep.Minimize, sweep.Maximize}).Draw(r, "goal")}
		if rapid.Bool().Draw(r, "two goals") {
			goals = append(goals, sweep.Maximize)
		}
		spec := testSpec("one", goals...)
		spec.Repeats.Parameter = "seed"
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", n))
		db, err := Open(t.Context(), path, Options{Create: true, Now: clock(), GroupDelay: -1})
		if err != nil {
			r.Fatal(err)
		}
		defer func() { db.Close() }()
		runs := filepath.Join(t.TempDir(), "runs")
		s, err := db.Claim(t.Context(), spec, runs)
		if err != nil {
			r.Fatal(err)
		}
		p := &player{r: r, s: s, goals: len(goals), trials: map[sweep.TrialID]sweep.Trial{}}
		p.record(t, &sweep.SpecSet{Revision: 1, Doc: "{}", Why: "run"})
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			switch rapid.IntRange(0, 30).Draw(r, "kind") {
			case 0: // another process goes on
				if err := p.s.Close(); err != nil {
					r.Fatal(err)
				}
				if p.s, err = db.Claim(t.Context(), spec, runs); err != nil {
					r.Fatal(err)
				}
			case 1:
				p.extend(t, spec)
			default:
				p.step(t)
			}
		}
		if err := p.s.Close(); err != nil {
			r.Fatal(err)
		}
		before := publicRows(t, db.Reader())
		diff, err := db.Verify(t.Context(), "one")
		if err != nil || len(diff) > 0 {
			r.Fatalf("%v\n%s", err, strings.Join(diff, "\n"))
		}
		if err := db.Rebuild(t.Context(), "one"); err != nil {
			r.Fatal(err)
		}
		if after := publicRows(t, db.Reader()); after != before {
			r.Fatalf("after the rebuild:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// extend makes a revision that leaves some points outside.
func (p *player) extend(t *testing.T, spec *sweep.Spec) {
	row, err := p.s.DB().Reader().Sweep(t.Context(), "one")
	if err != nil {
		p.r.Fatal(err)
	}
	e := &sweep.SpecSet{Revision: int(row.Revision) + 1, Doc: "{}", Why: "extend", Was: map[string]sweep.Value{"units": sweep.IntValue(1)}}
	for id := sweep.PointID(1); id <= 3; id++ {
		if rapid.Bool().Draw(p.r, "outside") {
			e.Outside = append(e.Outside, id)
		}
	}
	if err := p.s.Revise(t.Context(), e, spec); err != nil {
		p.r.Fatal(err)
	}
}
