package data

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
)

// Options say how a file is read, divided and prepared. The zero Options are
// the default of each.
type Options struct {
	// Target is the column of a CSV file to be predicted: a name of the header,
	// or a number, 1 being the first column and −1 the last; "" is the last.
	Target string
	// Header says whether the first line of a CSV file holds names: `yes`, `no`,
	// or "": yes if no cell of it is a number, or one is Target.
	Header string
	// Task is `classify`, `regress`, or "": classify for labels that are texts,
	// or whole numbers with at most √n and at most 100 different ones among the
	// n examples. A label that the training file lacks is an error.
	Task string

	Split    Split
	Stratify bool  // each part has the classes in the proportions of the whole
	Seed     int64 // of Split.Shuffle; keep it the same for trials to be compared

	// Standardize makes x of each column of numbers (x−μ)/σ, with mean and
	// deviation √(Σ(x−μ)²/n) of the n training examples; MinMax (x−min)/(max−min),
	// with theirs. At most one of them. A column without spread becomes 0.
	// Indicators stay 0 and 1.
	Standardize, MinMax bool
	// OneHot makes each column of texts one column of 0 and 1 per text of the
	// training part; a text that occurs in other parts only is 0 in all of
	// them, with a warning. Without it texts are an error.
	OneHot bool
	// Missing says what stands for an empty cell (also ?, NA, N/A, NaN, null):
	// `mean` of the training part, with the most frequent text; `most_frequent`
	// for both; "": an error.
	Missing string
	// Sparsify makes numbers zero whose absolute value, as the model would see
	// it, is below this; rows are kept sparse where that takes less memory.
	// 0 changes nothing.
	Sparsify float64
	// Float64 keeps numbers as float64 where float32 is the default.
	Float64 bool
}

// A Split says which rows are for training, validation and test. The zero Split
// is what the files say themselves, by name or as MNIST's train-* and t10k-*,
// else 80 % and 20 %. Without Shuffle, parts follow one another in the order of
// the file; rows that no part takes are left out. A part that is asked for and
// comes out without a row is an error, as are more rows than there are.
type Split struct {
	// Train, Val and Test are numbers of rows, or with Fraction parts of 1 with
	// a sum of at most 1, each rounded to the nearest row. All 0: the default.
	Train, Val, Test float64
	Fraction         bool
	Shuffle          bool
	// ValFile and TestFile are further files with the same columns, found as
	// the first is; the first is then for training alone, unless Train and Val
	// divide it too.
	ValFile, TestFile string
}

// numbers tells whether s divides by number or fraction.
func (s Split) numbers() bool { return s.Train != 0 || s.Val != 0 || s.Test != 0 }

// check says what is wrong with the options by themselves.
func (o Options) check() error {
	for _, w := range []struct {
		name, value string
		want        []string
	}{
		{"header", o.Header, []string{"", "yes", "no"}},
		{"task", o.Task, []string{"", "classify", "regress"}},
		{"missing", o.Missing, []string{"", "mean", "most_frequent"}},
	} {
		if !slices.Contains(w.want, w.value) {
			return fmt.Errorf("%s %q; want one of %q", w.name, w.value, w.want)
		}
	}
	s := o.Split
	for _, x := range []float64{s.Train, s.Val, s.Test} {
		if !(x >= 0) || !s.Fraction && (x != math.Trunc(x) || x > maxRows) {
			return fmt.Errorf("split %v, %v, %v: want numbers of rows, or fractions", s.Train, s.Val, s.Test)
		}
	}
	switch {
	case s.Fraction && s.Train+s.Val+s.Test > 1+1e-9:
		return fmt.Errorf("split %v, %v, %v: want fractions with a sum of at most 1", s.Train, s.Val, s.Test)
	case o.Standardize && o.MinMax:
		return fmt.Errorf("standardize and min-max; want at most one of them")
	case !(o.Sparsify >= 0) || math.IsInf(o.Sparsify, 0):
		return fmt.Errorf("sparsify %v; want a number >= 0", o.Sparsify)
	case o.Sparsify > 0 && (o.Standardize || o.MinMax):
		return fmt.Errorf("sparsify with standardize or min-max: zero would be no zero; want one of them")
	}
	return nil
}

// digest is the hash of what was read with how it is used; names of files do
// not count.
func (o Options) digest(content string) string {
	o.Split.ValFile, o.Split.TestFile = "", ""
	b, err := json.Marshal(o)
	if err != nil {
		panic("data: " + err.Error()) // finite numbers and texts always marshal
	}
	sum := sha256.Sum256(append([]byte(content), b...))
	return hex.EncodeToString(sum[:])
}

