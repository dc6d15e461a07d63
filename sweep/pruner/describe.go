package pruner

import "github.com/trawl-sweep/trawl/sweep"

// Describe says what the pruner of a repeat says; "" if it says nothing.
func (r *repeats) Describe() string {
	if d, ok := r.of[0].(sweep.Describer); ok {
		return d.Describe()
	}
	return ""
}
