package kernel

import "math"

// fma32 returns x·y + z, rounded once, to nearest even.
//
// The product of two float32 is exact in float64, so only the sum rounds
// before the conversion does. Two roundings differ from one where the first
// falls half-way between two float32; there, and below the normal numbers where
// that place moves, the sum is rounded to odd instead, which leaves the second
// rounding right since 53 >= 24 + 2 bits (Boldo and Melquiond 2008).
func fma32(x, y, z float32) float32 {
	p := float64(float64(x) * float64(y)) // the conversions forbid a fused operation
	s := float64(p) + float64(z)
	b := math.Float64bits(s)
	if b&(1<<29-1) != 1<<28 && b<<1 >= (1023-126)<<53 {
		return float32(s)
	}
	return fma32Hard(p, float64(z), s)
}

// fma32Hard rounds p + z to float32, given s = p + z rounded to float64.
func fma32Hard(p, z, s float64) float32 {
	if s == 0 || s-s != 0 { // exact, or not finite
		return float32(s)
	}
	t := s - p
	e := (p - (s - t)) + (z - t) // what the rounding to s lost (Knuth's two-sum)
	if b := math.Float64bits(s); e != 0 && b&1 == 0 {
		if (e > 0) == (s > 0) {
			b++
		} else {
			b--
		}
		s = math.Float64frombits(b)
	}
	return float32(s)
}
