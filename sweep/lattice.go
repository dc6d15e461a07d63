package sweep

import (
	"errors"
	"math"
	"sort"
	"strconv"
)

// steps returns the least and the greatest k with kQ inside the bounds. The
// beta family has no bounds in the file: like W&B it rounds to the nearest
// multiple, which may be the first above 1.
func (d *Domain) steps() (kmin, kmax float64) {
	lo, hi := d.bounds()
	if d.family() == betaFamily {
		return 0, round(1 / d.Q)
	}
	const slack = 1e-15 // 0.3/0.1 is 2.9999999999999996
	kmin = math.Ceil(lo/d.Q - slack*math.Abs(lo/d.Q))
	kmax = math.Floor(hi/d.Q + slack*math.Abs(hi/d.Q))
	return kmin + 0, kmax + 0
}

// multiple returns kQ. A Q of few decimals is multiplied as the decimal that it
// is, so that 3 × 0.1 is 0.3.
func (d *Domain) multiple(k float64) Value {
	x := k * d.Q
	if d.Ints {
		switch {
		case x >= math.MaxInt64:
			return IntValue(math.MaxInt64)
		case x <= math.MinInt64:
			return IntValue(math.MinInt64)
		}
		return IntValue(int64(k) * int64(d.Q))
	}
	for e := range 16 {
		unit := math.Pow10(e)
		m := math.Round(d.Q * unit)
		if m > maxExact || math.Abs(k*m) > maxExact {
			break
		}
		if m/unit == d.Q {
			return FloatValue(k * m / unit)
		}
	}
	return FloatValue(x)
}

// lattice returns the integers k that number the values of a bounded discrete
// numeric domain; ok is false for every other.
func (d *Domain) lattice() (kmin, kmax float64, ok bool) {
	switch {
	case d.Dist == IntUniform:
		return d.Min, d.Max, true
	case d.quantised():
		kmin, kmax = d.steps()
		return kmin, kmax, finite(kmin) && finite(kmax)
	}
	return 0, 0, false
}

// Card returns how many distinct values the domain has; finite is false for
// continuous and for unbounded domains.
func (d Domain) Card() (n int64, finite bool) {
	if d.family() == choice {
		return int64(len(d.Choices())), true
	}
	kmin, kmax, ok := d.lattice()
	if !ok {
		return 0, false
	}
	return int64(kmax-kmin) + 1, true
}

var errNoGrid = errors.New("a grid needs a finite list; want levels, q or values")

// Grid returns how many values a grid takes from the domain: the choices and
// constants without duplicates; all integers and multiples of q, or Levels of
// them; Levels points of a continuous domain. It is an error if a continuous or
// unbounded domain has no Levels.
func (d Domain) Grid() (n int64, err error) {
	if d.family() == choice {
		return int64(len(d.Choices())), nil
	}
	if n, ok := d.Card(); ok {
		if d.Levels > 0 {
			n = min(n, int64(d.Levels))
		}
		return n, nil
	}
	if d.Levels == 0 {
		return 0, errNoGrid
	}
	if d.quantised() {
		return int64(len(d.tailLevels())), nil
	}
	return int64(d.Levels), nil
}

// GridAt returns the i-th value of the grid, 0 <= i < n of Grid. It costs O(1),
// except O(len(Values)) for choices and O(Levels) for a q of an unbounded
// distribution.
//
// Levels are evenly spaced on the domain's scale with both ends included, each
// the middle of an equal share of probability for the normal and beta families.
// Levels of integers and of multiples of q are rounded to them, and moved up
// where they would coincide: 1, 2, 3, 5, 8 on a log scale.
func (d Domain) GridAt(i int64) Value {
	if d.family() == choice {
		return d.Choices()[i]
	}
	if kmin, kmax, ok := d.lattice(); ok {
		k := d.latticeLevel(kmin, kmax, i)
		if d.Dist == IntUniform {
			return IntValue(int64(k))
		}
		return d.multiple(k)
	}
	if d.quantised() {
		return d.tailLevels()[i]
	}
	return FloatValue(d.level(i))
}

// latticeLevel returns the i-th level among the integers kmin … kmax. On a
// convex scale max(level, kmin+i) is strictly increasing and ends at kmax.
func (d *Domain) latticeLevel(kmin, kmax float64, i int64) float64 {
	n := int64(kmax-kmin) + 1
	if d.Levels == 0 || int64(d.Levels) >= n {
		return kmin + float64(i)
	}
	n = int64(d.Levels)
	if n == 1 {
		return math.Round((kmin + kmax) / 2)
	}
	t := float64(i) / float64(n-1)
	k := math.Round(kmin + t*(kmax-kmin))
	if d.family() == logarithmic { // kmin >= 1 there
		k = math.Round(kmin * math.Pow(kmax/kmin, t))
	}
	return clamp(k, kmin+float64(i), kmax-float64(n-1-i))
}

// level returns the i-th of Levels points of a continuous domain. Rounding to
// 15 digits makes them read as a person would have written them.
func (d *Domain) level(i int64) float64 {
	n := float64(d.Levels)
	if f := d.family(); f != linear && f != logarithmic {
		return d.quantile((float64(i) + 0.5) / n)
	}
	lo, hi := d.bounds()
	switch {
	case d.Levels == 1:
		return tidy(d.quantile(0.5))
	case i == 0:
		return lo
	case i == int64(d.Levels)-1:
		return hi
	}
	return clamp(tidy(d.quantile(float64(i)/(n-1))), lo, hi)
}

func tidy(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 14, 64), 64)
	if err != nil {
		return x
	}
	return y
}

// tailLevels returns the levels of a quantised distribution without bounds,
// where neighbouring quantiles often round to the same multiple.
func (d *Domain) tailLevels() []Value {
	ks := make([]float64, d.Levels)
	kmin, kmax := d.steps()
	for i := range ks {
		u := (float64(i) + 0.5) / float64(d.Levels)
		ks[i] = clamp(round(d.quantile(u)/d.Q), kmin, kmax)
	}
	sort.Float64s(ks)
	var out []Value
	for i, k := range ks {
		if i == 0 || k != ks[i-1] {
			out = append(out, d.multiple(k))
		}
	}
	return out
}
