package sweep

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Decode returns the value at u of the unit interval: the quantile function of
// the distribution. It is total: u below 0 or NaN counts as 0, above 1 as 1,
// and the ends of unbounded distributions are the outermost float64 quantiles.
//
// A value of a uniform discrete domain owns the cell (k/n, (k+1)/n], closed
// above as in scipy's randint and so in W&B; choices with probabilities own
// cells closed below, as W&B's do.
func (d Domain) Decode(u float64) Value {
	if !(u > 0) {
		u = 0
	} else if u > 1 {
		u = 1
	}
	switch {
	case d.Dist == Constant:
		return d.Values[0]
	case d.Dist == Categorical:
		return d.Values[cell(u, int64(len(d.Values)))]
	case d.Dist == CategoricalWeighted:
		return d.Values[d.weighted(u)]
	case d.Dist == IntUniform && !d.Log:
		return IntValue(int64(d.Min) + cell(u, int64(d.Max-d.Min)+1))
	case d.Dist == IntUniform:
		a, b := math.Log(d.Min-0.5), math.Log(d.Max+0.5)
		x := math.Round(math.Exp(a + u*(b-a)))
		return IntValue(int64(clamp(x, d.Min, d.Max)))
	}
	x := d.quantile(u)
	if !d.quantised() {
		return FloatValue(x)
	}
	kmin, kmax := d.steps()
	return d.multiple(clamp(round(x/d.Q), kmin, kmax))
}

// cell returns which of n equal cells, closed above, holds u.
func cell(u float64, n int64) int64 {
	k := min(max(int64(math.Ceil(u*float64(n)))-1, 0), n-1)
	if k > 0 && float64(k)/float64(n) >= u { // the product was rounded up
		k--
	}
	return k
}

// weighted returns the first choice whose cumulated probability exceeds u.
func (d *Domain) weighted(u float64) int {
	last, sum := 0, 0.0
	for i, p := range d.Probabilities {
		if p == 0 {
			continue
		}
		last, sum = i, sum+p
		if u < sum {
			break
		}
	}
	return last
}

// quantile is the inverse of cdf, before any rounding to steps.
func (d *Domain) quantile(u float64) float64 {
	lo, hi := d.bounds()
	switch d.family() {
	case linear:
		return clamp(d.Min+u*(d.Max-d.Min), lo, hi)
	case logarithmic:
		if u <= 0 {
			return lo
		} else if u >= 1 {
			return hi
		}
		a, b := d.logs()
		return clamp(math.Exp(a+u*(b-a)), lo, hi)
	}
	u = clamp(u, 0x1p-54, 1-0x1p-53)
	switch d.family() {
	case gaussian:
		return d.Mu + d.Sigma*mathext.NormalQuantile(u)
	case logGaussian:
		return math.Exp(d.Mu + d.Sigma*mathext.NormalQuantile(u))
	}
	return d.betaQuantile(u)
}

// betaQuantile solves I_x(A, B) = u. The library's inverse stops early near the
// ends, so Newton's method finishes; in the lower tail x may underflow to 0.
func (d *Domain) betaQuantile(u float64) float64 {
	x := mathext.InvRegIncBeta(d.A, d.B, u)
	norm := mathext.Lbeta(d.A, d.B)
	for range 4 {
		if x <= 0 || x >= 1 {
			break
		}
		density := math.Exp((d.A-1)*math.Log(x) + (d.B-1)*math.Log1p(-x) - norm)
		step := (mathext.RegIncBeta(d.A, d.B, x) - u) / density
		if next := x - step; finite(next) && next > 0 && next < 1 {
			x = next
		}
		if math.Abs(step) <= 1e-15*x || !finite(step) {
			break
		}
	}
	return clamp(x, 0, 1)
}

// logs returns the natural logarithms of the bounds of a log scale.
func (d *Domain) logs() (a, b float64) {
	switch d.Dist {
	case LogUniform, QLogUniform:
		return d.Min, d.Max
	case InvLogUniform:
		return -d.Max, -d.Min
	}
	return math.Log(d.Min), math.Log(d.Max)
}

// cdf returns the probability of a value up to x, before any rounding.
func (d *Domain) cdf(x float64) float64 {
	var u float64
	switch d.family() {
	case linear:
		u = (x - d.Min) / (d.Max - d.Min)
	case logarithmic:
		if x <= 0 {
			return 0
		}
		a, b := d.logs()
		u = (math.Log(x) - a) / (b - a)
	case gaussian:
		u = phi((x - d.Mu) / d.Sigma)
	case logGaussian:
		if x <= 0 {
			return 0
		}
		u = phi((math.Log(x) - d.Mu) / d.Sigma)
	case betaFamily:
		u = mathext.RegIncBeta(d.A, d.B, clamp(x, 0, 1))
	}
	return clamp(u, 0, 1)
}

// phi is the standard normal distribution function.
func phi(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// Encode returns the u of a value: the centre of its cell where there are cells.
// Decode gives the value back, as far as float64 tells two u apart: far out in
// an unbounded tail, and where a choice has probability 0, it does not. ok is
// Contains; without it u is that of the nearest number, or 0.5.
func (d Domain) Encode(v Value) (u float64, ok bool) {
	if d.family() == choice {
		return d.encodeChoice(v)
	}
	if v.kind != Int && v.kind != Float || math.IsNaN(v.num) {
		return 0.5, false
	}
	ok = d.Contains(v)
	x := v.num
	lo, hi := d.bounds()
	switch {
	case d.Dist == IntUniform && !d.Log:
		n := d.Max - d.Min + 1
		return (clamp(math.Round(x), lo, hi) - lo + 0.5) / n, ok
	case d.Dist == IntUniform:
		a, b := math.Log(d.Min-0.5), math.Log(d.Max+0.5)
		k := clamp(math.Round(x), lo, hi)
		return ((math.Log(k-0.5)+math.Log(k+0.5))/2 - a) / (b - a), ok
	case d.quantised():
		return d.encodeStep(x), ok
	}
	return d.polish(d.cdf(x), clamp(x, lo, hi)), ok
}

func (d *Domain) encodeChoice(v Value) (u float64, ok bool) {
	i := d.find(v)
	switch {
	case i < 0:
		return 0.5, false
	case d.Dist == CategoricalWeighted:
		sum := 0.0
		for _, p := range d.Probabilities[:i] {
			sum += p
		}
		return min(sum+d.Probabilities[i]/2, 1), true
	}
	return (float64(i) + 0.5) / float64(len(d.Values)), true
}

func (d *Domain) encodeStep(x float64) float64 {
	kmin, kmax := d.steps()
	k := clamp(round(x/d.Q), kmin, kmax)
	below, above := 0.0, 1.0
	if k > kmin {
		below = d.cdf((k - 0.5) * d.Q)
	}
	if k < kmax {
		above = d.cdf((k + 0.5) * d.Q)
	}
	return (below + above) / 2
}

// polish moves u by a few units in the last place to where quantile gives x
// exactly, if there is such a place: cdf and quantile each round once or twice.
func (d *Domain) polish(u, x float64) float64 {
	up, down := u, u
	for range 16 {
		if d.quantile(up) == x {
			return up
		}
		if d.quantile(down) == x {
			return down
		}
		up, down = math.Nextafter(up, 1), math.Nextafter(down, 0)
	}
	return u
}

func clamp(x, lo, hi float64) float64 { return max(lo, min(hi, x)) }

// round rounds to the nearest integer, halves to even as numpy does, and never
// to a negative zero.
func round(x float64) float64 { return math.RoundToEven(x) + 0 }
