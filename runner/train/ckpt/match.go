package ckpt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Pair says which tensor of a file goes into which of a model.
type Pair struct {
	Name string // in the model
	From Info   // in the file
}

// Match finds for each tensor that a model wants the one of a file to start it
// from: by name if all names are there, else by order. By order the k-th wanted
// tensor of two dimensions is the k-th such of the file, likewise those of one;
// the file's come in the order of their names, numbers in names by value
// (`0.weight`, `2.weight`, `10.weight`). State of an optimizer and of a run is
// passed over; what the file has beyond what is wanted, too.
//
// An error names the tensor whose shape differs or that is missing, with the
// shape wanted.
func Match(want []Info, file []Info) (pairs []Pair, byName bool, err error) {
	names := make(map[string]Info, len(file))
	for _, t := range file {
		names[t.Name] = t
	}
	byName = !slices.ContainsFunc(want, func(t Info) bool { _, ok := names[t.Name]; return !ok })
	have := make(map[int][]Info) // by the number of dimensions
	for _, t := range file {
		if !strings.HasPrefix(t.Name, "optim.") && !strings.HasPrefix(t.Name, "run.") {
			have[len(t.Shape)] = append(have[len(t.Shape)], t)
		}
	}
	for _, list := range have {
		slices.SortStableFunc(list, func(a, b Info) int { return natural(a.Name, b.Name) })
	}
	for _, w := range want {
		t, ok := names[w.Name]
		if list := have[len(w.Shape)]; !byName {
			if ok = len(list) > 0; ok {
				t, have[len(w.Shape)] = list[0], list[1:]
			}
		}
		if !ok {
			return nil, false, fmt.Errorf("no tensor for %s; want one of shape %v", w.Name, w.Shape)
		}
		if !slices.Equal(t.Shape, w.Shape) {
			return nil, false, fmt.Errorf("tensor %s: shape %v; want %v for %s", t.Name, t.Shape, w.Shape, w.Name)
		}
		pairs = append(pairs, Pair{w.Name, t})
	}
	return pairs, byName, nil
}

// natural compares names with their runs of digits as numbers.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x == "" || y == "" {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
			return c
		}
		a, b = a[len(x):], b[len(y):]
	}
	return cmp.Compare(len(a), len(b))
}

// digits returns the digits that s begins with.
func digits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
