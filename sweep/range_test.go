package sweep

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestRange(t *testing.T) {
	for _, tt := range []struct {
		name      string
		d         Domain
		low, high Value
		log       bool
		step      float64
		bounded   bool
	}{
		{"uniform", Domain{Dist: Uniform, Min: -1, Max: 2}, FloatValue(-1), FloatValue(2), false, 0, true},
		{"log values", Domain{Dist: LogUniformValues, Min: 1e-5, Max: 0.3}, FloatValue(1e-5), FloatValue(0.3), true, 0, true},
		{"inverse log values", Domain{Dist: InvLogUniformValues, Min: 1e-5, Max: 0.3}, FloatValue(1e-5), FloatValue(0.3), true, 0, true},
		{"exponents", Domain{Dist: LogUniform, Min: 0, Max: 1}, FloatValue(1), FloatValue(math.E), true, 0, true},
		{"integers", Domain{Dist: IntUniform, Min: 1, Max: 9, Ints: true}, IntValue(1), IntValue(9), false, 1, true},
		{"integers on a log scale", Domain{Dist: IntUniform, Min: 1, Max: 9, Ints: true, Log: true}, IntValue(1), IntValue(9), true, 1, true},
		{"multiples inside the bounds", Domain{Dist: QUniform, Min: 0.05, Max: 0.95, Q: 0.1}, FloatValue(0.1), FloatValue(0.9), false, 0.1, true},
		{"multiples of an integer", Domain{Dist: QUniform, Min: 3, Max: 17, Q: 5, Ints: true}, IntValue(5), IntValue(15), false, 5, true},
		{"beta", Domain{Dist: Beta, A: 2, B: 3}, FloatValue(0), FloatValue(1), false, 0, true},
	} {
		r, ok := tt.d.Range()
		if !ok || r.Low != tt.low || r.High != tt.high || r.Log != tt.log || r.Step != tt.step || r.Bounded != tt.bounded {
			t.Errorf("%s: got %+v, %v", tt.name, r, ok)
		}
	}
	if _, ok := (Domain{Dist: Categorical, Values: []Value{IntValue(1)}}).Range(); ok {
		t.Error("choices have a range")
	}
	// The standard normal has 1e-4 of its mass below -3.719.
	r, _ := Domain{Dist: Normal, Mu: 1, Sigma: 2}.Range()
	lo, _ := r.Low.Number()
	hi, _ := r.High.Number()
	if math.Abs(lo-(1-2*3.719016)) > 1e-4 || math.Abs(hi-(1+2*3.719016)) > 1e-4 || r.Bounded {
		t.Errorf("normal: got %+v", r)
	}
}

// Whatever a bounded domain draws lies in its range, on its step.
func TestRangeHoldsDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range []Domain{{Dist: Uniform, Min: -1, Max: 2}, {Dist: LogUniform, Min: -3, Max: 1}, {Dist: QUniform, Min: 0.05, Max: 7, Q: 0.3},
		{Dist: QLogUniformValues, Min: 1, Max: 100, Q: 4, Ints: true}, {Dist: QBeta, A: 1, B: 1, Q: 0.25}, {Dist: IntUniform, Min: 2, Max: 5, Ints: true}} {
		r, _ := d.Range()
		lo, _ := r.Low.Number()
		hi, _ := r.High.Number()
		for range 1000 {
			v := d.Decode(rng.Float64())
			x, _ := v.Number()
			k := (x - lo) / r.Step
			if x < lo-1e-12 || x > hi+1e-12 || v.Kind() != r.Low.Kind() || r.Step > 0 && math.Abs(k-math.Round(k)) > 1e-9 {
				t.Fatalf("%s: %v is not in %+v", d.Dist, v, r)
			}
		}
	}
}
