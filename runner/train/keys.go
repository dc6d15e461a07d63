package train

import (
	"fmt"
	"sort"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Key is one name under `trainer:` and one flag of `trawl train`.
type Key struct {
	Name string // as in sweep files: lr, clip_norm
	Want string // the values that it takes, in words: "a number > 0"
	Doc  string // what it means, with formula and default; without one 0, or off

	set func(c *Config, v sweep.Value) error // returns a want
}

// A want is what a key takes, as the error for a value that it does not.
type want string

func (w want) Error() string { return "want " + string(w) }

// AllKeys returns the keys in the order in which a help text has them: data,
// model, what it starts from, loss, optimizer, learning rate, length. The slice
// is shared and must not be changed.
func AllKeys() []Key { return keys }

// Keys returns the names of AllKeys, which NewConfig accepts, sorted.
func Keys() []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	sort.Strings(names)
	return names
}

var keys = []Key{
	text("data", "mnist, or the path of a file or a folder",
		"what to train on; default mnist, 10,000 images that trawl has in it. CSV, LIBSVM or IDX, gzip or not; a folder of IDX files has MNIST's layout",
		func(c *Config) *string { return &c.Data }),
	text("target", "the name of a column, or its number", "the column of a CSV file to predict; default the last. 1 is the first, -1 the last",
		func(c *Config) *string { return &c.Options.Target }),
	{"split", splitWant, "parts for training, validation and test, the latter reported once as test_* at the best checkpoint; " +
		"default what the files say, else 0.8,0.2. Parts follow the order of the file, unless `shuffle` or `stratify` are added: 0.6,0.2,0.2,stratify. val=FILE and test=FILE name files", setSplit},
	{"standardize", "true, false or min_max", "columns of numbers to (x−mean)/deviation over the training part, or min_max to (x−min)/(max−min); default false, images divided by 255", setStandardize},
	flag("one_hot", "columns of texts as columns of 0 and 1", func(c *Config) *bool { return &c.Options.OneHot }),
	word("missing", "what stands for an empty cell: the column's mean, or its most frequent value; default an error",
		func(c *Config) *string { return &c.Options.Missing }, "mean", "most_frequent"),
	number("sparsify", notNegative, "numbers below this in size become 0, and rows are kept sparse where that is smaller", atLeast0,
		func(c *Config) *float64 { return &c.Options.Sparsify }),
	{"augment", augmentWant, "changes to the training examples, drawn anew each epoch: images are moved by up to `shift` pixels along each axis, with flip mirrored with probability ½; noise of deviation `noise` is added to what the model sees", setAugment},

	word("model", "linear (least squares), softmax (regression) or mlp; default mlp with hidden, else softmax for classes and linear for numbers",
		func(c *Config) *string { return &c.Model }, "linear", "softmax", "mlp"),
	{"hidden", "1 to 4 numbers of units, such as 256,128", "hidden layers of mlp; default those of init_from, else 128", setHidden},
	word("activation", "of hidden units; default that of init_from, else relu", func(c *Config) *string { return &c.Unit }, "relu", "tanh", "gelu"),
	number("dropout", belowOne, "part p of the hidden units that each training example does without, the others divided by 1−p", below1, func(c *Config) *float64 { return &c.Dropout }),
	word("init", "how weights begin: 0, ±√(6/(in+out)), ±√(6/in); default zeros, with hidden layers glorot for tanh, else he",
		func(c *Config) *string { return &c.Init }, "zeros", "glorot", "he"),

	text("init_from", "a checkpoint file, SWEEP/N or SWEEP/best", "begin from these weights, by the names of tensors, else by order and shape; the metrics of step 0 are theirs",
		func(c *Config) *string { return &c.InitFrom }),
	flag("new_head", "begin the last layer anew; one that does not fit the data is in any case", func(c *Config) *bool { return &c.NewHead }),
	{"freeze", "a number of layers, or body", "loaded layers, from the input, that stay as they are; body: all but the last", setFreeze},
	number("sparsity", belowOne, "part of each loaded layer's weights, the smallest, that becomes 0 and stays so", below1, func(c *Config) *float64 { return &c.Sparsity }),

	word("loss", "default cross_entropy for classes, squared, ½(z−y)², for numbers", func(c *Config) *string { return &c.Loss }, "cross_entropy", "squared"),
	number("l1", notNegative, "adds l1·Σ|w| to the loss, over weights and not biases", atLeast0, func(c *Config) *float64 { return &c.L1 }),
	number("l2", notNegative, "adds ½·l2·Σw² to the loss, over weights and not biases", atLeast0, func(c *Config) *float64 { return &c.L2 }),
	number("label_smoothing", belowOne, "part s of the label that is spread over the c classes: 1−s+s/c for its own, s/c for the others", below1, func(c *Config) *float64 { return &c.Smoothing }),

	word("optimizer", "w ← w − ηg for gd, with all training examples at once, and sgd; rmsprop s ← ρs + (1−ρ)g², w ← w − ηg/(√s + ε); adam m ← β₁m + (1−β₁)g, s ← β₂s + (1−β₂)g², w ← w − ηm̂/(√ŝ + ε); adamw the same with its own weight_decay; default sgd", func(c *Config) *string { return &c.Optimizer }, "gd", "sgd", "rmsprop", "adam", "adamw"),
	number("lr", "a number > 0", "learning rate η₀; default 0.1, for rmsprop, adam and adamw 0.001", func(x float64) bool { return x > 0 },
		func(c *Config) *float64 { return &c.LR }),
	number("momentum", belowOne, "μ of gd, sgd and rmsprop", below1, func(c *Config) *float64 { return &c.Momentum }),
	choice("momentum_form", "v ← μv − ηg, w ← w + v; or v ← μv + g, w ← w − ηv, which brakes at once when η falls; default heavy_ball", "heavy_ball", "velocity",
		func(c *Config) *bool { return &c.Velocity }),
	number("dampening", "a number from 0 to 1", "τ of gd and sgd: (1−τ)g in place of g enters v", func(x float64) bool { return x >= 0 && x <= 1 },
		func(c *Config) *float64 { return &c.Dampening }),
	flag("nesterov", "the gradient is that of the point to which momentum leads: w ← w + μv − ηg, or w ← w − η(g + μv)", func(c *Config) *bool { return &c.Nesterov }),
	number("rho", belowOne, "ρ of rmsprop: how long squares are remembered; default 0.99", below1, func(c *Config) *float64 { return &c.Rho }),
	flag("centered", "rmsprop divides by √(s − a²) + ε, with a the mean of g as s is of g²", func(c *Config) *bool { return &c.Centered }),
	number("beta1", belowOne, "β₁ of adam and adamw; default 0.9", below1, func(c *Config) *float64 { return &c.Beta1 }),
	number("beta2", belowOne, "β₂ of adam and adamw; default 0.999", below1, func(c *Config) *float64 { return &c.Beta2 }),
	number("eps", notNegative, "ε of rmsprop, adam and adamw; default 1e-8", atLeast0, func(c *Config) *float64 { return &c.Eps }),
	number("weight_decay", notNegative, "λ, on weights and biases: λw is added to the clipped gradient; adamw takes ηλw from w instead", atLeast0,
		func(c *Config) *float64 { return &c.WeightDecay }),
	number("clip_norm", notNegative+" (0 = no clipping)", "largest norm c of a mini-batch's gradient: g·min(1, c/‖g‖)", atLeast0,
		func(c *Config) *float64 { return &c.ClipNorm }),
	number("clip_value", notNegative+" (0 = no clipping)", "largest size of each element of it, limited before clip_norm", atLeast0,
		func(c *Config) *float64 { return &c.ClipValue }),

	word("schedule", "how η falls: η₀/(1+αt), η₀(1−α)^⌊t/decay_every⌋, η₀e^(−αt), half a cosine, not at all; default inverse_time",
		func(c *Config) *string { return &c.Schedule }, "inverse_time", "step", "exponential", "cosine", "constant"),
	number("decay", notNegative, "α of schedule; 0 is off", atLeast0, func(c *Config) *float64 { return &c.Decay }),
	count("decay_every", 1, 1_000_000_000, "units of t per stair of schedule step; default 1", func(c *Config) *int { return &c.DecayEvery }),
	choice("decay_unit", "what t counts, from the end of the warm-up; default epoch", "epoch", "step", func(c *Config) *bool { return &c.DecayPerStep }),
	number("lr_min", notNegative, "η is never lower than this", atLeast0, func(c *Config) *float64 { return &c.LRMin }),
	number("warmup", notNegative, "units of t over which η rises to η₀ before it falls", atLeast0, func(c *Config) *float64 { return &c.Warmup }),

	count("batch_size", 1, 1<<30, "training examples per mini-batch; default 64", func(c *Config) *int { return &c.BatchSize }),
	count("epochs", 1, 1_000_000, "passes over the training examples; default 10", func(c *Config) *int { return &c.Epochs }),
	count("steps", 0, 1_000_000_000, "mini-batches in all, in place of epochs; 0 is off", func(c *Config) *int { return &c.Steps }),
	count("report_every", 0, 1_000_000_000, "mini-batches from report to report; default an epoch", func(c *Config) *int { return &c.ReportEvery }),
	choice("precision", "numbers of weights and computations; default float32", "float32", "float64", func(c *Config) *bool { return &c.Float64 }),
	number("diverge_above", notNegative+" (0 = only what is not finite)", "a mini-batch's mean loss above this ends the trial as diverged", atLeast0,
		func(c *Config) *float64 { return &c.DivergeAbove }),
	{"seed", "a whole number", "of the first weights, the order of the examples, dropout and augmentation; default 0, in a sweep that of the trial",
		func(c *Config, v sweep.Value) error {
			n, ok := whole(v)
			if c.Seed = n; !ok {
				return want("a whole number")
			}
			return nil
		}},
}

