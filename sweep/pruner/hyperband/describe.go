package hyperband

import (
	"fmt"
	"strings"

	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// shown is how many bands Describe lists.
const shown = 4

// Describe says at which reports a trial may end, and when it does.
func (p *Pruner) Describe() string {
	var at []string
	for _, b := range p.bands[:min(shown, len(p.bands))] {
		at = append(at, fmt.Sprint(b))
	}
	list := strings.Join(at, ", ")
	if len(p.bands) > shown {
		list += " …"
	}
	when := "from there to the next"
	if p.strict {
		when = "there"
	}
	return fmt.Sprintf("ends a trial at reports %s when its best %s %s is worse than what the best 1/%s of the trials reached (W&B's rule)",
		list, p.metric, when, rung.Format(p.eta))
}
