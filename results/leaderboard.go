package results

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/trawl-sweep/trawl/results/rank"
	"github.com/trawl-sweep/trawl/sweep"
)

// A RankRow is a point in the ranking.
type RankRow struct {
	Rank      int64           `json:"rank"` // 0: it does not rank
	Point     sweep.PointID   `json:"point"`
	Trial     sweep.TrialID   `json:"trial"` // the first of its trials
	N         int64           `json:"n"`     // finished with a finite objective
	Planned   int64           `json:"planned"`
	Mean      Float           `json:"mean"`
	Std       Float           `json:"std"`
	Low       Float           `json:"low"` // 95 % interval of the mean
	High      Float           `json:"high"`
	Tie       *bool           `json:"tie"` // not told from the best; null: one run
	P         Float           `json:"p"`   // of Welch's test against the best
	Front     int64           `json:"front,omitempty"`
	Crowding  Float           `json:"crowding"`
	Others    []float64       `json:"others,omitempty"` // means of the further objectives
	Odd       int64           `json:"non_finite"`
	Pruned    int64           `json:"pruned"`
	Failed    int64           `json:"failed"`
	Diverged  int64           `json:"diverged"`
	Killed    int64           `json:"killed"`
	Params    json.RawMessage `json:"params"`            // without the repeat parameter
	AllParams json.RawMessage `json:"-"`                 // of Trial
	Outside   bool            `json:"outside,omitempty"` // of the space of the newest revision
	Dropped   string          `json:"dropped,omitempty"` // why it gets no further repeats: it lost the race
	Note      string          `json:"note,omitempty"`
}

// A RankOption changes what Leaderboard lists.
type RankOption func(*rankOptions)

type rankOptions struct {
	maximize *bool
	ranked   bool
}

// Goal says which way a metric given by name ranks; without it, as the sweep's
// objective does.
func Goal(g sweep.Goal) RankOption {
	return func(o *rankOptions) { o.maximize = new(g == sweep.Maximize) }
}

// RankedOnly leaves out the points that do not rank.
func RankedOnly() RankOption { return func(o *rankOptions) { o.ranked = true } }

const rankColumns = `select p.id, p.trial, p.n, p.planned, p.mean, p.std, p.low, p.high, p.m2, p.front, p.crowding, p.others,
  p.odd, p.pruned, p.failed, p.diverged, p.killed, t.params,
  case when ?1 = '' then t.params else json_remove(t.params, '$."' || ?1 || '"') end, t.revision
from t_points p left join t_trials t on t.sweep = p.sweep and t.id = p.trial where p.sweep = ?2 `

// Leaderboard lists the best n points, all if n <= 0, best first; those that do
// not rank follow, with Rank 0 and a Note ("2/3, 1 diverged"). Params has what was:
// says of parameters that the trial lacks. by is the name
// of a metric to rank by instead of the objective: then the mean of its values
// in the finished trials of each point. The index of the points is read in
// order, so that the time depends on n alone; by another metric it is a scan.
func (r *Reader) Leaderboard(ctx context.Context, which string, n int, by string, opts ...RankOption) ([]RankRow, error) {
	s, err := r.Sweep(ctx, which)
	if err != nil {
		return nil, err
	}
	var o rankOptions
	for _, f := range opts {
		f(&o)
	}
	past, err := r.past(ctx, s)
	if err != nil {
		return nil, wrap("rank "+s.Name, err)
	}
	if by != "" && by != s.Metric {
		return r.leaderboardBy(ctx, s, n, by, o, past)
	}
	limit := int64(-1)
	if n > 0 {
		limit = int64(n)
	}
	out := []RankRow{}
	var best rank.Sample
	ranked := true
	collect := func(row []driver.Value) error {
		p, sample, err := past.rankRow(row)
		if ranked {
			p.Rank = int64(len(out)) + 1
			if len(out) == 0 {
				best = sample
			}
			p.compare(best, sample)
		} else {
			p.Note = p.standing()
		}
		out = append(out, p)
		return err
	}
	err = r.each(ctx, rankColumns+"and p.score is not null order by p.score, p.id limit ?3", []driver.Value{s.RepeatParam, s.ID, limit}, collect)
	if err == nil && !o.ranked && (n <= 0 || len(out) < n) {
		ranked = false
		if n > 0 {
			limit -= int64(len(out))
		}
		err = r.each(ctx, rankColumns+"and p.score is null order by p.id limit ?3", []driver.Value{s.RepeatParam, s.ID, limit}, collect)
	}
	return out, wrap("rank "+s.Name, err)
}

