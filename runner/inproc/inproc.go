// Package inproc is the backend of `trainer:`: it runs the trials of the
// built-in trainer in this process, one goroutine each, or one for a group that
// shares each pass over the data.
//
//	Start ──→ job goroutine ── Update ──→ Updates
//	Stop ───→ its context
//
// The trials of a group have the numbers, the checkpoints and the ends that they
// have alone. Their CPU time is that of the group, shared at each moment by those
// that run; their wall time and examples_per_second are as they saw them.
//
// A trial lives and dies with the process: after a kill nothing of it is alive,
// Recover says ErrGone, and a new attempt goes on from the checkpoint of the
// last epoch with the same bits.
package inproc

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/train"
	"github.com/trawl-sweep/trawl/runner/train/data"
	"github.com/trawl-sweep/trawl/sweep"
)

// Options say where and with what trials run.
type Options struct {
	Slots    int              // trials at a time, for Capacity; at least 1. The loop keeps to it
	BaseDirs []string         // where a relative `data:` is looked for, in this order
	Embedded fs.FS            // has the embedded data set in its folder data; nil: none
	Now      func() time.Time // required

	// Find returns the path of the checkpoint that `init_from:` names, such as
	// SWEEP/best, or an error; nil: names are paths below BaseDirs.
	Find func(ctx context.Context, name string) (path string, err error)

	// RunOne alone: the folder of the checkpoints, gone on from ("" = none), and
	// who is told what deserves a word, the hash of the weights at the end too.
	Dir string
	Say func(string)
}

// Backend implements runner.Backend.
type Backend struct {
	opts    Options
	source  *data.Source
	updates chan runner.Update
	closing chan struct{} // closed by Close: nobody reads updates any more
	ended   sync.WaitGroup
	jobs    map[string]*job   // by name, until Settled; of the loop's goroutine
	groups  map[string][]*job // not complete yet
	closed  bool

	train func(context.Context, train.Config, train.Hooks) (train.Result, error) // train.Run, but for tests
}

var _ runner.Backend = (*Backend)(nil)

// New returns a backend without jobs. It panics without Options.Now.
func New(o Options) *Backend {
	if o.Now == nil {
		panic("inproc: Options.Now is nil")
	}
	o.Slots = max(o.Slots, 1)
	return &Backend{
		opts:    o,
		source:  &data.Source{Dirs: o.BaseDirs, Embedded: o.Embedded},
		updates: make(chan runner.Update, 4*o.Slots),
		closing: make(chan struct{}),
		jobs:    make(map[string]*job),
		groups:  make(map[string][]*job),
		train:   train.Run,
	}
}

// Capacity is the slots of the options.
func (b *Backend) Capacity() runner.Capacity {
	return runner.Capacity{Slots: b.opts.Slots, Why: fmt.Sprintf("%d at a time, in this process", b.opts.Slots)}
}

// Start begins a trial. The job's Values are the keys of the trainer; the seed
// is the job's unless they have one. Its Argv, Dir and Env mean nothing here.
// The trial outlives ctx.
func (b *Backend) Start(ctx context.Context, spec runner.Job) error {
	if b.closed {
		return fmt.Errorf("start %s: the backend is closed", spec.Name)
	}
	if old := b.jobs[spec.Name]; old != nil && !old.over() {
		return fmt.Errorf("start %s: it is running", spec.Name)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	j := &job{Job: spec, backend: b, ctx: ctx, cancel: cancel, done: make(chan struct{})}
	b.jobs[spec.Name] = j
	if spec.Group == "" {
		b.ended.Go(j.run)
		return nil
	}
	group := append(b.groups[spec.Group], j)
	if b.groups[spec.Group] = group; len(group) == spec.Members {
		delete(b.groups, spec.Group)
		b.ended.Go(func() { runGroup(group) })
	}
	return nil
}

// Stop ends a trial before its next mini-batch, hard or not: there is nothing
// in it that needs a grace. Of several reasons before its end the last counts.
func (b *Backend) Stop(name string, why sweep.Stop, _ bool) {
	if j := b.jobs[name]; j != nil && !j.over() {
		j.why.Store(&why)
		j.cancel(errStopped)
	}
}

// Recover returns runner.ErrGone: a trial ends with the process it is in.
func (b *Backend) Recover(_ context.Context, spec runner.Job) error {
	return fmt.Errorf("%s: %w", spec.Name, runner.ErrGone)
}

// Settled forgets a job that has ended.
func (b *Backend) Settled(name string) {
	if j := b.jobs[name]; j != nil {
		<-j.done // its Exit was received: only the return is left
		delete(b.jobs, name)
	}
}

// Updates is the news of all jobs.
func (b *Backend) Updates() <-chan runner.Update { return b.updates }

// Close ends the trials that still run, without an Exit, and waits for them.
// What was sent before can still be received. Further calls do nothing.
func (b *Backend) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	close(b.closing)
	for _, j := range b.jobs {
		if !j.over() {
			j.lost.Store(true)
			j.cancel(errStopped)
		}
	}
	for _, group := range b.groups { // that never began
		for _, j := range group {
			close(j.done)
		}
	}
	b.ended.Wait()
	close(b.updates)
	return nil
}

// find is Options.Find for one run.
func (o Options) find(ctx context.Context) func(string) (string, error) {
	if o.Find == nil {
		return nil
	}
	return func(name string) (string, error) { return o.Find(ctx, name) }
}

// send delivers u, or drops it when the backend is closed.
func (b *Backend) send(u runner.Update) {
	select {
	case b.updates <- u:
	case <-b.closing:
	}
}
