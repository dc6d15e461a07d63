package loop

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/race"
)

// A Planner turns a sampler's proposals into trials: user points first, then
// proposals without earlier repeats, each point with all its seeds.
//
// Its state is the fold of the Proposed events (Fold) and of the outcomes
// (Settle); Next changes it exactly as folding its own result would, except
// that nothing is forgotten when the caller cannot write the events down.
// A Planner is used by one goroutine.
//
// Points with several repeats run in rounds (all points with the first seed,
// then all with the second) where the sampler does not look at results and has
// an end; else the repeats of a point run next to each other. In a race a point
// that is clearly worse gets no further repeats; with a run cap more points are
// tried in their place.
type Planner struct {
	spec     *sweep.Spec
	sampler  sweep.Sampler
	revision int

	next      int64 // index of the next proposal to ask for
	user      int   // points of the file taken so far
	exhausted bool
	searching bool  // the last call of fresh looked for some time and is not through
	streak    int   // proposals in a row that brought no new point
	trials    int64 // proposed so far
	points    []point
	current   int              // points of this revision
	seen      map[uint64]int32 // hash of the key → index into points
	hash      maphash.Seed
	cursor    []int                   // per round: the first point that may still lack it
	keep      bool                    // points must be kept: more than one repeat, or duplicates are possible
	count     int64                   // points proposed
	firsts    int64                   // first repeats proposed: the points, and duplicates where they are allowed
	means     map[sweep.PointID]*mean // of points not told yet; samplers that look
	learned   int64                   // outcomes of other sweeps told
	race      *race.Race              // nil: every point has all its repeats
	drops     []*sweep.Note           // not taken by Drops yet
}

// point is what the planner keeps of a point: 24 bytes.
type point struct {
	proposal int64 // index in the sampler's order; user points -1, -2, …; added points as JSON in extra
	id       sweep.PointID
	done     uint16 // repeats proposed
	current  bool   // proposed by this revision
	closed   bool   // a repeat was ended early, or it lost the race: no more of them
}

// mean is a point that a sampler which looks has not been told of yet.
type mean struct {
	proposal sweep.Proposal
	values   []float64 // sums over the repeats that ended
	n        int       // repeats that ended
	valued   int       // those with a value
	repeats  int       // how many there will be, if not all
	state    sweep.State
}

// NewPlanner returns the planner of a spec at a revision, with nothing
// proposed.
func NewPlanner(spec *sweep.Spec, s sweep.Sampler, revision int) *Planner {
	n := spec.Repeats.N()
	p := &Planner{spec: spec, sampler: s, revision: revision,
		seen: map[uint64]int32{}, hash: maphash.MakeSeed(), cursor: make([]int, n+1)}
	p.keep = n > 1 || spec.Sampler != "grid" || len(spec.Points) > 0
	if s.Looks() {
		p.means = map[sweep.PointID]*mean{}
	}
	if spec.Repeats.Race && n > 1 && len(spec.Objectives) > 0 {
		p.race = race.New(spec.Objectives[0].Goal, n)
	}
	return p
}

// Fold takes a Proposed event of the journal, of this or an earlier revision.
func (p *Planner) Fold(e *sweep.Proposed) {
	p.open(e)
	p.trials = max(p.trials, int64(e.Trial))
	if e.Repeat == 1 {
		p.firsts++
	}
	p.count = max(p.count, int64(e.PointID))
	if e.Revision < p.revision {
		p.keep = true // an earlier revision's points are history
	} else if e.Proposal >= 0 {
		p.next = max(p.next, e.Proposal+1)
	} else if e.Proposal >= -int64(len(p.spec.Points)) {
		p.user = max(p.user, int(-e.Proposal))
	} else {
		p.startKeeping() // a point that the user added may come up again
	}
	if !p.keep {
		return
	}
	i, ok := p.seen[p.sum(e.Key)]
	if !ok {
		i = p.add(e.Key, e.PointID, e.Proposal, e.Revision == p.revision)
	} else if e.Revision == p.revision && !p.points[i].current {
		p.points[i].current, p.points[i].proposal = true, e.Proposal
		p.current++
	}
	p.points[i].done = max(p.points[i].done, uint16(e.Repeat))
}

