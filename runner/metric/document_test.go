package metric

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shown is a document as lines: rows, then values.
func shown(d Document) (out []string) {
	for _, s := range append(slices.Clone(d.Rows), d.Values) {
		for _, v := range s.Values {
			out = append(out, fmt.Sprintf("%s %d %v", v.Name, s.Step, v.Number))
		}
	}
	return out
}

func TestReadDocument(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"object", `{"acc": 0.5, "test": {"f1": NaN, "n": 1e400}, "name": "x", "ok": true, "none": null}`, []string{"acc -1 0.5", "test/f1 -1 NaN", "test/n -1 +Inf"}},
		{"object with a step", `{"acc": 0.5, "step": 7}`, []string{"acc 7 0.5"}},
		{"list of objects", `[{"step": 10, "loss": 1}, {"step": 20, "loss": -Infinity, "m": {"a": 1}}]`, []string{"loss 10 1", "loss 20 -Inf", "m/a 20 1"}},
		{"list without steps", `[{"loss": 1}, {"loss": 2}]`, []string{"loss 0 1", "loss 1 2"}},
		{"list by epoch", `[{"epoch": 3, "loss": 1}, {"epoch": 3.5, "loss": 2}]`, []string{"loss 3 1", "epoch 1 3.5", "loss 1 2"}},
		{"step before epoch", `[{"epoch": 3, "loss": 1, "global_step": 9}]`, []string{"epoch 9 3", "loss 9 1"}},
		{"lines", "{\"step\": 1, \"loss\": 1}\n{\"step\": 2, \"loss\": 2}\n", []string{"loss 1 1", "loss 2 2"}},
		{"history of Keras", `{"loss": [0.5, 0.25], "val": {"acc": [1, NaN]}, "names": ["a"], "best": 0.25}`,
			[]string{"loss 0 0.5", "val/acc 0 1", "loss 1 0.25", "val/acc 1 NaN", "best -1 0.25"}},
		{"trainer_state", `{"epoch": 1.0, "global_step": 20, "is_local_process_zero": true, "best_metric": 0.5, "x": [1, 2],
			"log_history": [{"epoch": 0.5, "loss": 0.7, "step": 10}, {"epoch": 1.0, "eval_loss": 0.5, "eval_runtime": 1.5, "step": 20}], "y": [3]}`,
			[]string{"epoch 10 0.5", "loss 10 0.7", "epoch 20 1", "eval_loss 20 0.5", "eval_runtime 20 1.5"}},
		{"history of texts", `{"loss": [], "a": [[1]], "b": [{"c": 1}], "d": 4}`, []string{"d -1 4"}},
		{"byte order mark", "\ufeff{\"a\": 1}", []string{"a -1 1"}},
		{"empty list", `[]`, nil},
		{"list of others", `[1, "x", [2], {"a": 3}]`, []string{"a 0 3"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := ReadDocument([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(d); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDocumentThatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": 1,}`:                         "1:9: invalid character '}'",
		"{\"a\": NaN,\n \"b\": x}":          "2:7: invalid character 'x'",
		`{"a": 1`:                           "the file ends",
		`[{"a": 1}, `:                       "the file ends",
		`"text"`:                            "want an object",
		`7`:                                 "want an object",
		"{\"a\": 1}\nnone":                  "2:2: invalid character 'o'",
		strings.Repeat(`{"a": `, 40):        "the file ends",
		`{"log_history": [{"a": 1}`:         "the file ends",
		`{"log_history": [{"a": 1}; 2], 3}`: "1:26: invalid character ';'",
	} {
		if _, err := ReadDocument([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s…", text, err, want)
		}
	}
}

// A document that is cut short is never taken for a whole one.
func FuzzReadDocument(f *testing.F) {
	for _, s := range []string{`{"a": 1, "b": [1, NaN]}`, `[{"a": 1}]`, `{"log_history": [{"step": 1, "a": 2}]}`, "{\"a\":1}\n{\"a\":2}", `{"":[1]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ReadDocument(b)
		for _, s := range append(d.Rows, d.Values) {
			for _, v := range s.Values {
				if v.Name == "" || len(v.Name) > maxName {
					t.Errorf("%q: got the name %q", b, v.Name)
				}
			}
		}
		if err == nil && len(b) > 0 && (b[len(b)-1] == '}' || b[len(b)-1] == ']') {
			if _, err := ReadDocument(b[:len(b)-1]); err == nil && strings.Count(string(b), "}")+strings.Count(string(b), "]") == 1 {
				t.Errorf("%q: got no error without its end", b)
			}
		}
	})
}
