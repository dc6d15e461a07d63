package gp

import (
	"math"
	"strconv"
	"strings"
)

// A note is what a proposal carries: the number of results that the
// hyper-parameters were fitted to, and these. They are a function of what was
// told; carrying them spares a resumed sweep the fits.
//
//	gp 40 ℓ=0.31,0.08,1 η=0.0012 ψ=1.5
type note struct {
	size  int
	theta theta
}

const noteDigits = 5

// rounded returns theta as a note keeps it.
func (t theta) rounded() theta {
	n, _ := parseNote(note{0, t}.String(), len(t.logLen))
	return n.theta
}

func (n note) String() string {
	b := strconv.AppendInt([]byte("gp "), int64(n.size), 10)
	number := func(x float64) { b = strconv.AppendFloat(b, x, 'g', noteDigits, 64) }
	b = append(b, " ℓ="...)
	for i, l := range n.theta.logLen {
		if i > 0 {
			b = append(b, ',')
		}
		number(math.Exp(l))
	}
	b = append(b, " η="...)
	number(math.Exp(n.theta.logEta))
	b = append(b, " ψ="...)
	number(n.theta.psi)
	return string(b)
}

// parseNote reads a note of d coordinates; ok is false for every other text.
func parseNote(s string, d int) (n note, ok bool) {
	words := strings.Split(s, " ")
	if len(words) != 5 || words[0] != "gp" {
		return note{}, false
	}
	var err error
	if n.size, err = strconv.Atoi(words[1]); err != nil {
		return note{}, false
	}
	list, isLen := strings.CutPrefix(words[2], "ℓ=")
	eta, isEta := strings.CutPrefix(words[3], "η=")
	psi, isPsi := strings.CutPrefix(words[4], "ψ=")
	if !isLen || !isEta || !isPsi {
		return note{}, false
	}
	good := true
	number := func(s string, lo, hi float64) float64 {
		x, err := strconv.ParseFloat(s, 64)
		good = good && err == nil && x >= lo && x <= hi
		return x
	}
	for l := range strings.SplitSeq(list, ",") {
		n.theta.logLen = append(n.theta.logLen, math.Log(number(l, 1e-3, 1e3)))
	}
	n.theta.logEta = math.Log(number(eta, 1e-8, 1e2))
	n.theta.psi = number(psi, 2*psiMin, 2*psiMax)
	return n, good && len(n.theta.logLen) == d
}
