package sweep

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func gridOf(t *testing.T, d Domain) string {
	t.Helper()
	n, err := d.Grid()
	if err != nil {
		return err.Error()
	}
	if n > 50 {
		return fmt.Sprintf("%d: %v … %v", n, d.GridAt(0), d.GridAt(n-1))
	}
	words := make([]string, n)
	for i := range words {
		words[i] = d.GridAt(int64(i)).Python()
	}
	return strings.Join(words, " ")
}

func TestGrid(t *testing.T) {
	all := domains()
	without := func(name string) Domain {
		d := all[name]
		d.Levels = 0
		return d
	}
	for _, tt := range []struct {
		name string
		d    Domain
		want string
	}{
		{"constant", all["constant"], "a"},
		{"choices in order", all["categorical"], "a b 1 None True"},
		{"duplicates dropped", all["duplicates"], "1 b nan"},
		{"weighted", all["weighted"], "a b 1"},
		{"integers", all["int_uniform"], "-3 -2 -1 0 1 2 3 4 5 6 7"},
		{"levels of integers", all["int_uniform, levels"], "1 168 334 501 667 834 1000"},
		{"levels of integers on a log scale", Domain{Dist: IntUniform, Min: 1, Max: 64, Log: true, Levels: 9}, "1 2 3 5 8 13 23 38 64"},
		{"more levels than integers", Domain{Dist: IntUniform, Min: 1, Max: 3, Levels: 9}, "1 2 3"},
		{"one level of integers", Domain{Dist: IntUniform, Min: 1, Max: 3, Levels: 1}, "2"},
		{"many integers", without("int_uniform, log"), "4096: 1 … 4096"},
		{"linear levels", all["uniform"], "-1.0 -0.9 -0.8 -0.7 -0.6 -0.5 -0.4 -0.3 -0.2 -0.1 0.0 0.1 0.2 0.3"},
		{"log levels", all["log_uniform_values"], "0.0001 0.001 0.01 0.1 1.0 10.0"},
		{"one level", Domain{Dist: LogUniformValues, Min: 0.01, Max: 100, Levels: 1}, "1.0"},
		{"multiples", all["q_uniform"], "0.1 0.2 0.3"},
		{"integer multiples", all["q_uniform, ints"], "-4 0 4 8 12 16"},
		{"multiples on a log scale", Domain{Dist: QLogUniformValues, Min: 1, Max: 40, Q: 8, Ints: true}, "8 16 24 32 40"},
		{"levels of multiples", Domain{Dist: QLogUniformValues, Min: 1, Max: 1024, Q: 8, Ints: true, Levels: 8}, "8 16 32 64 128 256 512 1024"},
		{"normal levels", Domain{Dist: Normal, Sigma: 1, Levels: 1}, "0.0"},
		{"quantised normal", Domain{Dist: QNormal, Sigma: 1, Q: 1, Levels: 9}, "-2.0 -1.0 0.0 1.0 2.0"},
		{"beta multiples", Domain{Dist: QBeta, A: 2, B: 2, Q: 0.25}, "0.0 0.25 0.5 0.75 1.0"},
		{"continuous", without("uniform"), "a grid needs a finite list; want levels, q or values"},
		{"unbounded", without("q_normal"), "a grid needs a finite list; want levels, q or values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := gridOf(t, tt.d); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestGridLaws(t *testing.T) {
	for name, d := range domains() {
		n, err := d.Grid()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		seen := map[string]bool{}
		last := math.Inf(-1)
		for i := range min(n, 5000) {
			v := d.GridAt(i)
			key := string(v.AppendKey(nil))
			if seen[key] || !d.Contains(v) {
				t.Errorf("%s: value %d, %v: seen %v, contained %v", name, i, v, seen[key], d.Contains(v))
			}
			seen[key] = true
			if d.family() != choice && v.num <= last {
				t.Errorf("%s: %v follows %v; want ascending", name, v, last)
			}
			last = v.num
		}
	}
}

// TestLevelsOfIntegersAreDistinct: whatever the scale, as many values as asked
// for, ascending, with both ends.
func TestLevelsOfIntegersAreDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Domain{Dist: IntUniform, Log: rapid.Bool().Draw(t, "log")}
		d.Min = float64(rapid.IntRange(1, 50).Draw(t, "min"))
		d.Max = d.Min + float64(rapid.IntRange(1, 3000).Draw(t, "span"))
		d.Levels = rapid.IntRange(2, 200).Draw(t, "levels")
		n, err := d.Grid()
		if err != nil || n != min(int64(d.Levels), int64(d.Max-d.Min)+1) {
			t.Fatalf("got %d values, %v", n, err)
		}
		if d.GridAt(0).num != d.Min || d.GridAt(n-1).num != d.Max {
			t.Fatalf("got %v … %v; want %v … %v", d.GridAt(0), d.GridAt(n-1), d.Min, d.Max)
		}
		for i := int64(1); i < n; i++ {
			if d.GridAt(i).num <= d.GridAt(i-1).num {
				t.Fatalf("%v follows %v", d.GridAt(i), d.GridAt(i-1))
			}
		}
	})
}

