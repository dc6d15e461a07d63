package tpe

import "math"

// A mixture is a density over places, relative to the prior: a kernel on each
// of its points, and the prior itself,
//
//	p(x) = (w₀ + Σ wᵢ Πⱼ kⱼ(xⱼ, xᵢⱼ)) / (w₀ + Σ wᵢ).
//
// The product is over the axes that are active at x; where xᵢ is inactive the
// factor is 1, that of the prior.
type mixture struct {
	axes    []axis
	numbers []int // axes without cells
	listed  []int // axes with
	kernels []kernel
	whole   bool // all axes are always active
	w0      float64

	n      int
	x      []float64 // n × numbers
	cell   []int32   // n × listed
	peak   float64   // logarithm of how high the kernels over cells can be
	height []float64 // n × numbers: norm of the kernel; n alone, their sum, if whole
	weight []float64 // n
	total  float64   // of the weights
}

func newMixture(axes []axis, whole bool, w0 float64) *mixture {
	m := &mixture{axes: axes, whole: whole, w0: w0, kernels: make([]kernel, len(axes))}
	for d := range axes {
		if axes[d].cells() == 0 {
			m.numbers = append(m.numbers, d)
			continue
		}
		m.listed = append(m.listed, d)
		narrow := 1.0
		for k := range axes[d].lo {
			narrow = min(narrow, axes[d].hi[k]-axes[d].lo[k])
		}
		m.peak -= math.Log(narrow)
	}
	return m
}

// like returns a mixture without points that has the kernels of m.
func (m *mixture) like() *mixture {
	l := *m
	l.n, l.total = 0, 0
	l.x, l.cell, l.height, l.weight = nil, nil, nil, nil
	return &l
}

// shape sets the widths of the kernels, of all points.
func (m *mixture) shape(h, b []float64) {
	for d := range m.axes {
		m.kernels[d] = newKernel(&m.axes[d], h[d], b[d])
	}
	m.height = m.height[:0]
	for i := range m.n {
		m.raise(i)
	}
}

// raise computes the heights of point i, the last so far.
func (m *mixture) raise(i int) {
	nx, sum := len(m.numbers), 0.0
	for j, d := range m.numbers {
		h, x := 0.0, m.x[i*nx+j]
		if !math.IsNaN(x) {
			h = m.kernels[d].norm(x)
		}
		sum += h
		if !m.whole {
			m.height = append(m.height, h)
		}
	}
	if m.whole {
		m.height = append(m.height, sum)
	}
}

// clear takes all points out.
func (m *mixture) clear() {
	m.n, m.total = 0, 0
	m.x, m.cell, m.height, m.weight = m.x[:0], m.cell[:0], m.height[:0], m.weight[:0]
}

// add puts a point in, under the widths set before.
func (m *mixture) add(places []float64, w float64) {
	for _, d := range m.numbers {
		m.x = append(m.x, places[d])
	}
	for _, d := range m.listed {
		m.cell = append(m.cell, int32(places[d]))
	}
	m.weight = append(m.weight, w)
	m.total += w
	m.raise(m.n)
	m.n++
}

// reweigh changes the weight of a point.
func (m *mixture) reweigh(i int, w float64) {
	m.total += w - m.weight[i]
	m.weight[i] = w
}

// negligible is the exponent below which a kernel adds nothing to speak of: the
// prior has the weight of a point and density 1, and 10⁴ points add 10⁻⁷.
const negligible = -25

// sum returns Σ wᵢ Πⱼ kⱼ at x.
func (m *mixture) sum(x []float64, s *scratch) float64 {
	s.load(m, x)
	if !m.whole {
		return m.sumPartial(s)
	}
	nx, nc := len(m.numbers), len(m.listed)
	least, total := negligible-m.peak, 0.0
	for i, e := range m.height {
		if m.weight[i] == 0 {
			continue
		}
		if e = descend(e, least, m.x[i*nx:i*nx+nx], s.at, s.c); e < least {
			continue
		}
		for j, k := range m.cell[i*nc : i*nc+nc] {
			e += s.rows[j].at(k)
		}
		if e > negligible {
			total += m.weight[i] * math.Exp(e)
		}
	}
	return total
}

// descend returns e − Σ cⱼ (xⱼ − atⱼ)², or something less than least as soon as
// that is certain.
func descend(e, least float64, x, at, c []float64) float64 {
	at, c = at[:len(x)], c[:len(x)]
	for len(x) >= 4 {
		x4, at4, c4 := x[:4:4], at[:4:4], c[:4:4]
		t0, t1, t2, t3 := x4[0]-at4[0], x4[1]-at4[1], x4[2]-at4[2], x4[3]-at4[3]
		e -= (c4[0]*t0*t0 + c4[1]*t1*t1) + (c4[2]*t2*t2 + c4[3]*t3*t3)
		if e < least {
			return e
		}
		x, at, c = x[4:], at[4:], c[4:]
	}
	for j, v := range x {
		t := v - at[j]
		e -= c[j] * t * t
	}
	return e
}

// sumPartial is sum where axes may be inactive.
func (m *mixture) sumPartial(s *scratch) float64 {
	nx, nc := len(m.numbers), len(m.listed)
	total := 0.0
	for i := range m.n {
		if m.weight[i] == 0 {
			continue
		}
		e := 0.0
		for j, mu := range m.x[i*nx : i*nx+nx] {
			if t := s.at[j] - mu; t == t { // both are active
				e += m.height[i*nx+j] - s.c[j]*t*t
			}
		}
		for j, k := range m.cell[i*nc : i*nc+nc] {
			e += s.rows[j].at(k)
		}
		if e > negligible {
			total += m.weight[i] * math.Exp(e)
		}
	}
	return total
}

// A row is the logarithm of a kernel at one place, for each cell of the point.
type row struct {
	log         []float64 // ordered
	cell        int32     // unordered; missing: the axis is inactive
	equal, miss float64
}

func (r *row) at(k int32) float64 {
	switch {
	case k == missing:
		return 0
	case r.log != nil:
		return r.log[k]
	case k == r.cell:
		return r.equal
	}
	return r.miss
}

// scratch is a place prepared for sums.
type scratch struct {
	at, c []float64
	rows  []row
}

func (s *scratch) load(m *mixture, x []float64) {
	s.at, s.c, s.rows = s.at[:0], s.c[:0], s.rows[:0]
	for _, d := range m.numbers {
		s.at, s.c = append(s.at, x[d]), append(s.c, m.kernels[d].c)
	}
	for _, d := range m.listed {
		k := &m.kernels[d]
		n := k.axis.cells()
		switch at := int(x[d]); {
		case at == missing:
			s.rows = append(s.rows, row{cell: missing})
		case k.axis.ordered:
			s.rows = append(s.rows, row{log: k.log[at*n : at*n+n]})
		default:
			s.rows = append(s.rows, row{cell: int32(at), equal: k.log[at], miss: k.miss})
		}
	}
}
