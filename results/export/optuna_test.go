package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// What Optuna 3.1's distribution_to_json writes for the same distributions.
func TestDistributionJSON(t *testing.T) {
	vs := func(vs ...sweep.Value) []sweep.Value { return vs }
	f, n := sweep.FloatValue, sweep.IntValue
	space := demoSpace(t)
	param := func(name string) *sweep.Param { i, _ := space.Index(name); return &space.Params[i] }
	logQ := &sweep.Param{Domain: sweep.Domain{Dist: sweep.QLogUniformValues, Min: 4, Max: 100, Q: 4, Ints: true}}
	for _, tt := range []struct {
		name string
		p    *sweep.Param
		seen []sweep.Value
		want string
	}{
		{"uniform", param("x"), vs(f(0.5)), `{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}`},
		{"log", param("lr"), vs(f(1e-5)), `{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 1.0, "log": true}}`},
		{"step", param("q"), vs(f(0.3)), `{"name": "FloatDistribution", "attributes": {"step": 0.1, "low": 0.1, "high": 0.9, "log": false}}`},
		{"a value off the step", param("q"), vs(f(0.33)), `{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.1, "high": 0.9, "log": false}}`},
		{"integers", param("k"), vs(n(3)), `{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 8}}`},
		{"integers of an earlier revision", param("k"), vs(n(-3), n(20)), `{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": -3, "high": 20}}`},
		{"a fraction among integers", param("k"), vs(f(2.5)), `{"name": "FloatDistribution", "attributes": {"step": null, "low": 1.0, "high": 8.0, "log": false}}`},
		{"integers, log", param("width"), vs(n(64)), `{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 16, "high": 512}}`},
		{"integers, log, from 0", param("width"), vs(n(0)), `{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 512}}`},
		{"log of multiples", logQ, vs(n(8)), `{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 4, "high": 100}}`},
		{"a text among numbers", param("x"), vs(f(0.5), str("none")), `{"name": "CategoricalDistribution", "attributes": {"choices": [0.5, "none"]}}`},
		{"choices", param("opt"), vs(str("sgd")), `{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "\u00e4dam \"x\"", 3, 2.5, true, null]}}`},
		{"a constant", param("steps"), vs(n(1000)), `{"name": "CategoricalDistribution", "attributes": {"choices": [1000]}}`},
		{"unknown", nil, vs(f(math.Inf(1)), str("😀\n")), `{"name": "CategoricalDistribution", "attributes": {"choices": [Infinity, "\ud83d\ude00\n"]}}`},
	} {
		if got := string(newDistribution(tt.p, tt.seen).appendJSON(nil)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	d := newDistribution(param("w"), vs(f(-5.5)))
	if hi := 3.719016; d.low != -5.5 || math.Abs(d.high-hi) > 1e-5 || d.step != 0 || d.log {
		t.Errorf("normal with a value in its tail: got %+v", d)
	}
	list, err := sweep.JSONValue([]int{1, 2})
	must(t, err)
	if d := newDistribution(nil, vs(list)); d.choices[0] != str("[1,2]") || d.internal(list) != 0 {
		t.Errorf("a list: got %+v", d)
	}
}

func TestOptunaSchemaFor(t *testing.T) {
	for version, want := range map[string]OptunaSchema{"3.0": OptunaV300d, "3.1": OptunaV300d, "3.1.1": OptunaV300d, "3.2": OptunaV320a, "3": OptunaV320a,
		"4": OptunaV320a, "4.5.0": OptunaV320a, "newest": OptunaV320a, "v3.0.0.d": OptunaV300d, "v3.2.0.a": OptunaV320a,
		"2.10": "", "x": "", "": "", "3.x": "", "v4": ""} {
		got, err := OptunaSchemaFor(version)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", version, got, err, want)
		}
	}
}

func exported(t *testing.T, spec *sweep.Spec, trials []demoTrial, o OptunaOptions) string {
	t.Helper()
	r := demo(t, spec, trials)
	path := filepath.Join(t.TempDir(), "study.db")
	if _, err := Optuna(t.Context(), r, spec, spec.Name, path, o); err != nil {
		t.Fatal(err)
	}
	return path
}

func foreign(t *testing.T, path, q string) string {
	t.Helper()
	f, err := results.OpenForeign(t.Context(), path)
	must(t, err)
	defer f.Close()
	rows, err := f.Query(t.Context(), q)
	must(t, err)
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		for i, v := range rows.Row() {
			fmt.Fprint(&b, []string{"", "|"}[min(i, 1)], v)
		}
		b.WriteByte('\n')
	}
	must(t, rows.Err())
	return b.String()
}

