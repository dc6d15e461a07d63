package threshold

import (
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// Describe says when a trial ends.
func (p *Pruner) Describe() string {
	s := fmt.Sprintf("ends a trial when its %s is NaN", p.metric)
	if !math.IsInf(p.lower, -1) {
		s += " or below " + rung.Format(p.lower)
	}
	if !math.IsInf(p.upper, 1) {
		s += " or above " + rung.Format(p.upper)
	}
	if p.minIter > 0 {
		s += fmt.Sprintf("; from step %d on", p.minIter)
	}
	if p.interval > 1 {
		s += fmt.Sprintf("; looks every %d steps", p.interval)
	}
	return s
}
