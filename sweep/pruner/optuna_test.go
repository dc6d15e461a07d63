package pruner

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// optuna are the pruners of the recorded studies, in Optuna's names where it has
// its own.
var optuna = map[string]struct {
	kind string
	options
}{
	"median_default":               {"median", nil},
	"median_startup2_warmup2_int2": {"median", options{"n_startup_trials": sweep.IntValue(2), "n_warmup_steps": sweep.IntValue(2), "interval_steps": sweep.IntValue(2)}},
	"percentile25_startup3":        {"percentile", options{"percentile": sweep.IntValue(25), "n_startup_trials": sweep.IntValue(3)}},
	"sha_min1_eta4":                {"asha", options{"min_resource": sweep.IntValue(1), "reduction_factor": sweep.IntValue(4)}},
	"sha_min1_eta2":                {"asha", options{"min_iter": sweep.IntValue(1), "eta": sweep.IntValue(2)}},
	"sha_min2_eta3_rate1":          {"asha", options{"min_iter": sweep.IntValue(2), "eta": sweep.IntValue(3), "min_early_stopping_rate": sweep.IntValue(1)}},
	"sha_min1_eta3_bootstrap2":     {"asha", options{"min_iter": sweep.IntValue(1), "eta": sweep.IntValue(3), "bootstrap_count": sweep.IntValue(2)}},
	"patient2_median":              {"patience", options{"patience": sweep.IntValue(2), "then": mapping(`{"type": "median", "n_startup_trials": 2}`)}},
	"threshold_upper9":             {"threshold", options{"upper": sweep.IntValue(9)}},
}

// mapping is a value that is a mapping, as a sweep file gives it.
func mapping(text string) (v sweep.Value) {
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	return v
}

// A recordedStudy is what Optuna 3.1 decided in a study whose trials ran one
// after another.
type recordedStudy struct {
	Pruner    string `json:"pruner"`
	Direction string `json:"direction"`
	Study     string `json:"study"`
	First     int64  `json:"steps_start_at"`
	Trials    []struct {
		Number   int        `json:"number"`
		Reports  []*float64 `json:"reports"` // null: NaN
		PrunedAt *int64     `json:"pruned_at_step"`
		State    string     `json:"state"`
	} `json:"trials"`
}

func readStudies(t *testing.T) (studies []recordedStudy) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "optuna.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(&studies); err != nil {
		t.Fatal(err)
	}
	return studies
}

func TestDecisionsAreThoseOfOptuna(t *testing.T) {
	compared, pruned := 0, 0
	for _, s := range readStudies(t) {
		if strings.HasPrefix(s.Pruner, "hyperband") {
			continue // depends on a hash of Optuna's own
		}
		row, ok := optuna[s.Pruner]
		if !ok {
			t.Errorf("%s: no such row", s.Pruner)
			continue
		}
		o := sweep.Objective{Name: "value"}
		if s.Direction == "maximize" {
			o.Goal = sweep.Maximize
		}
		p := mustNew(row.kind, row.options, o)
		for _, trial := range s.Trials {
			id := sweep.TrialID(trial.Number + 1)
			for i, x := range trial.Reports {
				step, value := s.First+int64(i), math.NaN()
				if x != nil {
					value = *x
				}
				v := p.Observe(sweep.Observation{Trial: id, Attempt: 1, Repeat: 1, Name: o.Name, Step: step, Value: value})
				want := trial.PrunedAt != nil && *trial.PrunedAt == step
				if v.Stop != want {
					t.Fatalf("%s: trial %d, step %d, value %v: got %+v, want stop %v", s.Study, trial.Number, step, value, v, want)
				}
				compared++
				if want {
					pruned++
				}
			}
			p.Settle(id, map[string]sweep.State{"complete": sweep.Finished, "pruned": sweep.Pruned}[trial.State])
		}
	}
	if compared < 2000 || pruned < 200 {
		t.Errorf("got %d decisions with %d stops, want the 18 studies", compared, pruned)
	}
}
