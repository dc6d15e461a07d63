package guess

import (
	"slices"
	"strconv"
	"strings"
)

// kindWords are what help texts call the kinds of values.
var kindWords = map[string]Kind{
	"int": Int, "integer": Int, "int32": Int, "int64": Int, "uint": Int, "uint32": Int, "uint64": Int, "i32": Int, "i64": Int, "u32": Int, "u64": Int, "usize": Int,
	"float": Float, "double": Float, "float32": Float, "float64": Float, "f32": Float, "f64": Float, "real": Float, "number": Float,
	"bool": Bool, "boolean": Bool, "strtobool": Bool, "str2bool": Bool,
	"str": Text, "string": Text, "text": Text, "path": Text, "file": Text, "filename": Text, "directory": Text, "dir": Text, "url": Text,
	"positiveint": Int, "nonnegativeint": Int, "positivefloat": Float, "nonnegativefloat": Float, "closedunitinterval": Float,
}

// takeValue reads the i-th word after the names of an option.
func (f *Flag) takeValue(w string, i int) {
	switch {
	case w == "..." || strings.HasSuffix(w, "...]") || strings.HasSuffix(w, "...") || w == "*" || w == "+":
		f.Many = true
		return
	case strings.HasPrefix(w, "{") && strings.HasSuffix(w, "}"):
		f.takeChoices(strings.Split(w[1:len(w)-1], ","))
		return
	case union(w) != "":
		w = union(w)
		f.takeValue(w, i)
		return
	case strings.ContainsRune(w, '|') && strings.HasPrefix(w, "[") == strings.HasSuffix(w, "]"):
		f.takeChoices(strings.Split(strings.Trim(w, "[]<>"), "|"))
		return
	case bounds().MatchString(w):
		f.takeBounds(w)
		return
	case strings.HasPrefix(w, "(="): // of Boost.Program_options
		f.Default = strings.TrimSuffix(w[2:], ")")
		return
	case w == "RANGE" && i > 0:
		return
	case i > 0 && f.Metavar != "":
		f.Many = f.Many || strings.Trim(w, "[]") == f.Metavar
		return
	}
	f.Metavar = strings.Trim(w, "[]<>:")
	if k, ok := kindWords[strings.ToLower(f.Metavar)]; ok && f.Metavar != strings.TrimLeft(f.Spelling, "-") {
		f.Kind = k
	}
}

// union is the rest of a type that may be nothing, {None}|FLOAT; "" if w is none.
func union(w string) string {
	for _, none := range []string{"{None}|", "None|"} {
		if rest, ok := strings.CutPrefix(w, none); ok {
			return rest
		}
	}
	for _, none := range []string{"|{None}", "|None"} {
		if rest, ok := strings.CutSuffix(w, none); ok {
			return rest
		}
	}
	return ""
}