// FoldOld is Fold for a point of an earlier revision: e.Point becomes what it is
// in the present space, which may have more parameters. A point outside of it
// is history that the sampler does not hear of.
func (p *Planner) FoldOld(e *sweep.Proposed, space *sweep.Space) {
	inside := false
	e.Point, inside = space.Adopt(e.Point)
	f := *e
	f.Key = space.Key(e.Point)
	if !inside {
		f.Point = nil
	}
	p.Fold(&f)
}

// Learn tells the sampler what other sweeps found, as e has it, where that lies
// in the space.
func (p *Planner) Learn(e *sweep.SpecSet, space *sweep.Space) error {
	if p.means == nil {
		return nil
	}
	for _, x := range e.Learned {
		pt, err := space.ParseJSON([]byte(x.Params))
		if err != nil {
			return err
		}
		if pt, inside := space.Adopt(pt); inside {
			p.learned++ // no proposal has such an index
			p.sampler.Tell(sweep.Outcome{Proposal: sweep.Proposal{Index: math.MinInt64/2 - p.learned, Point: pt}, State: x.State, Values: x.Values})
		}
	}
	return nil
}

// startKeeping takes up the points so far of a planner that kept none.
func (p *Planner) startKeeping() {
	if p.keep {
		return
	}
	p.keep = true
	id := sweep.PointID(0)
	for i := int64(0); i < p.next; i++ {
		got, err := p.sampler.Ask(sweep.Query{First: i, N: 1, Seed: p.spec.Seed})
		if err != nil || len(got) == 0 || got[0].Point == nil {
			continue // it was no trial then either
		}
		id++
		p.points[p.add(p.spec.Space.Key(got[0].Point), id, i, true)].done = 1
	}
}

func (p *Planner) sum(key string) uint64 { return maphash.String(p.hash, key) }

func (p *Planner) add(key string, id sweep.PointID, proposal int64, current bool) int32 {
	i := int32(len(p.points))
	p.points = append(p.points, point{proposal: proposal, id: id, current: current})
	if current {
		p.current++
	}
	p.seen[p.sum(key)] = i
	p.count = max(p.count, int64(id))
	return i
}

// Trials is the number of trials proposed so far.
func (p *Planner) Trials() int64 { return p.trials }

// Revision is the revision of the sweep that it plans.
func (p *Planner) Revision() int { return p.revision }

// Total is the number of trials that the sweep will have, if that is known.
func (p *Planner) Total(grid func() (int64, bool)) (n int64, ok bool) {
	rep := int64(p.spec.Repeats.N())
	n, ok = math.MaxInt64, false
	if p.spec.RunCap > 0 {
		n, ok = p.pointCap()*rep, true
	}
	if p.spec.Sampler == "points" {
		return min(n, int64(len(p.spec.Points))*rep), true
	}
	if grid != nil {
		if g, exact := grid(); exact && g <= math.MaxInt64/rep {
			n, ok = min(n, g*rep), true
		}
	}
	return n, ok
}

func (p *Planner) pointCap() int64 {
	if p.spec.RunCap <= 0 {
		return math.MaxInt64
	}
	n := int64(p.spec.Repeats.N())
	return (int64(p.spec.RunCap) + n - 1) / n
}

// rounds reports whether all points run with the first seed before any runs
// with the second.
func (p *Planner) rounds() bool {
	return !p.sampler.Looks() && (p.spec.RunCap > 0 || p.spec.Sampler == "grid" || p.spec.Sampler == "points" || p.spec.Sampler == "lhs")
}

