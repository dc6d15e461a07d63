package train

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	want := Config{
		Data: "digits", Split: Split{0.7, 0.3, true}, Epochs: 5, BatchSize: 32, LR: 1, Decay: 0.5, DecayPerStep: true,
		Momentum: 0.9, Velocity: true, WeightDecay: 1e-4, ClipNorm: 2, DivergeAbove: 20, Seed: -3,
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("error %v; want and got differ:\n%s", err, d)
	}
	got, err = NewConfig(map[string]sweep.Value{"clip_norm": sweep.NullValue(), "lr": {}})
	if got != Defaults() || err != nil {
		t.Errorf("null and absent: got %+v, %v; want the defaults", got, err)
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
		{"data", word(""), `data: ""; want mnist or a folder of IDX files`},
		{"seed", word("x"), `seed: "x"; want a whole number`},
		{"split", list(t, 8000, 2000), ""},
		{"split", word("8000,2000"), ""},
		{"split", word("[0.8, 0.2]"), ""},
		{"split", word("most"), `split: "most"; want [TRAIN, VALIDATION]`},
		{"split", list(t, 0.9, 0.2), "split: [0.9, 0.2]; want [TRAIN, VALIDATION] as numbers"},
		{"split", list(t, 1, "x"), "want [TRAIN, VALIDATION]"},
		{"split", list(t, 1, 2, 3), "split [1, 2, 3]: not built yet; want two parts"},
		{"optimizer", word("adam"), "optimizer adam: not built yet; want sgd"},
		{"optimizer", word("sdg"), `optimizer: "sdg"; want sgd`},
		{"model", word("mlp"), "model mlp: not built yet; want softmax"},
		{"nesterov", sweep.BoolValue(true), "nesterov: not built yet; want one of"},
		{"learning_rate", num(1), "learning_rate: unknown key of the trainer; want lr"},
		{"colour", num(1), "colour: unknown key of the trainer; want one of batch_size"},
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

func TestKeysAreSortedAndNotRefused(t *testing.T) {
	names := Keys()
	if !slices.IsSorted(names) {
		t.Errorf("got %v want them sorted", names)
	}
	for _, n := range names {
		if slices.Contains(notBuilt, n) {
			t.Errorf("%s is taken and refused", n)
		}
		if err := CheckValue(n, sweep.NullValue()); err != nil {
			t.Errorf("%s: null: %v", n, err)
		}
	}
}

func TestSplitCounts(t *testing.T) {
	for _, tt := range []struct {
		name             string
		split            Split
		n, front         int
		train, val, fail int
	}{
		{"default", Split{}, 10_000, 0, 8000, 2000, 0},
		{"as the files say", Split{}, 70_000, 60_000, 60_000, 10_000, 0},
		{"counts", Split{100, 50, false}, 1000, 0, 100, 50, 0},
		{"fractions", Split{0.5, 0.25, true}, 1000, 0, 500, 250, 0},
		{"rounded up", Split{0.5, 0.5, true}, 5, 0, 3, 2, 0},
		{"too many", Split{900, 101, false}, 1000, 0, 0, 0, 1},
		{"one example", Split{}, 1, 0, 0, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			train, val, err := tt.split.counts(tt.n, tt.front)
			if train != tt.train || val != tt.val || (err != nil) != (tt.fail != 0) {
				t.Errorf("got %d %d %v want %d %d", train, val, err, tt.train, tt.val)
			}
		})
	}
}
