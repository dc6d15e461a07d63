package gp

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Explain says what the model that a note stands for was fitted to, which
// parameters matter most to it, and how much of what it saw it takes for noise.
func (g *GP) Explain(text string) string {
	n, ok := parseNote(text, len(g.coords))
	if !ok {
		return "one of the first points, spread evenly (Sobol) until there is enough to learn from"
	}
	order := make([]int, len(n.theta.logLen))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := n.theta.logLen[a], n.theta.logLen[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	var names []string
	for _, i := range order[:min(3, len(order))] {
		dim := g.space.Dims()[i]
		name := g.space.Params[dim.Params[0]].Name
		for _, k := range dim.Params[1:] {
			name += "+" + g.space.Params[k].Name
		}
		names = append(names, name)
	}
	noise := "next to no noise"
	if eta := math.Exp(n.theta.logEta); eta > 0.005 {
		noise = fmt.Sprintf("%.0f %% of the spread as noise", 100*eta/(1+eta))
	}
	return fmt.Sprintf("the largest expected improvement under a Gaussian process of %d results, which sees most change along %s and %s",
		n.size, strings.Join(names, ", "), noise)
}
