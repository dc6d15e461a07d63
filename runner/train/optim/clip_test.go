package optim

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestClipNorm(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, tt := range []struct {
		name  string
		g     []float64
		limit float64
		norm  float64
		want  []float64
	}{
		{"above limit", []float64{3, 4}, 1, 5, []float64{0.6, 0.8}},
		{"below limit", []float64{0.3, 0.4}, 1, 0.5, []float64{0.3, 0.4}},
		{"at limit", []float64{3, 4}, 5, 5, []float64{3, 4}},
		{"no limit", []float64{3, 4}, 0, 5, []float64{3, 4}},
		{"zero gradient", []float64{0, 0}, 1, 0, []float64{0, 0}},
		{"empty", nil, 1, 0, nil},
		{"squares overflow", []float64{3e200, 4e200}, 5, 5e200, []float64{3, 4}},
		{"squares vanish", []float64{3e-200, 4e-200}, 1, 5e-200, []float64{3e-200, 4e-200}},
		{"infinite", []float64{1, inf}, 1, inf, []float64{1, inf}},
		{"not a number", []float64{nan, inf}, 1, nan, []float64{nan, inf}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := append([]float64(nil), tt.g...)
			if norm := ClipNorm(g, tt.limit); !near(norm, tt.norm) {
				t.Errorf("norm: got %v want %v", norm, tt.norm)
			}
			for i := range g {
				if !near(g[i], tt.want[i]) {
					t.Errorf("g: got %v want %v", g, tt.want)
				}
			}
		})
	}
}

// Clipping keeps the direction and never lengthens.
func TestClipNormLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 20).Draw(t, "g")
		limit := rapid.Float64Range(1e-3, 1e6).Draw(t, "limit")
		c := append([]float64(nil), g...)
		norm := ClipNorm(c, limit)
		if after := Norm(c); after > limit*(1+1e-12) && after > norm {
			t.Fatalf("norm %v became %v; limit %v", norm, after, limit)
		}
		for i := range g {
			if want := g[i] * min(1, limit/norm); norm > 0 && math.Abs(c[i]-want) > 1e-9*math.Abs(want) {
				t.Fatalf("element %d: got %v want %v", i, c[i], want)
			}
		}
	})
}

func TestNormOfFloat32DoesNotOverflow(t *testing.T) {
	if got, want := Norm([]float32{3e30, 4e30}), 5e30; math.Abs(got-want) > 1e-6*want {
		t.Errorf("got %v want %v", got, want)
	}
}

func TestClipValue(t *testing.T) {
	g := []float64{-3, -1, 0, 2, math.NaN(), math.Inf(-1)}
	ClipValue(g, 0)
	if g[0] != -3 || g[3] != 2 {
		t.Errorf("limit 0: got %v want no change", g)
	}
	ClipValue(g, 1.5)
	for i, want := range []float64{-1.5, -1, 0, 1.5, math.NaN(), -1.5} {
		if !near(g[i], want) {
			t.Errorf("element %d: got %v want %v", i, g[i], want)
		}
	}
}
