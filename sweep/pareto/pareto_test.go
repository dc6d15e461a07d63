package pareto

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Fronts against the definition: a point is of front k when the fronts before
// it are taken away and nothing left dominates it.
func TestFronts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		points := make([][]float64, rng.IntN(40))
		m := 1 + rng.IntN(4)
		for i := range points {
			points[i] = make([]float64, m)
			for k := range points[i] {
				points[i][k] = float64(rng.IntN(6)) // ties are common
			}
			if rng.IntN(10) == 0 {
				points[i][rng.IntN(m)] = math.NaN()
			}
		}
		if got, want := Fronts(points), peel(points); !slices.Equal(got, want) {
			t.Fatalf("points %v: got %v, want %v", points, got, want)
		}
	}
}

func peel(points [][]float64) []int {
	front := make([]int, len(points))
	for k := 1; ; k++ {
		var next []int
		for i, p := range points {
			dominated := front[i] > 0 || !finite(p)
			for j, q := range points {
				dominated = dominated || front[j] == 0 && finite(q) && Dominates(q, p)
			}
			if !dominated {
				next = append(next, i)
			}
		}
		if next == nil {
			return front
		}
		for _, i := range next {
			front[i] = k
		}
	}
}

func TestCrowding(t *testing.T) {
	points := [][]float64{{0, 10}, {1, 6}, {4, 4}, {10, 0}, {math.Inf(1), 0}, {11, 11}}
	front := Fronts(points)
	if !slices.Equal(front, []int{1, 1, 1, 1, 0, 2}) {
		t.Fatalf("fronts %v", front)
	}
	d := Crowding(points, front)
	inf := math.Inf(1)
	if !slices.Equal(d, []float64{inf, 0.4 + 0.6, 0.9 + 0.6, inf, 0, inf}) {
		t.Errorf("crowding %v", d)
	}
	if got := Order(front, d); !slices.Equal(got, []int{0, 3, 2, 1, 5}) {
		t.Errorf("order %v", got)
	}
}
