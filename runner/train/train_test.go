package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trawl-sweep/trawl/configs/examples"
	"github.com/trawl-sweep/trawl/runner/train/ckpt"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/sweep"
)

// source is shared by the tests: it loads the images once.
var source = &data.Source{Embedded: examples.FS}

// small is a run of a fraction of a second that uses every part.
func small() Config {
	c := Defaults()
	c.Options.Split = data.Split{Train: 1000, Val: 200}
	c.Epochs, c.BatchSize = 4, 48 // 48 does not divide 1000
	c.LR, c.Momentum, c.Decay, c.WeightDecay, c.ClipNorm, c.Seed = 0.2, 0.9, 0.3, 1e-3, 0.5, 7
	return c
}

// trace runs c and returns its result, and each report as a text to the bit.
func trace(t *testing.T, c Config, h Hooks) (Result, []string) {
	t.Helper()
	var lines []string
	h.Source = source
	h.Report = func(step int64, metrics []sweep.Report) {
		line := fmt.Sprint(step)
		for _, m := range metrics {
			if m.Step != step {
				t.Errorf("report of step %d within step %d", m.Step, step)
			}
			line += fmt.Sprintf(" %s=%x", m.Name, m.Value)
		}
		lines = append(lines, line)
	}
	res, err := Run(t.Context(), c, h)
	if err != nil {
		t.Fatal(err)
	}
	return res, lines
}

func metric(t *testing.T, list []sweep.Report, name string) float64 {
	t.Helper()
	for _, m := range list {
		if m.Name == name {
			return m.Value
		}
	}
	t.Fatalf("no %s in %v", name, list)
	return 0
}

func TestAccuracyOnTheImages(t *testing.T) {
	c := Defaults()
	c.Epochs, c.Momentum = 3, 0.9
	res, lines := trace(t, c, Hooks{})
	if res.Epochs != 3 || len(lines) != 3 {
		t.Errorf("epochs: got %d with %d reports want 3", res.Epochs, len(lines))
	}
	if a := metric(t, res.Last, "val_accuracy"); a < 0.90 {
		t.Errorf("val_accuracy: got %v want at least 0.9", a)
	}
	if l := metric(t, res.Last, "val_loss"); !(l < 0.4) {
		t.Errorf("val_loss: got %v want below 0.4", l)
	}
}

// The first mini-batch from weights of zero is known: loss log 10.
func TestFirstLossIsThatOfGuessing(t *testing.T) {
	c := small()
	c.Epochs, c.BatchSize, c.LR = 1, 1000, 1e-9
	res, _ := trace(t, c, Hooks{})
	for _, name := range []string{"train_loss", "val_loss"} {
		if got := metric(t, res.Last, name); math.Abs(got-math.Log(10)) > 1e-6 {
			t.Errorf("%s: got %v want log 10", name, got)
		}
	}
}

func TestSameSeedSameBits(t *testing.T) {
	_, a := trace(t, small(), Hooks{})
	_, b := trace(t, small(), Hooks{})
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("two runs differ:\n%s", d)
	}
	c := small()
	c.Seed++
	if _, other := trace(t, c, Hooks{}); reflect.DeepEqual(a, other) {
		t.Error("another seed has the same bits")
	}
}

func TestLearningRateDecays(t *testing.T) {
	c := small()
	c.Epochs = 3
	for _, tt := range []struct {
		name string
		per  bool
		t    float64 // of the last mini-batch
	}{
		{"per epoch", false, 2},
		{"per step", true, 3*21 - 1}, // 1000 / 48 is 21 mini-batches
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.DecayPerStep = tt.per
			res, _ := trace(t, c, Hooks{})
			if got, want := metric(t, res.Last, "learning_rate"), 0.2/(1+0.3*tt.t); math.Abs(got-want) > 1e-15 {
				t.Errorf("got %v want %v", got, want)
			}
		})
	}
}

var errKill = errors.New("kill")

// A run that is killed after any epoch, in the middle of the next, goes on with
// the same bits, and reports again what may have been lost.
func TestResumeHasTheSameBits(t *testing.T) {
	for _, velocity := range []bool{false, true} {
		c := small()
		c.Velocity, c.DecayPerStep = velocity, velocity
		_, want := trace(t, c, Hooks{})
		for epochs := range c.Epochs + 1 {
			dir := t.TempDir()
			left := epochs*21 + 10
			_, err := Run(t.Context(), c, Hooks{Source: source, Dir: dir, BeforeBatch: func() error {
				if left--; left < 0 {
					return errKill
				}
				return nil
			}})
			if !errors.Is(err, errKill) && epochs < c.Epochs {
				t.Fatalf("got %v want the error of BeforeBatch", err)
			}
			res, got := trace(t, c, Hooks{Dir: dir, Resume: true})
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("velocity %v, killed after epoch %d: reports differ:\n%s", velocity, epochs, d)
			}
			if res.Resumed != epochs || res.Epochs != c.Epochs {
				t.Errorf("resumed after %d epochs of %d; want %d", res.Resumed, res.Epochs, epochs)
			}
		}
	}
}

func TestRaisedEpochsGoOn(t *testing.T) {
	c, dir := small(), t.TempDir()
	c.Epochs = 2
	trace(t, c, Hooks{Dir: dir})
	c.Epochs = 4
	res, got := trace(t, c, Hooks{Dir: dir, Resume: true})
	if _, want := trace(t, c, Hooks{}); !reflect.DeepEqual(got, want) || res.Resumed != 2 {
		t.Errorf("resumed %d; got\n%q want\n%q", res.Resumed, got, want)
	}
}

