package pruner

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

const (
	curvesPerSeed = 150
	curveSeeds    = 8
)

// readCurves reads the validation losses of a task, one row per configuration,
// or skips the test.
func readCurves(t *testing.T, name string) (curves [][]float64) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "cases", "curves", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the shared curves are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		var curve []float64
		for i, cell := range row {
			if !strings.HasPrefix(rows[0][i], "valid") {
				continue
			}
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				v = math.NaN() // an empty cell: the training blew up
			}
			curve = append(curve, v)
		}
		curves = append(curves, curve)
	}
	return curves
}

// An outcome is what became of a sweep over some of the curves.
type outcome struct {
	steps  int
	best   float64 // lowest at any step that was run
	pruned int
}

// run gives the curves to p, width at a time, a step of each in turn.
func run(p sweep.Pruner, curves [][]float64, width int) (out outcome) {
	out.best = math.Inf(1)
	type running struct {
		id   int
		step int64
	}
	var slots []running
	next := 0
	for {
		for len(slots) < width && next < len(curves) {
			slots = append(slots, running{id: next})
			next++
		}
		if len(slots) == 0 {
			return out
		}
		slots = slices.DeleteFunc(slots, func(r running) bool { return r.id < 0 })
		for i := range slots {
			r := &slots[i]
			id, v := sweep.TrialID(r.id+1), curves[r.id][r.step]
			out.steps++
			out.best = math.Min(out.best, orInf(v))
			stop := p != nil && p.Observe(sweep.Observation{Trial: id, Attempt: 1, Repeat: 1, Name: "loss", Step: r.step, Value: v}).Stop
			r.step++
			switch {
			case stop:
				out.pruned++
				p.Settle(id, sweep.Pruned)
				r.id = -1
			case int(r.step) == len(curves[r.id]):
				if p != nil {
					p.Settle(id, sweep.Finished)
				}
				r.id = -1
			}
		}
		slots = slices.DeleteFunc(slots, func(r running) bool { return r.id < 0 })
	}
}

func orInf(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

// TestCurves replays recorded training runs: the default asha must find the same
// best value as no pruning, with a quarter of the steps at most. With -v it
// prints what the others do.
func TestCurves(t *testing.T) {
	rows := []struct {
		name, kind string
		options
		width  int
		wanted bool // to lose nothing at a quarter of the steps
	}{
		{"asha", "asha", nil, 1, true},
		{"asha, 8 at a time", "asha", nil, 8, false},
		{"asha max_iter 51", "asha", options{"max_iter": sweep.IntValue(51)}, 1, true},
		{"asha min_iter 1 eta 3", "asha", options{"min_iter": sweep.IntValue(1), "eta": sweep.IntValue(3)}, 1, false},
		{"hyperband min_iter 1", "hyperband", options{"min_iter": sweep.IntValue(1)}, 1, false},
		{"hyperband min_iter 4", "hyperband", options{"min_iter": sweep.IntValue(4)}, 1, false},
		{"hyperband, not strict", "hyperband", options{"min_iter": sweep.IntValue(4), "strict": sweep.BoolValue(false)}, 1, false},
		{"median", "median", nil, 1, false},
		{"median min_iter 5", "median", options{"min_iter": sweep.IntValue(5)}, 1, false},
		{"percentile 25", "percentile", options{"percentile": sweep.IntValue(25)}, 1, false},
		{"patience 5", "patience", options{"patience": sweep.IntValue(5)}, 1, false},
		{"patience 3 then median", "patience", options{"patience": sweep.IntValue(3), "then": sweep.StringValue("median")}, 1, false},
		{"threshold upper 1", "threshold", options{"upper": sweep.IntValue(1)}, 1, false},
	}
	for _, task := range []string{"imdb_patch128_LSTM128_avg_bs64", "imdb_patch32_GRU128_bs128"} {
		t.Run(task, func(t *testing.T) {
			curves := readCurves(t, task+".csv.gz")
			for _, row := range rows {
				var steps, all, lost, worst, pruned float64
				for seed := range uint64(curveSeeds) {
					rng := rand.New(rand.NewPCG(seed, 0))
					var chosen [][]float64
					for _, i := range rng.Perm(len(curves))[:curvesPerSeed] {
						chosen = append(chosen, curves[i])
					}
					whole := run(nil, chosen, row.width)
					got := run(mustNew(row.kind, row.options, sweep.Objective{Name: "loss"}), chosen, row.width)
					steps, all, pruned = steps+float64(got.steps), all+float64(whole.steps), pruned+float64(got.pruned)
					if got.best > whole.best {
						lost++
						worst = max(worst, got.best-whole.best)
						if row.wanted {
							t.Errorf("%s: seed %d: got best %v, want %v", row.name, seed, got.best, whole.best)
						}
					}
				}
				if row.wanted && steps > 0.25*all {
					t.Errorf("%s: got %.1f %% of the steps, want 25 at most", row.name, 100*steps/all)
				}
				t.Logf("%-24s %5.1f %% of the steps, best lost in %v of %d seeds, by %.4g at most, %5.1f pruned of %d",
					row.name, 100*steps/all, lost, curveSeeds, worst, pruned/curveSeeds, curvesPerSeed)
			}
		})
	}
}
