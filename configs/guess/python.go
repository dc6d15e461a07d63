package guess

import (
	"regexp"
	"strings"
)

// parsers are the signs that a Python script reads its command line.
var parsers = lazy(`argparse|optparse|getopt|\bclick\b|typer|hydra|\babsl\b|\bfire\b|docopt|\btyro\b|ArgParser|LightningCLI|ArgumentParser|simple_parsing|` +
	`sys\.argv|from_cli|parse_args|\btap\b|cyclopts|\bplac\b|clize|draccus|pyrallis|\bsacred\b|gin\.|ml_collections|config_flags|CliApp|\bchz\b|FLAGS`)

// ParsesOptions reports whether a Python script looks as if it read its command
// line. If not, --help would not keep it from its work.
func ParsesOptions(source string) bool { return parsers().MatchString(source) }

var localImport = lazy(`(?m)^\s*(?:from\s+(\.*\w+)|import\s+(\w+(?:\s*,\s*\w+)*))`)

// Imports are the top modules that a Python script imports.
func Imports(source string) (names []string) {
	for _, m := range localImport().FindAllStringSubmatch(source, -1) {
		for n := range strings.FieldsFuncSeq(m[1]+m[2], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
			names = append(names, strings.TrimLeft(n, "."))
		}
	}
	return names
}

var (
	wandbInit  = lazy(`\bwandb\.init\(`)
	configArg  = lazy(`(?s)^\s*config\s*=\s*(.*)$`)
	configUsed = lazy(`\b(?:wandb\.config|run\.config|trawl\.params)(?:\.get\(["']([\w.-]+)["']|\.([A-Za-z_]\w*)\b\s*(\()?|\[["']([\w.-]+)["']\])`)
	dictKey    = lazy(`(?s)^\s*(?:["']([\w.-]+)["']\s*:|([A-Za-z_]\w*)\s*=)\s*(.*)$`)
)

// ParsePython reads a Python script that takes its values from wandb.config or
// from trawl.params: the defaults of wandb.init(config={…}), and the names that
// it asks for.
func ParsePython(source string) Program {
	if len(source) > maxHelp {
		source = source[:maxHelp]
	}
	p := Program{Format: "wandb", Style: Config}
	if !strings.Contains(source, "wandb") {
		p.Format = "trawl"
	}
	for _, at := range wandbInit().FindAllStringIndex(source, 20) {
		args, _ := callArgs(source[at[1]:])
		for _, a := range args {
			if m := configArg().FindStringSubmatch(a); m != nil {
				p.readDict(source, strings.TrimSpace(m[1]))
			}
		}
	}
	for _, m := range configUsed().FindAllStringSubmatch(source, maxFlags) {
		if name := m[1] + m[2] + m[4]; m[3] == "" { // no method
			p.Flags = append(p.Flags, Flag{Name: name, Spelling: name})
		}
	}
	p.finish()
	return p
}

// readDict takes the keys of {"lr": 0.1}, of dict(lr=0.1), or of a variable that
// is set to one.
func (p *Program) readDict(source, expr string) {
	if isWord(strings.ReplaceAll(expr, "_", "a")) {
		set := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(expr) + `\s*=\s*(\{|dict\()`).FindStringIndex(source)
		if set == nil {
			return
		}
		i := strings.IndexByte(source[set[0]:set[1]], '=')
		expr = strings.TrimSpace(source[set[0]+i+1:])
	}
	var args []string
	switch {
	case strings.HasPrefix(expr, "{"):
		args, _ = callArgs(expr[1:])
	case strings.HasPrefix(expr, "dict("):
		args, _ = callArgs(expr[len("dict("):])
	}
	for _, a := range args {
		m := dictKey().FindStringSubmatch(withoutComments(a))
		if m == nil {
			continue
		}
		f := Flag{Name: m[1] + m[2], Spelling: m[1] + m[2]}
		d, ok := constant(strings.TrimSpace(m[3]))
		if !ok {
			continue
		}
		f.Default = d
		f.mendDefault()
		p.Flags = append(p.Flags, f)
	}
}

var pythonComment = lazy(`(?m)^\s*#.*$`)

// withoutComments leaves out the lines that are comments.
func withoutComments(s string) string { return pythonComment().ReplaceAllString(s, "") }
