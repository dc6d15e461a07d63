package train

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/runner/train/optim"
	"github.com/trawl-sweep/trawl/sweep"
)

// Hooks connect a run with its surroundings. All are optional.
type Hooks struct {
	// Source is where the data comes from; share one between runs.
	Source *data.Source
	// Report gets the metrics after each epoch; step is the number of epochs
	// done. A resumed run first reports the epochs before its checkpoint again
	// (the last 1,000), since their reports may have been lost with the process.
	Report func(step int64, metrics []sweep.Report)
	// BeforeBatch is called before each mini-batch; its error ends the run.
	BeforeBatch func() error
	// Now gives the time for examples_per_second and Report.At; without it
	// they are left out.
	Now func() time.Time
	// Dir is a folder for the checkpoint, written after each epoch in one
	// atomic step; "" = none.
	Dir string
	// Resume goes on from the checkpoint in Dir, if there is one.
	Resume bool
	// Warn is told of a checkpoint that could not be written, and the run goes
	// on; without it that ends the run.
	Warn func(error)
}

// A Result is how a run ended.
type Result struct {
	Epochs   int    // done, those before a resume included
	Resumed  int    // epochs that the checkpoint held
	Diverged string // why, if it diverged
	Last     []sweep.Report
}

// The metrics of an epoch, in the order of a row. The training figures are
// means over the epoch's mini-batches as they came, the norm is that before
// clipping, the learning rate that of the last mini-batch.
const (
	trainLoss = iota
	trainAccuracy
	valLoss
	valAccuracy
	gradNorm
	learningRate
	examplesPerSecond
	columns
)

var metricNames = [columns]string{
	"train_loss", "train_accuracy", "val_loss", "val_accuracy", "grad_norm", "learning_rate", "examples_per_second",
}

type row [columns]float64

// A run is the state of one training.
type run struct {
	Config
	hooks Hooks

	set        *data.Legacy
	train, val int // examples 0 … train-1 are trained on, the next val validate
	model      *model.Softmax
	w, g       []float64
	rule       *optim.Optimizer[float64]
	rate       optim.Schedule
	order      []int

	epoch   int   // epochs done
	step    int64 // mini-batches done
	history []row // of the epochs done, the last maxHistory
}

// Run trains until the epochs of c are done, the loss diverges, which is a
// Result and no error, or ctx is cancelled: its cause is the error. The error
// wraps ErrCheckpoint if Resume found a checkpoint that it cannot go on from.
func Run(ctx context.Context, c Config, hooks Hooks) (Result, error) {
	r, err := newRun(c, hooks)
	if err != nil {
		return Result{}, err
	}
	res := Result{}
	if hooks.Resume && hooks.Dir != "" {
		if err := r.resume(); err != nil {
			return res, err
		}
		res.Resumed = r.epoch
		for i := range r.history {
			res.Last = r.report(r.epoch-len(r.history)+1+i, r.history[i])
		}
	}
	for r.epoch < c.Epochs {
		m, diverged, err := r.runEpoch(ctx)
		if err != nil {
			return res, err
		}
		if diverged != "" {
			res.Last = r.report(r.epoch+1, m)
			res.Epochs, res.Diverged = r.epoch, fmt.Sprintf("epoch %d: %s", r.epoch+1, diverged)
			return res, nil
		}
		r.epoch++
		r.history = append(r.history[max(0, len(r.history)-maxHistory+1):], m)
		if err := r.save(); err != nil && hooks.Warn != nil {
			hooks.Warn(err)
		} else if err != nil {
			return res, err
		}
		res.Last = r.report(r.epoch, m)
	}
	res.Epochs = r.epoch
	return res, nil
}

func newRun(c Config, hooks Hooks) (*run, error) {
	if c.Epochs < 1 || c.BatchSize < 1 || !(c.LR > 0) {
		return nil, fmt.Errorf("epochs %d, batch_size %d, lr %v: want all above 0", c.Epochs, c.BatchSize, c.LR)
	}
	source := hooks.Source
	if source == nil {
		source = &data.Source{}
	}
	set, err := source.Load(c.Data)
	if err != nil {
		return nil, err
	}
	r := &run{Config: c, hooks: hooks, set: set}
	if r.train, r.val, err = c.Split.counts(set.Len(), set.Train); err != nil {
		return nil, err
	}
	r.model = model.NewSoftmax(set.Features, set.Classes)
	r.w, r.g = make([]float64, r.model.Len()), make([]float64, r.model.Len())
	r.rule = optim.New[float64](optim.Rule{Momentum: c.Momentum, Velocity: c.Velocity, WeightDecay: c.WeightDecay}, r.model.Len())
	r.rate = optim.Schedule{Eta0: c.LR, Alpha: c.Decay}
	r.order = make([]int, r.train)
	return r, nil
}

