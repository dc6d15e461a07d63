package gp

import "math"

const (
	log2Pi    = 1.83787706640934548356065947281123527972 // log 2π
	sqrtPi2   = 1.25331413731550025120788264240552262650 // √(π/2)
	sqrtPi    = 1.77245385090551602729816748334114518280
	invSqrt2P = 0.39894228040143267793994605993438186848 // 1/√(2π)
)

// logEI returns the logarithm of the expected improvement below best of a
// normal variable with mean mu and standard deviation sigma > 0,
//
//	log EI = log σ + log h(z),  h(z) = φ(z) + zΦ(z),  z = (best − μ)/σ,
//
// and its derivatives with respect to mu and sigma. It is finite and has slopes
// where EI itself underflows to zero.
//
// Ament, Daulton, Eriksson, Balandat and Bakshy, Unexpected improvements to
// expected improvement for Bayesian optimization, NeurIPS 2023, equation 9.
func logEI(best, mu, sigma float64) (value, dMu, dSigma float64) {
	z := (best - mu) / sigma
	h, slope := logH(z)
	return math.Log(sigma) + h, -slope / sigma, (1 - slope*z) / sigma
}

// logH returns log(φ(z) + zΦ(z)) and its derivative Φ(z)/h(z).
//
// For z < −1 it is log φ(z) + log(1 − |z|m(z)) with m the ratio of Mills,
// Φ(z)/φ(z) = √(π/2) erfcx(|z|/√2); beyond −50, where that difference has lost
// half of its digits, its asymptotic series 1/z² − 3/z⁴ + 15/z⁶ − 105/z⁸ serves.
func logH(z float64) (h, slope float64) {
	if z > -1 {
		Φ := 0.5 * math.Erfc(-z/math.Sqrt2)
		v := invSqrt2P*math.Exp(-z*z/2) + z*Φ
		return math.Log(v), Φ / v
	}
	mills := sqrtPi2 * erfcx(-z/math.Sqrt2)
	var rest float64 // h/φ
	if z > -50 {
		rest = 1 + z*mills
	} else {
		q := 1 / (z * z)
		rest = q * (1 - 3*q*(1-5*q*(1-7*q)))
	}
	return -z*z/2 - log2Pi/2 + math.Log(rest), mills / rest
}

// erfcx returns exp(x²)·erfc(x) for x >= 0. Beyond 25, where erfc underflows
// soon, the first five terms of the asymptotic series are exact to float64.
func erfcx(x float64) float64 {
	if x < 25 {
		return math.Exp(x*x) * math.Erfc(x)
	}
	q := 1 / (2 * x * x)
	return (1 - q*(1-3*q*(1-5*q*(1-7*q)))) / (x * sqrtPi)
}
