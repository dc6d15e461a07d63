package guess

import (
	"slices"
	"strings"
)

// isAbsl tells a help of absl's flags by its end or by how it states types.
func isAbsl(text string) bool {
	return strings.Contains(text, "Try --helpfull to get a list of all flags") || abslDefault().MatchString(text) && abslFlag().MatchString(text)
}

var (
	abslDefault = lazy(`(?m)^ {4}\(default: '`)
	abslFlag    = lazy(`(?m)^ {2}(?:-\w,)?--(?:\[no\])?[\w.-]+: `)
	abslModule  = lazy(`^(\S+):$`)
)

// parseAbsl reads the help of absl, without the flags of absl itself.
func parseAbsl(lines []string) Program {
	p := Program{Format: "absl"}
	module := ""
	var open *entry
	flush := func() {
		if open == nil || strings.HasPrefix(module, "absl.") || module == "absl" {
			open = nil
			return
		}
		e := *open
		open = nil
		name, help, _ := strings.Cut(e.spec, ":")
		if i := strings.LastIndexByte(name, ','); i >= 0 {
			name = name[i+1:]
		}
		yes, isBool := strings.CutPrefix(name, "--[no]")
		f := Flag{Spelling: name, Section: module}
		if isBool {
			f.Spelling, f.Kind = "--"+yes, Bool
		}
		if choices, rest, ok := strings.Cut(strings.TrimSpace(help), ">: "); ok && strings.HasPrefix(choices, "<") {
			f.takeChoices(strings.Split(choices[1:], "|"))
			help = rest
		}
		f.Help = strings.TrimSpace(strings.TrimSpace(help) + " " + strings.Join(e.help, " "))
		f.detail(e.help)
		if !f.isHelp() {
			p.Flags = append(p.Flags, f)
		}
	}
	for _, line := range lines {
		text := strings.TrimSpace(line)
		switch {
		case abslFlag().MatchString(line) || strings.HasPrefix(line, "  --") && strings.HasSuffix(text, ":"):
			flush()
			open = &entry{spec: text}
		case abslModule().MatchString(line):
			flush()
			module = strings.TrimSuffix(text, ":")
		case text == "":
			flush()
		case open != nil && indent(line) >= 4:
			open.help = append(open.help, text)
		}
	}
	flush()
	return p
}

// isPairs tells a list of parameters that are given as name=value, as xgboost's.
func isPairs(text string) bool { return len(pairFlag().FindAllString(text, 3)) >= 3 }

var pairFlag = lazy(`(?m)^ +([A-Za-z_]\w*) ?: ?(\{[^}]*\}|\w+), *optional.*$`)

// parsePairs reads the help of xgboost's command line, and what it refers to.
func parsePairs(lines []string) Program {
	p := Program{Format: "pairs", Style: Pairs}
	for i, line := range lines {
		m := pairFlag().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		f := Flag{Name: m[1], Spelling: m[1], Kind: kindWords[strings.ToLower(m[2])], Metavar: m[2], Help: strings.TrimSpace(line)}
		if strings.HasPrefix(m[2], "{") {
			f.Metavar = ""
			f.takeChoices(strings.Split(strings.Trim(m[2], "{}"), ","))
		}
		f.detail(nil)
		f.Help = ""
		if i+1 < len(lines) && indent(lines[i+1]) > indent(line) {
			f.Help = strings.TrimSpace(lines[i+1])
		}
		p.Flags = append(p.Flags, f)
	}
	if strings.Contains(strings.Join(lines, "\n"), "xgboost") {
		p.Format = "xgboost"
		p.Flags = append(p.Flags, boosterFlags...)
	}
	return p
}

// boosterFlags are parameters of xgboost's tree booster, which its help leaves to
// its documentation (xgboost.readthedocs.io, parameters), with their defaults
// there.
var boosterFlags = []Flag{
	{Name: "eta", Spelling: "eta", Kind: Float, Default: "0.3", Bounds: [2]string{"0", "1"}, Help: "learning rate: the shrinkage of each step"},
	{Name: "max_depth", Spelling: "max_depth", Kind: Int, Default: "6", Help: "depth of a tree"},
	{Name: "min_child_weight", Spelling: "min_child_weight", Kind: Float, Default: "1", Help: "least sum of instance weights in a child"},
	{Name: "gamma", Spelling: "gamma", Kind: Float, Default: "0", Help: "least loss reduction of a split"},
	{Name: "subsample", Spelling: "subsample", Kind: Float, Default: "1", Help: "share of the rows for each tree"},
	{Name: "colsample_bytree", Spelling: "colsample_bytree", Kind: Float, Default: "1", Help: "share of the columns for each tree"},
	{Name: "lambda", Spelling: "lambda", Kind: Float, Default: "1", Help: "L2 regularization of the weights"},
	{Name: "alpha", Spelling: "alpha", Kind: Float, Default: "0", Help: "L1 regularization of the weights"},
}

