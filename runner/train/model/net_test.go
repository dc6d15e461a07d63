package model

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"github.com/trawl-sweep/trawl/runner/train/kernel"
)

// specs are all models and losses, with all their knobs in use.
func specs() map[string]Spec {
	return map[string]Spec{
		"linear":                     {In: 5, Out: 1, Loss: Squared},
		"linear, L1 and L2":          {In: 5, Out: 1, Loss: Squared, L1: 0.1, L2: 0.2},
		"softmax":                    {In: 5, Out: 4},
		"softmax, smoothed":          {In: 5, Out: 4, Smoothing: 0.2, L2: 0.1},
		"relu":                       {In: 5, Hidden: []int{7}, Out: 4},
		"tanh":                       {In: 5, Hidden: []int{7, 6}, Out: 4, Activation: Tanh, L1: 0.05},
		"gelu":                       {In: 5, Hidden: []int{7, 6, 5}, Out: 4, Activation: GELU},
		"four hidden, dropout":       {In: 5, Hidden: []int{8, 7, 6, 5}, Out: 3, Activation: Tanh, Dropout: 0.3, Smoothing: 0.1},
		"gelu, dropout":              {In: 5, Hidden: []int{9}, Out: 3, Activation: GELU, Dropout: 0.5},
		"relu, dropout":              {In: 5, Hidden: []int{9, 8}, Out: 3, Dropout: 0.2, L1: 0.01, L2: 0.02},
		"regression with two hidden": {In: 5, Hidden: []int{6, 6}, Out: 1, Loss: Squared, Activation: Tanh},
		"frozen":                     {In: 5, Hidden: []int{6, 6}, Out: 3, Activation: Tanh, Frozen: 2, L2: 0.1},
	}
}

const testRows = 6

// sample is a network with random weights and a batch.
func sample[T Float](s Spec, seed uint64, rows int) (n *Net[T], w []T, b Batch[T]) {
	rng := rand.New(rand.NewPCG(seed, 99))
	n = New[T](s, rows)
	w = make([]T, n.Len())
	for i := range w {
		w[i] = T(rng.NormFloat64() / 2)
	}
	for i := range n.Input() {
		n.Input()[i] = T(rng.NormFloat64())
	}
	b = Batch[T]{Rows: rows, Scale: 1 / T(rows), First: true, Key: seed}
	for range rows {
		b.Label = append(b.Label, int32(rng.IntN(s.Out)))
		b.Target = append(b.Target, T(rng.NormFloat64()))
	}
	return n, w, b
}

// objective is J of the sample, dropout included.
func objective(n *Net[float64], w []float64, b Batch[float64]) float64 {
	loss, _ := n.Gradient(w, make([]float64, n.Len()), b)
	sum := 0.0
	for _, l := range loss {
		sum += l
	}
	return sum/float64(b.Rows) + n.PenaltyLoss(w)
}

// Central differences with h = 1e-5 err by h²/6 times a third derivative of
// the order of 1, and by rounding, 1e-16/h; ReLU and L1 have kinks, which random
// weights meet within h with a probability of some 1e-4, and this seed does not.
func TestGradientIsThatOfFiniteDifferences(t *testing.T) {
	for name, s := range specs() {
		t.Run(name, func(t *testing.T) {
			n, w, b := sample[float64](s, 3, testRows)
			g := make([]float64, n.Len())
			n.Gradient(w, g, b)
			n.Penalty(w, g)
			const h = 1e-5
			for i := n.FrozenLen(); i < len(w); i++ {
				was := w[i]
				w[i] = was + h
				up := objective(n, w, b)
				w[i] = was - h
				down := objective(n, w, b)
				w[i] = was
				if want := (up - down) / (2 * h); math.Abs(g[i]-want) > 1e-8*max(1, math.Abs(want)) {
					t.Fatalf("parameter %d: got %v want %v", i, g[i], want)
				}
			}
			for i, x := range g[:n.FrozenLen()] {
				if x != 0 {
					t.Fatalf("frozen parameter %d: got gradient %v want none", i, x)
				}
			}
		})
	}
}