func TestOptunaRows(t *testing.T) {
	began, ended := optunaTime(1_800_000_000_250_000), optunaTime(1_800_000_010_500_000)
	times := strings.NewReplacer("BEGAN", began, "ENDED", ended, "CREATED", optunaTime(1_800_000_000_000_000))
	path := exported(t, demoSpec(t, "demo", sweep.Maximize), demoTrials(), OptunaOptions{Schema: OptunaV320a, Study: "other"})
	for _, tt := range []struct{ q, want string }{
		{"select number, state, cast(datetime_start as text), cast(datetime_complete as text) from trials order by trial_id", `0|COMPLETE|BEGAN|ENDED
1|PRUNED|BEGAN|ENDED
2|FAIL|BEGAN|ENDED
3|FAIL|BEGAN|ENDED
4|FAIL|BEGAN|ENDED
5|RUNNING|CREATED|<nil>
6|WAITING|<nil>|<nil>
7|COMPLETE|BEGAN|ENDED
`},
		{"select trial_id, objective, value, value_type from trial_values", "1|0|0.25|FINITE\n2|0|0.5|FINITE\n8|0|0.125|FINITE\n"},
		{"select trial_id, step, intermediate_value, intermediate_value_type from trial_intermediate_values where trial_id in (1, 5)",
			"1|0|<nil>|INF_POS\n1|1|<nil>|NAN\n1|2|0.25|FINITE\n5|2|<nil>|INF_NEG\n"},
		{"select param_name, param_value from trial_params where trial_id = 1 order by 1", "k|1\nlr|0.1\nopt|0\nq|0.3\nrho|0\nsteps|0\nw|-5.5\nwidth|64\nx|0.5\n"},
		{"select key, value_json from trial_user_attributes where trial_id = 1 order by key", `trawl:attempts|1
trawl:derived|{"warmup": 7}
trawl:metrics|{"acc": 0.75}
trawl:point|1
trawl:repeat|1
trawl:seed|41
trawl:state|"finished"
trawl:step|2
trawl:trial|1
`},
		{"select key, value_json from trial_user_attributes where trial_id in (3, 5) and key in ('trawl:class', 'trawl:reason', 'trawl:objectives') order by trial_id, key",
			"trawl:class|\"oom\"\ntrawl:reason|\"killed: out of memory\"\ntrawl:objectives|[-Infinity]\n"},
		{"select study_name, direction, objective from studies join study_directions using (study_id)", "other|MAXIMIZE|0\n"},
		{"select key, value_json from study_system_attributes", "study:metric_names|[\"loss\"]\n"},
		{"select version_num from alembic_version", "v3.2.0.a\n"},
		{"select schema_version, library_version from version_info", "12|3.2.0\n"},
	} {
		if got, want := foreign(t, path, tt.q), times.Replace(tt.want); got != want {
			t.Errorf("%s: got\n%swant\n%s", tt.q, got, want)
		}
	}
}

// optunaTime is a time as Optuna stores it: local, without a zone.
func optunaTime(us int64) string {
	return time.UnixMicro(us).Local().Format("2006-01-02 15:04:05.000000")
}

