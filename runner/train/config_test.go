package train

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/sweep"
)

func list(t *testing.T, x ...any) sweep.Value {
	t.Helper()
	v, err := sweep.JSONValue(x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNewConfig(t *testing.T) {
	word, num, whole := sweep.StringValue, sweep.FloatValue, sweep.IntValue
	got, err := NewConfig(map[string]sweep.Value{
		"data": word("digits"), "split": list(t, 0.7, 0.3), "model": word("softmax"), "optimizer": word("sgd"),
		"epochs": num(5), "batch_size": whole(32), "lr": whole(1), "decay": num(0.5), "decay_unit": word("step"),
		"momentum": num(0.9), "momentum_form": word("velocity"), "weight_decay": num(1e-4), "clip_norm": num(2),
		"diverge_above": num(20), "seed": whole(-3), "init": word("zeros"), "loss": word("cross_entropy"),
		"schedule": word("inverse_time"),
	})
	want := Defaults()
	want.Data, want.Options.Split = "digits", data.Split{Train: 0.7, Val: 0.3, Fraction: true}
	want.Model, want.Loss, want.Init = "softmax", "cross_entropy", "zeros"
	want.Epochs, want.BatchSize, want.LR, want.Decay, want.DecayPerStep = 5, 32, 1, 0.5, true
	want.Momentum, want.Velocity, want.WeightDecay, want.ClipNorm, want.DivergeAbove, want.Seed = 0.9, true, 1e-4, 2, 20, -3
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("error %v; want and got differ:\n%s", err, d)
	}
	got, err = NewConfig(map[string]sweep.Value{"clip_norm": sweep.NullValue(), "lr": {}})
	if d := cmp.Diff(Defaults(), got); d != "" || err != nil {
		t.Errorf("null and absent: error %v; want the defaults:\n%s", err, d)
	}
}

// The keys that are more than one number or word.
func TestCompoundKeys(t *testing.T) {
	word := sweep.StringValue
	for _, tt := range []struct {
		key   string
		value sweep.Value
		set   func(*Config)
	}{
		{"hidden", word("256,128"), func(c *Config) { c.Hidden = []int{256, 128} }},
		{"hidden", list(t, 256, 128), func(c *Config) { c.Hidden = []int{256, 128} }},
		{"hidden", sweep.IntValue(64), func(c *Config) { c.Hidden = []int{64} }},
		{"split", list(t, 0.6, 0.2, 0.2, "stratify"), func(c *Config) {
			c.Options.Split, c.Options.Stratify = data.Split{Train: 0.6, Val: 0.2, Test: 0.2, Fraction: true}, true
		}},
		{"split", word("8000,1000,1000,shuffle"), func(c *Config) {
			c.Options.Split = data.Split{Train: 8000, Val: 1000, Test: 1000, Shuffle: true}
		}},
		{"split", word("val=v.csv, test=t.csv"), func(c *Config) { c.Options.Split = data.Split{ValFile: "v.csv", TestFile: "t.csv"} }},
		{"standardize", sweep.BoolValue(true), func(c *Config) { c.Options.Standardize = true }},
		{"standardize", word("min_max"), func(c *Config) { c.Options.MinMax = true }},
		{"augment", word("shift=2 flip noise=0.1"), func(c *Config) { c.Augment = data.Augment{Shift: 2, Flip: true, Noise: 0.1} }},
		{"augment", word("none"), func(*Config) {}},
		{"freeze", word("body"), func(c *Config) { c.Freeze = FreezeBody }},
		{"freeze", sweep.IntValue(2), func(c *Config) { c.Freeze = 2 }},
		{"target", sweep.IntValue(-1), func(c *Config) { c.Options.Target = "-1" }},
		{"precision", word("float64"), func(c *Config) { c.Float64 = true }},
		{"nesterov", sweep.BoolValue(true), func(c *Config) { c.Nesterov = true }},
		{"steps", sweep.IntValue(100), func(c *Config) { c.Steps = 100 }},
	} {
		got, want := Defaults(), Defaults()
		tt.set(&want)
		err := got.set(tt.key, tt.value)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s=%s: error %v\n%s", tt.key, tt.value.Python(), err, d)
		}
	}
}

// Keys that do not go together say so before anything runs.
func TestKeysThatDoNotGoTogether(t *testing.T) {
	word, num := sweep.StringValue, sweep.FloatValue
	for _, tt := range []struct {
		values map[string]sweep.Value
		want   string
	}{
		{map[string]sweep.Value{"model": word("softmax"), "hidden": word("10")}, "want model mlp"},
		{map[string]sweep.Value{"model": word("linear"), "loss": word("cross_entropy")}, "want squared"},
		{map[string]sweep.Value{"loss": word("squared"), "label_smoothing": num(0.1)}, "want cross_entropy"},
		{map[string]sweep.Value{"schedule": word("step"), "decay": num(1)}, "want a part below 1"},
		{map[string]sweep.Value{"sparsity": num(0.5)}, "without init_from"},
		{map[string]sweep.Value{"freeze": word("body")}, "without init_from"},
		{map[string]sweep.Value{"sparsify": num(0.5), "standardize": sweep.BoolValue(true)}, "zero would be no zero"},
	} {
		if _, err := NewConfig(tt.values); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v want … %s …", tt.values, err, tt.want)
		}
	}
}

