package guess

import (
	"slices"
	"strings"
)

// ReadSource completes the flags with what calls of add_argument in the text of
// a Python script say of them: argparse shows a default only where its author
// asks for that, and a type never. What the help says stays.
func (p *Program) ReadSource(text string) {
	if p.Format != "argparse" {
		return
	}
	if len(text) > maxHelp {
		text = text[:maxHelp]
	}
	for {
		i := strings.Index(text, "add_argument(")
		if i < 0 {
			return
		}
		text = text[i+len("add_argument("):]
		args, used := callArgs(text)
		text = text[used:]
		p.readCall(args)
	}
}

// readCall applies the arguments of one call.
func (p *Program) readCall(args []string) {
	var f *Flag
	kw := map[string]string{}
	for _, a := range args {
		if name, ok := literal(a); ok {
			if g := p.find(name); g != nil {
				f = g
			}
			continue
		}
		if m := keyword().FindStringSubmatch(a); m != nil {
			kw[m[1]] = strings.TrimSpace(m[2])
		}
	}
	if f == nil {
		return
	}
	if k := kindOfType(kw["type"]); (f.Kind == Unknown || f.Loose) && k != Unknown {
		f.Kind, f.Loose = k, false
	}
	if cs, ok := literals(kw["choices"]); ok && f.Choices == nil {
		f.takeChoices(cs)
	}
	if kw["type"] == "bool" {
		f.Truthy = true
	}
	if d, ok := constant(kw["default"]); ok && f.Default == "" && !f.Many {
		f.Default = d
		if f.mendDefault(); f.Kind == Unknown {
			f.Kind, f.Loose = kindOfDefault(f.Default), true
		}
	}
	f.choicesOfHelp()
	if strings.Contains(kw["action"], "store_true") && f.Default == "" {
		f.Default = "false"
	}
}

var (
	keyword   = lazy(`(?s)^\s*(\w+)\s*=\s*(.*)$`)
	constants = lazy(`^(?:True|False|[-+]?[\d_]*\.?[\d_]*(?:[eE][-+]?\d+)?)$`)
)

// constant is the value of an expression that is a literal.
func constant(s string) (string, bool) {
	if t, ok := literal(s); ok {
		return t, true
	}
	if s == "" || !constants().MatchString(s) {
		return "", false
	}
	switch s = strings.ReplaceAll(s, "_", ""); s {
	case "True", "False":
		s = strings.ToLower(s)
	}
	return s, s != ""
}

// literals are the texts or numbers of a list or tuple of literals.
func literals(s string) (out []string, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '[' && s[0] != '(' {
		return nil, false
	}
	args, _ := callArgs(s[1:len(s)-1] + ")")
	for _, a := range args {
		if strings.TrimSpace(a) == "" {
			continue
		}
		c, ok := constant(strings.TrimSpace(a))
		if !ok {
			return nil, false
		}
		out = append(out, c)
	}
	return out, len(out) > 0
}

// literal is the text of a string literal without escapes.
func literal(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' && s[0] != '\'' || s[len(s)-1] != s[0] {
		return "", false
	}
	in := s[1 : len(s)-1]
	return in, !strings.ContainsAny(in, "\\"+s[:1])
}

// callArgs splits the arguments of a call whose bracket is open; used is where
// the call ends. Comments end at their line.
func callArgs(s string) (args []string, used int) {
	depth, from := 0, 0
	var quote byte
	limit := min(len(s), 4096)
	for i := 0; i < limit; i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			end := strings.IndexByte(s[i:], '\n')
			if end < 0 {
				return args, len(s)
			}
			i += end
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case depth == 0 && (c == ')' || c == '}' || c == ']'):
			return append(slices.Clip(args), s[from:i]), i + 1
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case c == ',' && depth == 0:
			args = append(args, s[from:i])
			from = i + 1
		}
	}
	return args, limit
}
