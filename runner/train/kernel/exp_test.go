package kernel

import (
	"math"
	"testing"
)

// sweep32 calls f with every stride-th float32, of all signs and sizes, NaN and
// infinities among them.
func sweep32(stride uint32, f func(x float32)) {
	for b := uint64(0); b < 1<<32; b += uint64(stride) {
		f(math.Float32frombits(uint32(b)))
	}
	for _, x := range edges32 {
		f(x)
	}
}

var edges32 = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0x1p-149, -0x1p-149, 0x1p-126, -0x1p-126, 0x1.fffffcp-127,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), -nan32, math.MaxFloat32, -math.MaxFloat32,
	88.72283, 88.72284, 88.8, 89, 90, -87.33654, -87.4, -103.97, -103.98, -104, -105, 709, 0.34657, 0.34658,
	5, -5, 10, -10, 14.9, 15, 15.1, -15, 0.7071067, 0.70710677, 0.7071068, 0.99999994, 1.0000001,
}

// worst32 sweeps the arguments in [lo, hi] and returns the largest distance of
// f from want, in units of the last place of want, and where.
func worst32(lo, hi float32, f func(float32) float32, want func(float64) float64) (ulps float64, at float32) {
	sweep32(9973, func(x float32) {
		if !(x >= lo && x <= hi) {
			return
		}
		w := want(float64(x))
		_, e := math.Frexp(w)
		unit := math.Ldexp(1, max(e-24, -149))
		if d := math.Abs(float64(f(x))-w) / unit; !(d <= ulps) {
			ulps, at = d, x
		}
	})
	return ulps, at
}

// logOfTiny is the logarithm of a number below the normal ones, which math.Log
// of Go 1.26 has wrong on amd64 (-709.09 for 2⁻¹⁰⁷⁴, which is e^-744.44).
func logOfTiny(x float64) float64 { return math.Log(x*0x1p60) - 60*math.Ln2 }

func tailOf(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// The float32 functions against those of the standard library in float64, over
// 430,000 arguments of all sizes.
func TestFunctionsOfFloat32(t *testing.T) {
	inf := float32(math.Inf(1))
	tests := []struct {
		name   string
		lo, hi float32
		f      func(float32) float32
		want   func(float64) float64
		limit  float64 // units in the last place
	}{
		{"exp", -103.9, 88.72283, exp32, math.Exp, 1.5},
		{"log", 0x1p-149, math.MaxFloat32, log32, math.Log, 2},
		{"tanh", -inf, inf, tanh32, math.Tanh, 2.5},
		{"gelu", -3, inf, gelu32, func(x float64) float64 { return x * tailOf(x) }, 8},
		{"gelu in the tail", -5, -3, gelu32, func(x float64) float64 { return x * tailOf(x) }, 16},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if ulps, at := worst32(tt.lo, tt.hi, tt.f, tt.want); !(ulps <= tt.limit) {
				t.Errorf("got an error of %.2f units at %v (%x), want <= %v", ulps, at, at, tt.limit)
			} else {
				t.Logf("at most %.2f units, at %v", ulps, at)
			}
		})
	}
}

// The float64 functions against the standard library.
func TestFunctionsOfFloat64(t *testing.T) {
	slope := func(x float64) float64 { return tailOf(x) + x*math.Exp(-x*x/2)*invSqrt2Pi }
	tests := []struct {
		name   string
		lo, hi float64
		f      func(float64) float64
		want   func(float64) float64
		limit  float64 // relative
	}{
		{"exp", -708, 709, exp64, math.Exp, 4e-16},
		{"log", 1e-6, 1e6, log64, math.Log, 5e-16}, {"log near 1", 0.5, 2, log64, math.Log, 5e-16},
		{"log below the normal numbers", 0x1p-1074, 0x1p-1022, log64, logOfTiny, 5e-16},
		{"tanh", -22, 22, tanh64, math.Tanh, 6e-16},
		{"tanh near 0", -1e-3, 1e-3, tanh64, math.Tanh, 6e-16},
		{"gelu", -6, 40, gelu64, func(x float64) float64 { return x * tailOf(x) }, 2e-14},
		{"gelu's slope", 0, 40, geluSlope64, slope, 1e-15},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			worst, at := 0.0, 0.0
			for i := range 100_001 {
				x := tt.lo + (tt.hi-tt.lo)*float64(i)/100_000
				w := tt.want(x)
				if d := math.Abs(tt.f(x)-w) / math.Abs(w); w != 0 && !(d <= worst) {
					worst, at = d, x
				}
			}
			if !(worst <= tt.limit) {
				t.Errorf("got a relative error of %.3g at %v, want <= %v", worst, at, tt.limit)
			}
		})
	}
}

func TestFunctionsAtTheEdges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	negZero := math.Copysign(0, -1)
	tests := []struct {
		name    string
		f64     func(float64) float64
		f32     func(float32) float32
		x, want float64
	}{
		{"exp of Inf", exp64, exp32, inf, inf}, {"exp of -Inf", exp64, exp32, -inf, 0},
		{"exp of NaN", exp64, exp32, nan, nan}, {"exp of 0", exp64, exp32, 0, 1},
		{"exp above the range", exp64, exp32, 710, inf}, {"exp below the range", exp64, exp32, -746, 0},
		{"log of 0", log64, log32, 0, -inf}, {"log of -0", log64, log32, negZero, -inf},
		{"log of -1", log64, log32, -1, nan}, {"log of Inf", log64, log32, inf, inf},
		{"log of NaN", log64, log32, nan, nan}, {"log of 1", log64, log32, 1, 0},
		{"tanh of Inf", tanh64, tanh32, inf, 1}, {"tanh of -Inf", tanh64, tanh32, -inf, -1},
		{"tanh of -0", tanh64, tanh32, negZero, negZero}, {"tanh of NaN", tanh64, tanh32, nan, nan},
		{"gelu of Inf", gelu64, gelu32, inf, inf}, {"gelu of -Inf", gelu64, gelu32, -inf, negZero},
		{"gelu of NaN", gelu64, gelu32, nan, nan}, {"gelu of 0", gelu64, gelu32, 0, 0},
		{"slope of gelu at Inf", geluSlope64, geluSlope32, inf, 1},
		{"slope of gelu at -Inf", geluSlope64, geluSlope32, -inf, 0},
		{"slope of gelu at 0", geluSlope64, geluSlope32, 0, 0.5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			same := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b }
			if got := tt.f64(tt.x); !same(got, tt.want) {
				t.Errorf("float64: got %v, want %v", got, tt.want)
			}
			if got := float64(tt.f32(float32(tt.x))); !same(got, tt.want) {
				t.Errorf("float32: got %v, want %v", got, tt.want)
			}
		})
	}
}
