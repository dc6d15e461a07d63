package guess

import (
	"path/filepath"
	"slices"
	"strings"
)

// scripts are the endings of programs that an interpreter or a launcher is given.
var scripts = []string{".py", ".r", ".jl", ".sh", ".bash", ".pl", ".rb", ".js", ".mjs", ".lua", ".m"}

// launchers start another program that their arguments name.
var launchers = []string{"python", "python2", "python3", "env", "uv", "poetry", "pipenv", "conda", "mamba", "hatch", "pdm", "torchrun", "accelerate", "deepspeed",
	"horovodrun", "mpirun", "mpiexec", "srun", "bash", "sh", "dash", "zsh", "rscript", "julia", "node", "perl", "ruby", "lua", "nice", "time", "numactl", "taskset", "composer"}

// Head splits a command into the words that name the program (interpreter,
// options of it, script), the words behind them that name a command of it, and
// the rest: options and operands. isFile says which words are files, and so no
// commands.
func Head(argv []string, isFile func(string) bool) (program, commands int) {
	if len(argv) == 0 {
		return 0, 0
	}
	program = 1
	if isLauncher(argv[0]) {
		program = launched(argv, isFile)
	}
	for commands < 3 && program+commands < len(argv) {
		w := argv[program+commands]
		if !isWord(w) || isFile(w) {
			break
		}
		commands++
	}
	return program, commands
}

func isLauncher(word string) bool {
	base := strings.ToLower(filepath.Base(word))
	base = strings.TrimRight(base, "0123456789.")
	return slices.Contains(launchers, base) || slices.Contains(launchers, strings.ToLower(filepath.Base(word)))
}

// launched is the number of words up to and with the script: what ends like one,
// -m MODULE, -c LINE, or the first file.
func launched(argv []string, isFile func(string) bool) int {
	for i := 1; i < len(argv); i++ {
		w := argv[i]
		switch {
		case (w == "-m" || w == "-c") && i+1 < len(argv):
			return i + 2
		case !strings.HasPrefix(w, "-") && (IsScript(w) || isFile(w)):
			return i + 1
		}
	}
	return min(2, len(argv))
}

// IsScript reports whether a word ends like the name of a script.
func IsScript(word string) bool {
	return slices.Contains(scripts, strings.ToLower(filepath.Ext(word)))
}

// Script is the word of argv that is a script or a module, "" if there is none.
func Script(argv []string, program int) string {
	if program < 1 || program > len(argv) {
		return ""
	}
	return argv[program-1]
}

// given are the spellings of the flags that a command sets already, and its
// operands.
func given(p *Program, args []string) (flags map[string]bool, operands []string) {
	flags = map[string]bool{}
	rest := false
	for i := 0; i < len(args); i++ {
		w := args[i]
		name, value, pair := strings.Cut(w, "=")
		switch {
		case rest || w == "-":
			operands = append(operands, w)
		case w == "--":
			rest = true
		case strings.HasPrefix(w, "-") && kindOfDefault(w) == Text:
			flags[name] = true
			f := p.find(name)
			takes := !pair && (f == nil && i+1 < len(args) && !p.positional() || f != nil && !f.Switch)
			if takes && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
			}
		case pair && (p.Style == Pairs || p.Style == Hydra):
			flags[strings.TrimLeft(name, "+~")] = true
		default:
			operands = append(operands, w)
		}
		_ = value
	}
	return flags, operands
}

// positional reports whether the program takes operands.
func (p *Program) positional() bool {
	return slices.ContainsFunc(p.Flags, func(f Flag) bool { return f.Operand })
}

// sets reports whether one of the flag's names is among those given.
func (f *Flag) sets(given map[string]bool) bool {
	return given[f.Spelling] || f.Off != "" && given[f.Off]
}
