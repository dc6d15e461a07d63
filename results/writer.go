package results

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

type opKind uint8

const (
	opPost   opKind = iota // joins the group
	opRecord               // a transaction of its own, after waiting posts of the same trials
	opFlush                // the group, now
	opDo                   // fn in a transaction
	opRaw                  // fn outside of one
)

// An op is something for the owner of the connection to do.
type op struct {
	kind  opKind
	store *Store
	facts []fact
	post  sweep.Post
	more  []*op // with opRecord: posts of the same transaction
	err   error // the post cannot be encoded
	fn    func(c *conn) error

	done  chan error // closed over by submit; nil for a post
	state atomic.Int32
}

// The states of an op: whoever waits may withdraw it until it is taken.
const (
	opWaiting int32 = iota
	opTaken
	opWithdrawn
)

// take claims the op for execution; false: it was withdrawn.
func (o *op) take() bool {
	return o.state.CompareAndSwap(opWaiting, opTaken) || o.state.Load() == opTaken
}

func (o *op) withdrawn() bool { return o.state.Load() == opWithdrawn }

// A writer owns the connection that writes. Its goroutine run is the only one
// that touches the connection and the projectors.
type writer struct {
	c     *conn
	delay time.Duration

	// mu guards queue and closed. It is a mutex and not a channel because
	// whoever posts must not wait for a transaction that waits for a lock of
	// another process; what is held under it is an append.
	mu     sync.Mutex
	queue  []*op
	closed bool
	wake   chan struct{}
	end    chan struct{}

	full    bool  // synchronous = full at the moment
	failed  error // the file cannot be written: nothing more is
	posts   []*op // the group
	reports int   // in the group
	timer   *time.Timer
	due     bool // what waits has waited long enough
	lag     bool // posts were written and not synced: RecordPosts
}

func newWriter(c *conn, o Options) *writer {
	w := &writer{c: c, delay: o.GroupDelay, wake: make(chan struct{}, 1), end: make(chan struct{}), timer: time.NewTimer(time.Hour)}
	go w.run()
	return w
}

// put queues an op; false: the writer is closed.
func (w *writer) put(o *op) bool {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false
	}
	w.queue = append(w.queue, o)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return true
}

// submit queues an op and waits for it, until ctx is done.
func (w *writer) submit(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.done = make(chan error, 1)
	if !w.put(o) {
		return ErrClosed
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.state.CompareAndSwap(opWaiting, opWithdrawn) {
			return ctx.Err()
		}
		return <-o.done
	}
}

