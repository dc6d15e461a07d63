package guess

import (
	"slices"
	"strings"
)

var usageStart = lazy(`(?i)^\s*usage( of [^:]*)?:`)

// splitUsage takes the usage, one text without line breaks, out of a help. A
// usage goes on in lines that begin further in, and ends at an empty line that
// follows a word of it.
func splitUsage(lines []string) (usage string, rest []string) {
	for i := 0; i < len(lines); i++ {
		m := usageStart().FindString(lines[i])
		if m == "" || strings.Contains(strings.ToLower(m), "usage of") { // Go's is a heading
			rest = append(rest, lines[i])
			continue
		}
		if usage != "" { // of a second usage, only the place
			continue
		}
		at := indent(lines[i])
		usage = strings.TrimSpace(lines[i][len(m):])
		for i+1 < len(lines) {
			next := strings.TrimSpace(lines[i+1])
			if next == "" && usage != "" || next != "" && (indent(lines[i+1]) <= at || usage != "" && begins().MatchString(lines[i+1]) && strings.Contains(next, "  ")) {
				break
			}
			if next != "" && usage != "" && strings.HasPrefix(next, firstWord(usage)+" ") { // another way to call it
				break
			}
			usage = strings.TrimSpace(usage + " " + next)
			i++
		}
	}
	return usage, rest
}

func firstWord(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// applyUsage takes from the usage what must be given: options outside of
// brackets, and operands.
func (p *Program) applyUsage(usage string, operands map[string]string) {
	words := bracketFields(usage)
	if p.Format == "go" || len(words) < 2 {
		return
	}
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "--" || w == "...":
		case strings.HasPrefix(w, "-"):
			name, value := cutName(w)
			f := p.find(name)
			if f != nil {
				f.Required = f.Required || !f.Switch
			}
			if value == "" && (f == nil || !f.Switch) && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				i++ // its value
				for i+1 < len(words) && strings.HasPrefix(words[i+1], "[") && strings.HasSuffix(words[i+1], "...]") {
					i++
				}
			}
		case strings.HasPrefix(w, "{") && strings.HasSuffix(w, "}"):
			p.usageChoices(w, i+1 < len(words) && words[i+1] == "...")
		case isOperand(w):
			p.addOperand(w, operands)
		}
	}
}

// usageChoices are commands, {train,eval} ..., or the choices of an operand.
func (p *Program) usageChoices(w string, more bool) {
	cs := strings.Split(w[1:len(w)-1], ",")
	if more {
		p.Commands = cs
		return
	}
	p.Flags = append(p.Flags, Flag{Name: "operand", Spelling: w, Choices: cs, Operand: true, Required: true})
}

// usageWords of a usage are no operands.
var usageWords = []string{"options", "option", "flags", "args", "arguments", "command", "command-args", "commandline", "parameters", "or", "subcommand", "config file"}

func isOperand(w string) bool {
	if strings.HasPrefix(w, "[") || strings.ContainsAny(w, "{}|()\"'=") {
		return false
	}
	bare := strings.ToLower(strings.Trim(w, "<>.,"))
	return isWord(bare) && !slices.Contains(usageWords, bare)
}

func (p *Program) addOperand(w string, operands map[string]string) {
	bare := strings.Trim(w, "<>.,")
	name := strings.ReplaceAll(strings.ToLower(bare), "-", "_")
	help, ok := operands[strings.ToLower(bare)]
	// Without a list of operands, a lone word in capitals may be anything.
	f := Flag{Name: name, Spelling: bare, Operand: true, Required: true, Help: help}
	if ok {
		f.detail(nil)
	}
	p.Flags = append(p.Flags, f)
}