func TestOptunaChoiceOfTrials(t *testing.T) {
	path := exported(t, demoSpec(t, "demo", sweep.Minimize), demoTrials(), OptunaOptions{Schema: OptunaV300d, Filter: results.Filter{States: []sweep.State{sweep.Finished}, Where: "k > 1"}})
	if got, want := foreign(t, path, "select trial_id, number, state from trials"), "1|0|FAIL\n2|1|COMPLETE\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := foreign(t, path, "select trial_id, step from trial_intermediate_values"), "1|2\n2|1\n2|2\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The seed of a repeat is an attribute, not a parameter, and comes back as the
// seed of the trial.
func TestOptunaRepeats(t *testing.T) {
	spec := demoSpec(t, "demo", sweep.Minimize)
	spec.Repeats = sweep.Repeats{Parameter: "seed", Seeds: []int64{41, 42}}
	path := exported(t, spec, []demoTrial{
		{demoParams(1, `"sgd"`, `,"seed":41`), ended(sweep.Finished, 0.25), []sweep.Report{at("loss", 2, 0.25)}},
		{demoParams(1, `"sgd"`, `,"seed":42`), ended(sweep.Finished, 0.5), []sweep.Report{at("loss", 2, 0.5)}},
	}, OptunaOptions{Schema: OptunaV300d})
	if got := foreign(t, path, "select count(*) from trial_params where param_name = 'seed'"); got != "0\n" {
		t.Errorf("seeds among the parameters: got %s", got)
	}
	for i, x := range study(t, path, "demo").Trials {
		if _, ok := x.Params["seed"]; ok || x.Seed != 41+int64(i) {
			t.Errorf("trial %d: got seed %d, %v", i, x.Seed, x.Params)
		}
	}
}

// A parameter that the present revision lacks goes out with the values that
// trials had.
func TestOptunaFormerParameter(t *testing.T) {
	path := exported(t, demoSpec(t, "demo", sweep.Minimize), []demoTrial{
		{demoParams(1, `"sgd"`, `,"gone":"a"`), ended(sweep.Finished, 0.25), []sweep.Report{at("loss", 2, 0.25)}},
		{demoParams(2, `"sgd"`, `,"gone":2`), ended(sweep.Finished, 0.5), []sweep.Report{at("loss", 2, 0.5)}},
	}, OptunaOptions{Schema: OptunaV300d})
	const want = `{"name": "CategoricalDistribution", "attributes": {"choices": ["a", 2]}}`
	if got := foreign(t, path, "select param_value, distribution_json from trial_params where param_name = 'gone'"); got != "0|"+want+"\n1|"+want+"\n" {
		t.Errorf("got %s", got)
	}
}

func TestOptunaRefusals(t *testing.T) {
	spec := demoSpec(t, "demo", sweep.Minimize)
	r := demo(t, spec, demoTrials())
	path := filepath.Join(t.TempDir(), "study.db")
	for range 2 {
		_, err := Optuna(t.Context(), r, spec, "demo", path, OptunaOptions{Schema: OptunaV300d})
		if path != "" && err != nil && !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want ErrExist", err)
		}
	}
	spec.Objectives = nil
	if _, err := Optuna(t.Context(), r, spec, "demo", path+"2", OptunaOptions{}); err == nil || !strings.Contains(err.Error(), "needs an objective") {
		t.Errorf("no objective: got %v", err)
	}
}

// optunaScript does what its arguments say, with the one start of Python that
// Optuna's import makes slow: schema FILE…, then open FILE….
const optunaScript = `
import sqlite3, re
def schema(path):
    rows = sqlite3.connect(path).execute("select type, name, tbl_name, sql from sqlite_master order by 1, 2")
    return [[t, n, tbl, re.sub(r"\s+", " ", s).lower().replace('"', "").replace(" )", ")").replace("( ", "(") if s else ""] for t, n, tbl, s in rows]
def load(path):
    url = "sqlite:///" + path
    (summary,) = optuna.get_all_study_summaries(url)
    s = optuna.load_study(study_name=summary.study_name, storage=url, sampler=optuna.samplers.TPESampler(seed=1, n_startup_trials=1))
    before = [dict(number=t.number, state=t.state.name, values=t.values, params=t.params, steps={k: str(v) for k, v in t.intermediate_values.items()},
        seed=t.user_attrs["trawl:seed"], seconds=t.duration.total_seconds() if t.duration else None) for t in s.trials]
    best = [t.number for t in s.best_trials] if len(s.directions) > 1 else s.best_trial.number
    rows = None
    try:
        import pandas
        rows = len(s.trials_dataframe())
    except ImportError:
        pass
    def f(t):
        x = t.suggest_float("x", 0, 1)
        t.suggest_float("lr", 1e-5, 1, log=True)
        t.suggest_int("k", 1, 8)
        t.suggest_categorical("opt", ["sgd", "\u00e4dam \"x\"", 3, 2.5, True, None])
        t.suggest_int("width", 16, 512, log=True)
        t.suggest_float("q", 0.1, 0.9, step=0.1)
        return (x, x) if len(s.directions) > 1 else x
    s.optimize(f, n_trials=3)
    return dict(version=s._storage._backend.get_current_version(), head=s._storage._backend.get_head_version(), before=before, best=best, rows=rows,
        after=[[t.state.name, sorted(t.params)] for t in s.trials])
i = sys.argv.index("open")
if i > 2:
    optuna.storages.RDBStorage("sqlite:///" + sys.argv[2])
print(json.dumps(dict(schemas=[schema(p) for p in sys.argv[2:i]], studies=[load(p) for p in sys.argv[i + 1:]])))
`

type optunaSays struct {
	Schemas [][][4]string
	Studies []openedStudy
}

