// Package guess proposes a sweep file for a program from the text of its help.
//
//	help text ── Parse ──→ Program (flags, commands, how it takes values)
//	Program ── File ──→ text of a sweep file
//	output of one run ── FindMetric ──→ Metric
//
// It is text in and text out: it runs nothing and reads no file. What is known of
// a flag (type, default, choices, whether it must be given) is what the help
// says; what makes a sensible range is a table of names, names.go, in which the
// usual search spaces of the field are cited. Nothing is taken for known that
// is not: a flag that the table does not know stays in the file as a comment.
//
// The formats that are read are those of argparse (Python 3.6 to 3.14, with
// jsonargparse, configargparse and Hugging Face's HfArgumentParser, which print
// like it), click, typer with and without boxes, tyro, absl, fire, docopt, Hydra, Go's
// flag and pflag, clap, Boost.Program_options, GNU getopt_long, the usage of
// LIBSVM, LIBLINEAR, fastText and xgboost, and shell scripts by their text.
//
// Sources: the programs' own output, kept in testdata; for the ranges see
// names.go. We depart from the sources of the ranges in one point: where the
// help states a default, the range lies around it.
package guess

import (
	"slices"
	"strings"
)

// A Kind is what a flag takes.
type Kind uint8

// Kinds of values. Unknown is what the help does not tell.
const (
	Unknown Kind = iota
	Int
	Float
	Bool
	Text
)

func (k Kind) String() string {
	return [...]string{"unknown type", "int", "float", "boolean", "text"}[k]
}

// A Style is how a program takes the values of its flags.
type Style uint8

// Styles of values on the command line.
const (
	Equals   Style = iota // --lr=0.1
	Spaced                // -lr 0.1
	Pairs                 // lr=0.1
	Hydra                 // ++lr=0.1
	Env                   // LR=0.1 in the environment
	Operands              // 0.1 at its place
	Config                // not at all: the program asks wandb or trawl for them
)

// A Flag is one option, or one operand, of a program.
type Flag struct {
	Name     string // of the parameter: lr, weight_decay, optimizer.lr
	Spelling string // as the program takes it: --weight-decay, -lr, optimizer.lr, LR
	Off      string // what switches it off: --no-augment; "" if nothing does
	Kind     Kind
	Loose    bool     // the kind is read off the default: 1 may be a float's
	Switch   bool     // it takes no value
	Many     bool     // it takes several values
	Truthy   bool     // Python's bool() reads its value, for which only '' is false
	Metavar  string   // what the help calls its value
	Choices  []string // the values that it takes; nil: any
	Prose    bool     // the choices are what a sentence of the description lists
	Default  string   // "" if the help names none, or that of nothing
	Bounds   [2]string
	Required bool
	Operand  bool // a word without a name
	Help     string
	Section  string // the heading under which it stands
}

// A Program is what a help text says.
type Program struct {
	Format   string // argparse, click, typer, absl, fire, hydra, go, libsvm, fasttext, xgboost, shell, getopt, wandb …; "" if nothing was understood
	Style    Style
	Flags    []Flag
	Commands []string // subcommands, of which one must be named first
}

// Empty reports whether the text named no flag and no command; groups of Hydra
// alone do not count.
func (p *Program) Empty() bool {
	return len(p.Commands) == 0 && !slices.ContainsFunc(p.Flags, func(f Flag) bool { return f.Section != hydraGroup })
}

// maxHelp bounds the text that is looked at, in bytes.
const maxHelp = 1 << 20

// maxLine bounds a line, in bytes; one option may list a thousand choices.
const maxLine = 1 << 15

// maxFlags bounds the flags that are kept, and maxNames the names of one.
const (
	maxFlags = 2000
	maxNames = 16
)

// Parse reads a help text. A text in which no flag is found gives a Program
// without flags: there is no text that is an error.
func Parse(help string) Program {
	if len(help) > maxHelp {
		help = help[:maxHelp]
	}
	text := clean(help)
	if text == "" {
		return Program{}
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.ToValidUTF8(l[:min(len(l), maxLine)], "")
	}
	var p Program
	switch {
	case isBoxed(text):
		p = parseBoxes(lines)
	case isHydra(text):
		p = parseHydra(lines)
	case isAbsl(text):
		p = parseAbsl(lines)
	case isPairs(text):
		p = parsePairs(lines)
	default:
		p = parseOptions(lines)
	}
	p.finish()
	return p
}

// finish gives the flags their parameters' names, each once.
func (p *Program) finish() {
	if len(p.Flags) > maxFlags {
		p.Flags = p.Flags[:maxFlags]
	}
	seen := map[string]bool{}
	kept := p.Flags[:0]
	for _, f := range p.Flags {
		if f.Name == "" {
			f.Name = paramName(f)
		}
		key := strings.ToLower(f.Name) // the columns of the database are equal in any case
		if f.Name == "" || seen[key] {
			continue
		}
		seen[key] = true
		if f.Kind == Unknown && !formula(&f) {
			f.Kind, f.Loose = kindOfDefault(f.Default), true
		}
		kept = append(kept, f)
	}
	p.Flags = kept
	if p.Format == "getopt" || p.Format == "libsvm" || p.Format == "fasttext" {
		for _, f := range p.Flags {
			if !f.Operand && !f.Switch && !strings.HasPrefix(f.Spelling, "--") {
				p.Style = Spaced
			}
		}
	}
}

// find returns the flag of a spelling, nil if there is none.
func (p *Program) find(spelling string) *Flag {
	for i := range p.Flags {
		f := &p.Flags[i]
		if !f.Operand && (f.Spelling == spelling || f.Off != "" && f.Off == spelling) {
			return f
		}
	}
	return nil
}

// vague are words for values that name no parameter.
var vague = map[string]bool{"int": true, "float": true, "num": true, "number": true, "value": true, "val": true, "arg": true, "string": true,
	"str": true, "file": true, "path": true, "dir": true, "integer": true, "double": true, "real": true, "text": true, "name": true, "type": true,
	"list": true, "bool": true, "uint": true, "size": true, "filename": true, "x": true}

// paramName is the name of a flag's parameter. A flag of one letter takes the
// word that the help has for its value, -c cost, where there is one.
func paramName(f Flag) string {
	bare := strings.TrimLeft(f.Spelling, "-+")
	if meta := strings.Trim(strings.ToLower(f.Metavar), "<>[]{}.:"); len(bare) == 1 && len(meta) > 1 && isWord(meta) && !vague[meta] {
		return strings.ReplaceAll(meta, "-", "_")
	}
	if strings.HasPrefix(f.Spelling, "-") || f.Operand {
		bare = strings.ReplaceAll(bare, "-", "_")
	}
	return bare
}

// isWord reports whether s is made of letters, digits, - and _, a letter first.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '_' && c != '-') {
			return false
		}
	}
	return s != ""
}
