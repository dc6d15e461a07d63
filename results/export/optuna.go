package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// An OptunaSchema is a version of the tables of Optuna's RDB storage. Optuna
// opens its own version and no other.
type OptunaSchema string

// The versions that are written and read.
const (
	OptunaV300d OptunaSchema = "v3.0.0.d" // Optuna 3.0 and 3.1
	OptunaV320a OptunaSchema = "v3.2.0.a" // Optuna 3.2 and later, 4 included
)

// OptunaSchemaFor returns the schema that a version of Optuna ("3.1", "4",
// "newest") opens. The names of the schemas are taken, too.
func OptunaSchemaFor(version string) (OptunaSchema, error) {
	switch s := OptunaSchema(version); s {
	case OptunaV300d, OptunaV320a:
		return s, nil
	case "newest":
		return OptunaV320a, nil
	}
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	switch {
	case n == 0 || strings.Trim(version, ".0123456789") != "":
		return "", fmt.Errorf("%q is no version of Optuna; want one like 3.1 or 4.2, or newest", version)
	case major < 3:
		return "", fmt.Errorf("Optuna %s has other tables; want 3.0 or later", version)
	case major == 3 && n == 2 && minor < 2:
		return OptunaV300d, nil
	}
	return OptunaV320a, nil
}

// library is the oldest release of Optuna that makes the schema.
func (s OptunaSchema) library() string {
	if s == OptunaV300d {
		return "3.0.0"
	}
	return "3.2.0"
}

// OptunaOptions say what an Optuna study is made of.
type OptunaOptions struct {
	Study  string // its name; "": that of the sweep
	Schema OptunaSchema
	Filter results.Filter // the trials
}

// What trawl knows of a trial and Optuna has no place for is in user attributes
// of these names.
const (
	attrTrial     = "trawl:trial"
	attrPoint     = "trawl:point"
	attrRepeat    = "trawl:repeat"
	attrSeed      = "trawl:seed"
	attrState     = "trawl:state"
	attrClass     = "trawl:class"
	attrReason    = "trawl:reason"
	attrAttempts  = "trawl:attempts"
	attrStep      = "trawl:step"       // that the objective was taken from
	attrObjective = "trawl:objectives" // where Optuna may not hold them, as of FAIL
	attrMetrics   = "trawl:metrics"    // the other metrics, at that step
	attrDerived   = "trawl:derived"    // parameters that follow from others
	attrSweep     = "trawl:sweep"      // of the study
	attrMethod    = "trawl:method"
	metricNames   = "study:metric_names" // Optuna's own, since 3.2
)

// Optuna writes trials of a sweep as a study in a new SQLite file, which Optuna
// opens and goes on with. spec is that of the sweep's present revision. It
// returns the number of trials.
//
// Finished trials are COMPLETE, pruned ones PRUNED, queued and paused ones
// WAITING, running ones RUNNING; all others, and those whose objective is not
// finite, are FAIL. The reports of the (only) objective are the intermediate
// values. Times are local, as Optuna has them.
func Optuna(ctx context.Context, r *results.Reader, spec *sweep.Spec, which, dst string, o OptunaOptions) (n int, err error) {
	row, err := r.Sweep(ctx, which)
	if err != nil {
		return 0, err
	}
	if len(spec.Objectives) == 0 {
		return 0, fmt.Errorf("sweep %s has no metric, and an Optuna study needs an objective", row.Name)
	}
	w := &studyWriter{spec: spec, schema: o.Schema, study: o.Study, row: row}
	if w.study == "" {
		w.study = row.Name
	}
	if w.trials, err = r.Trials(ctx, row.Name, o.Filter); err != nil {
		return 0, err
	}
	if err := w.values(); err != nil {
		return 0, err
	}
	if err := w.outcomes(ctx, r); err != nil {
		return 0, err
	}
	err = results.CreateForeign(ctx, dst, optunaTables(o.Schema), func(f *results.Filler) error {
		w.f = f
		if err := w.writeStudy(); err != nil {
			return err
		}
		for i := range w.trials {
			if err := w.writeTrial(i); err != nil {
				return err
			}
		}
		return r.EachSeries(ctx, row.Name, w.writeSeries)
	})
	return len(w.trials), err
}

