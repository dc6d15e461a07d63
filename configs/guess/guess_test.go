package guess

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// helpText reads a text of testdata/help.
func helpText(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "help", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// show is a flag in one line: spelling, kind, default, choices, what else it is.
func show(f Flag) string {
	s := fmt.Sprintf("%s %v", f.Spelling, f.Kind)
	if f.Default != "" {
		s += " " + f.Default
	}
	if len(f.Choices) > 0 {
		s += fmt.Sprint(" ", f.Choices)
	}
	for _, x := range []struct {
		is   bool
		what string
	}{{f.Switch, "switch"}, {f.Off != "", f.Off}, {f.Many, "many"}, {f.Required, "required"}, {f.Operand, "operand"}} {
		if x.is {
			s += " " + x.what
		}
	}
	return s
}

// helpCases are the programs of testdata, with their flags as their sources have
// them.
var helpCases = []struct {
	file, format string
	style        Style
	want         map[string]string // by the parameter's name
	none         []string          // names that are no flags
}{
	{"argparse", "argparse", Equals, map[string]string{
		"lr": "--lr float 1.0", "batch_size": "--batch-size int 64", "no_cuda": "--no-cuda boolean switch",
		"optimizer": "--optimizer unknown type [sgd adam]", "batch_norm": "--batch-norm boolean switch --no-batch-norm",
		"hidden": "--hidden unknown type many", "weight_decay": "--weight-decay unknown type",
		"log_interval": "--log-interval unknown type", "data": "data unknown type required operand",
	}, []string{"help", "h", "wd", "extra", "N"}},
	{"argparse_313", "argparse", Equals, map[string]string{
		"weight_decay": "--weight-decay unknown type", "lr": "--lr float 1.0", "data": "data unknown type required operand",
	}, []string{"wd"}},
	{"argparse_defaults", "argparse", Equals, map[string]string{
		"lr": "--lr float 0.001", "data": "--data unknown type required", "output_dir": "--output_dir text runs",
		"activation": "--activation text relu [relu gelu tanh]", "amp": "--amp boolean False switch",
		"hidden_size": "--hidden_size int 128", "a_very_long_option_name_that_wraps": "--a_very_long_option_name_that_wraps float 0.5",
	}, nil},
	{"click", "click", Equals, map[string]string{
		"lr": "--lr float 0.01", "batch_size": "--batch-size int 32", "optimizer": "--optimizer text adam [sgd adam]",
		"augment": "--augment boolean true switch --no-augment", "out": "--out text required", "dropout": "--dropout float 0.2",
		"data": "DATA unknown type required operand", "amp": "--amp boolean switch",
	}, []string{"help", "b"}},
	{"typer", "typer", Equals, map[string]string{
		"lr": "--lr float 0.001", "batch_size": "--batch-size int 32", "opt": "--opt text adam [sgd adam]",
		"nesterov": "--nesterov boolean false switch --no-nesterov", "early_stop": "--early-stop boolean true switch --no-early-stop",
		"token": "--token text required", "data": "DATA unknown type required operand", "weight_decay": "--weight-decay float 0.01",
	}, []string{"help", "install_compl…", "show_completi…"}},
	{"tyro", "tyro", Equals, map[string]string{
		"data": "--data text required", "learning_rate": "--learning-rate float 0.00025", "batch_size": "--batch-size int 64",
		"torch_deterministic": "--torch-deterministic boolean True switch --no-torch-deterministic", "target_kl": "--target-kl float",
		"optimizer.kind": "--optimizer.kind text adam [adam sgd]",
	}, []string{"help"}},
	{"absl", "absl", Equals, map[string]string{
		"lr": "--lr float 0.1", "batch_size": "--batch_size int 128", "nesterov": "--nesterov boolean true",
		"optimizer": "--optimizer text sgd [sgd adam]", "layers": "--layers text 64,32", "dropout_rate": "--dropout_rate float 0.0",
	}, []string{"nonesterov"}},
	{"fire", "fire", Equals, map[string]string{
		"lr": "--lr float 0.01", "nesterov": "--nesterov boolean False", "optimizer": "--optimizer text sgd", "dropout": "--dropout float",
		"data": "data unknown type required operand",
	}, []string{"l", "n"}},
	{"docopt", "getopt", Equals, map[string]string{
		"lr": "--lr float 0.1", "batch_size": "--batch-size int 32", "nesterov": "--nesterov boolean switch", "data": "data unknown type required operand",
	}, nil},
	{"configargparse", "argparse", Equals, map[string]string{"lr": "--lr unknown type", "momentum": "--momentum unknown type"}, nil},
	{"hydra", "hydra", Hydra, map[string]string{
		"optimizer.lr": "optimizer.lr float 0.001", "model.bias": "model.bias boolean true", "data.path": "data.path unknown type required",
		"trainer.gradient_clip_val": "trainer.gradient_clip_val unknown type", "db": "db unknown type [mysql postgresql]", "seed": "seed int 1",
	}, []string{"optimizer.betas", "data.name", "data", "Powered by Hydra"}},
	{"lightningcli", "argparse", Equals, map[string]string{
		"model.lr": "--model.lr float 0.001", "model.data_dir": "--model.data_dir text required", "model.bn": "--model.bn boolean True [true false]",
		"trainer.max_epochs": "--trainer.max_epochs int", "trainer.gradient_clip_val": "--trainer.gradient_clip_val float",
	}, nil},
	{"hfargumentparser", "argparse", Equals, map[string]string{
		"learning_rate": "--learning_rate float 5e-05", "fp16": "--fp16 boolean False", "model_name_or_path": "--model_name_or_path unknown type required",
		"max_steps": "--max_steps int -1",
	}, nil},
	{"go", "go", Equals, map[string]string{
		"lr": "-lr float 0.1", "batch_size": "-batch-size int 32", "nesterov": "-nesterov boolean switch", "optimizer": "-optimizer text sgd",
	}, nil},
	{"getopt", "getopt", Equals, map[string]string{
		"learning_rate": "--learning-rate float 0.05", "momentum": "--momentum int 0", "batch": "--batch int 64", "nesterov": "--nesterov boolean switch",
		"data": "DATA unknown type required operand", "output": "--output text model.bin",
	}, []string{"help", "version"}},
	{"boost", "getopt", Equals, map[string]string{
		"learning_rate": "--learning_rate float 0.5", "l2": "--l2 int 0", "adaptive": "--adaptive boolean switch", "final_regressor": "--final_regressor unknown type",
	}, nil},
	{"clap", "getopt", Equals, map[string]string{
		"lr": "--lr float 0.001", "optimizer": "--optimizer text adam [sgd adam]", "nesterov": "--nesterov boolean switch", "data": "--data unknown type required",
		"target": "TARGET unknown type required operand",
	}, []string{"help", "version"}},
	{"svm-train", "libsvm", Spaced, map[string]string{
		"cost": "-c int 1", "gamma": "-g unknown type 1/num_features", "nu": "-n float 0.5", "kernel_type": "-t int 2 [0 1 2 3 4]", "q": "-q boolean switch",
		"training_set_file": "training_set_file unknown type required operand",
	}, nil},
	{"liblinear-train", "libsvm", Spaced, map[string]string{"cost": "-c int 1", "bias": "-B int -1", "epsilon": "-p float 0.1"}, nil},
	{"fasttext-supervised", "fasttext", Spaced, map[string]string{
		"lr": "-lr float 0.1", "epoch": "-epoch int 5", "loss": "-loss text softmax [ns hs softmax one-vs-all]", "input": "-input unknown type required",
		"wordNgrams": "-wordNgrams int 1", "saveOutput": "-saveOutput boolean false",
	}, nil},
	{"xgboost", "xgboost", Pairs, map[string]string{
		"num_round": "num_round int 10", "eta": "eta float 0.3", "task": "task text train [dump pred train]", "model_dir": "model_dir text ./",
	}, nil},
}

func TestParse(t *testing.T) {
	for _, tt := range helpCases {
		t.Run(tt.file, func(t *testing.T) {
			p := Parse(helpText(t, tt.file))
			if p.Format != tt.format || p.Style != tt.style {
				t.Errorf("got format %q and style %d, want %q and %d", p.Format, p.Style, tt.format, tt.style)
			}
			got := map[string]string{}
			for _, f := range p.Flags {
				got[f.Name] = show(f)
			}
			for name, want := range tt.want {
				if got[name] != want {
					t.Errorf("%s: got %q, want %q", name, got[name], want)
				}
			}
			for _, name := range tt.none {
				if got[name] != "" {
					t.Errorf("%s: got %q, want no such flag", name, got[name])
				}
			}
		})
	}
}

// The commands of a program that has some.
func TestCommands(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"fasttext", helpText(t, "fasttext"), "supervised quantize test"},
		{"argparse", "usage: a.py [-h] {train,eval} ...\n\npositional arguments:\n  {train,eval}\n    train       train a model\n", "train eval"},
		{"click", "Usage: a.py [OPTIONS] COMMAND [ARGS]...\n\nOptions:\n  --help  Show this message and exit.\n\nCommands:\n  fit   Fit.\n  test  Test.\n", "fit test"},
		{"typer", " Usage: a.py [OPTIONS] COMMAND [ARGS]...\n\n╭─ Commands ────────╮\n│ fit    Fits.      │\n│ test   Tests.     │\n╰───────────────────╯\n", "fit test"},
		{"cobra", "Usage:\n  tool [command]\n\nAvailable Commands:\n  train       Train it\n\nFlags:\n  -h, --help   help for tool\n", "train"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Parse(tt.text)
			if got := strings.Join(p.Commands, " "); !strings.HasPrefix(got, tt.want) || len(p.Flags) > 0 {
				t.Errorf("got commands %q and %d flags, want %q and none", got, len(p.Flags), tt.want)
			}
		})
	}
}

