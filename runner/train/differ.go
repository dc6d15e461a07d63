package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// differences says what is not the same in two texts of configurations with
// their data, setting by setting; the digest of the data is only said to differ.
func differences(was, is string) string {
	a, b := flat(was), flat(is)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b)) {
		switch x, ok := a[name]; {
		case ok && x == b[name]:
		case name == "data":
			out = append(out, "the data or what is made of them")
		case !ok:
			out = append(out, fmt.Sprintf("%s: not known; want %s", name, b[name]))
		default:
			out = append(out, fmt.Sprintf("%s: %s; want %s", name, x, b[name]))
		}
	}
	if len(out) == 0 {
		return "written by another version of trawl"
	}
	return strings.Join(out, ", ")
}

// flat is the numbers and texts of a JSON object by their path in small
// letters; none if it is no object.
func flat(text string) map[string]string {
	out := map[string]string{}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		return out
	}
	for name, value := range object {
		name = strings.ToLower(name)
		inner := flat(string(value))
		for path, x := range inner {
			out[name+"."+path] = x
		}
		if len(inner) == 0 {
			out[name] = string(value)
		}
	}
	return out
}
