package train

import (
	"context"
	"slices"

	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/runner/train/kernel"
	"github.com/trawl-sweep/trawl/runner/train/model"
)

// A Member is one of several runs that RunGroup trains together.
type Member struct {
	Config Config
	Hooks  Hooks // of this member alone; its Resume, Dir and Report as in Run
}

// MinGroup is the least number of runs that are worth a group: below it they are
// faster apart.
const MinGroup = 4

// GroupKey says which runs can be trained together: those with the same key. They
// have the data with all that is done to it, the order of the examples, the first
// weights and the times of the reports in common; they may differ in the loss's
// penalties and smoothing, the optimizer with all its numbers, clipping, the
// learning rate and its schedule, the length, and what counts as diverged.
//
// Only models without hidden layers that begin from no checkpoint can: ok is
// false for others.
func GroupKey(c Config) (key string, ok bool) {
	if c.InitFrom != "" || len(c.Hidden) > 0 || c.Model == "mlp" {
		return "", false
	}
	k := Config{Data: c.Data, Options: c.Options, Augment: c.Augment, Model: c.Model, Loss: c.Loss, Init: c.Init,
		BatchSize: c.BatchSize, ReportEvery: c.ReportEvery, Float64: c.Float64, Seed: c.Seed}
	if c.Optimizer == "gd" {
		k.Optimizer, k.BatchSize = "gd", 0 // all examples at once
	}
	return k.text(), true
}

// RunGroup trains several runs in lock-step: each mini-batch is read once, and the
// products of all models are one (see model.Wide). The reports, checkpoints and
// weights of each are to the bit those of Run, but for examples_per_second, which
// is the speed at which it got on beside the others.
//
// A member leaves at its own end, when it diverges, or when its Hooks.BeforeBatch
// has an error; the others go on. ended is called as each leaves, with what Run
// would have returned. A member that resumes from a checkpoint runs by itself
// after the others. A cancelled ctx ends all.
//
// It panics if the members' GroupKeys differ.
func RunGroup(ctx context.Context, members []Member, ended func(i int, res Result, err error)) {
	for i, m := range members {
		key, ok := GroupKey(m.Config)
		if first, _ := GroupKey(members[0].Config); !ok || key != first {
			panic("train: RunGroup: members that cannot be trained together")
		}
		if members[i].Hooks.Source == nil {
			members[i].Hooks.Source = &data.Source{}
		}
	}
	switch {
	case len(members) == 0:
	case members[0].Config.Float64:
		runGroup[float64](ctx, members, ended)
	default:
		runGroup[float32](ctx, members, ended)
	}
}

// wideSize is how many weights are computed side by side at most; wideModels of how
// many models, and denseModels where the product is not sparse: what is beyond the
// caches is no faster, and takes memory.
const (
	wideSize    = 1 << 20
	wideModels  = 32
	denseModels = 16
)

// A member is a run in a group.
type member[T model.Float] struct {
	*run[T]
	index    int
	res      Result
	tally    tally
	loss     float64 // of the mini-batch, a sum
	right    int
	weights  []T // that are evaluated
	score    score
	m        row    // the metrics that are due
	diverged string // why
	finished bool   // all that Run would do was done, but for the test
	err      error  // why it leaves before that
}

func (m *member[T]) over() bool { return m.finished || m.err != nil }

// A group is the state of RunGroup. All its members have made as many steps.
type group[T model.Float] struct {
	active, due []*member[T] // in the order of the call
	ended       func(i int, res Result, err error)

	lead  *run[T] // whose data and scratch space all use
	alone bool    // whether Run takes the examples as a sparse matrix
	thin  bool    // whether they are thin enough for it

	wide      *model.Wide[T] // nil: one model at a time is as fast
	most      int            // models in a product
	ws, gs    [][]T          // of the models in a product
	smoothing []float64
	out       []T // of one of them
}

func runGroup[T model.Float](ctx context.Context, members []Member, ended func(i int, res Result, err error)) {
	g := &group[T]{ended: ended}
	var apart []int
	for i, m := range members {
		if last, err := lastCheckpoint(m.Hooks); last != nil || err != nil {
			apart = append(apart, i)
			continue
		}
		if err := g.add(m, i); err != nil {
			ended(i, Result{}, err)
		}
	}
	if len(g.active) > 0 {
		g.prepare()
		g.train(ctx)
	}
	for _, i := range apart {
		res, err := start[T](ctx, members[i].Config, members[i].Hooks)
		ended(i, res, err)
	}
}

