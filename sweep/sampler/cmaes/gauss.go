package cmaes

import "math"

// A gauss is the normal distribution N(m, σ²·S·C·S) of one run of CMA-ES over
// the n ordered dimensions, with what adapts it. S is the diagonal of the
// margin: 1 in continuous dimensions. Symbols are those of Hansen's tutorial.
type gauss struct {
	params
	m      []float64 // mean, in the unit cube
	sigma  float64   // step size σ, in units of the cube's edge
	s      []float64 // diagonal of S
	c      []float64 // C, n×n by rows
	l      []float64 // Cholesky factor of C, n×n by rows, lower triangle
	ps, pc []float64 // evolution paths of σ and of C
	t      int       // updates so far
	stale  int       // updates of c since l was computed
	y, z   []float64 // scratch, len n
	ys     []float64 // scratch, λ×n
}

// params are the constants that follow from dimension and population.
//
// Hansen, The CMA evolution strategy: a tutorial, arXiv 1604.00772, table 1.
type params struct {
	n, lambda   int
	weights     []float64 // λ of them, falling; the positive ones sum to 1
	mueff       float64
	cs, ds      float64 // of σ
	cc, c1, cmu float64 // of C
	chi         float64 // E‖N(0, I)‖
	lazy        int     // updates of C that may pass until l is computed again
}

func newParams(n, lambda int) params {
	p := params{n: n, lambda: lambda}
	nf, lf := float64(n), float64(lambda)
	raw := make([]float64, lambda)
	var pos, pos2, neg, neg2 float64
	for i := range raw {
		w := math.Log((lf+1)/2) - math.Log(float64(i+1))
		raw[i] = w
		if w > 0 {
			pos, pos2 = pos+w, pos2+w*w
		} else {
			neg, neg2 = neg-w, neg2+w*w
		}
	}
	p.mueff = pos * pos / pos2
	mueffNeg := 0.0
	if neg2 > 0 {
		mueffNeg = neg * neg / neg2
	}
	p.cc = (4 + p.mueff/nf) / (nf + 4 + 2*p.mueff/nf)
	p.cs = (p.mueff + 2) / (nf + p.mueff + 5)
	p.ds = 1 + 2*max(0, math.Sqrt((p.mueff-1)/(nf+1))-1) + p.cs
	p.c1 = 2 / ((nf+1.3)*(nf+1.3) + p.mueff)
	p.cmu = min(1-p.c1, 2*(0.25+p.mueff+1/p.mueff-2)/((nf+2)*(nf+2)+p.mueff))
	p.chi = math.Sqrt(nf) * (1 - 1/(4*nf) + 1/(21*nf*nf))
	alpha := min(1+p.c1/p.cmu, 1+2*mueffNeg/(p.mueff+2), (1-p.c1-p.cmu)/(nf*p.cmu))
	p.weights = raw
	for i, w := range raw {
		if w > 0 {
			raw[i] = w / pos
		} else if neg > 0 {
			raw[i] = w / neg * alpha
		}
	}
	p.lazy = max(1, int(1/(10*nf*(p.c1+p.cmu))))
	return p
}

// newGauss returns N(mean, σ²I) with nothing learnt.
func newGauss(mean []float64, sigma float64, lambda int) *gauss {
	n := len(mean)
	g := &gauss{params: newParams(n, lambda), m: append([]float64(nil), mean...), sigma: sigma}
	g.s, g.ps, g.pc = make([]float64, n), make([]float64, n), make([]float64, n)
	g.c, g.l = make([]float64, n*n), make([]float64, n*n)
	g.y, g.z, g.ys = make([]float64, n), make([]float64, n), make([]float64, lambda*n)
	for i := range n {
		g.s[i], g.c[i*n+i], g.l[i*n+i] = 1, 1, 1
	}
	return g
}

// resize changes the population.
func (g *gauss) resize(lambda int) {
	g.params = newParams(g.n, lambda)
	g.ys = make([]float64, lambda*g.n)
}

