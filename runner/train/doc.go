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
// Figures of classes are cross-entropy in nats, accuracy, the accuracy of the 5
// largest outputs and macro-F1; of numbers ½(z−y)², its root without the ½, the
// mean absolute error and R². metricNames says what each means.
//
// Sources: Goodfellow, Bengio and Courville, Deep Learning, 2016, chapters 6 to
// 8, for the whole; the packages below it name those of each part. Departures:
// val_loss leaves label smoothing and penalties out, so that trials that differ
// in them can be compared; macro-F1 and R² treat the cases without a quotient as
// scikit-learn 1.2 does.
package train
