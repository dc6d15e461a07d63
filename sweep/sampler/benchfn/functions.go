package benchfn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/trawl-sweep/trawl/sweep"
)

// box is the space x01 … xd, each uniform in [lo, hi].
func box(d int, lo, hi float64) *sweep.Space {
	var params []sweep.Param
	for i := range d {
		params = append(params, sweep.Param{Name: fmt.Sprintf("x%02d", i+1), Domain: sweep.Domain{Dist: sweep.Uniform, Min: lo, Max: hi}})
	}
	return must(params)
}

// Branin has three equal minima in a curved valley: (−π, 12.275), (π, 2.275)
// and (9.42478, 2.475).
func Branin() *Function {
	space := must([]sweep.Param{
		{Name: "x01", Domain: sweep.Domain{Dist: sweep.Uniform, Min: -5, Max: 10}},
		{Name: "x02", Domain: sweep.Domain{Dist: sweep.Uniform, Min: 0, Max: 15}},
	})
	return exact("branin", "three equal minima in two dimensions; Dixon and Szegő 1978", space,
		0.39788735772973816, func(x []float64) float64 {
			a := x[1] - 5.1/(4*math.Pi*math.Pi)*x[0]*x[0] + 5/math.Pi*x[0] - 6
			return a*a + 10*(1-1/(8*math.Pi))*math.Cos(x[0]) + 10
		})
}

