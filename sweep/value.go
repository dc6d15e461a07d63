package sweep

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Kind says what a Value holds.
type Kind uint8

const (
	Absent Kind = iota // no value: the parameter is inactive at this point
	Null
	Bool
	Int
	Float
	String
	JSON // a list or a map, kept as JSON text
)

// A Value is one value of a parameter. It is comparable; the zero Value is
// Absent. An integer stays one, and 1.0 stays a float, through the journal, the
// database and the command line of the trial.
type Value struct {
	kind Kind
	num  float64 // Bool (0 or 1), Float, and the nearest float of an Int
	text string  // Int: decimal digits; String; JSON: compact text
}

// The constructors of values.
func NullValue() Value { return Value{kind: Null} }

// BoolValue returns a boolean.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: Bool, num: 1}
	}
	return Value{kind: Bool}
}

// IntValue returns an integer.
func IntValue(i int64) Value {
	return Value{kind: Int, num: float64(i), text: strconv.FormatInt(i, 10)}
}

// FloatValue returns a float, which may be NaN or infinite.
func FloatValue(f float64) Value { return Value{kind: Float, num: f} }

// StringValue returns a text.
func StringValue(s string) Value { return Value{kind: String, text: s} }

// JSONValue returns a list or map from anything encoding/json takes; numbers
// that must keep their kind are json.Number.
func JSONValue(v any) (Value, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return Value{}, fmt.Errorf("value: %w", err)
	}
	return Value{kind: JSON, text: string(b)}, nil
}

// ParseNumber reads a YAML 1.2 core or JSON number: an Int where the text has
// neither dot nor exponent, else a Float; `.inf`, `.nan` and Python's `inf`,
// `nan`, `Infinity`, `NaN` are not read here. ok is false for anything else,
// `1_000` and `0x1p-2` included. An integer beyond int64 becomes a Float.
func ParseNumber(s string) (v Value, ok bool) {
	if !isNumber(s) {
		return Value{}, false
	}
	if !strings.ContainsAny(s, ".eE") {
		t := strings.TrimPrefix(s, "+")
		if i, err := strconv.ParseInt(t, 10, 64); err == nil {
			return IntValue(i), true
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return Value{}, false
	}
	return FloatValue(f), true
}

// isNumber is the grammar [-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?.
func isNumber(s string) bool {
	i := 0
	digits := func() int {
		n := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
			n++
		}
		return n
	}
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	n := digits()
	if i < len(s) && s[i] == '.' {
		i++
		n += digits()
	}
	if n == 0 {
		return false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
		if digits() == 0 {
			return false
		}
	}
	return i == len(s)
}

// Kind returns what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsAbsent reports whether the parameter has no value at the point.
func (v Value) IsAbsent() bool { return v.kind == Absent }

// Number returns v as a float; ok is false unless v is a Bool, Int or Float.
func (v Value) Number() (f float64, ok bool) {
	return v.num, v.kind == Bool || v.kind == Int || v.kind == Float
}

// Int64 returns an Int exactly; ok is false for every other kind.
func (v Value) Int64() (i int64, ok bool) {
	if v.kind != Int {
		return 0, false
	}
	i, err := strconv.ParseInt(v.text, 10, 64)
	return i, err == nil
}

// Text returns the text of a String and the JSON of a JSON value, else "".
func (v Value) Text() string {
	if v.kind == String || v.kind == JSON {
		return v.text
	}
	return ""
}

// Python returns v as Python's str() prints it: True, None, 1e-05, 64, 1.0,
// and a list or map as Python's repr would.
func (v Value) Python() string {
	switch v.kind {
	case Absent:
		return ""
	case Null:
		return "None"
	case Bool:
		if v.num != 0 {
			return "True"
		}
		return "False"
	case Int, String:
		return v.text
	case Float:
		return PythonFloat(v.num)
	}
	var b strings.Builder
	pythonRepr(&b, v.Any())
	return b.String()
}

// String is Python, so that values read alike in plans, logs and commands.
func (v Value) String() string { return v.Python() }

