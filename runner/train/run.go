package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/trawl-sweep/trawl/runner/train/ckpt"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/model"
	"github.com/trawl-sweep/trawl/runner/train/optim"
	"github.com/trawl-sweep/trawl/sweep"
)

// Hooks connect a run with its surroundings. All are optional.
type Hooks struct {
	// Source is where the data comes from; share one between runs.
	Source *data.Source
	// Report gets the metrics of the package comment after each epoch, or each
	// Config.ReportEvery mini-batches; step is the number of epochs or
	// mini-batches done. A run that begins from a checkpoint reports the
	// validation of step 0 first. A resumed run first reports what came before
	// its checkpoint again (the last 1,000), since it may have been lost with
	// the process.
	Report func(step int64, metrics []sweep.Report)
	// BeforeBatch is called before each mini-batch, and each 256 examples of a
	// larger one or of an evaluation; its error ends the run.
	BeforeBatch func() error
	// Now gives the time for examples_per_second and Report.At; without it
	// they are left out.
	Now func() time.Time
	// Dir is a folder for the checkpoints, written at each report in one atomic
	// step; "" = none.
	Dir string
	// Resume goes on from the last checkpoint in Dir, if there is one.
	Resume bool
	// Warn is told of a checkpoint that could not be written, and the run goes
	// on; without it that ends the run.
	Warn func(error)
	// Say is told what deserves a word: how a checkpoint's tensors were taken,
	// and what is odd about the data.
	Say func(string)
	// Find returns the path of the checkpoint that init_from names; without it
	// the name is a path, looked for as data is.
	Find func(name string) (path string, err error)

	whole bool // init_from must fit to the last layer: it is evaluated
}

// A Result is how a run ended.
type Result struct {
	Epochs   int    // done, those before a resume included
	Steps    int64  // mini-batches done
	Resumed  int    // epochs that the checkpoint held
	Diverged string // why, if it diverged
	Best     int64  // step of the report with the least val_loss; that of the last one without validation
	// Weights is the SHA-256 of the weights' bytes, in hexadecimal: layer after
	// layer W, row by row, then b, little-endian.
	Weights string
	Last    []sweep.Report // of the last step; those of the test part are not among them
}

// chunk is the most examples that are computed at once, fewer where they are
// wide: what a mini-batch of more takes in memory does not grow with it.
const (
	maxChunk  = 256
	minChunk  = 16
	chunkSize = 1 << 20 // numbers
)

// A run is the state of one training.
type run[T model.Float] struct {
	Config
	hooks Hooks

	set   *data.Set
	feed  *feed[T]
	net   *model.Net[T]
	eval  *evaluator[T]
	w, g  []T
	opt   *optim.Optimizer[T] // of the parameters that learn
	rate  optim.Schedule
	names []string

	batch           int   // examples per mini-batch
	perEpoch, total int64 // mini-batches
	order           []int32
	ordered         int64 // the epoch that order is of, -1: none
	label           []int32
	target          []T
	pruned          []int64 // weights that stay 0

	step    int64 // mini-batches done
	history []row // the last maxHistory
	best    best[T]
}

// Run trains until the epochs of c are done, the loss diverges, which is a
// Result and no error, or ctx is cancelled: its cause is the error. The error
// wraps ErrCheckpoint if Resume found a checkpoint that it cannot go on from.
func Run(ctx context.Context, c Config, hooks Hooks) (Result, error) {
	if c.Float64 {
		return start[float64](ctx, c, hooks)
	}
	return start[float32](ctx, c, hooks)
}

func start[T model.Float](ctx context.Context, c Config, hooks Hooks) (Result, error) {
	res := Result{}
	last, err := lastCheckpoint(hooks)
	if err != nil {
		return res, err
	}
	r, err := newRun[T](c, hooks, last)
	if err != nil {
		return res, err
	}
	if last != nil {
		if err := r.resume(*last); err != nil {
			return res, err
		}
		res.Resumed = int(r.step / r.perEpoch)
		for _, m := range r.history {
			res.Last = r.report(m)
		}
	}
	if c.InitFrom != "" && len(r.history) == 0 {
		if res.Last, err = r.begin(ctx); err != nil {
			return res, err
		}
	}
	return r.train(ctx, res)
}

// train runs what is left.
func (r *run[T]) train(ctx context.Context, res Result) (Result, error) {
	for r.step < r.total && res.Diverged == "" {
		m, diverged, err := r.period(ctx)
		if err == nil {
			err = r.deliver(m, diverged, &res)
		}
		if err != nil {
			return res, err
		}
	}
	if res.Diverged != "" {
		return r.ended(res), nil
	}
	return r.ended(res), r.test(ctx)
}

