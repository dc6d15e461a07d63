package benchfn

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// Table reads a recorded tuning table, gzipped CSV: a column per parameter,
// then columns s0, s1 … with the accuracy of each repetition, and a row per
// combination of a full grid. The function is to be maximised. Each parameter
// is a list of its values in ascending order, as a sweep file would name them.
//
// An evaluation is one repetition at random, the true value their mean. Min is
// the best mean of the table, and Scale the distance from there to the median
// mean, so that Regret is 1 for a median configuration.
//
// The error names the file and line of what is wrong.
func Table(path string) (*Function, error) {
	head, rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	d := slices.IndexFunc(head, func(name string) bool { return repetition(name) })
	if d < 1 || !all(head[d:], repetition) {
		return nil, fmt.Errorf("%s:1: %s; want parameters, then s0, s1 …", path, strings.Join(head, ","))
	}
	t := table{runs: len(head) - d}
	var params []sweep.Param
	for c, name := range head[:d] {
		dom, at, err := column(rows, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		params = append(params, sweep.Param{Name: name, Domain: dom})
		t.levels = append(t.levels, at)
	}
	space, err := sweep.NewSpace(params, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range head[:d] {
		i, _ := space.Index(name)
		t.place = append(t.place, i)
	}
	if err := t.fill(rows); err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	sorted := slices.Sorted(slices.Values(t.mean))
	n := len(sorted)
	best, median := sorted[n-1], (sorted[(n-1)/2]+sorted[n/2])/2
	if best == median {
		return nil, fmt.Errorf("%s: half of the configurations are the best; want some that differ", path)
	}
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return &Function{Name: name, Doc: "recorded tuning of a perceptron; HPOBench, Eggensperger et al. 2021",
		Space: space, Goal: sweep.Maximize, Min: best, Scale: best - median,
		Eval: func(p sweep.Point, rng *rand.Rand) float64 { return t.values[t.row(p)*t.runs+rng.IntN(t.runs)] },
		True: func(p sweep.Point) float64 { return t.mean[t.row(p)] }}, nil
}

// Tables reads all tables of a directory, sorted by name.
func Tables(dir string) (out []*Function, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.csv.gz"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: no tables; want *.csv.gz", dir)
	}
	for _, path := range paths {
		f, e := Table(path)
		out, err = append(out, f), errors.Join(err, e)
	}
	return out, err
}

// repetition reports whether a column is s0, s1 ….
func repetition(name string) bool {
	_, err := strconv.ParseUint(strings.TrimPrefix(name, "s"), 10, 16)
	return err == nil && strings.HasPrefix(name, "s")
}

func all(names []string, f func(string) bool) bool {
	return !slices.ContainsFunc(names, func(s string) bool { return !f(s) })
}

// A table is a full grid, its first parameter slowest.
type table struct {
	levels []map[string]int // per column: canonical value → its number
	place  []int            // per column: the index of the parameter in a Point
	runs   int
	values []float64 // rows × runs
	mean   []float64 // per row
}

// column makes the domain of a column: its distinct numbers in order.
func column(rows [][]string, c int) (d sweep.Domain, at map[string]int, err error) {
	d.Dist, at = sweep.Categorical, map[string]int{}
	seen := map[string]bool{}
	for i, r := range rows {
		if seen[r[c]] {
			continue
		}
		seen[r[c]] = true
		v, ok := sweep.ParseNumber(r[c])
		if !ok {
			return d, nil, fmt.Errorf("row %d: %q; want a number", i+2, r[c])
		}
		d.Values = append(d.Values, v)
	}
	slices.SortFunc(d.Values, func(a, b sweep.Value) int {
		x, _ := a.Number()
		y, _ := b.Number()
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	for i, v := range d.Values {
		at[string(v.AppendKey(nil))] = i
	}
	return d, at, nil
}

// fill takes the values of all rows and their means.
func (t *table) fill(rows [][]string) error {
	n := 1
	for _, at := range t.levels {
		n *= len(at)
	}
	if n != len(rows) {
		return fmt.Errorf(" %d rows; want %d, one per combination", len(rows), n)
	}
	t.values, t.mean = make([]float64, n*t.runs), make([]float64, n)
	for i := range t.mean {
		t.mean[i] = math.NaN()
	}
	d := len(t.levels)
	for k, r := range rows {
		row := 0
		for c, at := range t.levels {
			v, _ := sweep.ParseNumber(r[c])
			row = row*len(at) + at[string(v.AppendKey(nil))]
		}
		if !math.IsNaN(t.mean[row]) {
			return fmt.Errorf("%d: this combination again; want each once", k+2)
		}
		sum := 0.0
		for j, cell := range r[d:] {
			x, err := strconv.ParseFloat(cell, 64)
			if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("%d: %q; want a finite number", k+2, cell)
			}
			t.values[row*t.runs+j] = x
			sum += x
		}
		t.mean[row] = sum / float64(t.runs)
	}
	return nil
}

// row returns the number of the row of a point of the table's space.
func (t *table) row(p sweep.Point) int {
	var key [32]byte
	row := 0
	for c, at := range t.levels {
		row = row*len(at) + at[string(p[t.place[c]].AppendKey(key[:0]))]
	}
	return row
}

// readCSV reads a gzipped CSV with a header. All rows have equal length.
func readCSV(path string) (head []string, rows [][]string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	r := csv.NewReader(z)
	if head, err = r.Read(); err == nil {
		rows, err = r.ReadAll()
	}
	switch {
	case errors.Is(err, io.EOF):
		err = errors.New("empty; want a header and rows")
	case err == nil && len(rows) == 0:
		err = errors.New("no rows")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return head, rows, nil
}
