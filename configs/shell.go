package configs

import (
	"regexp"
	"slices"
	"strings"
)

// shellSafe needs no quotes in sh.
var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuote is s as one word of sh.
func shellQuote(s string) string {
	if shellSafe.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// A shellLine is a line for sh being built. It follows the quotes of the
// template, so that a value is data wherever it lands.
type shellLine struct {
	out     strings.Builder
	word    int  // where the current word starts in out
	quote   byte // ' or " while inside of quotes, else 0
	escaped bool // the character before is an unquoted backslash
	drop    bool // the current word has an inactive parameter
}

// shell fills in a shell template.
func (r *renderer) shell(template string) (string, error) {
	pieces, terr := parseTemplate(template)
	if terr != nil {
		return "", terr
	}
	l := &shellLine{}
	for _, p := range pieces {
		if p.macro == "" {
			l.text(p.text)
			continue
		}
		if slices.Contains(many, p.macro) {
			l.values(r.many(p.macro))
			continue
		}
		s, ok, err := r.piece(p)
		if err != nil {
			return "", err
		}
		if !ok {
			l.drop = true
			continue
		}
		l.values([]string{s})
	}
	l.endWord()
	return l.out.String(), nil
}

// text adds a part of the template itself.
func (l *shellLine) text(s string) {
	for i := range len(s) {
		c := s[i]
		switch {
		case l.escaped:
			l.escaped = false
		case c == '\\' && l.quote != '\'':
			l.escaped = true
		case l.quote != 0:
			if c == l.quote {
				l.quote = 0
			}
		case c == '\'' || c == '"':
			l.quote = c
		case strings.IndexByte(" \t\n;&|()<>", c) >= 0:
			l.endWord()
			l.out.WriteByte(c)
			l.word = l.out.Len()
			continue
		}
		l.out.WriteByte(c)
	}
}

// endWord takes the word back if a parameter in it is inactive.
func (l *shellLine) endWord() {
	if !l.drop {
		return
	}
	l.drop = false
	kept := l.out.String()[:l.word]
	l.out.Reset()
	l.out.WriteString(kept)
}

// inQuotes escapes what sh gives a meaning inside of double quotes.
var inQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")

// values adds values, quoted for where they stand.
func (l *shellLine) values(vs []string) {
	l.escaped = false
	for i, v := range vs {
		if i > 0 {
			l.out.WriteByte(' ')
		}
		switch l.quote {
		case '\'':
			l.out.WriteString(strings.ReplaceAll(v, "'", `'\''`))
		case '"':
			l.out.WriteString(inQuotes.Replace(v))
		default:
			l.out.WriteString(shellQuote(v))
		}
	}
}
