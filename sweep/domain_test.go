package sweep

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// domains are one of each distribution and of the corners of some.
func domains() map[string]Domain {
	values := func(vs ...Value) []Value { return vs }
	a, b, one, onef := StringValue("a"), StringValue("b"), IntValue(1), FloatValue(1)
	return map[string]Domain{
		"constant":               {Dist: Constant, Values: values(a)},
		"categorical":            {Dist: Categorical, Values: values(a, b, one, NullValue(), BoolValue(true))},
		"duplicates":             {Dist: Categorical, Values: values(one, b, onef, one, FloatValue(math.NaN()))},
		"weighted":               {Dist: CategoricalWeighted, Values: values(a, b, one), Probabilities: []float64{0.1, 0.7, 0.2}},
		"int_uniform":            {Dist: IntUniform, Min: -3, Max: 7},
		"int_uniform, levels":    {Dist: IntUniform, Min: 1, Max: 1000, Levels: 7},
		"int_uniform, log":       {Dist: IntUniform, Min: 1, Max: 4096, Log: true},
		"int_uniform, log level": {Dist: IntUniform, Min: 1, Max: 40, Log: true, Levels: 30},
		"int_uniform, wide":      {Dist: IntUniform, Min: -1 << 47, Max: 1 << 46, Levels: 5},
		"uniform":                {Dist: Uniform, Min: -1, Max: 0.3, Levels: 14},
		"q_uniform":              {Dist: QUniform, Min: 0.1, Max: 0.3, Q: 0.1},
		"q_uniform, ints":        {Dist: QUniform, Min: -5, Max: 17, Q: 4, Ints: true},
		"log_uniform":            {Dist: LogUniform, Min: -5, Max: 0, Levels: 3},
		"q_log_uniform":          {Dist: QLogUniform, Min: 0, Max: 5, Q: 0.5},
		"log_uniform_values":     {Dist: LogUniformValues, Min: 1e-4, Max: 10, Levels: 6},
		"q_log_uniform_values":   {Dist: QLogUniformValues, Min: 1, Max: 1000, Q: 8, Ints: true, Levels: 12},
		"inv_log_uniform":        {Dist: InvLogUniform, Min: 0, Max: 5, Levels: 1},
		"inv_log_uniform_values": {Dist: InvLogUniformValues, Min: 0.9, Max: 1, Levels: 2},
		"normal":                 {Dist: Normal, Mu: 5, Sigma: 2, Levels: 5},
		"q_normal":               {Dist: QNormal, Mu: -1, Sigma: 3, Q: 0.25, Levels: 40},
		"log_normal":             {Dist: LogNormal, Mu: 0, Sigma: 1, Levels: 4},
		"q_log_normal":           {Dist: QLogNormal, Mu: 3, Sigma: 1, Q: 4, Ints: true, Levels: 9},
		"beta":                   {Dist: Beta, A: 2, B: 5, Levels: 3},
		"beta, arcsine":          {Dist: Beta, A: 0.5, B: 0.5, Levels: 3},
		"q_beta":                 {Dist: QBeta, A: 2, B: 5, Q: 0.1},
	}
}

// TestQuantiles compares with W&B's own quantile functions. Its quantised
// values are first moved inside the bounds, which W&B lets them leave.
func TestQuantiles(t *testing.T) {
	raw, err := os.ReadFile("../../shared/cases/distribution_quantiles.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the table of W&B's quantiles is not here")
	} else if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Filled map[string]json.RawMessage
		Error  string
		Q      []float64
		PPF    []Value
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Error != "" {
			continue // for the reader of sweep files to find
		}
		d := filled(t, c.Filled)
		if err := d.Check(); err != nil {
			t.Fatalf("%s: %v", d.Dist, err)
		}
		for i, q := range c.Q {
			if q < 0.025 || q > 0.999 {
				continue
			}
			got, want := d.Decode(q), c.PPF[i]
			if d.quantised() {
				kmin, kmax := d.steps()
				want = d.multiple(clamp(math.Round(want.num/d.Q), kmin, kmax))
			}
			if got.Kind() != want.Kind() || math.Abs(got.num-want.num) > 1e-9*math.Abs(want.num) || got.Text() != want.Text() {
				t.Errorf("%s: Decode(%v): got %v, want %v", d.Dist, q, got, want)
			}
		}
	}
}

// filled makes a domain of W&B's own description of a parameter.
func filled(t *testing.T, raw map[string]json.RawMessage) (d Domain) {
	t.Helper()
	ints := true
	for name, at := range map[string]*float64{"min": &d.Min, "max": &d.Max, "mu": &d.Mu, "sigma": &d.Sigma, "a": &d.A, "b": &d.B, "q": &d.Q} {
		var v Value
		if raw[name] == nil {
			continue
		} else if err := json.Unmarshal(raw[name], &v); err != nil {
			t.Fatal(err)
		}
		*at = v.num
		ints = ints && v.Kind() == Int
	}
	for name, at := range map[string]any{"distribution": &d.Dist, "values": &d.Values, "probabilities": &d.Probabilities} {
		if raw[name] != nil {
			if err := json.Unmarshal(raw[name], at); err != nil {
				t.Fatal(err)
			}
		}
	}
	if raw["value"] != nil {
		d.Values = make([]Value, 1)
		if err := json.Unmarshal(raw["value"], &d.Values[0]); err != nil {
			t.Fatal(err)
		}
	}
	d.Ints = ints && (d.quantised() || d.Dist == IntUniform)
	return d
}

