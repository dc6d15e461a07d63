package percentile

import (
	"fmt"

	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// Describe says when a trial ends.
func (p *Pruner) Describe() string {
	than := "the median"
	if p.share != 50 {
		than = fmt.Sprintf("the best %s %%", rung.Format(p.share))
	}
	s := fmt.Sprintf("ends a trial when its best %s so far is worse than %s of the finished trials at that step", p.metric, than)
	if p.minIter > 0 {
		s += fmt.Sprintf("; from step %d on", p.minIter)
	}
	if p.interval > 1 {
		s += fmt.Sprintf("; looks every %d steps", p.interval)
	}
	if p.minTrials > 0 {
		s += fmt.Sprintf("; ends nothing until %d trials have finished", p.minTrials)
	}
	return s
}
