package data

import (
	"fmt"
	"math"
	"sort"
)

// set divides and prepares a table.
func (t *table) set(name string, o Options) (*Set, error) {
	s := &Set{Name: name, Classes: len(t.names), ClassNames: t.names, t: t, m: &t.matrix, Digest: o.digest(t.digest)}
	for _, c := range t.columns {
		if c.category && !o.OneHot {
			return nil, c.text.want("want a number, or `one_hot: true` for a column of texts")
		}
		if c.gap != nil && o.Missing == "" {
			return nil, c.gap.want("want a number, or `missing: mean`")
		}
	}
	if err := s.split(o); err != nil {
		return nil, err
	}
	s.warnOfClasses()
	indicator, err := s.expand(o)
	if err != nil {
		return nil, err
	}
	s.Features = s.m.cols
	if s.m.sparse() && (o.Standardize || o.MinMax) {
		d := s.m.dense(o.Float64)
		if d == nil {
			return nil, fmt.Errorf("%d × %d numbers are not zero any more once standardised, over %d bytes; want fewer columns, or none of standardize and min-max",
				s.m.rows, s.m.cols, int64(maxBytes))
		}
		s.m = d
	}
	s.rescale(o, indicator)
	if o.Sparsify > 0 {
		s.sparsify(o.Sparsify)
	}
	return s, nil
}

// warnOfClasses tells of classes without a training example.
func (s *Set) warnOfClasses() {
	if s.Classes == 0 {
		return
	}
	seen := make([]bool, s.Classes)
	for _, i := range s.Train {
		seen[s.t.label[i]] = true
	}
	var lack []string
	for c, ok := range seen {
		if !ok {
			lack = append(lack, s.ClassNames[c])
		}
	}
	if len(lack) > 0 {
		s.Warnings = append(s.Warnings, fmt.Errorf("no training example of class %s; stratify or shuffle the split if the file is sorted by class", some(lack)))
	}
	if s.Classes == 1 {
		s.Warnings = append(s.Warnings, fmt.Errorf("one class only: %s", s.ClassNames[0]))
	}
}

// A plan says what becomes of one column of the table.
type plan struct {
	fill  float64   // for a gap: a number, or that of a text
	at    int       // the first column that it gives
	level []int     // of a category: the column of each text from at on, −1 for none
	count []float64 // how often the training part has each text
}

// expand sets s.m to a copy with gaps filled and texts as indicators, if the
// table has any, and FeatureNames. It tells which columns are indicators.
func (s *Set) expand(o Options) (indicator []bool, err error) {
	plans, plain := make([]plan, len(s.t.columns)), true
	for j := range s.t.columns {
		c, p := &s.t.columns[j], &plans[j]
		p.at = len(s.FeatureNames)
		if c.category || c.gap != nil {
			plain = false
			if err := s.measure(p, j, o.Missing); err != nil {
				return nil, err
			}
		}
		if !c.category {
			s.FeatureNames, indicator = append(s.FeatureNames, c.name), append(indicator, false)
		} else {
			indicator = s.indicators(c, p, indicator)
		}
	}
	if plain {
		return indicator, nil
	}
	if len(indicator) == 0 || len(indicator) > maxColumns {
		return nil, fmt.Errorf("%d columns after one-hot; want 1 to %d", len(indicator), maxColumns)
	}
	s.m, err = s.t.expanded(plans, len(indicator), o)
	return indicator, err
}

// indicators adds a column for each text of the training part, in the order of
// the texts.
func (s *Set) indicators(c *column, p *plan, indicator []bool) []bool {
	order := make([]int, len(c.levels))
	for l := range order {
		order[l] = l
	}
	sort.Slice(order, func(a, b int) bool { return c.levels[order[a]] < c.levels[order[b]] })
	p.level = make([]int, len(c.levels))
	var lack []string
	for _, l := range order {
		if p.level[l] = -1; p.count[l] == 0 {
			lack = append(lack, c.levels[l])
			continue
		}
		p.level[l] = len(s.FeatureNames)
		s.FeatureNames, indicator = append(s.FeatureNames, c.name+"="+c.levels[l]), append(indicator, true)
	}
	if len(lack) > 0 {
		s.Warnings = append(s.Warnings, fmt.Errorf("column %s: no training example has %s: all indicators are 0 there", c.name, some(lack)))
	}
	return indicator
}

