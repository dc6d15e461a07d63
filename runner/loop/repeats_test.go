package loop

import (
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/random"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

// lookout is a sampler that looks at results and remembers what it was told.
type lookout struct {
	sweep.Sampler
	told    *[]sweep.Outcome
	pending *[]int
}

func (l lookout) Looks() bool          { return true }
func (l lookout) Tell(o sweep.Outcome) { *l.told = append(*l.told, o) }
func (l lookout) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	*l.pending = append(*l.pending, len(q.Pending))
	return l.Sampler.Ask(q)
}

func lookingPlanner(t *testing.T, repeats ...int64) (p *Planner, told *[]sweep.Outcome, pending *[]int) {
	t.Helper()
	space := samplertest.Must([]sweep.Param{{Name: "x", Domain: sweep.Domain{Dist: sweep.Uniform, Min: 0, Max: 1}}}, nil)
	spec := &sweep.Spec{Space: space, Sampler: "random", Seed: 5, RunCap: 30, Repeats: sweep.Repeats{Seeds: repeats},
		Objectives: []sweep.Objective{{Name: "loss"}}}
	s, err := random.New(sweep.Plan{Space: space, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	told, pending = &[]sweep.Outcome{}, &[]int{}
	return NewPlanner(spec, lookout{s, told, pending}, 1), told, pending
}

func next(t *testing.T, p *Planner) *sweep.Proposed {
	t.Helper()
	got, err := p.Next(1)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d trials, %v", len(got), err)
	}
	return got[0]
}

func settle(p *Planner, e *sweep.Proposed, s sweep.State, values ...float64) {
	t, err := sweep.Trial{}.Apply(e)
	if err != nil {
		panic(err)
	}
	t.State = s
	p.Settle(t, values)
}

func TestPointIsToldOnceByTheMeanOfItsRepeats(t *testing.T) {
	p, told, _ := lookingPlanner(t, 1, 2, 3)
	a, b, c := next(t, p), next(t, p), next(t, p)
	if a.PointID != b.PointID || b.PointID != c.PointID || a.Key != c.Key || c.Seed != 3 {
		t.Fatalf("repeats of a point do not run next to each other: %v %v %v", a, b, c)
	}
	settle(p, a, sweep.Finished, 1)
	settle(p, c, sweep.Failed)
	if len(*told) > 0 {
		t.Fatal("told before its last repeat ended")
	}
	settle(p, b, sweep.Finished, 3)
	if got := *told; len(got) != 1 || got[0].State != sweep.Failed || got[0].Values[0] != 2 {
		t.Errorf("told %+v; want once, failed, with the mean 2 of those that have a value", got)
	}
	settle(p, a, sweep.Finished, 9) // tried again by the user
	if len(*told) != 1 {
		t.Error("told twice")
	}
}

func TestPrunedPointGetsNoFurtherRepeats(t *testing.T) {
	p, told, _ := lookingPlanner(t, 1, 2, 3)
	a := next(t, p)
	settle(p, a, sweep.Pruned, 7)
	if len(*told) != 1 || (*told)[0].State != sweep.Pruned {
		t.Errorf("told %+v; want the pruned point, now that none follows", *told)
	}
	if b := next(t, p); b.PointID == a.PointID {
		t.Errorf("trial %d repeats a point that was pruned", b.Trial)
	}
}

func TestSamplerSeesWhatItWasNotToldOf(t *testing.T) {
	p, _, pending := lookingPlanner(t)
	a := next(t, p)
	next(t, p)
	settle(p, a, sweep.Finished, 1)
	next(t, p)
	if got := *pending; got[0] != 0 || got[1] != 1 || got[2] != 1 {
		t.Errorf("pending at each question: %v; want 0 1 1", got)
	}
}
