package wilcoxon

import (
	"cmp"
	"math"
	"slices"
)

// maxExact is the largest number of pairs whose p is exact.
const maxExact = 50

// A signed is the sign of a difference and its rank among the absolute values,
// twice, so that shared ranks are integers.
type signed struct {
	abs   float64
	sign  int
	rank2 int
}

// Greater is the one-sided p-value of Wilcoxon's signed-rank test on paired
// differences d: how likely a sum of positive ranks as large as this, or larger,
// is if the differences are symmetric about 0. Equal absolute values share the
// mean of their ranks, a difference of 0 gives half its rank to each side
// (SciPy's "zsplit"). No difference may be NaN; p is 1 for none.
//
// With up to 50 pairs p is exact: the share of the 2^n assignments of signs to
// the ranks as they are, with ties, that give such a sum. Beyond, it is the
// normal approximation with the variance corrected for ties and no correction
// for continuity, as SciPy's.
//
// Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1(6),
// 1945. Pratt, Remarks on zeros and ties in the Wilcoxon signed rank procedures,
// JASA 54, 1959.
func Greater(d []float64) (p float64) {
	if len(d) == 0 {
		return 1
	}
	ranked, ties := rank(d)
	if len(d) <= maxExact {
		return exact(ranked)
	}
	n := float64(len(d))
	plus := 0.0
	for _, s := range ranked {
		switch s.sign {
		case 1:
			plus += float64(s.rank2) / 2
		case 0:
			plus += float64(s.rank2) / 4
		}
	}
	variance := n*(n+1)*(2*n+1)/24 - ties/48
	if variance <= 0 {
		return 1
	}
	return math.Erfc((plus-n*(n+1)/4)/math.Sqrt(2*variance)) / 2
}

// rank returns the differences by absolute value with their ranks, and the sum
// of t³−t over groups of t that share one.
func rank(d []float64) (ranked []signed, ties float64) {
	ranked = make([]signed, len(d))
	for i, x := range d {
		ranked[i] = signed{abs: math.Abs(x), sign: cmp.Compare(x, 0)}
	}
	slices.SortFunc(ranked, func(a, b signed) int { return cmp.Compare(a.abs, b.abs) })
	for i := 0; i < len(ranked); {
		j := i
		for j < len(ranked) && ranked[j].abs == ranked[i].abs {
			j++
		}
		for k := i; k < j; k++ {
			ranked[k].rank2 = i + 1 + j // twice the mean of ranks i+1 … j
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return ranked, ties
}

// exact counts assignments of signs by their sum of positive ranks. Zeros give
// the same to every sum.
func exact(ranked []signed) float64 {
	sum, top := 0, 0
	for _, s := range ranked {
		if s.sign != 0 {
			top += s.rank2
		}
		if s.sign > 0 {
			sum += s.rank2
		}
	}
	share := make([]float64, top+1)
	share[0] = 1
	reach := 0
	for _, s := range ranked {
		if s.sign == 0 {
			continue
		}
		reach += s.rank2
		for w := reach; w >= 0; w-- {
			share[w] /= 2
			if w >= s.rank2 {
				share[w] += share[w-s.rank2] / 2
			}
		}
	}
	p := 0.0
	for w := top; w >= sum; w-- {
		p += share[w]
	}
	return min(p, 1)
}
