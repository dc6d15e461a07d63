package export

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// writeScript makes studies with all that Optuna stores, and prints what Optuna
// itself reads back.
const writeScript = `
url = "sqlite:///" + sys.argv[1]
sampler = lambda: optuna.samplers.RandomSampler(seed=3)
s = optuna.create_study(storage=url, study_name="all kinds", direction="maximize", sampler=sampler())
def f(t):
    x = t.suggest_float("x", 1e-5, 1, log=True)
    t.suggest_float("u", -1.5, 2)
    t.suggest_float("q", 0, 1, step=0.25)
    t.suggest_float("off", 0.1, 2.1, step=0.5)
    t.suggest_int("n", 1, 9, step=2)
    t.suggest_int("m", 1, 100, log=True)
    t.suggest_int("k", -5, 5)
    t.suggest_float("grows", 0, 1 + t.number)
    c = t.suggest_categorical("c", ["a", 1, 2.5, True, None])
    if t.number % 2:
        t.suggest_float("momentum", 0, 0.99)
    for i, v in enumerate([float("inf"), float("nan"), -float("inf"), x]):
        t.report(v, i * 10)
    t.set_user_attr("accuracy", 0.5 + t.number)
    t.set_user_attr("epochs", 3)
    t.set_user_attr("text", "hello")
    if t.number == 3:
        raise optuna.TrialPruned()
    if t.number == 4:
        raise ValueError("failed")
    if t.number == 5:
        return float("nan")
    if t.number == 6:
        return float("inf")
    if t.number == 7:
        return 0.75
    return x
s.optimize(f, n_trials=8, catch=(ValueError,))
s.enqueue_trial({"x": 0.5})
s.ask(); s.enqueue_trial({"x": 0.25})
m = optuna.create_study(storage=url, study_name="several", directions=["minimize", "maximize"], sampler=sampler())
m.optimize(lambda t: (t.suggest_float("x", 0, 1), float("inf") if t.number == 1 else 2.0), n_trials=2)
optuna.create_study(storage=url, study_name="empty")
print(json.dumps([[dict(number=t.number, state=t.state.name, values=t.values and [str(v) for v in t.values], params={k: str(v) for k, v in t.params.items()},
    kinds={k: type(v).__name__ for k, v in t.params.items()}, steps=[[k, str(v)] for k, v in sorted(t.intermediate_values.items())],
    start=t.datetime_start and t.datetime_start.timestamp(), end=t.datetime_complete and t.datetime_complete.timestamp())
    for t in optuna.load_study(study_name=n, storage=url).trials] for n in ["all kinds", "several"]]))
`

type pythonTrial struct {
	Number     int
	State      string
	Values     []string
	Params     map[string]string
	Kinds      map[string]string
	Steps      [][2]any
	Start, End *float64
}

// pythonKind is how Python names the type of a value.
func pythonKind(v sweep.Value) string {
	return map[sweep.Kind]string{sweep.Float: "float", sweep.Int: "int", sweep.Bool: "bool", sweep.Null: "NoneType", sweep.String: "str"}[v.Kind()]
}

func TestReadWhatOptunaWrote(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "optuna.db")
	var want [][]pythonTrial
	fromPython(t, &want, "", writeScript, path)
	f, err := OpenOptuna(t.Context(), path)
	must(t, err)
	defer f.Close()
	if names, err := f.Studies(t.Context()); err != nil || strings.Join(names, "|") != "all kinds|several|empty" {
		t.Errorf("studies: got %v, %v", names, err)
	}
	if _, err := f.Study(t.Context(), "empty"); err == nil || !strings.Contains(err.Error(), "nothing to import") {
		t.Errorf("an empty study: got %v", err)
	}
	st, err := f.Study(t.Context(), "all kinds")
	must(t, err)
	wantDomains(t, st)
	if got, want := strings.Join(st.Notes, "; "), "1 trials are RUNNING and left out; 1 user attributes are no numbers and left out"; got != want {
		t.Errorf("notes: got %s, want %s", got, want)
	}
	if w := st.Waiting; len(w) != 1 || w[0].State != sweep.Queued || !reflect.DeepEqual(w[0].Params, map[string]sweep.Value{"x": sweep.FloatValue(0.25)}) {
		t.Errorf("waiting: got %+v", w)
	}
	if len(st.Trials) != 8 || st.Objectives[0] != (sweep.Objective{Name: "value", Goal: sweep.Maximize}) {
		t.Fatalf("got %d trials, %v", len(st.Trials), st.Objectives)
	}
	for i, got := range st.Trials {
		wantTrial(t, got, want[0][i])
	}
	wantOutcomes(t, st.Trials)
	several, err := f.Study(t.Context(), "several")
	must(t, err)
	for i, got := range several.Trials {
		wantTrial(t, got, want[1][i])
	}
	if s := several.Trials; s[0].State != sweep.Finished || s[1].State != sweep.Diverged || s[1].Values[1] != math.Inf(1) || len(s[0].Reports) != 2 ||
		several.Objectives[0].Name != "values_0" || several.Objectives[1] != (sweep.Objective{Name: "values_1", Goal: sweep.Maximize}) {
		t.Errorf("several objectives: got %+v", several)
	}
}