// past is what earlier revisions of a sweep mean for its ranking.
type past struct {
	was     map[string]was
	outside map[int64]bool
	dropped map[sweep.PointID]string // points that lost the race, with the reason
}

func (r *Reader) past(ctx context.Context, s SweepRow) (past, error) {
	dropped, err := r.dropped(ctx, s)
	if err != nil {
		return past{}, err
	}
	es, err := extensions(ctx, r, s.ID, s.Revision)
	if err != nil || len(es) == 0 {
		return past{dropped: dropped}, err
	}
	return past{formerly(es), pointSet(es[len(es)-1].Outside), dropped}, nil
}

// dropped reads which points of a race get no further repeats.
func (r *Reader) dropped(ctx context.Context, s SweepRow) (map[sweep.PointID]string, error) {
	if !strings.Contains(s.Doc, `"race":true`) {
		return nil, nil // spares others the way through the journal
	}
	out := map[sweep.PointID]string{}
	err := r.each(ctx, `select json_extract(data, '$.point'), json_extract(data, '$.text') from t_journal
where sweep = ? and kind = 'note' and json_extract(data, '$.what') = 'dropped'`, []driver.Value{s.ID}, func(row []driver.Value) error {
		out[sweep.PointID(asInt(row[0]))] = asText(row[1])
		return nil
	})
	return out, err
}

func (h past) rankRow(r []driver.Value) (RankRow, rank.Sample, error) {
	opt := func(v driver.Value) Float { return Float{asFloat(v), v != nil} }
	p := RankRow{Point: sweep.PointID(asInt(r[0])), Trial: sweep.TrialID(asInt(r[1])), N: asInt(r[2]), Planned: asInt(r[3]),
		Mean: opt(r[4]), Std: opt(r[5]), Low: opt(r[6]), High: opt(r[7]), Front: asInt(r[9]), Crowding: opt(r[10]),
		Odd: asInt(r[12]), Pruned: asInt(r[13]), Failed: asInt(r[14]), Diverged: asInt(r[15]), Killed: asInt(r[16]),
		AllParams: json.RawMessage(asText(r[17])), Params: json.RawMessage(asText(r[18]))}
	p.Outside, p.Dropped = h.outside[asInt(r[0])], h.dropped[p.Point]
	var err, ferr error
	p.Others, err = parseNumbers(asText(r[11]))
	if r[19] != nil {
		p.Params, ferr = withFormer(p.Params, asInt(r[19]), h.was)
	}
	err = errors.Join(err, ferr)
	return p, rank.Sample{N: p.N, Mean: p.Mean.V, M2: asFloat(r[8])}, err
}

// compare fills the test against the best point.
func (p *RankRow) compare(best, mine rank.Sample) {
	if p.Front > 0 {
		return
	}
	if p.Rank == 1 {
		p.Tie, p.P = new(true), Float{1, true}
		return
	}
	if _, _, v := rank.Welch(best, mine); isFinite(v) {
		p.Tie, p.P = new(v > rank.Alpha), Float{v, true}
	}
}

