package gp

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// A model is the posterior of the process given rows of coordinates and warped
// values. Means and deviations are in units of the deviation of the process.
type model struct {
	kernel kernel
	eta    float64
	x      []float64 // rows that f knows, n of d coordinates, then those pending
	n      int       // rows with a value
	f      factor
	alpha  []float64 // A⁻¹(t − β)/s, n values
	beta   float64   // β/s
	mu     []float64 // posterior means at the rows with a value
	best   float64   // least posterior mean at a row that counts
	k, g   []float64 // scratch
	v, w   []float64
}

// base computes the factor over the first rows at once. If rows coincide within
// rounding, η grows until it can be computed.
func (m *model) base(x []float64, n int) {
	d := len(m.kernel.inv)
	m.x, m.n = append(m.x[:0], x[:n*d]...), n
	for !m.f.factorize(n, 32, func(i int, row []float64) {
		m.kernel.column(row[:i], m.x, m.row(i))
		row[i] = 1 + m.eta
	}) {
		m.eta = max(10*m.eta, 1e-10)
	}
}

func (m *model) row(i int) []float64 {
	d := len(m.kernel.inv)
	return m.x[i*d : (i+1)*d]
}

// add appends a row.
func (m *model) add(x []float64) {
	m.k = grow(m.k, m.f.n)
	m.kernel.column(m.k, m.x, x)
	m.x = append(m.x, x...)
	m.f.extend(m.k, 1+m.eta)
}

// values takes the warped values of all rows; counts says which of them may be
// the incumbent, whose posterior mean at row i is t_i − ηα_i.
func (m *model) values(t []float64, counts func(i int) bool) {
	m.n = len(t)
	m.alpha = grow(m.alpha, m.n)
	beta, dispersion := profile(&m.f, t, m.alpha)
	s := math.Sqrt(dispersion / float64(max(1, m.n)))
	floats.Scale(1/s, m.alpha)
	m.beta = beta / s
	m.best = math.Inf(1)
	m.mu = grow(m.mu, m.n)
	for i := range t {
		m.mu[i] = t[i]/s - m.eta*m.alpha[i]
		if counts(i) {
			m.best = min(m.best, m.mu[i])
		}
	}
}

// fantasise adds a row whose outcome is not known. It counts as the mean that
// the model has there, so means stay as they are and deviations shrink: the
// kriging believer of Ginsbourger, Le Riche and Carraro, Kriging is well-suited
// to parallelize optimization, 2010. forget takes all such rows back.
func (m *model) fantasise(x []float64) {
	m.best = min(m.best, m.mean(x))
	m.add(x)
}

func (m *model) forget(best float64) {
	m.f.truncate(m.n)
	m.x = m.x[:m.n*len(m.kernel.inv)]
	m.best = best
}

func (m *model) mean(x []float64) float64 {
	m.k = grow(m.k, m.n)
	m.kernel.column(m.k, m.x, x)
	return m.beta + floats.Dot(m.k, m.alpha)
}

// leastVariance keeps the deviation from zero where rounding made it so.
const leastVariance = 1e-12

// score returns log EI at x, and with grad its derivative by the coordinates
// that are not nominal.
//
//	σ² = 1 − kᵀA⁻¹k,  ∂σ/∂x = −(A⁻¹k)ᵀ ∂k/∂x / σ
func (m *model) score(x, grad []float64) float64 {
	n := m.f.n
	m.k, m.g, m.v = grow(m.k, n), grow(m.g, n), grow(m.v, n)
	m.kernel.slopes(m.k, m.g, m.x, x)
	copy(m.v, m.k)
	m.f.solve(m.v)
	mu := m.beta + floats.Dot(m.k[:m.n], m.alpha)
	sigma := math.Sqrt(max(leastVariance, 1-floats.Dot(m.v, m.v)))
	value, dMu, dSigma := logEI(m.best, mu, sigma)
	if grad == nil {
		return value
	}
	m.f.solveT(m.v)
	for c := range grad {
		grad[c] = 0
	}
	for i := range n {
		weight := -dSigma * m.v[i] / sigma // ∂value/∂k_i
		if i < m.n {
			weight += dMu * m.alpha[i]
		}
		weight *= -m.g[i]
		for c, at := range m.row(i) {
			if !m.kernel.nominal[c] {
				grad[c] += weight * (x[c] - at) * m.kernel.inv[c]
			}
		}
	}
	return value
}

// scores computes log EI of many points at once.
func (m *model) scores(xs [][]float64) []float64 {
	n, many := m.f.n, len(xs)
	m.w = grow(m.w, n*many)
	mu, left := make([]float64, many), make([]float64, many)
	m.k = grow(m.k, n)
	for j, x := range xs {
		m.kernel.column(m.k, m.x, x)
		mu[j] = m.beta + floats.Dot(m.k[:m.n], m.alpha)
		for i, k := range m.k {
			m.w[i*many+j] = k
		}
		left[j] = 1
	}
	m.f.solveMany(m.w, many)
	for i := range n {
		for j, v := range m.w[i*many : (i+1)*many] {
			left[j] -= v * v
		}
	}
	for j := range xs {
		left[j], _, _ = logEI(m.best, mu[j], math.Sqrt(max(leastVariance, left[j])))
	}
	return left
}

// grow returns s with length n, its contents unspecified.
func grow(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n, n+n/4+16)
	}
	return s[:n]
}
