package benchfn

import (
	"compress/gzip"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/random"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

const small = "lr,depth,s0,s1\n0.1,2,0.5,0.7\n0.1,1,0.1,0.3\n0.01,1,0.8,0.6\n0.01,2,0.9,0.9\n"

func TestTable(t *testing.T) {
	f, err := Table(write(t, "toy.csv.gz", small))
	if err != nil {
		t.Fatal(err)
	}
	// Means 0.6, 0.2, 0.7, 0.9: the median is 0.65.
	if f.Name != "toy" || f.Min != 0.9 || math.Abs(f.Scale-0.25) > 1e-12 || f.Goal != sweep.Maximize {
		t.Errorf("got %s, best %v, scale %v; want toy, 0.9, 0.25", f.Name, f.Min, f.Scale)
	}
	for text, want := range map[string]float64{
		`{"depth":1,"lr":0.1}`: 0.2, `{"depth":2,"lr":0.1}`: 0.6, `{"depth":1,"lr":0.01}`: 0.7, `{"depth":2,"lr":0.01}`: 0.9,
	} {
		p, err := f.Space.ParseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := f.True(p); math.Abs(got-want) > 1e-12 || math.Abs(f.Regret(p)-(0.9-want)/0.25) > 1e-9 {
			t.Errorf("%s: got %v, regret %v; want %v", text, got, f.Regret(p), want)
		}
	}
	p, _ := f.Space.ParseJSON([]byte(`{"depth":1,"lr":0.1}`))
	rng, seen := rand.New(rand.NewPCG(1, 1)), map[float64]int{}
	for range 200 {
		seen[f.Eval(p, rng)]++
	}
	if seen[0.1] < 50 || seen[0.3] < 50 || len(seen) != 2 { // 7 standard deviations
		t.Errorf("evaluations are %v; want 0.1 and 0.3, as often", seen)
	}
	for _, d := range f.Space.Dims() {
		if !f.Space.Ordered(d) {
			t.Errorf("dimension %v has no order", d)
		}
	}
}

func TestTableErrors(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"no repetitions": {"lr,depth\n1,2\n", ":1: lr,depth; want parameters, then s0"},
		"a word":         {"lr,s0\nfast,1\n", `lr: row 2: "fast"; want a number`},
		"a hole":         {"lr,depth,s0\n1,1,1\n2,2,1\n1,2,2\n", "3 rows; want 4"},
		"a row twice":    {"lr,depth,s0\n1,1,1\n1,1,1\n2,2,1\n1,2,2\n", ":3: this combination again"},
		"not finite":     {"lr,s0\n1,nan\n2,1\n", `:2: "nan"; want a finite number`},
		"all equal":      {"lr,s0\n1,1\n2,1\n", "half of the configurations"},
		"ragged":         {"lr,s0\n1\n", "wrong number of fields"},
		"empty":          {"", "empty"},
		"header only":    {"lr,s0\n", "no rows"},
	} {
		if _, err := Table(write(t, "t.csv.gz", tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v; want %q", name, err, tt.want)
		}
	}
	if _, err := Tables(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no tables") {
		t.Errorf("an empty directory: got %v", err)
	}
}

func TestCurves(t *testing.T) {
	c, err := LoadCurves(write(t, "task.csv.gz", "lr,l2,valid0,valid1,valid2,train0\n0.1,0,3,2,2.5,9\n0.2,0,3,nan,,9\n0.2,1,nan,,,9\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Loss) != 3 || len(c.Loss[0]) != 3 || c.Lowest(0) != 2 || c.Lowest(1) != 3 || !math.IsInf(c.Lowest(2), 1) {
		t.Errorf("got %v", c.Loss)
	}
	for k, text := range []string{`{"lr":0.1,"l2":0}`, `{"lr":0.2,"l2":0}`, `{"lr":0.2,"l2":1}`} {
		p, err := c.Space.ParseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if row, ok := c.Row(p); row != k || !ok {
			t.Errorf("%s: got row %d, %v; want %d", text, row, ok, k)
		}
	}
	if _, err := LoadCurves(write(t, "t.csv.gz", "lr,valid0\n1,x\n")); err == nil || !strings.Contains(err.Error(), `:2: valid0: "x"`) {
		t.Errorf("got %v", err)
	}
	if _, err := LoadCurves(write(t, "t.csv.gz", "lr,train0\n1,1\n")); err == nil || !strings.Contains(err.Error(), "no column valid0") {
		t.Errorf("got %v", err)
	}
}

func TestSharedCases(t *testing.T) {
	const cases = "../../../../shared/cases/"
	if _, err := os.Stat(cases); err != nil {
		t.Skip("the shared cases are not here")
	}
	f, err := Table(cases + "tables/vehicle.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := f.Space.Finite(); n != 30_000 || f.Scale <= 0 {
		t.Errorf("vehicle: %d points, scale %v; want 30000", n, f.Scale)
	}
	c, err := LoadCurves(cases + "curves/imdb_patch32_GRU128_bs128.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Loss) != 1000 || len(c.Loss[0]) != 51 || len(c.rows) != 1000 {
		t.Errorf("got %d curves of %d steps, %d distinct; want 1000 of 51", len(c.Loss), len(c.Loss[0]), len(c.rows))
	}
}

// TestRun: the trace is the running minimum of the true regret, whatever the
// width, and a finite space ends the run.
func TestRun(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		trace, err := Run(random.New, Branin(), 60, 5, parallel)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Run(random.New, Branin(), 60, 5, parallel)
		for i, r := range trace {
			if r < 0 || i > 0 && r > trace[i-1] || r != again[i] {
				t.Errorf("parallel %d: regret %v at %d, %v when repeated", parallel, r, i, again[i])
			}
		}
		if len(trace) != 60 || trace[59] >= trace[0] {
			t.Errorf("parallel %d: %d values, %v to %v", parallel, len(trace), trace[0], trace[len(trace)-1])
		}
		f, err := Table(write(t, "toy.csv.gz", small))
		if err != nil {
			t.Fatal(err)
		}
		if trace, err = Run(random.New, f, 60, 5, parallel); err != nil || len(trace) != 4 || trace[3] != 0 {
			t.Errorf("parallel %d: a table of 4 rows: got %v, %v; want 4 values down to 0", parallel, trace, err)
		}
	}
}