// What is no help: nothing is found, nothing panics.
func TestNoHelp(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "",
		"prose":      "Epoch 1: loss 0.3\nEpoch 2: loss 0.2\nDone - all well.\n",
		"binary":     "\x7fELF\x02\x01\x01\x00\x00\x00--lr X  learning\x00\xff\xfe\x00\x00\x00\x01\x02\x03",
		"traceback":  "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    import nosuch\nModuleNotFoundError: No module named 'nosuch'\n",
		"blanks":     strings.Repeat(" ", 5000) + "\n",
		"minus":      "-\n--\n---\n -1\n - a list\n - of things\n",
		"open boxes": "╭─ Options ─\n│ --lr",
	} {
		if p := Parse(text); name != "open boxes" && len(p.Flags) > 0 {
			t.Errorf("%s: got %v", name, p.Flags)
		}
	}
}

// The ways in which defaults are stated.
func TestDefaults(t *testing.T) {
	for help, want := range map[string]string{
		"rate (default: 0.1)": "0.1", "rate (default 0.1)": "0.1", "rate (default=0.1)": "0.1", "rate [default: 0.1]": "0.1", "rate [default 64]": "64",
		"rate, default: 0.1": "0.1", "rate, default 'adam'": "", "rate. Default is 0.1.": "0.1", "Defaults to 0.1.": "0.1", "rate (0.1 by default)": "0.1",
		"rate (type: float, default: 1e-3)": "1e-3", "rate [env var: LR; default: 3]": "3", "[default: 32; 1<=x<=4096]": "32", "(default: None)": "",
		"(default: (0.9, 0.999))": "(0.9, 0.999)", "rate (default: `adam`)": "adam", "the default rate is low": "", "(Default: \"a b\")": "a b", "[default: ]": "",
		"rate (default: 5.)": "5.", "(default value: 7)": "7", "rate; default 0.1, for adam 0.001": "0.1", "parts; default what the files say": "", "decay; default sgd (gd, sgd or adam)": "sgd", "rate (default = 2)": "2",
	} {
		f := Flag{Help: help}
		if f.detail([]string{help}); f.Default != want {
			t.Errorf("%q: got %q, want %q", help, f.Default, want)
		}
	}
}

