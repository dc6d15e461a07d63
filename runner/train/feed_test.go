package train

import (
	"reflect"
	"testing"

	"github.com/trawl-sweep/trawl/runner/train/data"
)

// A batch without its columns of zeros has the other ones unchanged.
func TestColumnsOfABatch(t *testing.T) {
	set, err := source.Open("mnist", data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	whole, part := newFeed[float32](set, data.Augment{}), newFeed[float32](set, data.Augment{})
	part.narrow = true
	rows := []int32{5, 9_999, 17, 0, 5}
	x, y := make([]float32, len(rows)*784), make([]float32, len(rows)*784)
	if cols := whole.input(x, rows); cols != nil {
		t.Fatalf("columns are left out unasked: %v", cols)
	}
	cols := part.input(y, rows)
	k := 0
	for _, s := range cols {
		k += s.To - s.From
	}
	if k == 0 || k > 784*4/5 {
		t.Fatalf("%d columns of 784; want those in use, of 5 digits", k)
	}
	got := make([]float32, len(x))
	for i := range rows {
		from := y[i*k:][:k]
		for _, s := range cols {
			from = from[copy(got[i*784+s.From:i*784+s.To], from):]
		}
	}
	if !reflect.DeepEqual(got, x) {
		t.Error("the batch differs from the whole one")
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