// add makes m member i, at its beginning.
func (g *group[T]) add(m Member, i int) error {
	r, err := newRunBeside[T](m.Config, m.Hooks, nil, g.lead)
	if err != nil {
		return err
	}
	if g.lead == nil {
		g.lead = r
	}
	g.active = append(g.active, &member[T]{run: r, index: i, weights: r.w, score: newScore(r.set.Classes)})
	return nil
}

// prepare chooses how the products are made.
func (g *group[T]) prepare() {
	r, n := g.lead, len(g.active)
	g.alone = r.feed.sparse
	if g.thin = g.alone; !g.alone {
		r.feed.chooseSparse()
		g.thin = r.feed.sparse
	}
	for _, m := range g.active {
		m.tally.began = m.now()
	}
	most := wideModels
	if !g.thin {
		most = denseModels
	}
	most = max(1, min(n, most, wideSize/r.net.Len()))
	products := (n + most - 1) / most
	if g.most = (n + products - 1) / products; g.most > 1 {
		g.wide = model.NewWide(r.net, g.most)
		g.out = make([]T, r.net.Rows()*r.net.Out)
	}
}

// train makes steps until one member at most is left; that goes on as Run does.
func (g *group[T]) train(ctx context.Context) {
	for len(g.active) > 1 || len(g.active) == 1 && g.active[0].tally.batches > 0 {
		g.step(ctx)
	}
	for _, m := range g.active {
		m.feed.sparse, m.ordered = g.alone, -1
		res, err := m.run.train(ctx, m.res)
		g.ended(m.index, res, err)
	}
}

// step makes a mini-batch, and the reports that are due after it.
func (g *group[T]) step(ctx context.Context) {
	g.lead.step = g.active[0].step
	rows, epoch := g.lead.next()
	g.gradients(ctx, rows, epoch)
	g.due = g.due[:0]
	for _, m := range g.active {
		if m.err != nil {
			continue
		}
		if m.diverged = m.descend(len(rows), m.loss, m.right, &m.tally); m.diverged != "" {
			m.m = m.row(&m.tally, true)
			g.deliver(m)
		} else if m.run.due() {
			m.m = m.row(&m.tally, false)
			g.due = append(g.due, m)
		}
	}
	if len(g.due) > 0 {
		g.report(ctx)
	}
	left := 0
	for _, m := range g.active {
		if m.over() {
			if m.finished {
				m.res = m.run.ended(m.res)
			}
			g.ended(m.index, m.res, m.err)
			left++
		}
	}
	if left > 0 {
		g.active = slices.DeleteFunc(g.active, (*member[T]).over)
	}
}

// deliver is run.deliver; it tells whether that was the last.
func (g *group[T]) deliver(m *member[T]) {
	m.err = m.run.deliver(m.m, m.diverged, &m.res)
	m.finished = m.err == nil && (m.diverged != "" || m.step == m.total)
}

// report validates the members that are due and delivers their metrics; those
// that are through are tested.
func (g *group[T]) report(ctx context.Context) {
	set := g.lead.set
	g.evaluate(ctx, g.due, set.Val)
	for _, m := range g.due {
		if m.err != nil {
			continue
		}
		if len(set.Val) > 0 {
			copy(m.m[3:], m.score.figures())
			m.diverged = m.validDiverged(m.m)
		}
		g.deliver(m)
		m.tally = tally{}
	}
	g.due = slices.DeleteFunc(g.due, func(m *member[T]) bool { return !m.finished || m.diverged != "" })
	steps := make([]int64, len(g.due))
	for i, m := range g.due {
		m.weights, steps[i] = m.chosen()
	}
	g.evaluate(ctx, g.due, set.Test)
	for i, m := range g.due {
		if m.err == nil && len(set.Test) > 0 {
			m.reportTest(steps[i], m.score.figures())
		}
	}
	for _, m := range g.active {
		if m.tally.batches == 0 {
			m.tally.began = m.now()
		}
	}
}

// mayGoOn asks the members; those that may not leave after the step. It tells
// whether any may.
func (g *group[T]) mayGoOn(ctx context.Context, list []*member[T]) (any bool) {
	for _, m := range list {
		if m.err == nil {
			m.err = m.run.mayGoOn(ctx)
		}
		any = any || m.err == nil
	}
	return any
}

