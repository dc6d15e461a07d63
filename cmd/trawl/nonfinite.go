package main

// quoteNonFinite rewrites Python's bare NaN, Infinity and -Infinity in a line
// of JSON to strings, which encoding/json takes; package metric reads both.
func quoteNonFinite(line []byte) []byte {
	inString := false
	var out []byte // nil while nothing was rewritten
	done := 0
	for i := 0; i < len(line); i++ {
		c := line[i]
		if inString {
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
			continue
		}
		if c == '"' {
			inString = true
			continue
		}
		word := nonFinite(line[i:])
		if word == "" {
			continue
		}
		out = append(append(append(append(out, line[done:i]...), '"'), word...), '"')
		i += len(word) - 1
		done = i + 1
	}
	if out == nil {
		return line
	}
	return append(out, line[done:]...)
}

func nonFinite(b []byte) string {
	for _, w := range []string{"NaN", "-Infinity", "Infinity"} {
		if len(b) >= len(w) && string(b[:len(w)]) == w {
			return w
		}
	}
	return ""
}
