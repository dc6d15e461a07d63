package nsga2

// Explain says how proposals come about.
func (s *Sampler) Explain(string) string {
	return "bred from the points of the best fronts by crossover and mutation (NSGA-II); the first generation is spread at random"
}
