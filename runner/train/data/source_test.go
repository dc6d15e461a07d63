package data

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/trawl-sweep/trawl/configs/examples"
)

func TestSourceFindsAndShares(t *testing.T) {
	start, beside := t.TempDir(), t.TempDir()
	dir := filepath.Join(beside, "digits")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &Source{Dirs: []string{start, beside}}
	if _, err := s.Open("digits", Options{}); err == nil {
		t.Error("an empty folder is read")
	}
	for name, b := range map[string][]byte{"t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	got := make([]*Set, 16)
	for i := range got {
		wg.Go(func() {
			name := []string{"digits", dir}[i%2]
			got[i], _ = s.Open(name, Options{Split: all, Seed: int64(i / 8)})
		})
	}
	wg.Wait()
	for i, set := range got {
		if set == nil || set != got[i/8*8] {
			t.Fatalf("open %d: got %p want the one set %p", i, set, got[i/8*8])
		}
	}
	a, _, _ := got[0].Dense()
	b, _, _ := got[8].Dense()
	if got[0] == got[8] || &a[0] != &b[0] {
		t.Error("sets of other options do not share the pixels")
	}
	if got[0].Digest == got[8].Digest || len(got[0].Digest) != 64 {
		t.Error("sets of other options have the same digest")
	}
	for name, want := range map[string]string{
		"nowhere": "no such folder or file", "mnist": "no such folder or file",
		filepath.Join(dir, "t10k-labels-idx1-ubyte"): "want that of the images",
	} {
		if _, err := s.Open(name, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v want … %s …", name, err, want)
		}
	}
}

// Content and options decide the digest, not the place.
func TestDigest(t *testing.T) {
	const text = "1,2,0\n3,4,1\n5,6,0\n7,8,1\n9,9,0\n"
	a := mustOpen(t, "a.csv", text, Options{})
	for name, tt := range map[string]struct {
		file, text string
		o          Options
		equal      bool
	}{
		"same":          {"b.csv", text, Options{}, true},
		"packed":        {"a.csv.gz", string(zipped([]byte(text))), Options{}, true},
		"another cell":  {"a.csv", strings.Replace(text, "7", "6", 1), Options{}, false},
		"another split": {"a.csv", text, Options{Split: all}, false},
		"another seed":  {"a.csv", text, Options{Seed: 1}, false},
	} {
		if b := mustOpen(t, tt.file, tt.text, tt.o); (a.Digest == b.Digest) != tt.equal {
			t.Errorf("%s: got %s and %s", name, a.Digest, b.Digest)
		}
	}
}

func TestSplits(t *testing.T) {
	var text strings.Builder
	for i := range 30 { // sorted: 15 a, 9 b, 6 c
		fmt.Fprintf(&text, "%d,%s\n", i, []string{"a", "a", "a", "a", "a", "b", "b", "b", "c", "c"}[i/3])
	}
	src := &Source{Dirs: []string{write(t, map[string]string{"x.csv": text.String()})}}
	for _, tt := range []struct {
		name   string
		o      Options
		sizes  [3]int
		counts [3][3]int // classes of the parts; zero: not looked at
	}{
		{"default", Options{}, [3]int{24, 6, 0}, [3][3]int{{15, 9, 0}, {0, 0, 6}, {}}},
		{"fractions of three", Options{Split: Split{Train: 0.5, Val: 0.3, Test: 0.2, Fraction: true}}, [3]int{15, 9, 6}, [3][3]int{{15, 0, 0}, {0, 9, 0}, {0, 0, 6}}},
		{"numbers, some left over", Options{Split: Split{Train: 10, Val: 10}}, [3]int{10, 10, 0}, [3][3]int{{10, 0, 0}, {5, 5, 0}, {}}},
		{"stratified", Options{Stratify: true, Split: Split{Train: 20, Val: 10}}, [3]int{20, 10, 0}, [3][3]int{{10, 6, 4}, {5, 3, 2}, {}}},
		{"stratified and shuffled", Options{Stratify: true, Split: Split{Train: 10, Val: 10, Test: 10, Shuffle: true}}, [3]int{10, 10, 10}, [3][3]int{{5, 3, 2}, {5, 3, 2}, {5, 3, 2}}},
		{"shuffled", Options{Split: Split{Train: 24, Val: 6, Shuffle: true}}, [3]int{24, 6, 0}, [3][3]int{}},
		{"training alone", Options{Split: all}, [3]int{30, 0, 0}, [3][3]int{{15, 9, 6}, {}, {}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := src.Open("x.csv", tt.o)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[int32]bool{}
			for p, part := range [][]int32{s.Train, s.Val, s.Test} {
				if len(part) != tt.sizes[p] || !slices.IsSorted(part) {
					t.Errorf("part %d: got %v want %d rows, ascending", p, part, tt.sizes[p])
				}
				var count [3]int
				for _, i := range part {
					if seen[i] {
						t.Errorf("row %d is in two parts", i)
					}
					seen[i] = true
					count[s.Label(i)]++
				}
				if count != tt.counts[p] && tt.counts != [3][3]int{} {
					t.Errorf("part %d: got classes %v want %v", p, count, tt.counts[p])
				}
			}
			if warned := len(s.Warnings) > 0; warned != (tt.counts[0][2] == 0 && !tt.o.Split.Shuffle) {
				t.Errorf("warnings: got %v", s.Warnings)
			}
		})
	}
	shuffled := func(seed int64) []int32 {
		s, err := src.Open("x.csv", Options{Seed: seed, Split: Split{Train: 24, Val: 6, Shuffle: true}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Val
	}
	if slices.Equal(shuffled(1), shuffled(2)) || !slices.Equal(shuffled(1), shuffled(1)) {
		t.Errorf("seeds 1, 2: got %v, %v", shuffled(1), shuffled(2))
	}
}

// The same columns, classes and categories hold in all files.
func TestSplitByFile(t *testing.T) {
	dir := write(t, map[string]string{
		"train.csv": "a,c,y\n1,red,0\n3,blue,1\n", "val.csv": "a,c,y\n5,green,1\n", "test.csv": "a,c,y\n7,red,0\n9,blue,1\n",
		"columns.csv": "a,b,y\n1,red,0\n", "fewer.csv": "c,y\nred,0\n", "class.csv": "a,c,y\n1,red,2\n", "word.csv": "a,c,y\n1,red,0\nx,red,0\n",
		"target.csv": "a,c,z\n1,red,0\n", "x.libsvm": "0 1:2\n",
	})
	src := &Source{Dirs: []string{dir}}
	for _, name := range []string{"train.csv", "."} {
		o := Options{OneHot: true, Standardize: true}
		if name == "train.csv" {
			o.Split.ValFile, o.Split.TestFile = "val.csv", "test.csv"
		}
		s, err := src.Open(name, o)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "parts", [][]int32{s.Train, s.Val, s.Test}, [][]int32{{0, 1}, {2}, {3, 4}})
		same(t, "features", s.FeatureNames, []string{"a", "c=blue", "c=red"})
		same(t, "rows", rows(s), [][]float64{{-1, 0, 1}, {1, 1, 0}, {3, 0, 0}, {5, 0, 1}, {7, 1, 0}})
		if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Error(), "column c: no training example has green") {
			t.Errorf("warnings: got %v", s.Warnings)
		}
	}
	for file, want := range map[string]string{
		"columns.csv": `columns.csv:1: a column "b"; want "c" there`,
		"fewer.csv":   "fewer.csv:1: 2 columns; want 3, as in the training file",
		"class.csv":   `class.csv:2: column y: label "2"; want one of the classes of the training file: 0, 1`,
		"word.csv":    `word.csv:3: column a: "x"; want a number, as in the training file`,
		"target.csv":  `target.csv:1: column "z" to be predicted; want "y"`,
		"x.libsvm":    "x.libsvm: want one file of the same format as train.csv, which is csv",
		"none.csv":    "none.csv: no such folder or file",
	} {
		_, err := src.Open("train.csv", Options{OneHot: true, Split: Split{ValFile: file}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v want … %s …", file, err, want)
		}
	}
}

// What the file is, not only what it is called, decides how it is read.
func TestFormats(t *testing.T) {
	dir := write(t, map[string]string{
		"svm": "-1 1:2 7:0.5\n", "table": "1 2,3\n", "wrong.csv": "-1 1:2 7:0.5\n",
		"bytes": "ab\x00cd", "my-images.idx3": string(images), "my-labels.idx1": string(labels), "ten-idx1": string(labels),
	})
	for name, want := range map[string]string{
		"svm": "", "table": `table:1: column 1: "1 2"; want a number`, "wrong.csv": "wrong.csv:1: 1 columns; want 2",
		"bytes": "it has zero bytes", "my-images.idx3": "", "ten-idx1": "ten-labels-idx1 no", "svm/x": "no such folder or file",
	} {
		_, err := (&Source{Dirs: []string{dir}}).Open(name, Options{Split: all})
		if name == "ten-idx1" {
			want = "want that of the images"
		}
		if name == "svm/x" {
			want = "not a directory"
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v want %q", name, err, want)
		}
	}
}

// A small file that unpacks to a large one is stopped at the limit.
func TestOversizedGzip(t *testing.T) {
	bomb := zipped([]byte("a,y\n" + strings.Repeat("1,2\n", 1<<20)))
	if len(bomb) > 1<<16 {
		t.Fatalf("%d bytes are no bomb", len(bomb))
	}
	dir := write(t, map[string]string{"x.csv.gz": string(bomb), "one.csv.gz": string(zipped([]byte(strings.Repeat("1", 500_000)))),
		"quote.csv": "a,y\n1,\"" + strings.Repeat("\n", 500_000), "one.svm": "1 1:" + strings.Repeat("1", 500_000)})
	s := &Source{Dirs: []string{dir}, MaxBytes: 1 << 20}
	if _, err := s.Open("x.csv.gz", Options{}); err == nil || !strings.Contains(err.Error(), "x.csv.gz: over 1048576 bytes unpacked") {
		t.Errorf("got %v want the limit", err)
	}
	s.longest = 100_000
	for name, line := range map[string]string{"one.csv.gz": "1", "quote.csv": "2", "one.svm": "1"} {
		if _, err := s.Open(name, Options{}); err == nil || !strings.Contains(err.Error(), name+":"+line+": a line that is too long") {
			t.Errorf("%s: got %v want the limit of a line", name, err)
		}
	}
}

func TestSparsify(t *testing.T) {
	s := mustOpen(t, "x.csv", "1,-3,0.5,0\n0.25,2,-0.5,1\n", Options{Split: all, Sparsify: 1})
	same(t, "rows", rows(s), [][]float64{{1, -3, 0}, {0, 2, 0}})
	if _, _, _, ok := s.CSR(); ok {
		t.Error("six numbers are smaller dense")
	}
	// 40 of 256 pixels are bright enough to stay
	var px []byte
	for v := range 256 {
		px = append(px, byte(v))
	}
	src := &Source{Dirs: []string{write(t, map[string]string{
		"train-images-idx3-ubyte": string(idx(magicImages, []uint32{1, 16, 16}, px...)),
		"train-labels-idx1-ubyte": string(idx(magicLabels, []uint32{1}, 0)),
	})}}
	img, err := src.Open(".", Options{Split: all, Sparsify: 215.5 / 255})
	if err != nil {
		t.Fatal(err)
	}
	u8, _, _ := img.Dense()
	if u8 == nil || u8[215] != 0 || u8[216] != 216 {
		t.Errorf("got %v", u8)
	}
	few, err := src.Open(".", Options{Split: all, Sparsify: 250.5 / 255})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, val, ok := few.CSR(); !ok || len(val) != 5 || val[0] != 251 {
		t.Errorf("got %v, sparse %v", val, ok)
	}
	if x := rows(few)[0]; x[251] != float64(251*(1./255)) || x[250] != 0 {
		t.Errorf("got %v and %v", x[250], x[251])
	}
}

// The small sets in the binary, against what their authors say of them.
func TestEmbeddedTables(t *testing.T) {
	src := &Source{Embedded: examples.FS}
	s, err := src.Open("breast-cancer", Options{Stratify: true, Standardize: true})
	if err != nil {
		t.Fatal(err)
	}
	count := make([]int, 2)
	for i := range s.Len() {
		count[s.Label(int32(i))]++
	}
	if s.Len() != 569 || s.Features != 30 || count[0] != 357 || count[1] != 212 || s.ClassNames[1] != "malignant" || len(s.Train) != 455 {
		t.Errorf("breast-cancer: got %d × %d, %v of %v, %d to train on", s.Len(), s.Features, count, s.ClassNames, len(s.Train))
	}
	for j := range s.Features {
		mean, square, x := 0., 0., make([]float64, s.Features)
		for _, i := range s.Train {
			s.Row(i, x)
			mean, square = mean+x[j]/455, square+x[j]*x[j]/455
		}
		if math.Abs(mean) > 1e-6 || math.Abs(square-1) > 1e-6 {
			t.Errorf("column %d: mean %v, variance %v; want 0 and 1", j, mean, square)
		}
	}
	if _, err := src.Open("automobile", Options{Missing: "mean"}); err == nil || !strings.Contains(err.Error(), `embedded automobile.csv:2: column make: "toyota"; want a number, or`) {
		t.Errorf("texts: got %v", err)
	}
	if _, err := src.Open("automobile", Options{OneHot: true}); err == nil || !strings.Contains(err.Error(), `embedded automobile.csv:2: column loss: ""; want a number, or`) {
		t.Errorf("gaps: got %v", err)
	}
	s, err = src.Open("automobile", Options{OneHot: true, Missing: "mean", Standardize: true, Float64: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 201 || s.Classes != 0 || s.Target(0) != 15750 || s.Features != 74 {
		t.Errorf("automobile: got %d × %d, %d classes, first price %v", s.Len(), s.Features, s.Classes, s.Target(0))
	}
}
