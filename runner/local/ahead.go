package local

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// ahead is a job that a slot has been given and not begun: its directory is
// being made, or another job is before it.
type ahead struct {
	slot  *slot
	f     *followed
	order *order // nil: the directory is not made yet
	err   error  // why it could not be made
	asked *stopAsked
}

// prepare makes the directory and the order of a job ahead.
func (b *Backend) prepare(n *ahead) {
	err, o := b.dirs.prepare(n.f.job), b.order(n.f.job)
	b.mu.Lock()
	n.err, n.order = err, o
	b.mu.Unlock()
	n.slot.advance()
}

// prepareLater prepares jobs that wait for others anyway.
func (b *Backend) prepareLater() {
	defer b.wg.Done()
	for {
		select {
		case n := <-b.later:
			b.prepare(n)
		case <-b.done:
			return
		}
	}
}

// advance ends the jobs ahead that are not to begin, and begins the first of
// the others if the slot is free. Whoever ends a job calls it: from there to the
// start of the next there is no other goroutine to wait for.
func (s *slot) advance() {
	for {
		s.b.mu.Lock()
		i := slices.IndexFunc(s.next, func(n *ahead) bool { return n.order != nil && (n.err != nil || n.asked != nil) })
		if i < 0 && !s.busy && len(s.next) > 0 && s.next[0].order != nil && !s.b.closed {
			i = 0
		}
		if i < 0 {
			s.b.mu.Unlock()
			s.feed()
			return
		}
		n := s.next[i]
		s.next = slices.Delete(s.next, i, i+1)
		var end *sweep.Exit
		switch {
		case n.err != nil:
			end = &sweep.Exit{Class: sweep.ClassStart, Message: n.err.Error()}
		case n.asked != nil:
			end = &sweep.Exit{Cause: n.asked.why}
		}
		if end != nil {
			s.unsettled++
			s.b.mu.Unlock()
			s.b.emit(neverRan(n.f.job, *end))
			continue
		}
		s.busy, s.job, s.starting, s.asked = true, n.f, true, nil
		s.b.mu.Unlock()
		if s.begin(n) {
			s.feed()
			return
		}
	}
}

// feed gives the supervisor one job more than it runs, so that it need not wait
// for one. It keeps that for this trawl alone: when the connection ends, the job
// never was.
func (s *slot) feed() {
	s.write.Lock() // a stop waits until the job is there
	defer s.write.Unlock()
	s.b.mu.Lock()
	if s.conn == nil || s.b.closed || s.sent != nil || s.job == nil || s.starting || s.waiting != nil || len(s.next) == 0 || s.unsettled >= ringRecords-2 {
		s.b.mu.Unlock()
		return
	}
	n := s.next[0]
	if n.order == nil || n.err != nil || n.asked != nil || !n.f.job.Waits || len(n.order.held) > 0 {
		s.b.mu.Unlock()
		return
	}
	s.next, s.sent = s.next[1:], n
	s.b.mu.Unlock()
	_ = sendStart(s.conn, n.order) // a dead supervisor is noticed by listen
}

// orphaned settles the job that a dead supervisor held beside its trial's, of
// which token is the key: one that may have begun is lost like that. The ring is
// as the supervisor left it.
func (s *slot) orphaned(token string) (after func()) {
	s.b.mu.Lock()
	n := s.sent
	s.sent = nil
	s.b.mu.Unlock()
	if n == nil {
		return func() {}
	}
	current, ended := readRing(filepath.Join(s.dir, "ring"))
	began := current != nil && current.Token == n.order.token
	for _, r := range ended {
		if r.Token == n.order.token {
			return func() { s.settle(n.f, r.Exit) }
		}
		began = began || r.Token == token
	}
	if !began {
		s.b.mu.Lock()
		s.next = slices.Insert(s.next, 0, n)
		s.b.mu.Unlock()
		return func() {}
	}
	return func() {
		s.b.hunt(n.order.token)
		reapOrphans(s.b)
		now := time.Now().UnixMicro()
		s.settle(n.f, sweep.Exit{Code: -1, Class: sweep.ClassLost, Message: "its supervisor died", StartedAt: now, EndedAt: now})
	}
}

// settle tells the end of a job that the slot no longer has.
func (s *slot) settle(f *followed, x sweep.Exit) {
	s.b.mu.Lock()
	s.unsettled++
	s.b.mu.Unlock()
	s.b.finish(f, x)
}

// begin gives a job to the slot's supervisor. It reports whether that took it;
// if not, the end of the job is told and the slot is free.
func (s *slot) begin(n *ahead) bool {
	err := s.start(n.order)
	s.b.mu.Lock()
	s.starting = false
	asked := s.asked
	if err != nil {
		s.job, s.busy = nil, false
		s.unsettled++
	}
	s.b.mu.Unlock()
	if err != nil {
		s.b.emit(neverRan(n.f.job, sweep.Exit{Class: sweep.ClassStart, Message: err.Error()}))
		return false
	}
	if asked != nil {
		s.stop(n.f.job.Name, asked.why, asked.hard)
	}
	return true
}

// find returns the job ahead with this name; b.mu is held.
func (s *slot) find(name string) *ahead {
	for _, n := range s.next {
		if n.f.job.Name == name {
			return n
		}
	}
	return nil
}

// neverRan is the end of a job that had no process.
func neverRan(job runner.Job, x sweep.Exit) runner.Update {
	job.Grant.Release()
	now := time.Now().UnixMicro()
	x.Code, x.StartedAt, x.EndedAt = -1, now, now
	return runner.Update{Name: job.Name, Exit: &x}
}
