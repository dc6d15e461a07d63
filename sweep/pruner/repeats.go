package pruner

import "github.com/trawl-sweep/trawl/sweep"

// repeats holds one pruner for each repeat. All points run with the same seeds,
// so the first repeats of all points meet the same data split and
// initialisation; a hard split would make every trial of it look bad beside
// trials of others. And repeats of one good point, held against each other,
// would end all but the best of them, and the point could not rank.
type repeats struct {
	build func() (sweep.Pruner, error)
	of    []sweep.Pruner        // by repeat; nil: none has reported
	at    map[sweep.TrialID]int // index in of
}

// newRepeats checks that build works by making the pruner of the first repeat.
func newRepeats(build func() (sweep.Pruner, error)) (sweep.Pruner, error) {
	first, err := build()
	if err != nil {
		return nil, err
	}
	return &repeats{build: build, of: []sweep.Pruner{first}, at: map[sweep.TrialID]int{}}, nil
}

// Observe folds a report into the pruner of its repeat; repeat 0 counts as 1.
func (r *repeats) Observe(o sweep.Observation) sweep.Verdict {
	i := max(o.Repeat, 1) - 1
	for len(r.of) <= i {
		r.of = append(r.of, nil)
	}
	if r.of[i] == nil {
		p, err := r.build()
		if err != nil {
			panic("pruner: " + err.Error()) // it built before
		}
		r.of[i] = p
	}
	r.at[o.Trial] = i
	return r.of[i].Observe(o)
}

// Settle passes on to the pruner that knows the trial.
func (r *repeats) Settle(t sweep.TrialID, s sweep.State) {
	if i, ok := r.at[t]; ok {
		r.of[i].Settle(t, s)
	}
}
