package guess

import (
	"slices"
	"strings"
)

// A Sweep is what a file is written from.
type Sweep struct {
	Argv    []string // the command as its user gave it; its flags and operands stay
	Program Program  // what its help says
	Head    int      // words of Argv that name the program
	Verbs   int      // words behind them that name a command of it
	Metric  Metric   // what a run showed; the zero Metric: nothing is known
	From    string   // where the flags were read: "--help"
}

// A File is a sweep file, and what its user should hear of it.
type File struct {
	Text    string
	Swept   []string // names of the parameters that are swept
	Missing []string // what must be filled in first
}

// line is one parameter of the file.
type line struct {
	name, value, note string
}

// draft is a file being made.
type draft struct {
	Sweep
	given    map[string]bool
	operands []string
	dashes   bool
	switches bool // the command has a switch among what can be swept
	texts    bool // booleans that take a value are passed as texts, for switches are not
	words    []string
	lines    []line // parameters
	offers   []line // comments
	left     []string
	fixed    []string
	seed     *Flag
	seedAt   bool // the seed has its place among the operands
	file     File
}

// File writes the sweep file.
func (s Sweep) File() File {
	d := &draft{Sweep: s}
	args := s.Argv[min(len(s.Argv), s.Head+s.Verbs):]
	d.given, d.operands = given(&s.Program, args)
	for _, w := range slices.Backward(d.verbs()) {
		command := slices.Contains(s.Program.Commands, w) || s.Program.Format == "fasttext" ||
			slices.ContainsFunc(s.Program.Flags, func(f Flag) bool { return d.isVerb(&f) && f.Spelling == w })
		if !command {
			d.operands = slices.Insert(d.operands, 0, w)
		}
	}
	d.conventions()
	for i := range s.Program.Flags {
		d.place(&s.Program.Flags[i])
	}
	d.command(args)
	return d.write()
}

// verbs are the words that Head took for names of commands.
func (d *draft) verbs() []string {
	return d.Argv[min(len(d.Argv), d.Head):min(len(d.Argv), d.Head+d.Verbs)]
}

// isVerb reports whether an operand of the usage is the name of the command
// itself: usage: train.py fit [-h] data.
func (d *draft) isVerb(f *Flag) bool {
	return f.Operand && f.Help == "" && slices.Contains(d.verbs(), f.Spelling)
}

// listed are the flags that become parameters or comments of one.
func (d *draft) listed(yield func(*Flag, rule) bool) {
	for i := range d.Program.Flags {
		f := &d.Program.Flags[i]
		r := judge(f)
		if !f.Operand && !f.sets(d.given) && (r.do == vary || r.do == hold || r.do == offer || r.do == repeat) && !yield(f, r) {
			return
		}
	}
}

// conventions settles how names and switches are written for the whole file.
func (d *draft) conventions() {
	any, all := false, true
	for f := range d.listed {
		d.switches = d.switches || f.Switch
		any = any || strings.Contains(f.Name, "_")
		all = all && f.Spelling == "--"+strings.ReplaceAll(f.Name, "_", "-") && (f.Off == "" || strings.HasPrefix(f.Off, "--no-"))
	}
	d.dashes = d.Program.Style == Equals && any && all
	d.texts = d.switches && d.Program.Style == Equals && d.Program.Format != "absl" && d.Program.Format != "go"
}

// place puts a flag where the file has it.
func (d *draft) place(f *Flag) {
	r := judge(f)
	switch {
	case r.do == unlisted:
	case f.Operand:
		d.operand(f)
	case f.sets(d.given):
		d.fixed = append(d.fixed, f.Spelling)
	case r.do == leave:
		d.leave(f)
	case r.do == output:
		d.output(f)
	case r.do == repeat && d.seed == nil:
		d.seed = f
	case r.do == hold:
		d.hold(f)
	default:
		d.sweep(f, r)
	}
}

func (d *draft) leave(f *Flag) {
	if f.Required {
		d.need(f)
		return
	}
	d.left = append(d.left, f.Spelling)
}

// need asks for a value that only the user knows.
func (d *draft) need(f *Flag) {
	d.file.Missing = append(d.file.Missing, strings.TrimSpace(f.Spelling+" "+comment(f.Metavar, f.help())))
	d.words = append(d.words, d.passed(f, "${fill_in:"+macroName(f)+"}")...)
}

func macroName(f *Flag) string { return strings.NewReplacer("}", "", "{", "").Replace(f.Name) }

// passed are the words that give a flag a value.
func (d *draft) passed(f *Flag, value string) []string {
	switch {
	case f.Operand:
		return []string{value}
	case d.Program.Style == Spaced:
		return []string{f.Spelling, value}
	case d.Program.Style == Env || d.Program.Style == Pairs || d.Program.Style == Hydra:
		return []string{f.Spelling + "=" + value}
	}
	return []string{f.Spelling + "=" + value}
}