func (f *Flag) takeChoices(cs []string) {
	var out []string
	for _, c := range cs {
		if c = strings.Trim(strings.TrimSpace(c), "'\""); c != "" && c != "..." {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return
	}
	if isBools(out) {
		f.Kind = Bool
	}
	f.Choices = out
}

// isBools reports whether the choices are those of a boolean.
func isBools(cs []string) bool {
	return len(cs) > 1 && !slices.ContainsFunc(cs, func(c string) bool {
		return !slices.Contains([]string{"true", "false", "none", "null", "yes", "no"}, strings.ToLower(c))
	})
}

// bounds matches how click states them, [1<=x<=4096], and clap.
var bounds = lazy(`^\[?(?:([-+\d.eE]+)<(=?))?x(?:(<=?|>=?)([-+\d.eE]+))?\]?$`)

func (f *Flag) takeBounds(w string) {
	m := bounds().FindStringSubmatch(strings.TrimSpace(w))
	if m == nil {
		return
	}
	f.Bounds[0] = m[1]
	if strings.HasPrefix(m[3], ">") {
		f.Bounds[0] = m[4]
	} else {
		f.Bounds[1] = m[4]
	}
}

// The ways to state a default, in the order in which they are looked for.
var defaults = []pattern{
	lazy(`(?i)\[(?:[^\[\]]*[;,] *)?defaults?\s*(?::|=|\s)\s*((?:[^\[\];]|\[[^\[\]]*\])*?)(?:;[^\]]*)?\]`),
	lazy(`(?i)\((?:[^()]*[,;] *)?defaults?(?: value)?(?: is| to)?\s*[:=]?\s*((?:[^()]|\([^()]*\))*?)\)`),
	lazy(`(?i)\bdefaults?(?: value)?\s*[:=]\s*('[^']*'|"[^"]*"|[^\s,;)\]]+)`),
	lazy(`(?i)\bdefaults? (?:to|is|value is|of) ('[^']*'|"[^"]*"|[^\s,;)\]]+)`),
	lazy(`(?i)[(\[]([^()\[\]\s]+) by default[)\]]`),
	lazy(`(?i)[;,.] default ([-+]?\d[\d.]*(?:[eE][-+]?\d+)?|true|false)(?:[\s;,.)]|$)`),
	lazy(`(?i)[(\[](?:by )?default[:=]? ?('[^']*'|[^\s()\[\]]+)[)\]]`),
}

var (
	typed     = lazy(`\b[Tt]ype: *([^,()\[\]]+(?:\[[^\[\]]*\])?)`)
	abslTyped = lazy(`\((?:an? )?(?:[a-z-]+ )?(integer|number)\b(?: in the range \[([^,\]]*), ([^,\]]*)\])?[^)]*\)`)
	numbered  = lazy(`^(\d+) --? `)
	possible  = lazy(`(?i)[\[(](?:possible values|choices|choose from|one of|options)[:=]? *([^\[\]()]+)[\])]`)
	listing   = lazy(`(?i)\bone of:? ((?:[\w.+-]+, )*[\w.+-]+(?:,? or [\w.+-]+)?)`)
	barred    = lazy(`[\w.+-]+(?: \| [\w.+-]+){2,}`)
	orParens  = lazy(`\(((?:[\w.+-]+, )*[\w.+-]+,? or [\w.+-]+)\)`)
	inParens  = lazy(`\(([\w.+-]+(?:, [\w.+-]+)+)\)`)
	braced    = lazy(`(?:^|\s)\{([\w.+-]+(?:, ?[\w.+-]+)+)\}`)
	required  = lazy(`(?i)[\[(](?:[^\[\]()]*[,;] *)?required(?:[,;][^\])]*)?[\])]|^required\b`)
)

// detail takes from the description what it says of type, default, choices and
// need. lines are its lines.
func (f *Flag) detail(lines []string) {
	help := f.Help
	for _, re := range defaults {
		if m := re().FindStringSubmatch(help); m != nil {
			f.Default = m[1]
			break
		}
	}
	if m := typed().FindStringSubmatch(help); m != nil && f.Kind == Unknown {
		f.Kind = kindOfType(m[1])
	}
	if m := abslTyped().FindStringSubmatch(help); m != nil && f.Kind == Unknown {
		f.Kind = ifKind(m[1] == "integer", Int, Float)
		f.Bounds = [2]string{m[2], m[3]}
	}
	for _, b := range clickBounds().FindAllString(help, -1) {
		f.takeBounds(strings.Trim(b, "[]; "))
	}
	var many, rest []string
	for _, l := range lines {
		if m := numbered().FindStringSubmatch(l); m != nil {
			many = append(many, m[1])
		}
		if !strings.HasPrefix(l, "Default: ") && !strings.HasPrefix(l, "Type: ") { // of fire
			rest = append(rest, l)
		}
	}
	if len(lines) > 0 && len(rest) < len(lines) {
		f.Help = strings.Join(rest, " ")
	}
	f.choicesOfHelp()
	if len(many) > 1 && f.Choices == nil {
		f.Choices, f.Kind = many, Int
	}
	f.Required = f.Required || required().MatchString(help)
	f.mendDefault()
	if f.Default != "" && f.Switch && f.Off == "" && kindOfDefault(f.Default) != Bool {
		f.Switch = false // the help leaves out what it calls its value
	}
	if f.Switch {
		f.Kind = Bool
	}
}

// choicesOfHelp are choices that the description lists, where nothing else names
// any: in brackets, behind "one of", between bars, or in a list in parentheses
// that has the default.
func (f *Flag) choicesOfHelp() {
	if f.Choices != nil || f.Kind == Int || f.Kind == Float || f.Kind == Bool || f.Switch && f.Default == "" {
		return
	}
	var cs []string
	m, l, b, o := possible().FindStringSubmatch(f.Help), listing().FindStringSubmatch(f.Help), braced().FindStringSubmatch(f.Help), orParens().FindStringSubmatch(f.Help)
	switch {
	case m != nil:
		cs = strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == '|' || r == ' ' })
	case b != nil:
		cs = strings.Split(b[1], ",")
	case l != nil:
		cs = alternatives(l[1])
	case o != nil:
		cs = alternatives(o[1])
	default:
		if cs = strings.Split(barred().FindString(f.Help), " | "); len(cs) < 3 {
			cs = nil
		}
		for _, in := range inParens().FindAllStringSubmatch(f.Help, -1) {
			if all := strings.Split(in[1], ", "); f.Default != "" && slices.Contains(all, f.Default) {
				cs = all
			}
		}
	}
	if len(cs) > 1 && !slices.ContainsFunc(cs, func(c string) bool { return kindWords[strings.ToLower(c)] != Unknown }) {
		f.takeChoices(cs)
		f.Prose = m == nil && b == nil
		if m := defaultWord().FindStringSubmatch(f.Help); m != nil && f.Default == "" && slices.Contains(f.Choices, m[1]) {
			f.Default = m[1]
		}
	}
}

