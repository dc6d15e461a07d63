package export

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

var lossGoal = []sweep.Objective{{Name: "loss"}}

func table1(t *testing.T, src string, o CSVOptions) *Study {
	t.Helper()
	o.File = "t.csv"
	if o.Objectives == nil {
		o.Objectives = lossGoal
	}
	st, err := ReadCSV(strings.NewReader(src), o)
	must(t, err)
	return st
}

// brief is a study as text: trials with their parameters, state and reports.
func brief(st *Study) string {
	var b strings.Builder
	for _, p := range st.Params {
		fmt.Fprintf(&b, "%s %s\n", p.Name, p.Domain)
	}
	for _, x := range st.Trials {
		fmt.Fprintf(&b, "%s: %s", x.Label, x.State)
		for _, p := range st.Params {
			if v, ok := x.Params[p.Name]; ok {
				fmt.Fprintf(&b, " %s=%s", p.Name, v.AppendJSON(nil))
			}
		}
		for _, r := range x.Reports {
			fmt.Fprintf(&b, " [%s %v]", r.Name, r.Value)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestReadCSV(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		o         CSVOptions
		want      string
	}{
		{"types", "lr,n,nesterov,opt,loss\n1e-4,1,true,sgd,0.5\n1,3,False,adam,0.25\n", CSVOptions{}, `lr {"distribution": "log_uniform_values", "min": 0.0001, "max": 1.0}
n {"min": 1, "max": 3}
nesterov {"values": [true, false]}
opt {"values": ["sgd", "adam"]}
line 2: finished lr=0.0001 n=1 nesterov=true opt="sgd" [loss 0.5]
line 3: finished lr=1.0 n=3 nesterov=false opt="adam" [loss 0.25]
`},
		{"a mixed column is text, a constant a value", "x,y,loss\n1,3,1\na,3,2\n", CSVOptions{}, `x {"values": ["1", "a"]}
y {"value": 3}
line 2: finished x="1" y=3 [loss 1]
line 3: finished x="a" y=3 [loss 2]
`},
		{"values that are missing or not finite", "x,y,loss\n1,,nan\n2,NaN,-inf\n3,0.5,\n4,1,1e400\n", CSVOptions{}, `x {"min": 1, "max": 4}
y {"distribution": "uniform", "min": 0.5, "max": 1.0}
line 2: diverged x=1 [loss NaN]
line 3: diverged x=2 [loss -Inf]
line 4: failed x=3 y=0.5
line 5: diverged x=4 y=1.0 [loss +Inf]
`},
		{"states in the words of others", "x,State,loss\n1,COMPLETE,1\n2,PRUNED,2\n3,crashed,\n4,running,\n5,TrialState.FAIL,\n6,killed,1\n7,,7\n", CSVOptions{}, `x {"min": 1, "max": 7}
line 2: finished x=1 [loss 1]
line 3: pruned x=2 [loss 2]
line 4: failed x=3
line 6: failed x=5
line 7: killed x=6 [loss 1]
line 8: finished x=7 [loss 7]
`},
		{"chosen columns and types", "name,x,y,z,acc,note,loss\na,1,2,3,0.5,hello,1\n", CSVOptions{Params: []string{"x:float", "y:string"}}, `x {"value": 1.0}
y {"value": "2"}
line 2: finished x=1.0 y="2" [loss 1] [z 3] [acc 0.5]
`},
		{"columns that may be missing", "x,acc,loss\n1,0.5,1\n", CSVOptions{Params: []string{"x", "y"}, Lax: true}, `x {"value": 1}
line 2: finished x=1 [loss 1] [acc 0.5]
`},
		{"chosen metrics", "x,y,acc,loss\n1,2,0.5,1\n", CSVOptions{Params: []string{"x"}, Metrics: []string{"acc"}}, `x {"value": 1}
line 2: finished x=1 [loss 1] [acc 0.5]
`},
		{"Optuna's data frame", ",number,value,datetime_start,params_lr,params_opt,user_attrs_acc,state\n0,0,0.5,2026-01-01,0.1,sgd,0.9,COMPLETE\n", CSVOptions{Objectives: []sweep.Objective{{Name: "value"}}}, `lr {"value": 0.1}
opt {"value": "sgd"}
line 2: finished lr=0.1 opt="sgd" [value 0.5] [user_attrs_acc 0.9]
`},
		{"our own export", "trial,state,rank,objective,class,reason,f,loss\n1,finished,1,1.0,,,'=cmd(),1.0\n2,failed,2,,oom,,'-3,\n", CSVOptions{}, `f {"values": ["=cmd()", "-3"]}
line 2: finished f="=cmd()" [loss 1]
line 3: failed f="-3"
`},
		{"tabs, a byte order mark, CRLF", "\xef\xbb\xbfx\tloss\r\n1\t2\r\n", CSVOptions{}, "x {\"value\": 1}\nline 2: finished x=1 [loss 2]\n"},
		{"semicolons and a line in quotes", "x;loss\n\"a\nb\";2\n1;3\n", CSVOptions{}, "x {\"values\": [\"a\\nb\", \"1\"]}\nline 2: finished x=\"a\\nb\" [loss 2]\nline 4: finished x=\"1\" [loss 3]\n"},
		{"integers that pandas made floats", "x,loss\n1.0,1\n2.0,2\n", CSVOptions{Params: []string{"x:int"}}, "x {\"min\": 1, \"max\": 2}\nline 2: finished x=1 [loss 1]\nline 3: finished x=2 [loss 2]\n"},
		{"several objectives", "x,a,b\n1,2,3\n2,5,\n", CSVOptions{Objectives: []sweep.Objective{{Name: "a"}, {Name: "b", Goal: sweep.Maximize}}},
			"x {\"min\": 1, \"max\": 2}\nline 2: finished x=1 [a 2] [b 3]\nline 3: failed x=2 [a 5]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := brief(table1(t, tt.src, tt.o)); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestCSVMistakes(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		o         CSVOptions
		want      string
	}{
		{"empty", "", CSVOptions{}, "t.csv:1:1: empty; want a header and a row per trial"},
		{"blank", "\n \n", CSVOptions{}, "t.csv:1:1: empty; want a header and a row per trial"},
		{"a header alone", "x,loss\n", CSVOptions{}, "t.csv:1:1: a header and no row; want a row per trial"},
		{"ragged", "x,loss\n1,2\n1,2,3\n", CSVOptions{}, "t.csv:3:1: 3 fields; want 2, as the header has"},
		{"too short", "x,y,loss\n1,2\n", CSVOptions{}, "t.csv:2:1: 2 fields; want 3, as the header has"},
		{"an open quote", "x,loss\n\"1,2\n", CSVOptions{}, `t.csv:2:6: extraneous or missing " in quoted-field`},
		{"no such metric", "x,los\n1,2\n", CSVOptions{}, `t.csv:1:1: no column "loss"; want one of x, los`},
		{"no such parameter", "x,loss\n1,2\n", CSVOptions{Params: []string{"y"}}, `t.csv:1:1: no column "y"; want one of x, loss`},
		{"one column twice", "x,loss\n1,2\n", CSVOptions{Params: []string{"loss"}}, `t.csv:1:1: column "loss" is to be two things; want one`},
		{"two columns of a name", "x,x,loss\n1,2,3\n", CSVOptions{}, `t.csv:1:1: two columns "x"; want each once`},
		{"no parameter", "trial,loss\n1,2\n", CSVOptions{}, "t.csv:1:1: no column is a parameter; want --params with some of trial, loss"},
		{"an objective that is no number", "x,loss\n1,2\n2,low\n", CSVOptions{}, `t.csv:3:3: column loss: "low" is no number`},
		{"a value of another type", "x,loss\n1,2\na,3\n", CSVOptions{Params: []string{"x:float"}}, `t.csv:3:1: column x: "a" is no number`},
		{"a fraction for an integer", "x,loss\n1.5,2\n", CSVOptions{Params: []string{"x:int"}}, `t.csv:2:1: column x: "1.5" is no integer`},
		{"no boolean", "x,loss\nyes,2\n", CSVOptions{Params: []string{"x:bool"}}, `t.csv:2:1: column x: "yes" is no true or false`},
		{"an unknown type", "x,loss\n1,2\n", CSVOptions{Params: []string{"x:number"}}, `parameter "x:number": type "number"; want int, float, bool or string`},
		{"a metric that is no number", "x,acc,loss\n1,good,2\n", CSVOptions{Params: []string{"x"}, Metrics: []string{"acc"}}, `t.csv:2:3: column acc: "good" is no number`},
		{"an unknown state", "x,state,loss\n1,fine,2\n", CSVOptions{}, `t.csv:2:3: column state: state "fine"; want finished, `},
		{"a row without parameters", "x,y,loss\n1,2,3\nnan,,3\n", CSVOptions{}, "t.csv:3:1: column x: the row has no parameter"},
		{"only trials that run", "x,state,loss\n1,running,\n", CSVOptions{}, "t.csv: no trial that ended has a parameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.File, tt.o.Objectives = "t.csv", lossGoal
			_, err := ReadCSV(strings.NewReader(tt.src), tt.o)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// The class of a failure and the reason come with the state, where they are
// trawl's words; as parameters where the user says so.
func TestCSVClasses(t *testing.T) {
	const src = "x,state,class,reason,loss\n1,failed,oom,out of memory,\n2,failed,odd,why,\n3,finished,oom,,1\n"
	got := table1(t, src, CSVOptions{}).Trials
	for i, want := range []StudyTrial{{State: sweep.Failed, Class: sweep.ClassOOM, Reason: "out of memory"},
		{State: sweep.Failed, Class: sweep.ClassExit, Reason: "why"}, {State: sweep.Finished}} {
		if g := got[i]; g.State != want.State || g.Class != want.Class || g.Reason != want.Reason {
			t.Errorf("line %d: got %+v, want %+v", i+2, g, want)
		}
	}
	x := table1(t, src, CSVOptions{Params: []string{"x", "class"}}).Trials[0]
	if x.Params["class"] != str("oom") || x.Class != sweep.ClassExit {
		t.Errorf("class as a parameter: got %+v", x)
	}
}

func TestRename(t *testing.T) {
	st := table1(t, "x,acc,loss\n1,5,2\n", CSVOptions{Params: []string{"x"}})
	st.Rename([]sweep.Objective{{Name: "val_loss"}})
	if st.Objectives[0].Name != "val_loss" || !reflect.DeepEqual(st.Trials[0].Reports, []sweep.Report{{Name: "val_loss", Value: 2}, {Name: "acc", Value: 5}}) {
		t.Errorf("got %+v", st)
	}
}

func TestRanged(t *testing.T) {
	f, n := sweep.FloatValue, sweep.IntValue
	for _, tt := range []struct {
		low, high sweep.Value
		log       bool
		step      float64
		want      string
	}{
		{n(3), n(3), false, 1, `{"value": 3}`},
		{n(0), n(9), true, 1, `{"min": 0, "max": 9}`},
		{n(4), n(12), false, 4, `{"distribution": "q_uniform", "min": 4, "max": 12, "q": 4}`},
		{n(1), n(100_000), false, 3, `{"min": 1, "max": 100000}`},
		{n(-1 << 60), n(1 << 60), false, 1, `{"distribution": "uniform", "min": -1.152921504606847e+18, "max": 1.152921504606847e+18}`},
		{f(0.1), f(1e300), false, 0.25, `{"distribution": "uniform", "min": 0.1, "max": 1e+300}`},
		{f(-1), f(1), true, 0, `{"distribution": "uniform", "min": -1.0, "max": 1.0}`},
		{f(0.1), f(0.6), false, 0.25, `{"values": [0.1, 0.35, 0.6]}`},
	} {
		if got := ranged(tt.low, tt.high, tt.log, tt.step); got != tt.want {
			t.Errorf("%s to %s: got %s, want %s", tt.low, tt.high, got, tt.want)
		}
	}
	if got, want := listed([]sweep.Value{f(math.Inf(1)), f(math.Inf(-1)), str("\x00é")}), `{"values": [.inf, -.inf, "\u0000é"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzReadCSV: no panic, and what is accepted has ended trials with values of
// the parameters named, finished ones with a finite objective.
func FuzzReadCSV(f *testing.F) {
	for _, s := range []string{"x,loss\n1,2\n", "x;State;loss\n1;FAIL;\n\"a\nb\";COMPLETE;nan\n", ",number,loss,params_x\n0,0,1e400,'=1\n",
		"x\tloss\n1e5\t-inf\ntrue\t3\n", "x,loss\n1\n", "\xef\xbb\xbfx,loss\n\"\n"} {
		f.Add(s, "")
	}
	f.Add("a,b,loss\n1,2,3\n", "a:float")
	f.Fuzz(func(t *testing.T, src, param string) {
		o := CSVOptions{File: "t.csv", Objectives: lossGoal}
		if param != "" {
			o.Params = []string{param}
		}
		st, err := ReadCSV(strings.NewReader(src), o)
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, p := range st.Params {
			if p.Domain == "" || names[p.Name] {
				t.Fatalf("parameter %+v", p)
			}
			names[p.Name] = true
		}
		for _, x := range st.Trials {
			if !x.State.Settled() || len(x.Params) == 0 {
				t.Fatalf("trial %+v", x)
			}
			if x.State == sweep.Finished && (len(x.Values) != 1 || math.IsNaN(x.Values[0]) || math.IsInf(x.Values[0], 0)) {
				t.Fatalf("finished: %+v", x)
			}
			for name := range x.Params {
				if !names[name] {
					t.Fatalf("no parameter %q in %+v", name, st.Params)
				}
			}
		}
	})
}
