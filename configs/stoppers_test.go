package configs

import (
	"errors"
	"strings"
	"testing"
)

func TestEarlyTerminate(t *testing.T) {
	const head = "method: random\nprogram: t\nparameters: {x: {min: 0.0, max: 1.0}}\n"
	for _, tt := range []struct{ name, src, want string }{
		{"another type's key", "metric: {name: a}\nearly_terminate: {type: asha, percentile: 20}", "5:43: early_terminate.percentile: not a key of asha; want min_iter, max_iter, eta, s, bootstrap"},
		{"unknown key", "metric: {name: a}\nearly_terminate: {type: asha, grace_period: 20}", "5:31: early_terminate: unknown key \"grace_period\""},
		{"found by the table", "metric: {name: a}\nearly_terminate: {type: asha, eta: 1}", "5:36: early_terminate.eta: 1; want a number > 1"},
		{"found by the pruner", "metric: {name: a}\nearly_terminate: {type: asha, eta: 1.5}", "5:36: early_terminate.eta: 1.5; want a number, 2 or more"},
		{"which of two", "metrics: [a, b]\nearly_terminate: {type: median}", "5:18: early_terminate.metric: not given, and the sweep has several objectives; want a or b"},
		{"under then", "metric: {name: a}\nearly_terminate: {type: patience, patience: 2, then: {type: median, interval: 0}}", "5:79: early_terminate.then.interval: 0; want an integer, 1 or more"},
		{"without metric, options all the same", "early_terminate: {type: percentile}", "4:18: early_terminate.percentile: not given; want the share in percent that goes on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(head+tt.src), Options{})
			errs, ok := errors.AsType[Errors](err)
			if !ok || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "f.yaml:"+tt.want) {
				t.Errorf("got %v, want f.yaml:%s", err, tt.want)
			}
		})
	}
	for _, src := range []string{
		"metric: {name: a}\nearly_terminate: {type: patience, patience: 2, then: {type: median, n_startup_trials: 2}}",
		"metrics: [a, b]\nearly_terminate: {type: median, metric: b}",
		"early_terminate: {type: wilcoxon, metric: acc, goal: maximize, n_startup_steps: 3}",
	} {
		f, err := Parse("f.yaml", []byte(head+src), Options{})
		if err != nil || f.Spec.EarlyTerminate == nil {
			t.Errorf("%s: got %v", src, err)
			continue
		}
		sameAfterDoc(t, f)
	}
}
