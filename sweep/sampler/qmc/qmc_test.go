package qmc

import (
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func TestLawsSobol(t *testing.T) { samplertest.Run(t, "sobol", NewSobol) }
func TestLawsLatin(t *testing.T) { samplertest.Run(t, "lhs", NewLatin) }

// cube returns a space of d parameters that are uniform on [0, 1).
func cube(d int) *sweep.Space {
	var params []sweep.Param
	for i := range d {
		params = append(params, sweep.Param{Name: fmt.Sprintf("x%03d", i), Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}})
	}
	return samplertest.Must(params, nil)
}

// units returns the first n points of a sequence in the unit cube.
func units(t *testing.T, build samplertest.Build, d, n int, seed int64) [][]float64 {
	t.Helper()
	s, err := build(sweep.Plan{Space: cube(d), Seed: seed, RunCap: n})
	if err != nil {
		t.Fatal(err)
	}
	ps, err := s.Ask(sweep.Query{N: n, Seed: seed})
	if err != nil || len(ps) != n {
		t.Fatalf("got %d points, %v; want %d", len(ps), err, n)
	}
	points := make([][]float64, n)
	for i, p := range ps {
		for _, v := range p.Point {
			x, _ := v.Number()
			points[i] = append(points[i], x)
		}
	}
	return points
}

// stratified reports whether each of n equal parts of dimension d holds one of
// the n points.
func stratified(points [][]float64, d int) bool {
	seen := make([]bool, len(points))
	for _, p := range points {
		k := int(p[d] * float64(len(points)))
		if k >= len(points) || seen[k] {
			return false
		}
		seen[k] = true
	}
	return true
}

func TestEveryProjectionIsStratified(t *testing.T) {
	for _, seed := range []int64{0, 1, -7} {
		for _, k := range []int{0, 1, 4, 8} {
			points := units(t, NewSobol, maxDims, 1<<k, seed)
			for d := range maxDims {
				if !stratified(points, d) {
					t.Errorf("sobol, seed %d: 2^%d points are not stratified in dimension %d", seed, k, d+1)
				}
			}
		}
		for _, n := range []int{1, 2, 13, 100} {
			points := units(t, NewLatin, 20, n, seed)
			for d := range 20 {
				if !stratified(points, d) {
					t.Errorf("lhs, seed %d: %d points are not stratified in dimension %d", seed, n, d+1)
				}
			}
		}
	}
}

// TestPolynomialsArePrimitive: the table has the primitive polynomials over
// GF(2) in order of degree, and as many of each as there are: φ(2^s-1)/s.
func TestPolynomialsArePrimitive(t *testing.T) {
	if len(joeKuo) != maxDims-1 {
		t.Fatalf("%d rows; want %d", len(joeKuo), maxDims-1)
	}
	count := map[int]int{}
	for i, row := range joeKuo {
		s := len(row.m)
		count[s]++
		if order(s, row.a) != 1<<s-1 {
			t.Errorf("dimension %d: polynomial of degree %d, a = %d, is not primitive", i+2, s, row.a)
		}
		if i > 0 {
			if before := joeKuo[i-1]; s < len(before.m) || s == len(before.m) && row.a <= before.a {
				t.Errorf("dimension %d: polynomial out of order", i+2)
			}
		}
		for k, m := range row.m {
			if m%2 == 0 || m >= 2<<k {
				t.Errorf("dimension %d: m_%d = %d; want an odd number below 2^%d", i+2, k+1, m, k+1)
			}
		}
	}
	for s, want := range []int{0, 1, 1, 2, 2, 6, 6, 18, 16} {
		if count[s] != want {
			t.Errorf("degree %d: %d polynomials; want %d", s, count[s], want)
		}
	}
}

// TestTableIsAsPublished guards against a slip in the table that the other tests
// would let pass. The sum is that of the lines "s a m_1 … m_s".
func TestTableIsAsPublished(t *testing.T) {
	var text strings.Builder
	for _, row := range joeKuo {
		fmt.Fprintf(&text, "%d %d %s\n", len(row.m), row.a, strings.Trim(fmt.Sprint(row.m), "[]"))
	}
	if got, want := crc32.ChecksumIEEE([]byte(text.String())), uint32(1184183160); got != want {
		t.Errorf("checksum %d; want %d", got, want)
	}
}

// order returns the least e > 0 with x^e = 1 modulo x^s + a_1 x^(s-1) + … + 1.
func order(s int, a uint32) int {
	modulus := uint32(1)<<s | a<<1 | 1
	r := uint32(1)
	for e := 1; e < 1<<s; e++ {
		if r <<= 1; r>>s == 1 {
			r ^= modulus
		}
		if r == 1 {
			return e
		}
	}
	return 0
}

