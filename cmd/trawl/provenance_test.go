package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func TestSecretsAreMasked(t *testing.T) {
	got := maskArgs([]string{"trawl", "run", "--token", "s", "--api-key=s", "HF_TOKEN=s", "--lr=0.1", "tokenizer.json", "--set", "env.DB_PASSWORD=s",
		"postgres://me:s@host/db", "--url=https://host/path:1@x", "-auth", "s"})
	want := []string{"trawl", "run", "--token", "***", "--api-key=***", "HF_TOKEN=***", "--lr=0.1", "tokenizer.json", "--set", "env.DB_PASSWORD=***",
		"postgres://me:***@host/db", "--url=https://host/path:1@x", "-auth", "***"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	env := allowedEnv([]string{"CUDA_VISIBLE_DEVICES=0", "HF_TOKEN=s", "HF_HOME=/hf", "TOKENIZERS_PARALLELISM=false", "AWS_SECRET_ACCESS_KEY=s", "EDITOR=vi",
		"TORCH_URL=https://u:s@h/", "OMP_NUM_THREADS=4", "MALFORMED"})
	wantEnv := map[string]string{"CUDA_VISIBLE_DEVICES": "0", "HF_TOKEN": "***", "HF_HOME": "/hf", "TOKENIZERS_PARALLELISM": "false",
		"TORCH_URL": "https://u:***@h/", "OMP_NUM_THREADS": "4"}
	if !maps.Equal(env, wantEnv) {
		t.Errorf("got  %v\nwant %v", env, wantEnv)
	}
}

func TestCommandWords(t *testing.T) {
	py := interpreter()
	for _, tt := range []struct {
		spec sweep.Spec
		want []string
	}{
		{sweep.Spec{Program: "train.py"}, []string{py, "train.py"}},
		{sweep.Spec{Program: "t.py", Command: []string{"${env}", "${interpreter}", "-u", "${program}", "${args}"}}, []string{"${env}", py, "-u", "t.py", "${args}"}},
		{sweep.Spec{Shell: "python3 t.py | tee log"}, []string{"python3", "t.py", "|", "tee", "log"}},
		{sweep.Spec{Trainer: map[string]sweep.Value{}}, nil},
	} {
		if got := commandWords(&tt.spec); !slices.Equal(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
