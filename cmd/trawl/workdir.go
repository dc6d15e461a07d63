package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// describeWorkdir says where trials run.
func describeWorkdir(spec *sweep.Spec) string {
	switch spec.Workdir {
	case "", ".":
		return ". for all trials"
	case "trial":
		s := "each trial its own"
		if len(spec.Link) > 0 {
			s += ", with " + strings.Join(spec.Link, ", ") + " linked"
		}
		return s
	}
	return spec.Workdir + " for all trials"
}

// A hazard is what a look at the command and at the script says about files
// that trials would write over each other, or not find.
type hazard struct{ what, want string }

func (h hazard) String() string { return h.what + "; want " + h.want }

// hazards looks for files that n trials at a time would write over each other
// and, where each has a directory of its own, for files that it would not find.
// It knows programs that write beside themselves, options that name outputs,
// and literal names in scripts; it is silent where it knows nothing. dir is
// where the sweep is started.
func hazards(spec *sweep.Spec, dir string, n int) []hazard {
	if spec.Trainer != nil {
		return nil
	}
	h := &hazardFinder{spec: spec, dir: dir, n: n, commands: simpleCommands(spec)}
	if spec.Workdir == "trial" {
		h.missing()
		return h.found
	}
	if n < 2 {
		return nil
	}
	for _, words := range h.commands {
		h.program(words)
		h.outputs(words)
	}
	h.constants()
	h.scripts()
	return h.found
}

type hazardFinder struct {
	spec     *sweep.Spec
	dir      string
	n        int
	commands [][]string // templates
	found    []hazard
}

func (h *hazardFinder) add(what, want string) {
	x := hazard{what, want}
	if !slices.Contains(h.found, x) {
		h.found = append(h.found, x)
	}
}

func (h *hazardFinder) shared() string {
	return fmt.Sprintf("which %d trials at a time share", h.n)
}

var shellBreaks = regexp.MustCompile(`[;&|()\n]+`)

// simpleCommands are the words of the command, or of each command of a shell
// line, quotes taken off.
func simpleCommands(spec *sweep.Spec) [][]string {
	if spec.Shell == "" {
		command := spec.Command
		if command == nil {
			command = []string{"${program}", "${args}"}
		}
		return [][]string{command}
	}
	var out [][]string
	for part := range strings.SplitSeq(shellBreaks.ReplaceAllString(spec.Shell, "\n"), "\n") {
		var words []string
		for w := range strings.FieldsSeq(part) {
			words = append(words, strings.Trim(w, `"'`))
		}
		if len(words) > 0 {
			out = append(out, words)
		}
	}
	return out
}

// own reports whether a template differs from trial to trial.
func own(word string) bool {
	return strings.Contains(word, "${trial") || strings.Contains(word, "${checkpoint_dir}") || strings.Contains(word, "${param:") ||
		strings.Contains(word, "$TRAWL_TRIAL") || strings.Contains(word, "$TRAWL_CHECKPOINT")
}

func hasWord(words []string, prefixes ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(w, p) })
	})
}

// program knows programs that write a file without being told its name.
func (h *hazardFinder) program(words []string) {
	for len(words) > 1 && (words[0] == "${env}" || words[0] == "env" || words[0] == "exec") {
		words = words[1:]
	}
	name := filepath.Base(words[0])
	switch {
	case name == "xgboost" && !hasWord(words, "model_out=", "model_dir=", "task=pred"):
		h.add("xgboost writes its model into the working directory, "+h.shared(), "workdir: trial, or model_out=${trial_dir}/model")
	case name == "lightgbm" && !hasWord(words, "output_model=", "task=predict"):
		h.add("lightgbm writes LightGBM_model.txt into the working directory, "+h.shared(), "workdir: trial, or output_model=${trial_dir}/model.txt")
	case name == "svm-train" || name == "liblinear-train":
		files := positionals(words[1:])
		if !slices.Contains(words, "-v") && !(len(files) == 2 && own(files[1])) {
			h.add(name+" writes its model into the working directory, "+h.shared(), "workdir: trial, or ${trial_dir}/model as the last word")
		}
	}
}

// positionals are the words that are neither options of libsvm nor their
// values: all but -q have one.
func positionals(words []string) (out []string) {
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case w == "-q" || strings.HasPrefix(w, "${args"):
		case strings.HasPrefix(w, "-"):
			i++
		default:
			out = append(out, w)
		}
	}
	return out
}

// outputNames are what programs call the option that names an output.
var outputNames = regexp.MustCompile(`(?i)^-{0,2}(?:o|out|output|save|(?:[\w.]+[._-])?(?:(?:out|output|save|log|logging|checkpoint|ckpt|result|results|work|run|tensorboard|tb|default_root)[._-]?(?:dir|path|file|folder|prefix)|model_out|output_model))$`)

// noFiles are values of such options that name no file.
var noFiles = regexp.MustCompile(`(?i)^(|-|json|csv|text|txt|table|yaml|none|null|stdout|stderr|true|false|yes|no|best|last|all|[-+.\d]+|/dev/.*)$`)

