package guess

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/sweep"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// commandsOf are the commands that files are written for, by help text.
var commandsOf = map[string][]string{
	"argparse": {"python3", "train.py", "images"}, "argparse_313": {"python3", "-u", "train.py", "--lr", "0.5"},
	"argparse_defaults": {"python3", "train.py", "train", "--data", "d.csv", "--hidden_size=64"}, "click": {"python3", "train.py", "d.csv"},
	"typer": {"python3", "train.py", "--token=x", "d.csv"}, "absl": {"python3", "train.py"}, "tyro": {"python3", "ppo.py", "--data=x"}, "fire": {"python3", "train.py", "d.csv"},
	"docopt": {"python3", "train.py", "d.csv"}, "configargparse": {"./train.py"}, "hydra": {"python3", "train.py", "data.path=d.csv"},
	"lightningcli": {"python3", "main.py", "fit"}, "hfargumentparser": {"torchrun", "--nproc_per_node=2", "run_glue.py", "--model_name_or_path", "bert-base"},
	"go": {"./train"}, "getopt": {"./train", "d.csv"}, "boost": {"vw"}, "clap": {"./train", "--", "y"}, "svm-train": {"svm-train", "heart.scale"},
	"liblinear-train": {"liblinear-train", "-s", "0", "heart.scale"}, "fasttext-supervised": {"fasttext", "supervised", "-input", "x.txt"},
	"xgboost": {"xgboost", "a.conf", "eval[test]=test.svm"},
}

func fileOf(t testing.TB, name string) (File, Program) {
	argv := commandsOf[name]
	p := Parse(helpText(t, name))
	s := Sweep{Argv: argv, Program: p, From: "--help"}
	s.Head, s.Verbs = Head(argv, func(w string) bool { return strings.Contains(w, ".") })
	return s.File(), p
}

// The files as their users see them.
func TestFile(t *testing.T) {
	for name := range commandsOf {
		t.Run(name, func(t *testing.T) {
			f, _ := fileOf(t, name)
			path := filepath.Join("testdata", "file", name+".yaml")
			if *update {
				if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), f.Text); d != "" {
				t.Error(d)
			}
		})
	}
}

// loaded reads a file as trawl does, what is to be filled in filled in.
func loaded(t testing.TB, text string) *sweep.Spec {
	t.Helper()
	for {
		before, rest, ok := strings.Cut(text, "${fill_in:")
		if !ok {
			break
		}
		_, after, _ := strings.Cut(rest, "}")
		text = before + "filled" + after
	}
	f, err := configs.Parse("sweep.yaml", []byte(text), configs.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v\n%s", f.Warnings, text)
	}
	return f.Spec
}

// points are the values of some trials.
func points(t testing.TB, spec *sweep.Spec, n int64) (out []map[string]sweep.Value) {
	t.Helper()
	for id := range n {
		p, ok, err := spec.Space.Draw(make(sweep.Point, len(spec.Space.Params)), sweep.Query{Seed: 3}.Rand(id))
		if err != nil || !ok {
			t.Fatalf("draw: %v, %v", ok, err)
		}
		values := map[string]sweep.Value{}
		for i, param := range spec.Space.Params {
			values[param.Name] = p[i]
		}
		if name := spec.Repeats.Parameter; name != "" {
			values[name] = sweep.IntValue(id)
		}
		out = append(out, values)
	}
	return out
}

// Every file is one that trawl takes, and the command lines that it makes name
// only options that the program has, in a form that it takes.
func TestFilesRun(t *testing.T) {
	for name := range commandsOf {
		t.Run(name, func(t *testing.T) {
			f, p := fileOf(t, name)
			spec := loaded(t, f.Text)
			for _, values := range points(t, spec, 20) {
				argv, err := configs.Render(spec, configs.Vars{Values: values, Trial: 1, TrialDir: "/runs/1", CheckpointDir: "/runs/1/c", Attempt: 1})
				if err != nil {
					t.Fatal(err)
				}
				checkArgv(t, p, argv[len(commandsOf[name][:1]):])
			}
		})
	}
}

