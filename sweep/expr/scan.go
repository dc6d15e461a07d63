package expr

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A kind of token.
type kind uint8

const (
	end kind = iota
	name
	number
	text
	op
)

// A token is a piece of the source with its place.
type token struct {
	kind     kind
	from, to int    // byte offsets
	word     string // of a name or an op, the source; of a text, what it stands for
	num      any    // of a number: int64, *big.Int or float64
}

// operators is longest first, so that the first prefix is the right one.
var operators = []string{"**", "//", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", ":=",
	"+", "-", "*", "/", "%", "<", ">", "&", "|", "^", "~", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "!"}

// notHere are Python's words that have no place in an expression over values.
var notHere = map[string]bool{"lambda": true, "for": true, "def": true, "class": true, "import": true,
	"from": true, "load": true, "return": true, "yield": true, "await": true, "async": true, "while": true,
	"with": true, "try": true, "del": true, "global": true, "pass": true, "raise": true, "assert": true,
	"elif": true, "except": true, "finally": true, "break": true, "continue": true, "nonlocal": true, "as": true}

// column counts characters of src before offset, from 1.
func column(src string, offset int) int {
	return utf8.RuneCountInString(src[:min(offset, len(src))]) + 1
}

// scan splits src into tokens; the last is an end.
func scan(src string) ([]token, error) {
	fail := func(at int, format string, args ...any) error {
		return &Error{Col: column(src, at), Msg: fmt.Sprintf(format, args...)}
	}
	var out []token
	for i := 0; i < len(src); {
		c := src[i]
		t := token{from: i}
		var msg string
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case digit(c) || c == '.' && i+1 < len(src) && digit(src[i+1]):
			t, msg = scanNumber(src, i)
		case c == '"' || c == '\'':
			t, msg = scanText(src, i, false)
		default:
			if t = scanWord(src, i); t.kind == end {
				r, _ := utf8.DecodeRuneInString(src[i:])
				return nil, fail(i, "%q has no meaning here", r)
			}
			if t.kind == name && t.to < len(src) && (src[t.to] == '"' || src[t.to] == '\'') {
				if t.word != "r" && t.word != "R" {
					return nil, fail(i, "%s before a text; want a plain text in quotes", t.word)
				}
				t, msg = scanText(src, t.to, true)
			}
		}
		if msg != "" {
			return nil, fail(i, "%s", msg)
		}
		if t.kind == name && notHere[t.word] {
			return nil, fail(i, "%q: want an expression of names, numbers, texts and functions", t.word)
		}
		out = append(out, t)
		i = t.to
	}
	return append(out, token{kind: end, from: len(src), to: len(src)}), nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// scanWord reads a name or an operator.
func scanWord(src string, i int) token {
	n := i
	for n < len(src) {
		r, size := utf8.DecodeRuneInString(src[n:])
		if r != '_' && !unicode.IsLetter(r) && (n == i || !unicode.IsDigit(r)) {
			break
		}
		n += size
	}
	if n > i {
		return token{kind: name, from: i, to: n, word: src[i:n]}
	}
	for _, o := range operators {
		if strings.HasPrefix(src[i:], o) {
			return token{kind: op, from: i, to: i + len(o), word: o}
		}
	}
	return token{}
}

// scanNumber reads Python's numbers; msg says what is wrong.
func scanNumber(src string, i int) (t token, msg string) {
	n := i
	hex := strings.HasPrefix(src[i:], "0x") || strings.HasPrefix(src[i:], "0X")
	for n < len(src) {
		c := src[n]
		sign := (c == '+' || c == '-') && !hex && (src[n-1] == 'e' || src[n-1] == 'E')
		if !digit(c) && c != '.' && c != '_' && !sign && (c|0x20 < 'a' || c|0x20 > 'z') {
			break
		}
		n++
	}
	word := src[i:n]
	t = token{kind: number, from: i, to: n, word: word}
	msg = fmt.Sprintf("%q is not a number", word)
	plain := word
	if strings.Contains(word, "_") {
		if strings.Contains(word, "__") || word[len(word)-1] == '_' {
			return t, msg
		}
		plain = strings.ReplaceAll(word, "_", "")
	}
	if strings.ContainsAny(plain, ".eE") && !hex {
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil && !math.IsInf(f, 0) || strings.ContainsAny(plain, "xXpP") {
			return t, msg
		}
		t.num = f
		return t, ""
	}
	if len(plain) > 1 && plain[0] == '0' && digit(plain[1]) && strings.Trim(plain, "0") != "" {
		return t, msg
	}
	if v, err := strconv.ParseInt(plain, 0, 64); err == nil {
		t.num = v
		return t, ""
	}
	v, ok := new(big.Int).SetString(plain, 0)
	if !ok {
		return t, msg
	}
	if v.BitLen() > maxBits {
		return t, "the number is too large"
	}
	t.num = v
	return t, ""
}

// scanText reads a text in single or double quotes; a raw one has no escapes.
func scanText(src string, i int, raw bool) (t token, msg string) {
	quote := src[i]
	if strings.HasPrefix(src[i:], strings.Repeat(string(quote), 3)) {
		return t, "triple quotes; want a text in single or double quotes"
	}
	var b strings.Builder
	for n := i + 1; n < len(src); n++ {
		switch c := src[n]; {
		case c == quote:
			return token{kind: text, from: i, to: n + 1, word: b.String()}, ""
		case c == '\n':
			return t, "the text has no closing quote"
		case c == '\\' && n+1 < len(src):
			if raw {
				b.WriteString(src[n : n+2])
				n++
				continue
			}
			used, ok := escape(&b, src[n+1:])
			if !ok {
				return t, "an escape in the text is cut short"
			}
			n += used
		default:
			b.WriteByte(c)
		}
	}
	return t, "the text has no closing quote"
}

// escape writes what the escape s (after its backslash) stands for, and returns
// its length. An unknown one keeps its backslash, as in Python.
func escape(b *strings.Builder, s string) (used int, ok bool) {
	digits := 0
	switch s[0] {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case '\\', '\'', '"':
		b.WriteByte(s[0])
	case '\n':
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		b.WriteByte('\\')
		b.WriteByte(s[0])
	}
	if digits == 0 {
		return 1, true
	}
	if len(s) <= digits {
		return 0, false
	}
	r, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil || r > unicode.MaxRune {
		return 0, false
	}
	b.WriteRune(rune(r))
	return 1 + digits, true
}
