package configs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func TestWandBMode(t *testing.T) {
	const base = "method: random\nprogram: t.py\nparameters: {x: [1]}\n"
	for _, tt := range []struct{ src, want string }{
		{"", "auto"}, {"wandb: auto", "auto"}, {"wandb: shim", "shim"}, {"wandb: off", "off"}, {`wandb: "off"`, "off"}, {"wandb: false", "off"},
	} {
		f := parse(t, base+tt.src)
		if f.Spec.WandB != tt.want || len(f.Spec.Unbuilt) > 0 {
			t.Errorf("%q: got %s, unbuilt %q; want %s", tt.src, f.Spec.WandB, f.Spec.Unbuilt, tt.want)
		}
		sameAfterDoc(t, f)
	}
	for _, src := range []string{"wandb: true", "wandb: yes please"} {
		if _, err := Parse("sweep.yaml", []byte(base+src), Options{}); err == nil || !strings.Contains(err.Error(), "4:8") {
			t.Errorf("%q: got %v, want a problem with its place", src, err)
		}
	}
}

func TestNamedPatterns(t *testing.T) {
	const base = "method: random\ncommand: [t]\nparameters: {x: [1]}\n"
	for src, want := range map[string]string{
		"report: {pattern: xgboost}":                                "xgboost",
		"report: {patterns: [key=value, 'a=(?P<a>1)']}":             "key=value a=(?P<a>1)",
		"report: {pattern: [sklearn], patterns: pytorch-lightning}": "sklearn pytorch-lightning",
	} {
		f := parse(t, base+src)
		if got := strings.Join(f.Spec.Patterns, " "); got != want {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
		sameAfterDoc(t, f)
	}
	_, err := Parse("sweep.yaml", []byte(base+"report: {pattern: xgbost}"), Options{})
	if err == nil || !strings.Contains(err.Error(), "4:19: report.pattern: no group names a metric; want xgboost, or a group like (?P<val_loss>\\S+), or one of catboost, fasttext, keras, key=value") {
		t.Errorf("got %v, want the names there are", err)
	}
}

func TestTensorBoardDirectory(t *testing.T) {
	const base = "method: random\ncommand: [t]\nparameters: {x: [1]}\n"
	for _, tt := range []struct{ name, src, dir, problem string }{
		{"by trial", "report: {tensorboard: 'runs/${trial}'}", "/home/me/runs/7", ""},
		{"in its directory", "report: {tensorboard: '${trial_dir}/tb-${param:x}'}", "/runs/7/tb-1", ""},
		{"its own working directory", "workdir: trial\nreport: {tensorboard: runs}", "/home/me/runs", ""},
		{"none", "report: {patterns: '(?P<a>1)'}", "", ""},
		{"shared", "report: {tensorboard: runs}", "", "4:23: report.tensorboard: all trials would write to"},
		{"shared though by value", "report: {tensorboard: 'runs/${param:x}'}", "", "all trials would write to"},
		{"absolute", "workdir: trial\nreport: {tensorboard: /runs}", "", "all trials would write to"},
		{"several words", "report: {tensorboard: '${args}'}", "", "gives several words"},
		{"unknown macro", "report: {tensorboard: '${tial}'}", "", "unknown macro ${tial}; want ${trial}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("sweep.yaml", []byte(base+tt.src), Options{})
			if tt.problem != "" {
				problems, ok := errors.AsType[Errors](err)
				if !ok || len(problems) != 1 || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("got %v, want one problem: %s", err, tt.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var want []sweep.ReportFile
			if tt.dir != "" {
				want = []sweep.ReportFile{{Kind: sweep.TensorBoard, Path: tt.dir}}
			}
			got, err := RenderFiles(f.Spec, Vars{Values: map[string]sweep.Value{"x": sweep.IntValue(1)}, Trial: 7, TrialDir: "/runs/7"}, "/home/me")
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestReportFiles(t *testing.T) {
	const base = "method: random\ncommand: [t]\nparameters: {x: [1]}\n"
	for _, tt := range []struct {
		name, src string
		want      []sweep.ReportFile
		problem   string
	}{
		{"one", "report: {csv: '${trial}/a.csv'}", []sweep.ReportFile{{Kind: sweep.CSVFile, Path: `/w\[1]/7/a.csv`}}, ""},
		{"several", "report: {json: ['${trial_dir}/*.json', '/r-${trial}'], trainer_state: 'out/${trial}'}",
			[]sweep.ReportFile{{Kind: sweep.JSONFile, Path: `/runs\*/7/*.json`}, {Kind: sweep.JSONFile, Path: "/r-7"}, {Kind: sweep.TrainerState, Path: "/w[1]/out/7"}}, ""},
		{"its own working directory", "workdir: trial\nreport: {csv: log.csv}", []sweep.ReportFile{{Kind: sweep.CSVFile, Path: `/w\[1]/log.csv`}}, ""},
		{"null", "report: {csv: null}", nil, ""},
		{"shared", "report: {csv: log.csv}", nil, "4:15: report.csv: all trials would write to"},
		{"shared state", "report: {trainer_state: [out]}", nil, "4:26: report.trainer_state[0]: all trials would write to"},
		{"several words", "report: {json: '${args}'}", nil, "gives several words; want a file"},
		{"bad pattern in quotes", "report: {csv: '${trial}/['}", nil, "syntax error in pattern"},
		{"empty", "report: {csv: ''}", nil, "report.csv: an empty text; want a path"},
		{"a map", "report: {csv: {a: 1}}", nil, "report.csv"},
		{"exit value without a name", "report: {exit_value: ''}", nil, "report.exit_value"},
		{"exit value that is the step", "report: {exit_value: step}", nil, "4:22: report.exit_value: \"step\"; want the name of a metric"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("sweep.yaml", []byte(base+tt.src), Options{})
			if tt.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("got %v, want %s", err, tt.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sameAfterDoc(t, f)
			got, err := RenderFiles(f.Spec, Vars{Values: map[string]sweep.Value{"x": sweep.IntValue(1)}, Trial: 7, TrialDir: "/runs*/7"}, "/w[1]")
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestExitValue(t *testing.T) {
	const base = "method: random\ncommand: [t]\nparameters: {x: [1]}\n"
	f := parse(t, base+"report: {exit_value: test/score}\n")
	if f.Spec.ExitValue != "test/score" || len(f.Warnings) > 0 {
		t.Errorf("got %q, warnings %v", f.Spec.ExitValue, f.Warnings)
	}
	sameAfterDoc(t, f)
	f = parse(t, base+"report: {exit_value: score}\nretries: {max: 1, on: [exit]}\n")
	if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0].Error(), "retries nothing") {
		t.Errorf("got %v, want a warning that no status is a failure", f.Warnings)
	}
}