func TestMultiplesReadAsDecimals(t *testing.T) {
	for _, tt := range []struct {
		q    float64
		k    float64
		want string
	}{
		{0.1, 3, "0.3"}, {0.05, 6, "0.3"}, {0.3, 3, "0.9"}, {1e-5, 7, "7e-05"}, {2.5, 3, "7.5"},
		{100, 3, "300.0"}, {0.1, -0, "0.0"}, {0.1, -7, "-0.7"}, {1.0 / 3, 2, "0.6666666666666666"},
	} {
		d := Domain{Dist: QNormal, Sigma: 1, Q: tt.q}
		if got := d.multiple(tt.k).Python(); got != tt.want {
			t.Errorf("%v × %v: got %s, want %s", tt.k, tt.q, got, tt.want)
		}
	}
	huge := Domain{Dist: QLogNormal, Sigma: 1, Q: 4, Ints: true}
	if got := huge.multiple(1e300).Python(); got != "9223372036854775807" {
		t.Errorf("1e300 × 4 as an integer: got %s; want the largest", got)
	}
}

func TestCard(t *testing.T) {
	all := domains()
	for name, want := range map[string]int64{
		"constant": 1, "duplicates": 3, "int_uniform": 11, "q_uniform": 3, "q_beta": 11, "uniform": -1, "q_normal": -1, "normal": -1,
		"int_uniform, wide": 3<<46 + 1,
	} {
		n, finite := all[name].Card()
		if !finite {
			n = -1
		}
		if n != want {
			t.Errorf("%s: got %d, want %d (-1: not finite)", name, n, want)
		}
	}
}

func TestKindsOfDomains(t *testing.T) {
	all := domains()
	for name, want := range map[string][2]bool{ // numeric, discrete
		"categorical": {false, true}, "uniform": {true, false}, "int_uniform": {true, true}, "q_normal": {true, true}, "beta": {true, false},
	} {
		if got := [2]bool{all[name].Numeric(), all[name].Discrete()}; got != want {
			t.Errorf("%s: numeric, discrete: got %v, want %v", name, got, want)
		}
	}
	if d := (Domain{Dist: Categorical, Values: []Value{IntValue(1), FloatValue(2)}}); !d.Numeric() {
		t.Error("choices that are all numbers: got not numeric")
	}
}

func TestShuffle(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 7, 64, 65, 1000} {
		orders := map[string]bool{}
		for seed := range uint64(5) {
			seen := make([]bool, n)
			for i := range n {
				j := Shuffle(i, n, seed)
				if j < 0 || j >= n || seen[j] {
					t.Fatalf("n %d, seed %d: %d goes to %d, out of range or again", n, seed, i, j)
				}
				seen[j] = true
				if i < 10 {
					orders[fmt.Sprint(seed, i, j)] = true
				}
			}
		}
		if n >= 64 && len(orders) < 45 {
			t.Errorf("n %d: orders of different seeds coincide", n)
		}
	}
	if j := Shuffle(1<<62-1, 1<<62, 9); j < 0 || j >= 1<<62 {
		t.Errorf("2^62 elements: got %d", j)
	}
}

// TestShuffleSpreads: over seeds, each place gets element 0 equally often. 7,000
// draws of 7 places stay within 6 standard deviations (176) but for 1e-8.
func TestShuffleSpreads(t *testing.T) {
	var count [7]int
	for seed := range uint64(7000) {
		count[Shuffle(0, 7, seed)]++
	}
	for i, n := range count {
		if n < 1000-176 || n > 1000+176 {
			t.Errorf("place %d: got %d of 7000; want about 1000", i, n)
		}
	}
}
