package train

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// A key is one name under `trainer:`. Its set stores a value, or returns a want
// or a notYet.
type key struct {
	name string
	set  func(c *Config, v sweep.Value) error
}

// A want is what a key takes, as the error for a value that it does not.
type want string

func (w want) Error() string { return "want " + string(w) }

// A notYet is what this version has instead of a value that it knows of.
type notYet string

func (w notYet) Error() string { return "not built yet; want " + string(w) }

// keys are the names that this version takes.
var keys = []key{
	{"data", func(c *Config, v sweep.Value) error {
		if c.Data = v.Text(); v.Kind() != sweep.String || c.Data == "" {
			return want("mnist or a folder of IDX files")
		}
		return nil
	}},
	{"split", func(c *Config, v sweep.Value) error { return c.Split.set(v) }},
	{"model", word("softmax", "linear", "mlp")},
	{"init", word("zeros", "glorot", "he")},
	{"loss", word("cross_entropy")},
	{"optimizer", word("sgd", "gd", "rmsprop", "adam", "adamw")},
	{"schedule", word("inverse_time", "step", "exponential", "cosine")},
	{"lr", number("a number > 0", func(x float64) bool { return x > 0 }, func(c *Config) *float64 { return &c.LR })},
	{"momentum", number("a number >= 0 and < 1", func(x float64) bool { return x >= 0 && x < 1 },
		func(c *Config) *float64 { return &c.Momentum })},
	{"momentum_form", choice("heavy_ball", "velocity", func(c *Config) *bool { return &c.Velocity })},
	{"decay", number(notNegative, atLeast0, func(c *Config) *float64 { return &c.Decay })},
	{"decay_unit", choice("epoch", "step", func(c *Config) *bool { return &c.DecayPerStep })},
	{"weight_decay", number(notNegative, atLeast0, func(c *Config) *float64 { return &c.WeightDecay })},
	{"clip_norm", number(notNegative+" (0 = no clipping)", atLeast0, func(c *Config) *float64 { return &c.ClipNorm })},
	{"diverge_above", number(notNegative+" (0 = only what is not finite)", atLeast0,
		func(c *Config) *float64 { return &c.DivergeAbove })},
	{"batch_size", count(1<<30, func(c *Config, n int64) { c.BatchSize = int(n) })},
	{"epochs", count(1_000_000, func(c *Config, n int64) { c.Epochs = int(n) })},
	{"seed", func(c *Config, v sweep.Value) error {
		n, ok := whole(v)
		if c.Seed = n; !ok {
			return want("a whole number")
		}
		return nil
	}},
}

// notBuilt are the further names of the trainer, which this version refuses.
var notBuilt = []string{
	"target", "hidden", "activation", "dropout", "init_from", "freeze", "sparsity", "dampening", "nesterov", "rho",
	"centered", "beta1", "beta2", "eps", "l1", "l2", "label_smoothing", "clip_value", "decay_every", "lr_min",
	"warmup", "steps", "standardize", "one_hot", "augment", "precision",
}

// Keys returns the names that NewConfig accepts, sorted.
func Keys() []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	sort.Strings(names)
	return names
}

// lookup finds a key, or says why there is none.
func lookup(name string) (key, error) {
	for _, k := range keys {
		if k.name == name {
			return k, nil
		}
	}
	if slices.Contains(notBuilt, name) {
		return key{}, fmt.Errorf("%s: not built yet; want one of %s", name, strings.Join(Keys(), " "))
	}
	if near := nearest(name); near != "" {
		return key{}, fmt.Errorf("%s: unknown key of the trainer; want %s", name, near)
	}
	return key{}, fmt.Errorf("%s: unknown key of the trainer; want one of %s", name, strings.Join(Keys(), " "))
}

const notNegative = "a number >= 0"

func atLeast0(x float64) bool { return x >= 0 }

func number(wanted string, ok func(float64) bool, field func(*Config) *float64) func(*Config, sweep.Value) error {
	return func(c *Config, v sweep.Value) error {
		x, isNumber := v.Number()
		if !isNumber || v.Kind() == sweep.Bool || math.IsInf(x, 0) || !ok(x) {
			return want(wanted)
		}
		*field(c) = x
		return nil
	}
}

func count(top int64, set func(*Config, int64)) func(*Config, sweep.Value) error {
	return func(c *Config, v sweep.Value) error {
		n, ok := whole(v)
		if !ok || n < 1 || n > top {
			return want(fmt.Sprintf("a whole number from 1 to %d", top))
		}
		set(c, n)
		return nil
	}
}

// whole returns v as an integer: an Int, or a Float without a fraction, as a
// quantised parameter gives it.
func whole(v sweep.Value) (int64, bool) {
	if n, ok := v.Int64(); ok {
		return n, true
	}
	x, _ := v.Number()
	return int64(x), v.Kind() == sweep.Float && x == math.Trunc(x) && math.Abs(x) < 1<<53
}

// word is a key of which one word is built; the others are refused by name.
func word(built string, others ...string) func(*Config, sweep.Value) error {
	return func(_ *Config, v sweep.Value) error {
		switch {
		case v.Kind() == sweep.String && v.Text() == built:
			return nil
		case v.Kind() == sweep.String && slices.Contains(others, v.Text()):
			return notYet(built)
		}
		return want(built)
	}
}

func choice(no, yes string, field func(*Config) *bool) func(*Config, sweep.Value) error {
	return func(c *Config, v sweep.Value) error {
		if v.Kind() != sweep.String || v.Text() != no && v.Text() != yes {
			return want(no + " or " + yes)
		}
		*field(c) = v.Text() == yes
		return nil
	}
}

// set reads [8000, 2000] or [0.8, 0.2], or the same as a text, with or without
// the brackets, as a command line has it.
func (s *Split) set(v sweep.Value) error {
	const wanted = want("[TRAIN, VALIDATION] as numbers of examples, or as fractions with a sum of at most 1")
	if v.Kind() == sweep.String {
		text := "[" + strings.Trim(v.Text(), "[] ") + "]"
		if err := v.UnmarshalJSON([]byte(text)); err != nil {
			return wanted
		}
	}
	list, _ := v.Any().([]any)
	if len(list) == 3 {
		return notYet("two parts")
	}
	if len(list) != 2 {
		return wanted
	}
	var part [2]float64
	fraction := false
	for i, x := range list {
		n, isNumber := x.(json.Number)
		p, ok := sweep.ParseNumber(n.String())
		f, _ := p.Number()
		if !isNumber || !ok || f <= 0 || f > 1e9 {
			return wanted
		}
		part[i], fraction = f, fraction || f != math.Trunc(f)
	}
	if fraction && part[0]+part[1] > 1+1e-9 {
		return wanted
	}
	*s = Split{Train: part[0], Val: part[1], Fraction: fraction}
	return nil
}

// otherNames are what other programs call keys of ours.
var otherNames = map[string]string{
	"learning_rate": "lr", "clip": "clip_norm", "grad_clip": "clip_norm", "max_grad_norm": "clip_norm",
	"batch": "batch_size", "beta": "momentum", "mu": "momentum", "l2_penalty": "weight_decay", "dataset": "data",
}

// nearest returns the key that goes by another name elsewhere, else the known
// one that differs from name by at most two edits and by less than half of its
// letters, else "".
func nearest(name string) string {
	if k, ok := otherNames[name]; ok {
		return k
	}
	best, at := 3, ""
	for _, k := range append(Keys(), notBuilt...) {
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
