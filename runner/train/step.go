package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/trawl-sweep/trawl/runner/train/kernel"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/runner/train/optim"
	"github.com/trawl-sweep/trawl/sweep"
)

// A tally is what was seen since the last report.
type tally struct {
	batches, examples, right int
	loss, norm               float64
	rate                     float64 // of the last mini-batch
	began                    time.Time
}

// batchStep trains on one mini-batch, and tells why if it diverged; the weights
// are then those before.
func (r *run[T]) batchStep(ctx context.Context, t *tally) (diverged string, err error) {
	rows, epoch := r.next()
	loss, right, err := r.gradient(ctx, rows, epoch)
	if err != nil {
		return "", err
	}
	return r.descend(len(rows), loss, right, t), nil
}

// next returns the examples of the mini-batch that is to be made, and its epoch.
func (r *run[T]) next() (rows []int32, epoch int64) {
	epoch, at := r.step/r.perEpoch, int(r.step%r.perEpoch)*r.batch
	if epoch != r.ordered {
		shuffle(r.order, r.set.Train, r.Seed, epoch)
		r.ordered = epoch
	}
	return r.order[at:min(at+r.batch, len(r.order))], epoch
}

// descend makes the step of a mini-batch of n examples, from its gradient r.g, the
// sum of the losses and how many were right; it tells why if it diverged.
func (r *run[T]) descend(n int, loss float64, right int, t *tally) (diverged string) {
	t.rate = r.rate.At(r.step)
	g, w := r.g[r.net.FrozenLen():], r.w[r.net.FrozenLen():]
	norm := math.Sqrt(kernel.SumSquares(g))
	if norm == 0 || math.IsInf(norm, 0) {
		norm = optim.Norm(g) // with a scale, where squares vanish or overflow
	}
	t.batches, t.examples, t.right = t.batches+1, t.examples+n, t.right+right
	t.loss += loss
	t.norm += norm
	if diverged = r.diverged("train_loss", loss/float64(n), norm); diverged != "" {
		return diverged
	}
	clipped := norm
	if r.ClipValue > 0 {
		optim.ClipValue(g, r.ClipValue)
		clipped = optim.Norm(g)
	}
	optim.Scale(g, r.ClipNorm, clipped)
	r.opt.Step(w, g, t.rate)
	r.step++
	return ""
}

// gradient sets r.g to the gradient of the mean loss of a mini-batch, penalties
// included, and returns the sum of the losses and how many were right.
func (r *run[T]) gradient(ctx context.Context, rows []int32, epoch int64) (loss float64, right int, err error) {
	b := model.Batch[T]{Label: r.label, Target: r.target, Scale: 1 / T(len(rows)), First: true}
	b.Key = model.BatchKey(r.Seed, epoch, r.step)
	for b.Place < len(rows) {
		if err := r.mayGoOn(ctx); err != nil {
			return 0, 0, err
		}
		part := rows[b.Place:min(b.Place+r.net.Rows(), len(rows))]
		b.Rows = len(part)
		b.X = r.feed.training(r.net.Input(), part, r.Seed, epoch)
		r.feed.outcomes(r.label, r.target, part)
		losses, ok := r.net.Gradient(r.w, r.g, b)
		for _, l := range losses {
			loss += l
		}
		right += ok
		b.First, b.Place = false, b.Place+len(part)
	}
	r.net.Penalty(r.w, r.g)
	for _, i := range r.pruned {
		r.g[i] = 0
	}
	return loss, right, nil
}

// diverged says why a loss or norm ends the run, "" if it does not.
func (r *run[T]) diverged(name string, loss, norm float64) string {
	switch {
	case math.IsNaN(loss) || math.IsInf(loss, 0):
		return fmt.Sprintf("%s is %s", name, sweep.PythonFloat(loss))
	case r.DivergeAbove > 0 && loss > r.DivergeAbove:
		return fmt.Sprintf("%s %.4g is above diverge_above %v", name, loss, r.DivergeAbove)
	case math.IsNaN(norm) || math.IsInf(norm, 0):
		return fmt.Sprintf("grad_norm is %s", sweep.PythonFloat(norm))
	}
	return ""
}

func (r *run[T]) mayGoOn(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.hooks.BeforeBatch != nil {
		return r.hooks.BeforeBatch()
	}
	return nil
}
