package guess

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// domain is the YAML of what a flag may take under a rule; "" if nothing can be
// said.
func (r rule) domain(f *Flag, texts bool) string {
	switch r.shape {
	case chosen:
		return choices(f)
	case listed:
		return "[" + strings.Join(r.values, ", ") + "]"
	case logarithmic:
		lo, hi := r.around(f)
		return "{min: " + number(f, lo) + ", max: " + number(f, hi) + ", scale: log}"
	case linear:
		lo, hi := f.bounded(r.min, r.max)
		if d, ok := parseFloat(f.Default); ok && (d < lo || d > hi) {
			lo, hi = f.bounded(min(lo, d), max(hi, d))
		}
		if !(lo < hi) {
			return ""
		}
		return "{min: " + float(lo) + ", max: " + float(hi) + "}"
	case wholes:
		return r.wholes(f)
	case powers:
		return r.powers(f)
	}
	switch {
	case f.Truthy:
		return "['', 'True']"
	case f.Kind == Bool && !f.Switch && texts:
		return boolTexts(f)
	case f.Kind == Bool || f.Switch:
		return "[false, true]"
	case len(f.Choices) > 1:
		return choices(f)
	}
	return ""
}

// around is the range of a logarithmic rule: a factor to both sides of the
// default. Of a rule that is about shares of one, the upper end stays there,
// unless the default comes close to it.
func (r rule) around(f *Flag) (lo, hi float64) {
	lo, hi = r.min, r.max
	if d, ok := parseFloat(f.Default); ok && d > 0 {
		lo, hi = digit(d/r.factor), digit(d*r.factor)
		if most := max(r.max, digit(d*10)); hi > most {
			hi = most
		}
	}
	blo, bhi := f.bounded(lo, hi)
	if blo > 0 && blo < bhi {
		lo, hi = blo, bhi
	}
	if f.Kind == Int && !f.Loose {
		lo, hi = max(1, math.Round(lo)), max(2, math.Round(hi))
	}
	return lo, hi
}

// digit rounds to one significant digit.
func digit(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 0, 64), 64)
	if err != nil {
		return x
	}
	return y
}

// bounded keeps a range inside what the help says that the flag takes.
func (f *Flag) bounded(lo, hi float64) (float64, float64) {
	if b, ok := parseFloat(f.Bounds[0]); ok {
		lo = max(lo, b)
	}
	if b, ok := parseFloat(f.Bounds[1]); ok {
		hi = min(hi, b)
	}
	return lo, hi
}

// wholes are integers from the default divided by the rule's factor to its
// multiple; a rule whose range begins at 0 keeps that.
func (r rule) wholes(f *Flag) string {
	lo, hi := r.min, r.max
	if d, ok := parseFloat(f.Default); ok && d >= 1 {
		if hi = max(math.Ceil(d*r.factor), d+1); lo > 0 {
			lo = max(1, math.Floor(d/r.factor))
		}
	}
	lo, hi = f.bounded(lo, hi)
	if !(lo < hi) || hi > 1<<52 {
		return ""
	}
	return "{min: " + strconv.FormatInt(int64(lo), 10) + ", max: " + strconv.FormatInt(int64(hi), 10) + "}"
}

// powers are powers of two from a quarter to four times the default.
func (r rule) powers(f *Flag) string {
	lo, hi := r.min, r.max
	if d, ok := parseFloat(f.Default); ok && d >= 1 && d < 1<<40 {
		p := math.Exp2(math.Round(math.Log2(d)))
		lo, hi = max(1, p/4), p*4
	}
	lo, hi = f.bounded(lo, hi)
	var out []string
	for p := math.Exp2(math.Ceil(math.Log2(max(lo, 1)))); p <= hi; p *= 2 {
		out = append(out, strconv.FormatInt(int64(p), 10))
	}
	if len(out) < 2 {
		return ""
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func choices(f *Flag) string {
	var out []string
	for _, c := range f.Choices {
		if kindOfDefault(c) == Int {
			out = append(out, c)
			continue
		}
		out = append(out, quote(c))
	}
	if len(out) == 0 {
		return ""
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// boolTexts are a boolean's values as the program writes them, as texts.
func boolTexts(f *Flag) string {
	if len(f.Choices) > 0 {
		return choices(f)
	}
	if f.Default == "true" || f.Default == "false" {
		return "['false', 'true']"
	}
	return "['False', 'True']"
}

// number is x as the flag's kind has it.
func number(f *Flag, x float64) string {
	if f.Kind == Int && !f.Loose {
		return strconv.FormatInt(int64(x), 10)
	}
	return float(x)
}

// float writes x so that YAML reads a float.
func float(x float64) string {
	s := strconv.FormatFloat(x, 'g', -1, 64)
	s = strings.Replace(strings.Replace(s, "e-0", "e-", 1), "e+0", "e+", 1)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// scalar is a default as YAML: a number, a boolean, or a text.
func scalar(f *Flag) string {
	d := f.Default
	switch kindOfDefault(d) {
	case Int:
		if f.Kind == Float {
			return d + ".0"
		}
		return d
	case Float:
		if x, ok := parseFloat(d); ok && f.Kind != Text {
			return float(x)
		}
	case Bool:
		if f.Kind != Text {
			return strings.ToLower(d)
		}
	}
	return quote(d)
}

// words that YAML, of whatever version, does not read as texts.
var notTexts = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", "~", "nan", "inf", ".nan", ".inf", "infinity"}

// quote writes a text as a YAML scalar inside of a flow list.
func quote(s string) string {
	plain := s != "" && !slices.Contains(notTexts, strings.ToLower(s)) && (s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z' || s[0] == '_' || s[0] == '/' || s[0] == '.' && len(s) > 1 && s[1] == '/')
	for i := range len(s) {
		c := s[i]
		plain = plain && (c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_./-+", c) >= 0)
	}
	if plain {
		return s
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' || r == '\ufeff' {
			return strconv.QuoteToASCII(s)
		}
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
