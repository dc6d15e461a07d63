package data

import (
	"bytes"
	"compress/gzip"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func zipped(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

// write lays files down in a new folder.
func write(t testing.TB, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// open reads one file called name with the given content.
func open(t testing.TB, name, text string, o Options) (*Set, error) {
	t.Helper()
	return (&Source{Dirs: []string{write(t, map[string]string{name: text})}}).Open(name, o)
}

// all is every row for training.
var all = Split{Train: 1, Fraction: true}

// rows are the numbers as a model sees them.
func rows(s *Set) [][]float64 {
	x := make([][]float64, s.Len())
	for i := range x {
		x[i] = make([]float64, s.Features)
		s.Row(int32(i), x[i])
	}
	return x
}

func mustOpen(t testing.TB, name, text string, o Options) *Set {
	t.Helper()
	s, err := open(t, name, text, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: want and got differ:\n%s", what, d)
	}
}

func TestCSV(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		o          Options
		features   []string
		classes    []string
		x          [][]float64
		y          []float64
	}{
		{
			"names and classes", "a,b,kind\n1.5,2,cat\n-3e1,+.5,dog\n", Options{Split: all},
			[]string{"a", "b"}, []string{"cat", "dog"}, [][]float64{{1.5, 2}, {-30, 0.5}}, []float64{0, 1},
		}, {
			"no names, and an end without a newline", "1,2,0\n3,4,1\n5,6,0", Options{Split: all},
			[]string{"1", "2"}, []string{"0", "1"}, [][]float64{{1, 2}, {3, 4}, {5, 6}}, []float64{0, 1, 0},
		}, {
			"target by name, numbers", "y,a,b\n0.5,1,2\n1.5,3,4\n", Options{Split: all, Target: "y"},
			[]string{"a", "b"}, nil, [][]float64{{1, 2}, {3, 4}}, []float64{0.5, 1.5},
		}, {
			"target by number", "7,1,2\n9,3,4\n", Options{Split: all, Target: "1", Task: "regress"},
			[]string{"2", "3"}, nil, [][]float64{{1, 2}, {3, 4}}, []float64{7, 9},
		}, {
			"target from the end", "a,y,b\n1,red,2\n3,blue,4\n", Options{Split: all, Target: "-2"},
			[]string{"a", "b"}, []string{"blue", "red"}, [][]float64{{1, 2}, {3, 4}}, []float64{1, 0},
		}, {
			"classes in the order of their numbers", "1,10\n2,9\n3,-1\n4,9.0\n", Options{Split: all, Task: "classify"},
			[]string{"1"}, []string{"-1", "9", "10"}, [][]float64{{1}, {2}, {3}, {4}}, []float64{2, 1, 0, 1},
		}, {
			"semicolons, quotes, blanks, a byte order mark", "\ufeffa; \"b;c\";y\n 1 ; \"2\";x \r\n\n3;4; \"y \"\"z\"\"\"\n", Options{Split: all},
			[]string{"a", "b;c"}, []string{"x", `y "z"`}, [][]float64{{1, 2}, {3, 4}}, []float64{0, 1},
		}, {
			"tabs", "a\tb\ty\n1\t\t0\n3\t4\t1\n", Options{Split: all, Missing: "mean"},
			[]string{"a", "b"}, []string{"0", "1"}, [][]float64{{1, 4}, {3, 4}}, []float64{0, 1},
		}, {
			"one-hot", "a,colour,y\n1,red,0\n2,blue,1\n3,red,0\n4,green,1\n", Options{Split: all, OneHot: true},
			[]string{"a", "colour=blue", "colour=green", "colour=red"}, []string{"0", "1"},
			[][]float64{{1, 0, 0, 1}, {2, 1, 0, 0}, {3, 0, 0, 1}, {4, 0, 1, 0}}, []float64{0, 1, 0, 1},
		}, {
			"a text far down makes the column one of texts", "a,y\n1,0\n1.0,1\nx,0\n", Options{Split: all, OneHot: true},
			[]string{"a=1", "a=1.0", "a=x"}, []string{"0", "1"},
			[][]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, []float64{0, 1, 0},
		}, {
			"gaps: mean and most frequent text", "a,b,y\n1,u,0\n?,v,1\n4,v,0\nNA,,1\n", Options{Split: all, OneHot: true, Missing: "mean"},
			[]string{"a", "b=u", "b=v"}, []string{"0", "1"},
			[][]float64{{1, 1, 0}, {2.5, 0, 1}, {4, 0, 1}, {2.5, 0, 1}}, []float64{0, 1, 0, 1},
		}, {
			"gaps: most frequent", "a,y\n1,0\n4,1\n4,0\n,1\n", Options{Split: all, Missing: "most_frequent"},
			[]string{"a"}, []string{"0", "1"}, [][]float64{{1}, {4}, {4}, {4}}, []float64{0, 1, 0, 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, wide := range []bool{false, true} {
				tt.o.Float64 = wide
				s := mustOpen(t, "x.csv", tt.text, tt.o)
				same(t, "features", s.FeatureNames, tt.features)
				same(t, "classes", s.ClassNames, tt.classes)
				same(t, "rows", rows(s), tt.x)
				y := make([]float64, s.Len())
				for i := range y {
					y[i] = s.Target(int32(i))
				}
				same(t, "targets", y, tt.y)
			}
		})
	}
}

// Bytes stay bytes, other numbers are float32, or float64 by option; a file
// that is packed is read as one that is not.
func TestKeptAsItCame(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		wide       bool
		want       string
	}{
		{"bytes", "0,255,1\n7,3,0\n", false, "u8"},
		{"bytes, float64 asked for", "0,255,1\n7,3,0\n", true, "u8"},
		{"from the second row no bytes", "0,255,1\n7,256,0\n", false, "f32"},
		{"negative", "0,255,1\n7,-1,0\n", false, "f32"},
		{"float64", "0.1,255,1\n7,1,0\n", true, "f64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range []string{tt.text, string(zipped([]byte(tt.text)))} {
				s := mustOpen(t, "x.csv", text, Options{Float64: tt.wide, Split: all})
				u8, f32, f64 := s.Dense()
				if (u8 != nil) != (tt.want == "u8") || (f32 != nil) != (tt.want == "f32") || (f64 != nil) != (tt.want == "f64") {
					t.Errorf("got u8 %v f32 %v f64 %v want %s", u8, f32, f64, tt.want)
				}
			}
		})
	}
	s := mustOpen(t, "x.csv", "0.1,255,1\n7,1,0\n", Options{Float64: true, Split: all})
	if _, _, x := s.Dense(); x[0] != 0.1 {
		t.Errorf("0.1 is read as %v", x[0])
	}
}

