package train

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-sweep/trawl/runner/train/ckpt"
	"github.com/trawl-sweep/trawl/sweep"
)

// deep is small with hidden layers.
func deep() Config {
	c := small()
	c.Hidden, c.Unit, c.LR, c.Epochs = []int{16, 12}, "tanh", 0.05, 2
	return c
}

// trained runs c with checkpoints and returns the folder and the last report.
func trained(t *testing.T, c Config) (dir string, last []sweep.Report) {
	t.Helper()
	dir = t.TempDir()
	res, _ := trace(t, c, Hooks{Dir: dir})
	return dir, res.Last
}

// parsed reads a checkpoint of ours.
func parsed(t *testing.T, path string) ckpt.Checkpoint {
	t.Helper()
	f, err := ckpt.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ckpt.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// first returns the reports of the first step of a run that begins from a
// checkpoint, and what it said of it.
func first(t *testing.T, c Config, dir string) (list []sweep.Report, said string) {
	t.Helper()
	_, err := Run(t.Context(), c, Hooks{Source: source, Dir: dir, Say: func(s string) { said += s + "\n" }, Report: func(_ int64, m []sweep.Report) {
		if list == nil {
			list = m
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return list, said
}

// The metrics of step 0 are those of the checkpoint's last evaluation, exactly.
func TestFineTuningBeginsWhereTheCheckpointEnds(t *testing.T) {
	for _, c := range []Config{small(), deep()} {
		dir, last := trained(t, c)
		tuned := small()
		tuned.InitFrom, tuned.LR, tuned.Epochs, tuned.Optimizer = filepath.Join(dir, CheckpointName), 1e-4, 1, "adam"
		list, said := first(t, tuned, "")
		if len(list) != 4 || list[0].Step != 0 {
			t.Errorf("first report: got %+v want the validation at step 0", list)
		}
		for _, m := range list {
			if want := metric(t, last, m.Name); m.Value != want {
				t.Errorf("%s at step 0: got %v want %v", m.Name, m.Value, want)
			}
		}
		if !strings.Contains(said, "by name: layers.0.weight ← layers.0.weight") {
			t.Errorf("said %q", said)
		}
	}
}

func TestEvaluateIsTheLastReport(t *testing.T) {
	dir, last := trained(t, deep())
	step, list, err := Evaluate(t.Context(), filepath.Join(dir, CheckpointName), nil, Hooks{Source: source})
	if err != nil || step != 42 || len(list) != 4 {
		t.Fatalf("got %+v of step %d, %v", list, step, err)
	}
	for _, m := range list {
		if want := metric(t, last, m.Name); m.Value != want {
			t.Errorf("%s: got %v want %v", m.Name, m.Value, want)
		}
	}
	_, list, err = Evaluate(t.Context(), dir, map[string]sweep.Value{"split": sweep.StringValue("1000,200,300")}, Hooks{Source: source})
	if err != nil || len(list) != 8 || list[4].Name != "test_loss" {
		t.Errorf("with a test part: got %+v, %v", list, err)
	}
}

func TestFrozenLayersStay(t *testing.T) {
	from, _ := trained(t, deep())
	was := parsed(t, filepath.Join(from, CheckpointName))
	for _, tt := range []struct{ freeze, kept int }{{1, 1}, {2, 2}, {FreezeBody, 2}} {
		c := deep()
		c.InitFrom, c.Freeze, c.Seed = filepath.Join(from, CheckpointName), tt.freeze, 8
		dir, _ := trained(t, c)
		is := parsed(t, filepath.Join(dir, CheckpointName))
		for i := range is.Layers {
			same := reflect.DeepEqual(is.Layers[i], was.Layers[i])
			if same != (i < tt.kept) {
				t.Errorf("freeze %d: layer %d unchanged: %v", tt.freeze, i, same)
			}
		}
	}
}

func TestHead(t *testing.T) {
	from, last := trained(t, deep())
	was := parsed(t, filepath.Join(from, CheckpointName))
	c := deep()
	c.InitFrom, c.NewHead, c.Freeze = from, true, FreezeBody
	list, said := first(t, c, "")
	if !strings.Contains(said, "the last layer, 10 × 12, begins anew") {
		t.Errorf("said %q", said)
	}
	if got := metric(t, list, "val_loss"); got == metric(t, last, "val_loss") {
		t.Errorf("a new head has the loss of the old one, %v", got)
	}
	// Other classes need another head: three in a table with the same columns.
	was.Layers[0].In = 4
	was.Layers[0].Weight = make([]float32, 16*4)
	was.Optim = nil
	path := filepath.Join(t.TempDir(), "four.safetensors")
	if err := ckpt.Save(path, was.File()); err != nil {
		t.Fatal(err)
	}
	c = deep()
	c.Data, c.InitFrom, c.Options.Split.Train, c.Options.Split.Val, c.BatchSize = table(t, 60, 3), path, 40, 20, 10
	if _, said = first(t, c, ""); !strings.Contains(said, "the last layer, 3 × 12, begins anew") {
		t.Errorf("said %q", said)
	}
}

// table writes a CSV file of n rows with 4 numbers and one of c classes.
func table(t *testing.T, n, c int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var b strings.Builder
	b.WriteString("a,b,c,d,class\n")
	for i := range n {
		fmt.Fprintf(&b, "%.3f,%.3f,%.3f,%.3f,k%d\n", rng.NormFloat64()+float64(i%c), rng.NormFloat64(), rng.Float64(), rng.Float64(), i%c)
	}
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Half of the weights of each loaded layer are 0 and stay so, through any
// optimizer and a resume.
func TestPrunedWeightsStayZero(t *testing.T) {
	from, _ := trained(t, deep())
	for _, optimizer := range []string{"sgd", "rmsprop", "adam", "adamw"} {
		c := deep()
		c.InitFrom, c.Sparsity, c.Optimizer, c.LR = from, 0.5, optimizer, 0.01
		whole, _ := trained(t, c)
		dir := t.TempDir()
		killed(t, c, dir, 30)
		trace(t, c, Hooks{Dir: dir, Resume: true})
		want, got := parsed(t, filepath.Join(whole, CheckpointName)), parsed(t, filepath.Join(dir, CheckpointName))
		for i, l := range got.Layers {
			w, _ := l.Float32s()
			zeros := 0
			for _, x := range w {
				if x == 0 {
					zeros++
				}
			}
			if zeros != len(w)/2 {
				t.Errorf("%s: layer %d: %d zeros of %d weights; want half", optimizer, i, zeros, len(w))
			}
		}
		if d := cmp.Diff(want.Layers, got.Layers); d != "" {
			t.Errorf("%s: killed and resumed differs:\n%.300s", optimizer, d)
		}
	}
}

// killed runs c until `batches` calls of BeforeBatch were made.
func killed(t *testing.T, c Config, dir string, batches int) {
	t.Helper()
	_, err := Run(t.Context(), c, Hooks{Source: source, Dir: dir, Resume: true, BeforeBatch: func() error {
		if batches--; batches < 0 {
			return errKill
		}
		return nil
	}})
	if !errors.Is(err, errKill) {
		t.Fatalf("got %v want the error of BeforeBatch", err)
	}
}

// A resumed run needs the checkpoint that it once began from no more.
func TestResumeWithoutTheFirstCheckpoint(t *testing.T) {
	from, _ := trained(t, deep())
	c, dir := small(), t.TempDir()
	c.InitFrom = filepath.Join(from, CheckpointName)
	_, want := trace(t, c, Hooks{})
	killed(t, c, dir, 60)
	if err := os.RemoveAll(from); err != nil {
		t.Fatal(err)
	}
	if _, got := trace(t, c, Hooks{Dir: dir, Resume: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("reports differ:\n%s", cmp.Diff(want, got))
	}
}

// A file of PyTorch's nn.Sequential, by order and shape.
func TestForeignNames(t *testing.T) {
	from, last := trained(t, deep())
	f := ckpt.File{}
	for i, l := range parsed(t, filepath.Join(from, CheckpointName)).Layers {
		f.Tensors = append(f.Tensors,
			ckpt.Tensor{Name: fmt.Sprintf("%d.bias", 2*i), Shape: []int{l.Out}, Data: l.Bias},
			ckpt.Tensor{Name: fmt.Sprintf("%d.weight", 2*i), Shape: []int{l.Out, l.In}, Data: l.Weight})
	}
	path := filepath.Join(t.TempDir(), "torch.safetensors")
	if err := ckpt.Save(path, f); err != nil {
		t.Fatal(err)
	}
	c := deep()
	c.InitFrom = path
	list, said := first(t, c, "")
	if got, want := metric(t, list, "val_loss"), metric(t, last, "val_loss"); got != want {
		t.Errorf("val_loss of step 0: got %v want %v", got, want)
	}
	if !strings.Contains(said, "by order and shape: layers.0.weight ← 0.weight [16 784]") {
		t.Errorf("said %q", said)
	}
}

func TestWrongCheckpointsToBeginFrom(t *testing.T) {
	from, _ := trained(t, deep())
	empty := t.TempDir()
	for _, tt := range []struct {
		name string
		set  func(*Config)
		want string
	}{
		{"nowhere", func(c *Config) { c.InitFrom = "nowhere.safetensors" }, "init_from nowhere.safetensors: no such file"},
		{"a folder without one", func(c *Config) { c.InitFrom = empty }, "no best.safetensors in this folder"},
		{"another shape", func(c *Config) { c.Hidden = []int{16, 13} }, "tensor layers.1.weight: shape [12 16]; want [13 16]"},
		{"fewer layers", func(c *Config) { c.Model, c.Hidden, c.Unit = "softmax", nil, "" }, "tensor layers.0.weight: shape [16 784]; want [10 784]"},
		{"more layers", func(c *Config) { c.Hidden = []int{16, 12, 10, 9} }, "no tensor for layers.3.weight; want one of shape [9 10]"},
		{"a new head on nothing", func(c *Config) { c.Model, c.Hidden, c.NewHead = "softmax", nil, true }, "want a layer to take"},
		{"all frozen", func(c *Config) { c.Freeze = 3 }, "want at least one that learns"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := deep()
			c.InitFrom = from
			tt.set(&c)
			if _, err := Run(t.Context(), c, Hooks{Source: source}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v want … %s …", err, tt.want)
			}
		})
	}
}
