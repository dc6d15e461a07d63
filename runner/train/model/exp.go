package model

import "math"

// The logarithm of 2 in two parts: a product of the first with an integer
// below 2²⁰ is exact.
const (
	ln2Hi = 0x1.62e42fee00000p-1
	ln2Lo = 0x1.a39ef35793c76p-33
)

// exp returns eˣ with an error of about one unit in the last place, with the
// same bits on every processor; math.Exp takes fused multiply-adds where it
// finds them.
//
// x = k ln 2 + r with |r| <= ln 2 / 2, then a Taylor polynomial of degree 13,
// whose remainder is below 2⁻⁵⁶.
func exp(x float64) float64 {
	switch {
	case math.IsNaN(x) || x > 709.782712893384:
		return x * math.Inf(1) // NaN stays NaN
	case x < -745.14:
		return 0
	}
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	p := 1.0 / 6227020800
	for _, c := range &invFactorial {
		p = float64(p*r) + c
	}
	if k > -1000 && k < 1000 { // 2ᵏ is a normal number: build it
		return p * math.Float64frombits(uint64(int64(k)+1023)<<52)
	}
	return math.Ldexp(p, int(k))
}

// invFactorial is 1/12! … 1/0!, in the order of Horner's rule.
var invFactorial = [...]float64{
	1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
	1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1, 1,
}

// log returns the natural logarithm with a relative error below 1e-15, with the
// same bits on every processor. It is -Inf at 0 and NaN below.
//
// x = m 2ᵉ with m in [√½, √2), log m = 2 artanh s with s = (m-1)/(m+1), by its
// power series up to s²³ (|s| < 0.172).
func log(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 1) || x <= 0 {
		return math.Log(x)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	s := (m - 1) / (m + 1)
	q := float64(s * s)
	p := 0.0
	for n := 23; n >= 3; n -= 2 {
		p = float64((p + 1/float64(n)) * q)
	}
	k := float64(e)
	return float64(k*ln2Hi) + (2*s + (float64(2*float64(s*p)) + float64(k*ln2Lo)))
}
