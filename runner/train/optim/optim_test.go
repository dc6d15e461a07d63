package optim

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
)

// On f(w) = ½λw² the heavy ball is a linear recurrence.
func TestHeavyBallIsALinearRecurrence(t *testing.T) {
	const lambda, eta, mu = 1.7, 0.3, 0.8
	o, w := New[float64](Rule{Momentum: mu}, 1), []float64{1}
	prev, cur := 1.0, 1.0
	for step := range 50 {
		prev, cur = cur, (1+mu-eta*lambda)*cur-mu*prev
		o.Step(w, []float64{lambda * w[0]}, eta)
		if math.Abs(w[0]-cur) > 1e-14 {
			t.Fatalf("step %d: got %v want %v", step, w[0], cur)
		}
	}
}

// While η is constant the two forms are one; when it drops, the velocity form
// moves by the new η times the old velocity at once. So with Nesterov and with
// RMSprop too.
func TestFormsDifferOnlyWhenTheRateChanges(t *testing.T) {
	for _, rule := range []Rule{
		{Momentum: 0.9}, {Momentum: 0.9, Dampening: 0.5}, {Momentum: 0.9, Nesterov: true},
		{Method: RMSprop, Rho: 0.9, Eps: 1e-8, Momentum: 0.9}, {Method: RMSprop, Rho: 0.9, Eps: 1e-8, Momentum: 0.9, Nesterov: true},
	} {
		t.Run(fmt.Sprintf("%+v", rule), func(t *testing.T) {
			fast := rule
			fast.Velocity = true
			heavy, velocity := New[float64](rule, 1), New[float64](fast, 1)
			a, b := []float64{1}, []float64{1}
			for range 10 {
				heavy.Step(a, []float64{a[0]}, 0.1)
				velocity.Step(b, []float64{b[0]}, 0.1)
				if math.Abs(a[0]-b[0]) > 1e-14 {
					t.Fatalf("constant rate: heavy ball %v, velocity %v", a[0], b[0])
				}
			}
			before := b[0]
			heavy.Step(a, []float64{0}, 0)
			velocity.Step(b, []float64{0}, 0)
			if b[0] != before {
				t.Errorf("velocity form at rate 0: got %v want %v, unmoved", b[0], before)
			}
			if math.Abs(a[0]-before) < 1e-6 {
				t.Error("heavy ball at rate 0 stood still; want it to roll on")
			}
		})
	}
}

func TestStepPanicsOnOtherLength(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic for a gradient of another length")
		}
	}()
	New[float64](Rule{}, 2).Step(make([]float64, 2), make([]float64, 3), 1)
}

// rules are all methods with all their knobs in use.
func rules() []Rule {
	return []Rule{
		{}, {WeightDecay: 0.01}, {Momentum: 0.9}, {Momentum: 0.9, Velocity: true, Dampening: 0.3},
		{Momentum: 0.9, Nesterov: true}, {Momentum: 0.9, Nesterov: true, Velocity: true},
		{Method: RMSprop, Rho: 0.9, Eps: 1e-8}, {Method: RMSprop, Rho: 0.9, Eps: 1e-8, Momentum: 0.5, Centered: true, Velocity: true},
		{Method: RMSprop, Rho: 0.9, Eps: 1e-3, EpsInside: true, Momentum: 0.5, Nesterov: true},
		{Method: Adam, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01},
		{Method: AdamW, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01},
	}
}

