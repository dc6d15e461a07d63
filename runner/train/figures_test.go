package train

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/trawl-sweep/trawl/runner/train/data"
)

// The accuracies that the trainer is meant to reach on the first 8,000 and the
// last 2,000 images.
func TestAccuracies(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hidden []int
		lr     float64
		want   float64
	}{{"softmax", nil, 0.1, 0.925}, {"mlp", []int{256, 128}, 0.05, 0.955}} {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("short")
			}
			c := Defaults()
			c.Options.Split = data.Split{Train: 8000, Val: 2000}
			c.Epochs, c.BatchSize, c.Momentum, c.Hidden, c.LR = 10, 128, 0.9, tt.hidden, tt.lr
			res, _ := trace(t, c, Hooks{})
			if a := metric(t, res.Last, "val_accuracy"); a < tt.want {
				t.Errorf("val_accuracy: got %v want at least %v", a, tt.want)
			}
		})
	}
}

// settled runs full-batch descent to its end and returns the run.
func settled(t *testing.T, c Config) *run[float64] {
	t.Helper()
	c.Float64, c.Optimizer, c.Nesterov = true, "gd", true
	r, err := newRun[float64](c, Hooks{Source: source}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for r.step < r.total {
		if _, why, err := r.period(t.Context()); why != "" || err != nil {
			t.Fatal(why, err)
		}
	}
	return r
}

// The optimum of scikit-learn 1.2.1's LogisticRegression(C=1, multi_class=
// 'multinomial', solver='newton-cg', tol=1e-12) on the standardised tumours:
// mean loss + ½/n·Σw², and the first weights of the second class.
func TestOptimumOfLogisticRegression(t *testing.T) {
	const want, wantW0, wantBias = 0.0585236611189862, 0.11285074, 0.00957064
	c := Defaults()
	c.Data, c.Options.Split, c.Options.Standardize = "breast-cancer", data.Split{Train: 569}, true
	c.L2, c.LR, c.Momentum, c.Epochs = 1.0/569, 0.25, 0.97, 3000
	r := settled(t, c)
	figures, err := r.eval.part(t.Context(), r.w, r.set.Train)
	if err != nil {
		t.Fatal(err)
	}
	if got := figures[0] + r.net.PenaltyLoss(r.w); math.Abs(got-want) > 1e-9 {
		t.Errorf("objective: got %.12f want %.12f", got, want)
	}
	l := r.net.Layers[0]
	w0, bias := math.Abs(r.w[l.Weight+l.In]), math.Abs(r.w[l.Bias+1])
	if math.Abs(w0-wantW0) > 1e-6 || math.Abs(bias-wantBias) > 1e-6 {
		t.Errorf("first weight and bias: got %v %v want %v %v", w0, bias, wantW0, wantBias)
	}
}

// Least squares by descent equals the solution of the normal equations, here
// by Householder's QR.
func TestLeastSquaresIsTheClosedForm(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var b strings.Builder
	b.WriteString("a,b,c,d,y\n")
	for range 200 {
		x := [4]float64{rng.NormFloat64(), rng.NormFloat64(), rng.Float64(), rng.Float64()}
		x[1] += x[0] / 2
		y := 3*x[0] - 2*x[1] + x[2] + 7 + rng.NormFloat64()
		for _, v := range x {
			b.WriteString(strconv.FormatFloat(v, 'g', -1, 64) + ",")
		}
		b.WriteString(strconv.FormatFloat(y, 'g', -1, 64) + "\n")
	}
	path := filepath.Join(t.TempDir(), "line.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c := Defaults()
	c.Data, c.Model, c.Options.Split, c.Options.Standardize = path, "linear", data.Split{Train: 200}, true
	c.LR, c.Momentum, c.Epochs = 0.5, 0.6, 500
	r := settled(t, c)

	x, y := mat.NewDense(200, 5, nil), mat.NewVecDense(200, nil)
	for i := range 200 {
		row := make([]float64, 4)
		r.set.Row(int32(i), row)
		x.SetRow(i, append(row, 1))
		y.SetVec(i, r.set.Target(int32(i)))
	}
	var want mat.VecDense
	if err := want.SolveVec(x, y); err != nil {
		t.Fatal(err)
	}
	for j, got := range r.w {
		if math.Abs(got-want.AtVec(j)) > 1e-8 {
			t.Errorf("coefficient %d: got %v want %v", j, got, want.AtVec(j))
		}
	}
}

// 64 trials share 60,000 × 784 bytes of data: under 150 MB with all of them, and
// less where they are trained together.
func TestMemoryOfManyTrials(t *testing.T) {
	if testing.Short() {
		t.Skip("short: 47 MB of data")
	}
	dir := t.TempDir()
	images := make([]byte, 16+60_000*784)
	for i, v := range []uint32{0x803, 60_000, 28, 28} {
		binary.BigEndian.PutUint32(images[4*i:], v)
	}
	labels := make([]byte, 8+60_000)
	binary.BigEndian.PutUint32(labels, 0x801)
	binary.BigEndian.PutUint32(labels[4:], 60_000)
	for i := range 60_000 {
		images[16+i*784+i%784], labels[8+i] = 200, byte(i%10)
	}
	for name, b := range map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	images, labels = nil, nil
	own := &data.Source{}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	runs := make([]*run[float32], 64)
	for i := range runs {
		c := Defaults()
		c.Data, c.BatchSize, c.Momentum, c.Seed = dir, 128, 0.9, int64(i)
		r, err := newRun[float32](c, Hooks{Source: own}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.batchStep(t.Context(), &tally{}); err != nil {
			t.Fatal(err)
		}
		runs[i] = r
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := float64(after.HeapAlloc-before.HeapAlloc) / 1e6
	t.Logf("%d trials: %.1f MB", len(runs), used)
	if used > 150 || used < 47 {
		t.Errorf("%d trials take %.1f MB; want under 150", len(runs), used)
	}
	runtime.KeepAlive(runs)
	clear(runs)
	c := Defaults()
	c.Data, c.BatchSize, c.Momentum = dir, 128, 0.9
	g := groupOf[float32](t, slices.Repeat([]Config{c}, 64), own)
	g.step(t.Context())
	runtime.GC()
	runtime.ReadMemStats(&after)
	group := float64(after.HeapAlloc-before.HeapAlloc) / 1e6
	t.Logf("together: %.1f MB", group)
	if group > used || group < 47 {
		t.Errorf("64 trials together take %.1f MB; want less than %.1f apart", group, used)
	}
	runtime.KeepAlive(g)
}
