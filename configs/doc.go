package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
)

// appendJSON writes n as JSON that parse reads back to an equal node: keys in
// order, floats with a dot or an exponent.
func (n *node) appendJSON(b []byte) []byte {
	switch n.form {
	case list:
		b = append(b, '[')
		for i, c := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.appendJSON(b)
		}
		return append(b, ']')
	case mapping:
		b = append(b, '{')
		for i, e := range n.entries {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, e.name), ':')
			b = e.node.appendJSON(b)
		}
		return append(b, '}')
	}
	switch n.value.Kind() {
	case sweep.String:
		return appendText(b, n.value.Text())
	case sweep.Float:
		return append(b, jsonFloat(n.value)...)
	}
	return n.value.AppendJSON(b)
}

// jsonFloat is a float as a JSON number. JSON has none for infinity, but a
// number too large for a float is one, and reads back as it.
func jsonFloat(v sweep.Value) string {
	f, _ := v.Number()
	switch {
	case math.IsInf(f, 1):
		return "1e999"
	case math.IsInf(f, -1):
		return "-1e999"
	case math.IsNaN(f):
		return `"NaN"`
	}
	return sweep.PythonFloat(f)
}

// appendText writes a JSON string that is a YAML double-quoted scalar, too:
// YAML forbids some characters that JSON lets through.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
			h := strconv.FormatInt(int64(r), 16)
			b = append(b, `\u0000`[:6-len(h)]...)
			b = append(b, h...)
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// appendKey writes n with sorted keys and numbers that are equal written alike.
func (n *node) appendKey(b []byte) []byte {
	switch n.form {
	case list:
		b = append(b, '[')
		for i, c := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.appendKey(b)
		}
		return append(b, ']')
	case mapping:
		sorted := slices.Clone(n.entries)
		slices.SortFunc(sorted, func(x, y entry) int {
			if x.name < y.name {
				return -1
			}
			return boolInt(x.name > y.name)
		})
		b = append(b, '{')
		for i, e := range sorted {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, e.name), ':')
			b = e.node.appendKey(b)
		}
		return append(b, '}')
	}
	if n.value.Kind() == sweep.String {
		return appendText(b, n.value.Text())
	}
	return n.value.AppendKey(b)
}

// toAny returns n for encoding/json; numbers keep their kind.
func (n *node) toAny() any {
	switch n.form {
	case list:
		x := make([]any, len(n.items))
		for i, c := range n.items {
			x[i] = c.toAny()
		}
		return x
	case mapping:
		x := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			x[e.name] = e.node.toAny()
		}
		return x
	}
	switch n.value.Kind() {
	case sweep.Bool:
		f, _ := n.value.Number()
		return f != 0
	case sweep.Int:
		return json.Number(n.value.Python())
	case sweep.Float:
		if f, _ := n.value.Number(); math.IsNaN(f) {
			return "NaN"
		}
		return json.Number(jsonFloat(n.value))
	case sweep.String:
		return n.value.Text()
	}
	return nil
}

// canonical is a top-level key's value for comparison; "" where it is not
// given, or given as what it is without.
func canonical(doc *node, name string) string {
	v := doc.get(name)
	if v == nil || v.isNull() {
		return ""
	}
	s := string(v.appendKey(nil))
	if k := lookup(table, name); k != nil && k.implied != "" && s == k.implied {
		return ""
	}
	return s
}

// digest is the SHA-256 of the keys that decide what is tried.
func digest(doc *node) string {
	h := sha256.New()
	for _, k := range table {
		if k.part != decides {
			continue
		}
		if s := canonical(doc, k.name); s != "" {
			h.Write([]byte(k.name + "\x00" + s + "\x00"))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