// output gives each trial a place of its own to write to, where the program
// would write to one by itself or must be told.
func (d *draft) output(f *Flag) {
	if !f.Required && f.Default == "" || d.Program.Style == Config {
		d.left = append(d.left, f.Spelling)
		return
	}
	d.words = append(d.words, d.passed(f, place(f))...)
}

// place is where a trial may write what a flag names. Of folders, some programs
// want one that is there, others one that is empty: that of checkpoints is both.
func place(f *Flag) string {
	name := snake(f.Name)
	if folders().MatchString(name) && !logs().MatchString(name) {
		return "${checkpoint_dir}"
	}
	return "${trial_dir}/" + strings.ReplaceAll(macroName(f), "/", "_")
}

var (
	folders = lazy(`(dir|directory|folder|root)$`)
	logs    = lazy(`log|tensorboard|^tb|summary`)
)

// hold makes a budget a parameter of one value.
func (d *draft) hold(f *Flag) {
	x, ok := parseFloat(f.Default)
	switch {
	case ok && x > 0:
		d.lines = append(d.lines, d.line(f, scalar(f), "the same for all trials"))
	case f.Required:
		d.lines = append(d.lines, d.line(f, "10", "the same for all trials; no default is shown"))
	case ok:
		d.offers = append(d.offers, d.line(f, scalar(f), ""))
	default:
		d.offers = append(d.offers, d.line(f, "10", "the same for all trials"))
	}
}

// sweep makes a flag a parameter, or the comment that would be one.
func (d *draft) sweep(f *Flag, r rule) {
	value := r.domain(f, d.texts)
	note := r.note
	g := *f
	if f.Off != "" && f.Switch {
		if strings.EqualFold(f.Default, "true") {
			g.Spelling, g.Name = f.Off, paramName(Flag{Spelling: f.Off})
			note = "true passes " + f.Off
		} else if f.Default == "" {
			note = "false leaves it as it is by default"
		}
	}
	if f.Truthy {
		note = "type=bool, for which only '' is false"
	}
	switch {
	case f.Switch && d.Program.Style == Spaced:
		d.offers = append(d.offers, line{name: f.Spelling, note: comment("switch; to set it, add it to command", f.help())})
	case f.Many && !f.Required:
		d.offers = append(d.offers, line{name: f.Spelling, note: comment("takes several words; to set it, add it to command", f.help())})
	case r.do == vary && value != "":
		d.lines = append(d.lines, d.line(&g, value, note))
		d.file.Swept = append(d.file.Swept, g.Name)
	case f.Required && !f.Switch && (r.do != offer || value == ""):
		d.need(f)
	case f.Required:
		d.lines = append(d.lines, d.line(&g, value, note))
		d.file.Swept = append(d.file.Swept, g.Name)
	case r.do == repeat:
		d.offers = append(d.offers, d.line(&g, orElse(scalar(f), "1"), note))
	case value == "" && f.Default != "":
		d.offers = append(d.offers, d.line(&g, scalar(f), note))
	case value == "":
		d.offers = append(d.offers, d.line(&g, "[VALUE, VALUE]", note))
	default:
		d.offers = append(d.offers, d.line(&g, value, note))
	}
}

func orElse(s, other string) string {
	if s == "" || s == "''" {
		return other
	}
	return s
}

// line is a parameter with what it needs to be passed as the program spells it.
func (d *draft) line(f *Flag, value, note string) line {
	passed := "--" + f.Name
	if d.dashes {
		passed = "--" + strings.ReplaceAll(f.Name, "_", "-")
	}
	byName := d.Program.Style == Equals || d.Program.Style == Spaced
	if byName && passed != f.Spelling {
		flag := "flag: " + quote(f.Spelling)
		switch {
		case strings.HasPrefix(value, "{"):
			value = strings.TrimSuffix(value, "}") + ", " + flag + "}"
		case strings.HasPrefix(value, "["):
			value = "{values: " + value + ", " + flag + "}"
		default:
			value = "{value: " + value + ", " + flag + "}"
		}
	}
	what := f.Kind.String()
	switch {
	case f.Switch:
		what = "switch"
	case len(f.Choices) > 0:
		what = "choice"
	case f.Kind == Text && strings.HasPrefix(value, "{min"), f.Loose && f.Kind == Int && strings.HasPrefix(value, "{min") && strings.Contains(value, "."):
		what = "number"
	case f.Many:
		what = "several values"
	}
	if f.Default != "" {
		what += ", default " + f.Default
	}
	if f.Kind == Unknown && len(f.Choices) == 0 && !f.Switch {
		what = strings.TrimPrefix(strings.TrimPrefix(what, f.Kind.String()), ", ")
	}
	return line{name: f.Name, value: value, note: comment(what, note, f.help())}
}