// gradients is run.gradient for all: it leaves the sums of the losses and the
// counts in the members. After an error of all there is nothing.
func (g *group[T]) gradients(ctx context.Context, rows []int32, epoch int64) {
	r := g.lead
	b := model.Batch[T]{Label: r.label, Target: r.target, Scale: 1 / T(len(rows)), First: true}
	for _, m := range g.active {
		m.loss, m.right = 0, 0
	}
	r.feed.sparse = g.sparse(g.active)
	for b.Place < len(rows) {
		if !g.mayGoOn(ctx, g.active) {
			return
		}
		part := rows[b.Place:min(b.Place+r.net.Rows(), len(rows))]
		b.Rows = len(part)
		b.X = r.feed.training(r.net.Input(), part, r.Seed, epoch)
		r.feed.outcomes(r.label, r.target, part)
		for from := 0; from < len(g.active); from += g.most {
			g.product(g.active[from:min(from+g.most, len(g.active))], b)
		}
		b.First, b.Place = false, b.Place+len(part)
	}
	for _, m := range g.active {
		m.net.Penalty(m.w, m.g)
	}
}

// product computes the gradients of a part of a mini-batch for some members.
func (g *group[T]) product(list []*member[T], b model.Batch[T]) {
	if g.wide == nil {
		losses, right := list[0].net.Gradient(list[0].w, list[0].g, b)
		for _, l := range losses {
			list[0].loss += l
		}
		list[0].right += right
		return
	}
	if b.First || len(list) < len(g.active) { // else they are there
		g.load(list)
	}
	losses, right := g.wide.Gradient(g.gs, b)
	for k, m := range list {
		for i := k; i < len(losses); i += len(list) {
			m.loss += losses[i]
		}
		m.right += right[k]
	}
}

// load makes members those of the next product.
func (g *group[T]) load(list []*member[T]) {
	g.ws, g.gs, g.smoothing = g.ws[:0], g.gs[:0], g.smoothing[:0]
	for _, m := range list {
		g.ws, g.gs, g.smoothing = append(g.ws, m.weights), append(g.gs, m.g), append(g.smoothing, m.Smoothing)
	}
	g.wide.Load(g.ws, g.smoothing)
}

// evaluate makes the scores of some members for the examples called rows.
func (g *group[T]) evaluate(ctx context.Context, list []*member[T], rows []int32) {
	e, out := g.lead.eval, g.lead.net.Out
	for _, m := range list {
		m.score.begin(g.lead.set, rows)
	}
	g.lead.feed.sparse = g.sparse(list)
	for first := true; len(rows) > 0; first = false {
		if !g.mayGoOn(ctx, list) {
			return
		}
		batch, x := e.batch(&rows)
		for from := 0; from < len(list); from += g.most {
			some := list[from:min(from+g.most, len(list))]
			if g.wide == nil {
				e.add(&some[0].score, e.net.Forward(some[0].weights, len(batch), x), len(batch))
				continue
			}
			if first || len(some) < len(list) {
				g.load(some)
			}
			z := g.wide.Forward(len(batch), x)
			for k, m := range some {
				for i := range batch {
					copy(g.out[i*out:][:out], z[(i*len(some)+k)*out:])
				}
				e.add(&m.score, g.out[:len(batch)*out], len(batch))
			}
		}
	}
}

// sparse tells whether the examples are given as a sparse matrix for the weights
// of some members: where Run does, and where the product is wide enough and the
// bits are those of the dense one.
//
// The two differ where a weight is not finite, and in the sign of a 0: of an
// output, of which softmax makes the same, or of a gradient, where a product
// underflowed. With that a step could change the sign of a weight that is −0, but
// none is: all begin at +0 or not at 0, and x − y is +0 where x = y. Only the
// shrinking of AdamW can underflow.
func (g *group[T]) sparse(list []*member[T]) bool {
	if g.alone {
		return true
	}
	if !g.thin || g.lead.set.Classes == 0 || min(len(list), g.most)*g.lead.net.Out < sparseOut {
		return false
	}
	for _, m := range list {
		if m.Optimizer == "adamw" && m.WeightDecay > 0 || !kernel.Finite(m.weights) {
			return false
		}
	}
	return true
}
