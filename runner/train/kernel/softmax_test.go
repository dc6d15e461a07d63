package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// lossOf is the cross-entropy of one row by its formula, in float64.
func lossOf(z []float64, label int, s float64) float64 {
	sum := 0.0
	for _, v := range z {
		sum += math.Exp(v)
	}
	loss := 0.0
	for j, v := range z {
		y := s / float64(len(z))
		if j == label {
			y += 1 - s
		}
		loss -= y * (v - math.Log(sum))
	}
	return loss
}

// Loss and gradient of float64 against the formula and its central
// differences, with and without smoothing, with rows apart.
func TestSoftmaxCEGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tt := range []struct {
		rows, n, ld int
		s           float64
	}{{5, 10, 10, 0}, {5, 10, 13, 0.1}, {3, 1, 1, 0.3}, {600, 7, 8, 0.5}, {2, 5000, 5000, 0}} {
		t.Run(fmt.Sprintf("rows=%d/n=%d/s=%v", tt.rows, tt.n, tt.s), func(t *testing.T) {
			z := normals[float64](rng, need(tt.rows, tt.n, tt.ld))
			g := append([]float64(nil), z...)
			loss, label := make([]float64, tt.rows), make([]int32, tt.rows)
			for i := range label {
				label[i] = int32(rng.IntN(tt.n))
			}
			scale := 1 / float64(tt.rows)
			SoftmaxCE(g, tt.ld, tt.rows, tt.n, label, tt.s, scale, loss)
			for i := range min(tt.rows, 8) {
				i = (i * 97) % tt.rows
				row, c := z[i*tt.ld:][:tt.n], int(label[i])
				if want := lossOf(row, c, tt.s); math.Abs(loss[i]-want) > 1e-12*(1+want) {
					t.Fatalf("loss of row %d: got %v, want %v", i, loss[i], want)
				}
				for range 5 {
					j, h := rng.IntN(tt.n), 1e-5
					v := row[j]
					row[j] = v + h
					up := lossOf(row, c, tt.s)
					row[j] = v - h
					want := (up - lossOf(row, c, tt.s)) / (2 * h) * scale
					row[j] = v
					if got := g[i*tt.ld+j]; math.Abs(got-want) > 1e-9 {
						t.Fatalf("gradient of row %d by z[%d]: got %v, want %v", i, j, got, want)
					}
				}
			}
		})
	}
}

// Float32 follows float64, and all three forms agree on loss and hits.
func TestSoftmaxFormsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const rows, n, ld = 130, 10, 12
	z := normals[float32](rng, need(rows, n, ld))
	z64 := make([]float64, len(z))
	label := make([]int32, rows)
	for i := range z {
		z[i] *= 4
		z64[i] = float64(z[i])
	}
	hits := 0
	for i := range label {
		label[i] = int32(rng.IntN(n))
		right := true
		for j, v := range z[i*ld:][:n] {
			right = right && (v < z[i*ld+int(label[i])] || j == int(label[i]))
		}
		if right {
			hits++
		}
	}
	loss, loss2, loss64 := make([]float64, rows), make([]float64, rows), make([]float64, rows)
	p, probs := append([]float32(nil), z...), append([]float32(nil), z...)
	right := SoftmaxCE(z, ld, rows, n, label, 0, 1, loss)
	right2 := SoftmaxLoss(p, ld, rows, n, label, 0, loss2)
	right64 := SoftmaxCE(z64, ld, rows, n, label, 0, 1, loss64)
	Softmax(probs, ld, rows, n)
	if right != hits || right2 != hits || right64 != hits {
		t.Errorf("rows right: got %d, %d, %d, want %d", right, right2, right64, hits)
	}
	for i := range rows {
		if loss[i] != loss2[i] || math.Abs(loss[i]-loss64[i]) > 1e-6*(1+loss[i]) {
			t.Fatalf("loss of row %d: got %v, %v, want %v", i, loss[i], loss2[i], loss64[i])
		}
		sum := 0.0
		for j := range n {
			at := i*ld + j
			sum += float64(p[at])
			if math.Abs(float64(z[at])-z64[at]) > 1e-6 || p[at] != probs[at] {
				t.Fatalf("row %d class %d: gradient %v want %v, probabilities %v and %v", i, j, z[at], z64[at], p[at], probs[at])
			}
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Fatalf("row %d: probabilities sum to %v", i, sum)
		}
	}
}

func TestSoftmaxOfNonFinite(t *testing.T) {
	inf, nan := float32(math.Inf(1)), nan32
	tests := []struct {
		name  string
		z     []float32
		label int32
		nan   bool
		loss  float64
		right int
	}{
		{"NaN", []float32{1, nan, 2}, 2, true, 0, 0},
		{"NaN first", []float32{nan, 1, 2}, 2, true, 0, 0},
		{"Inf", []float32{1, inf, 2}, 1, true, 0, 0},
		{"all -Inf", []float32{-inf, -inf, -inf}, 0, true, 0, 0},
		{"one -Inf", []float32{0, -inf, 0}, 0, false, math.Log(2), 1},
		{"label at -Inf", []float32{0, -inf, 0}, 1, false, math.Inf(1), 0},
		{"tie, the first", []float32{3, 3, 3}, 0, false, math.Log(3), 1},
		{"tie, another", []float32{3, 3, 3}, 1, false, math.Log(3), 0},
		{"far apart", []float32{3e38, -3e38, 0}, 0, false, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			loss := make([]float64, 1)
			right := SoftmaxCE(tt.z, 3, 1, 3, []int32{tt.label}, 0, 1, loss)
			if right != tt.right {
				t.Errorf("rows right: got %d, want %d", right, tt.right)
			}
			if tt.nan != math.IsNaN(loss[0]) || !tt.nan && !(math.Abs(loss[0]-tt.loss) < 1e-7 || loss[0] == tt.loss) {
				t.Errorf("loss: got %v, want %v", loss[0], tt.loss)
			}
			for j, v := range tt.z {
				if tt.nan != (v != v) {
					t.Errorf("gradient %d: got %v, want NaN %t", j, v, tt.nan)
				}
			}
		})
	}
}

// Groups have the bits of each model alone.
func TestSoftmaxGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	const rows, groups, n = 130, 7, 10
	z := normals[float32](rng, rows*groups*n)
	label, smoothing := make([]int32, rows), make([]float32, groups)
	for i := range label {
		label[i] = int32(rng.IntN(n))
	}
	for g := range smoothing {
		smoothing[g] = float32(g%3) * 0.1
	}
	all := append([]float32(nil), z...)
	loss, right := make([]float64, rows*groups), make([]int, groups)
	SoftmaxGroups(all, rows, groups, n, label, smoothing, 0.5, loss, right)
	for g := range groups {
		alone := make([]float64, rows)
		one := z[g*n:]
		hits := SoftmaxCE(one, groups*n, rows, n, label, smoothing[g], 0.5, alone)
		if right[g] != hits {
			t.Errorf("group %d: got %d rows right, want %d", g, right[g], hits)
		}
		for i := range rows {
			if loss[i*groups+g] != alone[i] {
				t.Fatalf("group %d: loss of row %d: got %v, want %v", g, i, loss[i*groups+g], alone[i])
			}
		}
	}
	for i := range z {
		if !sameBits(all[i], z[i]) {
			t.Fatalf("gradient %d: got %x, want %x", i, all[i], z[i])
		}
	}
}