// An optimizer that is given the state of another goes on with its bits.
func TestRestoreGoesOn(t *testing.T) {
	for _, rule := range rules() {
		rng := rand.New(rand.NewPCG(1, 2))
		gradient := func() (g []float32) {
			for range 7 {
				g = append(g, float32(rng.NormFloat64()))
			}
			return g
		}
		a, w := New[float32](rule, 7), gradient()
		for range 5 {
			a.Step(w, gradient(), 0.1)
		}
		b, u := New[float32](rule, 7), append([]float32(nil), w...)
		if err := b.Restore(a.State()); err != nil {
			t.Fatal(err)
		}
		for step := range 5 {
			g := gradient()
			a.Step(w, g, 0.05)
			b.Step(u, g, 0.05)
			if !reflect.DeepEqual(u, w) {
				t.Fatalf("%+v: step %d: got %v want %v", rule, step, u, w)
			}
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	three := make([]float64, 3)
	for _, tt := range []struct {
		name  string
		steps int64
		slots []Slot[float64]
		want  string
	}{
		{"nothing", 1, nil, "want the vectors [m s]"},
		{"another name", 1, []Slot[float64]{{"m", three}, {"a", three}}, "want s of 3"},
		{"another length", 1, []Slot[float64]{{"m", three}, {"s", three[:2]}}, "s of 2 numbers; want s of 3"},
		{"negative", -1, []Slot[float64]{{"m", three}, {"s", three}}, "after -1 steps"},
	} {
		err := New[float64](Rule{Method: Adam}, 3).Restore(tt.steps, tt.slots)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v want … %s …", tt.name, err, tt.want)
		}
	}
}

// A weight whose gradient was always 0 stays, whatever ε is.
func TestZeroGradientIsNoNaN(t *testing.T) {
	for _, rule := range rules() {
		rule.Eps, rule.WeightDecay = 0, 0
		o, w := New[float64](rule, 2), []float64{1, 2}
		for range 3 {
			o.Step(w, []float64{0, 1}, 0.1)
		}
		if w[0] != 1 || !(w[1] < 2) {
			t.Errorf("%+v: got %v want the first unmoved and the second below 2", rule, w)
		}
	}
}

// Each trajectory is that of float64 within what float32 rounds: 20 steps of
// at most a few units of 2⁻²⁴, but for Adam's and RMSprop's quotients.
func TestFloat32FollowsFloat64(t *testing.T) {
	for _, rule := range rules() {
		rng := rand.New(rand.NewPCG(3, 4))
		a, b := New[float64](rule, 1), New[float32](rule, 1)
		x, y := []float64{1}, []float32{1}
		for range 20 {
			g := float32(rng.NormFloat64())
			a.Step(x, []float64{float64(g)}, 0.01)
			b.Step(y, []float32{g}, 0.01)
		}
		if math.Abs(x[0]-float64(y[0])) > 1e-4 {
			t.Errorf("%+v: float64 %v, float32 %v", rule, x[0], y[0])
		}
	}
}

// The passes of sgd have the bits of the plain loop, with whatever instructions.
func TestPassesHaveTheBitsOfThePlainLoop(t *testing.T) {
	for _, r := range rules() {
		if r.Method != SGD || r.Momentum == 0 {
			continue
		}
		rng := rand.New(rand.NewPCG(5, 6))
		w, g := make([]float32, 2500), make([]float32, 2500)
		for i := range w {
			w[i] = float32(rng.NormFloat64())
		}
		o, want, v := New[float32](r, len(w)), append([]float32(nil), w...), make([]float32, len(w))
		for step := range 3 {
			for i := range g {
				g[i] = float32(rng.NormFloat64())
			}
			const eta = 0.03
			o.Step(w, g, eta)
			fresh := 1 - r.Dampening
			if step == 0 {
				fresh = 1
			}
			if !r.Velocity {
				fresh *= eta
			}
			p := pace[float32]{mu: float32(r.Momentum), rate: eta, fresh: float32(fresh)}
			for i, x := range want {
				d := g[i] + float32(float32(r.WeightDecay)*x)
				switch {
				case r.Velocity && r.Nesterov:
					want[i] = x - p.velocityNesterov(&v[i], d)
				case r.Velocity:
					want[i] = x - p.velocity(&v[i], d)
				case r.Nesterov:
					want[i] = x + p.heavyNesterov(&v[i], d)
				default:
					want[i] = x + p.heavy(&v[i], d)
				}
			}
			if !reflect.DeepEqual(w, want) {
				t.Fatalf("%+v: step %d differs from the plain loop", r, step)
			}
		}
	}
}

// The steps of Adam and the plain RMSprop are one pass of the kernels. It has the
// bits of the loop that their formulas are, also where a denominator is 0.
func TestAdaptivePassesHaveTheBitsOfThePlainLoop(t *testing.T) {
	rules := append(rules(),
		Rule{Method: RMSprop, Rho: 0.99, Eps: 1e-3, EpsInside: true, WeightDecay: 0.01}, Rule{Method: RMSprop, Rho: 0.9},
		Rule{Method: Adam, Beta1: 0.9, Beta2: 0.999}, Rule{Method: AdamW, Beta1: 0, Beta2: 0.5, Eps: 1e-8, WeightDecay: 0.1})
	for _, r := range rules {
		if r.Method == SGD || r.Momentum != 0 || r.Centered {
			continue
		}
		adaptiveMatches(t, r, 0.03)
	}
}

func adaptiveMatches(t *testing.T, r Rule, eta float64) {
	rng := rand.New(rand.NewPCG(7, 8))
	w, g := make([]float32, 2503), make([]float32, 2503)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
	}
	o, want := New[float32](r, len(w)), append([]float32(nil), w...)
	m, s := make([]float32, len(w)), make([]float32, len(w))
	for step := 1; step <= 4; step++ {
		for i := range g {
			g[i] = float32(rng.NormFloat64()) * float32(rng.IntN(3)) * float32(min(i, 1)) // the first is always 0
		}
		o.Step(w, g, eta)
		for i, x := range want {
			if r.Method == RMSprop {
				want[i] = plainRMSprop(r, x, &s[i], g[i], eta)
			} else {
				want[i] = plainAdam(r, x, &m[i], &s[i], g[i], eta, step)
			}
		}
		if !reflect.DeepEqual(w, want) {
			t.Fatalf("%+v: step %d differs from the plain loop", r, step)
		}
	}
}

