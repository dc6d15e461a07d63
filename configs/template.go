package configs

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A piece of a template is a text or a macro.
type piece struct {
	text  string
	macro string // "" for a text
	arg   string // what follows the colon of a macro
}

// many are the macros that give any number of words; those of one word may
// stand inside a word.
var many = []string{"args", "args_no_hyphens", "args_no_equals", "args_no_boolean_flags", "args_append_hydra", "args_override_hydra"}
var single = []string{"env", "interpreter", "program", "args_json", "args_json_file", "trial", "trial_dir", "checkpoint_dir", "seed"}
var named = []string{"envvar", "param"}

// fillIn is what trawl init writes where only the user knows a value.
const fillIn = "fill_in"

// defaultCommand is W&B's.
var defaultCommand = []string{"${env}", "${interpreter}", "${program}", "${args}"}

// A templateError is what is wrong with a template, at the at-th character.
type templateError struct {
	at         int
	what, want string
}

func (e *templateError) Error() string { return e.what + "; want " + e.want }

// parseTemplate splits s into texts and macros: `$${` is the text `${`.
func parseTemplate(s string) ([]piece, *templateError) {
	var out []piece
	lit := ""
	rest := s
	for rest != "" {
		i := strings.Index(rest, "${")
		if i < 0 {
			lit += rest
			break
		}
		if i > 0 && rest[i-1] == '$' {
			lit += rest[:i-1] + "${"
			rest = rest[i+2:]
			continue
		}
		at := utf8.RuneCountInString(s[:len(s)-len(rest)+i])
		lit += rest[:i]
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			return nil, &templateError{at, "${ without }", "$${ for the text ${"}
		}
		body := rest[i+2 : i+end]
		rest = rest[i+end+1:]
		name, arg, colon := strings.Cut(body, ":")
		if err := checkMacro(name, arg, colon, at); err != nil {
			return nil, err
		}
		if lit != "" {
			out = append(out, piece{text: lit})
			lit = ""
		}
		out = append(out, piece{macro: name, arg: arg})
	}
	if lit != "" || out == nil {
		out = append(out, piece{text: lit})
	}
	return out, nil
}

func checkMacro(name, arg string, colon bool, at int) *templateError {
	switch {
	case name == fillIn:
		return &templateError{at, fmt.Sprintf("${%s:%s}: nothing is filled in yet", fillIn, clip(arg)), "the value of " + orElse(clip(arg), "it") + " in its place"}
	case slices.Contains(named, name):
		if arg == "" {
			return &templateError{at, "${" + name + "} without a name", "${" + name + ":NAME}"}
		}
	case slices.Contains(many, name) || slices.Contains(single, name):
		if colon {
			return &templateError{at, fmt.Sprintf("${%s:%s}", name, clip(arg)), "${" + name + "}"}
		}
	default:
		all := slices.Concat(many, single, named)
		want := "$${ for the text ${"
		if near := nearest(name, all); near != "" {
			want = "${" + near + "}, or " + want
		}
		return &templateError{at, "unknown macro ${" + clip(name) + "}", want}
	}
	return nil
}

// readCommand reads and checks the templates.
func (l *loader) readCommand() {
	s := l.spec
	l.splitCommand()
	command, shell := l.get("command"), l.get("shell")
	s.Dashes = boolOf(l.doc, "dashes")
	if command != nil && shell != nil {
		l.errorf(shell.place, "one of them", "command and shell")
	}
	usesProgram := command == nil && shell == nil
	if command != nil && command.form == list {
		s.Command = textsOf(l.doc, "command")
		switch {
		case len(command.items) == 0:
			l.errorf(command.place, "at least one word", "command: empty")
		case len(command.items) > maxCommand:
			l.errorf(command.place, fmt.Sprintf("at most %d", maxCommand), "command: %d words", len(command.items))
		}
		for i, w := range command.items {
			usesProgram = l.checkTemplate(w, fmt.Sprintf("command[%d]", i), true) || usesProgram
		}
	}
	if shell != nil && shell.form == scalar {
		s.Shell = shell.value.Text()
		usesProgram = l.checkTemplate(shell, "shell", false) || usesProgram
	}
	if n := l.get("resume_args"); n != nil && n.form == list {
		s.ResumeArgs = textsOf(l.doc, "resume_args")
		for i, w := range n.items {
			usesProgram = l.checkTemplate(w, fmt.Sprintf("resume_args[%d]", i), true) || usesProgram
		}
	}
	if usesProgram && s.Program == "" && l.get("trainer") == nil {
		at := l.doc.place
		if command != nil {
			at = command.place
		}
		l.warnf(at, "program: FILE, or a command", "no program: trials cannot be started")
	}
}

// splitCommand makes a list of a command that is one text, which W&B ignores.
func (l *loader) splitCommand() {
	n := l.get("command")
	if n == nil || n.form != scalar {
		return
	}
	if strings.ContainsAny(n.raw, "'\"\\|&;<>`()*?~\n") {
		l.errorf(n.place, "a list of words, or shell", "command: one text that needs a shell")
		return
	}
	l.warnf(n.place, "a list of words, or shell", "command: one text, split at blanks")
	words := &node{place: n.place, form: list}
	for w := range strings.FieldsSeq(n.raw) {
		words.items = append(words.items, newText(n.place, w))
	}
	l.doc.set("command", words)
}

// checkTemplate checks one word, or with alone false a shell line, and reports
// whether it uses ${program}.
func (l *loader) checkTemplate(n *node, path string, alone bool) (program bool) {
	if n.form != scalar || n.isNull() {
		return false
	}
	s := n.value.Text()
	if strings.Contains(s, "\x00") {
		l.errorf(n.place, "a text without NUL", "%s: %s", path, n.describe())
	}
	pieces, err := parseTemplate(s)
	if err != nil {
		l.errorf(n.at(err.at), err.want, "%s: %s", path, err.what)
		return false
	}
	for _, p := range pieces {
		switch {
		case alone && len(pieces) > 1 && slices.Contains(many, p.macro):
			l.errorf(n.place, "${"+p.macro+"} as a word of its own", "%s: ${%s} gives several words", path, p.macro)
		case p.macro == "param" && !l.declared[p.arg] && p.arg != l.spec.Repeats.Parameter:
			l.errorf(n.place, orElse(nearest(p.arg, l.names()), "a parameter"), "%s: ${param:%s} is not a parameter", path, clip(p.arg))
		}
		program = program || p.macro == "program"
	}
	return program
}
