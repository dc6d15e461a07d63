package results

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

// whyExtend is SpecSet.Why of a revision that tries other points.
const whyExtend = "extend"

// extensions are the events by which a sweep was extended, in order. A sweep at
// its first revision has none, and its journal is not read.
func extensions(ctx context.Context, c source, sweepID, revision int64) (es []*sweep.SpecSet, err error) {
	if revision < 2 {
		return nil, nil
	}
	err = c.each(ctx, "select data from t_journal where sweep = ? and kind = 'spec' and json_extract(data, '$.why') = ? order by seq",
		[]driver.Value{sweepID, whyExtend}, func(r []driver.Value) error {
			e, err := decode("spec", asText(r[0]))
			if err == nil {
				es = append(es, e.(*sweep.SpecSet))
			}
			return err
		})
	return es, err
}

// outside are the points that the newest revision left outside its space.
func outside(ctx context.Context, c source, sweepID, revision int64) (map[int64]bool, error) {
	es, err := extensions(ctx, c, sweepID, revision)
	if err != nil || len(es) == 0 {
		return nil, err
	}
	return pointSet(es[len(es)-1].Outside), nil
}

// Outside is the number of trials that have ended of points that the newest
// revision of a sweep left outside its space: its total does not count them.
// It is 0 for an unknown sweep.
func (r *Reader) Outside(ctx context.Context, which string) (n int64, err error) {
	s, err := r.Sweep(ctx, which)
	if errors.Is(err, ErrNoSweep) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	ids, err := outside(ctx, r, s.ID, s.Revision)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	list, err := json.Marshal(slices.Collect(maps.Keys(ids)))
	if err != nil {
		return 0, err
	}
	_, err = r.one(ctx, "select count(*) from t_trials where sweep = ? and active = 0 and point in (select value from json_each(?))",
		[]driver.Value{s.ID, string(list)}, func(row []driver.Value) { n = asInt(row[0]) })
	return n, err
}

func pointSet(ids []sweep.PointID) map[int64]bool {
	set := make(map[int64]bool, len(ids))
	for _, id := range ids {
		set[int64(id)] = true
	}
	return set
}

// extend takes the points outside of the new space out of the ranking, and lets
// those rank again that are inside once more.
func (p *projector) extend(e *sweep.SpecSet) error {
	p.outside = pointSet(e.Outside)
	if len(p.goals) > 1 {
		p.fronts = fronts{stale: true, now: true}
		_, err := p.c.exec("update t_points set score = null, front = null, crowding = null where sweep = ?", p.sweep)
		return err
	}
	sign := ""
	if len(p.goals) == 1 && p.goals[0] == sweep.Maximize {
		sign = "-"
	}
	// Means beyond the largest float do not rank.
	_, err := p.c.exec("update t_points set score = case when n >= planned and abs(mean) <= 1.7976931348623157e308 then "+sign+"mean end where sweep = ?", p.sweep)
	for id := range p.outside {
		if err != nil {
			break
		}
		_, err = p.c.exec("update t_points set score = null where sweep = ? and id = ?", p.sweep, id)
	}
	return err
}

// A was is what trials before a revision had for a parameter that they lack.
type was struct {
	value sweep.Value
	since int64 // the revision
}

// formerly returns the values of parameters that trials of earlier revisions
// lack, by name.
func formerly(es []*sweep.SpecSet) map[string]was {
	all := map[string]was{}
	for _, e := range es {
		next := map[string]was{}
		for name, v := range e.Was {
			w := was{v, int64(e.Revision)}
			if old, ok := all[name]; ok {
				w.since = old.since
			}
			next[name] = w
		}
		all = next
	}
	return all
}

// sql is the value as SQL writes it; it is what a wide row would hold.
func (w was) sql() string {
	d := json.NewDecoder(bytes.NewReader(w.value.AppendJSON(nil)))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return "null"
	}
	switch v := bindable(x).(type) {
	case nil:
		return "null"
	case bool:
		return map[bool]string{true: "1", false: "0"}[v]
	case string:
		return literal(v)
	case float64:
		return sweep.PythonFloat(v) // finite: JSON has no other
	default:
		return fmt.Sprint(v)
	}
}

// column is the value of a parameter in a view: that of the row, or for a trial
// of an earlier revision what it had. id names the trial.
func (w was) column(sweepID int64, value, id string) string {
	return fmt.Sprintf("case when %s is null and (select x.revision from t_trials x where x.sweep = %d and x.id = %s) < %d then %s else %[1]s end",
		value, sweepID, id, w.since, w.sql())
}

// withFormer adds to the values of a trial, a JSON object, what trials of its
// revision had for parameters that they lack.
func withFormer(params json.RawMessage, revision int64, all map[string]was) (json.RawMessage, error) {
	if len(all) == 0 {
		return params, nil
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(params, &doc); err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	for name, w := range all {
		if _, has := doc[name]; !has && revision < w.since {
			doc[name] = w.value.AppendJSON(nil)
		}
	}
	return json.Marshal(doc)
}