// plainRMSprop is RMSprop as Rule has it, each operation rounded to float32.
func plainRMSprop(r Rule, x float32, s *float32, g float32, eta float64) float32 {
	d := g + float32(float32(r.WeightDecay)*x)
	*s = float32(float32(r.Rho)**s) + float32(float32(1-r.Rho)*float32(d*d))
	below := root(*s) + float32(r.Eps)
	if r.EpsInside {
		below = root(*s + float32(r.Eps))
	}
	if below == 0 {
		return x
	}
	return x - float32(float32(eta)*float32(d/below))
}

// plainAdam is Adam or AdamW as Rule has it, each operation rounded to float32.
func plainAdam(r Rule, x float32, m, s *float32, g float32, eta float64, step int) float32 {
	d := g
	if r.Method == Adam {
		d += float32(float32(r.WeightDecay) * x)
	}
	*m = float32(float32(r.Beta1)**m) + float32(float32(1-r.Beta1)*d)
	*s = float32(float32(r.Beta2)**s) + float32(float32(1-r.Beta2)*float32(d*d))
	u := float32(0)
	if below := float32(root(*s)/float32(math.Sqrt(1-power(r.Beta2, int64(step))))) + float32(r.Eps); below != 0 {
		u = *m / below
	}
	if r.Method == AdamW {
		x = float32(float32(1-float64(eta*r.WeightDecay)) * x)
	}
	return x - float32(float32(eta/(1-power(r.Beta1, int64(step))))*u)
}

func TestStepsDoNotAllocate(t *testing.T) {
	for _, rule := range rules() {
		o, w, g := New[float32](rule, 100), make([]float32, 100), make([]float32, 100)
		if n := testing.AllocsPerRun(10, func() {
			o.Step(w, g, 0.1)
			ClipValue(g, 1)
			ClipNorm(g, 1)
		}); n != 0 {
			t.Errorf("%+v: %v allocations per step", rule, n)
		}
	}
}

func near(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-12*math.Abs(b)
}

type vectors struct {
	Cases []struct {
		Name     string
		Hyper    map[string]any
		LR       []float64
		Theta0   []float64
		Grads    [][]float64
		Theta    [][]float64
		ClipNorm float64   `json:"clip_norm"`
		Norms    []float64 `json:"grad_norms"`
	}
	Hand []struct {
		Name                 string
		X0, Beta, C, DX, Eps float64
		Eta0, Alpha          float64
		LR, X, G             json.RawMessage
		Out                  []float64
	}
}