// operand places a word that the program takes without a name: those given stand
// in the command, of the rest one that is known is swept at its place.
func (d *draft) operand(f *Flag) {
	if d.isVerb(f) {
		return // the usage of a command names it
	}
	if len(d.operands) > 0 {
		d.operands = d.operands[1:]
		return
	}
	r := judge(f)
	value := r.domain(f, true)
	switch {
	case d.Program.Style == Operands && (r.do == vary && value != "" || r.do == hold && f.Default != ""):
		if r.do == hold {
			value = scalar(f)
		} else {
			d.file.Swept = append(d.file.Swept, f.Name)
		}
		d.lines = append(d.lines, line{f.Name, value, comment(f.Kind.String(), f.help())})
		d.words = append(d.words, "${param:"+f.Name+"}")
	case d.Program.Style == Operands && f.Default != "" && r.do == output:
		d.words = append(d.words, place(f))
	case d.Program.Style == Operands && r.do == repeat:
		d.words = append(d.words, "${seed}")
		d.seed, d.seedAt = f, true
	case d.Program.Style == Operands && f.Default != "":
		d.words = append(d.words, escape(f.Default))
	case f.Required && r.do == output:
		d.words = append(d.words, place(f))
	case f.Required:
		d.need(f)
	}
}

// escape keeps ${ in a word of the user's.
func escape(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// command puts the words together: the program, what the user gave, what is
// added, and the macro for the values, where the program looks for it.
func (d *draft) command(args []string) {
	var head, tail []string
	for _, w := range d.Argv[:min(len(d.Argv), d.Head+d.Verbs)] {
		head = append(head, escape(w))
	}
	for _, w := range args {
		tail = append(tail, escape(w))
	}
	p := &d.Program
	if d.seed != nil && !d.seedAt && p.Style != Config && !(p.Style == Equals && strings.HasPrefix(d.seed.Spelling, "--")) {
		d.words = append(d.words, d.passed(d.seed, "${seed}")...)
	}
	if p.Format == "hydra" && !slices.ContainsFunc(args, func(s string) bool { return strings.Contains(s, "hydra.run.dir=") }) {
		d.words = append(d.words, "hydra.run.dir=${trial_dir}/hydra") // by default it is the time, to the second
	}
	if p.Format == "libsvm" && !d.given["-v"] && p.find("-v") != nil {
		d.words = append([]string{"-v", "5"}, d.words...) // without it nothing is printed that could rank
	}
	switch {
	case p.Style == Env:
		for i := range d.lines {
			d.words = append(d.words, p.Flags[d.indexOf(d.lines[i].name)].Spelling+"=${param:"+d.lines[i].name+"}")
		}
		d.words = slices.Concat([]string{"env"}, d.words, head, tail)
		return
	case p.Style == Operands:
		d.words = slices.Concat(head, tail, d.words)
		return
	case p.Style == Config:
		d.words = slices.Concat(head, tail)
		return
	}
	d.words = append(d.words, d.macro())
	// getopt ends at the first operand; Python's libraries do not, and with them
	// the last of two equal flags counts.
	i := slices.Index(tail, "--")
	switch {
	case p.Format == "getopt" || p.Format == "libsvm" || p.Format == "fasttext" || p.Format == "go":
		d.words = slices.Concat(head, d.optionsFirst(), tail)
	case i >= 0:
		d.words = slices.Concat(head, tail[:i], d.words, tail[i:])
	default:
		d.words = slices.Concat(head, tail, d.words)
	}
}

func (d *draft) indexOf(name string) int {
	return slices.IndexFunc(d.Program.Flags, func(f Flag) bool { return f.Name == name })
}

// optionsFirst puts operands that must be filled in behind all options.
func (d *draft) optionsFirst() []string {
	var options, operands []string
	for _, w := range d.words {
		f := d.indexOf(strings.TrimSuffix(strings.TrimPrefix(w, "${fill_in:"), "}"))
		if f >= 0 && d.Program.Flags[f].Operand && strings.HasPrefix(w, "${fill_in:") {
			operands = append(operands, w)
		} else {
			options = append(options, w)
		}
	}
	return append(options, operands...)
}

// macro is what stands for the values in the command.
func (d *draft) macro() string {
	switch d.Program.Style {
	case Spaced:
		return "${args_no_equals}"
	case Pairs:
		return "${args_no_hyphens}"
	case Hydra:
		return "${args_override_hydra}"
	}
	if d.switches {
		return "${args_no_boolean_flags}"
	}
	return "${args}"
}
