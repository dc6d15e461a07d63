package tpe

import (
	"math"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

// split orders the points told.
type split struct {
	score []float64
	order []int32
	ok    int
}

func (s *split) ranked() int { return s.ok }

func (s *split) add(o sweep.Outcome, goals []sweep.Goal) {
	y := math.Inf(1)
	if o.State == sweep.Finished && len(o.Values) >= 1 && !math.IsNaN(o.Values[0]) && !math.IsInf(o.Values[0], 0) {
		y = goals[0].Score(o.Values[0])
		s.ok++
	}
	i := int32(len(s.score))
	s.score = append(s.score, y)
	at, _ := slices.BinarySearchFunc(s.order, y, func(j int32, y float64) int {
		if s.score[j] <= y {
			return -1
		}
		return 1
	})
	s.order = slices.Insert(s.order, at, i)
}

func (s *split) best(n int) []int32 { return s.order[:min(n, len(s.order))] }
