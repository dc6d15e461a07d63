package results

import (
	"database/sql/driver"
	"math"

	"github.com/trawl-sweep/trawl/results/rank"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pareto"
)

// An objective as t_sweeps holds it.
type objective struct {
	Name string `json:"name"`
	Goal string `json:"goal"`
}

func parseGoal(s string) sweep.Goal {
	if s == sweep.Maximize.String() {
		return sweep.Maximize
	}
	return sweep.Minimize
}

// counts reports whether the trial counts among those that rank: finished, with
// finite objectives.
func (l *live) counts() bool {
	if l.state != sweep.Finished || !l.has || !isFinite(l.objective) {
		return false
	}
	for _, v := range l.others {
		if !isFinite(v) {
			return false
		}
	}
	return true
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// settle counts the end of a trial in its point and sweep.
func (p *projector) settle(l *live) error {
	p.count(l.state, 1)
	if l.counts() && l.planned == 1 && len(p.goals) == 1 && !p.outside[l.point] {
		// By far the most common: the only run of the point, in one statement.
		res, err := p.c.exec(`insert into t_points (sweep, id, trial, planned, n, mean, score) values (?, ?, ?, 1, 1, ?, ?)
on conflict (sweep, id) do nothing`, p.sweep, l.point, int64(l.id), l.objective, p.goals[0].Score(l.objective))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
	}
	_, err := p.c.exec(`insert into t_points (sweep, id, trial, planned) values (?, ?, ?, ?)
on conflict (sweep, id) do update set planned = max(planned, excluded.planned), trial = min(trial, excluded.trial)`,
		p.sweep, l.point, int64(l.id), l.planned)
	if err != nil {
		return err
	}
	if !l.counts() {
		return p.countPoint(l, 1)
	}
	s, others, err := p.sample(l.point)
	if err != nil {
		return err
	}
	s, others = addTrial(s, others, l.objective, l.others)
	return p.writeSample(l.point, s, others)
}

// unsettle takes the outcome of a trial, as it was, back out of its point and
// sweep. The mean is computed again from what remains, so that it is exact.
func (p *projector) unsettle(was *live) error {
	p.count(was.state, -1)
	if !was.counts() {
		return p.countPoint(was, -1)
	}
	if err := p.flushTrials(); err != nil { // the rows are read below
		return err
	}
	var s rank.Sample
	var others []float64
	if was.planned > 1 {
		err := p.c.each(ctxBackground, `select objective, others from t_trials
where sweep = ? and point = ? and state = 'finished' and kind = 0 and id <> ? order by id`,
			[]driver.Value{p.sweep, was.point, int64(was.id)}, func(row []driver.Value) error {
				l := live{state: sweep.Finished, has: true, objective: asFloat(row[0])}
				var err error
				if l.others, err = parseNumbers(asText(row[1])); err != nil || !l.counts() {
					return err
				}
				s, others = addTrial(s, others, l.objective, l.others)
				return nil
			})
		if err != nil {
			return err
		}
	}
	return p.writeSample(was.point, s, others)
}

func addTrial(s rank.Sample, means []float64, objective float64, others []float64) (rank.Sample, []float64) {
	s = s.Add(objective)
	out := make([]float64, len(others))
	for i, v := range others {
		if s.N > 1 && i < len(means) {
			v = means[i] + (v-means[i])/float64(s.N)
		}
		out[i] = v
	}
	return s, out
}

// countPoint counts an end that does not rank.
func (p *projector) countPoint(l *live, d int64) error {
	q := "update t_points set odd = odd + ? where sweep = ? and id = ?"
	switch l.state {
	case sweep.Pruned:
		q = "update t_points set pruned = pruned + ? where sweep = ? and id = ?"
	case sweep.Failed:
		q = "update t_points set failed = failed + ? where sweep = ? and id = ?"
	case sweep.Diverged:
		q = "update t_points set diverged = diverged + ? where sweep = ? and id = ?"
	case sweep.Killed:
		q = "update t_points set killed = killed + ? where sweep = ? and id = ?"
	}
	_, err := p.c.exec(q, d, p.sweep, l.point)
	return err
}

func (p *projector) sample(point int64) (s rank.Sample, others []float64, err error) {
	row, ok, err := p.c.row("select n, mean, m2, others from t_points where sweep = ? and id = ?", p.sweep, point)
	if err != nil || !ok {
		return s, nil, err
	}
	others, err = parseNumbers(asText(row[3]))
	return rank.Sample{N: asInt(row[0]), Mean: asFloat(row[1]), M2: asFloat(row[2])}, others, err
}

// writeSample stores what the ranking reads of a point. With several objectives
// the score is its place in the order of fronts, set by rankFronts.
func (p *projector) writeSample(point int64, s rank.Sample, others []float64) error {
	var mean, std, low, high, score, more driver.Value
	if s.N > 0 {
		mean = s.Mean
		if len(p.goals) == 1 && isFinite(s.Mean) && !p.outside[point] {
			score = p.goals[0].Score(s.Mean)
		}
		if len(others) > 0 {
			more = formatNumbers(others)
		}
	}
	if l, h, ok := s.Interval(); ok && isFinite(l) && isFinite(h) {
		std, low, high = s.Std(), l, h
	}
	if len(p.goals) > 1 {
		p.fronts.stale = true
		p.fronts.added++
	}
	m2 := s.M2
	if !isFinite(m2) { // numbers near the end of the range
		m2 = math.MaxFloat64
	}
	_, err := p.c.exec(`update t_points set n = ?1, mean = ?2, m2 = ?3, std = ?4, low = ?5, high = ?6, others = ?7, front = null, crowding = null,
  score = case when ?1 >= planned then ?8 end where sweep = ?9 and id = ?10`,
		s.N, mean, m2, std, low, high, more, score, p.sweep, point)
	return err
}

// fronts says when the Pareto fronts of a sweep are to be computed again: when
// a tenth has been added since, so that all times together cost a small
// multiple of the last, and when somebody waits for the result (Flush).
type fronts struct {
	stale  bool
	ranked int // points at the last computation
	added  int // since
	now    bool
}

func (f *fronts) due() bool {
	return f.stale && (f.now || f.added*10 >= f.ranked)
}

// rankFronts computes fronts and crowding of all points that rank.
func (p *projector) rankFronts() error {
	var ids []int64
	var points [][]float64
	err := p.c.each(ctxBackground, `select id, mean, others from t_points where sweep = ? and n >= planned order by id`,
		[]driver.Value{p.sweep}, func(row []driver.Value) error {
			others, err := parseNumbers(asText(row[2]))
			if err != nil || len(others)+1 < len(p.goals) || p.outside[asInt(row[0])] {
				return err
			}
			values := append([]float64{asFloat(row[1])}, others...)
			for i, g := range p.goals {
				values[i] = g.Score(values[i])
			}
			ids, points = append(ids, asInt(row[0])), append(points, values[:len(p.goals)])
			return nil
		})
	if err != nil {
		return err
	}
	front := pareto.Fronts(points)
	crowding := pareto.Crowding(points, front)
	for place, i := range pareto.Order(front, crowding) {
		var crowd driver.Value
		if isFinite(crowding[i]) {
			crowd = crowding[i]
		}
		if _, err := p.c.exec("update t_points set front = ?1, crowding = ?2, score = ?3 where sweep = ?4 and id = ?5 and (score is not ?3 or front is not ?1 or crowding is not ?2)",
			int64(front[i]), crowd, float64(place+1), p.sweep, ids[i]); err != nil {
			return err
		}
	}
	p.fronts = fronts{ranked: len(ids)}
	return nil
}
