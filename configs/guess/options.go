package guess

import (
	"maps"
	"slices"
	"strings"
)

// An entry is an option as it stands in a list of options: what it is called
// and takes, and what is said of it.
type entry struct {
	spec    string
	help    []string // lines, trimmed
	section string
	joint   string // what stood between spec and help
}

// deeper is how much further in than the first option of its list a line must
// begin to be part of a description although it begins like an option.
const deeper = 6

// parseOptions reads lists of options as most libraries print them: a line that
// begins with the option, two blanks or a colon, and a description that may go
// on further in.
func parseOptions(lines []string) Program {
	usage, rest := splitUsage(lines)
	entries, operands, commands := readEntries(rest)
	p := Program{Format: formatOf(lines, entries), Commands: commands}
	bare := len(entries) >= 3 && !slices.ContainsFunc(entries, func(e entry) bool { return strings.ContainsAny(e.spec, " =<{") })
	brackets := 0
	for _, e := range entries {
		if trailingBracket().MatchString(strings.Join(e.help, " ")) {
			brackets++
		}
	}
	if bare = bare && brackets >= 3; bare {
		p.Format = "fasttext"
	}
	for _, e := range entries {
		f, ok := e.flag()
		if !ok {
			continue
		}
		if bare { // nothing is shown of the values but the defaults
			f.Switch, f.Kind = false, Unknown
			if m := trailingBracket().FindStringSubmatch(f.Help); m != nil {
				f.Default = m[1]
				f.mendDefault()
				f.Help = strings.TrimSpace(strings.TrimSuffix(f.Help, m[0]))
			}
			f.choicesOfHelp()
			f.Required = strings.Contains(strings.ToLower(e.section), "mandatory")
		}
		p.Flags = append(p.Flags, f)
	}
	if p.applyUsage(usage, operands); usage == "" && p.Format == "fire" {
		for _, name := range slices.Sorted(maps.Keys(operands)) {
			p.addOperand(name, operands)
		}
	}
	p.Flags = slices.DeleteFunc(p.Flags, func(f Flag) bool { return f.isHelp() })
	return p
}

var trailingBracket = lazy(`\[([^\[\]]*)\](?: \([^()]*\))?\s*$`)

// isHelp reports whether a flag shows the help or the version.
func (f *Flag) isHelp() bool {
	switch strings.TrimLeft(f.Spelling, "-") {
	case "help", "version", "helpfull", "helpshort", "helpxml", "install-completion", "show-completion":
		return true
	case "h", "V", "?":
		return f.Switch && strings.HasPrefix(f.Spelling, "-") && len(f.Spelling) == 2
	}
	return false
}

// formatOf tells which library wrote the text, as far as it matters for how
// values are given or for how it is called to the user.
func formatOf(lines []string, entries []entry) string {
	text := strings.Join(lines, "\n")
	switch {
	case strings.HasPrefix(text, "Usage of ") && goFlag().MatchString(text):
		return "go"
	case strings.Contains(text, "\nSYNOPSIS\n") && strings.Contains(text, "\nNAME\n") || strings.HasPrefix(text, "NAME\n"):
		return "fire"
	case strings.Contains(text, "\noptions:\n-"):
		return "libsvm"
	case strings.Contains(text, "show this help message and exit"), strings.Contains(text, "Show this help message and exit."):
		return "argparse"
	case strings.Contains(text, "Show this message and exit."):
		return "click"
	case len(entries) > 0:
		return "getopt"
	}
	return ""
}

var goFlag = lazy(`(?m)^  -[A-Za-z][\w.-]*( \w+)?$`)

// begins matches the start of an option.
var begins = lazy(`^\s*-(?:-?[A-Za-z?]|-\[)`)

// heading matches a line that is one: `Options:`, `FLAGS`.
var heading = lazy(`^\s{0,4}\S.*:$|^[A-Z][A-Z ]+$`)

// readEntries collects the entries of all lists, the operands that are
// described, and the commands.
func readEntries(lines []string) (entries []entry, operands map[string]string, commands []string) {
	operands = map[string]string{}
	section := ""
	base, at := -1, -1 // indents of the list's first option, and of the open one
	var operand string
	for _, line := range lines {
		in, text := indent(line), strings.TrimSpace(line)
		switch {
		case text == "":
			base = ifThen(at < 0, -1, base)
		case begins().MatchString(line) && (base < 0 || in < base+deeper):
			if base < 0 {
				base = in
			}
			at, operand = in, ""
			entries = append(entries, newEntry(text, section))
		case at >= 0 && in > at:
			e := &entries[len(entries)-1]
			e.help = append(e.help, text)
		case heading().MatchString(line):
			section, base, at, operand = strings.TrimSuffix(text, ":"), -1, -1, ""
		default:
			at = -1
			low := strings.ToLower(section)
			name, help, spaced := strings.Cut(text, "  ")
			switch {
			case strings.Contains(low, "command") && spaced && in > 0 && isWord(name):
				commands = append(commands, name)
			case strings.Contains(low, "argument") && in > 0 && operand != "" && in > base:
				operands[operand] = strings.TrimSpace(operands[operand] + " " + text)
			case strings.Contains(low, "argument") && in > 0:
				operand, base = strings.ToLower(strings.Trim(name, "[]<>. ")), in
				operands[operand] = strings.TrimSpace(help)
			}
		}
	}
	return entries, operands, commands
}

func ifThen(c bool, a, b int) int {
	if c {
		return a
	}
	return b
}

