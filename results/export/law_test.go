package export

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trawl-sweep/trawl/configs"
	"github.com/trawl-sweep/trawl/sweep"
)

// randomDomain draws a domain of any kind.
func randomDomain(rng *rand.Rand) sweep.Domain {
	lo := math.Round(rng.NormFloat64()*1000) / 100
	hi := lo + 0.01 + math.Round(rng.Float64()*10000)/100
	n := float64(rng.IntN(40) - 20)
	switch rng.IntN(10) {
	case 0:
		return sweep.Domain{Dist: sweep.Uniform, Min: lo, Max: hi}
	case 1:
		return sweep.Domain{Dist: sweep.LogUniformValues, Min: math.Abs(lo) + 1e-6, Max: math.Abs(lo) + 1 + hi - lo}
	case 2:
		return sweep.Domain{Dist: sweep.LogUniform, Min: -rng.Float64() * 9, Max: rng.Float64()}
	case 3:
		return sweep.Domain{Dist: sweep.IntUniform, Min: n, Max: n + 1 + float64(rng.IntN(50)), Ints: true}
	case 4:
		return sweep.Domain{Dist: sweep.IntUniform, Min: math.Abs(n) + 1, Max: math.Abs(n) + 2 + float64(rng.IntN(500)), Ints: true, Log: true}
	case 5:
		return sweep.Domain{Dist: sweep.QUniform, Min: lo, Max: lo + 10, Q: []float64{0.1, 0.25, 0.3, 2}[rng.IntN(4)]}
	case 6:
		return sweep.Domain{Dist: sweep.QUniform, Min: n, Max: n + 60, Q: float64(1 + rng.IntN(7)), Ints: true}
	case 7:
		return sweep.Domain{Dist: sweep.Normal, Mu: lo, Sigma: 0.1 + rng.Float64()}
	case 8:
		return sweep.Domain{Dist: sweep.QLogNormal, Mu: rng.Float64(), Sigma: 0.5, Q: 0.5}
	}
	vs := []sweep.Value{sweep.StringValue("a \"é\""), sweep.IntValue(int64(n)), sweep.FloatValue(lo), sweep.BoolValue(true), sweep.NullValue(), sweep.StringValue("1")}
	return sweep.Domain{Dist: sweep.Categorical, Values: vs[:1+rng.IntN(len(vs))]}
}

// What a domain draws is the same value again after Optuna's distribution and
// internal number for it, also as JSON, and what Optuna checks of values holds.
func TestDistributionsKeepValues(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		d := randomDomain(rng)
		if err := d.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var seen []sweep.Value
		for range 20 {
			seen = append(seen, d.Decode(rng.Float64()))
		}
		out := newDistribution(&sweep.Param{Name: "x", Domain: d}, seen)
		doc := string(out.appendJSON(nil))
		back, err := parseOptunaDist(doc)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if back.low != out.low || back.high != out.high || back.step != out.step || back.log != out.log || back.ints != out.ints || len(back.choices) != len(out.choices) {
			t.Errorf("seed %d: %s came back as %+v", seed, doc, back)
		}
		for _, v := range seen {
			x := out.internal(v)
			if got, err := back.external(x); err != nil || got != v {
				t.Fatalf("seed %d: %s: %s came back as %s, %v", seed, doc, v, got, err)
			}
			if out.choices != nil {
				continue
			}
			k := (x - out.low) / out.step // as FloatDistribution._contains and IntDistribution._contains have it
			if x < out.low || x > out.high || out.step > 0 && math.Abs(k-math.Round(k)) >= 1e-8 || out.log && (x <= 0 || out.ints && x < 1) {
				t.Fatalf("seed %d: %s does not hold %v", seed, doc, x)
			}
		}
	}
}

// randomStudy has trials of a few parameters, each of a domain, some without.
func randomStudy(rng *rand.Rand) *Study {
	s := &Study{Name: "s", Source: "a test", Objectives: []sweep.Objective{{Name: "loss", Goal: sweep.Goal(rng.IntN(2))}}}
	if rng.IntN(3) == 0 {
		s.Objectives = append(s.Objectives, sweep.Objective{Name: "size"})
	}
	domains := map[string]sweep.Domain{}
	for i := range 1 + rng.IntN(5) {
		domains[fmt.Sprintf("p.%d %c", i, "äb\"x\\"[rng.IntN(4)])] = randomDomain(rng)
	}
	for range 1 + rng.IntN(20) {
		t := StudyTrial{State: sweep.Finished, Params: map[string]sweep.Value{}}
		for name, d := range domains {
			if rng.IntN(4) > 0 {
				t.Params[name] = d.Decode(rng.Float64())
			}
		}
		s.Trials = append(s.Trials, t)
	}
	s.Trials[0].Params["always"] = sweep.IntValue(1)
	return s
}

// The sweep file that stands for a study is accepted, asks for nothing, and its
// space has every value that a trial had.
func TestDocumentsHoldTheirTrials(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		st := randomStudy(rng)
		if err := st.setParams(func(string) string { return "" }); err != nil {
			t.Fatal(err)
		}
		doc := st.Document("s")
		f, err := configs.Parse("s", doc, configs.Options{})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, doc)
		}
		if f.Spec.RunCap != len(st.Trials) || len(f.Spec.Objectives) != len(st.Objectives) || f.Spec.Objectives[0].Goal != st.Objectives[0].Goal {
			t.Errorf("seed %d: got %+v", seed, f.Spec)
		}
		for _, x := range st.Trials {
			for name, v := range x.Params {
				i, ok := f.Spec.Space.Index(name)
				if !ok {
					t.Fatalf("seed %d: no parameter %q in %s", seed, name, doc)
				}
				if _, ok := f.Spec.Space.Params[i].Domain.Take(v); !ok {
					t.Fatalf("seed %d: %s = %s is outside of %s", seed, name, v, doc)
				}
			}
		}
		if !json.Valid(doc) { // no infinite choice is among the domains above
			t.Errorf("seed %d: no JSON: %s", seed, doc)
		}
	}
}
