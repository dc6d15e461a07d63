package guess

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/configs"
)

// Whatever a program prints, the file is one that trawl takes, once what is to
// be filled in is filled in and a parameter is chosen.
func FuzzFile(f *testing.F) {
	paths, err := filepath.Glob("testdata/help/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatal(err, "no help texts")
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b), "")
	}
	f.Add("LR=${LR:-0.1}\nlr=$1\n", "Epoch 1 val loss 0.5")
	f.Add("usage: a [-h] --'x X\n  --'x X  (default: \"a: #b)\n  -l=[<{ --lr ] arg (=0.1\n", "loss = nan (")
	f.Add("wandb.init(config={'lr': 0.1, \"a.b\": 'x: #', })\nc = {'k': 1}\nwandb.init(config=c); wandb.config['x-y']", "")
	f.Fuzz(func(t *testing.T, help, output string) {
		m, _ := FindMetric(nil, output)
		for _, p := range []Program{Parse(help), ParseScript(help), ParseConfig(help), ParsePython(help)} {
			p.ReadSource(help)
			file := Sweep{Argv: []string{"./a", "b", "--", "${c}"}, Program: p, Head: 1, Verbs: 1, Metric: m}.File()
			text := file.Text
			for strings.Contains(text, "${fill_in:") {
				before, rest, _ := strings.Cut(text, "${fill_in:")
				_, after, ok := strings.Cut(rest, "}")
				if !ok {
					t.Fatalf("an open macro:\n%s", file.Text)
				}
				text = before + "x" + after
			}
			if text += "  \u00e9: 1\n"; strings.Contains(text, "zip:") {
				continue
			}
			if _, err := configs.Parse("sweep.yaml", []byte(text), configs.Options{}); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
		}
	})
}
