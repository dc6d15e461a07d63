package examples_test

import (
	"io/fs"
	"maps"
	"testing"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/configs/examples"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/sweep"
)

// load reads an example, which must have no warning.
func load(t *testing.T, name string) *sweep.Spec {
	t.Helper()
	src, err := fs.ReadFile(examples.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := configs.Parse(name, src, configs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range f.Warnings {
		t.Errorf("warning: %v", w)
	}
	return f.Spec
}

// points are the trials of a grid: the trainer's values with those of a point.
func points(s *sweep.Spec) []map[string]sweep.Value {
	list := []map[string]sweep.Value{maps.Clone(s.Trainer)}
	for _, p := range s.Space.Params {
		var next []map[string]sweep.Value
		for _, m := range list {
			for _, v := range p.Domain.Values {
				n := maps.Clone(m)
				n[p.Name] = v
				next = append(next, n)
			}
		}
		list = next
	}
	return list
}

// source reads the images once for all trials.
var source = &data.Source{Embedded: examples.FS}

// run runs one trial, with fewer images under the race detector, and returns its last report, and whether it diverged.
func run(t *testing.T, values map[string]sweep.Value, dir string) (last map[string]float64, diverged bool) {
	t.Helper()
	if raced {
		values = maps.Clone(values)
		values["split"] = sweep.StringValue("1000,500")
	}
	config, err := train.NewConfig(values)
	if err != nil {
		t.Fatal(err)
	}
	res, err := train.Run(t.Context(), config, train.Hooks{Source: source, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	last = map[string]float64{}
	for _, r := range res.Last {
		last[r.Name] = r.Value
	}
	return last, res.Diverged != ""
}

func TestClipping(t *testing.T) {
	t.Parallel()
	for _, v := range points(load(t, "clipping.yaml")) {
		lr, _ := v["lr"].Number()
		clip, _ := v["clip_norm"].Number()
		last, diverged := run(t, v, "")
		if want := lr == 10 && clip == 0; diverged != want {
			t.Errorf("lr %v, clip_norm %v: diverged %v want %v", lr, clip, diverged, want)
		}
		least := 0.9
		if raced {
			least = 0.7 // an eighth of the images
		}
		if lr == 10 && clip == 0.1 && last["val_accuracy"] < least {
			t.Errorf("rescued: val_accuracy %v want at least %v", last["val_accuracy"], least)
		}
	}
}

func TestOptimizers(t *testing.T) {
	t.Parallel()
	best := map[string]float64{}
	for _, v := range points(load(t, "optimizers.yaml")) {
		last, diverged := run(t, v, "")
		if !diverged {
			best[v["optimizer"].Text()] = max(best[v["optimizer"].Text()], last["val_accuracy"])
		}
	}
	least := 0.85
	if raced {
		least = 0.75 // half of the images
	}
	for _, name := range []string{"sgd", "rmsprop", "adam", "adamw"} {
		if best[name] < least || best[name] < best["gd"]+0.1 {
			t.Errorf("%s: best val_accuracy %v, gd %v; want at least %v, and gd far below", name, best[name], best["gd"], least)
		}
	}
}

func TestFineTuning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run(t, map[string]sweep.Value{
		"hidden": sweep.IntValue(64), "split": sweep.StringValue("4000,1000"), "epochs": sweep.IntValue(4),
		"lr": sweep.FloatValue(0.1), "momentum": sweep.FloatValue(0.9),
	}, dir)
	best := map[bool]float64{}
	for _, v := range points(load(t, "finetune.yaml")) {
		tuned := v["init_from"].Kind() == sweep.String
		if tuned {
			v["init_from"] = sweep.StringValue(dir)
		}
		last, _ := run(t, v, "")
		best[tuned] = max(best[tuned], last["val_accuracy"])
	}
	if best[true] <= best[false] || best[false] < 0.5 {
		t.Errorf("best val_accuracy: fine-tuned %v, from scratch %v; want the first above", best[true], best[false])
	}
}

func TestDecay(t *testing.T) {
	t.Parallel()
	loss := map[string]float64{}
	for _, v := range points(load(t, "decay.yaml")) {
		last, _ := run(t, v, "")
		loss[v["schedule"].Text()] = last["val_loss"]
	}
	for _, name := range []string{"inverse_time", "step", "exponential", "cosine"} {
		if !(loss[name] > 0 && loss[name] < loss["constant"]) {
			t.Errorf("%s: val_loss %v; want below that of a constant rate, %v", name, loss[name], loss["constant"])
		}
	}
}

// Every value that an example gives the trainer is taken by it.
func TestTrainerTakesTheValues(t *testing.T) {
	for _, name := range []string{"clipping.yaml", "optimizers.yaml", "finetune.yaml", "decay.yaml"} {
		for _, v := range points(load(t, name)) {
			if _, err := train.NewConfig(v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Sweep files may name the keys that the trainer has, and no others.
func TestKeysOfSweepFiles(t *testing.T) {
	for _, k := range append(train.Keys(), "nosuch") {
		src := "trainer: {}\nmethod: grid\nmetric: {name: val_loss}\nparameters: {" + k + ": {min: 1, max: 2, levels: 2}}\n"
		f, err := configs.Parse("x.yaml", []byte(src), configs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if warned := len(f.Warnings) > 0; warned != (k == "nosuch") {
			t.Errorf("%s: warnings %v", k, f.Warnings)
		}
	}
}
