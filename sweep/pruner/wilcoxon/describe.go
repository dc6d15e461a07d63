package wilcoxon

import (
	"fmt"

	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// Describe says when a trial ends.
func (p *Pruner) Describe() string {
	s := fmt.Sprintf("ends a trial when its %s is worse than the best trial's step by step (Wilcoxon's test, p < %s)", p.metric, rung.Format(p.level))
	if p.minSteps > 0 {
		s += fmt.Sprintf("; from %d steps on", p.minSteps)
	}
	return s
}
