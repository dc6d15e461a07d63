package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

// bareMark begins the strings that stand for Python's bare words; a request
// may hold no such string of its own.
const bareMark = `\u0000`

// quoteNonFinite rewrites Python's bare NaN, Infinity and -Infinity in a line
// of JSON to marked strings, which encoding/json takes; bareNonFinite takes the
// rewriting back.
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
		out = append(append(append(append(out, line[done:i]...), `"`+bareMark...), word...), '"')
		i += len(word) - 1
		done = i + 1
	}
	if out == nil {
		return line
	}
	return append(out, line[done:]...)
}

// bareNonFinite undoes quoteNonFinite, for package metric reads bare words.
func bareNonFinite(doc []byte) []byte {
	for _, w := range nonFinites {
		doc = bytes.ReplaceAll(doc, []byte(`"`+bareMark+w+`"`), []byte(w))
	}
	return doc
}

var nonFinites = []string{"NaN", "-Infinity", "Infinity"}

func nonFinite(b []byte) string {
	for _, w := range nonFinites {
		if len(b) >= len(w) && string(b[:len(w)]) == w {
			return w
		}
	}
	return ""
}

// metrics reads a JSON object of numbers, nested ones flattened with `/`.
func metrics(raw json.RawMessage) ([]sweep.Report, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '{' {
		return nil, fmt.Errorf("%s: want an object of numbers", raw)
	}
	p, err := metric.New(nil)
	if err != nil {
		return nil, err
	}
	if err := numberInText(raw); err != nil {
		return nil, err
	}
	var out []sweep.Report
	raw = bareNonFinite(raw)
	p.Line(raw, 0, func(r sweep.Report) { out = append(out, r) })
	if len(out) == 0 && len(raw) > 2 {
		return nil, fmt.Errorf("%s: want numbers", raw)
	}
	return out, nil
}

var textValue = regexp.MustCompile(`:\s*"`)

// numberInText refuses a number in quotes. Other text is no metric, as
// everywhere, but a program that writes "NaN" means a number, and leaving it out
// would hide that.
func numberInText(raw json.RawMessage) error {
	if !textValue.Match(raw) {
		return nil
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	for name, v := range doc {
		switch v[0] {
		case '"':
			var text string
			if err := json.Unmarshal(v, &text); err != nil {
				return err
			}
			if _, ok := sweep.ParseNumber(text); ok || slices.Contains(nonFinites, text) {
				return fmt.Errorf("%s: got the text %q; want a number, without quotes", name, text)
			}
		case '{':
			if err := numberInText(v); err != nil {
				return fmt.Errorf("%s/%w", name, err)
			}
		}
	}
	return nil
}