// close ends the goroutine once everything queued is done.
func (w *writer) close() error {
	w.mu.Lock()
	again := w.closed
	w.closed = true
	w.mu.Unlock()
	if again {
		return nil
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
	<-w.end
	return w.c.close()
}

// run is the owner of the connection.
func (w *writer) run() {
	defer close(w.end)
	defer w.timer.Stop()
	for {
		w.mu.Lock()
		ops, closed := w.queue, w.closed
		w.queue = nil
		w.mu.Unlock()
		for _, o := range ops {
			w.handle(o)
		}
		waits := len(w.posts) > 0 || w.lag
		if waits && (closed || w.due || len(w.posts) >= groupPosts || w.reports >= groupReports) {
			w.group() // while others hold the lock: again, with what came meanwhile
			continue
		}
		if closed {
			if len(ops) == 0 {
				return
			}
			continue
		}
		select {
		case <-w.wake:
		case <-w.timer.C:
			w.due = len(w.posts) > 0 || w.lag
		}
	}
}

func (w *writer) handle(o *op) {
	switch o.kind {
	case opPost:
		w.gather(o)
	case opRaw:
		if o.take() {
			o.done <- o.fn(w.c)
		}
	case opFlush:
		o.done <- w.flush(o)
	case opRecord:
		o.done <- w.record(o)
	case opDo:
		o.done <- w.alone(o, func() error { return o.fn(w.c) })
	}
}

// record writes the facts of o, and the posts that come with them.
func (w *writer) record(o *op) error {
	ops := append([]*op{o}, o.more...)
	all := make([][]fact, len(ops))
	for i, x := range ops {
		all[i] = x.facts
		if !w.waiting(x) {
			continue
		}
		if err := w.flush(o); err != nil {
			return err
		}
	}
	err := w.alone(o, func() error {
		if err := writeJournal(w.c, all...); err != nil {
			return err
		}
		for _, x := range ops {
			if err := o.store.p.applyPost(x.facts, x.post); err != nil {
				return err
			}
		}
		return o.store.p.flush()
	})
	if err == nil && len(o.more) > 0 && !w.lag && len(w.posts) == 0 {
		w.lag = true
		w.timer.Reset(lagDelay)
	}
	return err
}

// lagDelay is how long posts that RecordPosts wrote stay unsynced.
const lagDelay = 50 * time.Millisecond

// waiting reports whether the group holds a post of a trial of x.
func (w *writer) waiting(x *op) bool {
	old := x.facts // but those of trials that x itself proposes: nobody can have posted about them
	for len(old) > 0 && old[0].event.Kind() == "proposed" {
		id := old[0].event.Subject()
		old = slices.DeleteFunc(slices.Clone(old), func(f fact) bool { return f.event.Subject() == id })
	}
	if len(old) == 0 && x.post.Trial == 0 {
		return false
	}
	for _, o := range w.posts {
		if o.store == x.store && (o.concerns(x.post.Trial) || slices.ContainsFunc(old, func(f fact) bool { return o.concerns(f.event.Subject()) })) {
			return true
		}
	}
	return false
}

// concerns reports whether the post is about the trial.
func (o *op) concerns(t sweep.TrialID) bool {
	return t != 0 && (o.post.Trial == t || slices.ContainsFunc(o.facts, func(f fact) bool { return f.event.Subject() == t }))
}

// gather adds a post to the group.
func (w *writer) gather(o *op) {
	if err := firstErr(o.err, o.store.failed, w.failed); err != nil {
		o.store.failed = err
		o.store.ack(sweep.Ack{Post: o.post, Err: err})
		return
	}
	if len(w.posts) == 0 {
		w.due = w.delay == 0
		w.timer.Reset(w.delay)
	}
	w.posts = append(w.posts, o)
	w.reports += len(o.post.Reports)
}

func firstErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// flush syncs the group, however long others hold the lock, unless o is
// withdrawn.
func (w *writer) flush(o *op) error {
	for len(w.posts) > 0 {
		if o.withdrawn() {
			return context.Canceled
		}
		w.group()
	}
	if err := firstErr(o.store.failed, w.failed); err != nil {
		return err
	}
	if p := o.store.p; o.kind == opFlush && p.fronts.stale && p.fronts.ranked <= smallFront {
		return w.alone(o, func() error {
			p.fronts.now = true
			return p.flush()
		})
	}
	return nil
}

// smallFront is how many points are ranked anew at every Flush.
const smallFront = 1000

// alone runs fn in a transaction that is not synced, again and again while
// others hold the lock.
func (w *writer) alone(o *op, fn func() error) error {
	for {
		if err := w.failed; err != nil {
			return err
		}
		if o.store != nil && o.store.failed != nil {
			return o.store.failed
		}
		if o.withdrawn() {
			return context.Canceled
		}
		err := w.begin(false)
		if err == nil {
			if !o.take() {
				return errors.Join(context.Canceled, w.rollback(nil))
			}
			err = w.finish(fn)
			if err != nil && o.store != nil {
				err = errors.Join(err, o.store.p.reset())
			}
		}
		switch {
		case busy(err):
		case broken(err):
			w.failed = fmt.Errorf("write database: %w", err)
			return w.failed
		default:
			return err
		}
	}
}

// group commits the posts and syncs them, or keeps them while others hold the
// lock. After any other error nothing more is written for their stores.
func (w *writer) group() {
	err := w.begin(true)
	if err == nil {
		err = w.finish(w.writeGroup)
		if err != nil {
			err = errors.Join(err, w.resetGroup())
		}
	}
	if busy(err) {
		return
	}
	posts := w.posts
	w.posts, w.reports, w.due, w.lag = nil, 0, false, false
	if err != nil {
		err = fmt.Errorf("write database: %w", err)
		if broken(err) {
			w.failed = err
		}
		for _, o := range posts {
			o.store.failed = firstErr(o.store.failed, err)
		}
	}
	acks := map[*Store][]sweep.Ack{}
	for _, o := range posts {
		acks[o.store] = append(acks[o.store], sweep.Ack{Post: o.post, Err: err})
	}
	for s, a := range acks {
		s.ack(a...)
	}
}

// resetGroup makes the projectors forget what was rolled back.
func (w *writer) resetGroup() error {
	var errs []error
	done := map[*Store]bool{}
	for _, o := range w.posts {
		if !done[o.store] {
			done[o.store] = true
			errs = append(errs, o.store.p.reset())
		}
	}
	return errors.Join(errs...)
}

func (w *writer) writeGroup() error {
	if len(w.posts) == 0 { // any commit that is synced syncs what was written before
		_, err := w.c.exec("update t_sweeps set last_at = last_at where id = (select max(id) from t_sweeps)")
		return err
	}
	all := make([][]fact, len(w.posts))
	for i, o := range w.posts {
		all[i] = o.facts
	}
	if err := writeJournal(w.c, all...); err != nil {
		return err
	}
	touched := map[*Store]bool{}
	for _, o := range w.posts {
		touched[o.store] = true
		if err := o.store.p.applyPost(o.facts, o.post); err != nil {
			return err
		}
	}
	for s := range touched {
		if err := s.p.flush(); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a transaction that will be synced or not. The pragma works
// outside of a transaction only, and only as text.
func (w *writer) begin(full bool) error {
	if full != w.full {
		level := "pragma synchronous = normal"
		if full {
			level = "pragma synchronous = full"
		}
		if err := w.c.text(level); err != nil {
			return err
		}
		w.full = full
	}
	_, err := w.c.exec("begin immediate")
	return err
}

// finish runs fn and commits, or rolls back.
func (w *writer) finish(fn func() error) error {
	err := fn()
	if err == nil {
		_, err = w.c.exec("commit")
	}
	if err != nil {
		return w.rollback(err)
	}
	return nil
}

// rollback undoes the transaction and returns why. SQLite may have done so
// itself, as it does on a full disk, which makes the statement fail.
func (w *writer) rollback(why error) error {
	_, _ = w.c.exec("rollback")
	return why
}
