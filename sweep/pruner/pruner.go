// Package pruner is the table of all ways to end trials early.
package pruner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/asha"
	"github.com/trawl-sweep/trawl/sweep/pruner/hyperband"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
	"github.com/trawl-sweep/trawl/sweep/pruner/patience"
	"github.com/trawl-sweep/trawl/sweep/pruner/percentile"
	"github.com/trawl-sweep/trawl/sweep/pruner/threshold"
	"github.com/trawl-sweep/trawl/sweep/pruner/wilcoxon"
)

// A Constructor builds a pruner for reports of the metric o from the
// `early_terminate:` of a sweep file, without its keys metric and goal. Its
// errors wrap an *option.Error for each key that is wrong.
type Constructor func(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error)

// Types returns the names of a sweep file with their constructors.
func Types() map[string]Constructor {
	return map[string]Constructor{
		"hyperband":  hyperband.New, // W&B's
		"asha":       asha.New,
		"median":     percentile.Median,
		"percentile": percentile.New,
		"patience":   newPatience,
		"threshold":  threshold.New,
		"wilcoxon":   wilcoxon.New,
	}
}

// order is that in which the types are named to users.
var order = []string{"hyperband", "asha", "median", "percentile", "patience", "threshold", "wilcoxon"}

// Known returns the names of all types.
func Known() []string { return slices.Clone(order) }

// Metric returns the metric that e prunes on: the one that it names, which may
// be one of the objectives or any other metric, with its `goal:` then (default
// minimize); else the only objective. The error says what is missing, and wraps
// an *option.Error.
func Metric(e *sweep.EarlyTerminate, objectives []sweep.Objective) (sweep.Objective, error) {
	r := option.Read(e)
	name := r.Text("", nil, "metric")
	goal := r.Text("", []string{"minimize", "maximize"}, "goal")
	i := slices.IndexFunc(objectives, func(o sweep.Objective) bool { return o.Name == name })
	o := sweep.Objective{Name: name}
	switch {
	case r.Given("metric") && name == "":
		r.Fail("metric", `""`, "the name of a metric")
	case i >= 0:
		o = objectives[i]
	case name == "" && len(objectives) == 1:
		o = objectives[0]
	case name == "" && len(objectives) == 0:
		r.Fail("metric", "not given, and the sweep has no objective", "the metric to prune on")
	case name == "":
		names := make([]string, len(objectives))
		for i, o := range objectives {
			names[i] = o.Name
		}
		r.Fail("metric", "not given, and the sweep has several objectives", strings.Join(names, " or "))
	case goal == "maximize":
		o.Goal = sweep.Maximize
	}
	if (i >= 0 || name == "") && goal != "" && goal != o.Goal.String() {
		r.Fail("goal", goal, o.Goal.String()+", the objective's own, or the key left out")
	}
	return o, r.Wrong()
}

// New returns the pruner that e asks for; objectives are the sweep's. It folds
// the reports of all metrics and looks at those of Metric(e, objectives), and
// compares trials of the same repeat with each other. The error says everything
// that is wrong with the options, each part as an *option.Error, or that the
// type is unknown.
func New(e *sweep.EarlyTerminate, objectives []sweep.Objective) (sweep.Pruner, error) {
	o, err := Metric(e, objectives)
	if err != nil {
		return nil, err
	}
	own := &sweep.EarlyTerminate{Type: e.Type, Options: maps.Clone(e.Options)}
	delete(own.Options, "metric")
	delete(own.Options, "goal")
	return newRepeats(func() (sweep.Pruner, error) { return build(own, o) })
}

func build(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	make := Types()[e.Type]
	if make == nil {
		last := len(order) - 1
		return nil, &option.Error{Key: "type", What: fmt.Sprintf("%q", e.Type), Want: strings.Join(order[:last], ", ") + " or " + order[last]}
	}
	return make(e, o)
}

// newPatience reads `then:`, the pruner that patience holds back: the type of
// one, or a mapping with its options.
func newPatience(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	v, given := e.Options["then"]
	if !given || v.Kind() == sweep.Null || v.Kind() == sweep.Absent {
		return patience.New(e, o, nil)
	}
	inner := &sweep.EarlyTerminate{Type: v.Text()}
	if v.Kind() == sweep.JSON {
		inner.Type = ""
		if err := json.Unmarshal([]byte(v.Text()), &inner.Options); err == nil {
			inner.Type = inner.Options["type"].Text()
			delete(inner.Options, "type")
		}
	}
	if inner.Type == "" || inner.Type == "patience" {
		return nil, &option.Error{Key: "then", What: v.Python(), Want: "the type of another pruner, or a mapping with its type and options"}
	}
	then, err := build(inner, o)
	if err != nil {
		return nil, option.Within("then", err)
	}
	return patience.New(e, o, then)
}
