package train

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/trawl-sweep/trawl/runner/train/data"
)

// A batch as a sparse matrix has the numbers of the dense one, from bytes and
// from the sparse rows of LIBSVM.
func TestSparseBatchIsTheDenseOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wide.svm")
	if err := os.WriteFile(path, []byte("1 2:0.5 9:-3\n0\n1 1:7 2:1 11:4\n0 30:2\n1 3:1\n0 4:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mnist", path} {
		for _, scaled := range []bool{false, true} {
			set, err := source.Open(name, data.Options{Split: data.Split{Train: 6}})
			if err != nil {
				t.Fatal(err)
			}
			dense, sparse := newFeed[float32](set, data.Augment{}), newFeed[float32](set, data.Augment{})
			n := set.Features
			if scaled && name != "mnist" {
				dense.scale = make([]float32, n)
				for j := range dense.scale {
					dense.scale[j] = 1 / float32(3+j)
				}
				sparse.scale = dense.scale
			}
			sparse.chooseSparse()
			for _, rows := range [][]int32{{5, 0, 1, 5}, {3, 2}, {}} {
				want, got := make([]float32, len(rows)*n), make([]float32, len(rows)*n)
				x := sparse.input(nil, rows)
				if y := dense.input(want, rows); x == nil || y != nil {
					t.Fatalf("%s: got %v and %v want the first alone sparse", name, x, y)
				}
				for i := range rows {
					for k := x.Start[i]; k < x.Start[i+1]; k++ {
						got[i*n+int(x.Col[k])] = x.Val[k]
					}
				}
				if x.Rows != len(rows) || x.Cols != n || !reflect.DeepEqual(got, want) {
					t.Errorf("%s, rows %v: the batch differs from the dense one", name, rows)
				}
			}
		}
	}
}

// A network learns the same bits from sparse examples and from dense ones.
func TestSparseExamplesTeachTheSame(t *testing.T) {
	var want string
	for _, sparse := range []bool{false, true} {
		c := small()
		c.Hidden, c.BatchSize = []int{sparseOut}, 300 // in parts of 256 and 44
		r, err := newRun[float32](c, Hooks{Source: source}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !r.feed.sparse {
			t.Fatal("images are not taken as sparse")
		}
		r.feed.sparse = sparse
		for range 2 {
			if _, why, err := r.period(t.Context()); why != "" || err != nil {
				t.Fatal(why, err)
			}
		}
		if got := weightsHash(r.w); !sparse {
			want = got
		} else if got != want {
			t.Errorf("got %s want %s, that of dense examples", got, want)
		}
	}
}

// Rows of many numbers, and those that are shifted, stay dense.
func TestDenseDataStaysDense(t *testing.T) {
	for name, o := range map[string]data.Options{"breast-cancer": {}, "mnist": {Standardize: true}} {
		set, err := source.Open(name, o)
		if err != nil {
			t.Fatal(err)
		}
		f := newFeed[float32](set, data.Augment{})
		if f.chooseSparse(); f.sparse {
			t.Errorf("%s: sparse; want it dense", name)
		}
	}
}

func TestShuffleIsAPermutation(t *testing.T) {
	from := []int32{3, 5, 8, 13, 21, 34}
	a, b, c := make([]int32, 6), make([]int32, 6), make([]int32, 6)
	shuffle(a, from, 1, 2)
	shuffle(b, from, 1, 2)
	shuffle(c, from, 1, 3)
	sum := int32(0)
	for _, x := range a {
		sum += x
	}
	if !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) || sum != 84 {
		t.Errorf("got %v, again %v, in another epoch %v", a, b, c)
	}
}