var (
	hartmannAlpha = [4]float64{1, 1.2, 3, 3.2}
	hartmannA     = [4][6]float64{
		{10, 3, 17, 3.5, 1.7, 8},
		{0.05, 10, 17, 0.1, 8, 14},
		{3, 3.5, 1.7, 10, 17, 8},
		{17, 8, 0.05, 10, 0.1, 14},
	}
	hartmannP = [4][6]float64{
		{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
		{0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
		{0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
		{0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381},
	}
)

// Hartmann6 has its minimum at (0.20169, 0.150011, 0.476874, 0.275332,
// 0.311652, 0.6573), and five more local ones.
func Hartmann6() *Function {
	return exact("hartmann6", "smooth, few local minima, weights of very different size; Dixon and Szegő 1978", box(6, 0, 1),
		-3.322368011415515, func(x []float64) float64 {
			f := 0.0
			for i, alpha := range hartmannAlpha {
				e := 0.0
				for j, v := range x {
					e += hartmannA[i][j] * (v - hartmannP[i][j]) * (v - hartmannP[i][j])
				}
				f -= alpha * math.Exp(-e)
			}
			return f
		})
}

// shifts are the minimisers of the shifted functions, before their own.
var (
	ackleyShift     = []float64{10.5, -7.3, 4.9, -12.1, 8.7}
	rosenbrockShift = []float64{0.8, -1.1, 0.4, -0.6}
	levyShift       = []float64{2.3, -3.1, 1.4, -4.2, 3.7, -1.9, 2.8, -2.6, 0.9, -3.6}
	rastriginShift  = []float64{1.3, -0.8, 2.1, -1.7, 0.6}
)

// Ackley5 has its minimum 0 at (10.5, −7.3, 4.9, −12.1, 8.7).
func Ackley5() *Function {
	return exact("ackley5", "a narrow funnel in a wide rippled plain; Ackley 1987, shifted", box(5, -32.768, 32.768),
		0, func(x []float64) float64 {
			squares, waves, n := 0.0, 0.0, float64(len(x))
			for i, v := range x {
				z := v - ackleyShift[i]
				squares += z * z
				waves += math.Cos(2 * math.Pi * z)
			}
			return -20*math.Exp(-0.2*math.Sqrt(squares/n)) - math.Exp(waves/n) + 20 + math.E
		})
}

// Rosenbrock4 has its minimum 0 at (1.8, −0.1, 1.4, 0.4).
func Rosenbrock4() *Function {
	return exact("rosenbrock4", "a curved valley between walls of 10⁶; Rosenbrock 1960, shifted", box(4, -5, 10),
		0, func(x []float64) float64 {
			f := 0.0
			for i := range len(x) - 1 {
				z, next := x[i]-rosenbrockShift[i], x[i+1]-rosenbrockShift[i+1]
				f += 100*(next-z*z)*(next-z*z) + (1-z)*(1-z)
			}
			return f
		})
}

// Levy10 has its minimum 0 at 1 plus its shift in each coordinate.
func Levy10() *Function {
	return exact("levy10", "ten dimensions, waves on a bowl; Levy and Montalvo 1985, shifted", box(10, -10, 10),
		0, func(x []float64) float64 {
			w := func(i int) float64 { return 1 + (x[i]-levyShift[i]-1)/4 }
			first, last := w(0), w(len(x)-1)
			s := math.Sin(math.Pi * first)
			f := s * s
			for i := range len(x) - 1 {
				v := w(i)
				s = math.Sin(math.Pi*v + 1)
				f += (v - 1) * (v - 1) * (1 + 10*s*s)
			}
			s = math.Sin(2 * math.Pi * last)
			return f + (last-1)*(last-1)*(1+s*s)
		})
}

// Rastrigin5 has its minimum 0 at (1.3, −0.8, 2.1, −1.7, 0.6).
func Rastrigin5() *Function {
	return exact("rastrigin5", "a grid of local minima, separable; Rastrigin 1974, shifted", box(5, -5.12, 5.12),
		0, func(x []float64) float64 {
			f := 0.0
			for i, v := range x {
				z := v - rastriginShift[i]
				f += z*z + 10*(1-math.Cos(2*math.Pi*z))
			}
			return f
		})
}

// logs is a parameter on a log scale.
func logs(name string, lo, hi float64) sweep.Param {
	return sweep.Param{Name: name, Domain: sweep.Domain{Dist: sweep.LogUniformValues, Min: lo, Max: hi}}
}

// words is a choice among texts.
func words(name string, all ...string) sweep.Param {
	d := sweep.Domain{Dist: sweep.Categorical}
	for _, w := range all {
		d.Values = append(d.Values, sweep.StringValue(w))
	}
	return sweep.Param{Name: name, Domain: d}
}

var (
	mixedRate   = map[string]float64{"adam": -3, "sgd": -1, "rmsprop": -3.5} // log10 of the best lr
	mixedOffset = map[string]float64{"adam": 0, "sgd": 0.05, "rmsprop": 0.12}
	mixedAct    = map[string]float64{"relu": 0.06, "tanh": 0.15, "gelu": 0}
)

// Mixed is a network to tune: the best lr depends on the optimizer and falls
// with depth. With e = log10 lr and w = log2(width/160),
//
//	0.15 (e − e*(optimizer) + 0.15 (depth − 5))² + 0.03 (depth − 5)² + 0.06 w² + optimizer + activation
//
// is 0 at adam, gelu, lr 1e-3, depth 5, width 160.
func Mixed() *Function {
	space := must([]sweep.Param{
		words("act", "relu", "tanh", "gelu"),
		{Name: "depth", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 1, Max: 8}},
		logs("lr", 1e-5, 1),
		words("opt", "adam", "sgd", "rmsprop"),
		{Name: "width", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 16, Max: 1024, Log: true}},
	})
	f := func(p sweep.Point) float64 {
		x := numbers(p)
		act, opt := p[0].Text(), p[3].Text()
		depth, w := x[1]-5, math.Log2(x[4]/160)
		e := math.Log10(x[2]) - mixedRate[opt] + 0.15*depth
		return 0.15*e*e + 0.03*depth*depth + 0.06*w*w + mixedOffset[opt] + mixedAct[act]
	}
	return &Function{Name: "mixed", Doc: "log-float, integers, choices; the scale that matters depends on a choice",
		Space: space, Scale: 1, True: f, Eval: func(p sweep.Point, _ *rand.Rand) float64 { return f(p) }}
}

// The noise of Training, and the value of a diverged run.
const (
	trainingSigma   = 0.03
	trainingPlateau = 2.3
)

// Training looks like a final validation loss over learning rate η, momentum μ,
// weight decay λ and clipping norm c. What counts is the step η/(1−μ): with
// a = log10(η/(1−μ)) + 0.6 and b = log10 c − 0.3,
//
//	0.1 a² + 0.3 (μ − 0.85)² + 0.02 (log10 λ + 3.6)² + 0.03 b²,
//
// so there is a ridge, and where the step is too large for the clipping norm,
// a > 0.9 − 0.3 b, the run diverges: 2.3 throughout. Each evaluation adds noise
// of standard deviation 0.03. The minimum is 0.
func Training() *Function {
	space := must([]sweep.Param{
		logs("clip", 0.1, 100),
		logs("decay", 1e-6, 0.1),
		logs("lr", 1e-5, 10),
		{Name: "momentum", Domain: sweep.Domain{Dist: sweep.Uniform, Min: 0, Max: 0.99}},
	})
	f := func(p sweep.Point) float64 {
		x := numbers(p)
		mu := x[3]
		a, b := math.Log10(x[2]/(1-mu))+0.6, math.Log10(x[0])-0.3
		if a > 0.9-0.3*b {
			return trainingPlateau
		}
		decay := math.Log10(x[1]) + 3.6
		return 0.1*a*a + 0.3*(mu-0.85)*(mu-0.85) + 0.02*decay*decay + 0.03*b*b
	}
	return &Function{Name: "training", Doc: "lr, momentum, decay and clip: noise, a ridge along lr/(1−momentum), a divergence plateau",
		Space: space, Scale: 1, True: f,
		Eval: func(p sweep.Point, rng *rand.Rand) float64 { return f(p) + trainingSigma*rng.NormFloat64() }}
}