// checkArgv looks at the words that are options.
func checkArgv(t *testing.T, p Program, argv []string) {
	t.Helper()
	for i := 0; i < len(argv); i++ {
		w := argv[i]
		name, value, joined := strings.Cut(w, "=")
		name = strings.TrimLeft(name, "+")
		f := p.find(name)
		switch {
		case name == "-u" || name == "--nproc_per_node" || name == "hydra.run.dir" || strings.HasPrefix(name, "eval["):
		case w == "--":
			return
		case f == nil && (strings.HasPrefix(w, "-") || joined):
			t.Errorf("%q of %q: the program has no %s", w, argv, name)
		case f == nil:
		case f.Switch && p.Format != "go" && joined:
			t.Errorf("%q: a value for the switch %s", argv, name)
		case p.Style == Spaced && !f.Switch && joined, p.Style == Spaced && !f.Switch && i+1 == len(argv):
			t.Errorf("%q: want the value of %s as the next word", argv, name)
		case p.Style == Spaced && !f.Switch:
			i++
		case joined && f.Kind == Int && !f.Loose && kindOfDefault(value) != Int && !strings.Contains(value, "filled"):
			t.Errorf("%q: want an integer", w)
		case joined && len(f.Choices) > 0 && f.Kind != Bool && !slices.Contains(f.Choices, value):
			t.Errorf("%q: want one of %v", w, f.Choices)
		}
	}
}

// one writes a file for flags that stand in the manner of argparse.
func one(t testing.TB, argv []string, flags ...Flag) (File, *sweep.Spec) {
	t.Helper()
	p := Program{Format: "argparse", Flags: flags}
	p.finish()
	f := Sweep{Argv: argv, Program: p, Head: 1}.File()
	if len(f.Swept) == 0 {
		return f, nil
	}
	return f, loaded(t, f.Text)
}

// The range of each kind of name, around its default.
func TestRanges(t *testing.T) {
	tests := []struct{ name, kind, def, help, want string }{
		{"lr", "float", "0.001", "", "{min: 1e-5, max: 0.1, scale: log}"},
		{"lr", "float", "0.1", "", "{min: 0.001, max: 1.0, scale: log}"},
		{"lr", "", "", "", "{min: 1e-5, max: 1.0, scale: log}"},
		{"lr", "", "1", "", "{min: 0.01, max: 10.0, scale: log}"},
		{"learning_rate", "float", "3e-5", "", "{min: 3e-7, max: 0.003, scale: log}"},
		{"actor_lr", "float", "3e-4", "", "{min: 3e-6, max: 0.03, scale: log}"},
		{"base-lr", "float", "", "", "{min: 1e-5, max: 1.0, scale: log, flag: '--base-lr'}"},
		{"momentum", "float", "0.9", "", "{min: 0.0, max: 0.99}"},
		{"momentum", "", "0", "", "{min: 0.0, max: 0.99}"},
		{"batch_size", "int", "64", "", "[16, 32, 64, 128, 256]"},
		{"bs", "", "100", "", "[32, 64, 128, 256, 512]"},
		{"batch_size", "int", "2", "", "[1, 2, 4, 8]"},
		{"train_batch_size", "int", "", "", "[16, 32, 64, 128, 256]"},
		{"weight_decay", "float", "0.0", "", "{min: 1e-6, max: 0.1, scale: log}"},
		{"wd", "float", "0.01", "", "{min: 0.0001, max: 0.1, scale: log}"},
		{"dropout", "float", "0.1", "", "{min: 0.0, max: 0.5}"},
		{"attention_dropout", "float", "0.7", "", "{min: 0.0, max: 0.7}"},
		{"clip", "float", "0", "", "{min: 0.1, max: 10.0, scale: log}"},
		{"max_grad_norm", "float", "1.0", "", "{min: 0.1, max: 10.0, scale: log}"},
		{"gradient_clip_val", "float", "0.25", "", "{min: 0.03, max: 2.0, scale: log}"},
		{"warmup_ratio", "float", "0.0", "", "{min: 0.0, max: 0.3}"},
		{"warmup_steps", "int", "100", "", "{min: 0, max: 300}"},
		{"num_layers", "int", "2", "", "{min: 1, max: 4}"},
		{"n_layers", "int", "", "", "{min: 1, max: 4}"},
		{"hidden_size", "int", "128", "", "[32, 64, 128, 256, 512]"},
		{"d_model", "int", "", "", "[32, 64, 128, 256]"},
		{"label_smoothing", "float", "0.0", "", "{min: 0.0, max: 0.2}"},
		{"gamma", "float", "0.99", "discount factor", "{min: 0.9, max: 0.999}"},
		{"gamma", "float", "0.7", "learning rate step gamma", "{min: 0.1, max: 1.0}"},
		{"C", "float", "1.0", "penalty of the SVM", "{min: 0.001, max: 1000.0, scale: log}"},
		{"max_depth", "int", "6", "", "{min: 3, max: 12}"},
		{"subsample", "float", "1.0", "", "{min: 0.5, max: 1.0}"},
		{"ent_coef", "float", "0.01", "", "{min: 0.001, max: 0.1, scale: log}"},
		{"epochs", "int", "14", "", "14"},
		{"max-epochs", "int", "14", "", "{value: 14, flag: '--max-epochs'}"},
		{"num_train_epochs", "float", "3.0", "", "3.0"},
	}
	for _, tt := range tests {
		f := Flag{Spelling: "--" + tt.name, Kind: kindWords[tt.kind], Default: tt.def, Help: tt.help}
		// A flag with an underscore beside it keeps dashes: true away.
		file, _ := one(t, []string{"./a"}, f, Flag{Spelling: "--batch_norm", Kind: Bool})
		name := strings.ReplaceAll(tt.name, "-", "_")
		if got := valueOf(file.Text, name); got != tt.want {
			t.Errorf("%s %s, default %q: got %q, want %q", tt.kind, tt.name, tt.def, got, tt.want)
		}
	}
}

