// Package samplertest holds the laws of samplers. A new algorithm calls Run
// first.
package samplertest

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// proposals is how many proposals a law looks at.
const proposals = 60

// Build makes a new sampler of the algorithm under test.
type Build func(sweep.Plan) (sweep.Sampler, error)

// Run checks the laws of package sweep on several spaces:
//
//	InDomain         every value is in its domain, conditions, zips, derived
//	                 values and constraints are kept, indices count up
//	AskIsPure        asking changes nothing: asked again, the answer is the same
//	SameAtAnyWidth   one at a time or all at once, if the sampler does not look
//	SeedMatters      another seed gives other points, unless all are tried anyway
//	ReplayContinues  a new sampler told the same outcomes goes on in the same way
//	Exhaustion       once there are fewer than asked for, there are no more
//	NaNIsData        outcomes without a value, failed or NaN, hurt nothing
//
// name is that of the method; a grid is recognised by it.
func Run(t *testing.T, name string, build func(sweep.Plan) (sweep.Sampler, error)) {
	t.Helper()
	for _, s := range Spaces() {
		t.Run(s.Name, func(t *testing.T) {
			l := laws{name: name, build: build, plan: sweep.Plan{
				Space: s.Space, Seed: 11, RunCap: proposals,
				Objectives: []sweep.Objective{{Name: "loss"}},
			}}
			t.Run("InDomain", l.inDomain)
			t.Run("AskIsPure", l.askIsPure)
			t.Run("SameAtAnyWidth", l.sameAtAnyWidth)
			t.Run("SeedMatters", l.seedMatters)
			t.Run("ReplayContinues", l.replayContinues)
			t.Run("Exhaustion", l.exhaustion)
			t.Run("NaNIsData", l.nanIsData)
		})
	}
}

type laws struct {
	name  string
	build Build
	plan  sweep.Plan
}

func (l laws) sampler(t *testing.T) sweep.Sampler {
	t.Helper()
	s, err := l.build(l.plan)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (l laws) ask(t *testing.T, s sweep.Sampler, first int64, n int) []sweep.Proposal {
	t.Helper()
	ps, err := s.Ask(sweep.Query{First: first, N: n, Seed: l.plan.Seed})
	if err != nil {
		t.Fatalf("seed %d: Ask(First %d, N %d): %v", l.plan.Seed, first, n, err)
	}
	if len(ps) > n {
		t.Fatalf("seed %d: Ask(First %d, N %d): got %d proposals", l.plan.Seed, first, n, len(ps))
	}
	return ps
}

// run asks one at a time and tells each outcome before the next.
func (l laws) run(t *testing.T, s sweep.Sampler, first int64, n int, score func(sweep.Proposal) float64) (told []sweep.Proposal) {
	t.Helper()
	for i := range int64(n) {
		ps := l.ask(t, s, first+i, 1)
		if len(ps) == 0 {
			break
		}
		told = append(told, ps[0])
		if ps[0].Point != nil {
			s.Tell(sweep.Outcome{Proposal: ps[0], State: sweep.Finished, Values: []float64{score(ps[0])}})
		}
	}
	return told
}

// loss is some deterministic figure of a point.
func (l laws) loss(p sweep.Proposal) float64 {
	sum := 0.0
	for _, u := range l.plan.Space.Encode(p.Point) {
		if !math.IsNaN(u) {
			sum += (u - 0.3) * (u - 0.3)
		}
	}
	return sum
}

func (l laws) inDomain(t *testing.T) {
	s := l.sampler(t)
	space := l.plan.Space
	found := 0
	for k, p := range l.run(t, s, 0, proposals, l.loss) {
		if p.Index != int64(k) {
			t.Fatalf("proposal %d has index %d", k, p.Index)
		}
		if p.Point == nil {
			continue
		}
		found++
		if err := valid(space, p.Point); err != nil {
			t.Errorf("seed %d, proposal %d, %s: %v", l.plan.Seed, k, space.Key(p.Point), err)
		}
	}
	if found == 0 {
		t.Errorf("seed %d: no points in %d proposals", l.plan.Seed, proposals)
	}
}

// valid reports what is wrong with a point of a space.
func valid(space *sweep.Space, p sweep.Point) error {
	if len(p) != len(space.Params) {
		return fmt.Errorf("%d values for %d parameters", len(p), len(space.Params))
	}
	for i := range p {
		param := &space.Params[i]
		if !p[i].IsAbsent() && param.Derived == nil && !param.Domain.Contains(p[i]) {
			return fmt.Errorf("%s: %s is outside; want %s", param.Name, p[i], param.Domain.Want())
		}
	}
	again, ok, err := space.Complete(p)
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("a constraint does not hold")
	case space.Key(again) != space.Key(p):
		return fmt.Errorf("conditions and derived values make it %s", space.Key(again))
	}
	named := map[string]sweep.Value{}
	for i := range p {
		if !p[i].IsAbsent() && space.Params[i].Derived == nil {
			named[space.Params[i].Name] = p[i]
		}
	}
	_, err = space.FromNames(named) // zip groups
	return err
}

