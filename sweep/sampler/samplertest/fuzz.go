package samplertest

import (
	"math"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Fuzz makes a fuzz target of a history that the bytes tell: how many proposals
// are asked for, in which order and state they come out, and with which values.
// Each byte is one step. In every history, proposals are in their domain, asking
// changes nothing, and a new sampler that is told the same goes on in the same
// way.
func Fuzz(f *testing.F, build func(sweep.Plan) (sweep.Sampler, error)) {
	f.Add([]byte{})
	f.Add([]byte("ask and tell and ask"))
	f.Add([]byte{0, 4, 8, 1, 1, 1, 0, 0, 0, 2, 6, 10, 14, 3, 7, 11, 255, 254, 253, 129, 130, 0, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		steps = steps[:min(len(steps), 48)] // a model is fitted at each outcome
		spaces := Spaces()
		space := spaces[len(steps)%len(spaces)].Space
		plan := sweep.Plan{Space: space, Seed: 5, RunCap: 60, Objectives: []sweep.Objective{{Name: "loss"}}}
		s, err := build(plan)
		if err != nil {
			t.Fatal(err)
		}
		again, err := build(plan)
		if err != nil {
			t.Fatal(err)
		}
		h := history{space: space, seed: plan.Seed, now: s, replayed: again}
		for _, b := range steps {
			h.step(t, b)
		}
	})
}

// history is a sweep as its bytes tell it, beside a sampler that is only told.
type history struct {
	space         *sweep.Space
	seed, next    int64
	now, replayed sweep.Sampler
	pending       []sweep.Proposal
}

// fuzzValues are objectives that a trial may have.
var fuzzValues = []float64{0, 1, -1, 0.5, 1e300, -1e300, 1e-300, math.NaN(), math.Inf(1), math.Inf(-1), 3, 3, 2, 0.1, 42, 7}

// step asks (even bytes) or tells of a pending proposal (odd ones).
func (h *history) step(t *testing.T, b byte) {
	if b%2 == 0 || len(h.pending) == 0 {
		q := sweep.Query{First: h.next, N: 1, Seed: h.seed, Pending: h.pending}
		got, err := h.now.Ask(q)
		if err != nil {
			t.Fatalf("ask %d: %v", h.next, err)
		}
		for _, s := range []sweep.Sampler{h.now, h.replayed} {
			more, err := s.Ask(q)
			if err != nil {
				t.Fatal(err)
			}
			if err := same(h.space, more, got); err != nil {
				t.Fatalf("proposal %d: %v", h.next, err)
			}
		}
		h.next++
		if len(got) == 1 && got[0].Point != nil {
			if err := valid(h.space, got[0].Point); err != nil {
				t.Fatalf("proposal %d: %v", h.next-1, err)
			}
			h.pending = append(h.pending, got[0])
		}
		return
	}
	i := int(b>>1) % len(h.pending)
	states := []sweep.State{sweep.Finished, sweep.Finished, sweep.Failed, sweep.Diverged, sweep.Pruned, sweep.Killed}
	o := sweep.Outcome{Proposal: h.pending[i], State: states[int(b>>1)%len(states)]}
	if b%16 != 15 {
		o.Values = []float64{fuzzValues[int(b>>4)]}
	}
	h.now.Tell(o)
	h.replayed.Tell(o)
	h.pending = append(append([]sweep.Proposal(nil), h.pending[:i]...), h.pending[i+1:]...)
}
