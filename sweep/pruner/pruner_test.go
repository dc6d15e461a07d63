package pruner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/option"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

type options = map[string]sweep.Value

var loss = []sweep.Objective{{Name: prunertest.Metric}}

// typical are options with which every type decides something in the studies of
// prunertest.
var typical = map[string]options{
	"hyperband":  {"min_iter": sweep.IntValue(2)},
	"asha":       {},
	"median":     {"min_trials": sweep.IntValue(2)},
	"percentile": {"percentile": sweep.IntValue(25), "min_trials": sweep.IntValue(1)},
	"patience":   {"patience": sweep.IntValue(2), "then": sweep.StringValue("median")},
	"threshold":  {"upper": sweep.FloatValue(1.5)},
	"wilcoxon":   {},
}

func mustNew(kind string, o options, objectives ...sweep.Objective) sweep.Pruner {
	p, err := New(&sweep.EarlyTerminate{Type: kind, Options: o}, objectives)
	if err != nil {
		panic(err)
	}
	return p
}

func TestTableAndNamesAgree(t *testing.T) {
	types := Types()
	if len(Known()) != len(types) {
		t.Errorf("%d names for %d types", len(Known()), len(types))
	}
	for _, name := range Known() {
		if types[name] == nil {
			t.Errorf("%s: not in the table", name)
		}
	}
	Known()[0] = "changed"
	if slices.Contains(Known(), "changed") {
		t.Error("a caller can change the names")
	}
}

func TestLawsHoldForAllTypes(t *testing.T) {
	for _, name := range Known() {
		t.Run(name, func(t *testing.T) {
			prunertest.Run(t, func() sweep.Pruner { return mustNew(name, typical[name], loss...) })
		})
	}
}

func FuzzAllTypes(f *testing.F) {
	prunertest.Fuzz(f, func() sweep.Pruner {
		var all together
		for _, name := range order {
			all = append(all, mustNew(name, typical[name], loss...))
		}
		return all
	})
}

// together lets several pruners see the same events; the first that stops wins.
type together []sweep.Pruner

func (a together) Observe(o sweep.Observation) (first sweep.Verdict) {
	for _, p := range a {
		if v := p.Observe(o); v.Stop && !first.Stop {
			first = v
		}
	}
	return first
}

func (a together) Settle(t sweep.TrialID, s sweep.State) {
	for _, p := range a {
		p.Settle(t, s)
	}
}