// open makes the point of e one that the sampler waits for.
func (p *Planner) open(e *sweep.Proposed) {
	if p.means == nil || p.means[e.PointID] != nil {
		return
	}
	p.means[e.PointID] = &mean{state: sweep.Finished,
		proposal: sweep.Proposal{Index: e.Proposal, Point: e.Point, Note: e.Note}}
}

// pending returns the points that the sampler was not told of, the earliest
// first: a function of the journal, as Query wants it.
func (p *Planner) pending() []sweep.Proposal {
	if len(p.means) == 0 {
		return nil
	}
	out := make([]sweep.Proposal, 0, len(p.means))
	for _, id := range slices.Sorted(maps.Keys(p.means)) {
		if m := p.means[id]; m.proposal.Point != nil { // else outside of an extended space
			out = append(out, m.proposal)
		}
	}
	return out
}

// Next returns up to n new trials; fewer when the sweep has no more for now.
func (p *Planner) Next(n int) ([]*sweep.Proposed, error) {
	for out := []*sweep.Proposed(nil); ; {
		got, searching, err := p.Some(n - len(out))
		out = append(out, got...)
		if err != nil || !searching {
			return out, err
		}
	}
}

// Some is Next for callers that have more to do than to wait: searching says
// that it gave up for now, though a call from the same state goes on and may
// find more.
func (p *Planner) Some(n int) (out []*sweep.Proposed, searching bool, err error) {
	for len(out) < n {
		e, err := p.one()
		if err != nil {
			return out, false, err
		}
		if e == nil {
			return out, p.searching, nil
		}
		out = append(out, e)
	}
	return out, false, nil
}

func (p *Planner) one() (*sweep.Proposed, error) {
	if !p.rounds() {
		if e, err := p.repeat(len(p.points) - 1); e != nil || err != nil {
			return e, err
		}
	}
	if p.keepGoing() {
		e, err := p.fresh()
		if e != nil || err != nil || p.searching {
			return e, err
		}
	}
	for r := 2; r <= p.spec.Repeats.N(); r++ {
		for ; p.cursor[r] < len(p.points); p.cursor[r]++ {
			i := p.cursor[r]
			if pt := &p.points[i]; pt.current && !pt.closed && int(pt.done) < r {
				return p.repeat(i)
			}
		}
	}
	if p.race != nil && !p.exhausted && p.trials < int64(p.spec.RunCap) { // the rounds are over: what they saved
		return p.fresh()
	}
	return nil, nil
}

func (p *Planner) keepGoing() bool {
	if p.exhausted {
		return false
	}
	switch {
	case p.spec.RunCap <= 0:
		return true
	case p.race != nil && p.sampler.Looks(): // what a race saves goes to further points
		return p.trials < int64(p.spec.RunCap)
	}
	return p.firsts < p.pointCap()
}

// DrawnNote marks a proposal that was drawn in place of a repetition.
const DrawnNote = "drawn"

// fill completes a point that the user gave in part: the rest is drawn.
func (p *Planner) fill(values map[string]sweep.Value, index int64) (sweep.Point, error) {
	given, err := p.spec.Space.FromNames(values)
	if err != nil {
		return nil, err
	}
	pt, ok, err := p.spec.Space.Draw(given, sweep.Query{Seed: p.spec.Seed}.Rand(index))
	if err == nil && !ok {
		err = errors.New("the constraints do not hold there")
	}
	return pt, err
}

// propose makes the first trial of a point, or returns nil if the point is not
// new.
func (p *Planner) propose(pt sweep.Point, proposal int64, note string) *sweep.Proposed {
	key := p.spec.Space.Key(pt)
	if !p.keep {
		p.count++
		return p.event(pt, key, proposal, sweep.PointID(p.count), 1, note)
	}
	i, old := p.seen[p.sum(key)]
	switch {
	case !old:
		p.count++
		i = p.add(key, sweep.PointID(p.count), proposal, true)
	case !p.points[i].current:
		p.points[i].current, p.points[i].proposal = true, proposal
		p.current++
		if p.points[i].done > 0 {
			return nil // an earlier revision ran it; rounds give what it lacks
		}
	case p.spec.Duplicates != "allow" && p.spec.Duplicates != "reuse":
		return nil
	default:
		e := p.event(pt, key, proposal, p.points[i].id, 1, note)
		return e
	}
	p.points[i].done = 1
	return p.event(pt, key, proposal, p.points[i].id, 1, note)
}

