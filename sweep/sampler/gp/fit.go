package gp

import (
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/floats"
)

// theta is the hyper-parameters. The variance of the process and its mean are
// not among them: given the others, their best values have closed forms.
type theta struct {
	logLen []float64 // log ℓ, one per coordinate
	logEta float64   // log η: variance of the noise by that of the process
	psi    float64   // of the warp
}

func (t theta) vector() []float64 { return append(slices.Clone(t.logLen), t.logEta, t.psi) }

func fromVector(v []float64) theta {
	d := len(v) - 2
	return theta{logLen: slices.Clone(v[:d]), logEta: v[d], psi: v[d+1]}
}

// The prior of log η is normal: noise of a thousandth of the variance, give or
// take e³. The density of ℓ is log-normal with σ = √3 and, in d numeric
// coordinates, median e^√2·√d, so that ℓ grows as distances in the cube do; its
// mode is median·e⁻³.
//
// Hvarfner, Hellsten and Nardi, Vanilla Bayesian optimization performs great in
// high dimensions, ICML 2024, equation 5.
const (
	lenVariance    = 3.0
	lenShift       = 0.75
	nominalMode    = 0.0 // log ℓ: two choices correlate by one half
	etaMean        = -7.0
	etaSigma       = 3.0
	logEtaMin      = -16.0
	logEtaMax      = 2.5
	logLenMin      = -4.6 // ℓ = 0.01
	logLenMax      = 4.6
	fitSteps       = 40
	tinyDispersion = 1e-20
)

// A fitter evaluates the posterior density of theta given observations.
type fitter struct {
	nominal []bool
	x       []float64 // n rows of d coordinates
	y       []float64 // n values, less is better
	warp    warp
	t, dt   []float64 // warped, and the derivative with respect to ψ
	alpha   []float64
	mode    []float64 // of log ℓ under the prior
	f       factor
	minus   []float64 // slopes of the kernel, n×n, lower triangle
}

func newFitter(nominal []bool, x, y []float64, w warp) *fitter {
	n := len(y)
	return &fitter{nominal: nominal, x: x, y: y, warp: w, mode: lenModes(nominal),
		t: make([]float64, n), dt: make([]float64, n), alpha: make([]float64, n), minus: make([]float64, n*n)}
}

func lenModes(nominal []bool) []float64 {
	numeric := 0
	for _, is := range nominal {
		if !is {
			numeric++
		}
	}
	mode := make([]float64, len(nominal))
	for i, is := range nominal {
		mode[i] = nominalMode
		if !is {
			mode[i] = math.Sqrt2 + math.Log(float64(numeric))/2 - lenVariance + lenShift
		}
	}
	return mode
}

// start is where a fit begins that has nothing to go on.
func (f *fitter) start() theta {
	return theta{logLen: slices.Clone(f.mode), logEta: etaMean, psi: psiMean}
}

// noisy is the other beginning: most of what is seen is noise. Without it a fit
// may explain noise by short length scales.
func (f *fitter) noisy() theta {
	t := f.start()
	for i := range t.logLen {
		t.logLen[i]++
	}
	t.logEta = -1
	return t
}