func TestMetric(t *testing.T) {
	text := sweep.StringValue
	acc := sweep.Objective{Name: "acc", Goal: sweep.Maximize}
	for _, tt := range []struct {
		name       string
		options    options
		objectives []sweep.Objective
		want       string // metric and goal, or the error
	}{
		{"the only objective", nil, []sweep.Objective{acc}, "acc maximize"},
		{"one of several", options{"metric": text("acc")}, []sweep.Objective{loss[0], acc}, "acc maximize"},
		{"another metric", options{"metric": text("train_loss")}, []sweep.Objective{acc}, "train_loss minimize"},
		{"another metric's goal", options{"metric": text("f1"), "goal": text("maximize")}, []sweep.Objective{loss[0]}, "f1 maximize"},
		{"the objective's own goal", options{"goal": text("maximize")}, []sweep.Objective{acc}, "acc maximize"},
		{"without an objective", options{"metric": text("f1"), "goal": text("maximize")}, nil, "f1 maximize"},
		{"none of several", nil, []sweep.Objective{loss[0], acc}, "early_terminate.metric: not given, and the sweep has several objectives; want val_loss or acc"},
		{"nothing", nil, nil, "early_terminate.metric: not given, and the sweep has no objective; want the metric to prune on"},
		{"empty", options{"metric": text("")}, loss, `early_terminate.metric: ""; want the name of a metric`},
		{"a number", options{"metric": sweep.IntValue(3)}, loss, "early_terminate.metric: 3; want a text"},
		{"against the objective", options{"goal": text("maximize")}, loss, "early_terminate.goal: maximize; want minimize, the objective's own, or the key left out"},
		{"a goal of its own", options{"goal": text("up")}, loss, `early_terminate.goal: "up"; want minimize or maximize`},
	} {
		o, err := Metric(&sweep.EarlyTerminate{Type: "median", Options: tt.options}, tt.objectives)
		got := o.Name + " " + o.Goal.String()
		if err != nil {
			got, _, _ = strings.Cut(err.Error(), "\n")
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for want, e := range map[string]*sweep.EarlyTerminate{
		`early_terminate.type: "mean"; want hyperband, asha, median, percentile, patience, threshold or wilcoxon`: {Type: "mean"},
		"early_terminate.grace: not a key of median; want min_trials, min_iter, interval, min_values":             {Type: "median", Options: options{"grace": sweep.IntValue(1)}},
		`early_terminate.then: patience; want the type of another pruner, or a mapping with its type and options`: {Type: "patience", Options: options{"patience": sweep.IntValue(1), "then": sweep.StringValue("patience")}},
		"early_terminate.patience: not given; want how many reports without improvement a trial may have":         {Type: "patience"},
	} {
		p, err := New(e, loss)
		if err == nil || err.Error() != want || p != nil {
			t.Errorf("got %v, %v; want %q", p, err, want)
		}
		if _, ok := errors.AsType[*option.Error](err); !ok {
			t.Errorf("%v: no *option.Error", err)
		}
	}
	_, err := New(&sweep.EarlyTerminate{Type: "patience", Options: options{"patience": sweep.IntValue(1), "then": sweep.StringValue("mean")}}, loss)
	if err == nil || !strings.Contains(err.Error(), `early_terminate.then.type: "mean"`) {
		t.Errorf("an unknown type under then: got %v", err)
	}
}

// Trials are compared with those of the same repeat, and with no others.
func TestRepeatsAreComparedAmongThemselves(t *testing.T) {
	p := mustNew("median", options{"min_trials": sweep.IntValue(1)}, loss...)
	report := func(trial sweep.TrialID, repeat int, v float64) sweep.Verdict {
		return p.Observe(sweep.Observation{Trial: trial, Attempt: 1, Repeat: repeat, Name: loss[0].Name, Step: 1, Value: v})
	}
	report(1, 1, 1)
	p.Settle(1, sweep.Finished)
	if v := report(2, 2, 5); v.Stop {
		t.Errorf("the first trial of repeat 2: got %+v, want it to go on", v)
	}
	p.Settle(2, sweep.Finished)
	if v := report(3, 2, 4); v.Stop {
		t.Errorf("better than repeat 2's: got %+v, want it to go on", v)
	}
	if v := report(4, 1, 4); !v.Stop {
		t.Error("worse than repeat 1's: goes on, want it stopped")
	}
}

// BenchmarkObserve is the cost of a report when all trials have reported 100
// steps, each as long as the others.
func BenchmarkObserve(b *testing.B) {
	const steps = 100
	for _, name := range Known() {
		for _, trials := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("pruner=%s/trials=%d/steps=%d", name, trials, steps), func(b *testing.B) {
				var p sweep.Pruner
				trial, step := trials, int64(steps)
				b.ReportAllocs()
				for b.Loop() {
					if step == steps && trial == trials {
						p, trial, step = mustNew(name, typical[name], loss...), 1, 0
					} else if step == steps {
						p.Settle(sweep.TrialID(trial), sweep.Finished)
						trial, step = trial+1, 0
					}
					v := float64(trial*7919%trials)/float64(trials) - float64(step)/steps
					p.Observe(sweep.Observation{Trial: sweep.TrialID(trial), Attempt: 1, Repeat: 1, Name: loss[0].Name, Step: step, Value: v})
					step++
				}
			})
		}
	}
}
