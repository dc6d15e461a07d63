package optim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// On f(w) = ½λw² the heavy ball is a linear recurrence.
func TestHeavyBallIsALinearRecurrence(t *testing.T) {
	const lambda, eta, mu = 1.7, 0.3, 0.8
	m, w := Momentum{Mu: mu}, []float64{1}
	prev, cur := 1.0, 1.0
	for step := range 50 {
		prev, cur = cur, (1+mu-eta*lambda)*cur-mu*prev
		m.Step(w, []float64{lambda * w[0]}, eta)
		if math.Abs(w[0]-cur) > 1e-14 {
			t.Fatalf("step %d: got %v want %v", step, w[0], cur)
		}
	}
}

// While η is constant the two forms are one; when it drops, the velocity form
// moves by the new η times the old velocity at once.
func TestFormsDifferOnlyWhenTheRateChanges(t *testing.T) {
	heavy, velocity := Momentum{Mu: 0.9}, Momentum{Mu: 0.9, Velocity: true}
	a, b := []float64{1}, []float64{1}
	for range 10 {
		heavy.Step(a, []float64{a[0]}, 0.1)
		velocity.Step(b, []float64{b[0]}, 0.1)
		if math.Abs(a[0]-b[0]) > 1e-14 {
			t.Fatalf("constant rate: heavy ball %v, velocity %v", a[0], b[0])
		}
	}
	before := a[0]
	heavy.Step(a, []float64{0}, 0)
	velocity.Step(b, []float64{0}, 0)
	if b[0] != before && math.Abs(b[0]-before) > 1e-14 {
		t.Errorf("velocity form at rate 0: got %v want %v, unmoved", b[0], before)
	}
	if a[0] == before {
		t.Error("heavy ball at rate 0 stood still; want it to roll on")
	}
}

func TestStepPanicsOnOtherLength(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic for a gradient of another length")
		}
	}()
	new(Momentum).Step(make([]float64, 2), make([]float64, 3), 1)
}

func TestClipNorm(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, tt := range []struct {
		name  string
		g     []float64
		limit float64
		norm  float64
		want  []float64
	}{
		{"above limit", []float64{3, 4}, 1, 5, []float64{0.6, 0.8}},
		{"below limit", []float64{0.3, 0.4}, 1, 0.5, []float64{0.3, 0.4}},
		{"at limit", []float64{3, 4}, 5, 5, []float64{3, 4}},
		{"no limit", []float64{3, 4}, 0, 5, []float64{3, 4}},
		{"zero gradient", []float64{0, 0}, 1, 0, []float64{0, 0}},
		{"empty", nil, 1, 0, nil},
		{"squares overflow", []float64{3e200, 4e200}, 5, 5e200, []float64{3, 4}},
		{"squares vanish", []float64{3e-200, 4e-200}, 1, 5e-200, []float64{3e-200, 4e-200}},
		{"infinite", []float64{1, inf}, 1, inf, []float64{1, inf}},
		{"not a number", []float64{nan, inf}, 1, nan, []float64{nan, inf}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := append([]float64(nil), tt.g...)
			if norm := ClipNorm(g, tt.limit); !near(norm, tt.norm) {
				t.Errorf("norm: got %v want %v", norm, tt.norm)
			}
			for i := range g {
				if !near(g[i], tt.want[i]) {
					t.Errorf("g: got %v want %v", g, tt.want)
				}
			}
		})
	}
}

// Clipping keeps the direction and never lengthens.
func TestClipNormLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 20).Draw(t, "g")
		limit := rapid.Float64Range(1e-3, 1e6).Draw(t, "limit")
		c := append([]float64(nil), g...)
		norm := ClipNorm(c, limit)
		if after := Norm(c); after > limit*(1+1e-12) && after > norm {
			t.Fatalf("norm %v became %v; limit %v", norm, after, limit)
		}
		for i := range g {
			if want := g[i] * min(1, limit/norm); norm > 0 && math.Abs(c[i]-want) > 1e-9*math.Abs(want) {
				t.Fatalf("element %d: got %v want %v", i, c[i], want)
			}
		}
	})
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
		Name        string
		X0          float64
		LR          json.RawMessage
		Beta        float64
		X           json.RawMessage
		Eta0, Alpha float64
	}
}

