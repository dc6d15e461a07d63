package data

import (
	"math"
	"testing"
	"testing/fstest"
)

// fuzzed opens the bytes as a file in memory, under small limits, and checks
// what every set keeps.
func fuzzed(t *testing.T, format string, o Options, files ...[]byte) {
	t.Helper()
	var parts [3][]file
	for i, b := range files {
		name := string(rune('a' + i))
		parts[0] = append(parts[0], file{fstest.MapFS{name: {Data: b, Mode: 0o644}}, name, name})
	}
	table, err := read(format, parts, o, 1<<16, 1<<12)
	if err != nil {
		return
	}
	if s, err := table.set("fuzzed", o); err == nil {
		checkSet(t, s)
	}
}

func checkSet(t *testing.T, s *Set) {
	t.Helper()
	scale, shift := s.ScaleShift()
	if s.Features <= maxColumns && len(s.FeatureNames) != s.Features || len(scale) != s.Features || len(shift) != s.Features || len(s.Train) == 0 {
		t.Fatalf("%d features with %d names, %d scales, %d shifts; %d to train on", s.Features, len(s.FeatureNames), len(scale), len(shift), len(s.Train))
	}
	if s.Features > 1<<12 {
		return
	}
	x, g := make([]float64, s.Features), make([]float32, s.Features)
	for i := range int32(s.Len()) {
		s.Row(i, x)
		Gather(s, []int32{i}, g)
		for j, v := range x {
			if math.IsNaN(v) {
				t.Fatalf("row %d column %d is NaN", i, j)
			}
		}
		if y := s.Label(i); s.Classes > 0 && (y < 0 || y >= s.Classes) {
			t.Fatalf("row %d: label %d of %d classes", i, y, s.Classes)
		}
		if y := s.Target(i); math.IsNaN(y) || math.IsInf(y, 0) {
			t.Fatalf("row %d: target %v", i, y)
		}
	}
}

// options draws some of all options from a number.
func options(n uint16) Options {
	bit := func(k int) bool { return n>>k&1 == 1 }
	o := Options{OneHot: bit(0), Float64: bit(1), Stratify: bit(2), Split: Split{Train: 0.5, Val: 0.5, Fraction: true, Shuffle: bit(3)}}
	o.Missing = []string{"", "mean", "most_frequent", "mean"}[n>>4&3]
	o.Task = []string{"", "classify", "regress", ""}[n>>6&3]
	o.Target = []string{"", "1", "y", "-2"}[n>>8&3]
	switch n >> 10 & 3 {
	case 1:
		o.Standardize = true
	case 2:
		o.MinMax = true
	case 3:
		o.Sparsify = 1
	}
	if bit(12) {
		o.Split = all
	}
	return o
}

func FuzzCSV(f *testing.F) {
	for i, s := range []string{
		"", "a,y\n1,0\n2,1\n3,0\n", "1,2,0\n3,4,1\n", "a,c,y\n1,red,0\n,blue,1\n?,red,1\n", "\ufeffa;y\n\"1\";x\n2;\"y\"\"\"\n",
		"a\ty\n1\t\n", "1,1e39\n2,-inf\n", "a,y\n1,0.5\n1,x\n", string(zipped([]byte("1,2\n3,4\n"))), "\x1f\x8b", "a,a\n1,\"\n",
		"y,a\n99999999999999999999,300\n1,-0\n",
	} {
		f.Add([]byte(s), uint16(i*2741))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) { fuzzed(t, "csv", options(n), b) })
}

func FuzzLIBSVM(f *testing.F) {
	for i, s := range []string{
		"", "1 1:2 3:4\n0 2:-1e3 # x\n", "0.5 0:1\n1.5\n", "-1 70000:1\n+1 1:1", "1 2:1 1:1\n", "a 1:nan\n", string(zipped([]byte("1 1:1\n"))),
	} {
		f.Add([]byte(s), uint16(i*2741))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) { fuzzed(t, "libsvm", options(n), b) })
}

func FuzzIDX(f *testing.F) {
	for i, b := range [][]byte{images, zipped(images), images[:10], labels, nil} {
		f.Add(b, labels, uint16(i*2741))
		f.Add(images, b, uint16(i))
	}
	f.Fuzz(func(t *testing.T, images, labels []byte, n uint16) { fuzzed(t, "idx", options(n), images, labels) })
}
