package guess

import (
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

// The metric of what programs report and print, and what reads it.
func TestFindMetric(t *testing.T) {
	tests := []struct {
		name    string
		reports string
		output  string
		want    string // name, ↑ or ↓, pattern; ~ before a pattern: guessed, and what it reads from the output
	}{
		{"JSON lines", "train_loss val_loss lr epoch", "", "val_loss ↓"},
		{"accuracy before loss", "val_loss val_acc", "", "val_acc ↑"},
		{"held out before training", "train/accuracy valid/loss", "", "valid/loss ↓"},
		{"test", "loss test_accuracy", "", "test_accuracy ↑"},
		{"camel case", "trainLoss valLoss", "", "valLoss ↓"},
		{"one of no known name", "", "alpha=3\n", "alpha ↓ key=value"},
		{"bookkeeping only", "epoch lr time", "", ""},
		{"key=value", "", "epoch=1 loss=0.5 acc=91%\n", "acc ↑ key=value"},
		{"xgboost", "", "[0]\ttrain-rmse:0.5\teval-rmse:0.6\n[1]\ttrain-rmse:0.4\teval-rmse:0.5\n", "eval-rmse ↓ xgboost"},
		{"lightning", "", "Epoch 0: 100%|####| 10/10 [00:01<00:00, 9.0it/s, v_num=0, train_loss=0.5, val_loss=0.4]\n", "val_loss ↓ pytorch-lightning"},
		{"sklearn", "", "Iteration 1, loss = 0.5\nValidation score: 0.9\n", "validation_score ↑ sklearn"},
		{"counts of PyTorch's example", "", "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.300\nTrain Epoch: 1 [640/60000 (1%)]\tLoss: 1.900\n\nTest set: Average loss: 0.2050, Accuracy: 9385/10000 (94%)\n", "~Accuracy=9385.0"},
		{"words", "", "Epoch 1/3: train loss 0.9 val loss 0.61 took 3s\nEpoch 2/3: train loss 0.8 val loss 0.52 took 3s\n", "~val loss=0.52"},
		{"language model", "", "| end of epoch   1 | time:  3.1s | valid loss  5.41 | valid ppl   223.6\n", "~valid ppl=223.6"},
		{"libsvm", "", "optimization finished, #iter = 162\nCross Validation Accuracy = 82.5%\n", "Accuracy ↑ key=value"},
		{"carriage returns", "", "step 1 loss 0.5\rstep 2 loss 0.25\r\n", "~loss=0.25"},
		{"keras", "", "Epoch 1/2\n10/10 [====] - 1s 5ms/step - loss: 0.5 - accuracy: 0.7 - val_loss: 0.4 - val_accuracy: 0.88\n", "~val_accuracy=0.88"},
		{"Hugging Face's trainer", "", "{'loss': 0.5, 'learning_rate': 5e-05, 'epoch': 1.0}\n{'eval_loss': 0.4, 'eval_accuracy': 0.9, 'eval_runtime': 1.2, 'epoch': 1.0}\n", "~eval_accuracy=0.9"},
		{"ImageNet", "", "Epoch: [0][10/99]\tTime 0.1 (0.2)\tLoss 2.3e+00 (2.5e+00)\tAcc@1  10.00 (  9.00)\n *   Acc@1 70.125 Acc@5 89.000\n", "~Acc@1=70.125"},
		{"a table", "", "epoch     train_loss  valid_loss  accuracy  time\n0         0.9         0.8         0.71      00:02\n1         0.7         0.6         0.75      00:02\n", "~valid_loss=0.6"},
		{"skorch", "", "  epoch    train_loss    valid_loss     dur\n-------  ------------  ------------  ------\n      1        0.7111        0.6900  0.0304\n      2        0.6928        0.6800  0.0204\n", "~valid_loss=0.68"},
		{"tqdm", "", " 50%|##   | 1/2 [00:01<00:01, loss=0.5]\r100%|#####| 2/2 [00:02<00:00, loss=0.25]\n", "loss ↓ key=value"},
		{"logging", "", "2024-01-01 10:00:00,123 INFO epoch 1 validation error 0.31\n", "~validation error=0.31"},
		{"gradient boosting", "", "[1]\ttraining's l2: 0.5\tvalid_1's l2: 0.6\n", "valid_1's l2 ↓ xgboost"},
		{"catboost", "", "0:\tlearn: 0.68\ttest: 0.67\tbest: 0.67 (0)\ttotal: 50ms\n", ""},
		{"prose", "", "Loading 3 files\nDone in 2.5 seconds\n", ""},
		{"nothing", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := FindMetric(strings.Fields(tt.reports), tt.output)
			got := ""
			if ok {
				got = m.Name + map[bool]string{true: " ↑", false: " ↓"}[m.Maximize]
				if m.Pattern != "" {
					got += " " + m.Pattern
				}
			}
			if want, guessed := strings.CutPrefix(tt.want, "~"); guessed {
				label, value, _ := strings.Cut(want, "=")
				if m.Name != groupName(label) || last(t, m, tt.output) != value {
					t.Errorf("got %s, which reads %s; want %s", got, last(t, m, tt.output), want)
				}
			} else if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// last is the last value of a metric in an output.
func last(t *testing.T, m Metric, output string) string {
	t.Helper()
	p, err := metric.New([]string{m.Pattern})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for l := range strings.FieldsFuncSeq(output, func(r rune) bool { return r == '\n' || r == '\r' }) {
		p.Line([]byte(l), 0, func(r sweep.Report) {
			if r.Name == m.Name {
				got = strings.TrimSpace(sweep.FloatValue(r.Value).Python())
			}
		})
	}
	return got
}
