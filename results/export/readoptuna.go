package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// An OptunaFile is a SQLite storage of Optuna, open for reading as of one
// moment.
type OptunaFile struct {
	path string
	f    *results.Foreign
}

// OpenOptuna opens a storage of the schemas v3.0.0.d and v3.2.0.a.
func OpenOptuna(ctx context.Context, path string) (*OptunaFile, error) {
	f, err := results.OpenForeign(ctx, path)
	if err != nil {
		return nil, err
	}
	o := &OptunaFile{path: path, f: f}
	if err := o.check(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

// Close ends the reading.
func (o *OptunaFile) Close() error { return o.f.Close() }

// check refuses what is no storage of Optuna, or one of tables that are not
// known here: a column that means something else would be read in silence.
func (o *OptunaFile) check(ctx context.Context) error {
	tables := []string{}
	err := o.each(ctx, "select name from sqlite_master where type = 'table'", func(r []any) error {
		tables = append(tables, textOf(r[0]))
		return nil
	})
	if err != nil {
		return err
	}
	if slices.Contains(tables, "t_journal") {
		return fmt.Errorf("%s: a database of trawl, not of Optuna; want `from: %[1]s/SWEEP` in a sweep file, or --db", o.path)
	}
	for _, t := range []string{"studies", "trials", "trial_params", "alembic_version"} {
		if !slices.Contains(tables, t) {
			return fmt.Errorf("%s: no storage of Optuna: it has no table %s", o.path, t)
		}
	}
	version := ""
	err = o.each(ctx, "select version_num from alembic_version", func(r []any) error {
		version = textOf(r[0])
		return nil
	})
	switch s := OptunaSchema(version); {
	case err != nil:
		return err
	case s != OptunaV300d && s != OptunaV320a:
		return fmt.Errorf("%s: the storage is of schema %q; want %s or %s; `optuna storage upgrade --storage sqlite:///%s` brings an older one up to date",
			o.path, version, OptunaV300d, OptunaV320a, o.path)
	}
	return nil
}

// each calls fn for every row of a query.
func (o *OptunaFile) each(ctx context.Context, q string, fn func(row []any) error, args ...any) error {
	rows, err := o.f.Query(ctx, q, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	defer rows.Close()
	var row []any
	for rows.Next() {
		row = row[:0]
		for _, v := range rows.Row() {
			row = append(row, v)
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	return nil
}

// Studies lists the names of the studies.
func (o *OptunaFile) Studies(ctx context.Context) (names []string, err error) {
	err = o.each(ctx, "select study_name from studies order by study_id", func(r []any) error {
		names = append(names, textOf(r[0]))
		return nil
	})
	return names, err
}

// Study reads a study. Trials that run are left out, those that wait stand
// apart. The reports of its objective are the intermediate values; numbers among
// the user attributes are metrics.
func (o *OptunaFile) Study(ctx context.Context, name string) (*Study, error) {
	r := &studyReader{o: o, byID: map[int64]*optunaTrial{}, dists: map[[2]string]optunaDist{}}
	r.s = &Study{Name: name, Source: fmt.Sprintf("Optuna study %q of %s", name, filepath.Base(o.path))}
	err := o.each(ctx, "select study_id from studies where study_name = ?", func(row []any) error {
		r.id, _ = row[0].(int64)
		return nil
	}, name)
	if err != nil {
		return nil, err
	}
	for _, read := range []func(context.Context) error{r.objectives, r.trials, r.params, r.values, r.steps, r.attrs, r.fixed} {
		if err := read(ctx); err != nil {
			return nil, err
		}
	}
	for _, t := range r.order {
		if t.optuna == "WAITING" {
			r.s.Waiting = append(r.s.Waiting, t.StudyTrial)
		} else {
			r.s.Trials = append(r.s.Trials, t.finish(r.s.Objectives))
		}
	}
	return r.s, r.s.setParams(r.domain)
}

// A studyReader reads one study.
type studyReader struct {
	o     *OptunaFile
	s     *Study
	id    int64
	order []*optunaTrial
	byID  map[int64]*optunaTrial
	dists map[[2]string]optunaDist // name and JSON
}

// objectives reads directions and names: those that the user gave in Optuna,
// which an export of ours gives, too, else those that trials_dataframe has.
func (r *studyReader) objectives(ctx context.Context) error {
	err := r.o.each(ctx, "select direction from study_directions where study_id = ? order by objective", func(row []any) error {
		x := sweep.Objective{Name: "value"}
		if textOf(row[0]) == "MAXIMIZE" {
			x.Goal = sweep.Maximize
		}
		r.s.Objectives = append(r.s.Objectives, x)
		return nil
	}, r.id)
	if err != nil {
		return err
	}
	if len(r.s.Objectives) == 0 {
		return fmt.Errorf("%s: it has no direction", r.s.Source)
	}
	if len(r.s.Objectives) > 1 {
		for i := range r.s.Objectives {
			r.s.Objectives[i].Name = fmt.Sprintf("values_%d", i) // as trials_dataframe has them
		}
	}
	return r.o.each(ctx, "select value_json from study_system_attributes where study_id = ? and key = ?", func(row []any) error {
		var names []string
		if json.Unmarshal([]byte(textOf(row[0])), &names) == nil && len(names) == len(r.s.Objectives) {
			for i, n := range names {
				r.s.Objectives[i].Name = n
			}
		}
		return nil
	}, r.id, metricNames)
}

// trials reads the trials that have ended.
//
//	COMPLETE → finished; diverged if its value is not finite
//	PRUNED   → pruned
//	FAIL     → failed (exit), or what an export of ours says
//	WAITING  → queued
//	RUNNING: left out, and counted
func (r *studyReader) trials(ctx context.Context) error {
	running := 0
	// Cast, for the driver makes times of what is declared a DATETIME.
	err := r.o.each(ctx, `select trial_id, number, state, cast(datetime_start as text), cast(datetime_complete as text)
from trials where study_id = ? order by number, trial_id`, func(row []any) error {
		t := &optunaTrial{optuna: textOf(row[2]), values: map[int64]float64{}}
		t.number, _ = row[1].(int64)
		t.Label, t.Params = fmt.Sprintf("trial %d", t.number), map[string]sweep.Value{}
		switch t.optuna {
		case "COMPLETE":
			t.State = sweep.Finished
		case "PRUNED":
			t.State = sweep.Pruned
		case "FAIL":
			t.State, t.Class = sweep.Failed, sweep.ClassExit
		case "WAITING":
			t.State = sweep.Queued
		case "RUNNING":
			running++
			return nil
		default:
			return fmt.Errorf("%s: %s: state %q; want one of Optuna's", r.s.Source, t.Label, t.optuna)
		}
		t.Started, t.Ended = localTime(row[3]), localTime(row[4])
		id, _ := row[0].(int64)
		r.byID[id] = t
		r.order = append(r.order, t)
		return nil
	}, r.id)
	if running > 0 {
		r.s.Notes = append(r.s.Notes, fmt.Sprintf("%d trials are RUNNING and left out", running))
	}
	return err
}

// localTime reads a time of Optuna, which has no zone: local, in microseconds;
// 0 where there is none.
func localTime(v any) int64 {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", textOf(v), time.Local)
	if err != nil {
		return 0
	}
	return t.UnixMicro()
}

func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

func floatOf(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	}
	return math.NaN(), false
}

const ofStudy = " x join trials t on t.trial_id = x.trial_id where t.study_id = ? order by x.trial_id"

// params reads the values of parameters: numbers, which their distributions
// make values of.
func (r *studyReader) params(ctx context.Context) error {
	return r.o.each(ctx, "select x.trial_id, x.param_name, x.param_value, x.distribution_json from trial_params"+ofStudy, func(row []any) error {
		id, _ := row[0].(int64)
		t := r.byID[id]
		if t == nil {
			return nil
		}
		name := textOf(row[1])
		bad := func(err error) error { return fmt.Errorf("%s: %s: %s: %w", r.s.Source, t.Label, name, err) }
		key := [2]string{name, textOf(row[3])}
		d, ok := r.dists[key]
		if !ok {
			var err error
			if d, err = parseOptunaDist(key[1]); err != nil {
				return bad(err)
			}
			r.dists[key] = d
		}
		x, ok := floatOf(row[2])
		if !ok {
			return bad(fmt.Errorf("value %q; want a number", textOf(row[2])))
		}
		v, err := d.external(x)
		if err != nil {
			return bad(err)
		}
		t.Params[name] = v
		return nil
	}, r.id)
}

// values reads the objectives.
func (r *studyReader) values(ctx context.Context) error {
	return r.o.each(ctx, "select x.trial_id, x.objective, x.value, x.value_type from trial_values"+ofStudy+", x.objective", func(row []any) error {
		id, _ := row[0].(int64)
		if t := r.byID[id]; t != nil {
			k, _ := row[1].(int64)
			t.values[k] = typed(row[2], row[3])
		}
		return nil
	}, r.id)
}

// typed reads a value with its kind beside it.
func typed(v, kind any) float64 {
	switch textOf(kind) {
	case "INF_POS":
		return math.Inf(1)
	case "INF_NEG":
		return math.Inf(-1)
	}
	x, _ := floatOf(v)
	return x
}

// steps reads the intermediate values.
func (r *studyReader) steps(ctx context.Context) error {
	return r.o.each(ctx, `select x.trial_id, x.step, x.intermediate_value, x.intermediate_value_type
from trial_intermediate_values`+ofStudy+", x.step", func(row []any) error {
		id, _ := row[0].(int64)
		t := r.byID[id]
		if t == nil {
			return nil
		}
		step, _ := row[1].(int64)
		if step < 0 {
			return fmt.Errorf("%s: %s: step %d; want at least 0", r.s.Source, t.Label, step)
		}
		t.steps = append(t.steps, sweep.Report{Name: r.s.Objectives[0].Name, Step: step, Value: typed(row[2], row[3])})
		return nil
	}, r.id)
}

// attrs reads the user attributes: numbers are metrics, those of ours what they
// were.
func (r *studyReader) attrs(ctx context.Context) error {
	dropped := map[string]bool{}
	err := r.o.each(ctx, "select x.trial_id, x.key, x.value_json from trial_user_attributes"+ofStudy+", x.key", func(row []any) error {
		id, _ := row[0].(int64)
		t := r.byID[id]
		if t == nil {
			return nil
		}
		key, raw := textOf(row[1]), loose([]byte(textOf(row[2])))
		if strings.HasPrefix(key, "trawl:") {
			t.own.take(&t.StudyTrial, key, raw)
			return nil
		}
		var v sweep.Value
		if json.Unmarshal(raw, &v) != nil {
			return nil
		}
		if x, ok := tight(v).Number(); ok && v.Kind() != sweep.Bool {
			t.metrics = append(t.metrics, sweep.Report{Name: key, Value: x})
		} else {
			dropped[key] = true
		}
		return nil
	}, r.id)
	if n := len(dropped); n > 0 {
		r.s.Notes = append(r.s.Notes, fmt.Sprintf("%d user attributes are no numbers and left out", n))
	}
	return err
}

// fixed reads what enqueue_trial asked for: values of parameters, maybe not of
// all, of trials that have not begun.
func (r *studyReader) fixed(ctx context.Context) error {
	return r.o.each(ctx, "select x.trial_id, x.value_json, x.key from trial_system_attributes"+ofStudy, func(row []any) error {
		id, _ := row[0].(int64)
		t := r.byID[id]
		if t == nil || t.optuna != "WAITING" || textOf(row[2]) != "fixed_params" {
			return nil
		}
		var values map[string]sweep.Value
		if err := json.Unmarshal(loose([]byte(textOf(row[1]))), &values); err != nil {
			return fmt.Errorf("%s: %s: fixed_params: %w", r.s.Source, t.Label, err)
		}
		for name, v := range values {
			if _, ok := t.Params[name]; !ok {
				t.Params[name] = tight(v)
			}
		}
		return nil
	}, r.id)
}

// domain is what all the distributions of a parameter span together; "" where
// they are of several kinds, or it has none.
func (r *studyReader) domain(name string) string {
	var all []optunaDist
	for key, d := range r.dists {
		if key[0] == name {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return ""
	}
	d := all[0]
	for _, x := range all[1:] {
		if x.choices != nil || d.choices != nil || x.ints != d.ints {
			return ""
		}
		d.low, d.high, d.log = min(d.low, x.low), max(d.high, x.high), d.log && x.log
		if x.step != d.step {
			d.step = 0
		}
	}
	switch {
	case d.choices != nil:
		return listed(d.choices)
	case d.ints:
		return ranged(sweep.IntValue(int64(d.low)), sweep.IntValue(int64(d.high)), d.log, d.step)
	}
	return ranged(sweep.FloatValue(d.low), sweep.FloatValue(d.high), d.log, d.step)
}