func wantDomains(t *testing.T, st *Study) {
	t.Helper()
	want := []StudyParam{
		{"c", `{"values": ["a", 1, 2.5, true, null]}`}, {"grows", `{"distribution": "uniform", "min": 0.0, "max": 9.0}`},
		{"k", `{"min": -5, "max": 5}`}, {"m", `{"min": 1, "max": 100, "scale": "log"}`},
		{"momentum", `{"distribution": "uniform", "min": 0.0, "max": 0.99}`}, {"n", `{"values": [1, 3, 5, 7, 9]}`},
		{"off", `{"values": [0.1, 0.6, 1.1, 1.6, 2.1]}`}, {"q", `{"distribution": "q_uniform", "min": 0.0, "max": 1.0, "q": 0.25}`},
		{"u", `{"distribution": "uniform", "min": -1.5, "max": 2.0}`}, {"x", `{"distribution": "log_uniform_values", "min": 1e-05, "max": 1.0}`},
	}
	for i, p := range st.Params {
		w := want[min(i, len(want)-1)]
		if p.Name == "grows" { // as far as the trials that ended went
			w.Domain = `{"distribution": "uniform", "min": 0.0, "max": 8.0}`
		}
		if p != w {
			t.Errorf("parameter %d: got %v, want %v", i, p, w)
		}
	}
	if len(st.Params) != len(want) {
		t.Errorf("got %d parameters, want %d", len(st.Params), len(want))
	}
}

// wantTrial compares a trial with what Optuna reads from the same file.
func wantTrial(t *testing.T, got StudyTrial, want pythonTrial) {
	t.Helper()
	params, kinds := map[string]string{}, map[string]string{}
	for name, v := range got.Params {
		params[name], kinds[name] = v.Python(), pythonKind(v)
	}
	if !reflect.DeepEqual(params, want.Params) || !reflect.DeepEqual(kinds, want.Kinds) {
		t.Errorf("trial %d: got %v %v, want %v %v", want.Number, params, kinds, want.Params, want.Kinds)
	}
	for i, s := range want.Steps {
		if g := got.Reports[i]; float64(g.Step) != s[0] || sweep.PythonFloat(g.Value) != s[1] {
			t.Errorf("trial %d: step %v: got %+v, want %v", want.Number, s[0], g, s[1])
		}
	}
	if got.Started != int64(math.Round(*want.Start*1e6)) || got.Ended != int64(math.Round(*want.End*1e6)) {
		t.Errorf("trial %d: got %d to %d, want %v to %v", want.Number, got.Started, got.Ended, *want.Start, *want.End)
	}
	if want.State == "COMPLETE" {
		var values []string
		for _, v := range got.Values {
			values = append(values, sweep.PythonFloat(v))
		}
		if !reflect.DeepEqual(values, want.Values) {
			t.Errorf("trial %d: got %v, want %v", want.Number, values, want.Values)
		}
	}
}

func wantOutcomes(t *testing.T, trials []StudyTrial) {
	t.Helper()
	last := func(i int) float64 { return trials[i].Reports[3].Value }
	for i, want := range []struct {
		state sweep.State
		value float64 // NaN: none
		step  int64
	}{
		{sweep.Finished, last(0), 30}, {sweep.Finished, last(1), 30}, {sweep.Finished, last(2), 30},
		{sweep.Pruned, last(3), 30}, {sweep.Failed, math.NaN(), 30}, {sweep.Failed, math.NaN(), 30},
		{sweep.Diverged, math.Inf(1), 31}, {sweep.Finished, 0.75, 31},
	} {
		got := trials[i]
		v := math.NaN()
		if len(got.Values) == 1 {
			v = got.Values[0]
		}
		if got.State != want.state || !same(v, want.value) || got.Step != want.step {
			t.Errorf("trial %d: got %s %v at %d, want %+v", i, got.State, v, got.Step, want)
		}
		more := map[string]float64{}
		for _, r := range got.Reports[4:] {
			if r.Step != want.step {
				t.Errorf("trial %d: %+v; want step %d", i, r, want.step)
			}
			more[r.Name] = r.Value
		}
		wantMore := map[string]float64{"accuracy": 0.5 + float64(i), "epochs": 3}
		if want.step == 31 {
			wantMore["value"] = want.value
		}
		if !reflect.DeepEqual(more, wantMore) {
			t.Errorf("trial %d: got %v, want %v", i, more, wantMore)
		}
	}
}

// tables makes a storage of Optuna by hand.
func tables(t *testing.T, schema OptunaSchema, sql string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.db")
	must(t, results.CreateForeign(t.Context(), path, optunaTables(schema)+fmt.Sprintf("insert into alembic_version values ('%s');\n", schema)+sql,
		func(*results.Filler) error { return nil }))
	return path
}

