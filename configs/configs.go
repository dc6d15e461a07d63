// Package configs reads sweep files: YAML in the schema of W&B Sweeps with
// trawl's further keys, to a sweep.Spec or to every problem with its place.
//
//	node.go     YAML → a tree with places: aliases, merge keys, YAML 1.2 scalars
//	override.go --set, -p and -- CMD, which are part of the file
//	keys.go     the table of keys; check.go compares the tree with it
//	params.go   parameters: W&B's inference of distributions, short forms
//	spec.go     the tree → sweep.Spec; space.go and running.go are parts of it
//	template.go command templates; render.go, literals.go and shell.go fill them in
//	compare.go  an edited file: what changed, and whether it decides what is tried
//	schema.go   JSON Schema from the same tables
package configs

import (
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// Examples holds the shipped sweep files below examples/.
//
// YourScript is the page on how scripts get their values and report, in Markdown.
//
//go:embed your-script.md
var YourScript string

//go:embed examples/*.yaml
var Examples embed.FS

// Options change a sweep file as the command line asks. They are part of the
// file: Spec.Doc has them.
type Options struct {
	Set     []string // "a.b=c", where c is YAML
	Params  []string // "lr=log:1e-4..10/6", "clip=.25,1,1000", "steps=1000"
	Command []string // what follows --; instead of command, shell and program
	Name    string
	Metric  string // "val_loss", or "val_accuracy:maximize"
	Method  string
	RunCap  int    // 0: as the file says
	Seed    *int64 // nil: as the file says
}

// A File is a sweep file that was read without a problem.
type File struct {
	Path     string // "" for a sweep made of options
	Source   []byte // the text; of a sweep made of options, the file that stands for it
	Spec     *sweep.Spec
	Warnings []Problem // in order of place
}

// Load reads a sweep file. The error is an Errors, or wraps that of the
// operating system where the file cannot be read.
func Load(path string, o Options) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sweep file: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxDoc+1))
	if err != nil {
		return nil, fmt.Errorf("sweep file %s: %w", path, err)
	}
	return Parse(path, src, o)
}

// Parse reads the text of a sweep file, or a document that Spec.Doc gave. The
// stem of name is the sweep's name where the text has none. The error is an
// Errors.
func Parse(name string, src []byte, o Options) (*File, error) {
	l := newLoader(name)
	doc := l.parse(name, src)
	if doc != nil && doc.form != mapping {
		l.errorf(doc.place, "a map of keys like method and parameters", "%s", doc.describe())
	}
	if len(l.errs) > 0 {
		return nil, l.problems()
	}
	l.doc = doc
	l.override(o)
	return l.load(name, src)
}

// FromOptions makes a sweep without a file. Source is the file to write down.
// The error is an Errors.
func FromOptions(o Options) (*File, error) {
	l := newLoader("")
	l.doc = &node{form: mapping}
	l.override(o)
	if l.doc.get("name") == nil {
		l.doc.entries = append([]entry{{name: "name", node: newText(place{}, nameOf(o.Command))}}, l.doc.entries...)
	}
	return l.load("", nil)
}

// nameOf guesses the name of a sweep from its command: train for
// `python -u code/train.py`.
func nameOf(command []string) string {
	name := "sweep"
	for i, w := range command {
		script := false
		switch ext := filepath.Ext(w); ext {
		case ".py", ".sh", ".jl", ".R", ".r", ".rb", ".pl", ".lua", ".js":
			script = true
		}
		if stem := stemOf(w); (i == 0 || script) && checkName(stem) == "" {
			name = stem
		}
		if script {
			break
		}
	}
	return name
}

// stemOf is a path's last element without its extension.
func stemOf(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// A loader reads one document.
type loader struct {
	report
	file string
	doc  *node
	spec *sweep.Spec

	params   []param
	declared map[string]bool // names of all parameters, valid or not
	rounded  bool            // the word on quantised values is said
}

func newLoader(file string) *loader {
	return &loader{file: file, spec: &sweep.Spec{}, declared: map[string]bool{}}
}

// load checks and reads the document.
func (l *loader) load(path string, src []byte) (*File, error) {
	if len(l.errs) > 0 {
		return nil, l.problems()
	}
	for _, name := range []string{"parameters", "points", "trainer"} {
		if n := l.doc.get(name); n != nil {
			l.modernise(n)
		}
	}
	l.checkTop()
	l.readSpec(stemOf(path))
	if len(l.errs) > 0 {
		return nil, l.problems()
	}
	doc := l.doc.appendJSON(nil)
	if len(doc) > maxDoc {
		l.errorf(l.doc.place, "at most 16 MiB", "the document is %d bytes as JSON", len(doc))
		return nil, l.problems()
	}
	l.spec.Doc, l.spec.Digest = string(doc), digest(l.doc)
	if src == nil {
		src = l.doc.yaml()
	}
	byPlace(l.warns)
	return &File{Path: path, Source: src, Spec: l.spec, Warnings: l.warns}, nil
}

func (l *loader) problems() Errors {
	byPlace(l.errs)
	return Errors(l.errs)
}

// yaml writes the document as a file that people can go on with.
func (n *node) yaml() []byte {
	b := []byte("# yaml-language-server: $schema=" + schemaURL + "\n")
	for _, e := range n.entries {
		b = append(appendKeyText(b, e.name), ':')
		if e.name != "parameters" || e.node.form != mapping {
			b = append(e.node.appendJSON(append(b, ' ')), '\n')
			continue
		}
		b = append(b, '\n')
		for _, p := range e.node.entries {
			b = append(appendKeyText(append(b, "  "...), p.name), ": "...)
			b = append(p.node.appendJSON(b), '\n')
		}
	}
	return b
}

// appendKeyText writes a key without quotes where it needs none.
func appendKeyText(b []byte, s string) []byte {
	simple := s != "" && plainValue(s).Kind() == sweep.String
	for i := range len(s) {
		c := s[i] | 0x20
		simple = simple && (c >= 'a' && c <= 'z' || s[i] == '_' || i > 0 && s[i] >= '0' && s[i] <= '9')
	}
	if simple {
		return append(b, s...)
	}
	return appendText(b, s)
}