// isHydra tells the help of a Hydra application, or the configuration that
// --cfg job prints.
func isHydra(text string) bool {
	return strings.Contains(text, "Powered by Hydra") || strings.Contains(text, "\n== Config ==\n")
}

var (
	yamlLine  = lazy(`^( *)(?:- )?([A-Za-z_][\w./-]*):(?: (.*))?$`)
	groupLine = lazy(`^([A-Za-z_][\w./@-]*): ([\w.-]+(?:, [\w.-]+)*)$`)
)

// ParseConfig reads the configuration that a Hydra application prints with
// --cfg job.
func ParseConfig(doc string) Program {
	p := Program{Format: "hydra", Style: Hydra}
	p.readTree(strings.Split(clean(doc), "\n"))
	p.finish()
	return p
}

// parseHydra reads Hydra's help: the groups, and the tree of the configuration.
func parseHydra(lines []string) Program {
	p := Program{Format: "hydra", Style: Hydra}
	for i, line := range lines {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "== Configuration groups =="):
			for _, l := range lines[i+1:] {
				if strings.HasPrefix(l, "==") {
					break
				}
				if m := groupLine().FindStringSubmatch(l); m != nil {
					p.Flags = append(p.Flags, Flag{Name: m[1], Spelling: m[1], Choices: strings.Split(m[2], ", "), Section: hydraGroup,
						Help: "a configuration group"})
				}
			}
		case strings.HasPrefix(text, "== Config =="):
			p.readTree(lines[i+1:])
			return p
		}
	}
	return p
}

const hydraGroup = "group"

// readTree reads YAML in block form, which is the only one that OmegaConf
// prints; each scalar is a flag with a dotted name. Lists, texts of several
// lines and interpolations are left out: they are no values to sweep over.
func (p *Program) readTree(lines []string) {
	type level struct {
		in   int
		name string
	}
	var path []level
	for i, line := range lines {
		if strings.HasPrefix(line, "Powered by Hydra") {
			return
		}
		m := yamlLine().FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(strings.TrimSpace(line), "- ") {
			continue
		}
		in := len(m[1])
		for len(path) > 0 && path[len(path)-1].in >= in {
			path = path[:len(path)-1]
		}
		if len(path) > 30 {
			continue
		}
		path = append(path, level{in, m[2]})
		value := strings.TrimSpace(m[3])
		next := ""
		if i+1 < len(lines) {
			next = lines[i+1]
		}
		goesOn := strings.TrimSpace(next) != "" && (indent(next) > in || strings.HasPrefix(strings.TrimSpace(next), "- ") && indent(next) >= in)
		if value == "" || goesOn || strings.ContainsAny(value[:1], "[{|>&*") || strings.Contains(value, "${") {
			continue
		}
		var f Flag
		for j, l := range path {
			f.Name += ifText(j > 0, ".", "") + l.name
		}
		f.Spelling = f.Name
		if value == "???" {
			f.Required = true
		} else {
			f.Default = value
		}
		quoted := strings.Trim(value, `'"`) != value
		f.mendDefault()
		if f.Kind = kindOfDefault(f.Default); quoted && f.Default != "" {
			f.Kind = Text
		}
		p.Flags = append(p.Flags, f)
	}
}

// isBoxed tells the boxes that rich draws for typer and rich-click.
func isBoxed(text string) bool {
	return strings.Contains(text, "╭─") && strings.Contains(text, "│") || strings.Contains(text, "+- Options -") && strings.Contains(text, "\n| ")
}

var boxTitle = lazy(`^\s*[╭+][─-]+ (.+?) [─-]+[╮+]\s*$`)

// parseBoxes reads typer's boxes. The columns of a box are where all of its
// options' descriptions begin; a description goes on in lines without a name.
func parseBoxes(lines []string) Program {
	usage, _ := splitUsage(lines)
	if !strings.Contains(strings.Join(lines, "\n"), "Usage:") { // tyro's boxes have the lists of argparse in them
		p := parseOptions(unbox(lines))
		p.Format = "tyro"
		return p
	}
	p := Program{Format: "typer"}
	title := ""
	var box []string
	operands := map[string]string{}
	for _, line := range lines {
		if m := boxTitle().FindStringSubmatch(line); m != nil {
			title, box = m[1], nil
			continue
		}
		t := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(t, "│") || strings.HasPrefix(t, "|"):
			box = append(box, strings.TrimRight(strings.TrimRight(strings.TrimLeft(t, "│|"), "│|"), " "))
		case strings.HasPrefix(t, "╰") || strings.HasPrefix(t, "+-"):
			p.readBox(title, box, operands)
			box = nil
		}
	}
	p.readBox(title, box, operands)
	p.applyUsage(usage, operands)
	p.Flags = slices.DeleteFunc(p.Flags, func(f Flag) bool {
		return f.isHelp() || strings.HasPrefix(f.Spelling, "--install-") || strings.HasPrefix(f.Spelling, "--show-")
	})
	return p
}