// A studyWriter writes one study, which is number 1 of its file.
type studyWriter struct {
	f      *results.Filler
	spec   *sweep.Spec
	schema OptunaSchema
	study  string
	row    results.SweepRow

	trials []results.TrialRow           // trial i has the number i and the id i+1
	place  map[sweep.TrialID]int        // i
	params []map[string]sweep.Value     // of each trial
	names  []string                     // of all parameters, sorted
	dists  map[string]*distribution     // of each parameter
	jsons  map[string]string            // the same as JSON
	exits  map[sweep.TrialID]sweep.Exit // of trials without an attempt
	others []map[string]sweep.Value     // of each trial: its further metrics

	ids struct{ param, value, step, attr int64 } // the last primary keys
}

// values reads the parameters of all trials and finds their distributions.
func (w *studyWriter) values() error {
	seen := map[string][]sweep.Value{}
	had := map[string]map[string]bool{}
	w.place = make(map[sweep.TrialID]int, len(w.trials))
	for i, t := range w.trials {
		w.place[t.ID] = i
		all, err := paramsOf(w.spec, t)
		if err != nil {
			return err
		}
		w.params = append(w.params, all)
		for name, v := range all {
			key := string(v.AppendKey(nil))
			if had[name] == nil {
				had[name] = map[string]bool{}
			}
			if !had[name][key] {
				had[name][key] = true
				seen[name] = append(seen[name], v)
			}
		}
	}
	w.dists, w.jsons = map[string]*distribution{}, map[string]string{}
	for name, vs := range seen {
		var p *sweep.Param
		if i, ok := w.spec.Space.Index(name); ok {
			p = &w.spec.Space.Params[i]
		}
		if name == w.spec.Repeats.Parameter && p == nil || p != nil && p.Derived != nil {
			continue
		}
		w.dists[name] = newDistribution(p, vs)
		w.jsons[name] = string(w.dists[name].appendJSON(nil))
	}
	w.names = slices.Sorted(maps.Keys(w.dists))
	return nil
}

// paramsOf reads the values of a trial by name, also of parameters that the
// present space lacks.
func paramsOf(spec *sweep.Spec, t results.TrialRow) (map[string]sweep.Value, error) {
	all := map[string]sweep.Value{}
	if err := json.Unmarshal(t.Params, &all); err != nil {
		return nil, fmt.Errorf("trial %d: params: %w", t.ID, err)
	}
	pt, err := spec.Space.ParseJSON(t.Params)
	if err != nil {
		return nil, fmt.Errorf("trial %d: params: %w", t.ID, err)
	}
	for i, v := range pt { // these know "Infinity" from the number
		if !v.IsAbsent() {
			all[spec.Space.Params[i].Name] = v
		}
	}
	return all, nil
}

// outcomes reads what the rows of the trials lack: the times of those without
// an attempt, and the further metrics.
func (w *studyWriter) outcomes(ctx context.Context, r *results.Reader) error {
	w.exits = map[sweep.TrialID]sweep.Exit{}
	if slices.ContainsFunc(w.trials, func(t results.TrialRow) bool { return t.Attempts == 0 && t.State.Settled() }) {
		entries, err := r.Events(ctx, w.row.Name, 0)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e, ok := e.Event.(*sweep.Ended); ok && e.Attempt == 0 {
				w.exits[e.Trial] = e.Exit
			}
		}
	}
	w.others = make([]map[string]sweep.Value, len(w.trials))
	return r.EachSeries(ctx, w.row.Name, func(id sweep.TrialID, name string, reports []results.AttemptReport) error {
		i, ok := w.place[id]
		if !ok || slices.ContainsFunc(w.spec.Objectives, func(o sweep.Objective) bool { return o.Name == name }) {
			return nil
		}
		if w.others[i] == nil {
			w.others[i] = map[string]sweep.Value{}
		}
		w.others[i][name] = sweep.FloatValue(valueAt(reports, w.trials[i].Step))
		return nil
	})
}

