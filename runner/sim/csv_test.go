package sim

import (
	"compress/gzip"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func readText(t *testing.T, text string, c Columns) (*Table, string) {
	t.Helper()
	tab, objective, err := ReadCSV(strings.NewReader(text), "t.csv", c)
	if err != nil {
		t.Fatal(err)
	}
	return tab, objective
}

// Each shape of file is read as what it is.
func TestReadCSV(t *testing.T) {
	steps := true
	tests := []struct {
		name, text string
		columns    Columns
		objective  string
		params     []string
		runs       []int     // per row
		first      []float64 // values of the objective in the first run
		at         []int64   // seconds of these reports
	}{
		{"repeats in columns", "lr,opt,s0,s1\n0.1,sgd,1,2\n0.2,adam,3,4\n", Columns{}, "s", []string{"lr", "opt"}, []int{2, 2}, []float64{1}, []int64{1}},
		{"a missing repeat", "lr,s0,s1\n0.1,1,\n0.2,3,4\n", Columns{}, "s", []string{"lr"}, []int{1, 2}, []float64{1}, []int64{1}},
		{"curves in columns", "lr,l1,l2,valid0,valid1,valid2,test0,test1,test2\n0.1,0,1,3,2,nan,9,9,9\n0.2,0,1,3,2,1,9,9,9\n", Columns{}, "valid",
			[]string{"lr", "l1", "l2"}, []int{1, 1}, []float64{3, 2, math.NaN()}, []int64{1, 2, 3}},
		{"the other curve", "lr,valid0,valid1,test0,test1\n0.1,3,2,7,8\n", Columns{Objective: "test"}, "test", []string{"lr"}, []int{1}, []float64{7, 8}, []int64{1, 2}},
		{"numbered from 1, as steps", "lr,s1,s2\n0.1,5,6\n", Columns{Objective: "s", Curve: &steps}, "s", []string{"lr"}, []int{1}, []float64{5, 6}, []int64{1, 2}},
		{"a separator", "lr,val_0,val_1\n0.1,5,6\n", Columns{}, "val", []string{"lr"}, []int{1}, []float64{5, 6}, []int64{1, 2}},
		{"a row per step", "lr,epoch,loss\n0.1,1,5\n0.1,0,7\n0.2,0,9\n", Columns{}, "loss", []string{"lr"}, []int{1, 1}, []float64{7, 5}, []int64{1, 2}},
		{"with repeats and times", "lr,seed,step,seconds,loss\n0.1,7,0,2,5\n0.1,7,9,6,4\n0.1,8,0,1,3\n", Columns{}, "loss", []string{"lr"}, []int{2}, []float64{5, 4}, []int64{2, 6}},
		{"rows alike are repeats", "lr,loss\n0.1,5\n0.1,6\n0.2,7\n", Columns{}, "loss", []string{"lr"}, []int{2, 1}, []float64{5}, []int64{1}},
		{"further metrics", "lr,acc,loss\n0.1,0.5,6\n", Columns{Params: []string{"lr"}, Objective: "loss"}, "loss", []string{"lr"}, []int{1}, []float64{6}, []int64{1}},
		{"a parameter called seed", "seed,loss\n1,5\n2,6\n", Columns{Params: []string{"seed"}}, "loss", []string{"seed"}, []int{1, 1}, []float64{5}, []int64{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tab, objective := readText(t, tt.text, tt.columns)
			if objective != tt.objective || !slices.Equal(tab.Columns, tt.params) {
				t.Errorf("got %s of %v, want %s of %v", objective, tab.Columns, tt.objective, tt.params)
			}
			var runs []int
			for _, r := range tab.Rows {
				runs = append(runs, len(r.Runs))
			}
			if !slices.Equal(runs, tt.runs) {
				t.Errorf("got runs %v, want %v", runs, tt.runs)
			}
			k := 0
			for _, r := range tab.Rows[0].Runs[0].Reports {
				if r.Name != objective {
					continue
				}
				if k >= len(tt.first) || r.Value != tt.first[k] && !(math.IsNaN(r.Value) && math.IsNaN(tt.first[k])) || r.At != tt.at[k]*second {
					t.Fatalf("got report %+v at %d, want %v at %v s", r, k, tt.first, tt.at)
				}
				k++
			}
			if k != len(tt.first) {
				t.Errorf("got %d reports, want %d", k, len(tt.first))
			}
		})
	}
}

// What is wrong with a file is said with its line.
func TestReadCSVErrors(t *testing.T) {
	tests := []struct {
		name, text string
		columns    Columns
		want       string
	}{
		{"empty", "", Columns{}, "t.csv: empty; want a row of column names"},
		{"no rows", "lr,s0,s1\n", Columns{}, "1 parameters, 0 rows"},
		{"no parameter", "s0,s1\n1,2\n", Columns{}, "no column is a parameter"},
		{"no objective", "step\n1\n", Columns{}, "no column for the objective"},
		{"unknown column", "lr,loss\n1,2\n", Columns{Objective: "acc"}, "no column acc for the objective; want one of lr, loss"},
		{"unknown step", "lr,loss\n1,2\n", Columns{Step: "e"}, "no column e for the step"},
		{"unknown parameter", "lr,loss\n1,2\n", Columns{Params: []string{"x"}}, "no column x for the parameter"},
		{"both", "lr,loss\n1,2\n", Columns{Params: []string{"loss"}, Objective: "loss"}, "a parameter and something else"},
		{"text", "lr,s0,s1\n1,2,3\n2,x,3\n", Columns{}, `t.csv:3: s0: "x"; want a number`},
		{"ragged", "lr,s0,s1\n1,2\n", Columns{}, "wrong number of fields"},
		{"step", "lr,step,loss\n1,0.5,2\n", Columns{}, `t.csv:2: step: "0.5"; want a whole number`},
		{"time", "lr,step,seconds,loss\n1,0,-1,2\n", Columns{}, `t.csv:2: seconds: "-1"; want seconds since the start`},
		{"time runs back", "lr,step,seconds,loss\n1,0,5,2\n1,1,4,2\n", Columns{}, "step 1 comes before an earlier one"},
		{"twice", "lr,lr,loss\n1,2,3\n", Columns{}, "column lr is there twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := ReadCSV(strings.NewReader(tt.text), "t.csv", tt.columns); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// FuzzReadCSV: any text is a table that can be simulated, or an error.
func FuzzReadCSV(f *testing.F) {
	f.Add("lr,s0,s1\n0.1,1,2\n0.2,3,nan\n")
	f.Add("lr,epoch,loss\n0.1,1,5\n0.1,0,7\n")
	f.Add("a,b,v0,v1\n,true,1,\n1,false,,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		tab, objective, err := ReadCSV(strings.NewReader(text), "t", Columns{})
		if err != nil {
			return
		}
		space, err := tab.Space()
		if err != nil {
			return // names or values that no sweep file has
		}
		if err := tab.Measure(sweep.Objective{Name: objective}); err != nil {
			return
		}
		spec := &sweep.Spec{Sampler: "recorded", Space: space, Objectives: []sweep.Objective{{Name: objective}}, RunCap: 50}
		r, err := Run(Config{Spec: spec, Sampler: NewRecorded(tab, space, 0), Table: tab, Slots: 2})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want := min(50, len(tab.Rows)); len(r.Trials) != want {
			t.Fatalf("%q: got %d trials, want %d", text, len(r.Trials), want)
		}
	})
}

// The tables and curves that methods are measured on are read as what they are.
func TestReadCases(t *testing.T) {
	for _, tt := range []struct {
		path, objective    string
		params, rows, runs int
		reports            int
		grid               bool
	}{
		{"tables/vehicle.csv.gz", "s", 5, 30_000, 5, 1, true},
		{"curves/imdb_patch32_GRU128_bs128.csv.gz", "valid", 8, 1000, 1, 3 * 51, false},
	} {
		path := filepath.Join("..", "..", "..", "shared", "cases", filepath.FromSlash(tt.path))
		f, err := os.Open(path)
		if os.IsNotExist(err) {
			t.Skip("the cases are not beside the checkout")
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		tab, objective, err := ReadCSV(z, tt.path, Columns{})
		if err != nil {
			t.Fatal(err)
		}
		if r := tab.Rows[len(tab.Rows)-1]; objective != tt.objective || len(tab.Columns) != tt.params || len(tab.Rows) != tt.rows ||
			len(r.Runs) != tt.runs || len(r.Runs[0].Reports) != tt.reports || tab.Grid() != tt.grid {
			t.Errorf("%s: got %s of %v, %d rows, %d runs, %d reports, grid %v; want %+v", tt.path, objective, tab.Columns, len(tab.Rows),
				len(r.Runs), len(r.Runs[0].Reports), tab.Grid(), tt)
		}
	}
}
