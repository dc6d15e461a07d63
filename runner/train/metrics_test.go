package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/runner/train/data"
)

// write makes a file for a test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// fresh is a run of a file whose weights the test sets.
func fresh(t *testing.T, c Config) *run[float64] {
	t.Helper()
	c.Float64 = true
	r, err := newRun[float64](c, Hooks{Source: source}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func figures(t *testing.T, r *run[float64], rows []int32, want []float64) {
	t.Helper()
	r.eval.goOn = func(context.Context) error { return nil }
	got, err := r.eval.part(t.Context(), r.w, rows)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v, %v want %v", got, err, want)
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-14 {
			t.Errorf("figure %d: got %v want %v", i, got[i], want[i])
		}
	}
}

// By hand, for z = x: of the errors 1, -2, 0 and 1 the squares have the sum 6,
// the sizes 4, and Σ(y−3)² is 14.
func TestFiguresOfNumbers(t *testing.T) {
	c := Defaults()
	c.Data = write(t, "line.csv", "x,y\n2,1\n0,2\n3,3\n7,6\n1,1\n")
	c.Options.Split, c.Model = data.Split{Train: 4, Val: 1}, "linear"
	r := fresh(t, c)
	copy(r.w, []float64{1, 0})
	figures(t, r, r.set.Train, []float64{6.0 / 4 / 2, math.Sqrt(6.0 / 4), 1, 1 - 6.0/14})
	figures(t, r, r.set.Val, []float64{0, 0, 0, 1}) // a single y, and right
	copy(r.w, []float64{2, 0})
	figures(t, r, r.set.Val, []float64{0.5, 1, 1, 0})
}

// By hand: of the labels a a b c the guesses are a b b b, so F1 is 2/3, 1/2 and 0.
func TestFiguresOfClasses(t *testing.T) {
	c := Defaults()
	c.Data = write(t, "abc.csv", "x,y\n0,a\n1,a\n2,b\n3,c\n0,a\n")
	c.Options.Split, c.Model = data.Split{Train: 4, Val: 1}, "softmax"
	r := fresh(t, c)
	const big = 200 // certain guesses: z of b is big·(x − ½), of a 0, of c −big
	copy(r.w, []float64{0, big, 0, 0, -big / 2, -big})
	loss := (0 + big/2 + 0 + 2.5*big + big) / 4.0
	figures(t, r, r.set.Train, []float64{loss, 0.5, (2.0/3 + 0.5 + 0) / 3})
}

func TestTop5(t *testing.T) {
	c := Defaults()
	var b strings.Builder
	b.WriteString("x,y\n")
	for k := range 7 {
		fmt.Fprintf(&b, "1,%d\n", k)
	}
	b.WriteString("1,0\n")
	c.Data, c.Options.Split, c.Options.Task = write(t, "seven.csv", b.String()), data.Split{Train: 7, Val: 1}, "classify"
	r := fresh(t, c)
	for k := range 7 {
		r.w[k] = float64(-k) // class 0 has the largest output
	}
	r.eval.goOn = func(context.Context) error { return nil }
	got, err := r.eval.part(t.Context(), r.w, r.set.Train)
	if err != nil || got[1] != 1.0/7 || got[3] != 5.0/7 {
		t.Errorf("accuracy and top-5: got %v, %v want 1/7 and 5/7", got, err)
	}
}

// The same numbers from a dense and a sparse file give the same weights.
func TestSparseRowsHaveTheBitsOfDenseOnes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var dense, sparse strings.Builder
	for j := range 40 {
		fmt.Fprintf(&dense, "f%d,", j)
	}
	dense.WriteString("y\n")
	for i := range 90 {
		fmt.Fprint(&sparse, i%3)
		for j := range 40 {
			v := 0.0
			if rng.IntN(20) == 0 || j == 39 && i == 0 {
				v = float64(rng.IntN(1000)) / 64
			}
			fmt.Fprintf(&dense, "%v,", v)
			if v != 0 {
				fmt.Fprintf(&sparse, " %d:%v", j+1, v)
			}
		}
		fmt.Fprintf(&dense, "%d\n", i%3)
		sparse.WriteString("\n")
	}
	files := []string{write(t, "x.csv", dense.String()), write(t, "x.svm", sparse.String())}
	for _, wide := range []bool{false, true} {
		var hash [2]string
		for i, file := range files {
			c := small()
			c.Data, c.Options.Split, c.BatchSize, c.Float64 = file, data.Split{Train: 60, Val: 30}, 16, wide
			c.Options.Task = "classify"
			res, _ := trace(t, c, Hooks{})
			hash[i] = res.Weights
		}
		set, err := source.Open(files[1], data.Options{Task: "classify", Split: data.Split{Train: 60, Val: 30}, Float64: wide})
		if err != nil {
			t.Fatal(err)
		}
		if u8, f32, f64 := set.Dense(); u8 != nil || f32 != nil || f64 != nil {
			t.Error("the LIBSVM file is not kept sparse")
		}
		if hash[0] != hash[1] {
			t.Errorf("float64 %v: dense %s, sparse %s", wide, hash[0], hash[1])
		}
	}
}