// measure finds what fills the gaps of column j, and counts its texts.
func (s *Set) measure(p *plan, j int, method string) error {
	c := &s.t.columns[j]
	sum, n := 0.0, 0.0
	count := make(map[float64]float64)
	buf := make([]float64, s.t.cols)
	for _, i := range s.Train {
		s.t.row(int(i), buf)
		x := buf[j]
		if math.IsNaN(x) {
			continue
		}
		sum, n = sum+x, n+1
		if c.category || method == "most_frequent" {
			count[x]++
		}
	}
	if n == 0 {
		return fmt.Errorf("column %s: no training example has a value", c.name)
	}
	p.fill = sum / n
	if c.category || method == "most_frequent" {
		best := -1.0
		for x, k := range count { // the smallest of the most frequent
			if k > best || k == best && x < p.fill {
				best, p.fill = k, x
			}
		}
	}
	if c.category {
		p.count = make([]float64, len(c.levels))
		for x, k := range count {
			p.count[int(x)] = k
		}
	}
	return nil
}

// expanded is the table as the plans say, sparse where that is much smaller and
// the model's zeros are those of the file.
func (t *table) expanded(plans []plan, cols int, o Options) (*matrix, error) {
	size := int64(4)
	if o.Float64 {
		size = 8
	}
	dense := int64(t.rows) * int64(cols) * size
	sparse := int64(t.rows) * (int64(t.cols)*(size+4) + 8)
	m := &matrix{cols: cols}
	if !o.Standardize && !o.MinMax && sparse < dense/2 {
		m.makeSparse(o.Float64)
	} else if dense > maxBytes {
		return nil, fmt.Errorf("%d rows of %d columns after one-hot: over %d bytes; want fewer", t.rows, cols, int64(maxBytes))
	}
	in, out := make([]float64, t.cols), make([]float64, cols)
	for i := range t.rows {
		t.row(i, in)
		clear(out)
		for j, x := range in {
			p := &plans[j]
			if math.IsNaN(x) {
				x = p.fill
			}
			if p.level == nil {
				out[p.at] = x
			} else if at := p.level[int(x)]; at >= 0 {
				out[at] = 1
			}
		}
		if m.sparse() {
			m.addSparse(out, o.Float64)
		} else {
			m.add(out, o.Float64)
		}
	}
	m.trim()
	return m, nil
}

func (m *matrix) makeSparse(wide bool) {
	if m.indptr, m.col = []int64{0}, []int32{}; wide {
		m.v64 = []float64{}
	} else {
		m.v32 = []float32{}
	}
}

func (m *matrix) addSparse(x []float64, wide bool) {
	for j, v := range x {
		switch {
		case v == 0:
			continue
		case wide:
			m.v64 = append(m.v64, v)
		default:
			m.v32 = append(m.v32, float32(v))
		}
		m.col = append(m.col, int32(j))
	}
	m.indptr = append(m.indptr, int64(len(m.col)))
	m.rows++
}

// rescale sets scale and shift; the statistics are those of the training part.
func (s *Set) rescale(o Options, indicator []bool) {
	d := s.Features
	s.scale, s.shift = make([]float64, d), make([]float64, d)
	for j := range s.scale {
		s.scale[j] = s.t.unit
	}
	if !o.Standardize && !o.MinMax {
		return
	}
	x, mean, square := make([]float64, d), make([]float64, d), make([]float64, d)
	low, high := make([]float64, d), make([]float64, d)
	n := float64(len(s.Train))
	for k, i := range s.Train {
		s.m.row(int(i), x)
		for j, v := range x {
			mean[j] += v
			if low[j] = min(low[j], v); k == 0 {
				low[j], high[j] = v, v
			}
			high[j] = max(high[j], v)
		}
	}
	for j := range mean {
		mean[j] /= n
	}
	for _, i := range s.Train { // a second pass: the squares are of small numbers
		s.m.row(int(i), x)
		for j, v := range x {
			square[j] += float64((v - mean[j]) * (v - mean[j]))
		}
	}
	for j := range d {
		center, spread := mean[j], math.Sqrt(square[j]/n)
		if o.MinMax {
			center, spread = low[j], high[j]-low[j]
		}
		if low[j] == high[j] {
			center, spread = low[j], 1
		}
		if j >= len(indicator) || !indicator[j] {
			s.scale[j], s.shift[j] = 1/spread, -center/spread
		}
	}
}

// sparsify drops the numbers that the model would see below limit.
func (s *Set) sparsify(limit float64) {
	wide := s.m.f64 != nil || s.m.v64 != nil
	m := &matrix{cols: s.m.cols}
	m.makeSparse(wide)
	x := make([]float64, m.cols)
	kept := func(i int) {
		s.m.row(i, x)
		for j, v := range x {
			if math.Abs(float64(v*s.scale[j])) < limit {
				x[j] = 0
			}
		}
	}
	for i := range s.m.rows {
		kept(i)
		m.addSparse(x, wide)
	}
	if !s.m.sparse() && m.bytes() >= s.m.bytes() {
		m = &matrix{cols: s.m.cols}
		for i := range s.m.rows {
			kept(i)
			m.add(x, wide)
		}
	}
	m.trim()
	s.m = m
}

// want completes a place with what was wanted there.
func (e *placeError) want(what string) error {
	w := *e
	w.what += "; " + what
	return &w
}
