package configs

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// exactAny is v for encoding/json with numbers that keep their kind.
func exactAny(v sweep.Value) any {
	switch v.Kind() {
	case sweep.Int:
		return json.Number(v.Python())
	case sweep.Float:
		if f, _ := v.Number(); math.IsNaN(f) {
			return "NaN"
		}
		return json.Number(jsonFloat(v))
	}
	return v.Any()
}

// json is ${args_json}: what Python's json.dumps makes of the arguments.
func (r *renderer) json() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, a := range r.args {
		if i > 0 {
			b.WriteString(", ")
		}
		b.Write(appendText(nil, a.name))
		b.WriteString(": ")
		pythonJSON(&b, a.value)
	}
	b.WriteByte('}')
	return b.String()
}

// pythonJSON writes v with Python's spaces, and its NaN and Infinity.
func pythonJSON(b *strings.Builder, v sweep.Value) {
	switch v.Kind() {
	case sweep.Float:
		f, _ := v.Number()
		switch {
		case math.IsNaN(f):
			b.WriteString("NaN")
		case math.IsInf(f, 1):
			b.WriteString("Infinity")
		case math.IsInf(f, -1):
			b.WriteString("-Infinity")
		default:
			b.WriteString(sweep.PythonFloat(f))
		}
	case sweep.String:
		b.Write(appendText(nil, v.Text()))
	case sweep.JSON:
		walkJSON(v.Any(), func(s string) { b.WriteString(s) }, func(x sweep.Value) { pythonJSON(b, x) },
			func(k string) string { return string(appendText(nil, k)) }, ": ", ", ")
	default:
		b.Write(v.AppendJSON(nil))
	}
}

// walkJSON writes a decoded list or map: punctuation and keys through raw, all
// else through leaf.
func walkJSON(x any, raw func(string), leaf func(sweep.Value), key func(string) string, colon, comma string) {
	switch x := x.(type) {
	case []any:
		raw("[")
		for i, e := range x {
			if i > 0 {
				raw(comma)
			}
			walkJSON(e, raw, leaf, key, colon, comma)
		}
		raw("]")
	case map[string]any:
		raw("{")
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			if i > 0 {
				raw(comma)
			}
			raw(key(k) + colon)
			walkJSON(x[k], raw, leaf, key, colon, comma)
		}
		raw("}")
	case nil:
		leaf(sweep.NullValue())
	case bool:
		leaf(sweep.BoolValue(x))
	case string:
		leaf(sweep.StringValue(x))
	case json.Number:
		if v, ok := sweep.ParseNumber(x.String()); ok {
			leaf(v)
		} else {
			raw(x.String())
		}
	}
}

// hydra writes v as a value of Hydra's override grammar: true, null, numbers,
// [a,b], {k:v}, and texts in quotes where they would read as something else.
func hydra(v sweep.Value) string {
	switch v.Kind() {
	case sweep.Null:
		return "null"
	case sweep.Bool:
		return strings.ToLower(v.Python())
	case sweep.String:
		return hydraText(v.Text())
	case sweep.JSON:
		var b strings.Builder
		walkJSON(v.Any(), func(s string) { b.WriteString(s) }, func(x sweep.Value) { b.WriteString(hydra(x)) }, hydraKey.Replace, ":", ",")
		return b.String()
	}
	return v.Python()
}

// hydraKey writes a key of a map: Hydra takes no quotes there, but escapes. What
// they do not reach, a quote or a letter beyond ASCII, it cannot have in a key.
var hydraKey = strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`, "[", `\[`, "]", `\]`, "{", `\{`, "}", `\}`,
	":", `\:`, "=", `\=`, ",", `\,`, " ", `\ `, "\t", "\\\t")

// hydraPlain are texts that every version of Hydra reads as texts without quotes.
var hydraPlain = regexp.MustCompile(`^[A-Za-z_/.*%+-][A-Za-z0-9_/.*%+-]*$`)

// hydraWords read as something else without quotes; numbers do, too.
var hydraWords = regexp.MustCompile(`(?i)^(true|false|null|[+-]?(nan|inf|[0-9.][0-9._]*(e[+-]?[0-9_]+)?))$`)

func hydraText(s string) string {
	if hydraPlain.MatchString(s) && !hydraWords.MatchString(s) {
		return s
	}
	// A quote is escaped, and so is a backslash before one; `${` would be
	// taken for an interpolation.
	var b strings.Builder
	b.WriteByte('\'')
	for i := 0; i < len(s); i++ {
		slashes := 0
		for i < len(s) && s[i] == '\\' {
			slashes++
			i++
		}
		special := i == len(s) || s[i] == '\'' || strings.HasPrefix(s[i:], "${")
		if special {
			slashes *= 2
		}
		b.WriteString(strings.Repeat(`\`, slashes))
		if i == len(s) {
			break
		}
		if special {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('\'')
	return b.String()
}
