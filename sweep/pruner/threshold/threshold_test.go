package threshold

import (
	"math"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/pruner/prunertest"
)

type options = map[string]sweep.Value

func rule(o options) sweep.Pruner {
	p, err := New(&sweep.EarlyTerminate{Type: "threshold", Options: o}, sweep.Objective{Name: prunertest.Metric})
	if err != nil {
		panic(err)
	}
	return p
}

func band() sweep.Pruner {
	return rule(options{"lower": sweep.FloatValue(0.2), "upper": sweep.FloatValue(1.5), "min_iter": sweep.IntValue(2), "interval": sweep.IntValue(2)})
}

func TestLaws(t *testing.T) { prunertest.Run(t, band) }

func FuzzThreshold(f *testing.F) { prunertest.Fuzz(f, band) }

func TestBounds(t *testing.T) {
	inf := math.Inf(1)
	bounds := options{"lower": sweep.FloatValue(-1), "upper": sweep.FloatValue(2)}
	for _, tt := range []struct {
		name   string
		o      options
		value  float64
		reason string
		inputs string
	}{
		{"inside", bounds, 1, "", ""},
		{"at the upper bound", bounds, 2, "", ""},
		{"at the lower bound", bounds, -1, "", ""},
		{"above", bounds, 2.5, "step 3: val_loss 2.5 is above 2", `{"step":3,"value":2.5,"lower":-1.0,"upper":2.0}`},
		{"below", bounds, -1.5, "step 3: val_loss -1.5 is below -1", `{"step":3,"value":-1.5,"lower":-1.0,"upper":2.0}`},
		{"infinite", bounds, inf, "step 3: val_loss +Inf is above 2", `{"step":3,"value":"Infinity","lower":-1.0,"upper":2.0}`},
		{"infinite on the open side", options{"lower": sweep.FloatValue(-1)}, inf, "", ""},
		{"NaN", bounds, math.NaN(), "step 3: val_loss is NaN", `{"step":3,"value":"NaN","lower":-1.0,"upper":2.0}`},
		{"NaN without bounds", nil, math.NaN(), "step 3: val_loss is NaN", `{"step":3,"value":"NaN","lower":null,"upper":null}`},
	} {
		v := rule(tt.o).Observe(sweep.Observation{Trial: 1, Attempt: 1, Name: prunertest.Metric, Step: 3, Value: tt.value})
		if v.Reason != tt.reason || v.Inputs != tt.inputs || v.Stop != (tt.reason != "") {
			t.Errorf("%s: got %+v, want %q, %s", tt.name, v, tt.reason, tt.inputs)
		}
	}
}

func TestWhenItDecides(t *testing.T) {
	p := band()
	for step := range int64(8) {
		v := p.Observe(sweep.Observation{Trial: 1, Attempt: 1, Name: prunertest.Metric, Step: step, Value: 9})
		if want := step >= 2 && step%2 == 0; v.Stop != want {
			t.Errorf("step %d: got stop %v, want %v", step, v.Stop, want)
		}
	}
}

func TestOptionErrors(t *testing.T) {
	for want, o := range map[string]options{
		"lower: 2 with upper 1; want at most upper": {"lower": sweep.IntValue(2), "upper": sweep.IntValue(1)},
		`upper: "1e4"; want a number`:               {"upper": sweep.StringValue("1e4")},
		"upper: nan; want a number":                 {"upper": sweep.FloatValue(math.NaN())},
	} {
		_, err := New(&sweep.EarlyTerminate{Type: "threshold", Options: o}, sweep.Objective{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