// TestPropertyA: for every d the first digits of the first d direction numbers
// of dimensions 1 … d form a matrix of full rank over GF(2), so that 2^d points
// put one into each of the 2^d octants. Joe and Kuo chose their numbers so.
// 32 digits reach d = 32; 64 need the recurrence on longer words.
func TestPropertyA(t *testing.T) {
	var rows []uint64 // of row d: bit k is the first digit of v_(k+1)
	for d := range maxDims {
		rows = append(rows, firstDigits(d))
		n := d + 1
		if rank(rows, n) != n {
			t.Errorf("property A fails at dimension %d", n)
		}
	}
}

// firstDigits returns the first binary digits of 64 direction numbers: that of
// m_k / 2^k is bit k-1 of m_k. It follows the recurrence for m as published.
func firstDigits(d int) (digits uint64) {
	m := make([]uint64, 65)
	for k := 1; k <= 64; k++ {
		switch {
		case d == 0:
			m[k] = 1
		case k <= len(joeKuo[d-1].m):
			m[k] = uint64(joeKuo[d-1].m[k-1])
		default:
			row := joeKuo[d-1]
			s := len(row.m)
			m[k] = m[k-s]<<s ^ m[k-s]
			for j := 1; j < s; j++ {
				m[k] ^= uint64(row.a>>(s-1-j)&1) * m[k-j] << j
			}
		}
		digits |= m[k] >> (k - 1) & 1 << (k - 1)
	}
	return digits
}

// rank returns the rank over GF(2) of the first n columns of rows.
func rank(rows []uint64, n int) (r int) {
	left := slices.Clone(rows)
	for c := range n {
		for i := r; i < len(left); i++ {
			if left[i]>>c&1 == 0 {
				continue
			}
			left[r], left[i] = left[i], left[r]
			for j := range left {
				if j != r && left[j]>>c&1 == 1 {
					left[j] ^= left[r]
				}
			}
			r++
			break
		}
	}
	return r
}

// TestDirectionsFollowThePublishedRecurrence compares the binary fractions with
// the integers m_k.
func TestDirectionsFollowThePublishedRecurrence(t *testing.T) {
	for d := range maxDims {
		v := directions(d)
		want := firstDigits(d)
		for k := range v {
			if uint64(v[k]>>31) != want>>k&1 {
				t.Fatalf("dimension %d: v_%d starts with %d", d+1, k+1, v[k]>>31)
			}
			if bits.TrailingZeros32(v[k]) != 31-k {
				t.Fatalf("dimension %d: v_%d = %b has not %d digits", d+1, k+1, v[k], k+1)
			}
		}
	}
}

// quality returns the least t for which 2^m points are a (t, m, 2)-net in
// dimensions c and d: each box of volume 2^(t-m) with sides of powers of 1/2
// holds 2^t points. For a digital net that is a matter of ranks.
func quality(c, d, m int) int {
	vc, vd := directions(c), directions(d)
	for t := range m {
		good := true
		for a := 0; a <= m-t && good; a++ { // a digits of c, m-t-a of d
			var rows []uint64
			for r := range a {
				rows = append(rows, digitRow(&vc, r, m))
			}
			for r := range m - t - a {
				rows = append(rows, digitRow(&vd, r, m))
			}
			good = rank(rows, m) == m-t
		}
		if good {
			return t
		}
	}
	return m
}

// digitRow is row r of the generator matrix: digit r+1 of each of m direction
// numbers.
func digitRow(v *[digits]uint32, r, m int) (row uint64) {
	for k := range m {
		row |= uint64(v[k]>>(digits-1-r)&1) << k
	}
	return row
}

// TestPairsAreNets: Joe and Kuo minimised the t-values of pairs. The first two
// dimensions are a (0, m, 2)-net by theory; no pair of the first 16 may exceed
// the sum of degrees less one each, t <= Σ(s_j - 1), which holds for any Sobol
// sequence, and the typical pair is far better.
func TestPairsAreNets(t *testing.T) {
	degree := func(d int) int {
		if d == 0 {
			return 1
		}
		return len(joeKuo[d-1].m)
	}
	const m = 10
	total, pairs := 0, 0
	for d := range 16 {
		for c := range d {
			q := quality(c, d, m)
			if bound := degree(c) + degree(d) - 2; q > bound {
				t.Errorf("dimensions %d and %d: t = %d; want at most %d", c+1, d+1, q, bound)
			}
			total, pairs = total+q, pairs+1
		}
	}
	if q := quality(0, 1, m); q != 0 {
		t.Errorf("dimensions 1 and 2: t = %d; want 0", q)
	}
	if mean := float64(total) / float64(pairs); mean > 3 {
		t.Errorf("mean t of %d pairs is %.2f; want at most 3", pairs, mean)
	}
}