// alternatives splits `a, b or c`.
func alternatives(s string) []string {
	return strings.Split(strings.NewReplacer(", or ", ", ", " or ", ", ").Replace(s), ", ")
}

var defaultWord = lazy(`(?i)\bdefaults? ([\w.+-]+)`)

var clickBounds = lazy(`[\[;] ?(?:[-+\d.eE]+<=?)?x(?:[<>]=?[-+\d.eE]+)?\]`)

func ifKind(c bool, a, b Kind) Kind {
	if c {
		return a
	}
	return b
}

// kindOfType reads a type as Python writes it: float, Optional[int]. Of a union,
// numbers count before booleans, and floats before integers.
func kindOfType(s string) Kind {
	s = strings.ToLower(strings.TrimSpace(s))
	var found []Kind
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("[]|,: ", r) }) {
		if w == "list" || w == "tuple" || w == "dict" || w == "sequence" {
			return Text
		}
		if k, ok := kindWords[w]; ok {
			found = append(found, k)
		}
	}
	for _, k := range []Kind{Float, Int, Bool, Text} {
		if slices.Contains(found, k) {
			return k
		}
	}
	return Unknown
}

// mendDefault takes quotes off, and what is no default.
func (f *Flag) mendDefault() {
	d := strings.TrimSpace(f.Default)
	d = strings.TrimRight(strings.Trim(d, "`'\""), ",")
	switch strings.ToLower(d) {
	case "none", "null", "", "nil", "unset", "no default", "==suppress==", "missing":
		d = ""
	}
	on, off := strings.TrimLeft(f.Spelling, "-"), strings.TrimLeft(f.Off, "-")
	switch {
	case f.Off != "" && d == on, f.Switch && d == on:
		d = "true"
	case f.Off != "" && d == off:
		d = "false"
	case len(f.Choices) > 0 && !slices.Contains(f.Choices, d): // an enumeration's Opt.adam, of [sgd|adam]
		_, last, _ := strings.Cut(d, ".")
		if i := slices.IndexFunc(f.Choices, func(c string) bool { return strings.EqualFold(c, last) }); i >= 0 && last != "" {
			d = f.Choices[i]
		}
	case kindOfDefault(strings.TrimSuffix(d, ".")) != Unknown:
		if _, err := strconv.ParseFloat(d, 64); err != nil {
			d = strings.TrimSuffix(d, ".") // the end of the sentence
		}
	}
	if len(d) > 200 {
		d = ""
	}
	f.Default = d
}

// kindOfDefault tells the kind of a value by its looks.
func kindOfDefault(s string) Kind {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Int
	}
	if f, ok := parseFloat(s); ok && f == f {
		return Float
	}
	switch s {
	case "true", "false", "True", "False":
		return Bool
	case "":
		return Unknown
	}
	return Text
}

// decimalNumber is a number as help texts write it, and not what Go's parser also
// takes: 0x10, 1_000, inf.
var decimalNumber = lazy(`^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?$`)

func parseFloat(s string) (float64, bool) {
	if !decimalNumber().MatchString(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}