type openedStudy struct {
	Version, Head string
	Before        []struct {
		Number  int
		State   string
		Values  []float64
		Params  map[string]any
		Steps   map[string]string
		Seed    int64
		Seconds *float64
	}
	Best  any
	Rows  *int
	After [][2]any
}

func (got openedStudy) wantDemo(t *testing.T, schema OptunaSchema) {
	t.Helper()
	if got.Version != string(schema) || got.Head != string(schema) {
		t.Errorf("schema: got %s, of an Optuna for %s; want %s", got.Version, got.Head, schema)
	}
	if len(got.Before) != 8 || got.Best != 7.0 || got.Rows != nil && *got.Rows != 8 {
		t.Fatalf("got %d trials, best %v; want 8, best 7", len(got.Before), got.Best)
	}
	first := got.Before[0]
	wantParams := map[string]any{"k": 1.0, "lr": 0.1, "opt": "sgd", "q": 0.3, "rho": 0.9, "steps": 1000.0, "w": -5.5, "width": 64.0, "x": 0.5}
	if first.State != "COMPLETE" || !reflect.DeepEqual(first.Values, []float64{0.25}) || !reflect.DeepEqual(first.Params, wantParams) ||
		!reflect.DeepEqual(first.Steps, map[string]string{"0": "inf", "1": "nan", "2": "0.25"}) || first.Seed != 41 || *first.Seconds != 10.25 {
		t.Errorf("first trial: got %+v", first)
	}
	if opt, ok := got.Before[5].Params["opt"]; opt != nil || !ok || got.Before[3].Params["opt"] != 2.5 || got.Before[4].Params["opt"] != true {
		t.Errorf("choices: got %v", got.Before)
	}
	// The queued trial is the first that Optuna takes up, then TPE goes on.
	if n := len(got.After); n != 10 || got.After[6][0] != "COMPLETE" || got.After[9][0] != "COMPLETE" {
		t.Errorf("went on: got %v", got.After)
	}
}

// Debian's Optuna has the tables that we make, opens what we write, and goes on.
func TestOptunaOpensAndGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"schema", filepath.Join(dir, "optuna")}
	for _, s := range []OptunaSchema{OptunaV300d, OptunaV320a} {
		path := filepath.Join(dir, string(s))
		must(t, results.CreateForeign(t.Context(), path, optunaTables(s), func(*results.Filler) error { return nil }))
		args = append(args, path)
	}
	args = append(args, "open", exported(t, demoSpec(t, "demo", sweep.Minimize), demoTrials(), OptunaOptions{Schema: OptunaV300d}), severalObjectives(t))
	var got optunaSays
	fromPython(t, &got, "", optunaScript, args...)
	if !reflect.DeepEqual(got.Schemas[0], got.Schemas[1]) {
		t.Errorf("v3.0.0.d: got\n%s\nwant\n%s", got.Schemas[1], got.Schemas[0])
	}
	index := [4]string{"index", "ix_trials_study_id", "trials", "create index ix_trials_study_id on trials (study_id)"}
	var rest [][4]string
	for _, row := range got.Schemas[2] {
		if row != index {
			rest = append(rest, row)
		}
	}
	if len(rest) != len(got.Schemas[2])-1 || !reflect.DeepEqual(rest, got.Schemas[0]) {
		t.Errorf("v3.2.0.a: got\n%s\nwant those of v3.0.0.d and %s", got.Schemas[2], index)
	}
	got.Studies[0].wantDemo(t, OptunaV300d)
	if x := got.Studies[1]; fmt.Sprint(x.Best) != "[0 1]" || x.Before[2].State != "FAIL" || x.Before[3].State != "PRUNED" || len(x.After) != 7 {
		t.Errorf("several objectives: got %+v", x)
	}
}

// What decides whether Optuna opens a file is that the file's version is that of
// its last migration: an Optuna 3.1 with the migration to v3.2.0.a stands in for
// the newest.
func TestNewestOptunaOpens(t *testing.T) {
	t.Parallel()
	lib := t.TempDir()
	if _, err := os.Stat(optunaLib); err == nil {
		must(t, os.CopyFS(filepath.Join(lib, "optuna"), os.DirFS(optunaLib)))
		must(t, os.WriteFile(filepath.Join(lib, "optuna/storages/_rdb/alembic/versions/v3.2.0.a_.py"),
			[]byte("revision = 'v3.2.0.a'\ndown_revision = 'v3.0.0.d'\ndef upgrade():\n    pass\n"), 0o644))
	}
	var got optunaSays
	fromPython(t, &got, lib, optunaScript, "schema", "open", exported(t, demoSpec(t, "demo", sweep.Minimize), demoTrials(), OptunaOptions{Schema: OptunaV320a}))
	got.Studies[0].wantDemo(t, OptunaV320a)
}

