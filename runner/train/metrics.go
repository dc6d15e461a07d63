package train

import (
	"context"
	"math"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/kernel"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/sweep"
)

// topK is the k of top-k accuracy, reported where there are more classes.
const topK = 5

// A row is the metrics of one report: its step, then a number per name.
type row []float64

// metricNames returns the names of a row's numbers; the package comment says what
// each means.
func metricNames(classes int, val bool) []string {
	names := []string{"train_loss", "train_accuracy"}
	if classes == 0 {
		names[1] = "train_rmse"
	}
	if val {
		names = append(names, partNames("val_", classes)...)
	}
	return append(names, "grad_norm", "learning_rate", "examples_per_second")
}

// partNames returns the names of the figures of a part of the data.
func partNames(prefix string, classes int) []string {
	names := []string{"loss", "accuracy", "macro_f1"}
	switch {
	case classes == 0:
		names = []string{"loss", "rmse", "mae", "r2"}
	case classes > topK:
		names = append(names, "top5_accuracy")
	}
	for i, n := range names {
		names[i] = prefix + n
	}
	return names
}

// An evaluator computes the figures of parts of the data. Each is a function of
// weights and part alone, whatever the size of the mini-batches.
type evaluator[T model.Float] struct {
	net    *model.Net[T]
	feed   *feed[T]
	goOn   func(context.Context) error // asked before each batch
	label  []int32
	target []T
	loss   []float64
	score  score
}

// A score is what a model's outputs have been so far.
type score struct {
	totals
	hits []classHits // per class; none for numbers
	out  []float64
}

func newScore(classes int) score {
	return score{hits: make([]classHits, classes), out: make([]float64, 0, 4)}
}

// classHits counts what a class has to do with guesses.
type classHits struct{ is, guessed, right int }

func newEvaluator[T model.Float](net *model.Net[T], f *feed[T], goOn func(context.Context) error) *evaluator[T] {
	n := net.Rows()
	return &evaluator[T]{net: net, feed: f, goOn: goOn, label: make([]int32, n), target: make([]T, n), loss: make([]float64, n),
		score: newScore(f.set.Classes)}
}

// part returns the figures of partNames for the examples called rows, until the
// next call.
func (e *evaluator[T]) part(ctx context.Context, w []T, rows []int32) ([]float64, error) {
	e.score.begin(e.feed.set, rows)
	for len(rows) > 0 {
		if err := e.goOn(ctx); err != nil {
			return nil, err
		}
		batch, x := e.batch(&rows)
		e.add(&e.score, e.net.Forward(w, len(batch), x), len(batch))
	}
	return e.score.figures(), nil
}

// batch takes as many of rows as are computed at once and makes them the input;
// or x, if that is not nil.
func (e *evaluator[T]) batch(rows *[]int32) (batch []int32, x *kernel.Sparse[T]) {
	batch = (*rows)[:min(len(*rows), e.net.Rows())]
	*rows = (*rows)[len(batch):]
	x = e.feed.input(e.net.Input(), batch)
	e.feed.outcomes(e.label, e.target, batch)
	return batch, x
}

// add adds the outputs z for the batch of n examples; it changes them.
func (e *evaluator[T]) add(s *score, z []T, n int) {
	if len(s.hits) > 0 {
		e.classes(z, n, s)
		return
	}
	for i, y := range e.target[:n] {
		s.number(float64(z[i]), float64(y))
	}
}

// begin makes s that of no outputs yet, for the examples called rows.
func (s *score) begin(set *data.Set, rows []int32) {
	clear(s.hits)
	s.totals = totals{n: float64(len(rows))}
	if set.Classes > 0 {
		return
	}
	for _, r := range rows {
		s.mean += set.Target(r)
	}
	s.mean /= s.n
}

// figures are those of partNames, until the next call.
func (s *score) figures() []float64 {
	if len(s.hits) == 0 {
		s.out = append(s.out[:0], s.squares/s.n/2, math.Sqrt(s.squares/s.n), s.sizes/s.n, s.r2())
		return s.out
	}
	s.out = append(s.out[:0], s.loss/s.n, s.right/s.n, macroF1(s.hits))
	if len(s.hits) > topK {
		s.out = append(s.out, s.top/s.n)
	}
	return s.out
}

// totals are sums over examples.
type totals struct {
	n, loss, right, top          float64
	mean, squares, sizes, spread float64
}

// number adds a guess z of y.
func (t *totals) number(z, y float64) {
	d, s := z-y, y-t.mean
	t.squares += float64(d * d)
	t.sizes += math.Abs(d)
	t.spread += float64(s * s)
}

func (t *totals) r2() float64 {
	switch {
	case t.spread > 0:
		return 1 - t.squares/t.spread
	case t.squares == 0:
		return 1
	}
	return 0
}

// classes adds rows of outputs; it changes them.
func (e *evaluator[T]) classes(z []T, rows int, s *score) {
	c := len(s.hits)
	for i, y := range e.label[:rows] {
		out := z[i*c:][:c]
		guess, above := 0, 0
		for k, v := range out {
			if v > out[guess] {
				guess = k
			}
			if v > out[y] || v == out[y] && k < int(y) || v != v {
				above++
			}
		}
		if above < topK && out[y] == out[y] {
			s.top++
		}
		s.hits[y].is++
		s.hits[guess].guessed++
		if guess == int(y) {
			s.hits[y].right++
		}
	}
	right := kernel.SoftmaxLoss(z, c, rows, c, e.label, 0, e.loss)
	s.right += float64(right)
	for _, l := range e.loss[:rows] {
		s.loss += l
	}
}

func macroF1(hits []classHits) float64 {
	sum, n := 0.0, 0
	for _, h := range hits {
		if h.is+h.guessed > 0 {
			sum, n = sum+2*float64(h.right)/float64(h.is+h.guessed), n+1
		}
	}
	return sum / float64(n)
}

// reports are the numbers of m by name; what is not known of a report is NaN in
// examples_per_second, and left out at step 0 but for the validation.
func reports(names []string, m row, at int64) []sweep.Report {
	list := make([]sweep.Report, 0, len(names))
	for i, name := range names {
		v := m[1+i]
		if name == "examples_per_second" && math.IsNaN(v) || m[0] == 0 && name[:4] != "val_" {
			continue // there is no clock; nothing was trained
		}
		list = append(list, sweep.Report{Name: name, Step: int64(m[0]), Value: v, At: at})
	}
	return list
}