// valueAt is the last report at a step or before, the last of all without a step
// or where all are later.
func valueAt(reports []results.AttemptReport, step *int64) float64 {
	v := reports[len(reports)-1].Value
	for i := len(reports) - 1; i >= 0 && step != nil; i-- {
		if reports[i].Step <= *step {
			return reports[i].Value
		}
	}
	return v
}

// writeStudy writes the study without its trials. Optuna shows the names of
// objectives since 3.2; earlier versions keep them unseen.
func (w *studyWriter) writeStudy() error {
	names := make([]string, len(w.spec.Objectives))
	errs := []error{
		w.f.Insert("studies", int64(1), w.study),
		w.f.Insert("version_info", int64(1), int64(12), w.schema.library()), // 12 since Optuna 1.0
		w.f.Insert("alembic_version", string(w.schema)),
		w.f.Insert("study_user_attributes", int64(1), int64(1), attrSweep, pythonText(w.row.Name)),
		w.f.Insert("study_user_attributes", int64(2), int64(1), attrMethod, pythonText(w.row.Method)),
	}
	for i, o := range w.spec.Objectives {
		names[i] = string(appendASCII(nil, o.Name))
		errs = append(errs, w.f.Insert("study_directions", int64(i+1), strings.ToUpper(o.Goal.String()), int64(1), int64(i)))
	}
	errs = append(errs, w.f.Insert("study_system_attributes", int64(1), int64(1), metricNames, "["+strings.Join(names, ", ")+"]"))
	return errors.Join(errs...)
}

// optunaState is the state of a trial in Optuna.
func optunaState(t results.TrialRow) string {
	switch t.State {
	case sweep.Finished:
		for _, v := range allObjectives(t) {
			if !t.Objective.Valid || math.IsNaN(v) || math.IsInf(v, 0) {
				return "FAIL"
			}
		}
		return "COMPLETE"
	case sweep.Pruned:
		return "PRUNED"
	case sweep.Running:
		return "RUNNING"
	case sweep.Queued, sweep.Paused:
		return "WAITING"
	}
	return "FAIL"
}

// writeTrial writes trial i but for its intermediate values.
func (w *studyWriter) writeTrial(i int) error {
	t, id := w.trials[i], int64(i+1)
	state := optunaState(t)
	start, end := w.times(t, state)
	if err := w.f.Insert("trials", id, int64(i), int64(1), state, start, end); err != nil {
		return err
	}
	for _, name := range w.names {
		v, ok := w.params[i][name]
		if !ok {
			continue
		}
		w.ids.param++
		if err := w.f.Insert("trial_params", w.ids.param, id, name, w.dists[name].internal(v), w.jsons[name]); err != nil {
			return err
		}
	}
	for k, v := range w.objectives(t, state) {
		w.ids.value++
		if err := w.f.Insert("trial_values", w.ids.value, id, int64(k), v, "FINITE"); err != nil {
			return err
		}
	}
	return w.writeAttrs(i, state)
}

// objectives are the values that Optuna may hold: all finite ones of a COMPLETE
// trial, and that of a PRUNED one with a single objective.
func (w *studyWriter) objectives(t results.TrialRow, state string) []float64 {
	switch {
	case state == "COMPLETE":
		return allObjectives(t)
	case state == "PRUNED" && t.Objective.Valid && len(w.spec.Objectives) == 1 && !math.IsNaN(t.Objective.V) && !math.IsInf(t.Objective.V, 0):
		return []float64{t.Objective.V}
	}
	return nil
}