func severalObjectives(t *testing.T) string {
	return exported(t, demoSpec(t, "demo", sweep.Minimize, sweep.Maximize), []demoTrial{
		{demoParams(1, `"sgd"`, ""), ended(sweep.Finished, 0.25, 5), []sweep.Report{at("loss", 2, 0.25), at("size", 2, 5)}},
		{demoParams(2, `"sgd"`, ""), ended(sweep.Finished, 0.5, 9), []sweep.Report{at("loss", 2, 0.5), at("size", 2, 9)}},
		{demoParams(3, `"sgd"`, ""), ended(sweep.Finished, 0.5, math.Inf(1)), []sweep.Report{at("loss", 2, 0.5), at("size", 2, math.Inf(1))}},
		{demoParams(4, `"sgd"`, ""), ended(sweep.Pruned, 0.5), []sweep.Report{at("loss", 2, 0.5)}},
	}, OptunaOptions{Schema: OptunaV300d})
}

func TestSeveralObjectivesRoundTrip(t *testing.T) {
	st := study(t, severalObjectives(t), "demo")
	if len(st.Objectives) != 2 || st.Objectives[1] != (sweep.Objective{Name: "size", Goal: sweep.Maximize}) || st.Trials[2].State != sweep.Diverged ||
		!reflect.DeepEqual(st.Trials[2].Values, []float64{0.5, math.Inf(1)}) || !reflect.DeepEqual(st.Trials[1].Values, []float64{0.5, 9}) {
		t.Errorf("read back: %+v", st)
	}
}

func study(t *testing.T, path, name string) *Study {
	t.Helper()
	f, err := OpenOptuna(t.Context(), path)
	must(t, err)
	defer f.Close()
	st, err := f.Study(t.Context(), name)
	must(t, err)
	return st
}

// What goes out comes back: states, values, parameters, reports, times, seeds.
func TestOptunaRoundTrip(t *testing.T) {
	trials := demoTrials()
	st := study(t, exported(t, demoSpec(t, "demo", sweep.Minimize), trials, OptunaOptions{Schema: OptunaV300d}), "demo")
	if got, want := strings.Join(st.Notes, "; "), "1 trials are RUNNING and left out"; got != want {
		t.Errorf("notes: got %s, want %s", got, want)
	}
	if w := st.Waiting; len(w) != 1 || w[0].Params["k"] != sweep.IntValue(7) || w[0].Params["opt"] != sweep.NullValue() {
		t.Errorf("waiting: got %+v", w)
	}
	if st.Objectives[0] != (sweep.Objective{Name: "loss"}) || len(st.Trials) != 6 {
		t.Fatalf("got %+v", st)
	}
	k := 0
	for i, x := range trials {
		if x.ended == nil || x.ended.Attempt == 0 {
			continue
		}
		got := st.Trials[k]
		k++
		want := *x.ended
		if i == 4 { // finished, but not with a number
			want.State = sweep.Diverged
		}
		if got.State != want.State || got.Class != want.Class || got.Seed != 41+int64(i) || got.Started != want.Exit.StartedAt || got.Ended != want.Exit.EndedAt {
			t.Errorf("trial %d: got %+v", i+1, got)
		}
		if want.HasObjective && (len(got.Values) != 1 || !same(got.Values[0], want.Objective) || got.Step != 2) {
			t.Errorf("trial %d: got the objective %v at %d, want %v at 2", i+1, got.Values, got.Step, want.Objective)
		}
		all := map[string]sweep.Value{}
		must(t, json.Unmarshal([]byte(x.params), &all))
		if !reflect.DeepEqual(got.Params, all) {
			t.Errorf("trial %d: got %v, want %v", i+1, got.Params, all)
		}
		losses := 0
		for _, r := range x.post {
			if r.Name == "loss" {
				if g := got.Reports[losses]; g.Name != "loss" || g.Step != r.Step || !same(g.Value, r.Value) {
					t.Errorf("trial %d: got %+v, want %+v", i+1, g, r)
				}
				losses++
			}
		}
		if rest := got.Reports[losses:]; i == 0 && (len(rest) != 1 || rest[0].Name != "acc" || rest[0].Value != 0.75) || i > 0 && len(rest) != 0 {
			t.Errorf("trial %d: further reports %v", i+1, rest)
		}
	}
}
