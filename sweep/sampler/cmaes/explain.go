package cmaes

import "fmt"

// Explain says which generation a proposal was drawn from.
func (s *Sampler) Explain(text string) string {
	gen, draw, ok := parseNote(text)
	if !ok {
		return "drawn from the normal distribution that moves towards the best points (CMA-ES)"
	}
	why := fmt.Sprintf("drawn from generation %d of the normal distribution that moves towards the best points (CMA-ES)", gen)
	if draw > 0 {
		why += fmt.Sprintf("; %d draws before it lay outside of the space or were forbidden by a constraint", draw)
	}
	return why
}
