package benchfn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// minimisers are the points that the documentation names.
var minimisers = map[string][]map[string]any{
	"branin":      {{"x01": -math.Pi, "x02": 12.275}, {"x01": math.Pi, "x02": 2.275}, {"x01": 3 * math.Pi, "x02": 2.475}},
	"hartmann6":   {{"x01": 0.20169, "x02": 0.150011, "x03": 0.476874, "x04": 0.275332, "x05": 0.311652, "x06": 0.6573}},
	"ackley5":     {{"x01": 10.5, "x02": -7.3, "x03": 4.9, "x04": -12.1, "x05": 8.7}},
	"rosenbrock4": {{"x01": 1.8, "x02": -0.1, "x03": 1.4, "x04": 0.4}},
	"levy10": {{"x01": 3.3, "x02": -2.1, "x03": 2.4, "x04": -3.2, "x05": 4.7, "x06": -0.9, "x07": 3.8,
		"x08": -1.6, "x09": 1.9, "x10": -2.6}},
	"rastrigin5": {{"x01": 1.3, "x02": -0.8, "x03": 2.1, "x04": -1.7, "x05": 0.6}},
	"mixed":      {{"act": "gelu", "depth": 5, "lr": 1e-3, "opt": "adam", "width": 160}},
	"training":   {{"clip": math.Pow(10, 0.3), "decay": math.Pow(10, -3.6), "lr": 0.15 * math.Pow(10, -0.6), "momentum": 0.85}},
}

func value(x any) sweep.Value {
	switch x := x.(type) {
	case int:
		return sweep.IntValue(int64(x))
	case float64:
		return sweep.FloatValue(x)
	}
	return sweep.StringValue(x.(string))
}

func TestMinimisers(t *testing.T) {
	for _, f := range All() {
		all := minimisers[f.Name]
		if len(all) == 0 {
			t.Errorf("%s: no minimiser", f.Name)
		}
		for _, at := range all {
			named := map[string]sweep.Value{}
			for name, x := range at {
				named[name] = value(x)
			}
			p, err := f.Space.FromNames(named)
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			// Published minimisers have 6 digits; curvatures are below 100.
			if got := f.True(p); math.Abs(got-f.Min) > 1e-9 || f.Regret(p) > 1e-9 {
				t.Errorf("%s: got %v, regret %v; want %v", f.Name, got, f.Regret(p), f.Min)
			}
			for d, u := range f.Space.Encode(p) {
				if math.Abs(u-0.5) < 0.01 {
					t.Errorf("%s: coordinate %d of the minimum is %v, in the centre", f.Name, d, u)
				}
			}
		}
	}
}

// TestNothingBelowTheMinimum walks downhill from random starts.
func TestNothingBelowTheMinimum(t *testing.T) {
	for _, f := range All() {
		rng := rand.New(rand.NewPCG(3, 4))
		at := func(u []float64) float64 {
			p, _, err := f.Space.Decode(u)
			if err != nil {
				t.Fatal(err)
			}
			return f.True(p)
		}
		least := math.Inf(1)
		for range 30 {
			u := make([]float64, len(f.Space.Dims()))
			for d := range u {
				u[d] = rng.Float64()
			}
			best, step := at(u), 0.3
			for range 300 {
				v := make([]float64, len(u))
				for d := range v {
					v[d] = min(1, max(0, u[d]+step*rng.NormFloat64()))
				}
				if y := at(v); y < best {
					u, best, step = v, y, step*1.5
				} else {
					step *= 0.93
				}
			}
			least = min(least, best)
		}
		if least < f.Min-1e-9 {
			t.Errorf("%s: %v is below the minimum %v", f.Name, least, f.Min)
		}
	}
}

func TestNoise(t *testing.T) {
	for _, f := range All() {
		p, _, err := f.Space.Decode(make([]float64, len(f.Space.Dims())))
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		var s, ss float64
		const n = 4000
		for range n {
			d := f.Eval(p, rng) - f.True(p)
			s, ss = s+d, ss+d*d
		}
		want := 0.0
		if f.Name == "training" {
			want = trainingSigma
		}
		// The sd of the sd is σ/√(2n) = 0.011 σ, of the mean 0.016 σ; 6 of each.
		if sd := math.Sqrt(ss / n); math.Abs(sd-want) > 0.07*want || math.Abs(s/n) > 0.1*want {
			t.Errorf("%s: noise has mean %v, sd %v; want 0, %v", f.Name, s/n, sd, want)
		}
	}
}

func TestTrainingDiverges(t *testing.T) {
	f := Training()
	p, err := f.Space.FromNames(map[string]sweep.Value{"clip": sweep.FloatValue(2), "decay": sweep.FloatValue(1e-4),
		"lr": sweep.FloatValue(1), "momentum": sweep.FloatValue(0.9)})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.True(p); got != trainingPlateau {
		t.Errorf("got %v, want the plateau", got)
	}
}
