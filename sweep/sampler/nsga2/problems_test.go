package nsga2

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pareto"
	"github.com/trawl-sweep/trawl/sweep/sampler/random"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

// A problem is a test problem of several objectives over the unit cube, all
// minimised.
type problem struct {
	name string
	d    int
	ref  []float64 // of the hypervolume
	most float64   // hypervolume of the true front
	f    func(x []float64) []float64
}

// problems are ZDT1 and ZDT2 (Zitzler, Deb and Thiele, Comparison of
// multiobjective evolutionary algorithms, Evol. Comput. 8(2), 2000) with ten
// parameters, and DTLZ2 with three objectives (Deb, Thiele, Laumanns and
// Zitzler, Scalable multi-objective optimization test problems, CEC 2002).
func problems() []problem {
	g := func(x []float64) float64 {
		sum := 0.0
		for _, v := range x[1:] {
			sum += v
		}
		return 1 + 9*sum/float64(len(x)-1)
	}
	return []problem{
		{"zdt1", 10, []float64{1.1, 6}, 1.1*6 - 1.0/3, func(x []float64) []float64 {
			return []float64{x[0], g(x) * (1 - math.Sqrt(x[0]/g(x)))}
		}},
		{"zdt2", 10, []float64{1.1, 6}, 1.1*6 - 2.0/3, func(x []float64) []float64 {
			return []float64{x[0], g(x) * (1 - x[0]/g(x)*x[0]/g(x))}
		}},
		{"dtlz2", 7, []float64{1.5, 1.5, 1.5}, 1.5*1.5*1.5 - math.Pi/6, func(x []float64) []float64 {
			r := 1.0
			for _, v := range x[2:] {
				r += (v - 0.5) * (v - 0.5)
			}
			a, b := x[0]*math.Pi/2, x[1]*math.Pi/2
			return []float64{r * math.Cos(a) * math.Cos(b), r * math.Cos(a) * math.Sin(b), r * math.Sin(a)}
		}},
	}
}

func (p problem) plan(n int, seed int64) sweep.Plan {
	var params []sweep.Param
	for i := range p.d {
		params = append(params, sweep.Param{Name: fmt.Sprintf("x%02d", i), Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}})
	}
	plan := sweep.Plan{Space: samplertest.Must(params, nil), Seed: seed, RunCap: n}
	for i := range p.ref {
		plan.Objectives = append(plan.Objectives, sweep.Objective{Name: fmt.Sprint("f", i)})
	}
	return plan
}

// run returns the hypervolume after n trials, width at a time, as a share of
// what there is.
func (p problem) run(t testing.TB, build func(sweep.Plan) (sweep.Sampler, error), n, width int, seed int64) float64 {
	t.Helper()
	plan := p.plan(n, seed)
	s, err := build(plan)
	if err != nil {
		t.Fatal(err)
	}
	var pending []sweep.Proposal
	var values [][]float64
	next := int64(0)
	for len(values) < n {
		for len(pending) < width {
			ps, err := s.Ask(sweep.Query{First: next, N: 1, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, ps[0])
			next++
		}
		k := len(values) * 7919 % len(pending)
		o := sweep.Outcome{Proposal: pending[k], State: sweep.Finished}
		pending = slices.Delete(pending, k, k+1)
		o.Values = p.f(plan.Space.Encode(o.Point))
		s.Tell(o)
		values = append(values, o.Values)
	}
	return pareto.Hypervolume(values, p.ref) / p.most
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// TestHypervolumeAgainstRandom: what NSGA-II leaves of the hypervolume is less
// than half of what random search leaves on two objectives, less on three, and
// no run of 9 is beyond the true front.
func TestHypervolumeAgainstRandom(t *testing.T) {
	for _, p := range problems() {
		for _, width := range []int{1, 8} {
			var ours, theirs []float64
			for seed := range int64(9) {
				ours = append(ours, p.run(t, New, 300, width, seed))
				theirs = append(theirs, p.run(t, random.New, 300, width, seed))
			}
			if slices.Max(ours) > 1 || slices.Max(theirs) > 1 {
				t.Fatalf("%s: %v and %v of the hypervolume, want at most 1", p.name, ours, theirs)
			}
			if left, want := 1-median(ours), 0.6*(1-median(theirs)); left > want {
				t.Errorf("%s, width %d: %.4f of the hypervolume left, want at most %.4f", p.name, width, left, want)
			}
		}
	}
}

// BenchmarkHypervolume reports the median share of the hypervolume over 20 seeds.
func BenchmarkHypervolume(b *testing.B) {
	for _, p := range problems() {
		for _, n := range []int{100, 300, 1000} {
			for name, build := range map[string]func(sweep.Plan) (sweep.Sampler, error){"nsga2": New, "random": random.New} {
				b.Run(fmt.Sprintf("f=%s/n=%d/sampler=%s", p.name, n, name), func(b *testing.B) {
					var all []float64
					for b.Loop() {
						all = all[:0]
						for seed := range int64(20) {
							all = append(all, p.run(b, build, n, 1, seed))
						}
					}
					b.ReportMetric(median(all), "share")
				})
			}
		}
	}
}