// loss returns the negative logarithm of the posterior density, without
// constants, and writes its gradient. With A = C + ηI, t the warped values, β
// the generalised least squares mean, r = t − β and S = rᵀA⁻¹r,
//
//	loss = ½ log|A| + n/2 log S − Σ log w'(y_i) + priors
//
// where the variance of the process has its best value S/n; and with α = A⁻¹r,
//
//	∂loss/∂θ = ½ Σ_ij (A⁻¹ − αα'n/S)_ij ∂A_ij/∂θ,
//	∂loss/∂ψ = n/S αᵀ ∂t/∂ψ − Σ ∂log w'(y_i)/∂ψ.
//
// It is +Inf where A is not positive definite.
// Rasmussen and Williams, equation 5.9.
func (f *fitter) loss(v, grad []float64) float64 {
	n, d := len(f.y), len(f.nominal)
	th := fromVector(v)
	k := newKernel(f.nominal, th.logLen)
	eta := math.Exp(th.logEta)
	row := func(i int) []float64 { return f.x[i*d : (i+1)*d] }
	ok := f.f.factorize(n, 0, func(i int, dst []float64) {
		for j := range i {
			dst[j], f.minus[i*n+j] = slope(math.Sqrt(k.square(row(i), row(j))))
		}
		dst[i] = 1 + eta
	})
	if !ok {
		return math.Inf(1)
	}
	w := f.warp
	w.psi = th.psi
	jacobian, dJacobian := 0.0, 0.0
	for i, y := range f.y {
		t, dt, l, dl := w.slopes(y)
		f.t[i], f.dt[i] = t, dt
		jacobian, dJacobian = jacobian+l, dJacobian+dl
	}
	_, dispersion := profile(&f.f, f.t, f.alpha)
	loss := f.f.logDet()/2 + float64(n)/2*math.Log(dispersion) - jacobian
	scale := float64(n) / dispersion
	inv, stride := f.f.invert()
	for i := range grad {
		grad[i] = 0
	}
	for i := range n {
		for j := range i {
			m := (inv[i*stride+j] - f.alpha[i]*f.alpha[j]*scale) * f.minus[i*n+j] // both triangles
			a, b := row(i), row(j)
			for c, w := range k.inv {
				δ := a[c] - b[c]
				if δ != 0 && f.nominal[c] {
					δ = 1
				}
				grad[c] += m * δ * δ * w
			}
		}
		grad[d] += (inv[i*stride+i] - f.alpha[i]*f.alpha[i]*scale) * eta / 2
	}
	grad[d+1] = scale*floats.Dot(f.alpha, f.dt) - dJacobian
	return loss + f.prior(v, grad)
}

// profile returns the generalised least squares mean β of t and the dispersion
// S = (t−β)ᵀA⁻¹(t−β), and writes α = A⁻¹(t−β).
func profile(f *factor, t, alpha []float64) (beta, dispersion float64) {
	n := len(t)
	if n == 0 {
		return 0, tinyDispersion
	}
	one := make([]float64, n)
	for i := range one {
		one[i] = 1
	}
	copy(alpha, t)
	f.solve(one)
	f.solve(alpha)
	beta = floats.Dot(one, alpha) / floats.Dot(one, one)
	floats.AddScaled(alpha, -beta, one)
	dispersion = floats.Dot(alpha, alpha) + tinyDispersion
	f.solveT(alpha)
	return beta, dispersion
}

// prior returns the negative log density of the prior and adds its gradient.
func (f *fitter) prior(v, grad []float64) (sum float64) {
	d := len(f.nominal)
	add := func(i int, mean, variance float64) {
		z := v[i] - mean
		sum += z * z / (2 * variance)
		grad[i] += z / variance
	}
	for i, mode := range f.mode {
		add(i, mode, lenVariance)
	}
	add(d, etaMean, etaSigma*etaSigma)
	add(d+1, psiMean, psiSigma*psiSigma)
	return sum
}

// fit returns the best theta found from the starts.
func (f *fitter) fit(starts ...theta) theta {
	d := len(f.nominal)
	b := box{steps: fitSteps, memory: 8, tol: 1e-4}
	for range d {
		b.lo, b.hi = append(b.lo, logLenMin), append(b.hi, logLenMax)
	}
	b.lo, b.hi = append(b.lo, logEtaMin, psiMin), append(b.hi, logEtaMax, psiMax)
	var best []float64
	lowest := math.Inf(1)
	for _, s := range starts {
		v := s.vector()
		if loss := b.minimize(v, f.loss); loss < lowest {
			best, lowest = v, loss
		}
	}
	if best == nil {
		return f.start()
	}
	return fromVector(best)
}

// choose returns the rows, at most m and in ascending order, that stand for all
// n of y: the better half of m are the best, the others are spread evenly over
// the rest in order of value.
func choose(y []float64, m int) []int {
	n := len(y)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if n <= m {
		return order
	}
	sort.SliceStable(order, func(i, j int) bool { return y[order[i]] < y[order[j]] })
	half := m / 2
	rest := order[half:]
	out := slices.Clone(order[:half])
	for i := range m - half {
		out = append(out, rest[i*len(rest)/(m-half)])
	}
	slices.Sort(out)
	return out
}
