package loop

import (
	"errors"
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
)

// streakLimit bounds the proposals in a row that bring no new point: a finite
// space is used up, or its constraints leave nothing. One that was drawn in
// vain a thousand times counts for drawnInVain: 4 million draws take seconds.
const (
	streakLimit = 200_000
	drawnInVain = 50
)

// searchSlice is how many proposals that bring nothing are looked at in one go:
// a tenth of a second where each is drawn a thousand times. A sampler that looks
// at results searches through: what ends meanwhile would change its mind.
const searchSlice = 200

// repeatsItself is how often in a row a sampler that looks at results may
// propose what was tried already, before chance takes its place for a trial: a
// model that is sure of its best point would name it for ever.
const repeatsItself = 20

// fresh returns the first trial of the next new point, or nil when there is
// none, or none was found for some time (searching).
func (p *Planner) fresh() (*sweep.Proposed, error) {
	p.searching = false
	for p.user < len(p.spec.Points) {
		p.user++
		pt, err := p.fill(p.spec.Points[p.user-1], int64(-p.user))
		if err != nil {
			return nil, fmt.Errorf("points[%d]: %w", p.user-1, err)
		}
		if e := p.propose(pt, int64(-p.user), ""); e != nil {
			return e, nil
		}
	}
	for i := 0; i < searchSlice || p.means != nil; i++ {
		if done, err := p.usedUp(); done {
			p.exhausted, p.streak = true, 0
			return nil, err
		}
		got, err := p.ask(p.streak)
		if err != nil {
			return nil, err
		}
		if len(got) == 0 {
			p.exhausted, p.streak = true, 0
			return nil, nil
		}
		p.next++
		p.streak++
		if got[0].Point == nil {
			if p.spec.Sampler == "random" || p.drawing() {
				p.streak += drawnInVain - 1
			}
			continue
		}
		if e := p.propose(got[0].Point, got[0].Index, got[0].Note); e != nil {
			p.streak = 0
			return e, nil
		}
	}
	p.searching = true
	return nil, nil
}

// usedUp reports whether there is nothing new to be found; the error says so
// if there never was.
func (p *Planner) usedUp() (bool, error) {
	size, finite := p.spec.Space.Finite()
	if finite && p.keep && p.spec.Duplicates != "allow" && p.spec.Duplicates != "reuse" && int64(p.current) >= size {
		return true, nil
	}
	if p.streak <= streakLimit || p.spec.Sampler == "grid" {
		return false, nil
	}
	if p.count == 0 {
		return true, errors.New("no point satisfies the constraints: all that were drawn are refused; want constraints that leave some of the space")
	}
	return true, nil
}

// drawing reports whether chance takes the place of a sampler that repeats
// itself.
func (p *Planner) drawing() bool { return p.means != nil && p.streak > repeatsItself }

// ask asks for the next proposal, after streak ones that brought nothing new.
func (p *Planner) ask(streak int) ([]sweep.Proposal, error) {
	if p.means == nil || streak < repeatsItself {
		return p.sampler.Ask(sweep.Query{First: p.next, N: 1, Seed: p.spec.Seed, Pending: p.pending()})
	}
	pt, ok, err := p.spec.Space.Draw(make(sweep.Point, len(p.spec.Space.Params)), sweep.Query{Seed: p.spec.Seed}.Rand(p.next))
	if err != nil || !ok {
		return []sweep.Proposal{{Index: p.next}}, err
	}
	return []sweep.Proposal{{Index: p.next, Point: pt, Note: DrawnNote}}, nil
}