// repeat returns the next repeat of the i-th point, nil if it has them all.
func (p *Planner) repeat(i int) (*sweep.Proposed, error) {
	if i < 0 || !p.points[i].current || p.points[i].closed || int(p.points[i].done) >= p.spec.Repeats.N() {
		return nil, nil
	}
	var pt sweep.Point
	var note string
	if m := p.means[p.points[i].id]; m != nil { // the sampler would say something else now
		pt, note = m.proposal.Point, m.proposal.Note
	} else {
		var err error
		if pt, note, err = p.point(p.points[i].proposal); err != nil {
			return nil, err
		}
	}
	p.points[i].done++
	return p.event(pt, p.spec.Space.Key(pt), p.points[i].proposal, p.points[i].id, int(p.points[i].done), note), nil
}

// Key computes the key of a proposal again, as a proof that it follows from
// the file and the seed. Points that the user added have none: ok is false.
func (p *Planner) Key(proposal int64) (key string, ok bool, err error) {
	if proposal < -int64(len(p.spec.Points)) || p.Looks() {
		return "", false, nil
	}
	pt, _, err := p.point(proposal)
	if err != nil {
		return "", true, err
	}
	return p.spec.Space.Key(pt), true, nil
}

// point computes the point of a proposal again.
func (p *Planner) point(index int64) (sweep.Point, string, error) {
	if index < 0 {
		if int(-index) > len(p.spec.Points) {
			return nil, "", fmt.Errorf("proposal %d: no such point in the file", index)
		}
		pt, err := p.fill(p.spec.Points[-index-1], index)
		return pt, "", err
	}
	got, err := p.sampler.Ask(sweep.Query{First: index, N: 1, Seed: p.spec.Seed})
	if err != nil {
		return nil, "", err
	}
	if len(got) == 0 || got[0].Point == nil {
		return nil, "", fmt.Errorf("proposal %d cannot be computed again", index)
	}
	return got[0].Point, got[0].Note, nil
}

// Add makes the trials of a point that the user asks for: one per repeat.
func (p *Planner) Add(values map[string]sweep.Value) ([]*sweep.Proposed, error) {
	index := int64(math.MinInt64) + p.trials // never a proposal, never a point of the file
	pt, err := p.fill(values, index)
	if err != nil {
		return nil, err
	}
	key := p.spec.Space.Key(pt)
	p.startKeeping()
	id, first := sweep.PointID(p.count+1), 1
	if i, ok := p.seen[p.sum(key)]; ok {
		id, first = p.points[i].id, int(p.points[i].done)+1
		if first > p.spec.Repeats.N() {
			return nil, fmt.Errorf("point %s: it is in the sweep already", key)
		}
	}
	var out []*sweep.Proposed
	for r := first; r <= p.spec.Repeats.N(); r++ {
		e := p.event(pt, key, index, id, r, "")
		out = append(out, e)
	}
	for _, e := range out {
		p.Fold(e)
	}
	p.firsts -= int64(max(0, 2-first)) // counted by event and by Fold
	return out, nil
}

func (p *Planner) event(pt sweep.Point, key string, proposal int64, id sweep.PointID, repeat int, note string) *sweep.Proposed {
	p.trials++
	if repeat == 1 {
		p.firsts++
	}
	seed := p.spec.Seed
	if len(p.spec.Repeats.Seeds) > 0 {
		seed = p.spec.Repeats.Seeds[repeat-1]
	}
	e := &sweep.Proposed{
		Trial: sweep.TrialID(p.trials), Proposal: proposal, PointID: id, Key: key,
		Params: Params(p.spec, pt, seed), Repeat: repeat, Planned: p.spec.Repeats.N(),
		Seed: seed, Revision: p.revision, Note: note, Point: pt,
	}
	p.open(e)
	return e
}

