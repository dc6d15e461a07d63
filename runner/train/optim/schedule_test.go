package optim

import (
	"math"
	"testing"
)

func TestSchedule(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    Schedule
		want map[int64]float64
	}{
		{"the zero one but for its rate is constant", Schedule{Eta0: 0.3}, map[int64]float64{0: 0.3, 1000: 0.3}},
		{"inverse time per step", Schedule{Eta0: 1, Alpha: 0.5}, map[int64]float64{0: 1, 2: 0.5, 6: 0.25}},
		{"inverse time per epoch of 10", Schedule{Eta0: 1, Alpha: 0.5, Unit: 10}, map[int64]float64{9: 1, 20: 0.5, 29: 0.5, 60: 0.25}},
		{"stairs", Schedule{Eta0: 1, Decay: Stairs, Alpha: 0.5, Every: 3}, map[int64]float64{2: 1, 3: 0.5, 6: 0.25, 8: 0.25}},
		{"stairs without a length", Schedule{Eta0: 1, Decay: Stairs, Alpha: 0.5}, map[int64]float64{1: 0.5, 2: 0.25}},
		{"exponential", Schedule{Eta0: 2, Decay: Exponential, Alpha: 0.1}, map[int64]float64{0: 2, 10: 2 / math.E}},
		{"exponential of 0 is off", Schedule{Eta0: 2, Decay: Exponential}, map[int64]float64{0: 2, 10: 2}},
		{"cosine", Schedule{Eta0: 1, Decay: Cosine, Total: 8}, map[int64]float64{0: 1, 4: 0.5, 8: 0, 100: 0}},
		{"cosine to a floor", Schedule{Eta0: 1, Decay: Cosine, Total: 8, Min: 0.2}, map[int64]float64{0: 1, 4: 0.6, 8: 0.2}},
		{"cosine per epoch", Schedule{Eta0: 1, Decay: Cosine, Total: 40, Unit: 10}, map[int64]float64{9: 1, 20: 0.5, 29: 0.5}},
		{"constant looks at no rate", Schedule{Eta0: 1, Decay: Constant, Alpha: 0.5}, map[int64]float64{50: 1}},
		{"warm-up", Schedule{Eta0: 1, Alpha: 1, Warmup: 4}, map[int64]float64{0: 0.25, 1: 0.5, 3: 1, 4: 1, 5: 0.5}},
		{"warm-up before epochs", Schedule{Eta0: 1, Alpha: 1, Warmup: 5, Unit: 10}, map[int64]float64{0: 0.2, 14: 1, 15: 0.5}},
		{"cosine after a warm-up", Schedule{Eta0: 1, Decay: Cosine, Warmup: 2, Total: 10}, map[int64]float64{0: 0.5, 2: 1, 6: 0.5, 10: 0}},
		{"never below the floor", Schedule{Eta0: 1, Alpha: 1, Min: 0.4}, map[int64]float64{1: 0.5, 2: 0.4, 99: 0.4}},
		{"a floor above the rate lifts nothing", Schedule{Eta0: 1, Alpha: 1, Min: 4}, map[int64]float64{0: 1, 9: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for step, want := range tt.want {
				if got := tt.s.At(step); math.Abs(got-want) > 1e-15 {
					t.Errorf("step %d: got %v want %v", step, got, want)
				}
			}
		})
	}
}

func TestExpNeg(t *testing.T) {
	for x := 0.0; x < 745; x += 0.0317 {
		if got, want := expNeg(x), math.Exp(-x); math.Abs(got-want) > 1e-15*want+5e-324 {
			t.Fatalf("e^-%v: got %v want %v", x, got, want)
		}
	}
	for _, x := range []float64{746, math.Inf(1), math.NaN()} {
		if got := expNeg(x); got != 0 {
			t.Errorf("e^-%v: got %v want 0", x, got)
		}
	}
}

func TestCosPi(t *testing.T) {
	for i := range 10_001 {
		x := float64(i) / 10_000
		if got, want := cosPi(x), math.Cos(math.Pi*x); math.Abs(got-want) > 5e-16 { // πx is rounded, 1 − x too
			t.Fatalf("cos(π %v): got %v want %v", x, got, want)
		}
	}
	if cosPi(0) != 1 || cosPi(0.5) != 0 || cosPi(1) != -1 {
		t.Errorf("got %v %v %v want 1 0 -1", cosPi(0), cosPi(0.5), cosPi(1))
	}
}

func TestPower(t *testing.T) {
	for _, tt := range []struct {
		x    float64
		n    int64
		want float64
	}{{0.5, 0, 1}, {0.5, 10, 1.0 / 1024}, {0, 3, 0}, {0, 0, 1}, {0.9, 3, 0.729}} {
		if got := power(tt.x, tt.n); !near(got, tt.want) {
			t.Errorf("%v^%d: got %v want %v", tt.x, tt.n, got, tt.want)
		}
	}
}