// A checkpoint that is damaged or another's is an error that names it, never a
// panic, and is left as it is.
func TestUselessCheckpoints(t *testing.T) {
	c, dir := small(), t.TempDir()
	c.Epochs = 1
	trace(t, c, Hooks{Dir: dir})
	path := filepath.Join(dir, CheckpointName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.LR = 0.3
	for _, tt := range []struct {
		name   string
		bytes  []byte
		config Config
		want   string
	}{
		{"cut off", whole[:len(whole)/2], c, "cut off"},
		{"empty", nil, c, "at least 8"},
		{"damaged", append(append([]byte{}, whole[:len(whole)-1]...), whole[len(whole)-1]^1), c, "checksum"},
		{"another learning rate", whole, other, "another configuration or other data: lr: 0.2; want 0.3"},
		{"another program's", []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), c, "format"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.bytes, 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Run(t.Context(), tt.config, Hooks{Source: source, Dir: dir, Resume: true})
			if !errors.Is(err, ErrCheckpoint) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v want ErrCheckpoint … %s …", err, tt.want)
			}
		})
	}
}

func TestCheckpointThatCannotBeWritten(t *testing.T) {
	c := small()
	c.Epochs = 2
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	if _, err := Run(t.Context(), c, Hooks{Source: source, Dir: nowhere}); err == nil {
		t.Error("no error and no Warn")
	}
	warned := 0
	res, _ := trace(t, c, Hooks{Dir: nowhere, Warn: func(error) { warned++ }})
	if res.Epochs != 2 || warned != 2 {
		t.Errorf("got %d epochs, %d warnings; want 2 and 2", res.Epochs, warned)
	}
}

func TestDiverged(t *testing.T) {
	c := small()
	c.LR, c.Momentum, c.Decay, c.ClipNorm, c.DivergeAbove = 10, 0.9, 0, 0, 20
	res, lines := trace(t, c, Hooks{})
	if !strings.Contains(res.Diverged, "above diverge_above 20") || len(lines) != res.Epochs+1 {
		t.Errorf("got %q after %d epochs with %d reports", res.Diverged, res.Epochs, len(lines))
	}
	c.ClipNorm = 0.1
	if res, _ := trace(t, c, Hooks{}); res.Diverged != "" {
		t.Errorf("clipped: got %q want no divergence", res.Diverged)
	}
	c.LR, c.ClipNorm, c.DivergeAbove = 1e308, 0, 0
	res, _ = trace(t, c, Hooks{})
	if l := metric(t, res.Last, "train_loss"); res.Diverged == "" || !math.IsNaN(l) && !math.IsInf(l, 0) {
		t.Errorf("weights beyond all bounds: got %q, train_loss %v", res.Diverged, l)
	}
}

func TestCancelIsPrompt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	batches := 0
	_, err := Run(ctx, small(), Hooks{Source: source, BeforeBatch: func() error {
		if batches++; batches == 5 {
			cancel(errKill)
		}
		return nil
	}})
	if !errors.Is(err, errKill) || batches != 5 {
		t.Errorf("got %v after %d mini-batches; want the cause after 5", err, batches)
	}
}

func TestExamplesPerSecondNeedAClock(t *testing.T) {
	now := time.Unix(1, 0)
	c := small()
	c.Epochs = 1
	res, _ := trace(t, c, Hooks{Now: func() time.Time { now = now.Add(time.Second); return now }})
	if got := metric(t, res.Last, "examples_per_second"); got != 1000 {
		t.Errorf("got %v want 1000 in one second", got)
	}
	res, _ = trace(t, c, Hooks{})
	if n, all := len(res.Last), len(metricNames(10, true)); n != all-1 {
		t.Errorf("without a clock: got %d metrics want %d", n, all-1)
	}
}

// A checkpoint of any bytes is an error or a state; never a panic.
func FuzzRestore(f *testing.F) {
	c := small()
	c.Epochs, c.Options.Split = 1, data.Split{Train: 50, Val: 10}
	dir := f.TempDir()
	if _, err := Run(f.Context(), c, Hooks{Source: source, Dir: dir}); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, CheckpointName))
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{whole, whole[:200], whole[:len(whole)-8], nil, []byte("garbage garbage")} {
		f.Add(b)
	}
	r, err := newRun[float32](c, Hooks{Source: source}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := ckpt.Decode(b)
		if err == nil {
			err = r.restore(file)
		}
		if err == nil && (len(r.w) != r.net.Len() || r.step > r.total) {
			t.Fatalf("restored %d weights at step %d, want %d and at most %d", len(r.w), r.step, r.net.Len(), r.total)
		}
	})
}

func BenchmarkPeriod(b *testing.B) {
	for _, size := range []int{8, 64, 128} {
		for _, hidden := range [][]int{nil, {256, 128}} {
			b.Run(fmt.Sprintf("batch=%d/hidden=%d", size, len(hidden)), func(b *testing.B) {
				c := Defaults()
				c.BatchSize, c.Momentum, c.ClipNorm, c.Hidden, c.Epochs = size, 0.9, 1, hidden, 1_000_000
				r, err := newRun[float32](c, Hooks{Source: source}, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := r.period(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(r.set.Train)*b.N)/b.Elapsed().Seconds(), "examples/s")
			})
		}
	}
}