// deliver keeps and reports the metrics of a period, or only reports those of one
// that diverged.
func (r *run[T]) deliver(m row, diverged string, res *Result) error {
	if diverged != "" {
		res.Diverged = fmt.Sprintf("%s %d: %s", r.unit(), int64(m[0]), diverged)
	} else if err := r.keep(m); err != nil {
		return err
	}
	res.Last = r.report(m)
	return nil
}

func (r *run[T]) ended(res Result) Result {
	res.Epochs, res.Steps, res.Weights, res.Best = int(r.step/r.perEpoch), r.step, weightsHash(r.w), r.best.step
	return res
}

// unit is what the steps of reports count.
func (r *run[T]) unit() string {
	if r.ReportEvery > 0 {
		return "step"
	}
	return "epoch"
}

// begin evaluates the loaded weights as step 0.
func (r *run[T]) begin(ctx context.Context) ([]sweep.Report, error) {
	if len(r.set.Val) == 0 {
		return nil, nil
	}
	m := make(row, 1+len(r.names))
	if err := r.validate(ctx, m); err != nil {
		return nil, err
	}
	if err := r.keep(m); err != nil {
		return nil, err
	}
	return r.report(m), nil
}

// newRun returns a run of c at its beginning. If it is to go on from the
// checkpoint last, that is where it takes from what c leaves to init_from.
func newRun[T model.Float](c Config, hooks Hooks, last *ckpt.File) (*run[T], error) {
	return newRunBeside[T](c, hooks, last, nil)
}

