package configs

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// Vars is what one attempt of one trial puts into its command.
type Vars struct {
	// Values are all values of the trial by flat name, the repeat parameter
	// included; a parameter that is missing or Absent is inactive.
	Values        map[string]sweep.Value
	Trial         int64
	TrialDir      string // absolute
	CheckpointDir string // absolute
	Seed          int64
	Attempt       int    // from 1
	HasCheckpoint bool   // CheckpointDir is not empty
	Interpreter   string // for ${interpreter}; "" = python
	BaseDir       string // where the sweep was started; with workdir: trial the program is found there
	LookupEnv     func(string) (string, bool)
}

// Render returns the argument vector of an attempt: the command of spec with
// its macros filled in, in one pass. A word with an inactive ${param:X} is left
// out. It is an error if there is no program where the command wants one, or if
// an ${envvar:NAME} is not set.
func Render(spec *sweep.Spec, v Vars) ([]string, error) {
	r := &renderer{spec: spec, vars: v}
	r.args = r.collect()
	resume := v.Attempt > 1 && v.HasCheckpoint
	if spec.Shell != "" {
		line, err := r.shell(spec.Shell)
		if err != nil {
			return nil, fmt.Errorf("shell: %w", err)
		}
		if resume {
			more, err := r.words(spec.ResumeArgs)
			if err != nil {
				return nil, fmt.Errorf("resume_args: %w", err)
			}
			for _, w := range more {
				line += " " + shellQuote(w)
			}
		}
		return []string{"sh", "-c", line}, nil
	}
	template := spec.Command
	if template == nil {
		template = defaultCommand
	}
	argv, err := r.words(template)
	if err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	if resume {
		more, err := r.words(spec.ResumeArgs)
		if err != nil {
			return nil, fmt.Errorf("resume_args: %w", err)
		}
		argv = append(argv, more...)
	}
	if len(argv) == 0 {
		return nil, errors.New("command: no word is left")
	}
	return argv, nil
}

// RenderFiles returns the files of an attempt that report.tensorboard, csv, json
// and trainer_state name, with their macros filled in and below workdir if they
// are not absolute. One with an inactive ${param:X} is left out.
func RenderFiles(spec *sweep.Spec, v Vars, workdir string) ([]sweep.ReportFile, error) {
	var out []sweep.ReportFile
	for _, f := range spec.Files {
		vars, base := v, workdir
		if globs(f.Kind) {
			vars.TrialDir, vars.CheckpointDir, base = literal(v.TrialDir), literal(v.CheckpointDir), literal(workdir)
		}
		r := &renderer{spec: spec, vars: vars}
		words, err := r.words([]string{f.Path})
		if err != nil {
			return nil, fmt.Errorf("report.%s: %w", f.Kind, err)
		}
		path := strings.Join(words, "")
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(base, path)
		}
		out = append(out, sweep.ReportFile{Kind: f.Kind, Path: path})
	}
	return out, nil
}

// globs reports whether the path of a kind is a pattern of filepath.Match.
func globs(k sweep.FileKind) bool { return k == sweep.CSVFile || k == sweep.JSONFile }

// literal is the pattern that matches a path alone.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// ProgramPath is ${program}: with workdir: trial, made absolute from base.
func ProgramPath(spec *sweep.Spec, base string) string {
	if spec.Workdir != "trial" || base == "" || filepath.IsAbs(spec.Program) {
		return spec.Program
	}
	return filepath.Join(base, spec.Program)
}

// Interpreter is ${interpreter}: python, or python3 where only that is found.
func Interpreter(lookPath func(string) (string, error)) string {
	if _, err := lookPath("python"); err != nil {
		if _, err := lookPath("python3"); err == nil {
			return "python3"
		}
	}
	return "python"
}

type renderer struct {
	spec *sweep.Spec
	vars Vars
	args []arg
}

// ParamsJSON is the object that $TRAWL_PARAMS names: the values of a trial by
// name, nested parameters nested whatever flag they have. An infinite value is
// 1e999, which JSON allows and programs read as infinite.
func ParamsJSON(spec *sweep.Spec, values map[string]sweep.Value) ([]byte, error) {
	r := &renderer{spec: spec, vars: Vars{Values: values}}
	out := map[string]any{}
	for i := range spec.Space.Params {
		p := &spec.Space.Params[i]
		v, ok := r.value(p.Name)
		switch {
		case !ok:
		case len(p.Path) == 0:
			out[p.Name] = exactAny(v)
		default:
			put(out, p.Path, exactAny(v))
		}
	}
	if name := spec.Repeats.Parameter; name != "" {
		if v, ok := values[name]; ok && !v.IsAbsent() {
			out[name] = exactAny(v)
		}
	}
	return json.Marshal(out)
}

// An arg is one argument of the trial: a parameter, or a map of nested ones.
type arg struct {
	name  string // in JSON
	plain string // on the command line, without hyphens: lr
	flag  string // with hyphens: --lr
	value sweep.Value
}

