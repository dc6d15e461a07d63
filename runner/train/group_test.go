package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-sweep/trawl/runner/train/ckpt"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/kernel"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/sweep"
)

// An outcome is how a run ended, with all that it said on the way.
type outcome struct {
	Result  Result
	Err     string
	Reports []string // to the bit
}

// listen makes hooks that write the reports into o.
func (o *outcome) listen(h Hooks) Hooks {
	h.Source = source
	h.Report = func(step int64, metrics []sweep.Report) {
		line := fmt.Sprint(step)
		for _, m := range metrics {
			line += fmt.Sprintf(" %s@%d=%x", m.Name, m.Step, m.Value)
		}
		o.Reports = append(o.Reports, line)
	}
	return h
}

// end is Run's result, but for what cannot be compared.
func (o *outcome) end(res Result, err error) {
	for _, m := range res.Last {
		o.Reports = append(o.Reports, fmt.Sprintf("last %s@%d=%x", m.Name, m.Step, m.Value))
	}
	if res.Last = nil; err != nil {
		o.Err = err.Error()
	}
	o.Result = res
}

// checkGroup compares what the configurations give together and apart. hooks
// makes what a member has besides, anew for each.
func checkGroup(t *testing.T, list []Config, hooks func(i int, dir string) Hooks) (got []outcome) {
	t.Helper()
	if hooks == nil {
		hooks = func(_ int, dir string) Hooks { return Hooks{Dir: dir} }
	}
	want, dirs := make([]outcome, len(list)), make([]string, len(list))
	got = make([]outcome, len(list))
	members := make([]Member, len(list))
	for i, c := range list {
		dirs[i] = t.TempDir()
		res, err := Run(t.Context(), c, want[i].listen(hooks(i, dirs[i])))
		want[i].end(res, err)
		members[i] = Member{c, got[i].listen(hooks(i, filepath.Join(dirs[i], "group")))}
		if err := os.Mkdir(filepath.Join(dirs[i], "group"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	RunGroup(t.Context(), members, func(i int, res Result, err error) {
		n++
		got[i].end(res, err)
	})
	if n != len(list) {
		t.Errorf("%d of %d members ended", n, len(list))
	}
	for i, c := range list {
		if d := cmp.Diff(want[i], got[i]); d != "" {
			t.Errorf("member %d, %s: apart (-) and together (+):\n%s", i, c.text(), d)
		}
		sameCheckpoints(t, dirs[i], filepath.Join(dirs[i], "group"))
	}
	return got
}

// sameCheckpoints compares what runs left in their folders, where +0 is −0: the
// state of an optimizer may have another sign there (see group.sparse).
func sameCheckpoints(t *testing.T, a, b string) {
	t.Helper()
	for _, name := range []string{CheckpointName, BestName} {
		x, err := ckpt.Load(filepath.Join(a, name))
		y, err2 := ckpt.Load(filepath.Join(b, name))
		if err != nil || err2 != nil {
			if !errors.Is(err, os.ErrNotExist) || !errors.Is(err2, os.ErrNotExist) {
				t.Errorf("%s: %v, %v", name, err, err2)
			}
			continue
		}
		if d := cmp.Diff(x.Meta, y.Meta); d != "" || len(x.Tensors) != len(y.Tensors) {
			t.Errorf("%s apart (-) and together (+):\n%s", name, d)
		}
		for i, p := range x.Tensors {
			if q := y.Tensors[i]; p.Name != q.Name || !sameNumbers(p.Data, q.Data) {
				t.Errorf("%s: tensors %s and %s differ", name, p.Name, q.Name)
			}
		}
	}
}

func sameNumbers(a, b any) bool {
	if x, ok := a.([]float32); ok {
		y, ok := b.([]float32)
		return ok && slices.Equal(x, y)
	}
	x, _ := a.([]float64)
	y, ok := b.([]float64)
	return ok && slices.EqualFunc(x, y, func(v, w float64) bool { return v == w || v != v && w != w })
}

// vary is c with everything that members may differ in drawn anew.
func vary(c Config, rng *rand.Rand) Config {
	pick := func(p float64, x float64) float64 {
		if rng.Float64() < p {
			return x
		}
		return 0
	}
	if c.Optimizer != "gd" {
		c.Optimizer = []string{"sgd", "sgd", "rmsprop", "adam", "adamw"}[rng.IntN(5)]
	}
	c.LR = []float64{0.003, 0.03, 0.1, 0.5, 3}[rng.IntN(5)]
	if c.Optimizer != "sgd" && c.Optimizer != "gd" {
		c.LR /= 30
	}
	c.Momentum, c.Velocity, c.Nesterov, c.Dampening = pick(0.7, 0.9), rng.IntN(2) == 0, rng.IntN(2) == 0, pick(0.3, 0.2)
	c.Centered, c.Beta1, c.Rho = rng.IntN(2) == 0, 0.9*rng.Float64(), 0.9+0.09*rng.Float64()
	c.WeightDecay, c.L1, c.L2 = pick(0.3, 1e-2), pick(0.3, 1e-3), pick(0.3, 1e-2)
	c.ClipNorm, c.ClipValue = pick(0.4, 0.3), pick(0.3, 0.02)
	c.Schedule = []string{"inverse_time", "step", "exponential", "cosine", "constant"}[rng.IntN(5)]
	c.Decay, c.LRMin, c.Warmup, c.DecayPerStep = pick(0.6, 0.1), pick(0.2, 1e-3), pick(0.3, 0.7), rng.IntN(4) == 0
	c.Epochs, c.DivergeAbove = 1+rng.IntN(4), pick(0.5, 5)
	if c.Steps = 0; rng.IntN(4) == 0 {
		c.Steps = 3 + rng.IntN(15)
	}
	return c
}

// classy is vary with what only models of classes have.
func classy(c Config, rng *rand.Rand) Config {
	c = vary(c, rng)
	if rng.IntN(3) == 0 {
		c.Smoothing = 0.1
	}
	return c
}

// file writes a small set of data of n examples.
func file(t *testing.T, name string, n int, row func(rng *rand.Rand) string) string {
	path := filepath.Join(t.TempDir(), name)
	rng := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	for range n {
		b.WriteString(row(rng) + "\n")
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// numbers is a set with a number to predict from three.
func numbers(t *testing.T) string {
	return file(t, "numbers.csv", 120, func(rng *rand.Rand) string {
		x, y, z := rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		return fmt.Sprintf("%.4f,%.4f,%.4f,%.4f", x, y, z, 2*x-y+0.1*rng.NormFloat64())
	})
}

// thinClasses is a thin set of 70 classes: a run by itself takes it as sparse.
func thinClasses(t *testing.T) string {
	class := 0
	return file(t, "words.svm", 280, func(rng *rand.Rand) string {
		class = (class + 1) % 70
		line := fmt.Sprint(class)
		for j := 1 + rng.IntN(9); j < 90; j += 5 + rng.IntN(20) {
			line += fmt.Sprintf(" %d:%.3f", j, rng.NormFloat64())
		}
		return line
	})
}

// Each member of a group ends as it does alone, to the bit, whatever the others
// are: result, reports and checkpoints, for dense and sparse examples, in one part
// and in several, with all that may differ drawn at random.
func TestGroupIsRunsApart(t *testing.T) {
	images := Defaults()
	images.Options.Split, images.BatchSize, images.Seed = data.Split{Train: 330, Val: 70}, 48, 7
	with := func(change func(c *Config)) Config {
		c := images
		change(&c)
		return c
	}
	draw := classy
	for _, tt := range []struct {
		name string
		n    int
		c    Config
		draw func(Config, *rand.Rand) Config
	}{
		{"images", 12, images, draw},
		{"fewer than sparse columns", 5, images, draw},
		{"a pair", 2, images, draw},
		{"one", 1, images, draw},
		{"more than a product", 35, with(func(c *Config) { c.Options.Split = data.Split{Train: 100, Val: 20} }), draw},
		{"parts of a mini-batch", 9, with(func(c *Config) { c.BatchSize = 300 }), draw},
		{"descent", 9, with(func(c *Config) { c.Optimizer = "gd" }), draw},
		{"reports between epochs", 8, with(func(c *Config) { c.ReportEvery = 3 }), draw},
		{"a test part", 8, with(func(c *Config) { c.Options.Split = data.Split{Train: 200, Val: 60, Test: 70} }), draw},
		{"no validation", 8, with(func(c *Config) { c.Options.Split = data.Split{Train: 200, Test: 70} }), draw},
		{"augmented", 8, with(func(c *Config) { c.Augment = data.Augment{Shift: 1, Noise: 0.05} }), draw},
		{"standardised, from random weights", 18, with(func(c *Config) {
			c.Options.Standardize, c.Init, c.Options.Split = true, "glorot", data.Split{Train: 100, Val: 20}
		}), draw},
		{"float64", 9, with(func(c *Config) { c.Float64, c.Options.Split = true, data.Split{Train: 120, Val: 30} }), draw},
		{"dense", 8, with(func(c *Config) { c.Data, c.Options = "breast-cancer", data.Options{Standardize: true} }), draw},
		{"many classes", 6, with(func(c *Config) { c.Data, c.Options = thinClasses(t), data.Options{} }), draw},
		{"numbers", 8, with(func(c *Config) { c.Data, c.Options = numbers(t), data.Options{} }), vary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(len(tt.name)), 5))
			var list []Config
			for range tt.n {
				list = append(list, tt.draw(tt.c, rng))
			}
			checkGroup(t, list, nil)
		})
	}
}

// A group has the bits of the runs at each level of instructions.
func TestGroupAtEachLevel(t *testing.T) {
	c := small()
	c.Options.Split = data.Split{Train: 150, Val: 30}
	want := ""
	for _, level := range kernel.Levels() {
		restore, err := kernel.Use(level)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(8, 8))
		hashes := ""
		for _, o := range checkGroup(t, []Config{c, classy(c, rng), classy(c, rng), classy(c, rng), classy(c, rng), classy(c, rng), classy(c, rng)}, nil) {
			hashes += o.Result.Weights + " "
		}
		restore()
		if want == "" {
			want = hashes
		}
		if hashes != want {
			t.Errorf("%s: got %s want %s", level, hashes, want)
		}
	}
}

// Weights beyond all bounds end their member, with what it says when alone, and
// change nothing of the others.
func TestGroupMembersDiverge(t *testing.T) {
	c := Defaults()
	c.Options.Split = data.Split{Train: 300, Val: 60}
	var list []Config
	for i, lr := range []float64{0.1, 1e38, 3e38, 30, 0.3, 1e37, 1e20, 0.05, 1} {
		m := c
		m.LR, m.Momentum, m.WeightDecay = lr, 0.9, []float64{0, 0.1}[i%2]
		m.DivergeAbove = []float64{0, 0, 0, 20}[i%4]
		list = append(list, m)
	}
	diverged := 0
	for _, o := range checkGroup(t, list, nil) {
		if o.Result.Diverged != "" {
			diverged++
		}
	}
	if diverged < 3 || diverged > 6 {
		t.Errorf("%d members diverged; want some", diverged)
	}
}

// An infinite weight that meets zeros alone is no number in a product, though a
// sparse one would skip it.
func TestGroupMeetsInfiniteWeights(t *testing.T) {
	row := 0
	path := file(t, "huge.svm", 40, func(rng *rand.Rand) string {
		line := fmt.Sprint(row % 10)
		if row++; row == 3 {
			line += " 1:1e30" // times the rate of 1e10 it is beyond float32
		}
		return line + fmt.Sprintf(" %d:1 30:0.5", 2+rng.IntN(20))
	})
	c := Defaults()
	c.Model, c.Data, c.BatchSize, c.Epochs, c.Schedule, c.Options.Split = "softmax", path, 2, 3, "constant", data.Split{Train: 40}
	list := slices.Repeat([]Config{c}, 9)
	for i := range list {
		list[i].LR = []float64{1e10, 1e-30, 1e-33}[i%3]
	}
	for i, o := range checkGroup(t, list, nil) {
		if (o.Result.Diverged != "") != (i%3 == 0) {
			t.Errorf("lr %g: diverged: %q", list[i].LR, o.Result.Diverged)
		}
	}
}

// Members that are stopped leave with what Run returns then, at whatever mini-batch
// or evaluation; a checkpoint goes on with the same bits.
func TestGroupMembersLeave(t *testing.T) {
	c := small()
	c.Options.Split = data.Split{Train: 300, Val: 60, Test: 40}
	var list []Config
	rng := rand.New(rand.NewPCG(9, 9))
	for range 10 {
		m := classy(c, rng)
		m.Epochs, m.Steps, m.DivergeAbove = 4, 0, 0
		list = append(list, m)
	}
	got := checkGroup(t, list, func(i int, dir string) Hooks {
		asked := 0
		return Hooks{Dir: dir, BeforeBatch: func() error {
			if asked++; i%3 > 0 && asked > 4*i {
				return errKill
			}
			return nil
		}}
	})
	killed := 0
	for _, o := range got {
		if o.Err == errKill.Error() {
			killed++
		}
	}
	if killed < 4 {
		t.Errorf("%d members were stopped; want 4 at least", killed)
	}
}

func TestCancelledGroup(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	batches := 0
	h := Hooks{Source: source, BeforeBatch: func() error {
		if batches++; batches == 7 {
			cancel(errKill)
		}
		return nil
	}}
	RunGroup(ctx, []Member{{small(), h}, {small(), h}, {small(), h}}, func(i int, _ Result, err error) {
		if !errors.Is(err, errKill) {
			t.Errorf("member %d: got %v want the cause", i, err)
		}
	})
	if batches != 7 {
		t.Errorf("stopped after %d calls; want 7", batches)
	}
}

// A member with a checkpoint goes on from it, and one that cannot begin leaves the
// others alone.
func TestGroupResumesAndFails(t *testing.T) {
	c := small()
	res, _ := trace(t, c, Hooks{})
	dir, short, wrong := t.TempDir(), c, c
	killed(t, c, dir, 30)
	short.Epochs = 2
	wrong.Schedule, wrong.Decay = "step", 2
	shortRes, _ := trace(t, short, Hooks{})
	var got [4]Result
	var errs [4]error
	RunGroup(t.Context(), []Member{{c, Hooks{Source: source, Dir: dir, Resume: true}}, {wrong, Hooks{Source: source}},
		{short, Hooks{Source: source}}, {c, Hooks{Source: source}}}, func(i int, res Result, err error) { got[i], errs[i] = res, err })
	if errs[0] != nil || got[0].Resumed != 1 || got[0].Weights != res.Weights {
		t.Errorf("resumed: got %+v, %v want the weights %s", got[0], errs[0], res.Weights)
	}
	if errs[1] == nil || !strings.Contains(errs[1].Error(), "schedule step") {
		t.Errorf("a bad config: got %v", errs[1])
	}
	if got[2].Weights != shortRes.Weights || got[3].Weights != res.Weights {
		t.Errorf("the others: got %s, %s want %s, %s", got[2].Weights, got[3].Weights, shortRes.Weights, res.Weights)
	}
}

func TestGroupKey(t *testing.T) {
	key, ok := GroupKey(Defaults())
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		c := classy(Defaults(), rng)
		if k, _ := GroupKey(c); k != key || !ok {
			t.Errorf("%s: another key", c.text())
		}
	}
	for name, change := range map[string]func(*Config){
		"data": func(c *Config) { c.Data = "breast-cancer" }, "batch": func(c *Config) { c.BatchSize = 7 }, "seed": func(c *Config) { c.Seed = 3 },
		"precision": func(c *Config) { c.Float64 = true }, "gd": func(c *Config) { c.Optimizer = "gd" }, "init": func(c *Config) { c.Init = "he" },
		"reports": func(c *Config) { c.ReportEvery = 9 }, "split": func(c *Config) { c.Options.Split.Train = 50 },
		"augment": func(c *Config) { c.Augment.Flip = true },
	} {
		c := Defaults()
		change(&c)
		if k, ok := GroupKey(c); k == key || !ok {
			t.Errorf("another %s: the same key, or none", name)
		}
	}
	for name, change := range map[string]func(*Config){
		"hidden": func(c *Config) { c.Hidden = []int{3} }, "mlp": func(c *Config) { c.Model = "mlp" }, "init_from": func(c *Config) { c.InitFrom = "x" },
	} {
		c := Defaults()
		change(&c)
		if _, ok := GroupKey(c); ok {
			t.Errorf("%s: can be in a group", name)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a group of different data: no panic")
		}
	}()
	other := Defaults()
	other.Data = "breast-cancer"
	RunGroup(t.Context(), []Member{{Defaults(), Hooks{}}, {other, Hooks{}}}, nil)
}

// A step of a group allocates nothing.
func TestGroupStepsDoNotAllocate(t *testing.T) {
	for _, n := range []int{5, 12, 40} {
		g := newGroup(t, n)
		step := func() { g.step(t.Context()) }
		for range 30 {
			step()
		}
		if a := testing.AllocsPerRun(30, step); a != 0 {
			t.Errorf("%d members: %v allocations per step", n, a)
		}
	}
}

// newGroup is a group of softmax models on images, at its beginning.
func newGroup(t testing.TB, n int) *group[float32] {
	list := make([]Config, n)
	for i := range list {
		list[i] = Defaults()
		list[i].Options.Split = data.Split{Train: 8000}
		list[i].BatchSize, list[i].LR, list[i].Momentum, list[i].Epochs = 128, 0.01*float64(1+i), 0.9, 1_000_000
	}
	return groupOf[float32](t, list, source)
}

func groupOf[T model.Float](t testing.TB, list []Config, s *data.Source) *group[T] {
	t.Helper()
	g := &group[T]{}
	for i, c := range list {
		if err := g.add(Member{c, Hooks{Source: s}}, i); err != nil {
			t.Fatal(err)
		}
	}
	g.prepare()
	return g
}
