package guess

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A pattern is a regular expression that is compiled when it is first used: every
// process of trawl would pay 4 ms for all of them, each supervisor and each
// `trawl metric`.
type pattern = func() *regexp.Regexp

func lazy(expr string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// escapes are the sequences with which terminals are told colours and links.
var escapes = lazy("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[@-Z\\\\^_]")

// clean makes a text of what a program wrote: without escapes, letters struck
// over as man pages have them, carriage returns and control characters, with
// blanks for tabs. What is mostly not text is "".
func clean(s string) string {
	s = escapes().ReplaceAllString(s, "")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	col, odd, all := 0, 0, 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		all++
		switch {
		case r == '\n' || r == '\r':
			b.WriteByte('\n')
			col = 0
		case r == '\t':
			for more := 8 - col%8; more > 0; more-- {
				b.WriteByte(' ')
				col++
			}
		case r == '\b':
		case i < len(s) && s[i] == '\b' && r != '\b': // a letter that the next one strikes over
			i++
		case r == utf8.RuneError && n == 1, !unicode.IsPrint(r) && r != '\u00a0':
			odd++
		case r == '\u00a0':
			b.WriteByte(' ')
			col++
		default:
			b.WriteRune(r)
			col++
		}
	}
	if odd*10 > all {
		return ""
	}
	return b.String()
}

// indent is the number of blanks that a line begins with.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
