package patience

import (
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// Describe says when a trial ends.
func (p *Pruner) Describe() string {
	s := fmt.Sprintf("ends a trial when its %s has not improved for %d reports", p.metric, p.patience)
	if p.delta > 0 {
		s = fmt.Sprintf("ends a trial when its %s has not improved by %s for %d reports", p.metric, rung.Format(p.delta), p.patience)
	}
	if p.minIter > 0 {
		s += fmt.Sprintf("; from step %d on", p.minIter)
	}
	if d, ok := p.then.(sweep.Describer); ok {
		s += "; and only where this rule agrees: " + d.Describe()
	}
	return s
}
