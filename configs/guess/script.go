package guess

import (
	"slices"
	"strconv"
	"strings"
)

// ParseScript reads the text of a shell script: the options of a loop over
// `case "$1" in --lr)`, else the operands that it assigns, lr=${1:-0.1}, else the
// variables of the environment that it uses with a default, ${LR:-0.1}, or
// without having set them.
func ParseScript(text string) Program {
	if len(text) > maxHelp {
		text = text[:maxHelp]
	}
	var lines []string
	for _, l := range strings.Split(clean(text), "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			lines = append(lines, l)
		}
	}
	s := script{set: map[string]string{}}
	for _, l := range lines {
		for _, m := range assigned().FindAllStringSubmatch(l, -1) {
			if _, ok := s.set[m[1]]; !ok {
				s.set[m[1]] = strings.Trim(m[2], `"'`)
			}
		}
		for _, m := range otherwise().FindAllStringSubmatch(l, -1) {
			s.set[m[1]] = ""
		}
	}
	p := Program{Format: "shell"}
	switch options, operands := s.options(lines), s.operands(lines); {
	case len(options) > 0:
		p.Flags = options
		if !strings.Contains(text, "=*)") {
			p.Style = Spaced
		}
	case len(operands) > 0:
		p.Flags, p.Style = operands, Operands
	default:
		p.Flags, p.Style = s.variables(lines), Env
	}
	p.finish()
	return p
}

type script struct {
	set map[string]string // variables that the script sets, with the first value
}

var (
	assigned  = lazy(`(?:^|[;\s(])(?:export |local |readonly )?([A-Za-z_]\w*)=("[^"]*"|'[^']*'|[^\s;)]*)`)
	otherwise = lazy(`\b(?:for|read(?: -\w+)*|getopts\s+\S+|declare(?: -\w+)*|local)\s+([A-Za-z_]\w*)`)
	caseLabel = lazy(`^((?:--?[\w-]+(?:=\*)?\|?)+)\)(.*)`)
	getopts   = lazy(`\bgetopts\s+["']?:?([A-Za-z:]+)`)
	letter    = lazy(`^([A-Za-z])\)\s*(?:[A-Za-z_]\w*=)?(.*)`)
	operand   = lazy(`\b([A-Za-z_]\w*)=["']?\$(?:\{(\d+)(?::?[-=]([^}]*)|:?\?[^}]*)?\}|(\d+))["']?`)
	withElse  = lazy(`\$\{([A-Za-z_]\w*)(:?[-=?])([^}]*)\}`)
	used      = lazy(`\$(?:\{([A-Z][A-Z0-9_]*)\}|([A-Z][A-Z0-9_]*)\b)`)
)

// options are those of a case: `-l|--lr) LR="$2"; shift 2 ;;`, and of getopts.
func (s script) options(lines []string) (flags []Flag) {
	letters := ""
	for _, l := range lines {
		if m := getopts().FindStringSubmatch(l); m != nil {
			letters = m[1]
		}
		if m := caseLabel().FindStringSubmatch(l); m != nil {
			var names []string
			for _, n := range strings.Split(strings.ReplaceAll(m[1], "=*", ""), "|") {
				if n != "" {
					names = append(names, n)
				}
			}
			on, _ := spellings(names, false)
			f := Flag{Spelling: on, Switch: !strings.Contains(l, "$2") && !strings.Contains(l, "${2") && !strings.Contains(l, "=*") && !strings.Contains(l, "shift 2") && m[2] != ""}
			s.valued(&f, l)
			if !f.isHelp() {
				flags = append(flags, f)
			}
			continue
		}
		if m := letter().FindStringSubmatch(l); m != nil && letters != "" && strings.Contains(letters, m[1]) {
			f := Flag{Spelling: "-" + m[1], Switch: !strings.Contains(letters, m[1]+":")}
			if a := assigned().FindStringSubmatch(" " + strings.TrimSpace(l[strings.IndexByte(l, ')')+1:])); a != nil {
				f.Metavar = strings.ToLower(a[1])
			}
			s.valued(&f, l)
			flags = append(flags, f)
		}
	}
	return flags
}

// valued takes the default of an option from what its variable was set to
// before.
func (s script) valued(f *Flag, line string) {
	a := assigned().FindStringSubmatch(" " + line[strings.IndexByte(line, ')')+1:])
	if f.Switch {
		f.Kind = Bool
	}
	if a == nil || f.Switch {
		return
	}
	if d := s.set[a[1]]; !strings.Contains(d, "$") {
		f.Default = d
	}
	f.mendDefault()
}

// operands are lr=$1 and lr=${1:-0.1}, in their order.
func (s script) operands(lines []string) []Flag {
	at := map[int]Flag{}
	most := 0
	for _, l := range lines {
		for _, m := range operand().FindAllStringSubmatch(l, -1) {
			i, err := strconv.Atoi(m[2] + m[4])
			if err != nil || i < 1 || i > 100 || at[i].Spelling != "" {
				continue
			}
			f := Flag{Name: strings.ToLower(m[1]), Spelling: m[1], Operand: true, Default: m[3], Required: m[3] == ""}
			f.mendDefault()
			at[i] = f
			most = max(most, i)
		}
	}
	var flags []Flag
	for i := 1; i <= most; i++ {
		f, ok := at[i]
		if !ok {
			f = Flag{Name: "arg" + strconv.Itoa(i), Spelling: "$" + strconv.Itoa(i), Operand: true, Required: true}
		}
		flags = append(flags, f)
	}
	return flags
}

// system are variables that belong to the shell, the system or the cluster.
var system = lazy(`^(HOME|PATH|PWD|OLDPWD|USER|UID|EUID|SHELL|RANDOM|SECONDS|LINENO|BASH.*|HOSTNAME|HOST|TMPDIR|TEMP|TMP|TERM|LANG|LC_.*|IFS|OPTARG|OPTIND|PPID|PS\d|PYTHON.*|LD_.*|CUDA.*|NCCL.*|OMP_.*|MKL_.*|SLURM_.*|PBS_.*|TRAWL_.*|WANDB_.*|VIRTUAL_ENV|CONDA.*|MASTER_.*|WORLD_SIZE|RANK|LOCAL_RANK|NODE_RANK|XDG_.*|REPLY|PIPESTATUS|FUNCNAME|COLUMNS|LINES|EDITOR|DISPLAY|FOO|BAR)$`)

// variables are those of the environment.
func (s script) variables(lines []string) (flags []Flag) {
	add := func(name, value string, must bool) {
		if system().MatchString(name) || slices.ContainsFunc(flags, func(f Flag) bool { return f.Spelling == name }) {
			return
		}
		f := Flag{Name: strings.ToLower(name), Spelling: name, Default: strings.Trim(value, `"'`), Required: must}
		f.mendDefault()
		flags = append(flags, f)
	}
	for _, l := range lines {
		for _, m := range withElse().FindAllStringSubmatch(l, -1) {
			set, ok := s.set[m[1]]
			own := ok && !strings.Contains(set, "${"+m[1]) // it is a variable of the script
			switch {
			case own, strings.ContainsAny(m[3], "$`"):
			case strings.HasSuffix(m[2], "?"):
				add(m[1], "", true)
			default:
				add(m[1], m[3], false)
			}
		}
		for _, m := range used().FindAllStringSubmatch(l, -1) {
			if _, ok := s.set[m[1]+m[2]]; !ok {
				add(m[1]+m[2], "", true)
			}
		}
	}
	return flags
}