// The defaults of the learning rate are those of the optimizers' kind.
func TestDefaultRate(t *testing.T) {
	c := Defaults()
	for optimizer, want := range map[string]float64{"sgd": 0.1, "gd": 0.1, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001} {
		if c.Optimizer = optimizer; c.rate() != want {
			t.Errorf("%s: got %v want %v", optimizer, c.rate(), want)
		}
	}
	if c.LR = 3; c.rate() != 3 {
		t.Errorf("lr 3: got %v", c.rate())
	}
}

func TestCheckValue(t *testing.T) {
	word, num, whole := sweep.StringValue, sweep.FloatValue, sweep.IntValue
	for _, tt := range []struct {
		name  string
		value sweep.Value
		want  string // "" = taken
	}{
		{"lr", whole(-1), "lr: -1; want a number > 0"},
		{"lr", word("0.1"), `lr: "0.1"; want a number > 0`},
		{"lr", sweep.BoolValue(true), "lr: True; want a number > 0"},
		{"momentum", whole(1), "momentum: 1; want a number >= 0 and < 1"},
		{"momentum_form", word("polyak"), `momentum_form: "polyak"; want heavy_ball or velocity`},
		{"decay_unit", whole(1), "decay_unit: 1; want epoch or step"},
		{"epochs", num(2.5), "epochs: 2.5; want a whole number from 1 to 1000000"},
		{"epochs", whole(0), "epochs: 0; want a whole number from 1 to 1000000"},
		{"batch_size", num(64), ""},
		{"clip_norm", whole(0), ""},
		{"data", word(""), `data: ""; want mnist, or the path`},
		{"seed", word("x"), `seed: "x"; want a whole number`},
		{"split", list(t, 8000, 2000), ""},
		{"split", word("8000,2000"), ""},
		{"split", word("[0.8, 0.2]"), ""},
		{"split", word("most"), `split: "most"; want [TRAIN, VALIDATION]`},
		{"split", list(t, 0.9, 0.2), "split: [0.9, 0.2]; want fractions with a sum of at most 1, not 1.1"},
		{"split", word("200,0"), `split: "200,0"; want at least one example in each part`},
		{"split", list(t, 0.8), "want [TRAIN, VALIDATION]"},
		{"split", list(t, 1, "x"), "want [TRAIN, VALIDATION]"},
		{"split", list(t, 1, 2, 3), ""},
		{"split", list(t, 1, 2, 3, 4), "want [TRAIN, VALIDATION]"},
		{"split", whole(1), "want [TRAIN, VALIDATION]"},
		{"split", word("0.5,0.5,mix"), "want [TRAIN, VALIDATION]"},
		{"optimizer", word("sdg"), `optimizer: "sdg"; want gd, sgd, rmsprop, adam or adamw`},
		{"nesterov", word("yes"), `nesterov: "yes"; want true or false`},
		{"hidden", list(t, 1, 2, 3, 4, 5), "want 1 to 4 numbers of units"},
		{"hidden", word("ten"), "want 1 to 4 numbers of units"},
		{"hidden", whole(0), "want 1 to 4 numbers of units"},
		{"dropout", whole(1), "dropout: 1; want a number >= 0 and < 1"},
		{"augment", word("flip=2"), "want none, or one or several of shift=PIXELS"},
		{"augment", word("turn=2"), "want none, or one or several of shift=PIXELS"},
		{"standardize", word("yes"), "want true, false or min_max"},
		{"freeze", whole(-1), "want a number of layers from 0 to 4, or body"},
		{"target", word(""), "want the name of a column"},
		{"learning_rate", num(1), "learning_rate: unknown key of the trainer; want lr"},
		{"colour", num(1), "colour: unknown key of the trainer; want one of activation"},
		{"momentun", num(1), "momentun: unknown key of the trainer; want momentum"},
		{"batchsize", num(1), "batchsize: unknown key of the trainer; want batch_size"},
	} {
		t.Run(tt.name+"="+tt.value.Python(), func(t *testing.T) {
			err := CheckValue(tt.name, tt.value)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := NewConfig(map[string]sweep.Value{
		"lr": sweep.IntValue(0), "epochs": sweep.IntValue(0), "adam": sweep.IntValue(0),
	})
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v want 3 problems", err)
	}
}

func TestKeysAreSorted(t *testing.T) {
	names := Keys()
	if len(names) != len(AllKeys()) {
		t.Errorf("got %d names of %d keys", len(names), len(AllKeys()))
	}
	if !slices.IsSorted(names) {
		t.Errorf("got %v want them sorted", names)
	}
	for _, n := range names {
		if err := CheckValue(n, sweep.NullValue()); err != nil {
			t.Errorf("%s: null: %v", n, err)
		}
	}
}
