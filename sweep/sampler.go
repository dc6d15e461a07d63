package sweep

import "math/rand/v2"

// A Sampler proposes points.
//
// Its state is the fold of the Tell calls and of nothing else: Ask must leave
// the sampler unchanged. So a sweep resumes by telling a new sampler the
// journal again, and a proposal can be recomputed from the journal alone.
// A Sampler is used by one goroutine. samplertest states these laws as tests.
type Sampler interface {
	// Ask returns the proposals with indices q.First … q.First+q.N-1. Fewer
	// than q.N means that the sampler has no more. A proposal with a nil Point
	// is one that the sampler skips (a grid point that a constraint forbids).
	Ask(q Query) ([]Proposal, error)
	// Tell says how a point came out. Points are told once, in the order in
	// which the journal settled them.
	Tell(o Outcome)
	// Looks reports whether proposals depend on what was told. If not, they
	// depend on (seed, index) alone, and repeats run in rounds.
	Looks() bool
}

// An Explainer is a Sampler that says, in a line and in words a practitioner
// uses, why it made a proposal: from the note that the proposal carries, and
// from what it was told. Most say the same of every proposal.
type Explainer interface {
	Explain(note string) string
}

// A Describer says in a line, in words a practitioner uses, what it is going to
// do: a Sampler that chooses, a Pruner with its defaults.
type Describer interface {
	Describe() string
}

// A Query asks for proposals.
type Query struct {
	First   int64 // index of the first proposal, from 0
	N       int   // how many
	Seed    int64 // of the sweep
	Pending []Proposal
}

// Rand returns the random stream of proposal i: the same whatever else was
// asked, and for whatever number of trials at a time.
func (q Query) Rand(i int64) *rand.Rand {
	return rand.New(rand.NewPCG(mix(uint64(q.Seed)), mix(uint64(i)^0x9e3779b97f4a7c15)))
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A Proposal is a point that a sampler wants tried.
type Proposal struct {
	Index int64
	Point Point  // nil: skipped
	Note  string // what the sampler must remember; comes back in Tell
}

// An Outcome is how a point came out: the mean over its repeats.
type Outcome struct {
	Proposal
	State  State
	Values []float64 // one per objective; may be NaN; nil if there is none
}

// A Plan is what a sampler is built from.
type Plan struct {
	Space      *Space
	Objectives []Objective
	Seed       int64
	RunCap     int              // points to propose at most; 0: no limit
	Options    map[string]Value // keys of the file that belong to the method: `order: shuffled`
}
