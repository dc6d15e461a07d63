// Package train is the built-in trainer: linear and softmax regression and
// multilayer perceptrons, by gradient descent in all its common forms, from
// scratch or from an existing model.
//
// A run is a function of its Config and the data. The same bits come out
// whatever runs beside it, with whatever instructions the processor has, and
// whether or not it was interrupted and resumed on the way. So there are no
// goroutines inside a run, sums have a fixed order, and whatever is random is
// counted from the seed, the epoch and the step and not drawn from a generator
// with a state.
//
//	Config ── NewConfig ←─ keys of `trainer:`, flags of `trawl train`
//	Run: data.Set ─ feed ─→ model.Net ─ gradient ─→ clip ─→ optim.Optimizer ─→ weights
//	     at each report: evaluator ─→ metrics, last and best checkpoint
//
// A mini-batch is computed in parts of at most 256 examples, each a chain of
// operations that goes on from the one before: memory does not grow with it, and
// batch gradient descent is a mini-batch of all examples.
//
// Runs of models without hidden layers that share data, first weights and the
// order of the examples can be trained in lock-step (RunGroup): the weights of all
// stand side by side in one product, in which each element is the chain of
// operations that it is alone. Each keeps its own optimizer, metrics, checkpoints
// and end, and its bits.
//
// # Metrics
//
// With z the outputs of an example, y what was to be predicted, and p =
// softmax(z), each over the n examples of a part of the data:
//
//	loss            classes: −Σ log p_y / n, in nats; numbers: ½Σ(z−y)²/n, in squares of y's unit
//	accuracy        part of them whose largest z is that of y, the first of equals
//	top5_accuracy   part of them with y among the 5 largest, for more than 5 classes
//	macro_f1        mean over classes of 2TP/(2TP+FP+FN); those that neither occur nor are guessed left out
//	rmse, mae       √(Σ(z−y)²/n), Σ|z−y|/n, in y's unit
//	r2              1 − Σ(z−y)²/Σ(y−ȳ)²; where all y are equal 1 if all z are right, else 0
//
// as val_* and test_*. train_loss with train_accuracy or train_rmse are means over
// the mini-batches since the last report as they came, dropout and smoothing
// included, penalties not; grad_norm is the mean Euclidean norm of a mini-batch's
// gradient, penalties included, before clipping; learning_rate is η of the last
// mini-batch; examples_per_second counts training examples.
//
// Sources: Goodfellow, Bengio and Courville, Deep Learning, 2016, chapters 6 to
// 8, for the whole; the packages below it name those of each part. Departures:
// val_loss leaves label smoothing and penalties out, so that trials that differ
// in them can be compared; macro-F1 and R² treat the cases without a quotient as
// scikit-learn 1.2 does.
package train