// newRunBeside is newRun with the data and the scratch space of another run, if
// there is one: of the two only one computes at a time.
func newRunBeside[T model.Float](c Config, hooks Hooks, last *ckpt.File, other *run[T]) (*run[T], error) {
	if c.Epochs < 1 || c.BatchSize < 0 || c.LR < 0 {
		return nil, fmt.Errorf("epochs %d, batch_size %d, lr %v: want all above 0", c.Epochs, c.BatchSize, c.LR)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if hooks.Source == nil {
		hooks.Source = &data.Source{}
	}
	origin := last
	path := ""
	if last == nil && c.InitFrom != "" {
		var err error
		if path, origin, err = c.load(hooks); err != nil {
			return nil, err
		}
	}
	if origin != nil && c.InitFrom != "" {
		c.adopt(*origin)
	}
	r := &run[T]{Config: c, hooks: hooks, ordered: -1}
	if err := r.open(other); err != nil {
		return nil, err
	}
	set, spec := r.set, r.net.Spec
	r.eval = newEvaluator(r.net, r.feed, r.mayGoOn)
	r.names = metricNames(set.Classes, len(set.Val) > 0)
	r.w, r.g = make([]T, r.net.Len()), make([]T, r.net.Len())
	r.opt = optim.New[T](c.rule(), r.net.Len()-r.net.FrozenLen())
	r.rate = c.schedule(r.total, r.perEpoch)
	r.best = best[T]{step: -1, loss: math.Inf(1)}
	for i := range r.net.Layers {
		model.Initialise(spec, r.w, i, c.init(spec), c.Seed)
	}
	if path != "" {
		if err := r.take(*origin, path); err != nil {
			return nil, fmt.Errorf("init_from %s: %s: %w", c.InitFrom, path, err)
		}
	}
	for _, w := range set.Warnings {
		r.say(w.Error())
	}
	return r, nil
}

// open opens the data and makes the network; or it takes them from another run.
func (r *run[T]) open(other *run[T]) (err error) {
	if other != nil {
		r.set, r.feed, r.label, r.target, r.order = other.set, other.feed, other.label, other.target, other.order
	} else if r.set, err = r.hooks.Source.Open(r.Data, r.options()); err != nil {
		return err
	}
	if err := r.Augment.Check(r.set); err != nil {
		return err
	}
	spec, err := r.spec(r.set)
	if err == nil {
		err = r.measure()
	}
	if err != nil {
		return err
	}
	if other != nil {
		r.net = other.net.Beside(spec)
		return nil
	}
	rows := min(max(chunkSize/spec.In, minChunk), maxChunk)
	r.net = model.New[T](spec, min(rows, max(r.batch, len(r.set.Val), len(r.set.Test))))
	r.feed = newFeed[T](r.set, r.Augment)
	if r.net.Layers[0].Out >= sparseOut {
		r.feed.chooseSparse()
	}
	r.label, r.target = make([]int32, r.net.Rows()), make([]T, r.net.Rows())
	r.order = make([]int32, len(r.set.Train))
	return nil
}

// measure sets the sizes of mini-batch, epoch and run.
func (r *run[T]) measure() error {
	n := len(r.set.Train)
	switch r.batch = r.BatchSize; {
	case r.Optimizer == "gd":
		r.batch = n
	case r.batch == 0:
		r.batch = min(defaultBatch, n)
	default:
		if err := r.set.CheckBatch(r.batch); err != nil {
			return err
		}
	}
	r.perEpoch = int64((n + r.batch - 1) / r.batch)
	if r.total = int64(r.Epochs) * r.perEpoch; r.Steps > 0 {
		r.total = int64(r.Steps)
	}
	return nil
}

// period trains until the next report and returns its metrics, with the reason
// if it diverged; the metrics are then of the part that was done, without a
// validation.
func (r *run[T]) period(ctx context.Context) (m row, diverged string, err error) {
	t := tally{began: r.now()}
	for {
		if diverged, err = r.batchStep(ctx, &t); err != nil {
			return nil, "", err
		}
		if diverged != "" {
			return r.row(&t, true), diverged, nil
		}
		if r.due() {
			break
		}
	}
	m = r.row(&t, false)
	if err := r.validate(ctx, m); err != nil {
		return nil, "", err
	}
	return m, r.validDiverged(m), nil
}

// row is the metrics of a period, before its validation.
func (r *run[T]) row(t *tally, diverged bool) row {
	n := len(r.names)
	m := make(row, 1+n)
	m[0] = float64(r.reportStep(diverged))
	m[1], m[2] = t.loss/float64(t.examples), float64(t.right)/float64(t.examples)
	if r.set.Classes == 0 {
		m[2] = math.Sqrt(2 * m[1])
	}
	speed := math.NaN()
	if took := r.now().Sub(t.began); took > 0 {
		speed = float64(t.examples) / took.Seconds()
	}
	m[n-2], m[n-1], m[n] = t.norm/float64(t.batches), t.rate, speed
	for i := 3; diverged && i < n-2; i++ {
		m[i] = math.NaN()
	}
	return m
}

// validDiverged says why a validation ends the run, "" if it does not.
func (r *run[T]) validDiverged(m row) string {
	if len(r.set.Val) == 0 {
		return ""
	}
	return r.diverged("val_loss", m[3], 0)
}

// validate fills in the validation of m.
func (r *run[T]) validate(ctx context.Context, m row) error {
	if len(r.set.Val) == 0 {
		return nil
	}
	figures, err := r.eval.part(ctx, r.w, r.set.Val)
	copy(m[3:], figures)
	return err
}

// due tells whether the step that was just made ends a period.
func (r *run[T]) due() bool {
	every := r.perEpoch
	if r.ReportEvery > 0 {
		every = int64(r.ReportEvery)
	}
	return r.step%every == 0 || r.step == r.total
}

// reportStep is the step of a report: mini-batches, or epochs, an unfinished
// one included. A batch that diverged has not been counted as done.
func (r *run[T]) reportStep(diverged bool) int64 {
	step := r.step
	if diverged {
		step++
	}
	if r.ReportEvery > 0 {
		return step
	}
	return (step + r.perEpoch - 1) / r.perEpoch
}

// test reports the figures of the test part for the weights of the chosen
// checkpoint, at its step.
func (r *run[T]) test(ctx context.Context) error {
	if len(r.set.Test) == 0 {
		return nil
	}
	w, step := r.chosen()
	figures, err := r.eval.part(ctx, w, r.set.Test)
	if err == nil {
		r.reportTest(step, figures)
	}
	return err
}

// chosen is the weights and the step that the test part is for.
func (r *run[T]) chosen() (w []T, step int64) {
	if r.best.w == nil {
		return r.w, r.reportStep(false)
	}
	return r.best.w, r.best.step
}

func (r *run[T]) reportTest(step int64, figures []float64) {
	list := make([]sweep.Report, len(figures))
	for i, name := range partNames("test_", r.set.Classes) {
		list[i] = sweep.Report{Name: name, Step: step, Value: figures[i], At: r.clock()}
	}
	if r.hooks.Report != nil {
		r.hooks.Report(step, list)
	}
}

func (r *run[T]) now() time.Time {
	if r.hooks.Now == nil {
		return time.Time{}
	}
	return r.hooks.Now()
}

// clock is the time of a report.
func (r *run[T]) clock() int64 {
	if r.hooks.Now == nil {
		return 0
	}
	return r.hooks.Now().UnixMicro()
}

func (r *run[T]) say(text string) {
	if r.hooks.Say != nil {
		r.hooks.Say(text)
	}
}

// report hands a row out and returns it.
func (r *run[T]) report(m row) []sweep.Report {
	list := reports(r.names, m, r.clock())
	if r.hooks.Report != nil {
		r.hooks.Report(int64(m[0]), list)
	}
	return list
}

// warn passes an error on, or returns it if nobody listens.
func (r *run[T]) warn(err error) error {
	if err != nil && r.hooks.Warn != nil {
		r.hooks.Warn(err)
		return nil
	}
	return err
}