// standing says why a point does not rank: "2/3, 1 diverged".
func (p *RankRow) standing() string {
	s := fmt.Sprintf("%d/%d", p.N, p.Planned)
	if p.Outside {
		s += ", outside of the space"
	}
	for _, c := range []struct {
		n    int64
		what string
	}{{p.Odd, "without a finite objective"}, {p.Diverged, "diverged"}, {p.Failed, "failed"}, {p.Pruned, "pruned"}, {p.Killed, "killed"}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	if p.Dropped != "" {
		s += ", dropped: " + p.Dropped
	}
	return s
}

// leaderboardBy ranks by a metric that is not the objective.
func (r *Reader) leaderboardBy(ctx context.Context, s SweepRow, n int, by string, o rankOptions, past past) ([]RankRow, error) {
	order := ""
	if o.maximize != nil && *o.maximize || o.maximize == nil && s.Goal == sweep.Maximize.String() {
		order = " desc"
	}
	limit := int64(-1)
	if n > 0 {
		limit = int64(n + len(past.outside)) // which may stand anywhere, and follow
	}
	var col int64
	ok, err := r.one(ctx, "select id from t_columns where sweep = ? and kind = 'metric' and name = ?", []driver.Value{s.ID, by}, func(row []driver.Value) {
		col = asInt(row[0])
	})
	if err != nil {
		return nil, wrap("rank", err)
	}
	if !ok {
		return nil, r.noMetric(ctx, s, by)
	}
	// A sum of squares about the mean is taken in a second step: the square of
	// the sum would cancel.
	const q = `with v as (select t.point, t.id, m.last as x, m.last_kind as k from t_trials t join t_series m on m.sweep = t.sweep and m.trial = t.id and m.name = ?3
  where t.sweep = ?2 and t.state = 'finished'),
means as (select point, min(id) as trial, count(*) as n, avg(x) as mean from v group by point having max(k) = 0),
best as (select m.point, m.n, m.mean, p.planned from means m join t_points p on p.sweep = ?2 and p.id = m.point order by m.n < p.planned, m.mean%s, m.point limit ?4)
select b.point, p.trial, b.n, b.planned, b.mean, null, null, null, (select total((x - b.mean) * (x - b.mean)) from v where v.point = b.point),
  null, null, null, p.odd, p.pruned, p.failed, p.diverged, p.killed, t.params,
  case when ?1 = '' then t.params else json_remove(t.params, '$."' || ?1 || '"') end, t.revision
from best b join t_points p on p.sweep = ?2 and p.id = b.point left join t_trials t on t.sweep = ?2 and t.id = p.trial
order by b.n < b.planned, b.mean%s, b.point`
	out, rest := []RankRow{}, []RankRow{}
	var best rank.Sample
	err = r.each(ctx, fmt.Sprintf(q, order, order), []driver.Value{s.RepeatParam, s.ID, col, limit}, func(row []driver.Value) error {
		p, sample, err := past.rankRow(row)
		if p.N >= p.Planned && !p.Outside {
			p.Rank = int64(len(out)) + 1
			if len(out) == 0 {
				best = sample
			}
			p.compare(best, sample)
			if low, high, ok := sample.Interval(); ok {
				p.Std, p.Low, p.High = Float{sample.Std(), true}, Float{low, true}, Float{high, true}
			}
		} else {
			p.Note = p.standing()
			rest = append(rest, p)
			return err
		}
		out = append(out, p)
		return err
	})
	if !o.ranked {
		out = append(out, rest...)
	}
	if n > 0 && len(out) > n {
		out = out[:n]
	}
	return out, wrap("rank "+s.Name, err)
}

// noMetric is the error for a metric that nothing reported.
func (r *Reader) noMetric(ctx context.Context, s SweepRow, by string) error {
	names := []string{}
	err := r.each(ctx, "select name from t_columns where sweep = ? and kind = 'metric' order by name limit 1000", []driver.Value{s.ID}, func(row []driver.Value) error {
		names = append(names, asText(row[0]))
		return nil
	})
	switch {
	case err != nil:
		return wrap("rank", err)
	case len(names) == 0:
		return fmt.Errorf("rank %s by %q: no trial has reported a metric", s.Name, by)
	}
	return fmt.Errorf("rank %s by %q: no trial has reported it; there is %s", s.Name, by, strings.Join(nearest(by, names, 3), ", "))
}
