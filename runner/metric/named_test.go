package metric

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Lines as the programs print them (xgboost 1.7 and 2.0, LightGBM 4.3, Lightning
// 1.9 and 2.2, scikit-learn 1.2).
func TestNamedPatterns(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       []string
	}{
		{"xgboost", "[12]\ttrain-rmse:0.48000\teval-rmse:1.5e-02", []string{"train-rmse 12 0.48", "eval-rmse 12 0.015"}},
		{"xgboost", "[0]\tvalidation_0-logloss:nan", []string{"validation_0-logloss 0 NaN"}},
		{"xgboost", "[14:02:07] [3]\ttest-error:0.016139\ttrain-error:0.014433", []string{"test-error 3 0.016139", "train-error 3 0.014433"}},
		{"xgboost", "[5]\ttrain-auc:0.9+0.01\ttest-auc:0.8+0.02", []string{"train-auc 5 0.9", "test-auc 5 0.8"}},
		{"xgboost", "[5]\tvalid_0's l2: 0.24\tvalid_0's auc: 0.7", []string{"valid_0's l2 5 0.24", "valid_0's auc 5 0.7"}},
		{"xgboost", "[14:02:07] WARNING: src/learner.cc:767: depth: 3", nil},
		{"xgboost", "step [5] loss:3", nil},
		{"key=value", "epoch 3: loss=0.25, acc = 91%; step=7 (lr=1e-3)", []string{"loss 7 0.25", "acc 7 91", "lr 7 0.001"}},
		{"key=value", "n=1,024 left=12.", []string{"n 0 1024", "left 0 12"}},
		{"key=value", "train.py --lr=0.1 at=10:30 v=1.2.3 url=http://a?b=1 a.b/c-d=2", []string{"a.b/c-d 0 2"}},
		{"key=value", "name=value", nil},
		{"pytorch-lightning", "Epoch 3: 100%|██████████| 10/10 [00:01<00:00,  9.1it/s, v_num=0, train_loss=0.500, val/acc=0.91]",
			[]string{"train_loss 3 0.5", "val/acc 3 0.91"}},
		{"pytorch-lightning", "        test_acc            0.9829999804496765     ", []string{"test_acc 0 0.9829999804496765"}},
		{"pytorch-lightning", "│         test_loss         │    0.25    │", []string{"test_loss 0 0.25"}},
		{"pytorch-lightning", "       Test metric             DataLoader 0", nil},
		{"pytorch-lightning", "Sanity Checking DataLoader 0: 100%|███| 2/2 [00:00<00:00, 10it/s]", nil},
		{"sklearn", "Iteration 4, loss = 0.31", []string{"loss 4 0.31"}},
		{"sklearn", "Validation score: 0.875", []string{"validation_score 0 0.875"}},
		{"sklearn", "Norm: 4.5, NNZs: 3, Bias: 0.1, T: 100, Avg. loss: 0.22", []string{"avg_loss 0 0.22"}},
		{"sklearn", "        10           0.6700            5.21m", []string{"train_loss 10 0.67"}},
		{"sklearn", "[CV 2/5] END ................C=1, gamma=0.1;, score=0.933 total time=   0.0s", []string{"score 0 0.933"}},
		{"sklearn", "[CV 2/5] END C=1;, score=(train=0.990, test=0.933) total time=   0.0s", []string{"score 0 0.933"}},
		{"sklearn", "    accuracy                           0.95       100", []string{"accuracy 0 0.95"}},
		{"sklearn", "weighted avg       0.94      0.95      0.93       100", []string{"weighted_f1 0 0.93"}},
		{"sklearn", "         3           0.9475           0.0968            0.01s", []string{"train_loss 3 0.9475"}},
		{"sklearn", "[CV 1/2] END alpha=0.1; accuracy: (test=0.960) f1: (test=0.953) total time=   0.0s", []string{"accuracy 0 0.96", "f1 0 0.953"}},
		{"sklearn", "[CV] END ................................ score: (test=0.960) total time=   0.0s", []string{"score 0 0.96"}},
		{"sklearn", "[CV 1/2] END alpha=0.1; f1: (train=0.98, test=nan) total time=   0.0s", []string{"f1 0 NaN"}},
		{"fasttext", "Progress: 100.0% words/sec/thread:    9960 lr:  0.000000 avg.loss:  0.136587 ETA:   0h 0m 0s", []string{"lr 100 0", "loss 100 0.136587"}},
		{"fasttext", "Progress:   3.5%  words/sec/thread: 12  lr: 0.05  loss: 2.5  eta: 0h0m", []string{"lr 3 0.05", "loss 3 2.5"}},
		{"fasttext", "P@1\t0.98", []string{"P@1 0 0.98"}},
		{"fasttext", "R@5: 1.000", nil},
		{"fasttext", "Read 0M words", nil},
		{"libsvm", "Cross Validation Accuracy = 97.5%", []string{"cv_accuracy 0 97.5"}},
		{"libsvm", "Accuracy = 98.5% (197/200) (classification)", []string{"accuracy 0 98.5"}},
		{"libsvm", "Mean squared error = 0.790048 (regression)", []string{"mse 0 0.790048"}},
		{"libsvm", "Cross Validation Squared correlation coefficient = 0.00340127", []string{"cv_r2 0 0.00340127"}},
		{"libsvm", "Cross Validation Mean squared error = 1.12823", []string{"cv_mse 0 1.12823"}},
		{"libsvm", "obj = -98.520110, rho = -0.024795", []string{"obj 0 -98.52011"}},
		{"liblinear", "Objective value = -15.458598", []string{"obj 0 -15.458598"}},
		{"liblinear", "Best C = 32  CV accuracy = 98.5%", []string{"best_c 0 32", "cv_accuracy 0 98.5"}},
		{"liblinear", "Best C = 0.000976562  CV rate = 96%", []string{"best_c 0 0.000976562", "cv_accuracy 0 96"}},
		{"catboost", "3:\tlearn: 0.6152\ttest: 0.63\tbest: 0.62 (2)\ttotal: 1.5ms\tremaining: 2s", []string{"learn 3 0.6152", "test 3 0.63", "best 3 0.62"}},
		{"catboost", "0:\ttotal: 47.5ms\tremaining: 0us", nil},
		{"transformers", "{'loss': 0.7, 'grad_norm': 1.25, 'learning_rate': 5e-05, 'epoch': 1.0}", []string{"loss 0 0.7", "grad_norm 0 1.25", "learning_rate 0 5e-05", "epoch 0 1"}},
		{"transformers", "{'eval_loss': '0.41', 'eval_runtime': 'nan', 'epoch': '2'}", []string{"eval_loss 0 0.41", "eval_runtime 0 NaN", "epoch 0 2"}},
		{"transformers", " 33%|███▎      | 1/3 [00:00<00:00, 5.1it/s]{'loss': 0.7, 'note': 'x'}", []string{"loss 0 0.7"}},
		{"transformers", "{'train': {'loss': 1}}", nil},
		{"number", " 0.875 ", []string{"number 0 0.875"}},
		{"number:val/loss", "83%", []string{"val/loss 0 83"}},
		{"number", "1,024", []string{"number 0 1024"}},
		{"number", "-inf", []string{"number 0 -Inf"}},
		{"number", "loss 3", nil},
		{"number", "", nil},
		{"number", "1.2.3", nil},
		{"key=value", "\x1b[32mloss=\x1b[1m0.25\x1b[0m \x1b]0;title\x07acc=9\b8", []string{"loss 0 0.25", "acc 0 8"}},
	} {
		t.Run(tt.name+"/"+tt.line, func(t *testing.T) {
			p, err := New([]string{tt.name})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			p.Line([]byte(tt.line), 0, func(r sweep.Report) { got = append(got, fmt.Sprintf("%s %d %v", r.Name, r.Step, r.Value)) })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	if got := strings.Join(Names(), " "); got != "catboost fasttext keras key=value liblinear libsvm number pytorch-lightning sklearn transformers xgboost" {
		t.Errorf("got %s", got)
	}
	if _, err := New(Names()); err != nil {
		t.Errorf("all together: %v", err)
	}
	for _, name := range []string{"xgbost", "number:", "number:step", "number:a=b"} {
		if _, err := New([]string{name}); err == nil {
			t.Errorf("%s, a name that is none: got no error", name)
		}
	}
}

func FuzzNamed(f *testing.F) {
	for _, s := range []string{"[1]\ta:2", "a=1, b=2%", "Epoch 1: 1/2 [a=3]", "│ a │ 1 │", "Iteration 1, loss = 2"} {
		f.Add([]byte(s))
	}
	f.Add([]byte("\x1b[1m2/2\x1b[0m \b\b - a: 1\x1b"))
	p, err := New(Names())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		p.Line(line, 0, func(r sweep.Report) {
			if r.Name == "" || len(r.Name) > maxName || r.Step < 0 {
				t.Errorf("%q: got %+v", line, r)
			}
		})
	})
}
