package gp

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/benchfn"
	"github.com/trawl-sweep/trawl/sweep/sampler/qmc"
)

// BenchmarkAsk measures a proposal and the telling of its result, fits included
// as often as they come: run it with -benchtime of a tenth of n.
func BenchmarkAsk(b *testing.B) {
	f := benchfn.Ackley5()
	for _, n := range []int{100, 300, 1000} {
		b.Run(fmt.Sprintf("sampler=gp/n=%d/d=5", n), func(b *testing.B) {
			s, err := New(sweep.Plan{Space: f.Space, Objectives: loss})
			if err != nil {
				b.Fatal(err)
			}
			start, err := qmc.NewSobol(sweep.Plan{Space: f.Space})
			if err != nil {
				b.Fatal(err)
			}
			ps, err := start.Ask(sweep.Query{N: n})
			if err != nil {
				b.Fatal(err)
			}
			for _, p := range ps {
				s.Tell(sweep.Outcome{Proposal: p, State: sweep.Finished, Values: []float64{f.True(p.Point)}})
			}
			i := int64(n)
			if _, err := s.Ask(sweep.Query{First: i, N: 1}); err != nil { // the fit
				b.Fatal(err)
			}
			for b.Loop() { // told as well, so that fits come when they do
				got, err := s.Ask(sweep.Query{First: i, N: 1})
				if err != nil {
					b.Fatal(err)
				}
				s.Tell(sweep.Outcome{Proposal: got[0], State: sweep.Finished, Values: []float64{f.True(got[0].Point)}})
				i++
			}
		})
	}
}

// BenchmarkRegret reports the median regret of 20 seeds after 50 and 100 trials
// on the test functions.
func BenchmarkRegret(b *testing.B) {
	for _, f := range benchfn.All() {
		b.Run("sampler=gp/f="+f.Name, func(b *testing.B) {
			for b.Loop() {
				at := regrets(b, f, 20, 50, 100)
				for i, n := range []int{50, 100} {
					slices.Sort(at[i])
					b.ReportMetric((at[i][9]+at[i][10])/2, fmt.Sprintf("regret@%d", n))
				}
			}
		})
	}
}

// BenchmarkTables reports the geometric mean, over the recorded tables, of the
// mean normalised regret of 8 seeds.
func BenchmarkTables(b *testing.B) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "cases", "tables")
	if _, err := os.Stat(dir); err != nil {
		b.Skip("no shared cases beside the checkout")
	}
	tables, err := benchfn.Tables(dir)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sum := make([]float64, 3)
		for _, f := range tables {
			for i, all := range regrets(b, f, 8, 50, 100, 200) {
				mean := 0.0
				for _, r := range all {
					mean += r / 8
				}
				sum[i] += math.Log(mean) / float64(len(tables))
			}
		}
		for i, n := range []int{50, 100, 200} {
			b.ReportMetric(math.Exp(sum[i]), fmt.Sprintf("regret@%d", n))
		}
	}
}

// regrets returns, for each number of trials, the regrets of all seeds.
func regrets(b *testing.B, f *benchfn.Function, seeds int64, after ...int) [][]float64 {
	out := make([][]float64, len(after))
	for seed := range seeds {
		trace, err := benchfn.Run(New, f, after[len(after)-1], seed, 1)
		if err != nil {
			b.Fatal(err)
		}
		for i, n := range after {
			out[i] = append(out[i], trace[n-1])
		}
	}
	return out
}