// Choices that only the description has.
func TestChoicesOfHelp(t *testing.T) {
	for help, want := range map[string]string{
		"one of sgd, adam": "[sgd adam]", "which (sgd, adam or adamw)": "[sgd adam adamw]", "either (epoch or step)": "[epoch step]", "type (LSTM, GRU)": "[]",
		"type (LSTM, GRU) (default: GRU)": "[LSTM GRU]", "arch: a | b | c (default: a)": "[a b c]", "a | b": "[]", "takes a value (int or float)": "[]",
		"loss {ns, hs}": "[ns hs]", "[possible values: a, b]": "[a b]", "on or off, or so (a number of layers, or body)": "[]",
	} {
		f := Flag{Help: help}
		if f.detail([]string{help}); fmt.Sprint(f.Choices) != want {
			t.Errorf("%q: got %v, want %s", help, f.Choices, want)
		}
	}
}

// Wide letters, colours and struck letters do not disturb.
func TestClean(t *testing.T) {
	text := "\x1b[1mOPTIONS\x1b[0m\r\n  \x1b[36m--lr\x1b[0m \x1b]8;;http://x\x07F\x1b]8;;\x07LOAT\tl\bleer\bra\bate — größe [default: 0.1]\r\n"
	if got, want := clean(text), "OPTIONS\n  --lr FLOAT    leerate — größe [default: 0.1]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p := Parse(text)
	if len(p.Flags) != 1 || show(p.Flags[0]) != "--lr float 0.1" {
		t.Errorf("got %v", p.Flags)
	}
}

