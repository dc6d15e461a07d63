package option

import (
	"errors"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func read(options map[string]sweep.Value) *Reader {
	return Read(&sweep.EarlyTerminate{Type: "asha", Options: options})
}

// ask reads one key of each form.
func ask(r *Reader) (int64, float64, bool, string) {
	i := r.Int(4, 1, "min_iter", "min_resource")
	f := r.Number(3, MoreThanOne, "a number above 1", "eta")
	b := r.Bool(true, "strict")
	s := r.Text("minimize", []string{"minimize", "maximize"}, "goal")
	return i, f, b, s
}

func TestDefaults(t *testing.T) {
	r := read(map[string]sweep.Value{"eta": sweep.NullValue()})
	if i, f, b, s := ask(r); i != 4 || f != 3 || !b || s != "minimize" || r.Err() != nil {
		t.Errorf("got %v %v %v %v, %v; want the defaults", i, f, b, s, r.Err())
	}
}

func TestValues(t *testing.T) {
	r := read(map[string]sweep.Value{"min_resource": sweep.FloatValue(7), "eta": sweep.IntValue(2),
		"strict": sweep.BoolValue(false), "goal": sweep.StringValue("maximize")})
	if i, f, b, s := ask(r); i != 7 || f != 2 || b || s != "maximize" || r.Err() != nil {
		t.Errorf("got %v %v %v %v, %v; want 7 2 false maximize", i, f, b, s, r.Err())
	}
	if !r.Given("eta") || r.Given("s") {
		t.Error("Given does not say what is given")
	}
}

func TestErrorsNameTheKeyAndWhatIsWanted(t *testing.T) {
	for _, tt := range []struct {
		key  string
		v    sweep.Value
		want string
	}{
		{"min_iter", sweep.IntValue(0), "early_terminate.min_iter: 0; want an integer, 1 or more"},
		{"min_iter", sweep.FloatValue(1.5), "early_terminate.min_iter: 1.5; want an integer, 1 or more"},
		{"min_iter", sweep.BoolValue(true), "early_terminate.min_iter: True; want an integer, 1 or more"},
		{"min_resource", sweep.StringValue("auto"), `early_terminate.min_resource: "auto"; want an integer, 1 or more`},
		{"eta", sweep.IntValue(1), "early_terminate.eta: 1; want a number above 1"},
		{"eta", sweep.BoolValue(true), "early_terminate.eta: True; want a number above 1"},
		{"strict", sweep.IntValue(1), "early_terminate.strict: 1; want true or false"},
		{"goal", sweep.StringValue("up"), `early_terminate.goal: "up"; want minimize or maximize`},
		{"grace", sweep.IntValue(1), "early_terminate.grace: not a key of asha; want min_iter, eta, strict, goal"},
		{"goal", sweep.StringValue(strings.Repeat("x", 99)), "early_terminate.goal: \"" + strings.Repeat("x", 36) + "…; want minimize or maximize"},
	} {
		r := read(map[string]sweep.Value{tt.key: tt.v})
		ask(r)
		err := r.Err()
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.key, err, tt.want)
		}
		if e, ok := errors.AsType[*Error](err); !ok || e.Key != tt.key {
			t.Errorf("%s: the error does not say its key", tt.key)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	r := read(map[string]sweep.Value{"min_iter": sweep.IntValue(1), "min_resource": sweep.IntValue(1), "eta": sweep.IntValue(0), "a": sweep.IntValue(0)})
	ask(r)
	r.Fail("max_iter", "2", "more than min_iter")
	if got := strings.Count(r.Err().Error(), "; want "); got != 4 {
		t.Errorf("got %d errors, want 4: %v", got, r.Err())
	}
	if !strings.Contains(r.Err().Error(), "min_resource: the same as min_iter; want one of them") {
		t.Errorf("two names of one option: %v", r.Err())
	}
}

func TestWithin(t *testing.T) {
	r := read(map[string]sweep.Value{"eta": sweep.IntValue(0), "s": sweep.IntValue(1)})
	ask(r)
	got := Within("then", r.Err()).Error()
	if want := "early_terminate.then.eta: 0; want a number above 1\nearly_terminate.then.s: not a key of asha; want min_iter, eta, strict, goal"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if plain := errors.New("plain"); Within("then", plain) != plain {
		t.Error("an error without a key changed")
	}
}
