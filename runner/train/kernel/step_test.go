package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A step is one update rule on its vectors: weights, two of state, gradient.
type step struct {
	name string
	f32  func(w, v, s, g []float32)
	f64  func(w, v, s, g []float64)
}

var allSteps = []step{
	{"descend", descend[float32], descend[float64]},
	{"heavy ball", momentum[float32](HeavyBall), momentum[float64](HeavyBall)},
	{"heavy ball Nesterov", momentum[float32](HeavyBallNesterov), momentum[float64](HeavyBallNesterov)},
	{"velocity", momentum[float32](Velocity), momentum[float64](Velocity)},
	{"velocity Nesterov", momentum[float32](VelocityNesterov), momentum[float64](VelocityNesterov)},
	{"adam", adam[float32], adam[float64]},
	{"rmsprop", rmsprop[float32], rmsprop[float64]},
}

func descend[T Float](w, _, _, g []T) { DescendStep(w, g, 0.1, 0.01) }

func momentum[T Float](form Form) func(w, v, s, g []T) {
	fresh := T(1)
	if form == HeavyBall || form == HeavyBallNesterov {
		fresh = 0.1
	}
	return func(w, v, _, g []T) { MomentumStep(form, w, v, g, 0.9, fresh, 0.1, 0.01) }
}

func adam[T Float](w, m, s, g []T) {
	AdamStep(w, m, s, g, &AdamRates[T]{0.9, 0.1, 0.99, 0.01, 0.05, 0.5, 1e-8, 0.01, 0.999})
}

func rmsprop[T Float](w, _, s, g []T) { RMSpropStep(w, s, g, 0.9, 0.1, 0.01, 1e-8, 0, 0.01) }

// byFormula is one step of a rule as its paper writes it, for one weight.
func byFormula(name string, w, v, s, g float64) (float64, float64, float64) {
	d := g + 0.01*w
	switch name {
	case "descend":
		return w - 0.1*d, v, s
	case "heavy ball": // Polyak: w + μ(w − wᵖ) − ηd, v = w − wᵖ
		return w + 0.9*v - 0.1*d, 0.9*v - 0.1*d, s
	case "heavy ball Nesterov":
		next := 0.9*v - 0.1*d
		return w + 0.9*next - 0.1*d, next, s
	case "velocity":
		return w - 0.1*(0.9*v+d), 0.9*v + d, s
	case "velocity Nesterov":
		return w - 0.1*(d+0.9*(0.9*v+d)), 0.9*v + d, s
	case "adam":
		m, sq := 0.9*v+0.1*d, 0.99*s+0.01*d*d
		return 0.999*w - 0.05*m/(math.Sqrt(sq)/0.5+1e-8), m, sq
	default:
		sq := 0.9*s + 0.1*d*d
		return w - 0.01*d/(math.Sqrt(sq)+1e-8), v, sq
	}
}

// Float64 follows the formulas, and float32 follows float64.
func TestStepsFollowTheirFormulas(t *testing.T) {
	for _, st := range allSteps {
		t.Run(st.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			const n = 37
			w, v, s, g := normals[float64](rng, n), normals[float64](rng, n), normals[float64](rng, n), normals[float64](rng, n)
			for i := range s {
				s[i] = math.Abs(s[i])
			}
			w32, v32, s32, g32 := narrowed(w), narrowed(v), narrowed(s), narrowed(g)
			want := make([][3]float64, n)
			for i := range want {
				want[i][0], want[i][1], want[i][2] = byFormula(st.name, w[i], v[i], s[i], g[i])
			}
			st.f64(w, v, s, g)
			st.f32(w32, v32, s32, g32)
			for i := range want {
				for j, got := range [3]float64{w[i], v[i], s[i]} {
					if math.Abs(got-want[i][j]) > 1e-13 {
						t.Fatalf("value %d of %d: got %v, want %v", j, i, got, want[i][j])
					}
				}
				for j, got := range [3]float32{w32[i], v32[i], s32[i]} {
					if math.Abs(float64(got)-want[i][j]) > 2e-6 {
						t.Fatalf("float32, value %d of %d: got %v, want %v", j, i, got, want[i][j])
					}
				}
			}
		})
	}
}

func narrowed(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// Steps have the same bits at all levels, with odd values and zero gradients.
func TestStepsHaveTheSameBits(t *testing.T) {
	for _, st := range allSteps {
		t.Run(st.name, func(t *testing.T) {
			for n := range 60 {
				everyLevel(t, fmt.Sprintf("%s n=%d", st.name, n), func() []float32 {
					rng := rand.New(rand.NewPCG(uint64(n), 3))
					all := make([]float32, 4*n)
					for i := range all {
						switch rng.IntN(4) {
						case 0:
							all[i] = special(rng)
						case 1:
							all[i] = 0
						default:
							all[i] = float32(rng.NormFloat64())
						}
					}
					for range 3 {
						st.f32(all[:n], all[n:][:n], all[2*n:][:n], all[3*n:])
					}
					return all
				})
			}
		})
	}
}

// The steps on the 203,530 weights of a 784-256-10 perceptron.
func BenchmarkSteps(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 203_530
	w, v, s, g := normals[float32](rng, n), make([]float32, n), make([]float32, n), normals[float32](rng, n)
	for _, st := range allSteps {
		for _, l := range Levels() {
			b.Run(fmt.Sprintf("rule=%s/level=%s", st.name, l), func(b *testing.B) {
				use(b, l)
				bestOf(b, func() { st.f32(w, v, s, g) })
			})
		}
	}
}
