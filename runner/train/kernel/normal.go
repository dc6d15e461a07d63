package kernel

import "math"

// The upper tail of the normal distribution, a >= 0, is
//
//	Q(a) = ½ erfc(a/√2) = e^(−a²/2)·S(u)/(a + 4),  u = (a − 4)/(a + 4)
//
// with S a smooth function on [-1, 1], from 2 at a = 0 to 1/√2π at infinity.
// The polynomials are S's Chebyshev series, cut where the relative error is
// below 5e-8 and 2e-17 and written in powers of u; the idea is that of
// Schonfelder, Chebyshev expansions for the error and related functions, Math.
// Comp. 32(144), 1978.
var (
	tailS32 = [...]float32{
		-1.731082301e-6, -0.0001573205696, 0.0001336533871, 0.001563786899, -0.003479954637,
		-0.007512231382, 0.06039664828, -0.1865267109, 0.3871373939, -0.6078964038, 0.7552851305,
	}
	tailS64 = [...]float64{
		3.40331230864949465e-10, -1.19977820312530946e-10, -3.73064508186837028e-9, -5.8736267649871907e-10,
		2.14276038434523559e-8, 1.78449277729814162e-8, -8.68664701599789276e-8, -1.59773961422392205e-7,
		2.72462969511458721e-7, 1.02478510165527734e-6, -6.29836733849236905e-7, -5.92161104592397736e-6,
		7.16658764119512099e-7, 0.0000351451119028376513, -1.90824635141457105e-6, -0.000231095017362774258,
		0.000133344309411832544, 0.00163081846740990846, -0.00347969236704797363, -0.00754018896738631255,
		0.0603965748909178723, -0.186521857959636612, 0.387137400742214917, -0.6078966419718923, 0.755285130415751492,
	}
)

const invSqrt2Pi = 0.39894228040143267793994605993438

// Beyond these, Q is 0 for the width; it keeps ±Inf out of the quotients.
const (
	farNormal32 = 15
	farNormal64 = 40
)

// normal32 returns Φ(x) and e^(−x²/2), the density without its factor.
func normal32(x float32) (phi, e float32) {
	if x != x {
		return nan32, nan32
	}
	a := min(float32(math.Abs(float64(x))), farNormal32)
	e = exp32(-float32(float32(a*a) * 0.5))
	w := 1 / (a + 4)
	u := float32((a - 4) * w)
	s := tailS32[0]
	for _, c := range tailS32[1:] {
		s = float32(s*u) + c
	}
	q := float32(float32(e*w) * s)
	if x < 0 {
		return q, e
	}
	return 1 - q, e
}

// normal64 is normal32 for float64.
func normal64(x float64) (phi, e float64) {
	if x != x {
		return x, x
	}
	a := min(math.Abs(x), farNormal64)
	e = exp64(-float64(float64(a*a) * 0.5))
	w := 1 / (a + 4)
	u := float64((a - 4) * w)
	s := tailS64[0]
	for _, c := range tailS64[1:] {
		s = float64(s*u) + c
	}
	q := float64(float64(e*w) * s)
	if x < 0 {
		return q, e
	}
	return 1 - q, e
}

// gelu32 is x·Φ(x); gelu(-Inf) is -0, the limit.
func gelu32(x float32) float32 {
	phi, _ := normal32(x)
	return float32(max(x, -math.MaxFloat32) * phi)
}

// geluSlope32 is Φ(x) + xφ(x).
func geluSlope32(x float32) float32 {
	phi, e := normal32(x)
	x = max(min(x, farNormal32), -farNormal32)
	return phi + float32(x*float32(e*invSqrt2Pi))
}

// gelu64 is gelu32 for float64.
func gelu64(x float64) float64 {
	phi, _ := normal64(x)
	return float64(max(x, -math.MaxFloat64) * phi)
}

// geluSlope64 is geluSlope32 for float64.
func geluSlope64(x float64) float64 {
	phi, e := normal64(x)
	x = max(min(x, farNormal64), -farNormal64)
	return phi + float64(x*float64(e*invSqrt2Pi))
}