// Params returns the JSON of all values of a trial: those of the point, and the
// seed under the name of the repeat parameter.
func Params(spec *sweep.Spec, pt sweep.Point, seed int64) string {
	b := spec.Space.AppendJSON(make([]byte, 0, 128), pt)
	if name := spec.Repeats.Parameter; name != "" && len(spec.Repeats.Seeds) > 0 {
		b = b[:len(b)-1]
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = sweep.StringValue(name).AppendJSON(b)
		b = append(b, ':')
		b = strconv.AppendInt(b, seed, 10)
		b = append(b, '}')
	}
	return string(b)
}

// Settle tells the sampler a point once all its repeats have ended. Samplers
// that do not look at results are told nothing.
func (p *Planner) Settle(t sweep.Trial, values []float64) {
	repeats := p.spec.Repeats.N()
	if t.State == sweep.Pruned && repeats > 1 {
		repeats = p.close(t.PointID)
	}
	if p.race != nil && t.State == sweep.Finished && len(values) > 0 {
		defer p.raced(p.race.Add(t.PointID, t.Repeat, values[0]))
	}
	if p.means == nil {
		return
	}
	m := p.means[t.PointID]
	if m == nil {
		return // told before: a trial that was tried again
	}
	m.n++
	if t.State != sweep.Finished {
		m.state = t.State
	}
	if len(values) > 0 {
		m.valued++
	}
	for i, v := range values {
		if len(m.values) <= i {
			m.values = append(m.values, 0)
		}
		m.values[i] += v
	}
	if t.State == sweep.Pruned {
		m.repeats = repeats
	}
	if m.n < cmp.Or(m.repeats, repeats) {
		return
	}
	p.tellOf(t.PointID)
}

// close says that a point gets no further repeats, and returns how many it has.
func (p *Planner) close(id sweep.PointID) (repeats int) {
	// Points are numbered in the order in which they were added.
	i, ok := slices.BinarySearchFunc(p.points, id, func(pt point, id sweep.PointID) int { return cmp.Compare(pt.id, id) })
	if !ok {
		return p.spec.Repeats.N()
	}
	p.points[i].closed = true
	return int(p.points[i].done)
}

// raced takes in which points lost the race. The sampler hears of them once the
// repeats that they have are over.
func (p *Planner) raced(drops []race.Drop) {
	for _, d := range drops {
		p.drops = append(p.drops, &sweep.Note{What: "dropped", Point: d.Point, Text: d.Reason})
		n := p.close(d.Point)
		if m := p.means[d.Point]; m != nil {
			if m.repeats = n; m.n >= n {
				p.tellOf(d.Point)
			}
		}
	}
}

// Drops returns a note on each point that lost the race since the last call. The
// decision follows from the results before it; the note is for people.
func (p *Planner) Drops() []*sweep.Note {
	out := p.drops
	p.drops = nil
	return out
}

// tellOf tells the sampler the mean of a point.
func (p *Planner) tellOf(id sweep.PointID) {
	m := p.means[id]
	for i := range m.values {
		m.values[i] /= float64(m.valued)
	}
	delete(p.means, id)
	if m.proposal.Point != nil { // else it lies outside of an extended space
		p.sampler.Tell(sweep.Outcome{Proposal: m.proposal, State: m.state, Values: m.values})
	}
}

// Looks reports whether what comes next depends on results: the sampler looks
// at them, the repeats are a race, or a point of which one was pruned gets no
// more of them.
func (p *Planner) Looks() bool {
	return p.sampler.Looks() || p.race != nil || p.spec.EarlyTerminate != nil && p.spec.Repeats.N() > 1
}
