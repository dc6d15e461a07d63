package tpe

import (
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func TestLaws(t *testing.T) { samplertest.Run(t, "tpe", New) }

// TestUsesUpAFiniteSpace: each allowed point once, and then no more.
func TestUsesUpAFiniteSpace(t *testing.T) {
	space := samplertest.Must([]sweep.Param{
		{Name: "x", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 0, Max: 9}},
		{Name: "y", Domain: samplertest.Ints(0, 1, 2, 3)},
	}, []sweep.Expr{samplertest.Below(6, "x", "y")})
	s := told(t, space, 0)
	seen := map[string]bool{}
	for i := range int64(100) {
		ps, err := s.Ask(sweep.Query{First: i, N: 1, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(ps) == 0 {
			break
		}
		if key := space.Key(ps[0].Point); seen[key] {
			t.Errorf("proposal %d repeats %s", i, key)
		} else {
			seen[key] = true
		}
		s.Tell(sweep.Outcome{Proposal: ps[0], State: sweep.Finished, Values: []float64{float64(i % 7)}})
	}
	if want := 6 + 5 + 4 + 3; len(seen) != want {
		t.Errorf("got %d points, want %d", len(seen), want)
	}
}

// TestThinnedRestKeepsItsWeight: beyond restMost points the rest stands for all
// that were told but the good ones.
func TestThinnedRestKeepsItsWeight(t *testing.T) {
	for _, n := range []int{restMost - 1, restMost + 1, 2*restMost + 500} {
		s := told(t, numbers(2), n).(*Sampler)
		if s.rest.n > restMost || s.rest.total < float64(n)*0.95 || s.rest.total > float64(n)*1.05 {
			t.Errorf("%d told: %d points of weight %v", n, s.rest.n, s.rest.total)
		}
	}
}

// TestPendingCounts: with a running trial at the proposal, another is made.
func TestPendingCounts(t *testing.T) {
	space := numbers(2)
	s := told(t, space, 60)
	q := sweep.Query{First: 60, N: 1, Seed: 1}
	moved := 0
	for i := range int64(20) {
		q.First, q.Pending = 60+i, nil
		alone, err := s.Ask(q)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			q.Pending = append(q.Pending, alone[0])
		}
		beside, err := s.Ask(q)
		if err != nil {
			t.Fatal(err)
		}
		if space.Key(alone[0].Point) != space.Key(beside[0].Point) {
			moved++
		}
	}
	if moved < 15 {
		t.Errorf("%d of 20 proposals keep away from 30 running trials on them", moved)
	}
}
