package metric

import (
	"bytes"
	"math"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
)

// jsonNumber reads the number at b[i] and returns the index behind it, -1 if
// there is none: JSON's grammar, and nan, inf and infinity in any case with or
// without a sign. A number too large for a float is infinite.
func jsonNumber(b []byte, i int) (v float64, next int) {
	start := i
	neg := i < len(b) && b[i] == '-'
	if neg {
		i++
	}
	if i >= len(b) {
		return 0, -1
	}
	if c := b[i]; c < '0' || c > '9' {
		return special(b, start)
	}
	// Up to 15 digits and a power of ten up to 22 are exact in a float, and so
	// is one operation on the two (Clinger, How to read floating point numbers
	// accurately, PLDI 1990). The rest goes to strconv.
	var mantissa uint64
	digits, exp := 0, 0
	first := i
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if digits < 19 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
		}
		digits++
	}
	if b[first] == '0' && i > first+1 {
		return 0, -1
	}
	if i < len(b) && b[i] == '.' {
		dot := i
		for i++; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
			if digits < 19 {
				mantissa = mantissa*10 + uint64(b[i]-'0')
			}
			digits++
		}
		if i == dot+1 {
			return 0, -1
		}
		exp = -(i - dot - 1)
	}
	e, i := exponent(b, i)
	if i < 0 {
		return 0, -1
	}
	if exp += e; digits > 15 || exp < -22 || exp > 22 {
		v, _ = strconv.ParseFloat(string(b[start:i]), 64) // the grammar is checked; out of range is infinite
		return v, i
	}
	if v = float64(mantissa); exp < 0 {
		v /= tens[-exp]
	} else {
		v *= tens[exp]
	}
	if neg {
		v = -v
	}
	return v, i
}

var tens = [23]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// exponent reads e, sign and digits at b[i], if they are there; next is -1 if
// they are cut short.
func exponent(b []byte, i int) (e, next int) {
	if i >= len(b) || b[i] != 'e' && b[i] != 'E' {
		return 0, i
	}
	i++
	neg := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	first := i
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		e = min(e*10+int(b[i]-'0'), 1<<20)
	}
	if i == first {
		return 0, -1
	}
	if neg {
		e = -e
	}
	return e, i
}

// special reads nan, inf or infinity at b[i].
func special(b []byte, i int) (v float64, next int) {
	v = 1
	if b[i] == '-' || b[i] == '+' {
		if b[i] == '-' {
			v = -1
		}
		i++
	}
	n := i
	for n < len(b) && b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z' {
		n++
	}
	switch w := b[i:n]; {
	case bytes.EqualFold(w, []byte("nan")):
		return math.NaN(), n
	case bytes.EqualFold(w, []byte("inf")), bytes.EqualFold(w, []byte("infinity")):
		return math.Inf(int(v)), n
	}
	return 0, -1
}

// plainNumber reads all of s as a number, `+1`, `.5` and `5.` included.
func plainNumber(s string) (v float64, ok bool) {
	if n, ok := sweep.ParseNumber(s); ok {
		return n.Number()
	}
	if s == "" {
		return 0, false
	}
	v, next := special([]byte(s), 0)
	return v, next == len(s)
}

// ParseNumber reads all of s as a person, or a program, would write a number in
// a table: decimal, also nan, inf and infinity in any case, 1e400 (infinite),
// `1,024`, `83%` (83) and a comma or semicolon behind it.
func ParseNumber(s []byte) (v float64, ok bool) { return looseNumber(s) }

// looseNumber reads all of s as a person would write a number in a log: with a
// thousands separator, a percent sign, or the comma or semicolon behind it.
func looseNumber(s []byte) (v float64, ok bool) {
	s = bytes.TrimRight(s, ",;")
	s = bytes.TrimSuffix(s, []byte("%"))
	if bytes.IndexByte(s, ',') >= 0 {
		if s, ok = ungroup(s); !ok {
			return 0, false
		}
	}
	return plainNumber(string(s))
}

// ungroup takes the separators out of 1,234,567.8; ok is false where a comma
// separates no thousands.
func ungroup(s []byte) (out []byte, ok bool) {
	whole, rest := s, []byte(nil)
	if i := bytes.IndexAny(s, ".eE"); i >= 0 {
		whole, rest = s[:i], s[i:]
	}
	for i, group := range bytes.Split(whole, []byte(",")) {
		n := len(group)
		if i == 0 {
			n = len(bytes.TrimLeft(group, "+-"))
		}
		if i > 0 && n != 3 || n < 1 || n > 3 {
			return nil, false
		}
		out = append(out, group...)
	}
	return append(out, rest...), true
}
