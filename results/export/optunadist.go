package export

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

// An optunaDist is a distribution as Optuna stored it.
type optunaDist struct {
	choices   []sweep.Value // not nil: categorical
	ints      bool
	low, high float64
	log       bool
	step      float64 // 0: none
}

// parseOptunaDist reads the JSON of a distribution: today's three, and those
// that Optuna 2 had and 3 still reads.
func parseOptunaDist(s string) (d optunaDist, err error) {
	var x struct {
		Name       string
		Attributes struct {
			Low, High, Step, Q *float64
			Log                bool
			Choices            []sweep.Value
		}
	}
	if err := json.Unmarshal(loose([]byte(s)), &x); err != nil {
		return d, fmt.Errorf("distribution %.100q: %w", s, err)
	}
	a := x.Attributes
	if x.Name == "CategoricalDistribution" {
		if len(a.Choices) == 0 {
			return d, fmt.Errorf("distribution %.100q: no choices", s)
		}
		for _, c := range a.Choices {
			d.choices = append(d.choices, choice(c))
		}
		return d, nil
	}
	if a.Low == nil || a.High == nil || math.IsInf(*a.Low, 0) || math.IsInf(*a.High, 0) || *a.Low > *a.High {
		return d, fmt.Errorf("distribution %.100q; want low and high, low <= high", s)
	}
	d.low, d.high, d.log = *a.Low, *a.High, a.Log
	if a.Step != nil {
		d.step = *a.Step
	}
	switch x.Name {
	case "FloatDistribution", "UniformDistribution":
	case "IntDistribution", "IntUniformDistribution":
		d.ints = true
	case "LogUniformDistribution":
		d.log = true
	case "IntLogUniformDistribution":
		d.ints, d.log = true, true
	case "DiscreteUniformDistribution":
		if a.Q != nil {
			d.step = *a.Q
		}
	default:
		return d, fmt.Errorf("distribution %q; want one of Optuna's", x.Name)
	}
	return d, nil
}

// choice is a choice as a parameter may have it: NaN is none, so it is a text.
func choice(v sweep.Value) sweep.Value {
	v = tight(v)
	if x, _ := v.Number(); math.IsNaN(x) {
		return sweep.StringValue("nan")
	}
	return v
}

// external is the value that Optuna stores as the number x.
func (d *optunaDist) external(x float64) (sweep.Value, error) {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return sweep.Value{}, fmt.Errorf("value %v; want a finite number", x)
	case d.choices != nil:
		if x < 0 || x >= float64(len(d.choices)) {
			return sweep.Value{}, fmt.Errorf("choice %v of %d", x, len(d.choices))
		}
		return d.choices[int(x)], nil
	case d.ints && math.Abs(x) < 1<<63:
		return sweep.IntValue(int64(x)), nil
	}
	return sweep.FloatValue(x), nil
}

// nonFinite begins the text that stands for a number which JSON lacks.
const nonFinite = "\x00"

// loose makes JSON of what Python's json.dumps writes: bare NaN, Infinity and
// -Infinity become texts that tight knows. A text that begins with NUL is
// written there as an escape and stays one that no reader here takes for it,
// except for that very text, which no choice has.
func loose(b []byte) []byte {
	out := make([]byte, 0, len(b))
	quoted := false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case quoted && c == '\\' && i+1 < len(b):
			out = append(out, c, b[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case !quoted && (c == 'N' || c == 'I' || c == '-' && i+1 < len(b) && b[i+1] == 'I'):
			n := 0
			for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
				if len(b)-i >= len(w) && string(b[i:i+len(w)]) == w {
					n = len(w)
				}
			}
			if n > 0 {
				out = append(append(append(out, `"\u0000`...), b[i:i+n]...), '"')
				i += n - 1
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// tight is a value that was read from loose JSON.
func tight(v sweep.Value) sweep.Value {
	switch v.Text() {
	case nonFinite + "NaN":
		return sweep.FloatValue(math.NaN())
	case nonFinite + "Infinity":
		return sweep.FloatValue(math.Inf(1))
	case nonFinite + "-Infinity":
		return sweep.FloatValue(math.Inf(-1))
	}
	return v
}