// outputs finds options that name the same output for all trials.
func (h *hazardFinder) outputs(words []string) {
	for i, w := range words {
		name, value, joined := strings.Cut(w, "=")
		if !joined && i+1 < len(words) && strings.HasPrefix(w, "-") && !strings.HasPrefix(words[i+1], "-") {
			value = words[i+1]
		}
		to := strings.TrimLeft(w, "012")
		if h.spec.Shell != "" && strings.HasPrefix(to, ">") { // a redirection
			value = strings.TrimLeft(to, ">")
			if value == "" && i+1 < len(words) {
				value = words[i+1]
			}
			name = to[:len(to)-len(strings.TrimLeft(to, ">"))]
		} else if !outputNames.MatchString(name) || i == 0 {
			continue
		}
		if noFiles.MatchString(value) || own(value) || strings.HasPrefix(value, "$") || strings.HasPrefix(value, "&") {
			continue
		}
		h.add(fmt.Sprintf("%s %s is one file for all trials, of which %d run at a time", name, value, h.n), "workdir: trial, or ${trial_dir}/"+filepath.Base(value))
	}
}

// constants finds parameters that name an output and never vary.
func (h *hazardFinder) constants() {
	for _, p := range h.spec.Space.Params {
		if p.Domain.Dist != sweep.Constant || len(p.Domain.Values) != 1 || p.Domain.Values[0].Kind() != sweep.String {
			continue
		}
		value := p.Domain.Values[0].Text()
		if outputNames.MatchString("--"+p.Name) && !noFiles.MatchString(value) {
			h.add(fmt.Sprintf("%s is %s for all trials, of which %d run at a time", p.Name, value, h.n), "workdir: trial, or --"+p.Name+"=${trial_dir}/"+filepath.Base(value)+" in the command")
		}
	}
}

// scripts looks into the scripts that the command names.
func (h *hazardFinder) scripts() {
	for _, words := range h.commands {
		for _, w := range words {
			if w = h.literal(w); w == "" {
				continue
			}
			path := w
			if !filepath.IsAbs(path) {
				path = filepath.Join(h.dir, w)
			}
			text, ok := scriptText(path)
			if !ok || aware.MatchString(text) {
				continue
			}
			for _, file := range h.writes(filepath.Ext(w), text) {
				h.add(fmt.Sprintf("%s writes %s into the working directory, %s", filepath.Base(w), file, h.shared()), "workdir: trial")
			}
			if hydraMain.MatchString(text) && !hasWord(words, "hydra.run.dir=", "++hydra.run.dir=", "+hydra.run.dir=") {
				h.add("Hydra's directory outputs/DATE/TIME is the same for trials that start in one second", "workdir: trial, or hydra.run.dir=${trial_dir}/hydra")
			}
		}
	}
}

// literal is a word without macros but ${program}; "" if it has others.
func (h *hazardFinder) literal(w string) string {
	w = strings.ReplaceAll(w, "${program}", h.spec.Program)
	if strings.Contains(w, "$") {
		return ""
	}
	return w
}

func isScript(path string) bool {
	return slices.Contains([]string{".py", ".sh", ".bash", ".R", ".r", ".jl"}, filepath.Ext(path))
}

// scriptText reads the first 256 KiB of a script.
func scriptText(path string) (string, bool) {
	if !isScript(path) {
		return "", false
	}
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256<<10))
	return string(b), err == nil
}

// aware is what a script says that finds a place of its own.
var aware = regexp.MustCompile(`TRAWL_TRIAL|TRAWL_CHECKPOINT|trawl\.(trial_dir|checkpoint_dir|trial)\b|\bchdir\(|mkdtemp|TemporaryDirectory|mktemp|(?m)^\s*cd\s`)

var hydraMain = regexp.MustCompile(`(?m)^@hydra\.main\b`)

const quoted = `["']([^"'{}%$\n]+)["']`

