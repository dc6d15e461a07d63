package benchfn

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// Curves are recorded learning curves of one task.
type Curves struct {
	Name string
	// Space has the configurations as rows of one zip group, so that every
	// sampler draws from what was recorded.
	Space *sweep.Space
	Loss  [][]float64 // per configuration: the validation loss at each step; NaN where it diverged

	rows map[string]int // key of a point → configuration
}

// LoadCurves reads gzipped CSV: columns of parameters, then valid0, valid1 …,
// the loss at each step, then columns that it ignores. An empty field or nan is
// NaN. The error names the file and row of what is wrong.
func LoadCurves(path string) (*Curves, error) {
	head, rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	d := slices.Index(head, "valid0")
	end := d
	for end >= 0 && end < len(head) && head[end] == fmt.Sprintf("valid%d", end-d) {
		end++
	}
	if d < 1 {
		return nil, fmt.Errorf("%s:1: no column valid0 after the parameters", path)
	}
	name, _, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
	c := &Curves{Name: name, rows: map[string]int{}}
	params := make([]sweep.Param, d)
	for i := range params {
		params[i] = sweep.Param{Name: head[i], Domain: sweep.Domain{Dist: sweep.Categorical}}
	}
	for k, r := range rows {
		for i := range params {
			v, ok := sweep.ParseNumber(r[i])
			if !ok {
				return nil, fmt.Errorf("%s:%d: %s: %q; want a number", path, k+2, head[i], r[i])
			}
			params[i].Domain.Values = append(params[i].Domain.Values, v)
		}
		curve, err := losses(r[d:end])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, k+2, err)
		}
		c.Loss = append(c.Loss, curve)
	}
	if c.Space, err = sweep.NewSpace(params, nil, [][]string{head[:d]}); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, c.index()
}

func losses(fields []string) ([]float64, error) {
	curve := make([]float64, len(fields))
	for i, s := range fields {
		x, err := strconv.ParseFloat(s, 64)
		if s == "" {
			x, err = math.NaN(), nil
		}
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, fmt.Errorf("valid%d: %q; want a number", i, s)
		}
		curve[i] = x
	}
	return curve, nil
}

// index numbers the configurations by the key of their point.
func (c *Curves) index() error {
	n := float64(len(c.Loss))
	for k := range c.Loss {
		p, _, err := c.Space.Decode([]float64{(float64(k) + 0.5) / n})
		if err != nil {
			return err
		}
		key := c.Space.Key(p)
		if _, twice := c.rows[key]; !twice {
			c.rows[key] = k
		}
	}
	return nil
}

// Row returns which configuration a point of the space is.
func (c *Curves) Row(p sweep.Point) (row int, ok bool) {
	row, ok = c.rows[c.Space.Key(p)]
	return row, ok
}

// Lowest returns the least loss of a configuration at any step, +Inf if it has
// none that is a number.
func (c *Curves) Lowest(row int) float64 {
	least := math.Inf(1)
	for _, x := range c.Loss[row] {
		if x < least {
			least = x
		}
	}
	return least
}