// valueOf is what a file has for a parameter, with # in front where it is a
// comment.
func valueOf(file, name string) string {
	_, params, _ := strings.Cut(file, "\nparameters:\n")
	for l := range strings.Lines(params) {
		mark := ""
		text, ok := strings.CutPrefix(l, "  # ")
		if ok {
			mark = "# "
		} else {
			text = strings.TrimPrefix(l, "  ")
		}
		if v, ok := strings.CutPrefix(text, name+": "); ok {
			v, _, _ = strings.Cut(v, " #")
			return mark + strings.TrimSpace(v)
		}
	}
	return ""
}

// What is no hyperparameter is not swept, however its name begins.
func TestNotSwept(t *testing.T) {
	for _, name := range strings.Fields(`data data-dir train-file test-batch-size eval_batch_size device gpu no-cuda num-workers log-interval save-every
		eval_steps verbose wandb-project run-name resume checkpoint config port local_rank precision fp16 patience num-classes image-size
		seq_len max_seq_length output logdir warm_start lr-patience`) {
		for _, kind := range []Kind{Unknown, Int, Text} {
			file, _ := one(t, []string{"./a"}, Flag{Spelling: "--" + name, Kind: kind}, Flag{Spelling: "--lr", Kind: Float})
			if !slices.Equal(file.Swept, []string{"lr"}) {
				t.Errorf("--%s of %v: swept are %v, want lr", name, kind, file.Swept)
			}
		}
	}
}

// What the user gave stays and is not swept; the macro for booleans follows the
// switches; texts with ${ are kept.
func TestCommand(t *testing.T) {
	lr, momentum := Flag{Spelling: "--lr", Kind: Float}, Flag{Spelling: "--momentum", Kind: Float}
	nesterov := Flag{Spelling: "--nesterov", Kind: Bool, Switch: true}
	file, spec := one(t, []string{"./a", "--lr", "0.1", "x ${y} it's", "--", "z"}, lr, momentum, nesterov)
	if want := []string{"./a", "--lr", "0.1", "x $${y} it's", "${args_no_boolean_flags}", "--", "z"}; !slices.Equal(spec.Command, want) {
		t.Errorf("got %q, want %q", spec.Command, want)
	}
	if !slices.Equal(file.Swept, []string{"momentum", "nesterov"}) {
		t.Errorf("swept are %v", file.Swept)
	}
	// Beside a switch, a boolean that takes a value is passed as a text.
	file, _ = one(t, []string{"./a"}, lr, nesterov, Flag{Spelling: "--bias", Kind: Bool, Default: "True"}, Flag{Spelling: "--ema", Kind: Bool, Choices: []string{"true", "false"}})
	if got := valueOf(file.Text, "bias") + valueOf(file.Text, "ema"); got != "['False', 'True']['true', 'false']" {
		t.Errorf("got %s", got)
	}
	// What must be given is asked for, an output goes to the trial's directory,
	// and the first of two seeds is the repeat's.
	file, spec = one(t, []string{"./a"}, lr, Flag{Spelling: "--data", Required: true, Help: "where it lies"}, Flag{Spelling: "--out", Default: "x"},
		Flag{Spelling: "--random-seed", Kind: Int}, Flag{Spelling: "--scale-it", Required: true})
	if want := []string{"./a", "--data=filled", "--out=${trial_dir}/out", "--scale-it=filled", "${args}"}; !slices.Equal(spec.Command, want) {
		t.Errorf("got %q, want %q", spec.Command, want)
	}
	if len(file.Missing) != 2 || !strings.HasPrefix(file.Missing[0], "--data where") || spec.Repeats.Parameter != "random-seed" && !spec.Dashes {
		t.Errorf("missing %q, repeats %v", file.Missing, spec.Repeats)
	}
	if _, err := configs.Parse("sweep.yaml", []byte(file.Text), configs.Options{}); err == nil || !strings.Contains(err.Error(), "${fill_in:data}: nothing is filled in yet; want the value of data in its place") {
		t.Errorf("validate: %v", err)
	}
}

