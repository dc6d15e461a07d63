package configs

import (
	"errors"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
)

var stoppers = pruner.Known()

// stopperKeys are the keys of all types of `early_terminate:`, W&B's and
// Optuna's names included. Which of them a type has, with which bounds and
// defaults, the pruners know.
var stopperKeys = []key{
	{name: "type", shape: text, words: stoppers, doc: "the rule"},
	{name: "metric", shape: text, doc: "metric to prune on; default: the only objective"},
	{name: "goal", shape: text, words: []string{"minimize", "maximize"}, doc: "direction of a metric that is no objective; default minimize"},
	{name: "min_iter", shape: integer, least: bound(0), doc: "first step at which a trial may end"},
	{name: "max_iter", shape: integer, least: bound(1), doc: "steps of a whole trial"},
	{name: "s", shape: number, least: bound(0), doc: "hyperband: how many rungs, from max_iter down; asha: leave out the first s rungs"},
	{name: "eta", shape: number, above: bound(1), doc: "the best 1/eta go on at each rung"},
	{name: "strict", shape: boolean, doc: "hyperband: compare the value at the rung (default), not the best so far"},
	{name: "bootstrap", shape: integer, least: bound(0), doc: "asha: trials that end at a rung before any goes on; default 0"},
	{name: "percentile", shape: number, least: bound(0), doc: "percentile: the share in percent that goes on"},
	{name: "min_trials", shape: integer, least: bound(0), doc: "median, percentile: trials to finish before any is ended; default 5"},
	{name: "min_values", shape: integer, least: bound(1), doc: "median, percentile: trials to compare with at the step; default 1"},
	{name: "interval", shape: integer, least: bound(1), doc: "steps between decisions; default 1"},
	{name: "patience", shape: integer, least: bound(0), doc: "patience: reports without improvement"},
	{name: "min_delta", shape: number, least: bound(0), doc: "patience: how far from the best still counts as improvement"},
	{name: "then", shape: anything, doc: "patience: another rule that must agree, its type or a map like this"},
	{name: "lower", shape: number, doc: "threshold: end below this"},
	{name: "upper", shape: number, doc: "threshold: end above this"},
	{name: "p_threshold", shape: number, above: bound(0), doc: "wilcoxon: level of the test; default 0.1"},
	{name: "min_steps", shape: integer, least: bound(0), doc: "wilcoxon: steps to compare before a trial may end; default 0"},
	{name: "min_resource", shape: integer, least: bound(1), doc: "Optuna's name of asha's min_iter"},
	{name: "reduction_factor", shape: integer, least: bound(2), doc: "Optuna's name of asha's eta"},
	{name: "min_early_stopping_rate", shape: integer, least: bound(0), doc: "Optuna's name of asha's s"},
	{name: "bootstrap_count", shape: integer, least: bound(0), doc: "Optuna's name of bootstrap"},
	{name: "n_startup_trials", shape: integer, least: bound(0), doc: "Optuna's name of min_trials"},
	{name: "n_warmup_steps", shape: integer, least: bound(0), doc: "Optuna's name of min_iter"},
	{name: "interval_steps", shape: integer, least: bound(1), doc: "Optuna's name of interval"},
	{name: "n_min_trials", shape: integer, least: bound(1), doc: "Optuna's name of min_values"},
	{name: "n_startup_steps", shape: integer, least: bound(0), doc: "Optuna's name of min_steps"},
}

// readEarlyTerminate reads the pruner's options and lets the pruner judge them.
// Without a metric to look at there is none: W&B accepts such files, too.
func (l *loader) readEarlyTerminate(n *node) {
	et := &sweep.EarlyTerminate{Type: textOf(n, "type"), Options: map[string]sweep.Value{}}
	switch {
	case n.form != mapping:
		return // checkTop has said so
	case et.Type == "":
		l.errorf(n.place, oneOf(stoppers), "early_terminate: no type")
		return
	case !slices.Contains(stoppers, et.Type):
		return
	}
	for _, e := range n.entries {
		if e.name != "type" && !e.node.isNull() && lookup(stopperKeys, e.name) != nil {
			et.Options[e.name] = l.finite(e.node, "early_terminate."+e.name)
		}
	}
	if has := func(name string) bool { _, ok := et.Options[name]; return ok }; et.Type == "hyperband" && !has("min_iter") && !(has("max_iter") && has("s")) {
		// W&B's schema forbids it, and W&B starts the sweep all the same.
		l.warnf(n.place, "min_iter, or max_iter and s", "early_terminate: hyperband without a first step, so no trial is ended early")
		return
	}
	objectives := l.spec.Objectives
	if _, named := et.Options["metric"]; len(objectives) == 0 && !named {
		l.warnf(n.place, "metric: {name: …}", "early_terminate: the sweep has no metric, so no trial is ended early")
		objectives = []sweep.Objective{{Name: "metric"}}
	} else {
		l.spec.EarlyTerminate = et
	}
	if _, err := pruner.New(et, objectives); err != nil {
		l.refuseOptions(n, err)
	}
}

// refuseOptions reports each *option.Error in err at its key. Where the table
// has found fault already, that is enough.
func (l *loader) refuseOptions(n *node, err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			l.refuseOptions(n, e)
		}
		return
	}
	wrong, ok := errors.AsType[*option.Error](err)
	if !ok {
		l.errorf(n.place, "", "%s", err)
		return
	}
	at, inner := n.place, n
	for part := range strings.SplitSeq(wrong.Key, ".") {
		if inner = inner.get(part); inner != nil {
			at = inner.place
		}
	}
	if !slices.ContainsFunc(l.errs, func(p Problem) bool { return p.File == at.file && p.Line == at.line && p.Col == at.col }) {
		l.errorf(at, wrong.Want, "early_terminate.%s: %s", wrong.Key, wrong.What)
	}
}
