package export

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Study is trials that ran elsewhere, on their way into a sweep.
type Study struct {
	Name       string // of the sweep, unless the user has another
	Source     string // what it is, for people: Optuna study "resnet" of study.db
	Objectives []sweep.Objective
	Params     []StudyParam // sorted by name
	Trials     []StudyTrial // all ended
	Waiting    []StudyTrial // asked for and never begun; Params may lack some
	Notes      []string     // what was left out, for people
}

// A StudyParam is a parameter with its domain as a sweep file writes it.
type StudyParam struct {
	Name   string
	Domain string // JSON, and .inf, -.inf where JSON has no word
}

// A StudyTrial is one ended trial.
type StudyTrial struct {
	Label   string // what it is called there: trial 12, line 7
	Params  map[string]sweep.Value
	State   sweep.State
	Class   sweep.Class
	Reason  string
	Values  []float64 // one per objective; nil: it has none
	Step    int64     // that the first of them was taken from
	Reports []sweep.Report
	Seed    int64
	Started int64 // Unix microseconds; 0: not known
	Ended   int64
}

// ImportedFrom begins the description in a Document.
const ImportedFrom = "imported from "

// Document is the sweep file that stands for the study: nothing is left to be
// tried, and there is no command that could.
func (s *Study) Document(name string) []byte {
	text := func(b []byte, t string) []byte { return sweep.StringValue(t).AppendJSON(b) }
	b := text([]byte(`{"name": `), name)
	b = text(append(b, `, "description": `...), ImportedFrom+s.Source)
	b = append(b, `, "method": "random", "duplicates": "allow", "run_cap": `...)
	b = strconv.AppendInt(b, int64(max(1, len(s.Trials))), 10)
	switch len(s.Objectives) {
	case 0:
	case 1:
		b = s.objective(append(b, `, "metric": `...), 0)
	default:
		for i := range s.Objectives {
			b = append(b, []string{`, "metrics": [`, ", "}[min(i, 1)]...)
			b = s.objective(b, i)
		}
		b = append(b, ']')
	}
	for i, p := range s.Params {
		b = append(b, []string{`, "parameters": {`, ", "}[min(i, 1)]...)
		b = append(append(text(b, p.Name), ": "...), p.Domain...)
	}
	return append(b, "}}\n"...)
}

func (s *Study) objective(b []byte, i int) []byte {
	o := s.Objectives[i]
	b = sweep.StringValue(o.Name).AppendJSON(append(b, `{"name": `...))
	return append(b, `, "goal": "`+o.Goal.String()+`"}`...)
}

// settle makes a trial consistent with what a sweep holds: a finished trial has
// finite objectives, else it failed or diverged.
func (t *StudyTrial) settle() {
	if t.State != sweep.Finished {
		return
	}
	if len(t.Values) == 0 {
		t.State, t.Class = sweep.Failed, sweep.ClassNoObjective
		return
	}
	for _, v := range t.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.State = sweep.Diverged
			if t.Reason == "" {
				t.Reason = "the objective is " + sweep.KindOf(v)
			}
			return
		}
	}
}

// appendYAML is JSON with YAML's words for what is infinite. NaN is no value of
// a parameter and does not come here.
func appendYAML(b []byte, v sweep.Value) []byte {
	if x, _ := v.Number(); v.Kind() == sweep.Float && math.IsInf(x, 0) {
		if x > 0 {
			return append(b, ".inf"...)
		}
		return append(b, "-.inf"...)
	}
	return v.AppendJSON(b)
}

// listed is the domain of choices.
func listed(vs []sweep.Value) string {
	if len(vs) == 1 {
		return string(append(appendYAML([]byte(`{"value": `), vs[0]), '}'))
	}
	b := []byte(`{"values": [`)
	for i, v := range vs {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendYAML(b, v)
	}
	return string(append(b, "]}"...))
}

// maxListed is how many steps from a bound that is no multiple of the step are
// written as a list of values.
const maxListed = 1000