// Names that differ in their case only would be one column.
func TestNamesOnce(t *testing.T) {
	file, spec := one(t, []string{"./a"}, Flag{Spelling: "-c", Metavar: "cost", Kind: Float, Help: "cost"}, Flag{Spelling: "-C", Metavar: "N"},
		Flag{Spelling: "--Cost", Kind: Float, Help: "cost"}, Flag{Spelling: "--lr", Kind: Float}, Flag{Spelling: "--LR", Kind: Float})
	if len(spec.Space.Params) != 2 || len(file.Swept) != 2 {
		t.Errorf("got %v\n%s", file.Swept, file.Text)
	}
}

// Shell scripts get their values where they look for them.
func TestScriptFiles(t *testing.T) {
	for _, tt := range []struct {
		text string
		argv []string
		want []string
	}{
		{"LR=${LR:-0.1}\nBATCH_SIZE=${BATCH_SIZE:-64}\n: ${DATA:?}\n", []string{"./t.sh"}, []string{"env", "DATA=filled", "LR=${param:lr}", "BATCH_SIZE=${param:batch_size}", "./t.sh"}},
		{"lr=$1\nbatch_size=${2:-64}\nout=${3:-out}\nseed=$4\n", []string{"sh", "t.sh"}, []string{"sh", "t.sh", "${param:lr}", "${param:batch_size}", "${trial_dir}/out", "${seed}"}},
		{"data=$1\nlr=$2\n", []string{"sh", "t.sh", "d.csv"}, []string{"sh", "t.sh", "d.csv", "${param:lr}"}},
		{"case $1 in\n--lr) LR=$2 ;;\n--batch) B=$2 ;;\nesac\n", []string{"./t.sh", "d.csv"}, []string{"./t.sh", "d.csv", "${args_no_equals}"}},
	} {
		s := Sweep{Argv: tt.argv, Program: ParseScript(tt.text)}
		s.Head, s.Verbs = Head(tt.argv, func(w string) bool { return strings.Contains(w, ".") })
		spec := loaded(t, s.File().Text)
		if !slices.Equal(spec.Command, tt.want) {
			t.Errorf("got %q, want %q", spec.Command, tt.want)
		}
	}
}

// Head finds where the program ends.
func TestHead(t *testing.T) {
	for line, want := range map[string][2]int{
		"./train --lr 1": {1, 0}, "python3 train.py fit x.csv": {2, 1}, "python -u -X dev train.py": {5, 0}, "python3 -m pkg.train fit": {3, 1},
		"torchrun --nproc_per_node 2 train.py a": {4, 1}, "uv run train.py": {3, 0}, "sh -c line": {3, 0}, "fasttext supervised -input x": {1, 1},
		"git": {1, 0}, "svm-train heart.scale": {1, 0}, "/usr/bin/python3.11 a.py": {2, 0}, "": {0, 0},
		"env A=1 python3 a.py": {4, 0}, "python3": {1, 0},
	} {
		p, c := Head(strings.Fields(line), func(w string) bool { return strings.HasSuffix(w, ".csv") || strings.HasSuffix(w, ".scale") })
		if [2]int{p, c} != want {
			t.Errorf("%q: got %d and %d, want %v", line, p, c, want)
		}
	}
}
