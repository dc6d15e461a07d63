package metric

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Keras's output as it goes to a file: lines end at \n and \r.
func TestKeras(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       string
	}{
		{"Keras 2", "Epoch 1/2\n 1/10 [==>...........] - ETA: 1s - loss: 9\b\b\b\r10/10 [======] - 1s 5ms/step - loss: 0.5 - accuracy: 0.75" +
			"\b\b\r10/10 [======] - 1s 5ms/step - loss: 0.5 - accuracy: 0.75 - val_loss: 0.25\nEpoch 2/2\n10/10 [======] - 0s 1ms/step - loss: nan - val_loss: inf\n",
			"loss 1 0.5, accuracy 1 0.75, loss 1 0.5, accuracy 1 0.75, val_loss 1 0.25, loss 2 NaN, val_loss 2 +Inf"},
		{"Keras 3", "Epoch 1/1\n\x1b[1m 1/10\x1b[0m \x1b[37m━━━━\x1b[0m \x1b[1m0s\x1b[0m 30ms/step - loss: 9\n\x1b[1m10/10\x1b[0m \x1b[32m━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m1s\x1b[0m 5ms/step - loss: 0.5 - val_loss: 0.25\n",
			"loss 1 0.5, val_loss 1 0.25"},
		{"verbose 2", "Epoch 1/1\n10/10 - 1s - loss: 0.69 - val_loss: 0.68 - 1s/epoch - 55ms/step\n", "loss 1 0.69, val_loss 1 0.68"},
		{"verbose 2, Keras 3", "Epoch 7/9\n10/10 - 1s - 55ms/step - loss: 1.5e-3\n", "loss 7 0.0015"},
		{"evaluate", "Epoch 1/1\n2/2 [==] - 0s 1ms/step - loss: 1\n1/2 [=.] - ETA: 0s - loss: 7\r2/2 [==] - 0s 1ms/step - loss: 3\n", "loss 1 1, test_loss 0 3"},
		{"evaluate in one batch", "Epoch 1/1\n1/1 [==] - 0s 1ms/step - loss: 1 - val_loss: 2\n1/1 [==] - 0s 1ms/step - loss: 3\n", "loss 1 1, val_loss 1 2, test_loss 0 3"},
		{"evaluate alone", "1/2 [=.] - ETA: 0s - loss: 7\r2/2 [==] - 0s 1ms/step - loss: 3\n", "test_loss 0 3"},
		{"unknown length", "Epoch 1/1\n      9/Unknown - 1s 5ms/step - loss: 2\r9/9 [==] - 1s 5ms/step - loss: 1\n", "loss 1 1"},
		{"predict", "1/1 [==============================] - 0s 55ms/step\n", ""},
		{"no bar", "Epoch 1: loss 3\nEpoch x/3\nratio 1/2 - loss: 3\n", ""},
	} {
		for _, killed := range []bool{false, true} {
			p := parser(t, "keras")
			var got []string
			for line := range strings.FieldsFuncSeq(tt.text, func(r rune) bool { return r == '\n' || r == '\r' }) {
				p.Line([]byte(line), 0, func(r sweep.Report) { got = append(got, fmt.Sprintf("%s %d %v", r.Name, r.Step, r.Value)) })
				if killed && strings.HasPrefix(line, "Epoch") {
					state := p.State()
					p = parser(t, "keras")
					if err := p.Restore(state); err != nil {
						t.Fatal(err)
					}
				}
			}
			if s := strings.Join(got, ", "); s != tt.want {
				t.Errorf("%s, killed %v: got %s, want %s", tt.name, killed, s, tt.want)
			}
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[1;31mred\x1b[0m": "red", "a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "alink", "é\bx": "x", "ab\b\b": "ab", "\b\b": "", "\b\bx": "x", "a\x1b": "a", "a\x1b[": "a", "a\x1b]x": "a", "\x1b(Bb": "Bb", "\x1b[2Kc": "c",
	} {
		if got := string(plain(nil, []byte(in))); got != want && !slices.Equal([]byte(got), []byte(want)) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
