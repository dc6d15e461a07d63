package cmaes

import (
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	tinyStep  = 1e-9  // of the cube's edge: no parameter is worth a finer look
	tinyRange = 1e-12 // of scores, relative to their size
	worstCond = 1e14  // of C
)

// restarts is where the random streams of restarts lie: far from those of
// proposals, of the file's points and of added points.
const restarts = -1 << 61

// A watch notices that a run has converged.
type watch struct {
	best []float64 // of each generation
}

// converged reports, after a generation, whether the run g has nothing left to
// find: steps, or the differences of scores, are too small to matter, or C is
// degenerate.
//
// Auger and Hansen, A restart CMA evolution strategy with increasing population
// size, CEC 2005, section 2.
func (w *watch) converged(g *gauss, members []member) bool {
	if g == nil {
		return false
	}
	w.best = append(w.best, members[0].score)
	still := true
	least, most := math.Inf(1), 0.0
	for i := range g.n {
		still = still && g.deviation(i) < tinyStep && math.Abs(g.pc[i])*g.sigma*g.s[i] < tinyStep
		least, most = min(least, g.l[i*g.n+i]), max(most, g.l[i*g.n+i])
	}
	if still || most/least > math.Sqrt(worstCond) {
		return true
	}
	span := 10 + int(math.Ceil(30*float64(g.n)/float64(g.lambda)))
	if len(w.best) < span {
		return false
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, f := range w.best[len(w.best)-span:] {
		lo, hi = min(lo, f), max(hi, f)
	}
	for _, m := range members {
		if m.class == members[0].class {
			hi = max(hi, m.score)
		}
	}
	return hi-lo <= tinyRange*max(math.Abs(lo), math.Abs(hi))
}

// begin starts the first run.
func (s *Sampler) begin(mean []float64) {
	s.watch = watch{}
	s.run = nil
	if len(s.axes) > 0 {
		s.run = newGauss(mean, firstSigma, s.lambda)
		s.keepMargin()
	}
}

// restart starts a run with twice the population somewhere else, and forgets
// all about choices.
func (s *Sampler) restart() {
	s.runs++
	s.lambda *= 2
	s.champion = nil
	rng := sweep.Query{Seed: s.seed}.Rand(restarts - int64(s.runs))
	mean := make([]float64, len(s.axes))
	for i := range mean {
		mean[i] = rng.Float64()
	}
	for j := range s.choices {
		copy(s.choices[j].odds, s.choices[j].prior)
	}
	s.begin(mean)
}
