package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/configs"
)

// TestHazards: what plan warns of, and what it must not be noisy about.
func TestHazards(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"plain.py":   "import json\nprint(json.dumps({'loss': 1}))\nopen('data.csv')\nopen('data.csv', 'r')\n",
		"torch.py":   "torch.save(model.state_dict(), 'model.pt')\nopen('log.txt', 'a').write('x')\n# open('comment.txt', 'w')\n",
		"format.py":  "open(f'{args.name}.pt', 'w')\nopen('%s.pt' % name, 'w')\ntorch.save(model, args.out)\nopen('/dev/null', 'w')\n",
		"aware.py":   "import os\nos.chdir(os.environ['TRAWL_TRIAL_DIR'])\nopen('model.pt', 'w')\n",
		"default.py": "p.add_argument('--output-dir', default='runs')\np.add_argument('--data', default='data.csv')\np.add_argument('--log', default='info')\n",
		"frame.py":   "df.to_csv('out.csv')\nplt.savefig(\"fig.png\")\njoblib.dump(model, 'm.joblib')\nnp.save(path, x)\n",
		"board.py":   "w = SummaryWriter()\nlogging.basicConfig(level=1, filename='train.log')\nPath('a.json').write_text('x')\nPath('b.json').read_text()\n",
		"ckpt.py":    "torch.save({\n  'epoch': 1,\n}, 'last.pth')\ndef save_checkpoint(state, filename='checkpoint.pth.tar'):\n  torch.save(state, filename)\ntb = TensorBoard(log_dir='logs')\nm = CatBoostClassifier(depth=3)\n",
		"train.sh":   "echo $1 > result.txt\nawk '{ if ($1 > max) max = $1 }' data.csv\ntest 3 > /dev/null 2>err.log\necho 'a -> b.c'\n",
		"aware.sh":   "cd \"$TRAWL_TRIAL_DIR\"\necho 1 > result.txt\n",
		"hydra.py":   "import hydra\n@hydra.main(config_path=None)\ndef main(cfg): pass\n",
		"data.csv":   "1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const two = ", which 4 trials at a time share; want workdir: trial"
	tests := []struct {
		name, src string
		want      []string
	}{
		{"no file of its own", "command: [python3, plain.py, '${args}', --data, data.csv]", nil},
		{"names in a script", "command: [python3, torch.py, '${args}']", []string{"torch.py writes log.txt into the working directory" + two, "torch.py writes model.pt into the working directory" + two}},
		{"names that vary", "command: [python3, format.py, '${args}']", nil},
		{"a script that knows its place", "command: [python3, aware.py]", nil},
		{"a shell script that does", "command: [sh, aware.sh]", nil},
		{"a shell script", "command: [sh, train.sh, '${param:lr}']", []string{"train.sh writes err.log", "train.sh writes result.txt"}},
		{"methods that write", "program: frame.py", []string{"frame.py writes fig.png", "frame.py writes m.joblib", "frame.py writes out.csv"}},
		{"writers", "program: board.py", []string{"board.py writes a.json", "board.py writes runs/ into", "board.py writes train.log"}},
		{"checkpoints", "program: ckpt.py", []string{"ckpt.py writes catboost_info/", "ckpt.py writes checkpoint.pth.tar", "ckpt.py writes last.pth", "ckpt.py writes logs"}},
		{"a default", "program: default.py", []string{"default.py writes runs"}},
		{"a default that the command overrides", "program: default.py\ncommand: [python3, '${program}', '--output_dir=${trial_dir}/x']", nil},
		{"an option", "command: [train, --output_dir, out, '${args}']", []string{"--output_dir out is one file for all trials, of which 4 run at a time; want workdir: trial, or ${trial_dir}/out"}},
		{"an option with =", "command: [train, --save-path=/data/m.pt]", []string{"--save-path /data/m.pt is one file"}},
		{"options that name none", "command: [train, --output, json, --log-level=info, --save, 'true', -o, '${trial}.bin', --model_dir, in, --log_dir=-]", nil},
		{"a constant", "program: plain.py", []string{"output_dir is out for all trials"}},
		{"a redirection", "shell: 'train ${args} >log.txt 2>&1'", []string{"> log.txt is one file"}},
		{"a redirection of its own", "shell: 'train ${args} >log.${trial} 2>/dev/null'", nil},
		{"hydra", "program: hydra.py", []string{"Hydra's directory outputs/DATE/TIME"}},
		{"xgboost into its own", "command: [xgboost, a.conf, 'model_out=${trial_dir}/m']", nil},
		{"lightgbm", "command: [lightgbm, config=a.conf]", []string{"lightgbm writes LightGBM_model.txt"}},
		{"its own directory", "program: torch.py\nworkdir: trial", nil},
		{"a program that is not there", "command: [python3, torch.py]\nworkdir: trial", []string{"torch.py is not in the directory of a trial; want program: torch.py and ${program}, or link: [torch.py]"}},
		{"data that is not there", "program: torch.py\ncommand: ['${program}', --data=data.csv, data.csv]\nworkdir: trial", []string{"data.csv is not in the directory of a trial; want link: [data.csv]"}},
		{"a link to nothing", "program: torch.py\nworkdir: trial\nlink: [none]", []string{"link: none: no such file; want one that is there"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := tt.src + "\nmethod: grid\nparameters: {lr: [1, 2, 3, 4]}\n"
			if tt.name == "a constant" {
				src = strings.Replace(src, "{lr:", "{output_dir: out, lr:", 1)
			}
			f, err := configs.Parse("x.yaml", []byte(src), configs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, h := range hazards(f.Spec, dir, 4) {
				got = append(got, h.String())
			}
			slices.Sort(got)
			if len(got) != len(tt.want) {
				t.Fatalf("got  %q\nwant %q", got, tt.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("got  %q\nwant %q", got[i], tt.want[i])
				}
			}
			if f.Spec.Workdir != "trial" && len(hazards(f.Spec, dir, 1)) > 0 {
				t.Errorf("one at a time: got a warning")
			}
		})
	}
}
