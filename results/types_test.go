package results

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// A column of a sweep's view has the type of its parameter's values, and holds
// each of them as it was, to SQL's own functions.
func TestTypesOfParameterColumns(t *testing.T) {
	choice := func(vs ...sweep.Value) sweep.Domain { return sweep.Domain{Dist: sweep.Categorical, Values: vs} }
	list, err := sweep.JSONValue([]any{1, "a"})
	must(t, err)
	i, f, text, null := sweep.IntValue, sweep.FloatValue, sweep.StringValue, sweep.NullValue()
	db := openDB(t, filepath.Join(t.TempDir(), "trawl.db"))
	for _, tt := range []struct {
		name   string
		domain sweep.Domain
		typ    string
		values []string // JSON, and what SQL says of it: value|typeof
		want   []string
	}{
		{"whole numbers", choice(i(1), i(2)), "INTEGER", []string{"1", "9007199254740993"}, []string{"1|integer", "9007199254740993|integer"}},
		{"numbers", choice(f(0.5), f(2)), "REAL", []string{"0.5", "2.0", "1e-300"}, []string{"0.5|real", "2|real", "1e-300|real"}},
		{"whole and other numbers", choice(i(1), f(0.5)), "REAL", []string{"1", "0.5"}, []string{"1|real", "0.5|real"}},
		{"other and whole numbers", choice(f(0.5), i(1)), "REAL", []string{"1"}, []string{"1|real"}},
		{"texts", choice(text("a"), text("1")), "TEXT", []string{`"a"`, `"1"`, `"it's"`}, []string{"a|text", "1|text", "it's|text"}},
		{"lists", choice(list), "TEXT", []string{`[1,"a"]`}, []string{`[1,"a"]|text`}},
		{"truth values", choice(sweep.BoolValue(true)), "BOOLEAN", []string{"true", "false"}, []string{"1|integer", "0|integer"}},
		{"nothing or a number", choice(null, f(0.1)), "REAL", []string{"null", "0.1"}, []string{"NULL|null", "0.1|real"}},
		{"a text or a number", choice(text("auto"), i(3)), "", []string{`"auto"`, "3", `"3"`}, []string{"auto|text", "3|integer", "3|text"}},
		{"a truth value or a text", choice(sweep.BoolValue(true), text("x")), "", []string{"true", `"x"`}, []string{"1|integer", "x|text"}},
		{"a range", sweep.Domain{Dist: sweep.Uniform, Max: 1}, "REAL", []string{"0.25"}, []string{"0.25|real"}},
		{"a range of whole numbers", sweep.Domain{Dist: sweep.IntUniform, Max: 9, Ints: true}, "INTEGER", []string{"7"}, []string{"7|integer"}},
		{"a quantised range", sweep.Domain{Dist: sweep.QUniform, Max: 9, Q: 1, Ints: true}, "INTEGER", []string{"7"}, []string{"7|integer"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := testSpec(tt.name)
			spec.Space = &sweep.Space{Params: []sweep.Param{{Name: "x", Domain: tt.domain}}}
			s := claim(t, db, spec)
			for n, v := range tt.values {
				p := proposed(sweep.TrialID(n) + 1)
				p.Params = `{"x":` + v + `}`
				end(t, s, p, finished(p.Trial, float64(n)), loss(3, float64(n)))
			}
			if got := table(t, db.Reader(), fmt.Sprintf("select x, typeof(x) from %q order by trial", tt.name+"/all")); got != strings.Join(tt.want, "\n") {
				t.Errorf("got  %s\nwant %s", got, strings.Join(tt.want, "\n"))
			}
			if got := table(t, db.Reader(), fmt.Sprintf("select upper(type) from pragma_table_info('%s') where name = 'x'", wideTable(s.ID()))); got != tt.typ {
				t.Errorf("the column is of type %q, want %q", got, tt.typ)
			}
		})
	}
	wantVerified(t, db, "a truth value or a text")
}

// The value of a derived parameter decides its own type, and a repeat parameter
// that the space has is one column, else one is added.
func TestColumnsOfDerivedAndRepeatParameters(t *testing.T) {
	for _, inSpace := range []bool{true, false} {
		spec := testSpec("one")
		spec.Repeats.Parameter = "seed"
		params := []sweep.Param{{Name: "d", Derived: expression{}}, {Name: "x", Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}}}
		if inSpace {
			params = append(params, sweep.Param{Name: "seed", Domain: sweep.Domain{Dist: sweep.IntUniform, Max: 9, Ints: true}})
		}
		spec.Space = &sweep.Space{Params: params}
		db, s := newStore(t, spec)
		for n, d := range []string{"1", "0.5", `"text"`} {
			p := proposed(sweep.TrialID(n) + 1)
			p.Params = `{"d":` + d + `,"seed":7,"x":0.5}`
			end(t, s, p, finished(p.Trial, 1), loss(3, 1))
		}
		if got := table(t, db.Reader(), `select group_concat(typeof(d)), sum(seed) from "one" order by trial`); got != "integer,real,text|21" {
			t.Errorf("seed in the space: %v: got %s", inSpace, got)
		}
		if got := table(t, db.Reader(), "select count(*) from t_columns where name = 'seed'"); got != "1" {
			t.Errorf("seed in the space: %v: %s columns", inSpace, got)
		}
	}
}

// expression stands for a derived parameter's: nobody computes it here.
type expression struct{ sweep.Expr }
