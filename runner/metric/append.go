package metric

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// A Sample is what `trawl metric` reports at once.
type Sample struct {
	Step   int64 // below 0: none given
	Values []Value
}

// A Value is one named number.
type Value struct {
	Name   string
	Number float64
}

// ParseArgs reads the arguments of `trawl metric`: NAME=NUMBER, of which
// step=N is the step. The error names the argument and what it should be.
func ParseArgs(args []string) (Sample, error) {
	s := Sample{Step: -1}
	for _, a := range args {
		name, text, ok := strings.Cut(a, "=")
		if !ok || name == "" {
			return Sample{}, fmt.Errorf("%q: want NAME=NUMBER", a)
		}
		v, ok := plainNumber(text)
		switch {
		case !ok:
			return Sample{}, fmt.Errorf("%s=%s: want a number, nan or inf", name, text)
		case name == "step":
			if !(v >= 0 && v < maxStep) || v != math.Trunc(v) {
				return Sample{}, fmt.Errorf("step=%s: want an integer of at least 0", text)
			}
			s.Step = int64(v)
		case len(name) > maxName || sanitize(name) != name:
			return Sample{}, fmt.Errorf("%q: want a name of at most %d printable bytes", name, maxName)
		default:
			s.Values = append(s.Values, Value{name, v})
		}
	}
	if len(s.Values) == 0 {
		return Sample{}, errors.New("no metric; want NAME=NUMBER")
	}
	return s, nil
}

// Append writes s as one line of JSON to the file at path ($TRAWL_METRICS), made
// if it is not there. It is one write to a file open for appending, so that the
// lines of several processes do not mix.
func Append(path string, s Sample) (err error) {
	b := []byte{'{'}
	if s.Step >= 0 {
		b = append(b, `"step": `...)
		b = strconv.AppendInt(b, s.Step, 10)
	}
	for _, v := range s.Values {
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		key, err := json.Marshal(v.Name)
		if err != nil {
			return fmt.Errorf("metric %q: %w", v.Name, err)
		}
		b = append(append(b, key...), ": "...)
		b = appendNumber(b, v.Number)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("append to metrics: %w", err)
	}
	_, err = f.Write(append(b, "}\n"...))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("append to metrics: %w", err)
	}
	return nil
}

// appendNumber writes v as Python's json does.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 1):
		return append(b, "Infinity"...)
	case math.IsInf(v, -1):
		return append(b, "-Infinity"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}