// writing are the ways in which scripts write a file of a literal name, by
// their suffix; what a # hides is not looked at.
var writing = map[string][]*regexp.Regexp{
	".py": {
		regexp.MustCompile(`(?m)^[^#\n]*\bopen\(\s*` + quoted + `\s*,\s*(?:mode\s*=\s*)?["'][wax]`),
		regexp.MustCompile(`(?m)^[^#\n]*\bPath\(\s*` + quoted + `\s*\)\.(?:write_text|write_bytes|open\(\s*["'][wax])`),
		regexp.MustCompile(`(?m)^[^#\n]*\b(?:torch\.save|dump|save_file)\([^#\n]*,\s*` + quoted + `\s*\)`),
		regexp.MustCompile(`(?m)^\s*\}\s*,\s*["']([^"'{}%$\n]+\.(?:pt|pth|ckpt|tar|pkl|bin))["']\s*\)`), // the end of torch.save({…}, …)
		regexp.MustCompile(`(?m)^\s*def \w*save\w*\([^#\n]*=\s*` + quoted + `\s*\)`),
		regexp.MustCompile(`(?m)^[^#\n]*\.(?:to_csv|to_json|to_parquet|savefig|save_model|save_weights|save_pretrained|savetxt|savez|save|imwrite)\(\s*` + quoted),
		regexp.MustCompile(`(?m)^[^#\n]*\b(?:SummaryWriter|TensorBoardLogger|CSVLogger|TensorBoard|FileHandler)\(\s*(?:(?:log_dir|save_dir|filename)\s*=\s*)?` + quoted),
		regexp.MustCompile(`(?m)^[^#\n]*\bbasicConfig\([^#\n]*filename\s*=\s*` + quoted),
	},
	".sh": {regexp.MustCompile(`(?m)^[^#\n]*[\s\d]>{1,2}\s*["']?([A-Za-z_][\w-]*[./][\w./-]*)`)},
	".R":  {regexp.MustCompile(`(?m)^[^#\n]*\b(?:saveRDS|write\.csv|save|ggsave|sink|writeLines)\([^#\n]*` + quoted + `\s*\)`)},
	".jl": {regexp.MustCompile(`(?m)^[^#\n]*\bopen\(\s*` + quoted + `\s*,\s*"[wa]`)},
}

var bareWriter = regexp.MustCompile(`(?m)^[^#\n]*\bSummaryWriter\(\s*\)`)

var catBoost = regexp.MustCompile(`(?m)^[^#\n]*\bCatBoost(?:Classifier|Regressor|Ranker)?\(`)

// defaults are options of argparse and click with a literal default.
var defaults = regexp.MustCompile(`(?m)^[^#\n]*(?:add_argument|option)\([^#\n]*["'](--?[\w.-]+)["'][^#\n]*default\s*=\s*` + quoted)

// writes are the files of literal names that a script writes.
func (h *hazardFinder) writes(ext, text string) (files []string) {
	switch ext {
	case ".bash":
		ext = ".sh"
	case ".r":
		ext = ".R"
	}
	for _, re := range writing[ext] {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(m[1], "/dev/") && !slices.Contains(files, m[1]) {
				files = append(files, m[1])
			}
		}
	}
	if ext != ".py" {
		return files
	}
	if bareWriter.MatchString(text) {
		files = append(files, "runs/") // the default of PyTorch's, named by the second
	}
	if catBoost.MatchString(text) && !strings.Contains(text, "train_dir") && !strings.Contains(text, "allow_writing_files") {
		files = append(files, "catboost_info/")
	}
	for _, m := range defaults.FindAllStringSubmatch(text, -1) {
		if outputNames.MatchString(m[1]) && !noFiles.MatchString(m[2]) && !h.passes(strings.TrimLeft(m[1], "-")) && !slices.Contains(files, m[2]) {
			files = append(files, m[2])
		}
	}
	return files
}

// passes reports whether the command gives an option itself.
func (h *hazardFinder) passes(option string) bool {
	same := func(s string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(s, "-+"), "=")
		return strings.ReplaceAll(name, "-", "_") == strings.ReplaceAll(option, "-", "_")
	}
	for _, words := range h.commands {
		if slices.ContainsFunc(words, same) {
			return true
		}
	}
	_, ok := h.spec.Space.Index(option)
	return ok
}

// missing finds files that lie where the sweep is started, and that a trial
// would look for in its own directory.
func (h *hazardFinder) missing() {
	for _, l := range h.spec.Link {
		if _, err := os.Stat(h.at(l)); err != nil {
			h.add("link: "+l+": no such file", "one that is there")
		}
	}
	for _, words := range h.commands {
		for i, w := range words {
			if strings.Contains(w, "$") {
				continue
			}
			if i == 0 && !strings.Contains(w, "/") {
				continue // found in PATH
			}
			if name, value, ok := strings.Cut(w, "="); ok && name != "" {
				if outputNames.MatchString(name) {
					continue
				}
				w = value
			}
			h.look(w, i == 0 || isScript(w))
		}
	}
	for _, p := range h.spec.Space.Params {
		for _, v := range p.Domain.Choices() {
			if v.Kind() == sweep.String {
				h.look(v.Text(), false)
			}
		}
	}
}

func (h *hazardFinder) at(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(h.dir, path)
}

// look adds a file that is here and will not be there.
func (h *hazardFinder) look(path string, program bool) {
	clean := filepath.Clean(path)
	first, _, _ := strings.Cut(strings.TrimPrefix(clean, "./"), "/")
	if path == "" || filepath.IsAbs(path) || clean == "." || len(path) > 1000 || strings.ContainsAny(path, "\n\x00") || first == ".." {
		return
	}
	if slices.ContainsFunc(h.spec.Link, func(l string) bool { return filepath.Base(l) == first }) {
		return
	}
	if _, err := os.Stat(h.at(clean)); err != nil {
		return
	}
	want := "link: [" + first + "]"
	if program {
		want = "program: " + clean + " and ${program}, or " + want
	}
	h.add(clean+" is not in the directory of a trial", want)
}
