package results

import (
	"context"
	"database/sql/driver"
	"errors"
	"math"

	"github.com/trawl-sweep/trawl/sweep"
)

var ctxBackground = context.Background()

// series is a row of t_series: what is wanted of a metric of a trial without
// reading its points.
type series struct {
	col              *column
	attempt          int
	n                int64
	last             float64
	lastStep         int64
	min, max         float64 // of the finite values; NaN: none
	minStep, maxStep int64
	dirty            bool // to be written
	again            bool // to be computed from the points
}

func newSeries(col *column) *series {
	return &series{col: col, min: math.NaN(), max: math.NaN()}
}

// add folds a report. Steps ascend nearly always, and then it is O(1); anything
// else (a new attempt that starts further back, an earlier step, the extreme
// overwritten) is left to recompute.
func (s *series) add(attempt int, step int64, v float64) {
	s.dirty = true
	switch {
	case s.again:
	case s.n == 0 || attempt >= s.attempt && step > s.lastStep:
		s.n++
		s.attempt = max(s.attempt, attempt)
		s.fold(step, v)
	case attempt == s.attempt && step == s.lastStep && s.minStep != step && s.maxStep != step:
		s.fold(step, v)
	default:
		s.again = true
	}
}

func (s *series) fold(step int64, v float64) {
	s.last, s.lastStep = v, step
	if !isFinite(v) {
		return
	}
	if !(v >= s.min) {
		s.min, s.minStep = v, step
	}
	if !(v <= s.max) {
		s.max, s.maxStep = v, step
	}
}

var metricRows = newBulk("insert into t_metrics (sweep, trial, name, step, attempt, value, kind, at, tick) values ", 9,
	" on conflict (sweep, trial, name, step, attempt) do update set value = excluded.value, kind = excluded.kind, at = excluded.at, tick = excluded.tick")

var seriesRows = newBulk("insert into t_series (sweep, trial, name, attempt, n, last, last_kind, last_step, min, min_step, max, max_step) values ", 12,
	` on conflict (sweep, trial, name) do update set attempt = excluded.attempt, n = excluded.n, last = excluded.last, last_kind = excluded.last_kind,
  last_step = excluded.last_step, min = excluded.min, min_step = excluded.min_step, max = excluded.max, max_step = excluded.max_step`)

// heldMetrics is how many values are gathered before they are inserted.
const heldMetrics = 9 * 4096

