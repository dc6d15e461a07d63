package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

func TestSecretsAreMasked(t *testing.T) {
	t.Setenv("OUR_API_TOKEN", "tk-12345678")
	t.Setenv("TOKEN_FILE", "/run/secrets/token")
	for _, tt := range []struct{ argv, want []string }{
		{[]string{"--token", "s", "--api-key=s", "HF_TOKEN=s", "--lr=0.1", "tokenizer.json"}, []string{"--token", "***", "--api-key=***", "HF_TOKEN=***", "--lr=0.1", "tokenizer.json"}},
		{[]string{"--set", "env.DB_PASSWORD=s", "-auth", "s", "--wandb_key", "s"}, []string{"--set", "env.DB_PASSWORD=***", "-auth", "***", "--wandb_key", "***"}},
		{[]string{"--hfToken=s", "--password=1234", "--secret-access-key", "s"}, []string{"--hfToken=***", "--password=***", "--secret-access-key", "***"}},
		// What only sounds so: settings of models, numbers, switches without a value.
		{[]string{"--max_tokens=512", "--tokenizer", "bert", "--pad_token=0", "--key_dim", "64", "--author=x", "--use-auth=True", "--token", "--verbose"},
			[]string{"--max_tokens=512", "--tokenizer", "bert", "--pad_token=0", "--key_dim", "64", "--author=x", "--use-auth=True", "--token", "--verbose"}},
		{[]string{"postgres://me:s@host/db", "https://me:p@ss@host/", "--url=https://host/path:1@x", "ssh://git@host/", "https://ghp_0123456789abcdefghij@host/x"},
			[]string{"postgres://me:***@host/db", "https://me:***@host/", "--url=https://host/path:1@x", "ssh://git@host/", "https://***@host/x"}},
		{[]string{"https://host/f?id=7&access_token=s&x=1", "Authorization: Bearer abcdef"}, []string{"https://host/f?id=7&access_token=***&x=1", "Authorization: Bearer ***"}},
		{[]string{"sh", "-c", "A_TOKEN=s ./x --api-key 's t' --password=s --max_token 5 --lr 0.1 | tee --token"},
			[]string{"sh", "-c", "A_TOKEN=*** ./x --api-key *** --password=*** --max_token 5 --lr 0.1 | tee --token"}},
		{[]string{"push", "to:tk-12345678", "/run/secrets/token"}, []string{"push", "to:***", "/run/secrets/token"}}, // by the environment's value
	} {
		if got := maskArgs(tt.argv); !slices.Equal(got, tt.want) {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
	env := allowedEnv([]string{"CUDA_VISIBLE_DEVICES=0", "HF_TOKEN=s", "HF_HOME=/hf", "TOKENIZERS_PARALLELISM=false", "AWS_SECRET_ACCESS_KEY=s", "EDITOR=vi",
		"TORCH_URL=https://u:s@h/", "OMP_NUM_THREADS=4", "MALFORMED", "HF_KEY_ID=1", "DATA=/d", "DATA_KEY=s"}, []string{"DATA", "DATA_KEY"})
	wantEnv := map[string]string{"CUDA_VISIBLE_DEVICES": "0", "HF_TOKEN": "***", "HF_HOME": "/hf", "TOKENIZERS_PARALLELISM": "false",
		"TORCH_URL": "https://u:***@h/", "OMP_NUM_THREADS": "4", "HF_KEY_ID": "***", "DATA": "/d", "DATA_KEY": "***"}
	if !maps.Equal(env, wantEnv) {
		t.Errorf("got  %v\nwant %v", env, wantEnv)
	}
}

// The environment of a rerun has what was recorded, and only that, of the
// variables that count; the rest is today's.
func TestEnvironmentOfARerun(t *testing.T) {
	o := &origin{doc: "{}", spec: &sweep.Spec{Command: []string{"${envvar:DATA}"}}, told: provenance{Env: map[string]string{
		"PATH": "/then", "HF_TOKEN": masked, "HF_OTHER_TOKEN": masked, "OMP_NUM_THREADS": "2", "DATA": "/d"}}}
	env, lost := o.environ([]string{"PATH=/now", "EDITOR=vi", "CUDA_VISIBLE_DEVICES=3", "HF_TOKEN=today", "DATA=/other"})
	slices.Sort(env)
	if want := []string{"DATA=/d", "EDITOR=vi", "HF_TOKEN=today", "OMP_NUM_THREADS=2", "PATH=/then"}; !slices.Equal(env, want) {
		t.Errorf("got  %q\nwant %q", env, want)
	}
	if want := []string{"HF_OTHER_TOKEN"}; !slices.Equal(lost, want) {
		t.Errorf("lost: got %q, want %q", lost, want)
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
		{sweep.Spec{Command: []string{"sh", "-c", "python3 t.py >log", "x"}}, []string{"sh", "-c", "python3", "t.py", ">log", "x"}},
		{sweep.Spec{Trainer: map[string]sweep.Value{}}, nil},
	} {
		if got := commandWords(&tt.spec); !slices.Equal(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