// runEpoch trains one epoch and returns its metrics, with the reason if it
// diverged; the metrics are then of the part that was done.
func (r *run) runEpoch(ctx context.Context) (m row, diverged string, err error) {
	r.shuffle()
	began := r.now()
	batches, seen, right := 0, 0, 0
	for seen < r.train && diverged == "" {
		if err := r.mayGoOn(ctx); err != nil {
			return m, "", err
		}
		batch := r.order[seen:min(seen+r.BatchSize, r.train)]
		loss, ok, norm := r.gradient(batch)
		batches, seen, right = batches+1, seen+len(batch), right+ok
		m[trainLoss] += float64(loss * float64(len(batch)))
		m[gradNorm] += norm
		m[learningRate] = r.learningRate()
		if diverged = r.diverged("train_loss", loss, norm); diverged == "" {
			r.rule.Step(r.w, r.g, m[learningRate])
			r.step++
		}
	}
	m[examplesPerSecond] = math.NaN()
	if took := r.now().Sub(began); took > 0 {
		m[examplesPerSecond] = float64(seen) / took.Seconds()
	}
	m[trainLoss] /= float64(seen)
	m[trainAccuracy] = float64(right) / float64(seen)
	m[gradNorm] /= float64(batches)
	m[valLoss], m[valAccuracy] = r.validate()
	if diverged == "" {
		diverged = r.diverged("val_loss", m[valLoss], 0)
	}
	return m, diverged, nil
}

// learningRate is η at the next mini-batch.
func (r *run) learningRate() float64 {
	if r.DecayPerStep {
		return r.rate.At(r.step)
	}
	return r.rate.At(int64(r.epoch))
}

// gradient sets r.g to the clipped gradient of the mean loss of the batch, and
// returns that loss, how many were classified right and the norm before.
func (r *run) gradient(batch []int) (loss float64, right int, norm float64) {
	clear(r.g)
	scale := 1 / float64(len(batch))
	for _, i := range batch {
		l, ok := r.model.Gradient(r.w, r.g, r.set.Example(i), r.set.Label(i), scale)
		loss += l
		if ok {
			right++
		}
	}
	return loss / float64(len(batch)), right, optim.ClipNorm(r.g, r.ClipNorm)
}

func (r *run) validate() (loss, accuracy float64) {
	right := 0
	for i := r.train; i < r.train+r.val; i++ {
		l, ok := r.model.Loss(r.w, r.set.Example(i), r.set.Label(i))
		loss += l
		if ok {
			right++
		}
	}
	return loss / float64(r.val), float64(right) / float64(r.val)
}

// diverged says why a loss or norm ends the run, "" if it does not.
func (r *run) diverged(name string, loss, norm float64) string {
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

// shuffle sets r.order to the order of this epoch, a function of the seed and
// the epoch alone: so a checkpoint needs no state of a generator.
func (r *run) shuffle() {
	for i := range r.order {
		r.order[i] = i
	}
	src := rand.NewPCG(uint64(r.Seed), uint64(r.epoch)+0x9e3779b97f4a7c15)
	for i := len(r.order) - 1; i > 0; i-- {
		// Fisher and Yates, with the multiplication of Lemire 2019 (its bias is
		// below 2⁻⁴⁰ here); rand.Shuffle may change with the Go version.
		j, _ := bits.Mul64(src.Uint64(), uint64(i+1))
		r.order[i], r.order[j] = r.order[j], r.order[i]
	}
}

func (r *run) mayGoOn(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if r.hooks.BeforeBatch != nil {
		return r.hooks.BeforeBatch()
	}
	return nil
}

func (r *run) now() time.Time {
	if r.hooks.Now == nil {
		return time.Time{}
	}
	return r.hooks.Now()
}

// report hands the metrics of an epoch out and returns them.
func (r *run) report(epoch int, m row) []sweep.Report {
	var at int64
	if r.hooks.Now != nil {
		at = r.hooks.Now().UnixMicro()
	}
	list := make([]sweep.Report, 0, columns)
	for i, v := range m {
		if i == examplesPerSecond && math.IsNaN(v) {
			continue // there is no clock
		}
		list = append(list, sweep.Report{Name: metricNames[i], Step: int64(epoch), Value: v, At: at})
	}
	if r.hooks.Report != nil {
		r.hooks.Report(int64(epoch), list)
	}
	return list
}