func TestDomainLaws(t *testing.T) {
	for name, d := range domains() {
		t.Run(name, func(t *testing.T) {
			if err := d.Check(); err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				u := rapid.Float64Range(0, math.Nextafter(1, 0)).Draw(t, "u")
				v := d.Decode(u)
				if !d.Contains(v) {
					t.Fatalf("Decode(%v) = %v is not in the domain", u, v)
				}
				w, ok := d.Encode(v)
				if !ok || !(w >= 0 && w <= 1) {
					t.Fatalf("Encode(%v): got %v, %v; want 0 to 1", v, w, ok)
				}
				if u < 1e-6 || u > 1-1e-6 {
					return // the tails: float64 cannot tell the cells apart
				}
				if got := d.Decode(w); !got.Equal(v) && !near(got, v) {
					t.Fatalf("Decode(%v) = %v, encoded as %v, decoded as %v", u, v, w, got)
				}
				if d.family() != choice && !d.Discrete() && math.Abs(w-u) > 1e-9 {
					t.Fatalf("Encode(Decode(%v)) = %v", u, w)
				}
			})
		})
	}
}

// near allows continuous values the last places that inverse functions cost.
func near(v, w Value) bool {
	return v.kind == Float && math.Abs(v.num-w.num) <= 1e-14*math.Abs(w.num)
}

func TestEncodeIsExactForEveryDiscreteValue(t *testing.T) {
	for name, d := range domains() {
		n, finite := d.Card()
		if !finite || n > 1e5 {
			continue
		}
		d.Levels = 0
		for i := range n {
			v := d.GridAt(i)
			u, ok := d.Encode(v)
			if got := d.Decode(u); !ok || !got.Equal(v) {
				t.Errorf("%s: %v is encoded as %v (%v) and decoded as %v", name, v, u, ok, got)
			}
		}
	}
}

func TestEncodeGivesBackTheSameFloat(t *testing.T) {
	for _, d := range []Domain{domains()["uniform"], domains()["log_uniform_values"], domains()["inv_log_uniform"]} {
		rng := Query{Seed: 1}.Rand(0)
		missed := 0
		for range 1000 {
			v := d.Decode(rng.Float64())
			if u, _ := d.Encode(v); d.Decode(u) != v {
				missed++
			}
		}
		if missed > 0 {
			t.Errorf("%s: %d of 1000 floats do not survive Encode and Decode", d.Dist, missed)
		}
	}
}

func TestDecodeIsTotal(t *testing.T) {
	for name, d := range domains() {
		for _, u := range []float64{0, 1, -1, 2, math.NaN(), math.Inf(1), math.SmallestNonzeroFloat64, 0x1p-60} {
			if v := d.Decode(u); d.family() != choice && !finite(v.num) {
				t.Errorf("%s: Decode(%v): got %v; want a finite value", name, u, v)
			}
		}
	}
}

func TestDecodeIsMonotone(t *testing.T) {
	for name, d := range domains() {
		if d.family() == choice {
			continue
		}
		last := math.Inf(-1)
		for i := range 2001 {
			v := d.Decode(float64(i) / 2000)
			if v.num < last {
				t.Fatalf("%s: Decode(%v) = %v after %v", name, float64(i)/2000, v, last)
			}
			last = v.num
		}
	}
}

// TestEqualShares: by theory each choice and integer has the same probability.
// With 1e5 draws of 5 cells a count is within 6 standard deviations (759) of
// 20,000 but for 2e-9.
func TestEqualShares(t *testing.T) {
	d := Domain{Dist: IntUniform, Min: 1, Max: 5}
	rng := Query{Seed: 3}.Rand(0)
	var count [6]int
	for range 100_000 {
		i, _ := d.Decode(rng.Float64()).Int64()
		count[i]++
	}
	for i, n := range count[1:] {
		if n < 20_000-759 || n > 20_000+759 {
			t.Errorf("seed 3: %d was drawn %d times; want about 20000", i+1, n)
		}
	}
}