// A mini-batch in parts has the bits of the whole, dropout included; so do the
// parts of a network that was made for more rows.
func TestPartsHaveTheBitsOfTheWhole(t *testing.T) {
	for name, s := range specs() {
		t.Run(name, func(t *testing.T) {
			n, w, b := sample[float32](s, 5, testRows)
			want := make([]float32, n.Len())
			whole, rightWhole := n.Gradient(w, want, b)
			part := New[float32](s, testRows+3)
			got := make([]float32, n.Len())
			var loss []float64
			right, from := 0, 0
			for _, rows := range []int{1, 3, 2} {
				copy(part.Input(), n.Input()[from*s.In:])
				p := b
				p.Rows, p.Label, p.Target, p.First, p.Place = rows, b.Label[from:], b.Target[from:], from == 0, from
				l, r := part.Gradient(w, got, p)
				loss, right, from = append(loss, l...), right+r, from+rows
			}
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(loss, whole) || right != rightWhole {
				t.Errorf("got %v %v want %v %v", loss, got, whole, want)
			}
		})
	}
}

// sparse is the first rows of Input as a sparse matrix.
func sparse[T Float](n *Net[T], from, rows int) *kernel.Sparse[T] {
	x := &kernel.Sparse[T]{Rows: rows, Cols: n.In, Start: []int32{0}}
	for i := range rows {
		for j, v := range n.Input()[(from+i)*n.In:][:n.In] {
			if v != 0 {
				x.Col, x.Val = append(x.Col, int32(j)), append(x.Val, v)
			}
		}
		x.Start = append(x.Start, int32(len(x.Col)))
	}
	return x
}

// Sparse examples have the bits of dense ones, in parts of a mini-batch too.
func TestSparseExamples(t *testing.T) {
	for name, s := range specs() {
		t.Run(name, func(t *testing.T) {
			s.In = 37
			sparseMatches[float32](t, s)
			sparseMatches[float64](t, s)
		})
	}
}