// split fills in the parts of s.
func (s *Set) split(o Options) error {
	p := s.t.parts // rows of the files for training, validation and test
	if !o.Split.numbers() && p[1]+p[2] > 0 {
		s.Train, s.Val, s.Test = run(0, p[0]), run(p[0], p[0]+p[1]), run(p[0]+p[1], s.t.rows)
		return nil
	}
	n := s.t.rows
	if o.Split.ValFile != "" || o.Split.TestFile != "" {
		n = p[0]
	}
	train, val, test, err := o.Split.counts(n)
	if err != nil {
		return err
	}
	order, err := s.order(n, o)
	if err != nil {
		return err
	}
	part := make([]uint8, s.t.rows) // of each row; 3: none
	for k, i := range order {
		switch {
		case k >= train+val+test:
			part[i] = 3
		case k >= train+val:
			part[i] = 2
		case k >= train:
			part[i] = 1
		}
	}
	for i := n; i < s.t.rows; i++ {
		if part[i] = 1; i >= p[0]+p[1] {
			part[i] = 2
		}
	}
	s.Train, s.Val, s.Test = rowsOf(part, 0), rowsOf(part, 1), rowsOf(part, 2)
	return nil
}

// rowsOf returns the rows of one part.
func rowsOf(part []uint8, which uint8) []int32 {
	n := 0
	for _, p := range part {
		if p == which {
			n++
		}
	}
	list := make([]int32, 0, n)
	for i, p := range part {
		if p == which {
			list = append(list, int32(i))
		}
	}
	return list
}

// counts returns the numbers of rows of the parts of n.
func (s Split) counts(n int) (train, val, test int, err error) {
	if !s.numbers() {
		s.Train, s.Val, s.Fraction = 0.8, 0.2, true
	}
	if s.Fraction {
		train = int(math.Round(s.Train * float64(n)))
		val = min(int(math.Round(s.Val*float64(n))), n-train)
		test = min(int(math.Round(s.Test*float64(n))), n-train-val)
	} else {
		train, val, test = int(s.Train), int(s.Val), int(s.Test)
	}
	if train < 1 || s.Val > 0 && val < 1 || s.Test > 0 && test < 1 || train+val+test > n {
		return 0, 0, 0, fmt.Errorf("split: %d + %d + %d of %d rows; want at least one in each part and no more than there are",
			train, val, test, n)
	}
	return train, val, test, nil
}

// order returns the first n rows in the order in which they are dealt out.
//
// To stratify, row k of the n_c rows of its class stands at (k+½)/n_c, and rows
// are dealt by that: any first part of m rows then has m·n_c/n of class c, to
// within one per class.
func (s *Set) order(n int, o Options) ([]int32, error) {
	order := run(0, n)
	if o.Split.Shuffle {
		shuffle(order, o.Seed)
	}
	if !o.Stratify {
		return order, nil
	}
	if s.Classes == 0 {
		return nil, fmt.Errorf("stratify: want classes, not numbers, to predict")
	}
	size, seen := make([]int, s.Classes), make([]int, s.Classes)
	for _, i := range order {
		size[s.t.label[i]]++
	}
	at := make([]float64, n)
	for _, i := range order {
		c := s.t.label[i]
		at[i] = (float64(seen[c]) + 0.5) / float64(size[c])
		seen[c]++
	}
	sort.SliceStable(order, func(a, b int) bool {
		x, y := order[a], order[b]
		return at[x] < at[y] || at[x] == at[y] && s.t.label[x] < s.t.label[y]
	})
	return order, nil
}

// shuffle is the method of Fisher and Yates with the multiplication of Lemire
// 2019 (its bias is below 2⁻³² here); rand.Shuffle may change with Go's version.
func shuffle(x []int32, seed int64) {
	src := rand.NewPCG(uint64(seed), 0x5b1d9e3f0c2a7764)
	for i := len(x) - 1; i > 0; i-- {
		j, _ := bits.Mul64(src.Uint64(), uint64(i+1))
		x[i], x[j] = x[j], x[i]
	}
}

// run is from, …, to−1.
func run(from, to int) []int32 {
	x := make([]int32, to-from)
	for i := range x {
		x[i] = int32(from + i)
	}
	return x
}