// collect returns the arguments in W&B's order: sorted by name.
func (r *renderer) collect() []arg {
	var args []arg
	nests := map[string]map[string]any{}
	for i := range r.spec.Space.Params {
		p := &r.spec.Space.Params[i]
		v, ok := r.value(p.Name)
		switch {
		case !ok:
		case len(p.Path) == 0 || p.Flag != "":
			args = append(args, r.arg(p.Name, p.Flag, v))
		default:
			if nests[p.Path[0]] == nil {
				nests[p.Path[0]] = map[string]any{}
			}
			put(nests[p.Path[0]], p.Path[1:], exactAny(v))
		}
	}
	for name, m := range nests {
		if v, err := sweep.JSONValue(m); err == nil {
			args = append(args, r.arg(name, "", v))
		}
	}
	if name := r.spec.Repeats.Parameter; name != "" {
		if v, ok := r.vars.Values[name]; ok && !v.IsAbsent() {
			args = append(args, r.arg(name, "", v))
		}
	}
	slices.SortStableFunc(args, func(a, b arg) int { return strings.Compare(a.name, b.name) })
	return args
}

func put(m map[string]any, path []string, x any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := m[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[name] = inner
		}
		m = inner
	}
	m[path[len(path)-1]] = x
}

// value returns an active parameter's value. Where JSON had to write an
// infinite float as a text, it is the float again.
func (r *renderer) value(name string) (sweep.Value, bool) {
	v, ok := r.vars.Values[name]
	if sign, isText := map[string]int{"Infinity": 1, "-Infinity": -1}[v.Text()]; isText {
		i, known := r.spec.Space.Index(name)
		if known && !slices.Contains(r.spec.Space.Params[i].Domain.Values, v) {
			v = sweep.FloatValue(math.Inf(sign))
		}
	}
	return v, ok && !v.IsAbsent()
}

func (r *renderer) arg(name, flag string, v sweep.Value) arg {
	a := arg{name: name, plain: name, value: v}
	if flag != "" {
		a.plain, a.flag = strings.TrimLeft(flag, "-"), flag
		if !strings.HasPrefix(flag, "-") {
			a.flag = "--" + flag
		}
		return a
	}
	if r.spec.Dashes {
		a.plain = strings.ReplaceAll(name, "_", "-")
	}
	a.flag = "--" + a.plain
	return a
}

// words fills in a list of words; a macro of many gives any number of them.
func (r *renderer) words(template []string) ([]string, error) {
	var out []string
	for _, w := range template {
		pieces, err := parseTemplate(w)
		if err != nil {
			return nil, err
		}
		if len(pieces) == 1 && slices.Contains(many, pieces[0].macro) {
			out = append(out, r.many(pieces[0].macro)...)
			continue
		}
		var b strings.Builder
		inactive := false
		for _, p := range pieces {
			s, ok, err := r.piece(p)
			if err != nil {
				return nil, err
			}
			inactive = inactive || !ok
			b.WriteString(s)
		}
		if !inactive {
			out = append(out, b.String())
		}
	}
	return out, nil
}

// many returns the words of a macro that stands for all arguments.
func (r *renderer) many(macro string) []string {
	var out []string
	for _, a := range r.args {
		v := a.value.Python()
		switch macro {
		case "args":
			out = append(out, a.flag+"="+v)
		case "args_no_hyphens":
			out = append(out, a.plain+"="+v)
		case "args_no_equals":
			out = append(out, a.flag, v)
		case "args_no_boolean_flags":
			switch {
			case a.value.Kind() != sweep.Bool:
				out = append(out, a.flag+"="+v)
			case v == "True":
				out = append(out, a.flag)
			}
		case "args_append_hydra":
			out = append(out, "+"+a.plain+"="+hydra(a.value))
		case "args_override_hydra":
			out = append(out, "++"+a.plain+"="+hydra(a.value))
		}
	}
	return out
}

// piece returns the text of a piece; ok is false for an inactive parameter.
func (r *renderer) piece(p piece) (s string, ok bool, err error) {
	v := r.vars
	switch p.macro {
	case "":
		return p.text, true, nil
	case "env":
		return "/usr/bin/env", true, nil
	case "interpreter":
		return orElse(v.Interpreter, "python"), true, nil
	case "program":
		if r.spec.Program == "" {
			return "", false, errors.New("${program}, but the sweep file has no program; want program: FILE")
		}
		return ProgramPath(r.spec, v.BaseDir), true, nil
	case "args_json":
		return r.json(), true, nil
	case "args_json_file":
		return filepath.Join(v.TrialDir, "params.json"), true, nil
	case "trial":
		return strconv.FormatInt(v.Trial, 10), true, nil
	case "trial_dir":
		return v.TrialDir, true, nil
	case "checkpoint_dir":
		return v.CheckpointDir, true, nil
	case "seed":
		return strconv.FormatInt(v.Seed, 10), true, nil
	case "param":
		x, active := r.value(p.arg)
		return x.Python(), active, nil
	case "envvar":
		if v.LookupEnv != nil {
			if s, set := v.LookupEnv(p.arg); set {
				return s, true, nil
			}
		}
		return "", false, fmt.Errorf("${envvar:%s}: the environment variable is not set", p.arg)
	}
	return strings.Join(r.many(p.macro), " "), true, nil
}
