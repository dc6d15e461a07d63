package optim

import "math"

// A Decay is how the learning rate falls.
type Decay int

// The decays. t counts units of time from the end of the warm-up, T is all of
// them, α the rate and k the length of a stair; η₀ and η_min as in Schedule.
const (
	InverseTime Decay = iota // η₀/(1+αt)
	Stairs                   // η₀(1−α)^⌊t/k⌋
	Exponential              // η₀e^(−αt)
	Cosine                   // η_min + (η₀−η_min)(1+cos(πt/T))/2
	Constant                 // η₀
)

// A Schedule is the learning rate over the mini-batches of a run. Only Eta0 has
// to be set: the rest is off at zero.
//
// Robbins and Monro 1951, who ask for Ση = ∞ and Ση² < ∞, which the inverse
// time with α > 0 gives; Loshchilov and Hutter, SGDR, ICLR 2017 (the cosine);
// Goyal and others, arXiv:1706.02677 (the warm-up).
type Schedule struct {
	Eta0  float64 // η₀ > 0
	Decay Decay
	Alpha float64 // α >= 0; below 1 for Stairs
	Every int64   // k >= 1 units; 0 is taken as 1
	Min   float64 // η_min >= 0: the rate is never below it after the warm-up, nor lifted above η₀ by it

	Unit  int64 // mini-batches per unit of time: 1, or those of an epoch; 0 is taken as 1
	Total int64 // mini-batches of the run, for Cosine

	// Warmup is the number of mini-batches over which the rate rises from
	// η₀/Warmup to η₀ in equal steps, before t begins.
	Warmup int64
}

// At returns the learning rate η of mini-batch step = 0, 1, 2 … With W the warm-up,
// it is η₀(step+1)/W before step W, and from there max(η(t), η_min) with η(t) the
// formula of Decay at t = ⌊(step−W)/Unit⌋. Cosine counts T from the end of the
// warm-up too, and stays at η_min after it. Same bits on every processor.
func (s Schedule) At(step int64) float64 {
	if step < s.Warmup {
		return float64(s.Eta0 * (float64(step+1) / float64(s.Warmup)))
	}
	unit := max(s.Unit, 1)
	t := (step - s.Warmup) / unit
	low := min(s.Min, s.Eta0)
	switch s.Decay {
	case InverseTime:
		return max(s.Eta0/(1+float64(s.Alpha*float64(t))), low)
	case Stairs:
		return max(float64(s.Eta0*power(1-s.Alpha, t/max(s.Every, 1))), low)
	case Exponential:
		return max(float64(s.Eta0*expNeg(float64(s.Alpha*float64(t)))), low)
	case Cosine:
		total := (max(s.Total-s.Warmup, 1) + unit - 1) / unit
		half := (1 + cosPi(min(float64(t)/float64(total), 1))) / 2
		return low + float64((s.Eta0-low)*half)
	}
	return s.Eta0
}

// expNeg is e^(−x) for x >= 0 with an error of a few units in the last place:
// x = n ln 2 + r with 0 <= r < ln 2 or just outside, then a Taylor polynomial of
// degree 18, whose remainder is below 2⁻⁶⁰. The first part of ln 2 has 32 bits,
// so that its product with n is exact.
func expNeg(x float64) float64 {
	const ln2Hi, ln2Lo = 0x1.62e42fee00000p-1, 0x1.a39ef35793c76p-33
	if !(x < 745) {
		return 0
	}
	n := math.Floor(float64(x / math.Ln2))
	r := (x - float64(n*ln2Hi)) - float64(n*ln2Lo)
	sum := 0.0
	for k := 18; k >= 1; k-- {
		sum = float64((1 + sum) * (-r / float64(k)))
	}
	return math.Ldexp(1+sum, -int(n))
}

// cosPi is cos(πx) for 0 <= x <= 1, exact at the ends and the middle.
func cosPi(x float64) float64 {
	switch {
	case x > 0.5:
		return -cosPi(1 - x)
	case x > 0.25:
		return taylor(float64(math.Pi*(0.5-x)), 1, 25) // sin of the rest
	}
	return taylor(float64(math.Pi*x), 0, 24)
}

// taylor is the series of cos (from 0) or sin (from 1) with the powers up to n,
// for |x| <= π/4.
func taylor(x float64, from, n int) float64 {
	q, sum := float64(x*x), 0.0
	for k := n; k > from; k -= 2 {
		sum = float64((1 + sum) * (-q / float64(k*(k-1))))
	}
	if from == 1 {
		return x + float64(x*sum)
	}
	return 1 + sum
}
