package export

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// An optunaTrial is a row of trials with what belongs to it.
type optunaTrial struct {
	StudyTrial
	number  int64
	optuna  string // its state there
	values  map[int64]float64
	steps   []sweep.Report // intermediate values, by step
	metrics []sweep.Report // of user attributes
	own     trawlAttrs
}

// trawlAttrs are the user attributes that an export of ours left.
type trawlAttrs struct {
	state   sweep.State
	class   string
	reason  string
	step    *int64
	values  []float64
	metrics map[string]sweep.Value
	derived map[string]sweep.Value
}

// take reads an attribute of ours. One that somebody has changed into something
// else is as good as none.
func (a *trawlAttrs) take(t *StudyTrial, key string, raw []byte) {
	into := map[string]any{attrState: &a.state, attrClass: &a.class, attrReason: &a.reason, attrStep: &a.step,
		attrMetrics: &a.metrics, attrDerived: &a.derived, attrSeed: &t.Seed}[key]
	if key == attrObjective {
		var vs []sweep.Value
		if json.Unmarshal(raw, &vs) == nil {
			for _, v := range vs {
				x, _ := tight(v).Number()
				a.values = append(a.values, x)
			}
		}
		return
	}
	if into != nil {
		_ = json.Unmarshal(raw, into)
	}
}

// finish puts together what the tables say of a trial. The objective is the last
// report of its metric, as in every trial here: where the trial returned
// something else than it had reported last, or had reported nothing, a report is
// added. All other metrics stand at the step of the objective.
func (t *optunaTrial) finish(objectives []sweep.Objective) StudyTrial {
	for i := range objectives {
		if v, ok := t.values[int64(i)]; ok && len(t.Values) == i {
			t.Values = append(t.Values, v)
		}
	}
	if len(t.Values) < len(objectives) {
		t.Values = nil
	}
	t.takeOwn(len(objectives))
	n := len(t.steps)
	if t.Values == nil && t.State == sweep.Pruned && n > 0 {
		t.Values = []float64{t.steps[n-1].Value}
	}
	if n > 0 {
		t.Step = t.steps[n-1].Step
	}
	switch {
	case t.own.step != nil && *t.own.step >= 0:
		t.Step = *t.own.step
	case t.Values != nil && n > 0 && !same(t.steps[n-1].Value, t.Values[0]):
		t.Step++ // what the objective returned is none of the reports
	}
	t.Reports = t.steps
	if t.Values != nil && (n == 0 || t.Step > t.steps[n-1].Step) {
		t.Reports = append(t.Reports, sweep.Report{Name: objectives[0].Name, Step: t.Step, Value: t.Values[0]})
	}
	for i := 1; i < len(t.Values); i++ {
		t.Reports = append(t.Reports, sweep.Report{Name: objectives[i].Name, Step: t.Step, Value: t.Values[i]})
	}
	for _, m := range t.metrics {
		if !slices.ContainsFunc(objectives, func(o sweep.Objective) bool { return o.Name == m.Name }) {
			m.Step = t.Step
			t.Reports = append(t.Reports, m)
		}
	}
	for i := range t.Reports {
		t.Reports[i].At = max(t.Started, t.Ended)
	}
	t.settle()
	return t.StudyTrial
}

// takeOwn takes over what an export of ours knew and Optuna could not hold.
func (t *optunaTrial) takeOwn(objectives int) {
	a := &t.own
	if t.Values == nil && len(a.values) == objectives {
		t.Values = a.values
	}
	for name, v := range a.derived {
		t.Params[name] = v
	}
	for name, v := range a.metrics {
		if x, ok := tight(v).Number(); ok {
			t.metrics = append(t.metrics, sweep.Report{Name: name, Value: x})
		}
	}
	slices.SortFunc(t.metrics, func(x, y sweep.Report) int { return strings.Compare(x.Name, y.Name) })
	if t.optuna == "FAIL" && (a.state == sweep.Diverged || a.state == sweep.Killed || a.state == sweep.Finished && t.Values != nil) {
		t.State, t.Class = a.state, ""
	} else if t.optuna == "FAIL" && a.state == sweep.Failed && knownClass(sweep.Class(a.class)) {
		t.Class = sweep.Class(a.class)
	}
	t.Reason = a.reason
}

func knownClass(c sweep.Class) bool {
	return slices.Contains([]sweep.Class{sweep.ClassExit, sweep.ClassSignal, sweep.ClassTimeout, sweep.ClassStalled, sweep.ClassOOM,
		sweep.ClassNoObjective, sweep.ClassLost, sweep.ClassStart}, c)
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
