package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA is x·y + z of finite numbers by big floats, rounded once.
func exactFMA(x, y, z float32) float32 {
	b := func(v float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(v)) }
	s := b(x)
	s.Mul(s, b(y))
	s.Add(s, b(z))
	f, _ := s.Float32()
	return f
}

func checkFMA(t *testing.T, x, y, z float32) {
	t.Helper()
	got, want := fma32(x, y, z), exactFMA(x, y, z)
	if got != want {
		t.Fatalf("fma32(%x, %x, %x): got %x, want %x", x, y, z, got, want)
	}
}

// The fused multiply-add of plain Go rounds once: on numbers of all sizes, on
// sums that fall near the middle of two float32, and below the normal numbers.
func TestFMARoundsOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(exponents int) float32 {
		e := 127 - exponents/2 + rng.IntN(exponents)
		return math.Float32frombits(rng.Uint32()&(1<<31|1<<23-1) | uint32(e)<<23)
	}
	naive := 0
	for range 100_000 {
		x, y := random(40), random(40)
		checkFMA(t, x, y, random(40))
		checkFMA(t, x, y, random(250))

		// Half a unit of z, but for one part in 2²⁴ … 2⁴⁴: (1 + d)(1 - d) = 1 - d².
		z := random(20)
		half := math.Float32frombits(math.Float32bits(z)&(0xff<<23)) * 0x1p-24
		d := float32(math.Ldexp(1, -12-rng.IntN(11)))
		for _, h := range []float32{half * (1 + d), -half * (1 + d)} {
			checkFMA(t, h, 1-d, z)
			if float32(float64(h)*float64(1-d)+float64(z)) != exactFMA(h, 1-d, z) {
				naive++
			}
		}

		// Results below the normal numbers.
		s := float32(0x1p-70)
		checkFMA(t, x*s, y*s, random(20)*0x1p-130)
		checkFMA(t, x*0x1p-74, y*0x1p-75, math.Float32frombits(uint32(rng.IntN(16))))
	}
	if naive < 1000 {
		t.Errorf("two roundings differ from one in %d cases, want thousands: the cases are too easy", naive)
	}
}

func TestFMASpecialValues(t *testing.T) {
	inf, nan, big := float32(math.Inf(1)), nan32, float32(math.MaxFloat32)
	negZero := float32(math.Copysign(0, -1))
	tests := []struct{ x, y, z, want float32 }{
		{inf, 0, 1, nan}, {inf, 1, -inf, nan}, {nan, 0, 0, nan}, {0, 0, nan, nan},
		{inf, -2, 1, -inf}, {big, big, -inf, -inf}, {big, big, -big, inf}, {big, 1, big, inf},
		{negZero, 1, negZero, negZero}, {negZero, 1, 0, 0}, {1, 1, -1, 0}, {-1, 1, 1, 0},
		{0x1p-149, 0.5, 0, 0}, {-0x1p-149, 0.5, 0, negZero}, {0x1p-149, 0.75, 0, 0x1p-149},
	}
	for _, tt := range tests {
		got := fma32(tt.x, tt.y, tt.z)
		if !sameBits(got, tt.want) {
			t.Errorf("fma32(%v, %v, %v): got %v, want %v", tt.x, tt.y, tt.z, got, tt.want)
		}
	}
}

// sameBits reports whether a and b are equal to the bit, or both NaN.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}