func TestBetaQuantileAgainstClosedForms(t *testing.T) {
	for _, u := range []float64{1e-9, 0.001, 0.1, 0.5, 0.9, 0.9999} {
		for _, tt := range []struct {
			a, b, want float64
		}{
			{1, 1, u},
			{3, 1, math.Cbrt(u)},
			{1, 4, -math.Expm1(math.Log1p(-u) / 4)},
			{0.5, 0.5, math.Pow(math.Sin(math.Pi*u/2), 2)},
		} {
			d := Domain{Dist: Beta, A: tt.a, B: tt.b}
			if got := d.Decode(u).num; math.Abs(got-tt.want) > 1e-10*tt.want {
				t.Errorf("beta(%v, %v) at %v: got %v, want %v", tt.a, tt.b, u, got, tt.want)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	one := []Value{IntValue(1)}
	for _, tt := range []struct {
		name string
		d    Domain
		want string
	}{
		{"zero domain", Domain{}, `distribution ""`},
		{"unknown distribution", Domain{Dist: "gauss"}, `distribution "gauss"`},
		{"no values", Domain{Dist: Categorical}, "no values"},
		{"two constants", Domain{Dist: Constant, Values: []Value{NullValue(), NullValue()}}, "2 values; want one"},
		{"missing value", Domain{Dist: Categorical, Values: []Value{{}}}, "value 1 is missing"},
		{"probabilities", Domain{Dist: CategoricalWeighted, Values: one, Probabilities: []float64{0.5}}, "sum to 0.5; want 1"},
		{"negative probability", Domain{Dist: CategoricalWeighted, Values: one, Probabilities: []float64{-1}}, "probability -1"},
		{"number of probabilities", Domain{Dist: CategoricalWeighted, Values: one}, "0 probabilities for 1 values"},
		{"bounds swapped", Domain{Dist: Uniform, Min: 5, Max: 1}, "min 5 is not less than max 1"},
		{"bounds equal", Domain{Dist: IntUniform, Min: 5, Max: 5}, "min 5 is not less than max 5"},
		{"infinite bound", Domain{Dist: Uniform, Max: math.Inf(1)}, "want finite numbers"},
		{"range too wide", Domain{Dist: Uniform, Min: -1e308, Max: 1e308}, "want a range"},
		{"fraction", Domain{Dist: IntUniform, Min: 0.5, Max: 3}, "want integers"},
		{"zero on a log scale", Domain{Dist: LogUniformValues, Max: 1}, "min 0 on a log scale; want > 0"},
		{"integer zero on a log scale", Domain{Dist: IntUniform, Max: 8, Log: true}, "min 0 on a log scale; want > 0"},
		{"exponents out of range", Domain{Dist: LogUniform, Min: 1, Max: 1000}, "exponents of e"},
		{"step zero", Domain{Dist: QUniform, Max: 1}, "q 0; want"},
		{"step of integers", Domain{Dist: QUniform, Max: 9, Q: 0.5, Ints: true}, "q 0.5; want an integer"},
		{"step too large", Domain{Dist: QUniform, Min: 1, Max: 2, Q: 5}, "no multiple of q 5 lies in 1 to 2"},
		{"step too small", Domain{Dist: QUniform, Max: 1, Q: 1e-300}, "too small"},
		{"sigma", Domain{Dist: Normal}, "sigma > 0"},
		{"beta", Domain{Dist: Beta, A: 1}, "want finite numbers > 0"},
		{"levels", Domain{Dist: Uniform, Max: 1, Levels: -1}, "levels -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.d.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want %q", err, tt.want)
			}
		})
	}
}

func TestTake(t *testing.T) {
	all := domains()
	for _, tt := range []struct {
		name, domain string
		v, want      Value // Absent: outside
	}{
		{"integer for a float", "uniform", IntValue(0), FloatValue(0)},
		{"bound with slack", "uniform", FloatValue(0.30000000000000004), FloatValue(0.30000000000000004)},
		{"outside", "uniform", FloatValue(0.31), Value{}},
		{"nan", "uniform", FloatValue(math.NaN()), Value{}},
		{"text", "uniform", StringValue("0"), Value{}},
		{"boolean", "uniform", BoolValue(false), Value{}},
		{"float for an integer", "int_uniform", FloatValue(3), IntValue(3)},
		{"fraction for an integer", "int_uniform", FloatValue(3.5), Value{}},
		{"above", "int_uniform", IntValue(8), Value{}},
		{"multiple", "q_uniform", FloatValue(3 * 0.1), FloatValue(0.3)},
		{"no multiple", "q_uniform", FloatValue(0.25), Value{}},
		{"integer multiple", "q_uniform, ints", FloatValue(8), IntValue(8)},
		{"equal choice", "categorical", FloatValue(1), IntValue(1)},
		{"own spelling of a choice", "duplicates", FloatValue(1), FloatValue(1)},
		{"choice as text", "categorical", StringValue("1"), Value{}},
		{"null", "categorical", NullValue(), NullValue()},
		{"constant", "constant", StringValue("b"), Value{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := all[tt.domain].Take(tt.v)
			if ok == tt.want.IsAbsent() || got != tt.want {
				t.Errorf("got %#v, %v; want %#v", got, ok, tt.want)
			}
		})
	}
}

func TestWant(t *testing.T) {
	all := domains()
	for name, want := range map[string]string{
		"constant":           "a",
		"categorical":        "one of a, b, 1, None, True",
		"int_uniform":        "an integer, -3 to 7",
		"q_uniform":          "a multiple of 0.1, 0.1 to 0.3",
		"log_uniform_values": "0.0001 to 10",
		"normal":             "a number",
		"log_normal":         "at least 0",
		"q_normal":           "a multiple of 0.25",
	} {
		if got := all[name].Want(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
