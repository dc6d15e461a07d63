package nsga2

import (
	"math"
	"math/rand/v2"
)

// The parameters of Deb et al. (2002), section V; mutation hits one dimension
// of a child on average.
const (
	crossover = 0.9 // probability
	etaCross  = 20.0
	etaMutate = 20.0
	beyond    = 1e-9 // past the end of a cell: surely in the next, whatever rounding did
)

// sbx returns a child of x and y, x != y, by simulated binary crossover bounded
// to the unit interval: near x or near y, each as likely, with a spread that is
// the larger, the further they are apart. It crosses with probability 1/2 and
// else returns x.
func sbx(rng *rand.Rand, x, y float64) float64 {
	if rng.Float64() < 0.5 {
		return x
	}
	lo, hi := min(x, y), max(x, y)
	r, side := rng.Float64(), rng.Float64()
	room := lo // to the bound beyond the nearer parent
	if side < 0.5 {
		room = 1 - hi
	}
	beta := 1 + 2*room/(hi-lo)
	alpha := 2 - math.Pow(beta, -(etaCross+1))
	var q float64
	if r <= 1/alpha {
		q = math.Pow(r*alpha, 1/(etaCross+1))
	} else {
		q = math.Pow(1/(2-r*alpha), 1/(etaCross+1))
	}
	child := (lo + hi - q*(hi-lo)) / 2
	if side < 0.5 {
		child = (lo + hi + q*(hi-lo)) / 2
	}
	return max(0, min(1, child))
}

// mutate returns a neighbour of x.
func (g *gene) mutate(rng *rand.Rand, x float64) float64 {
	if !g.ordered {
		return rng.Float64()
	}
	y := polynomial(rng, x)
	if !g.stepped {
		return y
	}
	lo, hi := g.domain.Cell(x)
	switch {
	case y <= lo || y > hi:
		return y
	case y < x && lo > 0 || hi >= 1 && lo > 0:
		a, b := g.domain.Cell(lo - beyond)
		return (a + b) / 2
	case hi < 1:
		a, b := g.domain.Cell(hi + beyond)
		return (a + b) / 2
	}
	return x
}

// polynomial is polynomial mutation bounded to the unit interval.
func polynomial(rng *rand.Rand, x float64) float64 {
	r := rng.Float64()
	var d float64
	if r < 0.5 {
		d = math.Pow(2*r+(1-2*r)*math.Pow(1-x, etaMutate+1), 1/(etaMutate+1)) - 1
	} else {
		d = 1 - math.Pow(2*(1-r)+2*(r-0.5)*math.Pow(x, etaMutate+1), 1/(etaMutate+1))
	}
	return max(0, min(1, x+d))
}
