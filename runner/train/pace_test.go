package train

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/trawl-sweep/trawl/runner/train/data"
)

// BenchmarkPace trains one epoch per iteration, as bench/compare.sh has other
// programs do: 8,000 images, mini-batches of 128, momentum 0.9. The evaluation
// is left out. CPU time is that of the process, its garbage collector included.
func BenchmarkPace(b *testing.B) {
	for _, model := range []struct {
		name   string
		hidden []int
	}{{"softmax", nil}, {"mlp", []int{256, 128}}} {
		b.Run("model="+model.name, func(b *testing.B) {
			c := Defaults()
			c.Options.Split = data.Split{Train: 8000}
			c.BatchSize, c.LR, c.Momentum, c.Hidden, c.Epochs = 128, 0.05, 0.9, model.hidden, 1_000_000
			r, err := newRun[float32](c, Hooks{Source: source}, nil)
			if err != nil {
				b.Fatal(err)
			}
			epoch := func() {
				if _, why, err := r.period(b.Context()); why != "" || err != nil {
					b.Fatal(why, err)
				}
			}
			epoch()
			began := cpuSeconds(b)
			for b.Loop() {
				epoch()
			}
			b.ReportMetric(float64(8000*b.N)/(cpuSeconds(b)-began), "examples/cpu-s")
		})
	}
}

// BenchmarkGroupPace is BenchmarkPace for softmax models together; its figure is
// that of all of them.
func BenchmarkGroupPace(b *testing.B) {
	for _, n := range []int{4, 8, 16, 32} {
		b.Run(fmt.Sprintf("models=%d", n), func(b *testing.B) {
			g := newGroup(b, n)
			epoch := func() {
				for range g.lead.perEpoch {
					g.step(b.Context())
				}
			}
			epoch()
			began := cpuSeconds(b)
			for b.Loop() {
				epoch()
			}
			b.ReportMetric(float64(8000*n*b.N)/(cpuSeconds(b)-began), "examples/cpu-s")
		})
	}
}

func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
