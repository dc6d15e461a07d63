package configs

import (
	"errors"
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
	if err == nil || !strings.Contains(err.Error(), "4:19: report.pattern: no group names a metric; want a group like (?P<val_loss>\\S+), or one of key=value") {
		t.Errorf("got %v, want the names there are", err)
	}
}

func TestTensorBoardDirectory(t *testing.T) {
	const base = "method: random\ncommand: [t]\nparameters: {x: [1]}\n"
	for _, tt := range []struct{ name, src, dir, problem string }{
		{"by trial", "report: {tensorboard: 'runs/${trial}'}", "runs/7", ""},
		{"in its directory", "report: {tensorboard: '${trial_dir}/tb-${param:x}'}", "/runs/7/tb-1", ""},
		{"its own working directory", "workdir: trial\nreport: {tensorboard: runs}", "runs", ""},
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
			got, err := RenderTensorBoard(f.Spec, Vars{Values: map[string]sweep.Value{"x": sweep.IntValue(1)}, Trial: 7, TrialDir: "/runs/7"})
			if err != nil || got != tt.dir {
				t.Errorf("got %q, %v; want %q", got, err, tt.dir)
			}
		})
	}
}