// report stores reports of an attempt.
func (p *projector) report(l *live, attempt int, reports []sweep.Report, tick int64) error {
	if err := p.loadSeries(l); err != nil {
		return err
	}
	if err := p.cols.seen(p.c, reports); err != nil {
		return err
	}
	for _, r := range reports {
		col := p.cols.metrics[r.Name]
		s := l.series[col.id]
		if s == nil {
			if l.series == nil {
				l.series = map[int64]*series{}
			}
			s = newSeries(col)
			l.series[col.id] = s
		}
		step := max(0, r.Step)
		s.add(attempt, step, r.Value)
		value, kind := kinded(r.Value)
		p.metrics = append(p.metrics, p.sweep, int64(l.id), col.id, step, int64(attempt), value, kind, r.At, tick)
		if len(p.metrics) >= heldMetrics {
			if err := p.flushMetrics(); err != nil {
				return err
			}
		}
	}
	for _, s := range l.series {
		if s.again {
			if err := p.recompute(l, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *projector) flushMetrics() error {
	_, err := metricRows.exec(p.c, p.metrics)
	clear(p.metrics)
	p.metrics = p.metrics[:0]
	return err
}

// recompute folds the points again that count.
func (p *projector) recompute(l *live, s *series) error {
	if err := p.flushMetrics(); err != nil {
		return err
	}
	*s = *newSeries(s.col)
	s.dirty = true
	return effective(ctxBackground, p.c, p.sweep, int64(l.id), s.col.id, 0, func(m point) error {
		s.n++
		s.attempt = max(s.attempt, m.attempt)
		s.fold(m.step, m.value)
		return nil
	})
}

// loadSeries reads the series of a trial that an earlier process, or an earlier
// attempt, left.
func (p *projector) loadSeries(l *live) error {
	if l.known {
		return nil
	}
	l.known, l.series = true, map[int64]*series{}
	return p.c.each(ctxBackground, `select name, attempt, n, last, last_kind, last_step, min, min_step, max, max_step
from t_series where sweep = ? and trial = ?`, []driver.Value{p.sweep, int64(l.id)}, func(r []driver.Value) error {
		col := p.cols.byID(asInt(r[0]))
		if col == nil {
			return nil
		}
		s := newSeries(col)
		s.attempt, s.n, s.last, s.lastStep = int(asInt(r[1])), asInt(r[2]), unkind(r[3], r[4]), asInt(r[5])
		if r[6] != nil {
			s.min, s.minStep, s.max, s.maxStep = asFloat(r[6]), asInt(r[7]), asFloat(r[8]), asInt(r[9])
		}
		l.series[col.id] = s
		return nil
	})
}

// appendSeries adds the rows of t_series that changed.
func (l *live) appendSeries(values []driver.Value, sweepID int64) []driver.Value {
	for _, s := range l.series {
		if !s.dirty {
			continue
		}
		s.dirty = false
		last, kind := kinded(s.last)
		values = append(values, sweepID, int64(l.id), s.col.id, int64(s.attempt), s.n, last, kind, s.lastStep)
		if math.IsNaN(s.min) {
			values = append(values, nil, nil, nil, nil)
		} else {
			values = append(values, s.min, s.minStep, s.max, s.maxStep)
		}
	}
	return values
}

// widen writes the wide row of an ended trial, with the metrics' values at the
// step of the objective, else the last before it; without an objective the last.
func (p *projector) widen(l *live) error {
	if err := p.loadSeries(l); err != nil {
		return err
	}
	values := make([]cell, 0, len(l.series))
	for _, s := range l.series {
		if s.col.col == "" {
			continue
		}
		v, ok := s.last, true
		if l.has && s.lastStep > l.step {
			if err := p.flushMetrics(); err != nil {
				return err
			}
			var err error
			if v, ok, err = valueAt(p.c, p.sweep, int64(l.id), s.col.id, l.step); err != nil {
				return err
			}
		}
		if ok && isFinite(v) {
			values = append(values, cell{s.col, v})
		}
	}
	return p.cols.insert(p.c, l.id, l.params, values)
}

// A point is a report that counts.
type point struct {
	step    int64
	attempt int
	value   float64
	at      int64
}

// A source runs queries: the connection that writes, or a reader.
type source interface {
	each(ctx context.Context, q string, args []driver.Value, fn func(row []driver.Value) error) error
}

// cutoffs says for each attempt of a metric from which step on a later attempt
// replaces it: the least first step of the later ones.
func cutoffs(ctx context.Context, c source, sweepID, trial, name int64) (map[int]int64, error) {
	cut, first := map[int]int64{}, int64(math.MaxInt64)
	err := c.each(ctx, `select attempt, min(step) from t_metrics where sweep = ? and trial = ? and name = ?
group by attempt order by attempt desc`, []driver.Value{sweepID, trial, name}, func(r []driver.Value) error {
		cut[int(asInt(r[0]))] = first
		first = min(first, asInt(r[1]))
		return nil
	})
	return cut, err
}

// effective calls fn for the points of a metric that count, by step, from a
// step on: the last report of each step, and of an attempt only those before
// the first step of every later one.
func effective(ctx context.Context, c source, sweepID, trial, name, from int64, fn func(point) error) error {
	cut, err := cutoffs(ctx, c, sweepID, trial, name)
	if err != nil {
		return err
	}
	return c.each(ctx, `select step, attempt, value, kind, at from t_metrics
where sweep = ? and trial = ? and name = ? and step >= ? order by step, attempt`,
		[]driver.Value{sweepID, trial, name, from}, func(r []driver.Value) error {
			m := point{asInt(r[0]), int(asInt(r[1])), unkind(r[2], r[3]), asInt(r[4])}
			if m.step >= cut[m.attempt] {
				return nil
			}
			return fn(m)
		})
}

var errEnough = errors.New("enough")

// valueAt is the last point that counts at or before a step.
func valueAt(c source, sweepID, trial, name, step int64) (v float64, ok bool, err error) {
	cut, err := cutoffs(ctxBackground, c, sweepID, trial, name)
	if err != nil {
		return 0, false, err
	}
	err = c.each(ctxBackground, `select step, attempt, value, kind from t_metrics
where sweep = ? and trial = ? and name = ? and step <= ? order by step desc, attempt desc`,
		[]driver.Value{sweepID, trial, name, step}, func(r []driver.Value) error {
			if asInt(r[0]) >= cut[int(asInt(r[1]))] {
				return nil
			}
			v, ok = unkind(r[2], r[3]), true
			return errEnough
		})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return v, ok, err
}
