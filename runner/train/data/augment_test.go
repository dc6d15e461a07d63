package data

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// digit is a set of one image, 3 × 4 pixels with the values 1 … 12, twelve
// times over.
func digit(t testing.TB) *Set {
	t.Helper()
	var px []byte
	for range 12 {
		for v := range 12 {
			px = append(px, byte(v+1))
		}
	}
	s, err := (&Source{Dirs: []string{write(t, map[string]string{
		"t10k-images-idx3-ubyte": string(idx(magicImages, []uint32{12, 3, 4}, px...)),
		"t10k-labels-idx1-ubyte": string(idx(magicLabels, []uint32{12}, make([]byte, 12)...)),
	})}}).Open(".", Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMove(t *testing.T) {
	src := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for _, tt := range []struct {
		dx, dy int
		flip   bool
		want   []float64
	}{
		{0, 0, false, src},
		{1, 0, false, []float64{0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11}},
		{-2, 1, false, []float64{0, 0, 0, 0, 3, 4, 0, 0, 7, 8, 0, 0}},
		{0, -2, false, []float64{9, 10, 11, 12, 0, 0, 0, 0, 0, 0, 0, 0}},
		{0, 0, true, []float64{4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9}},
		{1, 1, true, []float64{0, 0, 0, 0, 0, 4, 3, 2, 0, 8, 7, 6}},
		{-3, 0, true, []float64{1, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0}},
	} {
		got := slices.Repeat([]float64{-1}, 12)
		move(got, src, 3, 4, tt.dx, tt.dy, tt.flip)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("move %d, %d, flip %v: want and got differ:\n%s", tt.dx, tt.dy, tt.flip, d)
		}
	}
}

// What becomes of a row does not depend on the batch, and does on the epoch and
// the seed; every image is one of the 3·3·2 that shift and flip can make.
func TestApplyIsAFunctionOfSeedEpochAndRow(t *testing.T) {
	s := digit(t)
	a := Augment{Shift: 1, Flip: true}
	if err := a.Check(s); err != nil {
		t.Fatal(err)
	}
	scratch := make([]float32, 12)
	apply := func(seed int64, epoch int, rows ...int32) []float32 {
		dst := make([]float32, 12*len(rows))
		Apply(a, s, seed, epoch, rows, dst, scratch)
		return dst
	}
	possible := make(map[string]bool)
	src := make([]float32, 12)
	Gather(s, []int32{0}, src)
	for dx := -1; dx <= 1; dx++ {
		for dy := -1; dy <= 1; dy++ {
			for _, flip := range []bool{false, true} {
				dst := make([]float32, 12)
				move(dst, src, 3, 4, dx, dy, flip)
				possible[text(dst)] = true
			}
		}
	}
	seen := make(map[string]bool)
	for epoch := range 30 {
		whole := apply(5, epoch, 3, 7, 1)
		if d := cmp.Diff(whole[12:24], apply(5, epoch, 7)); d != "" {
			t.Fatalf("epoch %d: row 7 depends on its batch:\n%s", epoch, d)
		}
		for k := range 3 {
			x := text(whole[12*k : 12*k+12])
			if !possible[x] {
				t.Fatalf("epoch %d: no shift makes %v", epoch, x)
			}
			seen[x] = true
		}
	}
	// 90 draws of 18: the chance that one is never seen is 18·(17/18)⁹⁰ = 0.1;
	// that fewer than 12 are, below 1e-6.
	if len(seen) < 12 {
		t.Errorf("%d of 18 images seen in 90 draws", len(seen))
	}
	if text(apply(5, 0, 0, 1, 2, 3)) == text(apply(6, 0, 0, 1, 2, 3)) {
		t.Error("another seed makes the same images")
	}
}

func text(x []float32) string {
	var b strings.Builder
	for _, v := range x {
		b.WriteByte(byte(math.Round(float64(v) * 255)))
	}
	return b.String()
}

// Mean and variance of 120,000 draws: six deviations are 0.0173·σ and 0.0245·σ²,
// a false alarm below 1e-8.
func TestNoiseIsNormal(t *testing.T) {
	s := digit(t)
	a := Augment{Noise: 0.5}
	rows := run(0, 10)
	x, clean, scratch := make([]float64, 120), make([]float64, 120), make([]float64, 12)
	Gather(s, rows, clean)
	var sum, square, inside float64
	const n = 120_000
	for epoch := range n / 120 {
		Apply(a, s, 1, epoch, rows, x, scratch)
		for j := range x {
			d := x[j] - clean[j]
			sum, square = sum+d, square+d*d
			if math.Abs(d) < 0.5 {
				inside++
			}
		}
	}
	if m := sum / n; math.Abs(m) > 0.0173*0.5 {
		t.Errorf("mean: got %v want 0", m)
	}
	if v := square / n; math.Abs(v-0.25) > 0.0245*0.25 {
		t.Errorf("variance: got %v want 0.25", v)
	}
	if p := inside / n; math.Abs(p-0.6827) > 0.0081 { // 6·√(0.68·0.32/n)
		t.Errorf("within one deviation: got %v want 0.6827", p)
	}
}

func TestNoAugmentIsGather(t *testing.T) {
	s := digit(t)
	a, b := make([]float32, 24), make([]float32, 24)
	Gather(s, []int32{2, 0}, a)
	Apply(Augment{}, s, 1, 1, []int32{2, 0}, b, nil)
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("want and got differ:\n%s", d)
	}
	if a[0] != float32(1)*float32(1./255) {
		t.Errorf("pixel 1: got %v want 1/255", a[0])
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	s := digit(t)
	rows, dst, scratch := run(0, 12), make([]float32, 144), make([]float32, 12)
	epoch := 0
	if n := testing.AllocsPerRun(100, func() {
		epoch++
		Apply(Augment{Shift: 2, Flip: true, Noise: 0.1}, s, 1, epoch, rows, dst, scratch)
	}); n != 0 {
		t.Errorf("%v allocations a batch; want none", n)
	}
}

func TestAugmentCheck(t *testing.T) {
	table := mustOpen(t, "x.csv", "1,0\n2,1\n", Options{Split: all})
	for _, tt := range []struct {
		a    Augment
		s    *Set
		want string
	}{
		{Augment{Shift: 2, Flip: true, Noise: 1}, digit(t), ""},
		{Augment{Noise: 1}, table, ""},
		{Augment{Shift: 3}, digit(t), "want 0 to 2"},
		{Augment{Shift: -1}, digit(t), "want 0 to 2"},
		{Augment{Flip: true}, table, "no images"},
		{Augment{Noise: math.NaN()}, table, "want a number >= 0"},
	} {
		err := tt.a.Check(tt.s)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: got %v want %q", tt.a, err, tt.want)
		}
	}
}