// unbox takes the frames off, with the titles as headings.
func unbox(lines []string) (out []string) {
	for _, line := range lines {
		t := strings.TrimSpace(line)
		switch m := boxTitle().FindStringSubmatch(line); {
		case m != nil:
			out = append(out, m[1]+":")
		case strings.HasPrefix(t, "│"):
			out = append(out, " "+strings.TrimRight(strings.Trim(t, "│"), " "))
		case strings.HasPrefix(t, "╰"):
			out = append(out, "")
		default:
			out = append(out, line)
		}
	}
	return out
}

// boxStart matches the first line of a row: an asterisk where it must be given,
// then the name.
var boxStart = lazy(`^ (\*?) {0,5}(-{0,2}[A-Za-z\[{]\S*)`)

func (p *Program) readBox(title string, box []string, operands map[string]string) {
	low := strings.ToLower(title)
	var rows [][]string
	margin := -1
	for _, l := range box {
		if m := boxStart().FindStringSubmatch(l); m != nil {
			in := strings.Index(l, m[2])
			if margin < 0 || in <= margin {
				margin = in
				rows = append(rows, nil)
			}
		}
		if len(rows) > 0 {
			rows[len(rows)-1] = append(rows[len(rows)-1], l)
		}
	}
	for _, row := range rows {
		star := strings.HasPrefix(strings.TrimSpace(row[0]), "*")
		row[0] = strings.Replace(row[0], "*", " ", 1)
		cells := columns(row)
		switch {
		case len(cells) == 0:
		case strings.Contains(low, "command"):
			p.Commands = append(p.Commands, cells[0])
		case strings.Contains(low, "argument"):
			help := cells[1:]
			for len(help) > 0 && isMetavar(help[0]) {
				help = help[1:]
			}
			operands[strings.ToLower(cells[0])] = strings.Join(help, " ")
		default:
			p.boxFlag(cells, star)
		}
	}
}

// columns joins what stands in the same column of the lines of a row. A column
// begins where a word of the first line, or of a later one behind blanks, does.
func columns(row []string) []string {
	width := 0
	text := make([][]rune, len(row))
	for i, l := range row {
		text[i] = []rune(l)
		width = max(width, len(text[i]))
	}
	blank := func(i int) bool {
		return !slices.ContainsFunc(text, func(l []rune) bool { return i < len(l) && l[i] != ' ' })
	}
	var cells []string
	for i := 0; i < width; {
		if blank(i) {
			i++
			continue
		}
		from := i
		for i < width && !(blank(i) && blank(i+1)) {
			i++
		}
		var words []string
		for _, l := range text {
			if from < len(l) {
				if w := strings.TrimSpace(string(l[from:min(i, len(l))])); w != "" {
					words = append(words, w)
				}
			}
		}
		cells = append(cells, strings.Join(words, " "))
	}
	return cells
}

// boxFlag reads the cells of a row: names, a name that says no, what it takes,
// the description.
func (p *Program) boxFlag(cells []string, star bool) {
	spec, rest := cells[0], cells[1:]
	for len(rest) > 0 && (strings.HasPrefix(rest[0], "-") || isMetavar(rest[0])) {
		spec += " " + rest[0]
		rest = rest[1:]
	}
	if !strings.HasPrefix(spec, "-") {
		return
	}
	e := entry{spec: spec, help: rest, section: "Options"}
	f, ok := e.flag()
	if !ok || strings.Contains(f.Spelling, "…") {
		return
	}
	f.Required = f.Required || star
	p.Flags = append(p.Flags, f)
}

// isMetavar reports whether a cell is what typer calls a value: FLOAT, INTEGER
// RANGE [x>=1], [sgd|adam], <LR>.
func isMetavar(s string) bool {
	if strings.HasPrefix(s, "[") {
		return strings.Contains(s, "|") || bounds().MatchString(s)
	}
	if i := strings.IndexByte(s, '['); i > 0 && bounds().MatchString(s[i:]) {
		s = s[:i]
	}
	return s == strings.ToUpper(s) && strings.ContainsAny(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && !strings.Contains(s, ".") || strings.HasPrefix(s, "<")
}
