package loop

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/random"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

// sparse is a sampler most of whose proposals a constraint forbids.
type sparse struct {
	every int64 // one of so many is allowed; 0: none
	end   int64
	asked *int
}

func (s sparse) Looks() bool        { return false }
func (s sparse) Tell(sweep.Outcome) {}
func (s sparse) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	*s.asked++
	if q.First >= s.end {
		return nil, nil
	}
	out := sweep.Proposal{Index: q.First}
	if s.every > 0 && q.First%s.every == s.every-1 {
		out.Point = sweep.Point{sweep.IntValue(q.First)}
	}
	return []sweep.Proposal{out}, nil
}

func sparsePlanner(name string, s sparse, seeds ...int64) *Planner {
	space := samplertest.Must([]sweep.Param{{Name: "x", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 0, Max: 1e12}}}, nil)
	spec := &sweep.Spec{Space: space, Sampler: name, Repeats: sweep.Repeats{Seeds: seeds}}
	return NewPlanner(spec, s, 1)
}

func TestSearchIsGivenUpForNowAndGoneOnWith(t *testing.T) {
	asked := 0
	p := sparsePlanner("grid", sparse{every: 5 * searchSlice, end: 1 << 40, asked: &asked}, 1, 2)
	for i := range 4 {
		if got, searching, err := p.Some(1); len(got) > 0 || !searching || err != nil {
			t.Fatalf("call %d: got %d trials, searching %v, %v; want to be told that it searches", i, len(got), searching, err)
		}
	}
	got, searching, err := p.Some(1)
	if err != nil || searching || len(got) != 1 || got[0].Params != `{"x":999}` {
		t.Fatalf("got %v, searching %v, %v; want the point 999", got, searching, err)
	}
	// the second seed waits for the first of all points, also while they are searched
	if got, searching, _ := p.Some(1); len(got) > 0 || !searching {
		t.Fatalf("got %v, searching %v; want no second round yet", got, searching)
	}
	if got, err := p.Next(1); err != nil || len(got) != 1 || got[0].Params != `{"x":1999}` {
		t.Fatalf("Next: got %v, %v; want the point 1999", got, err)
	}
}

func TestSearchEnds(t *testing.T) {
	asked := 0
	p := sparsePlanner("grid", sparse{end: 300_000, asked: &asked})
	if got, err := p.Next(2); len(got) > 0 || err != nil || asked != 300_001 {
		t.Errorf("a grid without points: got %v, %v after %d proposals; want nothing, after all of it", got, err, asked)
	}
	asked = 0
	p = sparsePlanner("random", sparse{end: 1 << 40, asked: &asked})
	if _, err := p.Next(2); err == nil || !strings.HasPrefix(err.Error(), "no point satisfies the constraints") || asked > streakLimit/drawnInVain+2 {
		t.Errorf("random: got %v after %d proposals of a thousand draws each", err, asked)
	}
}

// What is found does not depend on how the search is cut up.
func TestSearchInSlicesFindsTheSame(t *testing.T) {
	space := samplertest.Must([]sweep.Param{{Name: "x", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 0, Max: 40}}}, nil)
	spec := &sweep.Spec{Space: space, Sampler: "random", Seed: 3}
	var keys [2][]string
	for k, step := range []int{1, 41} {
		s, err := random.New(sweep.Plan{Space: space, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		p := NewPlanner(spec, s, 1)
		for {
			got, searching, err := p.Some(step)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got {
				keys[k] = append(keys[k], e.Key)
			}
			if len(got) == 0 && !searching {
				break
			}
		}
	}
	if len(keys[0]) != 41 || strings.Join(keys[0], " ") != strings.Join(keys[1], " ") {
		t.Errorf("one at a time %v\nall at once %v; want the same 41", keys[0], keys[1])
	}
}