// ReadSource adds what the help leaves out, and takes nothing back.
func TestReadSource(t *testing.T) {
	p := Parse(helpText(t, "argparse"))
	p.ReadSource(`
p.add_argument("--batch-size", type=int, default=999)  # the help says 64
p.add_argument('-wd', '--weight-decay', type=float,
    default=5e-4,  # as in the (paper
    help="the, decay")
p.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
p.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
p.add_argument("--log-interval", type=int, default=1_000, help=f"{x}")
p.add_argument("--nosuch", default=3)
p.add_argument("--no-cuda", type=bool, default=True)
p.add_argument("--arch", choices=("a", 'b', ), type=str)
p.add_argument(*names, **more)
p.add_argument("--epochs", default=compute(3, 4), type=int
`)
	got := map[string]string{}
	for _, f := range p.Flags {
		got[f.Name] = show(f)
	}
	for name, want := range map[string]string{
		"batch_size": "--batch-size int 64", "weight_decay": "--weight-decay float 5e-4", "compile": "--compile boolean true switch --no-compile",
		"optimizer": "--optimizer text adam [sgd adam]", "log_interval": "--log-interval int 1000", "nosuch": "", "epochs": "--epochs int 14",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
}

// Shell scripts, by the three ways in which they take values.
func TestParseScript(t *testing.T) {
	tests := []struct {
		name, text string
		style      Style
		want       string
	}{
		{"environment", "#!/bin/sh\nset -e\n: \"${DATA:?want the data}\"\nLR=${LR:-0.1}\nEPOCHS=10\n./train --lr $LR --wd ${WEIGHT_DECAY:-1e-4} --n $EPOCHS --home $HOME --m $MOMENTUM\n", Env,
			"DATA unknown type required|LR float 0.1|WEIGHT_DECAY float 1e-4|MOMENTUM unknown type required"},
		{"operands", "#!/bin/bash\nlr=$1\nbatch=${2:-64}\nout=\"${3:-out}\"\n./train $lr\n", Operands,
			"lr unknown type required operand|batch int 64 operand|out text out operand"},
		{"a gap", "b=$2\n", Operands, "$1 unknown type required operand|b unknown type required operand"},
		{"case", "LR=0.1\nNEST=0\nwhile [ $# -gt 0 ]; do\n case \"$1\" in\n  -l|--lr) LR=\"$2\"; shift 2 ;;\n  --nesterov) NEST=1; shift ;;\n  -h|--help) usage ;;\n esac\ndone\n", Spaced,
			"--lr float 0.1|--nesterov boolean switch"},
		{"case with =", "for a; do case $a in\n--lr=*) LR=${a#*=} ;;\nesac; done\n", Equals, "--lr unknown type"},
		{"getopts", "RATE=0.5\nwhile getopts \"l:vb:\" o; do\ncase $o in\nl) RATE=$OPTARG ;;\nv) VERBOSE=1 ;;\nb) BATCH=$OPTARG ;;\nesac\ndone\n", Spaced,
			"-l float 0.5|-v boolean switch|-b unknown type"},
		{"loops", "for LR in 1 2; do read -r WD; echo $LR $WD $BATCH_SIZE; done\n", Env, "BATCH_SIZE unknown type required"},
		{"comments", "# LR=${LR:-0.1}\n\n", Env, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := ParseScript(tt.text)
			var got []string
			for _, f := range p.Flags {
				got = append(got, show(f))
			}
			if s := strings.Join(got, "|"); s != tt.want || p.Style != tt.style {
				t.Errorf("got %q and style %d, want %q and %d", s, p.Style, tt.want, tt.style)
			}
		})
	}
}

