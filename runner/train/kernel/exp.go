package kernel

import "math"

// ln 2 in two parts, for either width: the product of the first with any
// exponent is exact.
const (
	ln2Hi32 = 0x1.63p-1 // 9 bits
	ln2Lo32 = math.Ln2 - ln2Hi32
	ln2Hi64 = 0x1.62e42feep-1 // 32 bits
	ln2Lo64 = math.Ln2 - ln2Hi64
)

// Adding the magic number of a width and taking it away rounds to an integer;
// in between, the last bits of the sum are that integer.
const (
	magic32 = 0x1.8p23
	magic64 = 0x1.8p52
)

var nan32 = float32(math.NaN())

// reduce32 writes 2^(x/ln 2) = 2^k·eʳ, |r| <= ln 2 / 2, and returns k and r.
// |x| is below 1000.
func reduce32(x float32) (k int32, r float32) {
	t := float32(x*math.Log2E) + magic32
	k = int32(math.Float32bits(t)) - int32(math.Float32bits(magic32))
	f := t - magic32
	return k, (x - float32(f*ln2Hi32)) - float32(f*ln2Lo32)
}

// pow2of32 is 2ᵏ, -127 < k < 128.
func pow2of32(k int32) float32 { return math.Float32frombits(uint32(k+127) << 23) }

// tail32 is (eʳ - 1 - r)/r², by Taylor's series; the remainder is below 2⁻²⁷ of eʳ.
func tail32(r float32) float32 {
	p := float32(r*(1.0/5040)) + 1.0/720
	p = float32(p*r) + 1.0/120
	p = float32(p*r) + 1.0/24
	p = float32(p*r) + 1.0/6
	return float32(p*r) + 1.0/2
}

// exp32 is eˣ with an error of about one unit in the last place.
func exp32(x float32) float32 {
	if x != x {
		return nan32
	}
	k, r := reduce32(max(min(x, 89), -104))
	p := float32(float32(float32(tail32(r)*r)*r)+r) + 1
	h := k >> 1 // in two steps, since 2ᵏ may lie outside the normal numbers
	return float32(p*pow2of32(h)) * pow2of32(k-h)
}

// tanh32 is tanh x = d/(d + 2) with d = e²ˣ - 1, which loses nothing near 0.
func tanh32(x float32) float32 {
	if x != x {
		return nan32
	}
	a := min(float32(math.Abs(float64(x))), 10) // tanh 10 rounds to 1
	k, r := reduce32(a + a)
	s := pow2of32(k)
	d := float32(s*(float32(float32(tail32(r)*r)*r)+r)) + (s - 1)
	return float32(math.Copysign(float64(d/(d+2)), float64(x)))
}

// log32 is log x: x = m·2ᵏ, m in [√½, √2), log m = 2 artanh s with
// s = (m-1)/(m+1), by its power series up to s⁹ (|s| < 0.172).
func log32(x float32) float32 {
	if !(x > 0) || x > math.MaxFloat32 {
		return float32(logEdge(float64(x)))
	}
	m, k := split64(float64(x))
	f := float32(m) - 1
	s := f / (f + 2)
	q := float32(s * s)
	p := float32(q*(1.0/9)) + 1.0/7
	p = float32(p*q) + 1.0/5
	p = float32(p*q) + 1.0/3
	p = float32(p * q)
	e := float32(k)
	return float32(e*ln2Hi32) + (2*s + (float32(2*float32(s*p)) + float32(e*ln2Lo32)))
}

// split64 writes a positive finite x as m·2ᵏ with m in [√½, √2).
func split64(x float64) (m float64, k int64) {
	if x < 0x1p-1022 {
		x, k = x*0x1p54, -54
	}
	const root = 0x3fe6a09e667f3bcd // bits of √½; those of x, less these, count the powers of 2
	b := math.Float64bits(x) - root
	k += int64(b) >> 52
	return math.Float64frombits(b&(1<<52-1) + root), k
}

// logEdge is log x for what is no positive finite number.
func logEdge(x float64) float64 {
	switch {
	case x == 0:
		return math.Inf(-1)
	case x > 0:
		return x
	default:
		return math.NaN()
	}
}

// reduce64 is reduce32 for float64.
func reduce64(x float64) (k int64, r float64) {
	t := float64(x*math.Log2E) + magic64
	k = int64(math.Float64bits(t)) - int64(math.Float64bits(magic64))
	f := t - magic64
	return k, (x - float64(f*ln2Hi64)) - float64(f*ln2Lo64)
}

// pow2of64 is 2ᵏ, -1023 < k < 1024.
func pow2of64(k int64) float64 { return math.Float64frombits(uint64(k+1023) << 52) }

// taylor is 1/13! … 1/2!, for Horner's rule.
var taylor = [...]float64{
	1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
	1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2,
}

// tail64 is (eʳ - 1 - r)/r²; the remainder of the series is below 2⁻⁵⁶ of eʳ.
func tail64(r float64) float64 {
	p := 0.0
	for _, c := range &taylor {
		p = float64(p*r) + c
	}
	return p
}

// exp64 is eˣ with an error of about one unit in the last place.
func exp64(x float64) float64 {
	if x != x {
		return math.NaN()
	}
	k, r := reduce64(max(min(x, 710), -746))
	p := float64(float64(float64(tail64(r)*r)*r)+r) + 1
	h := k >> 1
	return float64(p*pow2of64(h)) * pow2of64(k-h)
}

// tanh64 is tanh x, as tanh32.
func tanh64(x float64) float64 {
	if x != x {
		return math.NaN()
	}
	a := min(math.Abs(x), 20) // tanh 20 rounds to 1
	k, r := reduce64(a + a)
	s := pow2of64(k)
	d := float64(s*(float64(float64(tail64(r)*r)*r)+r)) + (s - 1)
	return math.Copysign(d/(d+2), x)
}

// log64 is log x, as log32, with the series up to s²³.
func log64(x float64) float64 {
	if !(x > 0) || x > math.MaxFloat64 {
		return logEdge(x)
	}
	m, k := split64(x)
	f := m - 1
	s := f / (f + 2)
	q := float64(s * s)
	p := 0.0
	for _, c := range &artanh {
		p = float64(p*q) + c
	}
	p = float64(p * q)
	e := float64(k)
	return float64(e*ln2Hi64) + (2*s + (float64(2*float64(s*p)) + float64(e*ln2Lo64)))
}

// artanh is 1/23, 1/21 … 1/3.
var artanh = [...]float64{
	1.0 / 23, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3,
}
