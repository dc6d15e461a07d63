package nsga2

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func TestLaws(t *testing.T) { samplertest.Run(t, "nsga2", New) }

// TestCrossover: children stay in the unit interval; far from its bounds their
// mean is that of the parents, and the spread is that of the distribution: half
// of the crossed ones lie within the factor 1/2^(1/21) of the parents' distance.
// Of 40,000 draws 6 standard deviations are 0.012 and 0.015.
func TestCrossover(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	sum, apart, crossed, inner := 0.0, 0, 0, 0
	const n = 40_000
	for range n {
		x, y := rng.Float64(), rng.Float64()
		if c := sbx(rng, x, y); c < 0 || c > 1 {
			t.Fatalf("child %v of %v and %v", c, x, y)
		}
		a, b := 0.4, 0.6
		if rng.IntN(2) == 0 {
			a, b = b, a
		}
		c := sbx(rng, a, b)
		sum += c / n
		if math.Abs(c-0.4) < 0.05 || math.Abs(c-0.6) < 0.05 {
			apart++
		}
		if c != a {
			crossed++
			if c > 0.4 && c < 0.6 {
				inner++
			}
		}
	}
	if math.Abs(sum-0.5) > 0.012 {
		t.Errorf("mean %v, want 0.5", sum)
	}
	if apart < n*98/100 {
		t.Errorf("%d of %d children are near a parent", apart, n)
	}
	if s := float64(inner) / float64(crossed); math.Abs(s-0.5) > 0.022 {
		t.Errorf("a share of %v lies between the parents, want a half", s)
	}
}

// TestPolynomialMutation: in bounds, on both sides alike in the middle.
func TestPolynomialMutation(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	up := 0
	const n = 40_000
	for range n {
		x := rng.Float64()
		if y := polynomial(rng, x); y < 0 || y > 1 {
			t.Fatalf("%v became %v", x, y)
		}
		if polynomial(rng, 0.5) > 0.5 {
			up++
		}
	}
	if s := float64(up) / n; math.Abs(s-0.5) > 0.015 {
		t.Errorf("a share of %v goes up, want a half", s)
	}
}

// TestMutationMovesSteps: a mutated integer is another one, and both
// neighbours come up.
func TestMutationMovesSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, d := range []sweep.Domain{
		{Dist: sweep.IntUniform, Min: 0, Max: 4}, {Dist: sweep.IntUniform, Min: 1, Max: 64, Log: true},
		samplertest.Ints(2, 4), {Dist: sweep.QUniform, Min: 0, Max: 1, Q: 0.25},
	} {
		g := gene{domain: &d, ordered: true, stepped: true}
		card, _ := d.Card()
		for range 200 {
			u := rng.Float64()
			seen := map[sweep.Value]bool{}
			for range 60 {
				y := g.mutate(rng, u)
				if d.Decode(y) == d.Decode(u) {
					t.Fatalf("%s: %v did not change", d.Want(), d.Decode(u))
				}
				seen[d.Decode(y)] = true
			}
			lo, hi := d.Cell(u)
			if lo > 0 && hi < 1 && len(seen) < 2 || len(seen) > int(card) {
				t.Errorf("%s: of %v came only %v", d.Want(), d.Decode(u), seen)
			}
		}
	}
}

func point(t *testing.T, s *sweep.Space, u ...float64) sweep.Point {
	t.Helper()
	p, _, err := s.Decode(u)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPopulation: fronts first, then room; pruned trials last; what has no
// finite value never enters.
func TestPopulation(t *testing.T) {
	space := samplertest.Must([]sweep.Param{{Name: "x", Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}}}, nil)
	any, err := New(sweep.Plan{Space: space, Objectives: []sweep.Objective{{}, {Goal: sweep.Maximize}}, RunCap: 10})
	if err != nil {
		t.Fatal(err)
	}
	s := any.(*Sampler)
	if s.size != smallest {
		t.Fatalf("population %d, want %d", s.size, smallest)
	}
	tell := func(i int, state sweep.State, values ...float64) {
		s.Tell(sweep.Outcome{Proposal: sweep.Proposal{Index: int64(i), Point: point(t, space, float64(i)/20)}, State: state, Values: values})
	}
	tell(0, sweep.Pruned, 0, 9)
	tell(1, sweep.Finished, 2, 2)
	tell(2, sweep.Finished, 1, 2) // dominates 1
	tell(3, sweep.Failed)
	tell(4, sweep.Diverged, math.NaN(), 1)
	tell(5, sweep.Finished, 0, math.Inf(1))
	tell(6, sweep.Finished, 0)
	tell(7, sweep.Killed, 0, 0)
	tell(8, sweep.Finished, 3, 5)
	var order []int64
	for _, m := range s.population {
		order = append(order, m.index)
	}
	if len(order) != 4 || order[2] != 1 || order[3] != 0 || s.told != 8 {
		t.Errorf("population %v after %d outcomes, want 2 and 8, then 1, then 0 after 8", order, s.told)
	}
	for i := 9; i < 20; i++ {
		tell(i, sweep.Finished, float64(-i), float64(-i)) // all on the first front with 2 and 8
	}
	if len(s.population) != s.size || len(s.keys) != s.size {
		t.Errorf("population %d, %d keys, want %d", len(s.population), len(s.keys), s.size)
	}
	for _, m := range s.population {
		if m.pruned || m.index == 1 {
			t.Errorf("trial %d stayed", m.index)
		}
	}
}

// TestOneObjective: with one objective it is an evolution towards its optimum,
// words and integers too.
func TestOneObjective(t *testing.T) {
	space := samplertest.Must([]sweep.Param{
		{Name: "lr", Domain: sweep.Domain{Dist: sweep.LogUniformValues, Min: 1e-4, Max: 1}},
		{Name: "n", Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 1, Max: 30}},
		{Name: "opt", Domain: samplertest.Texts("sgd", "adam", "rmsprop")},
	}, nil)
	const seed = 5
	s, err := New(sweep.Plan{Space: space, Objectives: []sweep.Objective{{Goal: sweep.Maximize}}, RunCap: 400})
	if err != nil {
		t.Fatal(err)
	}
	most := math.Inf(-1)
	for i := range int64(400) {
		ps, err := s.Ask(sweep.Query{First: i, N: 1, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		lr, _ := ps[0].Point[0].Number()
		n, _ := ps[0].Point[1].Number()
		v := -math.Pow(math.Log10(lr)+2.5, 2) - math.Abs(n-23)/10
		if ps[0].Point[2].Text() != "rmsprop" {
			v--
		}
		most = max(most, v)
		s.Tell(sweep.Outcome{Proposal: ps[0], State: sweep.Finished, Values: []float64{v}})
	}
	if most < -0.01 {
		t.Errorf("seed %d: got %v after 400 trials, want at least -0.01", seed, most)
	}
	if _, err := New(sweep.Plan{Space: space}); err == nil {
		t.Error("no objective is taken")
	}
}