// PythonFloat formats f as Python's repr does: the shortest digits that read
// back, an exponent below 1e-4 and from 1e16 on, always a dot or an exponent.
func PythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func pythonRepr(b *strings.Builder, x any) {
	switch x := x.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(BoolValue(x).Python())
	case json.Number:
		if v, ok := ParseNumber(x.String()); ok {
			b.WriteString(v.Python())
		} else {
			b.WriteString(x.String())
		}
	case string:
		q := strconv.Quote(x)
		q = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
		if !strings.Contains(x, "'") || strings.Contains(x, `"`) {
			b.WriteString("'" + strings.ReplaceAll(q, "'", `\'`) + "'")
		} else {
			b.WriteString(`"` + q + `"`)
		}
	case []any:
		b.WriteByte('[')
		for i, e := range x {
			if i > 0 {
				b.WriteString(", ")
			}
			pythonRepr(b, e)
		}
		b.WriteByte(']')
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteString(", ")
			}
			pythonRepr(b, k)
			b.WriteString(": ")
			pythonRepr(b, x[k])
		}
		b.WriteByte('}')
	default:
		fmt.Fprint(b, x)
	}
}

// Any returns v as encoding/json would decode it with UseNumber, except that an
// Int is an int64 and a Float a float64. Absent and Null are nil.
func (v Value) Any() any {
	switch v.kind {
	case Bool:
		return v.num != 0
	case Int:
		i, _ := v.Int64()
		return i
	case Float:
		return v.num
	case String:
		return v.text
	case JSON:
		d := json.NewDecoder(strings.NewReader(v.text))
		d.UseNumber()
		var x any
		if d.Decode(&x) != nil {
			return nil
		}
		return x
	}
	return nil
}

// AppendJSON appends v as JSON. Floats keep a dot or an exponent, so that they
// come back as floats; a float that is not finite becomes a string ("NaN",
// "Infinity", "-Infinity"), for JSON has no number for it.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case Bool:
		return strconv.AppendBool(b, v.num != 0)
	case Int, JSON:
		return append(b, v.text...)
	case Float:
		switch {
		case math.IsNaN(v.num):
			return append(b, `"NaN"`...)
		case math.IsInf(v.num, 1):
			return append(b, `"Infinity"`...)
		case math.IsInf(v.num, -1):
			return append(b, `"-Infinity"`...)
		}
		return append(b, PythonFloat(v.num)...)
	case String:
		return appendJSONString(b, v.text)
	}
	return append(b, "null"...)
}

func appendJSONString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f || c == '<' || c == '>' || c == '&' {
			q, _ := json.Marshal(s)
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// MarshalJSON makes a Value print as AppendJSON does.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// UnmarshalJSON reads what MarshalJSON wrote; numbers keep their kind. A string
// stays a string, "NaN" included: only Domain knows better.
func (v *Value) UnmarshalJSON(b []byte) error {
	s := strings.TrimSpace(string(b))
	switch {
	case s == "null":
		*v = NullValue()
	case s == "true" || s == "false":
		*v = BoolValue(s == "true")
	case strings.HasPrefix(s, `"`):
		var t string
		if err := json.Unmarshal(b, &t); err != nil {
			return err
		}
		*v = StringValue(t)
	case strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{"):
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var x any
		if err := d.Decode(&x); err != nil {
			return err
		}
		w, err := JSONValue(x)
		if err != nil {
			return err
		}
		*v = w
	default:
		w, ok := ParseNumber(s)
		if !ok {
			return fmt.Errorf("value %q: want a JSON value", s)
		}
		*v = w
	}
	return nil
}

// AppendKey appends the canonical JSON of v: numbers that are equal have equal
// keys (1 and 1.0), a number and a text never do (1 and "1").
func (v Value) AppendKey(b []byte) []byte {
	if v.kind == Float && v.num == math.Trunc(v.num) && math.Abs(v.num) < 1<<53 {
		return strconv.AppendInt(b, int64(v.num), 10)
	}
	return v.AppendJSON(b)
}

// Equal reports whether v and w have the same key.
func (v Value) Equal(w Value) bool {
	return v == w || string(v.AppendKey(nil)) == string(w.AppendKey(nil))
}
