package pruner

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Each pruner says in words what it does, its defaults spelled out.
func TestDescribe(t *testing.T) {
	n := sweep.IntValue
	for _, tt := range []struct {
		kind    string
		options map[string]sweep.Value
		want    []string
	}{
		{"asha", map[string]sweep.Value{"min_iter": n(4), "max_iter": n(100)}, []string{"ends a trial at steps 4, 16, 64 when its loss is not among the best 1/4 of the trials that came there"}},
		{"asha", map[string]sweep.Value{"min_iter": n(1), "eta": n(2)}, []string{"steps 1, 2, 4, 8 … when", "best 1/2"}},
		{"asha", nil, []string{"ends nothing until a trial has finished; then ends a trial at 1/12 of its length, and at 4, 16 … times that"}},
		{"hyperband", map[string]sweep.Value{"min_iter": n(3)}, []string{"at reports 3, 9, 27, 81", "best loss there is worse than what the best 1/3"}},
		{"hyperband", map[string]sweep.Value{"max_iter": n(27), "s": n(2), "strict": sweep.BoolValue(false)}, []string{"at reports 3, 9 when", "from there to the next"}},
		{"median", nil, []string{"worse than the median of the finished trials at that step; ends nothing until 5 trials have finished"}},
		{"percentile", map[string]sweep.Value{"percentile": n(25), "min_iter": n(3), "interval": n(2)}, []string{"the best 25 %", "from step 3 on; looks every 2 steps"}},
		{"patience", map[string]sweep.Value{"patience": n(5), "then": sweep.StringValue("median")}, []string{"has not improved for 5 reports; and only where this rule agrees: ends a trial when its best loss"}},
		{"patience", map[string]sweep.Value{"patience": n(5), "min_delta": sweep.FloatValue(0.01), "min_iter": n(2)}, []string{"improved by 0.01 for 5 reports; from step 2 on"}},
		{"threshold", map[string]sweep.Value{"upper": n(10), "lower": n(-1), "min_iter": n(1), "interval": n(3)}, []string{"is NaN or below -1 or above 10; from step 1 on; looks every 3"}},
		{"wilcoxon", map[string]sweep.Value{"min_steps": n(6)}, []string{"p < 0.1); from 6 steps on"}},
	} {
		p, err := New(&sweep.EarlyTerminate{Type: tt.kind, Options: tt.options}, []sweep.Objective{{Name: "loss"}})
		if err != nil {
			t.Fatal(err)
		}
		got := p.(sweep.Describer).Describe()
		for _, w := range tt.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: got %q, want %q in it", tt.kind, got, w)
			}
		}
	}
}