// update moves the distribution by the samples xs, best first, of which there
// are at most λ. pos and all are the weights of their places, averaged over
// ties: those that move the mean, whose sum is 1, and those that shape C. A
// sample that was drawn from another distribution is injected: its step is
// shortened where it is longer than those that this one takes.
//
// Hansen, Injecting external solutions into CMA-ES, arXiv 1110.4181 (the
// shortening); Krause, Arbonès and Igel, CMA-ES with optimal covariance update
// and storage complexity, NIPS 2016 (the Cholesky factor for the root of C).
func (g *gauss) update(xs [][]float64, foreign []bool, pos, all []float64) {
	n := g.n
	longest := math.Sqrt(float64(n)) + 2*float64(n)/float64(n+2)
	clear(g.y)
	squares := 0.0
	for k, x := range xs {
		y := g.ys[k*n : (k+1)*n]
		for i := range y {
			y[i] = (x[i] - g.m[i]) / (g.sigma * g.s[i])
		}
		if foreign[k] {
			g.solve(y)
			if r := norm(g.z); r > longest {
				scale(y, longest/r)
			}
		}
		axpy(g.y, pos[k], y)
		squares += pos[k] * pos[k]
	}
	mueff := 1 / squares
	g.t++
	g.solve(g.y)
	scale(g.ps, 1-g.cs)
	axpy(g.ps, math.Sqrt(g.cs*(2-g.cs)*mueff), g.z)
	length := norm(g.ps)
	fresh := 1 - math.Pow(1-g.cs, 2*float64(g.t))
	hs := 0.0
	if length/math.Sqrt(fresh) < (1.4+2/float64(n+1))*g.chi {
		hs = 1
	}
	scale(g.pc, 1-g.cc)
	axpy(g.pc, hs*math.Sqrt(g.cc*(2-g.cc)*mueff), g.y)
	for i := range g.m {
		g.m[i] += g.sigma * g.s[i] * g.y[i]
	}
	g.adapt(all[:len(xs)], hs)
	g.sigma *= math.Exp(min(1, g.cs/g.ds*(length/g.chi-1)))
}

// adapt is the update of C by ranks one and μ, with the steps in g.ys.
func (g *gauss) adapt(weights []float64, hs float64) {
	n := g.n
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	scale(g.c, 1+g.c1*(1-hs)*g.cc*(2-g.cc)-g.c1-g.cmu*sum)
	rank1(g.c, g.c1, g.pc)
	for k, w := range weights {
		y := g.ys[k*n : (k+1)*n]
		if w < 0 {
			g.solve(y)
			w *= float64(n) / max(dot(g.z, g.z), 1e-300)
		}
		rank1(g.c, g.cmu*w, y)
	}
	if g.stale++; g.stale >= g.lazy {
		g.factor()
	}
}

// factor computes l from c. Rounding may have spoilt c; then the least addition
// to its diagonal that helps is made.
func (g *gauss) factor() {
	n := g.n
	g.stale = 0
	for jitter := 0.0; ; jitter = max(1e-14, 10*jitter) {
		trace := 0.0
		for i := range n {
			trace += math.Abs(g.c[i*n+i])
		}
		for i := range n {
			g.c[i*n+i] += jitter * trace / float64(n)
		}
		if cholesky(g.l, g.c, n) {
			return
		}
		if jitter > 1 || math.IsNaN(trace) || math.IsInf(trace, 0) {
			clear(g.c)
			clear(g.l)
			for i := range n {
				g.c[i*n+i], g.l[i*n+i] = 1, 1
			}
			return
		}
	}
}

// solve writes L⁻¹y into g.z.
func (g *gauss) solve(y []float64) {
	n := g.n
	for i := range n {
		row := g.l[i*n : i*n+i+1]
		g.z[i] = (y[i] - dot(row[:i], g.z[:i])) / row[i]
	}
}

// deviation returns the standard deviation of dimension i.
func (g *gauss) deviation(i int) float64 {
	return g.sigma * g.s[i] * math.Sqrt(g.c[i*g.n+i])
}

// cholesky writes the lower factor of the lower triangle of a into l, and
// reports whether a is positive definite.
func cholesky(l, a []float64, n int) bool {
	for i := range n {
		li := l[i*n : i*n+i+1]
		for j := range i {
			lj := l[j*n : j*n+j+1]
			li[j] = (a[i*n+j] - dot(li[:j], lj[:j])) / lj[j]
		}
		d := a[i*n+i] - dot(li[:i], li[:i])
		if !(d > 0) {
			return false
		}
		li[i] = math.Sqrt(d)
	}
	return true
}

// rank1 adds w·y·yᵀ to the lower triangle of c.
func rank1(c []float64, w float64, y []float64) {
	n := len(y)
	for i, yi := range y {
		axpy(c[i*n:i*n+i+1], w*yi, y[:i+1])
	}
}

func axpy(dst []float64, a float64, x []float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] += a * v
	}
}

func dot(a, b []float64) (sum float64) {
	b = b[:len(a)]
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func scale(x []float64, a float64) {
	for i := range x {
		x[i] *= a
	}
}

func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }
