package data

import (
	"fmt"
	"strings"
	"testing"
)

func TestLIBSVM(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		o          Options
		features   []string
		classes    []string
		x          [][]float64
		y          []float64
	}{
		{
			"indices from 1", "+1 1:0.5 3:-2 # words\n\n-1 2:1e1\r\n+1\n", Options{Split: all},
			[]string{"1", "2", "3"}, []string{"-1", "1"}, [][]float64{{0.5, 0, -2}, {0, 10, 0}, {0, 0, 0}}, []float64{1, 0, 1},
		}, {
			"indices from 0", "0 1:2\n1\t0:3 2:0\n", Options{Split: all},
			[]string{"0", "1", "2"}, []string{"0", "1"}, [][]float64{{0, 2, 0}, {3, 0, 0}}, []float64{0, 1},
		}, {
			"numbers to predict", "1.5 1:2\n-2.25 1:3", Options{Split: all},
			[]string{"1"}, nil, [][]float64{{2}, {3}}, []float64{1.5, -2.25},
		}, {
			"standardised: no longer sparse", "0 1:2\n1 1:4\n0 300:1\n", Options{Split: Split{Train: 2, Val: 1}, Standardize: true},
			nil, []string{"0", "1"}, nil, []float64{0, 1, 0},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, wide := range []bool{false, true} {
				tt.o.Float64 = wide
				s := mustOpen(t, "x.libsvm", tt.text, tt.o)
				same(t, "classes", s.ClassNames, tt.classes)
				y := make([]float64, s.Len())
				for i := range y {
					y[i] = s.Target(int32(i))
				}
				same(t, "targets", y, tt.y)
				if tt.x == nil { // 2 and 4 are −1 and 1, the 0 of the last row −3
					x := rows(s)
					if got := [][]float64{x[0][:2], x[1][:2], x[2][:2]}; got[0][0] != -1 || got[1][0] != 1 || got[2][0] != -3 || x[2][299] != 1 {
						t.Errorf("got %v, %v", got, x[2][299])
					}
					continue
				}
				same(t, "features", s.FeatureNames, tt.features)
				same(t, "rows", rows(s), tt.x)
			}
		})
	}
}

// wide is n rows of k numbers among d columns, as LIBSVM.
func wide(n, k, d int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d", i%2)
		for j := range k {
			fmt.Fprintf(&b, " %d:%d.5", 1+j*(d/k)+i%(d/k), i+j)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Sparse rows stay sparse where that is smaller, in either precision, and say
// the same as dense ones.
func TestSparseWhereSmaller(t *testing.T) {
	text := wide(50, 4, 400)
	s := mustOpen(t, "x.svm", text, Options{})
	indptr, col, val, ok := s.CSR()
	if u8, f32, f64 := s.Dense(); !ok || u8 != nil || f32 != nil || f64 != nil {
		t.Fatalf("got a dense set")
	}
	if len(indptr) != 51 || len(col) != 200 || len(val) != 200 || col[0] != 0 || val[1] != 1.5 {
		t.Errorf("got %d rows, %d numbers, the first in column %d", len(indptr)-1, len(val), col[0])
	}
	s64 := mustOpen(t, "x.svm", text, Options{Float64: true})
	if _, _, val, ok := s64.CSR64(); !ok || val[1] != 1.5 {
		t.Errorf("float64: got %v", ok)
	}
	same(t, "rows", rows(s64), rows(s))
	dense := mustOpen(t, "x.svm", text, Options{MinMax: true, Split: all})
	if _, f32, _ := dense.Dense(); f32 == nil {
		t.Error("min-max: got a sparse set")
	}
	got := make([]float32, 2*s.Features)
	Gather(s, []int32{7, 8}, got)
	for j, want := range append(rows(s)[7], rows(s)[8]...) {
		if float64(got[j]) != want {
			t.Fatalf("gathered column %d: got %v want %v", j, got[j], want)
		}
	}
	if s.Bytes() >= dense.Bytes()/10 {
		t.Errorf("sparse takes %d bytes, dense %d", s.Bytes(), dense.Bytes())
	}
}

func TestLIBSVMErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "# nothing\n", "x.svm: no rows"},
		{"labels only", "1\n0\n", "x.svm: no features; want index:value"},
		{"no colon", "1 1:2\n0 3\n", `x.svm:2: "3": want index:value`},
		{"qid", "1 qid:1 1:2\n", `x.svm:1: "qid:1": want index:value`},
		{"negative index", "1 -1:2\n", `want index:value with a whole number >= 0`},
		{"order", "1 2:1 1:1\n", `x.svm:1: "1:1": want indices in ascending order, here above 2`},
		{"twice", "1 2:1 2:1\n", "want indices in ascending order"},
		{"huge index", "1 4194304:1\n", "want an index below 4194304"},
		{"index out of int64", "1 99999999999999999999:1\n", "want index:value"},
		{"no value", "1 1:\n", "want a finite number for the value"},
		{"NaN", "1 1:nan\n", "want a finite number for the value"},
		{"infinite", "1 1:1e999\n", "want a finite number for the value"},
		{"beyond float32", "1 1:1e39\n", "beyond float32"},
		{"label", "1 1:1\nx,y 1:2\n", ""},
		{"no label", "1 1:1\nnan 1:2\n", `x.svm:2: no label`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, "x.svm", tt.text, Options{Split: all})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v want %q", err, tt.want)
			}
		})
	}
}
