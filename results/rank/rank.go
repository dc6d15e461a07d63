// Package rank is the arithmetic of rankings: means over repeats with their
// intervals, ties. It is pure.
//
// Sources: Welford, Note on a method for calculating corrected sums of squares
// and products, Technometrics 4(3), 1962; Chan, Golub and LeVeque, Updating
// formulae and a pairwise algorithm for computing sample variances, 1979;
// Welch, The generalization of "Student's" problem, Biometrika 34, 1947.
package rank

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Confidence is the level of all intervals.
const Confidence = 0.95

// Alpha is the level of Welch's test: points whose difference has a larger p tie.
const Alpha = 0.05

// A Sample is the count, mean and sum of squared deviations of some numbers.
// The zero Sample is of none.
type Sample struct {
	N    int64
	Mean float64
	M2   float64 // Σ (x − mean)²
}

// Add returns s with x (Welford). An x that is not finite makes the mean so.
func (s Sample) Add(x float64) Sample {
	s.N++
	d := x - s.Mean
	s.Mean += d / float64(s.N)
	s.M2 += d * (x - s.Mean)
	return s
}

// Merge returns the sample of both (Chan, Golub and LeVeque).
func (s Sample) Merge(o Sample) Sample {
	switch {
	case o.N == 0:
		return s
	case s.N == 0:
		return o
	}
	n := s.N + o.N
	d := o.Mean - s.Mean
	return Sample{
		N:    n,
		Mean: s.Mean + d*float64(o.N)/float64(n),
		M2:   s.M2 + o.M2 + d*d*float64(s.N)*float64(o.N)/float64(n),
	}
}

// Of returns the sample of xs.
func Of(xs ...float64) Sample {
	var s Sample
	for _, x := range xs {
		s = s.Add(x)
	}
	return s
}

// Var is the unbiased variance, NaN below two numbers.
func (s Sample) Var() float64 {
	if s.N < 2 {
		return math.NaN()
	}
	return s.M2 / float64(s.N-1)
}

// Std is the square root of Var.
func (s Sample) Std() float64 { return math.Sqrt(s.Var()) }

// Interval is the 95 % confidence interval of the mean,
//
//	mean ± t₀.₉₇₅(n−1) · s/√n.
//
// ok is false below two numbers, for which there is none.
func (s Sample) Interval() (low, high float64, ok bool) {
	if s.N < 2 {
		return math.NaN(), math.NaN(), false
	}
	h := StudentQuantile((1+Confidence)/2, float64(s.N-1)) * s.Std() / math.Sqrt(float64(s.N))
	return s.Mean - h, s.Mean + h, true
}

// StudentQuantile is the p-quantile of Student's t with df degrees of freedom,
// 0 < p < 1, df > 0; an infinite df is the normal distribution.
func StudentQuantile(p, df float64) float64 {
	if math.IsInf(df, 1) {
		return math.Sqrt2 * math.Erfinv(2*p-1)
	}
	return distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(p)
}

// Welch is Welch's test of equal means: the statistic
//
//	t = (m₁ − m₂) / √(v₁ + v₂),  vᵢ = sᵢ²/nᵢ,
//
// its degrees of freedom (v₁+v₂)² / (v₁²/(n₁−1) + v₂²/(n₂−1)), and the
// two-sided p. With fewer than two numbers on a side all are NaN. Where both
// variances are zero, p is 1 for equal means and 0 for others, and df is NaN.
func Welch(a, b Sample) (t, df, p float64) {
	if a.N < 2 || b.N < 2 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	va, vb := a.Var()/float64(a.N), b.Var()/float64(b.N)
	d := a.Mean - b.Mean
	if va+vb == 0 {
		if d == 0 {
			return 0, math.NaN(), 1
		}
		return math.Copysign(math.Inf(1), d), math.NaN(), 0
	}
	t = d / math.Sqrt(va+vb)
	// In shares of the sum, so that tiny variances do not underflow in squares.
	fa, fb := va/(va+vb), vb/(va+vb)
	df = 1 / (fa*fa/float64(a.N-1) + fb*fb/float64(b.N-1))
	// P(|T| > t) = I_{df/(df+t²)}(df/2, 1/2)
	return t, df, mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

// Ties reports whether b cannot be told from the best a: p > Alpha. known is
// false where the test has no answer because a side ran once.
func Ties(a, b Sample) (tie, known bool) {
	_, _, p := Welch(a, b)
	return p > Alpha, !math.IsNaN(p)
}