// TestScramblingKeepsNets: nested scrambling permutes boxes. The scrambled
// points of dimensions 1 and 2 are still one in each box of area 2^-8.
func TestScramblingKeepsNets(t *testing.T) {
	const m = 8
	for seed := range int64(20) {
		points := units(t, NewSobol, 2, 1<<m, seed)
		for a := 0; a <= m; a++ {
			seen := map[[2]int]bool{}
			for _, p := range points {
				seen[[2]int{int(p[0] * float64(int(1)<<a)), int(p[1] * float64(int(1)<<(m-a)))}] = true
			}
			if len(seen) != 1<<m {
				t.Errorf("seed %d: %d of %d boxes of %d × %d hold a point", seed, len(seen), 1<<m, 1<<a, 1<<(m-a))
			}
		}
	}
}

// TestScrambledPointsAreUniform: over seeds, every point of the sequence is
// uniform on the cube. For each of the first 8 points in 3 dimensions, χ² of 16
// cells over 3,200 seeds, 15 degrees of freedom, exceeds 70 with probability
// 4e-9; pairs of dimensions are uncorrelated within 6/√3200.
func TestScrambledPointsAreUniform(t *testing.T) {
	const seeds, cells = 3200, 16
	var count [8][3][cells]int
	var product [8]float64
	for seed := range int64(seeds) {
		for i, p := range units(t, NewSobol, 3, 8, seed) {
			for d, x := range p {
				count[i][d][int(x*cells)]++
			}
			product[i] += (p[0] - 0.5) * (p[1] - 0.5) * 12
		}
	}
	for i := range count {
		for d := range count[i] {
			chi := 0.0
			for _, n := range count[i][d] {
				diff := float64(n) - seeds/cells
				chi += diff * diff / (seeds / cells)
			}
			if chi > 70 {
				t.Errorf("point %d, dimension %d: χ² = %.1f", i, d+1, chi)
			}
		}
		if r := product[i] / seeds; math.Abs(r) > 6/math.Sqrt(seeds) {
			t.Errorf("point %d: correlation %.3f between dimensions 1 and 2", i, r)
		}
	}
}

// TestSobolIntegratesBetterThanChance: the mean of Σ(x_d - 1/2)² over 256
// points of 6 dimensions has a standard deviation of sqrt(6/180/256) = 0.0114
// when the points are independent; scrambled nets must do 20 times better.
func TestSobolIntegratesBetterThanChance(t *testing.T) {
	worst := 0.0
	for seed := range int64(20) {
		sum := 0.0
		for _, p := range units(t, NewSobol, 6, 256, seed) {
			for _, x := range p {
				sum += (x - 0.5) * (x - 0.5)
			}
		}
		worst = max(worst, math.Abs(sum/256-0.5))
	}
	if worst > 0.0114/20 {
		t.Errorf("largest error of 20 seeds: %v; want at most %v", worst, 0.0114/20)
	}
}

func TestErrors(t *testing.T) {
	if _, err := NewLatin(sweep.Plan{Space: cube(1)}); err == nil || !strings.Contains(err.Error(), "run_cap") {
		t.Errorf("lhs without run_cap: got %v; want an error that names it", err)
	}
	if _, err := NewSobol(sweep.Plan{Space: cube(maxDims + 1)}); err == nil || !strings.Contains(err.Error(), "65 free parameters; want at most 64") {
		t.Errorf("65 dimensions: got %v", err)
	}
}

func TestEndOfLatin(t *testing.T) {
	s, err := NewLatin(sweep.Plan{Space: cube(2), RunCap: 5})
	if err != nil {
		t.Fatal(err)
	}
	for first, want := range map[int64]int{0: 5, 3: 2, 5: 0, 6: 0} {
		ps, err := s.Ask(sweep.Query{First: first, N: 10})
		if err != nil || len(ps) != want {
			t.Errorf("from %d: got %d points, %v; want %d", first, len(ps), err, want)
		}
	}
}

func BenchmarkAsk(b *testing.B) {
	for name, build := range map[string]samplertest.Build{"sobol": NewSobol, "lhs": NewLatin} {
		for _, d := range []int{5, 50} {
			b.Run(fmt.Sprintf("sampler=%s/d=%d", name, d), func(b *testing.B) {
				s, err := build(sweep.Plan{Space: cube(d), RunCap: 1 << 30})
				if err != nil {
					b.Fatal(err)
				}
				var i int64
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Ask(sweep.Query{First: i, N: 1}); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}