// The statistics are those of the training part: of 1, 3 and 5, 2, 2 and 2.
func TestStandardizeAndMinMax(t *testing.T) {
	const text = "1,2,0\n3,2,1\n5,2,0\n9,7,1\n"
	split := Split{Train: 3, Val: 1}
	sd := math.Sqrt(8. / 3)
	for _, tt := range []struct {
		o    Options
		want [][]float64
	}{
		{Options{Standardize: true}, [][]float64{{-2 / sd, 0}, {0, 0}, {2 / sd, 0}, {6 / sd, 5}}},
		{Options{MinMax: true}, [][]float64{{0, 0}, {0.5, 0}, {1, 0}, {2, 5}}},
	} {
		tt.o.Split = split
		s := mustOpen(t, "x.csv", text, tt.o)
		for i, got := range rows(s) {
			for j := range got {
				if math.Abs(got[j]-tt.want[i][j]) > 1e-15 {
					t.Errorf("%+v: row %d column %d: got %v want %v", tt.o, i, j, got[j], tt.want[i][j])
				}
			}
		}
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	long := strings.Repeat("x", 50)
	for _, tt := range []struct {
		name, file, text string
		o                Options
		want             string
	}{
		{"empty", "x.csv", "", Options{}, "x.csv: empty; want lines of cells"},
		{"names only", "x.csv", "a,y\n", Options{}, "x.csv: no rows"},
		{"one column", "x.csv", "1\n2\n", Options{}, "x.csv:1: 1 columns; want 2 to"},
		{"ragged", "x.csv", "a,b,y\n1,2,3\n\n1,2\n", Options{}, "x.csv:4: 2 cells; want 3"},
		{"text", "x.csv", "a,b,y\n1,2,3\n1," + long + ",3\n", Options{}, `x.csv:3: column b: "` + long[:40] + `…"; want a number, or ` + "`one_hot"},
		{"gap", "x.csv", "a,b,y\n1,2,3\n,4,5\n", Options{}, "x.csv:3: column a: \"\"; want a number, or `missing"},
		{"NaN", "x.csv", "a,b,y\n1,nan,3\n1,4,5\n", Options{}, `x.csv:2: column b: "nan"; want a number`},
		{"infinite", "x.csv", "a,b,y\n1,2,3\n-inf,4,5\n", Options{Missing: "mean"}, `x.csv:3: column a: "-inf"; want a finite number`},
		{"too large", "x.csv", "a,b,y\n1,2,3\n1,1e400,5\n", Options{Float64: true}, `x.csv:3: column b: "1e400"; want a finite number`},
		{"beyond float32", "x.csv", "a,y,b\n1,2,3\n1,5,1e39\n", Options{Target: "y"}, `x.csv:3: column b: "1e39": beyond float32`},
		{"hexadecimal", "x.csv", "a,y\n1,2\n0x10,5\n", Options{}, `x.csv:3: column a: "0x10"; want a number`},
		{"quote not closed", "x.csv", "a,y\n1,\"2\n3,4\n", Options{}, "x.csv:3: character 5"},
		{"quote within a cell", "x.csv", "a,y\n1,2\"3\n", Options{}, "x.csv:2: character 4"},
		{"no label", "x.csv", "a,y\n1,0\n2,\n", Options{}, "x.csv:3: column y: no label"},
		{"label no number", "x.csv", "a,y\n1,0\n2,b\n", Options{Task: "regress"}, `x.csv:3: column y: "b"; want a number`},
		{"label no class", "x.csv", "a,y\n1,0\n2,0.5\n", Options{Task: "classify"}, `x.csv:3: column y: "0.5"; want a text or a whole number`},
		{"label infinite", "x.csv", "a,y\n1,0\n2,1e999\n", Options{}, `x.csv:3: column y: "1e999"; want a finite number`},
		{"no such target", "x.csv", "a,b\n1,0\n", Options{Target: "c"}, `x.csv:1: no column "c" to be predicted; want one of a, b`},
		{"target twice", "x.csv", "a,b,b\n1,0,1\n", Options{Target: "b"}, `two columns "b"`},
		{"no such number", "x.csv", "1,0\n", Options{Target: "3"}, `no column "3" to be predicted; want 1 to 2`},
		{"gzip by name alone", "x.csv.gz", "a,y\n1,2\n3,4\n", Options{}, "x.csv.gz: begins with 0x612c; want gzip (0x1f8b), as its name says"},
		{"nothing called gzip", "x.csv.gz", "", Options{}, "x.csv.gz: empty; want gzip"},
		{"quotes open for lines", "x.csv", "a,y\n1,2\n3,\"4\n5,6\n7,8\n", Options{}, "x.csv:5: character 5 of the record from line 3 on: "},
		{"cut off", "x.csv.gz", string(zipped([]byte("a,y\n1,2\n3,4\n"))[:20]), Options{}, "x.csv.gz: gzip: cut off or damaged"},
		{"checksum", "x.csv.gz", func() string {
			b := zipped([]byte("a,y\n1,2\n3,4\n"))
			b[len(b)-5] ^= 1
			return string(b)
		}(), Options{}, "x.csv.gz: gzip: cut off or damaged: gzip: invalid checksum"},
		{"empty training part", "x.csv", "a,y\n1,2\n3,4\n", Options{Split: Split{Train: 0.1, Val: 0.5, Fraction: true}}, "split: 0 + 1 + 0 of 2 rows; want at least one"},
		{"empty validation part", "x.csv", "a,y\n1,2\n", Options{}, "split: 1 + 0 + 0 of 1 rows"},
		{"more than there are", "x.csv", "a,y\n1,2\n3,4\n", Options{Split: Split{Train: 2, Val: 1}}, "split: 2 + 1 + 0 of 2 rows"},
		{"sum of fractions", "x.csv", "a,y\n1,2\n", Options{Split: Split{Train: 0.9, Val: 0.2, Fraction: true}}, "a sum of at most 1"},
		{"stratify numbers", "x.csv", "a,y\n1,2.5\n3,4\n", Options{Stratify: true, Split: all}, "stratify: want classes"},
		{"two scalings", "x.csv", "a,y\n1,2\n", Options{Standardize: true, MinMax: true}, "at most one of them"},
		{"no value to train on", "x.csv", "a,b,y\n1,,0\n2,?,1\n", Options{Missing: "mean", Split: all}, "column b: no training example has a value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := open(t, tt.file, tt.text, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v want … %s …", err, tt.want)
			}
		})
	}
}

func TestCheckBatch(t *testing.T) {
	s := mustOpen(t, "x.csv", "1,0\n2,1\n3,0\n4,1\n5,1\n", Options{})
	if err := s.CheckBatch(4); err != nil {
		t.Error(err)
	}
	for _, n := range []int{0, 5} {
		if err := s.CheckBatch(n); err == nil || !strings.Contains(err.Error(), "want 1 to 4") {
			t.Errorf("batch of %d: got %v", n, err)
		}
	}
}
