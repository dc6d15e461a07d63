package metric

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trawl-sweep/trawl/sweep"
)

// object reads line as a JSON object and reports whether it begins like one.
//
// The scanner is its own because encoding/json rejects Python's NaN, and
// because a trial may print a million lines: it checks the whole line, builds
// nothing but names, and allocates only for a name that is new.
func (p *Parser) object(line []byte, at int64, emit func(sweep.Report)) bool {
	i := space(line, 0)
	if i == len(line) || line[i] != '{' {
		return false
	}
	p.begin()
	p.path = p.path[:0]
	if i = p.members(line, i, 1); i >= 0 && space(line, i) == len(line) {
		p.flush(at, emit)
	}
	return true
}

// space returns the index of the first byte from i on that is no white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// members reads the object at b[i] and returns the index behind it, -1 if it is
// not valid. p.path holds the name of the object; at depth 1 it has none.
func (p *Parser) members(b []byte, i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	prefix := len(p.path)
	if i = space(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if depth > 1 {
			p.path = append(p.path, '/')
		}
		if i = p.key(b, space(b, i)); i < 0 {
			return -1
		}
		if i = space(b, i); i >= len(b) || b[i] != ':' {
			return -1
		}
		if i = p.value(b, space(b, i+1), depth); i < 0 {
			return -1
		}
		p.path = p.path[:prefix]
		if i = space(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

// value reads the value at b[i] of the name in p.path.
func (p *Parser) value(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '{':
		return p.members(b, i, depth+1)
	case '[':
		if p.list != nil {
			if j := p.list(b, i, depth+1); j != 0 {
				return j
			}
		}
		return p.skipList(b, i, depth+1)
	case '"':
		return skipText(b, i)
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		if j := word(b, i, "null"); j > 0 {
			return j
		}
	}
	v, j := jsonNumber(b, i)
	switch {
	case j < 0:
	case depth == 1 && string(p.path) == "step":
		p.setStep(v)
	default:
		p.add(v)
	}
	return j
}

// skipList checks a list; nothing in it is a metric.
func (p *Parser) skipList(b []byte, i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	if i = space(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = p.skipValue(b, space(b, i), depth); i < 0 {
			return -1
		}
		if i = space(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

// skipValue checks a value inside a list.
func (p *Parser) skipValue(b []byte, i, depth int) int {
	if i < len(b) && b[i] == '[' {
		return p.skipList(b, i, depth+1)
	}
	if i < len(b) && b[i] != '{' {
		if _, j := jsonNumber(b, i); j >= 0 {
			return j
		}
		return p.value(b, i, depth)
	}
	// A name that is too long is how an object's numbers are left out.
	kept := len(p.path)
	p.path = append(p.path, tooLong[:]...)
	i = p.value(b, i, depth)
	p.path = p.path[:kept]
	return i
}

var tooLong [maxName + 1]byte

// word returns the index behind w if it stands at b[i], else -1.
func word(b []byte, i int, w string) int {
	if len(b)-i >= len(w) && string(b[i:i+len(w)]) == w {
		return i + len(w)
	}
	return -1
}

// key appends the name at b[i] to p.path.
func (p *Parser) key(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return p.bareKey(b, i)
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < 0x20:
			return -1
		case c == '\\':
			r, used := unescape(b[i:])
			if used == 0 {
				return -1
			}
			if len(p.path) <= maxName { // longer ones are only checked
				p.path = utf8.AppendRune(p.path, r)
			}
			i += used - 1
		case len(p.path) <= maxName:
			p.path = append(p.path, c)
		}
	}
	return -1
}

// bareKey appends a name without quotes: a shell takes them away from
// `echo {"loss":0.5}`.
func (p *Parser) bareKey(b []byte, i int) int {
	first := i
	for ; i < len(b); i++ {
		c := b[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == first || (c < '0' || c > '9') && c != '.' && c != '/' && c != '-') {
			break
		}
	}
	if i == first {
		return -1
	}
	p.path = append(p.path, b[first:min(i, first+maxName+1)]...)
	return i
}

// skipText returns the index behind the text at b[i].
func skipText(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < 0x20:
			return -1
		case c == '\\':
			_, used := unescape(b[i:])
			if used == 0 {
				return -1
			}
			i += used - 1
		}
	}
	return -1
}

// unescape reads the escape at the start of b and returns its length, 0 if it
// is not valid. Half of a surrogate pair is U+FFFD.
func unescape(b []byte) (r rune, used int) {
	if len(b) < 2 {
		return 0, 0
	}
	if b[1] != 'u' {
		i := strings.IndexByte(`"\/bfnrt`, b[1])
		if i < 0 {
			return 0, 0
		}
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	if r = hex4(b, 2); r < 0 {
		return 0, 0
	}
	if r >= 0xd800 && r < 0xdc00 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		if low := hex4(b, 8); low >= 0xdc00 && low < 0xe000 {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
		}
	}
	return r, 6
}

// hex4 reads four hexadecimal digits at b[i], -1 if they are not there.
func hex4(b []byte, i int) (r rune) {
	if len(b) < i+4 {
		return -1
	}
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// sanitize makes a name fit to be shown: what does not print becomes U+FFFD.
func sanitize(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, name)
}