// lookup finds a key, or says why there is none.
func lookup(name string) (Key, error) {
	for _, k := range keys {
		if k.Name == name {
			return k, nil
		}
	}
	if near := nearest(name); near != "" {
		return Key{}, fmt.Errorf("%s: unknown key of the trainer; want %s", name, near)
	}
	return Key{}, fmt.Errorf("%s: unknown key of the trainer; want one of %s", name, strings.Join(Keys(), " "))
}

// otherNames are what other programs call keys of ours.
var otherNames = map[string]string{
	"learning_rate": "lr", "clip": "clip_norm", "grad_clip": "clip_norm", "max_grad_norm": "clip_norm",
	"batch": "batch_size", "beta": "momentum", "mu": "momentum", "l2_penalty": "l2", "dataset": "data",
	"hidden_layer_sizes": "hidden", "layers": "hidden", "alpha": "decay", "smoothing": "label_smoothing", "epsilon": "eps",
	"max_iter": "epochs", "num_epochs": "epochs", "dtype": "precision", "lr_schedule": "schedule", "pretrained": "init_from",
}

// nearest returns the key that goes by another name elsewhere, else the one
// that differs from name by at most two edits and by less than half of its
// letters, else "".
func nearest(name string) string {
	if k, ok := otherNames[name]; ok {
		return k
	}
	best, at := 3, ""
	for _, k := range Keys() {
		if d := distance(name, k); d < best && 2*d < max(len(k), 3) {
			best, at = d, k
		}
	}
	return at
}

// distance is the number of insertions, deletions and substitutions between a
// and b (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func sortedNames(m map[string]sweep.Value) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
