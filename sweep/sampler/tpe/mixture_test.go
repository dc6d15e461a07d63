package tpe

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

// direct is the density of a mixture by its definition, one kernel at a time, of
// points and a place in places.
func direct(axes []axis, points [][]float64, weights, h, b []float64, w0 float64, at []float64) float64 {
	sum, total := w0, w0
	for i, p := range points {
		f := 1.0
		for d := range axes {
			f *= factor(&axes[d], p[d], at[d], h[d], b[d])
		}
		sum, total = sum+weights[i]*f, total+weights[i]
	}
	return sum / total
}

func factor(a *axis, m, x, h, b float64) float64 {
	phi := func(u float64) float64 { return 0.5 * math.Erfc(-u/math.Sqrt2) }
	if a.inactive(m) || a.inactive(x) {
		return 1
	}
	if a.lo == nil {
		z := (x - m) / h
		return math.Exp(-z*z/2) / (h * math.Sqrt(2*math.Pi)) / (phi((1-m)/h) - phi(-m/h))
	}
	width := a.hi[int(x)] - a.lo[int(x)]
	if a.ordered {
		c := a.unit(m)
		return (phi((a.hi[int(x)]-c)/h) - phi((a.lo[int(x)]-c)/h)) / (phi((1-c)/h) - phi(-c/h)) / width
	}
	if m == x {
		return (1-b)/width + b
	}
	return b
}

// kinds are spaces with all kinds of axes.
func kinds() []samplertest.Named {
	six := numbers(6)
	return append(samplertest.Spaces(), samplertest.Named{Name: "numbers", Space: six})
}

func TestMixtureIsItsDefinition(t *testing.T) {
	for _, k := range kinds() {
		rng := rand.New(rand.NewPCG(7, 8))
		axes := newAxes(k.Space)
		m := newMixture(axes, k.Space.Plain(), 1)
		h, b := make([]float64, len(axes)), make([]float64, len(axes))
		for d := range h {
			h[d], b[d] = 0.05+0.2*rng.Float64(), 0.1+0.5*rng.Float64()
		}
		m.shape(h, b)
		draw := func() []float64 {
			u := make([]float64, len(axes))
			for {
				for d := range u {
					u[d] = rng.Float64()
				}
				p, ok, err := k.Space.Decode(u)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					x := k.Space.Encode(p)
					for d := range x {
						x[d] = axes[d].place(x[d])
					}
					return x
				}
			}
		}
		var points [][]float64
		var weights []float64
		for i := range 40 {
			points, weights = append(points, draw()), append(weights, 1+rng.Float64())
			m.add(points[i], weights[i])
		}
		weights[3] = 0
		m.reweigh(3, 0)
		var s scratch
		for range 50 {
			at := draw()
			got := (m.w0 + m.sum(at, &s)) / (m.w0 + m.total)
			want := direct(axes, points, weights, h, b, 1, at)
			// 40 kernels of e^-25 each are left out.
			if math.Abs(got-want) > 1e-9*want+1e-9 {
				t.Errorf("%s at %v: got %v, want %v", k.Name, at, got, want)
			}
		}
	}
}

// TestKernelsAreDensities: relative to the prior each integrates to 1.
func TestKernelsAreDensities(t *testing.T) {
	weighted := sweep.Domain{Dist: sweep.CategoricalWeighted, Values: samplertest.Ints(1, 2, 3).Values, Probabilities: []float64{0.2, 0, 0.8}}
	space := samplertest.Must([]sweep.Param{
		{Name: "number", Domain: sweep.Domain{Dist: sweep.Normal, Sigma: 1}},
		{Name: "steps", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 1, Max: 20, Log: true}},
		{Name: "list", Domain: samplertest.Ints(1, 4, 16)},
		{Name: "words", Domain: samplertest.Texts("a", "b", "c", "d")},
		{Name: "weighted", Domain: weighted},
	}, nil)
	for d, a := range newAxes(space) {
		name := space.Params[space.Dims()[d].Params[0]].Name
		if name == "weighted" && len(a.lo) != 2 {
			t.Errorf("weighted: %d cells; want 2, one choice has probability 0", len(a.lo))
		}
		for _, h := range []float64{0.01, 0.1, 1} {
			for _, m := range []float64{0, 0.3, 0.999} {
				k := newKernel(&a, h, 0.3)
				sum := 0.0
				if a.lo == nil {
					const n = 20_000
					for i := range n {
						x := (float64(i) + 0.5) / n
						sum += math.Exp(k.norm(m)-k.c*(x-m)*(x-m)) / n
					}
				} else {
					at := a.place(m)
					for x := range a.lo {
						sum += factor(&a, at, float64(x), h, 0.3) * (a.hi[x] - a.lo[x])
					}
				}
				if math.Abs(sum-1) > 1e-4 {
					t.Errorf("%s, h %v, point %v: the integral is %v", name, h, m, sum)
				}
			}
		}
	}
}

// TestDraws: draws have the distribution of the kernel. With 20,000 draws, 6
// standard deviations of a share are below 0.0213.
func TestDraws(t *testing.T) {
	space := samplertest.Spaces()[0].Space
	for d, a := range newAxes(space) {
		rng := rand.New(rand.NewPCG(5, 6))
		k := newKernel(&a, 0.2, 0.4)
		const n = 20_000
		at := a.place(0.4)
		left, cells := 0, make([]int, a.cells())
		for range n {
			x := k.draw(at, rng)
			if a.lo == nil && x < 0.5 {
				left++
			} else if a.lo != nil {
				cells[int(x)]++
			}
		}
		if a.lo == nil {
			want := mass(0, 0.5, 0.4, 0.2) / mass(0, 1, 0.4, 0.2)
			if got := float64(left) / n; math.Abs(got-want) > 0.0213 {
				t.Errorf("axis %d: %v are in the left half, want %v", d, got, want)
			}
		}
		for x, c := range cells {
			want := factor(&a, at, float64(x), 0.2, 0.4) * (a.hi[x] - a.lo[x])
			if got := float64(c) / n; math.Abs(got-want) > 0.0213 {
				t.Errorf("axis %d, cell %d: got a share of %v, want %v", d, x, got, want)
			}
		}
	}
}

func TestPlacesComeBack(t *testing.T) {
	for _, k := range kinds() {
		for d, a := range newAxes(k.Space) {
			for i := range 200 {
				u := (float64(i) + 0.5) / 200
				x := a.place(u)
				if a.place(a.unit(x)) != x {
					t.Errorf("%s, axis %d: %v is at %v, and that at %v", k.Name, d, u, x, a.place(a.unit(x)))
				}
				if v, w := a.domain.Decode(u), a.domain.Decode(a.unit(x)); a.single && !v.Equal(w) {
					t.Errorf("%s, axis %d: %v is %v, its place %v", k.Name, d, u, v, w)
				}
			}
			if x := a.place(math.NaN()); !a.inactive(x) {
				t.Errorf("%s, axis %d: an inactive coordinate is at %v", k.Name, d, x)
			}
		}
	}
}