// newEntry splits the line of an option into what it is and what is said of it.
func newEntry(text, section string) entry {
	e := entry{spec: text, section: section}
	var in nesting
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case in.inside(text, i):
		case strings.HasPrefix(text[i:], "  "):
			e.spec, e.help = text[:i], []string{strings.TrimSpace(text[i:])}
			return e
		case c == ':' && i+1 < len(text) && text[i+1] == ' ' && i > 1:
			e.spec, e.help = strings.TrimSpace(text[:i]), []string{strings.TrimSpace(text[i+1:])}
			e.joint = ":"
			return e
		}
	}
	return e
}

// flag reads an entry.
func (e entry) flag() (f Flag, ok bool) {
	f = Flag{Section: e.section, Help: strings.TrimSpace(strings.Join(e.help, " "))}
	names, values := splitSpec(e.spec)
	if len(names) == 0 {
		return f, false
	}
	f.Spelling, f.Off = spellings(names, len(values) == 0)
	f.Switch = len(values) == 0
	for i, v := range values {
		f.takeValue(v, i)
	}
	if f.Off != "" && f.Metavar == "" {
		f.Kind = Bool
	}
	f.detail(e.help)
	return f, true
}

// spellings chooses the name that is passed: the first long one, else the
// longest; off is the one that says no.
func spellings(names []string, bare bool) (on, off string) {
	for _, n := range names {
		if i := slices.IndexFunc(names, func(m string) bool { return m != n && negates(n, m) }); i >= 0 {
			off = n
		}
	}
	for _, n := range names {
		switch {
		case n == off:
		case on == "", strings.HasPrefix(n, "--") && !strings.HasPrefix(on, "--"),
			!strings.HasPrefix(on, "--") && len(n) > len(on):
			on = n
		}
	}
	if on == "" {
		on, off = names[0], ""
	}
	return on, off
}

// negates reports whether flag n says no to flag m.
func negates(n, m string) bool {
	yes := strings.TrimLeft(m, "-")
	no := strings.TrimLeft(n, "-")
	return len(yes) > 1 && (no == "no-"+yes || no == "no_"+yes || no == "no"+yes)
}

// boostName is how Boost.Program_options writes a second name: -l [ --lr ] arg.
var boostName = lazy(`\[ (--?[\w-]+) \]`)

// splitSpec splits `-l LR, --lr LR` into names and what follows them.
func splitSpec(spec string) (names, values []string) {
	spec = boostName().ReplaceAllString(spec, ", $1")
	var before []string
	for _, w := range bracketFields(spec) {
		w = strings.TrimSuffix(w, ",")
		slash := strings.HasPrefix(w, "-") && strings.Contains(w, "/-")
		for _, w := range ifSplit(slash, w) {
			switch {
			case w == "" || w == "/" || w == "|" || w == "or":
			case strings.HasPrefix(w, "-[no]"), strings.HasPrefix(w, "--[no"):
				base := w[strings.IndexByte(w, ']')+1:]
				dash := ifText(strings.HasPrefix(w, "--[no-]"), "--no-", "--no")
				names = append(names, "--"+base, dash+base)
			case len(w) > 1 && w[0] == '-' && (w[1] < '0' || w[1] > '9'):
				name, value := cutName(w)
				if len(names) >= maxNames {
					continue
				}
				if names = append(names, name); len(values) > 0 { // -l LR, --lr LR
					before, values = values, nil
				}
				if value != "" {
					values = append(values, value)
				}
			default:
				values = append(values, w)
			}
		}
	}
	if len(values) == 0 {
		values = before
	}
	return names, values
}

func ifSplit(c bool, w string) []string {
	if c {
		return strings.Split(w, "/")
	}
	return []string{w}
}

func ifText(c bool, a, b string) string {
	if c {
		return a
	}
	return b
}

// cutName splits --lr=LR, --lr[=LR] and --lr<LR> into name and value.
func cutName(w string) (name, value string) {
	i := strings.IndexAny(w, "=[<{")
	if i < 0 {
		return strings.TrimRight(w, ":,"), ""
	}
	return strings.TrimRight(w[:i], ":,"), strings.Trim(w[i:], "=")
}

// nesting follows the brackets of a text: the outermost one, and how many of its
// kind are open. Others inside of it are text: [1<=x<=4096].
type nesting struct {
	open, end byte
	depth     int
}

// inside reports whether the i-th byte of s is a bracket or inside of one; it is
// called for each byte in turn. A < opens only where a word begins.
func (n *nesting) inside(s string, i int) bool {
	c := s[i]
	if n.depth == 0 {
		k := strings.IndexByte("[{(<", c)
		if k < 0 || c == '<' && i > 0 && strings.IndexByte(" =,", s[i-1]) < 0 || strings.IndexByte(s[i:min(len(s), i+maxLine/2)], "]})>"[k]) < 0 {
			return false
		}
		n.open, n.end, n.depth = c, "]})>"[k], 1
		return true
	}
	switch c {
	case n.end:
		n.depth--
	case n.open:
		n.depth++
	}
	return true
}

// bracketFields splits at blanks outside of brackets, and at commas there.
func bracketFields(s string) (out []string) {
	var in nesting
	from := 0
	flush := func(to int) {
		if from < to {
			out = append(out, s[from:to])
		}
		from = to + 1
	}
	for i := range len(s) {
		if !in.inside(s, i) && (s[i] == ' ' || s[i] == ',') {
			flush(i)
		}
	}
	flush(len(s))
	return out
}
