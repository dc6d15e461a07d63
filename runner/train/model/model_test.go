package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestExp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		x := -745 + 1454*rng.Float64()
		if got, want := exp(x), math.Exp(x); want > 0x1p-1022 && math.Abs(got-want) > 4e-16*want {
			t.Fatalf("exp(%v): got %v want %v, %g relative", x, got, want, (got-want)/want)
		}
	}
	for _, tt := range [][2]float64{
		{0, 1}, {-746, 0}, {math.Inf(-1), 0}, {math.Inf(1), math.Inf(1)}, {710, math.Inf(1)}, {-740, math.Exp(-740)},
	} {
		if got := exp(tt[0]); got != tt[1] && math.Abs(got-tt[1]) > 5e-324 {
			t.Errorf("exp(%v): got %v want %v", tt[0], got, tt[1])
		}
	}
	if !math.IsNaN(exp(math.NaN())) {
		t.Error("exp(NaN) is a number")
	}
}

func TestLog(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 200_000 {
		x := math.Ldexp(0.5+rng.Float64()/2, rng.IntN(2045)-1021) // math.Log errs below 2⁻¹⁰²² on amd64
		if i%2 == 0 {
			x = 0.5 + 15*rng.Float64() // sums of a few exponentials
		}
		if got, want := log(x), math.Log(x); math.Abs(got-want) > 1e-15*max(math.Abs(want), 1e-2) {
			t.Fatalf("log(%v): got %v want %v", x, got, want)
		}
	}
	for _, x := range []float64{0, math.Inf(1), 1} {
		if got, want := log(x), math.Log(x); got != want {
			t.Errorf("log(%v): got %v want %v", x, got, want)
		}
	}
	if !math.IsNaN(log(-1)) || !math.IsNaN(log(math.NaN())) {
		t.Error("log of a negative or of NaN is a number")
	}
}

// random returns a model with weights of size s, and an example with a label.
func randomModel(rng *rand.Rand, d, c int, s float64) (m *Softmax, w []float64, x Example, y int) {
	m = NewSoftmax(d, c)
	w = make([]float64, m.Len())
	for i := range w {
		w[i] = s * rng.NormFloat64()
	}
	for i := range d {
		if rng.IntN(3) == 0 {
			x.Index = append(x.Index, uint16(i))
			x.Value = append(x.Value, uint8(1+rng.IntN(255)))
		}
	}
	return m, w, x, rng.IntN(c)
}

// The gradient is that of finite differences: central ones with h = 1e-5 err by
// h²/6 times a third derivative below 1, and by rounding, 1e-16/h.
func TestExampleGradientIsThatOfFiniteDifferences(t *testing.T) {
	for _, c := range []int{2, 3, 10} {
		for seed := range uint64(5) {
			rng := rand.New(rand.NewPCG(seed, uint64(c)))
			m, w, x, y := randomModel(rng, 12, c, 0.5)
			g := make([]float64, m.Len())
			const scale, h = 0.25, 1e-5
			loss, right := m.Gradient(w, g, x, y, scale)
			if l, r := m.Loss(w, x, y); l != loss || r != right {
				t.Errorf("Gradient says %v %v, Loss %v %v", loss, right, l, r)
			}
			for i := range w {
				was := w[i]
				w[i] = was + h
				up, _ := m.Loss(w, x, y)
				w[i] = was - h
				down, _ := m.Loss(w, x, y)
				w[i] = was
				if want := scale * (up - down) / (2 * h); math.Abs(g[i]-want) > 1e-9 {
					t.Fatalf("c=%d seed=%d: gradient of weight %d: got %v want %v", c, seed, i, g[i], want)
				}
			}
		}
	}
}

// By hand: with all logits equal the loss is log c, and b's gradient p − e_y.
func TestSoftmaxAtZero(t *testing.T) {
	m := NewSoftmax(1, 2)
	g := make([]float64, m.Len())
	loss, right := m.Gradient(make([]float64, m.Len()), g, Example{}, 0, 1)
	if math.Abs(loss-math.Ln2) > 1e-16 || !right {
		t.Errorf("got loss %v, right %v; want log 2, and right as the first of equals", loss, right)
	}
	if want := []float64{0, 0, -0.5, 0.5}; fmt.Sprint(g) != fmt.Sprint(want) {
		t.Errorf("gradient: got %v want %v", g, want)
	}
}

// The loops for ten classes have the bits of the plain ones.
func TestTenClassesHaveTheBitsOfThePlainLoop(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	m, w, x, y := randomModel(rng, 50, 10, 1)
	g := make([]float64, m.Len())
	m.Gradient(w, g, x, y, 1.0/3)
	want, z := make([]float64, m.Len()), make([]float64, 10)
	copy(z, w[500:])
	for j, i := range x.Index {
		for k := range z {
			z[k] += float64(float64(x.Value[j]) / 255 * w[int(i)*10+k])
		}
	}
	m.logits(w, x)
	for k := range z {
		if m.z[k] != z[k] {
			t.Fatalf("logit %d: got %v want %v", k, m.z[k], z[k])
		}
	}
	d := append([]float64(nil), g[500:]...)
	copy(want[500:], d)
	for j, i := range x.Index {
		for k := range d {
			want[int(i)*10+k] += float64(float64(x.Value[j]) / 255 * d[k])
		}
	}
	for i := range g {
		if g[i] != want[i] {
			t.Fatalf("gradient %d: got %v want %v", i, g[i], want[i])
		}
	}
}

func TestLossOfExtremeWeights(t *testing.T) {
	x := Example{Index: []uint16{0}, Value: []uint8{255}}
	for _, tt := range []struct {
		name string
		w    []float64 // one feature, two classes, biases
		want float64
	}{
		{"far right", []float64{1e300, -1e300, 0, 0}, 0},
		{"far wrong", []float64{-1e6, 1e6, 0, 0}, 2e6},
		{"infinite", []float64{math.Inf(1), 0, 0, 0}, math.NaN()},
		{"not a number", []float64{math.NaN(), 0, 0, 0}, math.NaN()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			loss, right := NewSoftmax(1, 2).Loss(tt.w, x, 0)
			if loss != tt.want && !(math.IsNaN(loss) && math.IsNaN(tt.want)) {
				t.Errorf("loss: got %v want %v", loss, tt.want)
			}
			if right != (tt.want == 0) {
				t.Errorf("right: got %v", right)
			}
		})
	}
}

func BenchmarkGradient(b *testing.B) {
	m, w, x, y := randomModel(rand.New(rand.NewPCG(1, 1)), 784, 10, 0.1)
	g := make([]float64, m.Len())
	b.ReportAllocs()
	for b.Loop() {
		m.Gradient(w, g, x, y, 1)
	}
}
