package configs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: no panic, and a file that is accepted has a document that is
// accepted, too, and is the same sweep.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/bad/*.yaml", "examples/*.yaml", cases + "/wandb/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Add([]byte(macroFile + "shell: \"a ${args} '${param:lr}' $${x}\"\n"))
	f.Add([]byte("method: grid\nparameters: {x: {value: !!float 1}, \"\\u0085\": [\"\\x7f\\u2028\", 1e999, -.inf, 0o7]}\nenv: {A: }\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("fuzz.yaml", src, Options{})
		if err != nil {
			if _, ok := errors.AsType[Errors](err); !ok {
				t.Fatalf("got %T, want Errors", err)
			}
			return
		}
		again, err := Parse("journal", []byte(file.Spec.Doc), Options{})
		if err != nil {
			t.Fatalf("the document is refused: %v\n%s", err, file.Spec.Doc)
		}
		if again.Spec.Digest != file.Spec.Digest || again.Spec.Doc != file.Spec.Doc {
			t.Fatalf("the document is another sweep:\n%s\n%s", file.Spec.Doc, again.Spec.Doc)
		}
		if how, what := Compare(file.Spec, again.Spec); len(how)+len(what) > 0 {
			t.Fatalf("got changes %v %v", how, what)
		}
	})
}
