package export

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/trawl-sweep/trawl/sweep"
)

// A distribution is what Optuna stores with every value of a parameter. One
// serves all trials of a parameter, for Optuna takes no others beside it than of
// the same kind, on the same scale, with the same choices.
type distribution struct {
	choices   []sweep.Value // not nil: categorical
	place     map[string]int
	ints      bool
	low, high float64
	log       bool
	step      float64 // 0: none
}

// newDistribution makes the distribution of a parameter from its domain and the
// values that trials had, which may lie outside: of an earlier revision, or in
// the tails of a normal distribution. p is nil for a parameter that the present
// revision lacks.
//
//	range of numbers, integers  IntDistribution, widened to the values seen
//	range of numbers            FloatDistribution, likewise
//	constant, choices, derived  CategoricalDistribution, with the values seen
//	a range, but a text seen    CategoricalDistribution of the values seen
//
// Optuna has no step on a log scale, and refuses values that are off the step
// or at 0 on a log scale: there the step, or the scale, is given up.
func newDistribution(p *sweep.Param, seen []sweep.Value) *distribution {
	var r sweep.Range
	ranged := false
	if p != nil {
		r, ranged = p.Domain.Range()
	}
	for _, v := range seen {
		ranged = ranged && real(v)
	}
	if !ranged {
		d := &distribution{place: map[string]int{}}
		if p != nil {
			d.add(p.Domain.Choices())
		}
		d.add(seen)
		return d
	}
	d := &distribution{ints: r.Low.Kind() == sweep.Int && r.High.Kind() == sweep.Int, step: r.Step}
	d.low, _ = r.Low.Number()
	d.high, _ = r.High.Number()
	for _, v := range seen {
		x, _ := v.Number()
		d.low, d.high = min(d.low, x), max(d.high, x)
		d.ints = d.ints && x == math.Trunc(x)
	}
	d.log = r.Log && d.low > 0 && (!d.ints || d.low >= 1)
	if d.log || !d.onStep(seen) {
		d.step = 0
	}
	if d.ints && d.step == 0 {
		d.step = 1
	}
	return d
}

// real reports whether v is a number that Optuna's distributions of numbers hold.
func real(v sweep.Value) bool {
	x, _ := v.Number()
	return (v.Kind() == sweep.Int || v.Kind() == sweep.Float) && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// onStep reports whether all values are low plus a multiple of the step, with
// the slack that Optuna gives.
func (d *distribution) onStep(seen []sweep.Value) bool {
	whole := func(x float64) bool { k := (x - d.low) / d.step; return math.Abs(k-math.Round(k)) < 1e-8 }
	if d.step <= 0 || !whole(d.high) {
		return false
	}
	for _, v := range seen {
		if x, _ := v.Number(); !whole(x) {
			return false
		}
	}
	return true
}

// add appends choices that are not there yet. Optuna stores null, booleans,
// numbers and texts alone, so lists and maps are their JSON text.
func (d *distribution) add(vs []sweep.Value) {
	for _, v := range vs {
		key := string(v.AppendKey(nil))
		if _, ok := d.place[key]; ok {
			continue
		}
		d.place[key] = len(d.choices)
		if v.Kind() == sweep.JSON {
			v = sweep.StringValue(v.Text())
		}
		d.choices = append(d.choices, v)
	}
}

// internal is the number that Optuna stores for a value that newDistribution saw.
func (d *distribution) internal(v sweep.Value) float64 {
	if d.choices != nil {
		return float64(d.place[string(v.AppendKey(nil))])
	}
	x, _ := v.Number()
	return x
}

// appendJSON writes the distribution as Optuna does, to the order of the keys.
func (d *distribution) appendJSON(b []byte) []byte {
	switch {
	case d.choices != nil:
		b = append(b, `{"name": "CategoricalDistribution", "attributes": {"choices": [`...)
		for i, c := range d.choices {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendPython(b, c)
		}
		return append(b, "]}}"...)
	case d.ints:
		b = append(b, `{"name": "IntDistribution", "attributes": {"log": `...)
		b = strconv.AppendBool(b, d.log)
		for i, name := range []string{"step", "low", "high"} {
			b = append(b, `, "`+name+`": `...)
			b = strconv.AppendInt(b, int64([]float64{d.step, d.low, d.high}[i]), 10)
		}
		return append(b, "}}"...)
	}
	b = append(b, `{"name": "FloatDistribution", "attributes": {"step": `...)
	if d.step > 0 {
		b = appendPython(b, sweep.FloatValue(d.step))
	} else {
		b = append(b, "null"...)
	}
	b = appendPython(append(b, `, "low": `...), sweep.FloatValue(d.low))
	b = appendPython(append(b, `, "high": `...), sweep.FloatValue(d.high))
	return append(strconv.AppendBool(append(b, `, "log": `...), d.log), "}}"...)
}

// appendPython writes a value as Python's json.dumps: NaN and Infinity bare,
// texts in ASCII.
func appendPython(b []byte, v sweep.Value) []byte {
	switch v.Kind() {
	case sweep.Float:
		x, _ := v.Number()
		switch {
		case math.IsNaN(x):
			return append(b, "NaN"...)
		case math.IsInf(x, 1):
			return append(b, "Infinity"...)
		case math.IsInf(x, -1):
			return append(b, "-Infinity"...)
		}
	case sweep.String:
		return appendASCII(b, v.Text())
	}
	return v.AppendJSON(b)
}

// appendASCII writes a text as json.dumps does by default: whatever is no ASCII
// as \u escapes, in pairs beyond the first plane.
func appendASCII(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= ' ' && r < 0x7f:
			b = append(b, byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			b = appendEscape(appendEscape(b, hi), lo)
		default:
			b = appendEscape(b, r)
		}
	}
	return append(b, '"')
}

// appendEscape writes a code unit of UTF-16.
func appendEscape(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// pythonText is json.dumps of a text, which may be any bytes.
func pythonText(s string) string {
	return string(appendASCII(nil, strings.ToValidUTF8(s, string(utf8.RuneError))))
}