func readVectors(t *testing.T) (v vectors) {
	b, err := os.ReadFile("testdata/optimizer_vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// rule is what the hyperparameters of a trajectory mean.
func rule(name string, hyper map[string]any) Rule {
	h := func(name string) float64 { x, _ := hyper[name].(float64); return x }
	is := func(name string) bool { x, _ := hyper[name].(bool); return x }
	r := Rule{Momentum: h("momentum") + h("beta"), Velocity: h("momentum") != 0, WeightDecay: h("weight_decay"),
		Dampening: h("dampening"), Nesterov: is("nesterov"), Eps: h("eps"), EpsInside: is("eps_inside"), Centered: is("centered")}
	if b, ok := hyper["betas"].([]any); ok {
		r.Method, r.Beta1, r.Beta2 = Adam, b[0].(float64), b[1].(float64)
	}
	if name == "adamw" {
		r.Method = AdamW
	}
	if strings.HasPrefix(name, "rmsprop") {
		r.Method, r.Rho = RMSprop, h("alpha")
	}
	return r
}

// schedule is the one by which a trajectory got its rates.
func schedule(name string, hyper map[string]any, lr []float64) Schedule {
	s := Schedule{Eta0: lr[0], Decay: Constant}
	alpha, ok := hyper["alpha"].(float64)
	switch {
	case strings.Contains(name, "cosine"):
		s.Decay, s.Total = Cosine, int64(len(lr))
	case strings.Contains(name, "exp-lr"):
		s.Decay, s.Alpha = Exponential, -math.Log(0.9)
	case strings.Contains(name, "step-lr"):
		s.Decay, s.Alpha, s.Every = Stairs, 0.5, 2
	case strings.Contains(name, "inverse-time") && ok:
		s.Decay, s.Alpha = InverseTime, alpha
	}
	return s
}

// The 18 trajectories were computed with PyTorch 1.13 and by formula.
func TestTrajectories(t *testing.T) {
	cases := readVectors(t).Cases
	if len(cases) != 18 {
		t.Errorf("got %d trajectories want 18", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			o, rates := New[float64](rule(c.Name, c.Hyper), len(c.Theta0)), schedule(c.Name, c.Hyper, c.LR)
			w := append([]float64(nil), c.Theta0...)
			for i, g := range c.Grads {
				g = append([]float64(nil), g...)
				norm := ClipNorm(g, c.ClipNorm)
				if c.Norms != nil && !near(norm, c.Norms[i]) {
					t.Errorf("step %d: norm: got %v want %v", i, norm, c.Norms[i])
				}
				if eta := rates.At(int64(i)); !near(eta, c.LR[i]) {
					t.Errorf("step %d: rate: got %v want %v", i, eta, c.LR[i])
				}
				o.Step(w, g, c.LR[i])
				for k := range w {
					if math.Abs(w[k]-c.Theta[i][k]) > 1e-12 {
						t.Fatalf("step %d: got %v want %v", i, w, c.Theta[i])
					}
				}
			}
		})
	}
}

// Eight of the ten hand cases; the other two are gradients of models.
func TestHandCases(t *testing.T) {
	read := func(raw json.RawMessage, into any) {
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for _, c := range readVectors(t).Hand {
		seen++
		switch c.Name {
		case "quadratic-gd", "quadratic-heavy-ball", "quadratic-nesterov-lookahead":
			var eta float64
			var want []float64
			read(c.LR, &eta)
			read(c.X, &want)
			nesterov := strings.Contains(c.Name, "nesterov")
			o, w := New[float64](Rule{Momentum: c.Beta, Nesterov: nesterov}, 1), []float64{c.X0}
			for i := range want {
				got := w[0] - eta*w[0] // Nesterov's x is the gradient step from w, his y
				o.Step(w, []float64{w[0]}, eta)
				if !nesterov {
					got = w[0]
				}
				if !near(got, want[i]) {
					t.Errorf("%s: step %d: got %v want %v", c.Name, i, got, want[i])
				}
			}
		case "inverse-time":
			var want []float64
			read(c.LR, &want)
			for i := range want {
				if got := (Schedule{Eta0: c.Eta0, Alpha: c.Alpha}).At(int64(i)); !near(got, want[i]) {
					t.Errorf("%s: %d: got %v want %v", c.Name, i, got, want[i])
				}
			}
		case "clip", "clip-below":
			var g []float64
			read(c.G, &g)
			if ClipNorm(g, c.C); !near(g[0], c.Out[0]) || !near(g[1], c.Out[1]) {
				t.Errorf("%s: got %v want %v", c.Name, g, c.Out)
			}
		case "rmsprop-first-step", "adam-first-step":
			var g, eta float64
			read(c.G, &g)
			read(c.LR, &eta)
			r := Rule{Method: RMSprop, Rho: c.Alpha, Eps: c.Eps}
			if c.Name == "adam-first-step" {
				r = Rule{Method: Adam, Beta1: 0.9, Beta2: 0.999}
			}
			w := []float64{0}
			if New[float64](r, 1).Step(w, []float64{g}, eta); !near(w[0], c.DX) {
				t.Errorf("%s: got %v want %v", c.Name, w[0], c.DX)
			}
		case "softmax-grad", "linreg-grad":
			seen-- // in package model
		}
	}
	if seen != 8 {
		t.Errorf("got %d hand cases want 8", seen)
	}
}

func BenchmarkStep(b *testing.B) {
	for _, r := range rules() {
		for _, n := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("method=%d/momentum=%v/velocity=%v/nesterov=%v/centered=%v/n=%d", r.Method, r.Momentum, r.Velocity, r.Nesterov, r.Centered, n), func(b *testing.B) {
				o, w, g := New[float32](r, n), make([]float32, n), make([]float32, n)
				b.SetBytes(int64(4 * n))
				b.ReportAllocs()
				for b.Loop() {
					o.Step(w, g, 0.01)
				}
			})
		}
	}
}