// Python scripts that take their values from wandb or from trawl.
func TestParsePython(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a dict", "import wandb\nwandb.init(project='x', config={\n 'lr': 0.01,  # the (rate\n \"epochs\": 5, 'net': {'a': 1},\n # 'old': 3,\n 'opt': 'sgd'})\n", "lr float 0.01|epochs int 5|opt text sgd"},
		{"dict()", "run = wandb.init(config=dict(lr=1e-3, n=f(2), bn=True))", "lr float 1e-3|bn boolean true"},
		{"a variable", "defaults = {'lr': 0.1, 'momentum': None}\nwandb.init(config=defaults)", "lr float 0.1"},
		{"names only", "c = wandb.config.lr * wandb.config['wd'] + wandb.config.get('drop', 0) + wandb.config.update({}) + run.config.keys()", "lr unknown type|wd unknown type|drop unknown type"},
		{"trawl", "import trawl\nprint(trawl.params.lr, trawl.params['batch_size'])", "lr unknown type|batch_size unknown type"},
		{"an open call", "wandb.init(config={'lr': 0.1", ""},
		{"arguments", "wandb.init(config=args)", ""},
	} {
		var got []string
		for _, f := range ParsePython(tt.text).Flags {
			got = append(got, show(f))
		}
		if s := strings.Join(got, "|"); s != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, s, tt.want)
		}
	}
	if ParsesOptions("import wandb\nwandb.init()") || !ParsesOptions("from argparse import ArgumentParser") || !ParsesOptions("lr = float(sys.argv[1])") {
		t.Error("ParsesOptions: want it for argparse and sys.argv, and not for wandb alone")
	}
	if got := strings.Join(Imports("import os, sys\nfrom .util import x\n  import a.b\nfrom torch.nn import *\n"), " "); got != "os sys util a torch" {
		t.Errorf("Imports: got %q", got)
	}
}

// Texts that repeat themselves take time in proportion to their length: each of
// these took minutes, or would, if all options were compared with all others.
func TestHuge(t *testing.T) {
	start := time.Now()
	for _, unit := range []string{"--a [", "--lr ", "  --lr X  rate\n", "╭─ Options ─\n│ --lr X  a │\n", "(default ", "usage: a b\n", " a : int, optional, default=3\n",
		"  --x: Y\n    (default: '3')\n", "== Config ==\na:\n b: 3\n", "A=${A:-3} $B\n", "epoch 3 val loss 0.5\n", "  -a\n   b\n"} {
		text := strings.Repeat(unit, (1<<14)/len(unit))
		p := Parse(text)
		p.ReadSource(text)
		for _, p := range []Program{p, ParseScript(text), ParseConfig(text)} {
			Sweep{Argv: []string{"a"}, Program: p, Head: 1}.File()
		}
		FindMetric(nil, text)
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("it took %v, want some seconds at most", d)
	}
}

// No regular expression is compiled before it is used: that would cost each
// start of trawl some milliseconds.
func TestNothingCompiledAtStart(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, "no sources")
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range strings.Split(string(b), "\n") {
			at := strings.Index(l, "regexp.MustCompile(")
			if at >= 0 && !strings.HasPrefix(l, "\t\t") && !strings.Contains(l, "func()") && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s:%d: compiled at the start of the program; want lazy(…)", path, i+1)
			}
		}
	}
}