// times are when a trial began and ended as Optuna stores them, nil where
// Optuna has none. It wants both of every trial that ended.
func (w *studyWriter) times(t results.TrialRow, state string) (start, end any) {
	stamp := func(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05.000000") }
	if state == "WAITING" {
		return nil, nil
	}
	began, ended := w.row.CreatedAt, w.row.CreatedAt
	if t.EndedAt != nil {
		began, ended = *t.EndedAt, *t.EndedAt
	}
	if t.StartedAt != nil {
		began = *t.StartedAt
	} else if x, ok := w.exits[t.ID]; ok && x.StartedAt > 0 {
		began = time.UnixMicro(x.StartedAt)
	}
	if state == "RUNNING" {
		return stamp(began), nil
	}
	return stamp(began), stamp(ended)
}

// writeAttrs writes what Optuna has no place for.
func (w *studyWriter) writeAttrs(i int, state string) error {
	t := w.trials[i]
	attrs := [][2]string{{attrTrial, fmt.Sprint(t.ID)}, {attrPoint, fmt.Sprint(t.Point)}, {attrRepeat, fmt.Sprint(t.Repeat)}, {attrSeed, fmt.Sprint(t.Seed)},
		{attrState, pythonText(string(t.State))}, {attrAttempts, fmt.Sprint(t.Attempts)}}
	add := func(key, value string, ok bool) {
		if ok {
			attrs = append(attrs, [2]string{key, value})
		}
	}
	add(attrClass, pythonText(string(t.Class)), t.Class != "")
	add(attrReason, pythonText(t.Reason), t.Reason != "")
	if t.Objective.Valid {
		add(attrObjective, pythonList(allObjectives(t)), state != "COMPLETE")
		if t.Step != nil {
			add(attrStep, fmt.Sprint(*t.Step), true)
		}
	}
	derived := w.derived(i)
	add(attrDerived, pythonMap(derived), len(derived) > 0)
	add(attrMetrics, pythonMap(w.others[i]), len(w.others[i]) > 0)
	for _, a := range attrs {
		w.ids.attr++
		if err := w.f.Insert("trial_user_attributes", w.ids.attr, int64(i+1), a[0], a[1]); err != nil {
			return err
		}
	}
	return nil
}

// derived are the parameters of a trial that follow from its others: Optuna has
// no distribution for them.
func (w *studyWriter) derived(i int) map[string]sweep.Value {
	out := map[string]sweep.Value{}
	for k := range w.spec.Space.Params {
		p := &w.spec.Space.Params[k]
		if v, ok := w.params[i][p.Name]; ok && p.Derived != nil {
			out[p.Name] = v
		}
	}
	return out
}

// allObjectives are the objectives of a trial that has them.
func allObjectives(t results.TrialRow) []float64 {
	return append([]float64{t.Objective.V}, t.Others...)
}

// pythonList is json.dumps of numbers, which may be any.
func pythonList(vs []float64) string {
	b := []byte{'['}
	for i, v := range vs {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendPython(b, sweep.FloatValue(v))
	}
	return string(append(b, ']'))
}

// pythonMap is json.dumps of a dict, keys in order.
func pythonMap(m map[string]sweep.Value) string {
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendPython(append(appendASCII(b, name), ": "...), m[name])
	}
	return string(append(b, '}'))
}

// writeSeries writes the reports of the objective as intermediate values. With
// several objectives Optuna has none.
func (w *studyWriter) writeSeries(id sweep.TrialID, name string, reports []results.AttemptReport) error {
	i, ok := w.place[id]
	if !ok || len(w.spec.Objectives) != 1 || name != w.spec.Objectives[0].Name {
		return nil
	}
	for _, r := range reports {
		w.ids.step++
		var value any = r.Value
		kind := map[string]string{"finite": "FINITE", "nan": "NAN", "inf": "INF_POS", "-inf": "INF_NEG"}[sweep.KindOf(r.Value)]
		if kind != "FINITE" {
			value = nil
		}
		if err := w.f.Insert("trial_intermediate_values", w.ids.step, int64(i+1), r.Step, value, kind); err != nil {
			return err
		}
	}
	return nil
}