const oneTrial = `insert into studies values (1, 's');
insert into study_directions values (1, 'MINIMIZE', 1, 0);
insert into trials values (1, 0, 1, 'COMPLETE', null, null);
insert into trial_values values (1, 1, 0, 0.5, 'FINITE');
`

func floatParam(v, dist string) string {
	return oneTrial + "insert into trial_params values (1, 1, 'x', " + v + ", '" + dist + "');\n"
}

func TestOptunaMistakes(t *testing.T) {
	const unit = `{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}`
	for _, tt := range []struct{ name, sql, want string }{
		{"a distribution that is no JSON", floatParam("0.5", "x"), `trial 0: x: distribution "x": `},
		{"an unknown distribution", floatParam("0.5", `{"name": "Poisson", "attributes": {"low": 0, "high": 1}}`), `distribution "Poisson"; want one of Optuna's`},
		{"bounds the wrong way round", floatParam("0.5", `{"name": "FloatDistribution", "attributes": {"low": 2, "high": 1}}`), "want low and high, low <= high"},
		{"no choices", floatParam("0", `{"name": "CategoricalDistribution", "attributes": {"choices": []}}`), "no choices"},
		{"a choice that is not there", floatParam("2", `{"name": "CategoricalDistribution", "attributes": {"choices": [1, 2]}}`), "trial 0: x: choice 2 of 2"},
		{"a text for a number", floatParam("'abc'", unit), `trial 0: x: value "abc"; want a number`},
		{"an unknown state", strings.Replace(oneTrial, "COMPLETE", "LOST", 1), `trial 0: state "LOST"`},
		{"a negative step", floatParam("0.5", unit) + "insert into trial_intermediate_values values (1, 1, -1, 1, 'FINITE');", "step -1; want at least 0"},
		{"no direction", "insert into studies values (1, 's');", "it has no direction"},
		{"no parameter", oneTrial, "no trial that ended has a parameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := OpenOptuna(t.Context(), tables(t, OptunaV320a, tt.sql))
			must(t, err)
			defer f.Close()
			if _, err := f.Study(t.Context(), "s"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	text := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(text, []byte(strings.Repeat("text ", 500)), 0o644))
	other := filepath.Join(t.TempDir(), "other.db")
	must(t, results.CreateForeign(t.Context(), other, "create table a (b);", func(*results.Filler) error { return nil }))
	for path, want := range map[string]string{
		text: "not an SQLite database", other: "no storage of Optuna: it has no table studies", tables(t, "v2.6.0.a", ""): `schema "v2.6.0.a"; want v3.0.0.d or v3.2.0.a`,
		demo(t, demoSpec(t, "demo"), nil).Path(): "a database of trawl",
	} {
		if _, err := OpenOptuna(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Distributions of Optuna 2 that a storage may still have, and choices that
// JSON has no word for.
func TestOldDistributions(t *testing.T) {
	for s, want := range map[string]optunaDist{
		`{"name": "UniformDistribution", "attributes": {"low": 0.5, "high": 2}}`:                  {low: 0.5, high: 2},
		`{"name": "LogUniformDistribution", "attributes": {"low": 0.5, "high": 2}}`:               {low: 0.5, high: 2, log: true},
		`{"name": "DiscreteUniformDistribution", "attributes": {"low": 0, "high": 2, "q": 0.5}}`:  {high: 2, step: 0.5},
		`{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 2}}`:      {ints: true, low: 1, high: 9, step: 2},
		`{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 1}}`:   {ints: true, low: 1, high: 9, step: 1, log: true},
		`{"name": "CategoricalDistribution", "attributes": {"choices": [NaN, -Infinity, "NaN"]}}`: {choices: []sweep.Value{str("nan"), sweep.FloatValue(math.Inf(-1)), str("NaN")}},
	} {
		if got, err := parseOptunaDist(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", s, got, err, want)
		}
	}
}

// FuzzOptunaDist: no panic, and what is accepted gives a domain and values.
func FuzzOptunaDist(f *testing.F) {
	for _, s := range []string{`{"name": "FloatDistribution", "attributes": {"step": 0.25, "low": -Infinity, "high": 1e300, "log": true}}`,
		`{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 1, "high": 9}}`,
		`{"name": "CategoricalDistribution", "attributes": {"choices": ["a\"Infinity", 1, NaN, [1, {"b": NaN}]]}}`} {
		f.Add(s, 1.5)
	}
	f.Fuzz(func(t *testing.T, s string, x float64) {
		d, err := parseOptunaDist(s)
		if err != nil {
			return
		}
		r := &studyReader{dists: map[[2]string]optunaDist{{"x", s}: d}}
		if r.domain("x") == "" {
			t.Errorf("no domain of %s", s)
		}
		if v, err := d.external(x); err == nil && v.IsAbsent() {
			t.Errorf("no value of %s at %v", s, x)
		}
	})
}