func (l laws) askIsPure(t *testing.T) {
	s, other := l.sampler(t), l.sampler(t)
	l.run(t, s, 0, 10, l.loss)
	l.run(t, other, 0, 10, l.loss)
	first := l.ask(t, s, 10, 8)
	l.ask(t, s, 3, 20)
	l.ask(t, s, 10, 1)
	if err := same(l.plan.Space, l.ask(t, s, 10, 8), first); err != nil {
		t.Errorf("seed %d: asked again: %v", l.plan.Seed, err)
	}
	if err := same(l.plan.Space, l.ask(t, other, 10, 8), first); err != nil {
		t.Errorf("seed %d: another sampler, told the same: %v", l.plan.Seed, err)
	}
}

func (l laws) sameAtAnyWidth(t *testing.T) {
	s := l.sampler(t)
	if s.Looks() {
		t.Skip("looks at results: what it proposes depends on what it knows")
	}
	all := l.ask(t, s, 0, proposals)
	narrow := l.sampler(t)
	if err := same(l.plan.Space, l.run(t, narrow, 0, proposals, l.loss), all); err != nil {
		t.Errorf("seed %d: one at a time: %v", l.plan.Seed, err)
	}
	var wide []sweep.Proposal
	for first := int64(0); first < proposals; first += 7 {
		wide = append(wide, l.ask(t, s, first, min(7, proposals-int(first)))...)
	}
	if err := same(l.plan.Space, wide, all); err != nil {
		t.Errorf("seed %d: seven at a time: %v", l.plan.Seed, err)
	}
}

func (l laws) seedMatters(t *testing.T) {
	if l.name == "grid" {
		t.Skip("a grid tries everything")
	}
	other := l
	other.plan.Seed++
	a, b := l.ask(t, l.sampler(t), 0, 20), other.ask(t, other.sampler(t), 0, 20)
	if same(l.plan.Space, a, b) == nil {
		t.Errorf("seeds %d and %d give the same points", l.plan.Seed, other.plan.Seed)
	}
}

func (l laws) replayContinues(t *testing.T) {
	const before = 25
	whole := l.sampler(t)
	told := l.run(t, whole, 0, before, l.loss)
	rest := l.run(t, whole, before, 20, l.loss)

	resumed := l.sampler(t)
	for _, p := range told {
		if p.Point != nil {
			resumed.Tell(sweep.Outcome{Proposal: p, State: sweep.Finished, Values: []float64{l.loss(p)}})
		}
	}
	if err := same(l.plan.Space, l.run(t, resumed, before, 20, l.loss), rest); err != nil {
		t.Errorf("seed %d: after %d outcomes: %v", l.plan.Seed, before, err)
	}
}

func (l laws) exhaustion(t *testing.T) {
	s := l.sampler(t)
	const many = 5000
	got := len(l.ask(t, s, 0, many))
	if got == many {
		return // it has no end, or a far one
	}
	if rest := l.ask(t, s, int64(got), 10); len(rest) > 0 {
		t.Errorf("%d of %d proposals, and then %d more", got, many, len(rest))
	}
	if far := l.ask(t, s, math.MaxInt64-5, 3); len(far) > 0 {
		t.Errorf("an end at %d, and yet there is proposal %d", got, far[0].Index)
	}
	if none := l.ask(t, s, 0, 0); len(none) > 0 {
		t.Errorf("asked for none: got %d", len(none))
	}
}

func (l laws) nanIsData(t *testing.T) {
	s := l.sampler(t)
	states := []sweep.State{sweep.Finished, sweep.Failed, sweep.Diverged, sweep.Pruned, sweep.Killed}
	values := [][]float64{{math.NaN()}, nil, {math.Inf(1)}, {math.Inf(-1)}, {0.5}}
	for i, p := range l.ask(t, s, 0, 25) {
		if p.Point != nil {
			s.Tell(sweep.Outcome{Proposal: p, State: states[i%5], Values: values[(i+i/5)%5]})
		}
	}
	for _, p := range l.ask(t, s, 25, 10) {
		if p.Point != nil {
			if err := valid(l.plan.Space, p.Point); err != nil {
				t.Errorf("seed %d, proposal %d: %v", l.plan.Seed, p.Index, err)
			}
		}
	}
}

// same reports the first difference between two lists of proposals.
func same(space *sweep.Space, got, want []sweep.Proposal) error {
	if len(got) != len(want) {
		return fmt.Errorf("got %d proposals, want %d", len(got), len(want))
	}
	for k := range got {
		g, w := got[k], want[k]
		if g.Index != w.Index || g.Note != w.Note || (g.Point == nil) != (w.Point == nil) ||
			g.Point != nil && string(space.AppendJSON(nil, g.Point)) != string(space.AppendJSON(nil, w.Point)) {
			return fmt.Errorf("proposal %d: got %d %s %q, want %d %s %q", k,
				g.Index, space.AppendJSON(nil, g.Point), g.Note, w.Index, space.AppendJSON(nil, w.Point), w.Note)
		}
	}
	return nil
}
