package asha

import (
	"fmt"
	"strings"

	"github.com/trawl-sweep/trawl/sweep/pruner/rung"
)

// shown is how many rungs Describe lists.
const shown = 4

// Describe says at which steps a trial may end, and when it does.
func (p *Pruner) Describe() string {
	rule := fmt.Sprintf("when its %s is not among the best 1/%s of the trials that came there", p.metric, rung.Format(p.eta))
	if !p.fixed {
		return fmt.Sprintf("ends nothing until a trial has finished; then ends a trial at 1/%d of its length, and at %s, %s … times that, %s",
			graceShare, rung.Format(p.eta), rung.Format(p.eta*p.eta), rule)
	}
	var steps []string
	for k := range shown + 1 {
		l := p.rung(k)
		if l == nil {
			break
		}
		if k == shown {
			steps = append(steps, "…")
			break
		}
		steps = append(steps, fmt.Sprint(l.step))
	}
	return "ends a trial at steps " + strings.ReplaceAll(strings.Join(steps, ", "), ", …", " …") + " " + rule
}