func sparseMatches[T Float](t *testing.T, s Spec) {
	n, w, b := sample[T](s, 5, testRows)
	for i := range n.Input() {
		if i%3 != 0 || i > 2*s.In && i < 3*s.In {
			n.Input()[i] = 0
		}
	}
	want, got := make([]T, n.Len()), make([]T, n.Len())
	for i := range got {
		got[i] = 9 // of a step before
	}
	n.Gradient(w, want, b)
	part := New[T](s, testRows)
	first, second := b, b
	first.Rows, first.X = 4, sparse(n, 0, 4)
	part.Gradient(w, got, first)
	second.Rows, second.X, second.First, second.Place = 2, sparse(n, 4, 2), false, 4
	second.Label, second.Target = b.Label[4:], b.Target[4:]
	part.Gradient(w, got, second)
	if !reflect.DeepEqual(got[n.FrozenLen():], want[n.FrozenLen():]) {
		t.Errorf("gradient: got %v want %v", got, want)
	}
	z := append([]T(nil), n.Forward(w, 3, nil)...)
	if y := part.Forward(w, 3, sparse(n, 0, 3)); !reflect.DeepEqual(y, z) {
		t.Errorf("outputs: got %v want %v", y, z)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for name, s := range specs() {
		n, w, b := sample[float32](s, 5, testRows)
		g, few := make([]float32, n.Len()), b
		few.X = sparse(n, 0, testRows)
		if a := testing.AllocsPerRun(5, func() {
			n.Gradient(w, g, b)
			n.Gradient(w, g, few)
			n.Penalty(w, g)
			n.Forward(w, testRows, nil)
			n.Forward(w, testRows, few.X)
		}); a != 0 {
			t.Errorf("%s: %v allocations", name, a)
		}
	}
}

// The two hand cases of optimizer_vectors.json that are about models.
func TestHandCases(t *testing.T) {
	var file struct {
		Hand []struct {
			Name   string
			Z, DZ  []float64
			X      json.RawMessage
			Y      json.RawMessage
			Loss   float64
			Half   float64 `json:"loss_mse_half"`
			DW, DB float64
		}
	}
	b, err := os.ReadFile("../optim/testdata/optimizer_vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, c := range file.Hand {
		switch c.Name {
		case "softmax-grad": // the biases are the logits, and their gradient dz
			seen++
			n := New[float64](Spec{In: 1, Out: 2}, 1)
			g := make([]float64, n.Len())
			loss, _ := n.Gradient([]float64{0, 0, c.Z[0], c.Z[1]}, g, Batch[float64]{Rows: 1, Label: []int32{0}, Scale: 1, First: true})
			if math.Abs(loss[0]-c.Loss) > 1e-15 || math.Abs(g[2]-c.DZ[0]) > 1e-15 || math.Abs(g[3]-c.DZ[1]) > 1e-15 {
				t.Errorf("%s: got %v %v want %v %v", c.Name, loss, g[2:], c.Loss, c.DZ)
			}
		case "linreg-grad":
			seen++
			n := New[float64](Spec{In: 1, Out: 1, Loss: Squared}, 2)
			copy(n.Input(), []float64{1, 2})
			g := make([]float64, 2)
			loss, _ := n.Gradient(make([]float64, 2), g, Batch[float64]{Rows: 2, Target: []float64{2, 4}, Scale: 0.5, First: true})
			if half := (loss[0] + loss[1]) / 2; half != c.Half || g[0] != c.DW || g[1] != c.DB {
				t.Errorf("%s: got %v %v want %v %v %v", c.Name, half, g, c.Half, c.DW, c.DB)
			}
		}
	}
	if seen != 2 {
		t.Errorf("got %d hand cases want 2", seen)
	}
}

// Of 40,000 units the number that is dropped is within 5 deviations, 100·√(p(1-p))·2.
func TestDropoutDropsItsPart(t *testing.T) {
	for _, p := range []float64{0, 0.1, 0.5, 0.9} {
		mask := make([]float32, 40_000)
		dropMask(mask, p, BatchKey(1, 2, 3), 7)
		dropped := 0
		for _, m := range mask {
			if m == 0 {
				dropped++
			} else if m != float32(1/(1-p)) {
				t.Fatalf("kept units are multiplied by %v want %v", m, 1/(1-p))
			}
		}
		if want := 40_000 * p; math.Abs(float64(dropped)-want) > 1000*math.Sqrt(p*(1-p)) {
			t.Errorf("p=%v: dropped %d want about %v", p, dropped, want)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for seed := range int64(20) {
		for epoch := range int64(20) {
			for step := range int64(20) {
				k, name := BatchKey(seed, epoch, step), fmt.Sprint(seed, epoch, step)
				if other, ok := seen[k]; ok {
					t.Fatalf("%s has the key of %s", name, other)
				}
				seen[k] = name
			}
		}
	}
}

// Variances are those of the papers: of 20,000 draws, within 5 deviations,
// each √(4/5)/√20,000 of the variance for a uniform distribution.
func TestInitialise(t *testing.T) {
	s := Spec{In: 200, Hidden: []int{100}, Out: 10}
	layers, n := s.Layers()
	for _, tt := range []struct {
		how  Init
		want float64
	}{{Zeros, 0}, {Glorot, 2.0 / 300}, {He, 2.0 / 200}} {
		w := make([]float64, n)
		w[layers[0].Bias] = 1
		Initialise(s, w, 0, tt.how, 1)
		sum := 0.0
		for _, x := range w[:layers[0].Bias] {
			sum += x * x
		}
		if got := sum / 20_000; math.Abs(got-tt.want) > 0.032*tt.want {
			t.Errorf("init %d: variance: got %v want %v", tt.how, got, tt.want)
		}
		for _, x := range w[layers[0].Bias:] {
			if x != 0 {
				t.Fatalf("init %d: a bias or another layer is %v", tt.how, x)
			}
		}
	}
	a, b, c := make([]float32, n), make([]float32, n), make([]float32, n)
	Initialise(s, a, 0, He, 1)
	Initialise(s, b, 0, He, 1)
	Initialise(s, c, 0, He, 2)
	if !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) {
		t.Error("the weights are not a function of the seed")
	}
}

func TestCheck(t *testing.T) {
	for name, s := range map[string]Spec{
		"no features":             {Out: 2},
		"no outputs":              {In: 2},
		"five hidden layers":      {In: 2, Hidden: []int{1, 1, 1, 1, 1}, Out: 2},
		"empty layer":             {In: 2, Hidden: []int{0}, Out: 2},
		"nothing learns":          {In: 2, Hidden: []int{3}, Out: 2, Frozen: 2},
		"two outputs to regress":  {In: 2, Out: 2, Loss: Squared},
		"negative frozen":         {In: 2, Out: 2, Frozen: -1},
		"frozen softmax, 1 layer": {In: 2, Out: 2, Frozen: 1},
	} {
		if s.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, s := range specs() {
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkNet(b *testing.B) {
	for _, s := range []Spec{{In: 784, Out: 10}, {In: 784, Hidden: []int{256, 128}, Out: 10}} {
		b.Run(fmt.Sprintf("hidden=%d/rows=128", len(s.Hidden)), func(b *testing.B) {
			n, w, batch := sample[float32](s, 1, 128)
			g := make([]float32, n.Len())
			b.ReportAllocs()
			for b.Loop() {
				n.Gradient(w, g, batch)
			}
			b.ReportMetric(float64(128*b.N)/b.Elapsed().Seconds(), "examples/s")
		})
	}
}