// ranged is the domain of numbers from low to high: integers where both are.
// step is 0 for all between.
func ranged(low, high sweep.Value, log bool, step float64) string {
	lo, _ := low.Number()
	hi, _ := high.Number()
	ints := low.Kind() == sweep.Int && high.Kind() == sweep.Int
	bounds := fmt.Sprintf(`"min": %s, "max": %s`, low.AppendJSON(nil), high.AppendJSON(nil))
	switch {
	case lo == hi:
		return listed([]sweep.Value{low})
	case ints && (math.Abs(lo) > 1<<53 || math.Abs(hi) > 1<<53):
		return ranged(sweep.FloatValue(lo), sweep.FloatValue(hi), log, 0)
	case ints && log && lo >= 1:
		return `{` + bounds + `, "scale": "log"}`
	case ints && step <= 1, ints && math.Trunc(step) != step:
		return `{` + bounds + `}`
	case !ints && log && lo > 0:
		return `{"distribution": "log_uniform_values", ` + bounds + `}`
	case !ints && step <= 0:
		return `{"distribution": "uniform", ` + bounds + `}`
	}
	if k := lo / step; math.Abs(k-math.Round(k)) < 1e-9 {
		q := sweep.FloatValue(step)
		if ints {
			q = sweep.IntValue(int64(step))
		}
		return `{"distribution": "q_uniform", ` + bounds + `, "q": ` + string(q.AppendJSON(nil)) + `}`
	}
	steps := (hi-lo)/step + 1e-9
	if !(steps < maxListed) {
		return ranged(low, high, log, 0)
	}
	n := int(steps)
	var vs []sweep.Value
	for k := range n + 1 {
		x := lo + float64(k)*step
		if ints {
			vs = append(vs, sweep.IntValue(int64(x)))
		} else {
			vs = append(vs, sweep.FloatValue(x))
		}
	}
	return listed(vs)
}

// distinct returns the values that trials have for a parameter, in order of
// their first.
func distinct(trials []StudyTrial, name string) (vs []sweep.Value) {
	had := map[string]bool{}
	for _, t := range trials {
		v, ok := t.Params[name]
		if !ok {
			continue
		}
		if key := string(v.AppendKey(nil)); !had[key] {
			had[key] = true
			vs = append(vs, v)
		}
	}
	return vs
}

// logRatio is from which ratio of the largest to the least on values that are
// all positive are taken to have been drawn on a log scale.
const logRatio = 1000

// domainOf is the least domain that holds the values.
func domainOf(vs []sweep.Value) string {
	lo, hi := math.Inf(1), math.Inf(-1)
	ints := true
	for _, v := range vs {
		x, _ := v.Number()
		if !real(v) {
			return listed(vs)
		}
		lo, hi, ints = min(lo, x), max(hi, x), ints && v.Kind() == sweep.Int
	}
	log := lo > 0 && hi/lo >= logRatio
	if ints {
		return ranged(sweep.IntValue(int64(lo)), sweep.IntValue(int64(hi)), log, 1)
	}
	return ranged(sweep.FloatValue(lo), sweep.FloatValue(hi), log, 0)
}

// setParams fills in the parameters that trials have values for; domain knows
// those that are not to be found from the values.
func (s *Study) setParams(domain func(name string) string) error {
	names := map[string]bool{}
	for _, t := range s.Trials {
		for name := range t.Params {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%s: no trial that ended has a parameter; there is nothing to import", s.Source)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d := domain(name)
		if d == "" {
			d = domainOf(distinct(s.Trials, name))
		}
		s.Params = append(s.Params, StudyParam{name, d})
	}
	return nil
}

// Rename gives the objectives other names, in the reports, too.
func (s *Study) Rename(to []sweep.Objective) {
	old := make(map[string]string, len(to))
	for i, o := range to {
		old[s.Objectives[i].Name] = o.Name
		s.Objectives[i].Name = o.Name
	}
	for _, t := range s.Trials {
		for i, r := range t.Reports {
			if name, ok := old[r.Name]; ok {
				t.Reports[i].Name = name
			}
		}
	}
}