func readVectors(t *testing.T) (v vectors) {
	b, err := os.ReadFile("../../../../shared/cases/optimizer_vectors.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the reference trajectories are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The trajectories were computed by PyTorch 1.13 and by the formulas.
func TestReferenceTrajectories(t *testing.T) {
	mine := map[string]bool{
		"sgd": true, "sgd-weight-decay-coupled": true, "momentum-velocity-const-lr": true, "heavy-ball-const-lr": true,
		"momentum-velocity-inverse-time": true, "heavy-ball-inverse-time": true,
		"clip-global-norm-sgd": true, "clip-global-norm-momentum-exp-lr": true,
	}
	seen := 0
	for _, c := range readVectors(t).Cases {
		if !mine[c.Name] {
			continue
		}
		seen++
		t.Run(c.Name, func(t *testing.T) {
			h := func(name string) float64 { x, _ := c.Hyper[name].(float64); return x }
			_, velocity := c.Hyper["momentum"]
			m := Momentum{Mu: h("momentum") + h("beta"), Velocity: velocity, WeightDecay: h("weight_decay")}
			w := append([]float64(nil), c.Theta0...)
			for i, g := range c.Grads {
				g = append([]float64(nil), g...)
				norm := ClipNorm(g, c.ClipNorm)
				if c.Norms != nil && !near(norm, c.Norms[i]) {
					t.Errorf("step %d: norm: got %v want %v", i, norm, c.Norms[i])
				}
				if a := h("alpha"); a != 0 {
					if eta := (InverseTime{c.LR[0], a}).At(int64(i)); !near(eta, c.LR[i]) {
						t.Errorf("step %d: rate: got %v want %v", i, eta, c.LR[i])
					}
				}
				m.Step(w, g, c.LR[i])
				for k := range w {
					if math.Abs(w[k]-c.Theta[i][k]) > 1e-12 {
						t.Fatalf("step %d: got %v want %v", i, w, c.Theta[i])
					}
				}
			}
		})
	}
	if seen != len(mine) {
		t.Errorf("got %d of the %d trajectories by name", seen, len(mine))
	}
}

func TestHandCases(t *testing.T) {
	for _, c := range readVectors(t).Hand {
		switch c.Name {
		case "quadratic-gd", "quadratic-heavy-ball":
			var eta float64
			var want []float64
			if err := errors.Join(json.Unmarshal(c.LR, &eta), json.Unmarshal(c.X, &want)); err != nil {
				t.Fatal(err)
			}
			m, w := Momentum{Mu: c.Beta}, []float64{c.X0}
			for i := range want {
				m.Step(w, []float64{w[0]}, eta)
				if !near(w[0], want[i]) {
					t.Errorf("%s: step %d: got %v want %v", c.Name, i, w[0], want[i])
				}
			}
		case "inverse-time":
			var want []float64
			if err := json.Unmarshal(c.LR, &want); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got := (InverseTime{c.Eta0, c.Alpha}).At(int64(i)); !near(got, want[i]) {
					t.Errorf("%s: %d: got %v want %v", c.Name, i, got, want[i])
				}
			}
		}
	}
}

func BenchmarkMomentum(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			m, w, g := Momentum{Mu: 0.9}, make([]float64, n), make([]float64, n)
			m.Step(w, g, 0.01) // the first step allocates
			b.SetBytes(int64(8 * n))
			b.ReportAllocs()
			for b.Loop() {
				m.Step(w, g, 0.01)
			}
		})
	}
}
