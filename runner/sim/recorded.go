package sim

import "github.com/trawl-sweep/trawl/sweep"

// Recorded proposes the rows of a table, each once: in the order of the table
// with seed 0, so that a sweep of the past runs again as it did; in an order of
// its own with any other.
type Recorded struct{ points []sweep.Point }

// NewRecorded returns the sampler for the space that t.Space returned.
func NewRecorded(t *Table, space *sweep.Space, seed int64) *Recorded {
	r := &Recorded{points: make([]sweep.Point, len(t.Rows))}
	n := int64(len(t.Rows))
	for i := range r.points {
		row := int64(i)
		if seed != 0 {
			row = sweep.Shuffle(row, n, uint64(seed))
		}
		r.points[i] = t.Point(space, int(row))
	}
	return r
}

// Ask returns rows, up to the last.
func (r *Recorded) Ask(q sweep.Query) ([]sweep.Proposal, error) {
	var out []sweep.Proposal
	for i := q.First; i < q.First+int64(q.N) && i < int64(len(r.points)); i++ {
		out = append(out, sweep.Proposal{Index: i, Point: r.points[i]})
	}
	return out, nil
}

// Tell does nothing.
func (r *Recorded) Tell(sweep.Outcome) {}

// Looks is false.
func (r *Recorded) Looks() bool { return false }
