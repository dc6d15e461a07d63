package local

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/trawl-sweep/trawl/runner/metric/files"
	"github.com/trawl-sweep/trawl/sweep"
)

// slot is one place for a trial.
type slot struct {
	b    *Backend
	dir  string
	lock *os.File // nil: a supervisor that we did not start holds it

	// Guarded by b.mu.
	busy      bool
	job       *followed
	unsettled int
	waiting   *order
	next      []*ahead // jobs for when this one has ended
	sent      *ahead   // the first of them, when the supervisor has it
	starting  bool     // the job is on its way to the supervisor
	asked     *stopAsked
	pid       int     // of the supervisor, if it is our child
	holds     record  // what an adopted supervisor runs
	current   *record // what the ring says was running

	write sync.Mutex // messages to the supervisor come whole, from several goroutines
	conn  net.Conn
	r     *bufio.Reader
	given string // token of the last job that conn was told of
}

// adoptOrLock attaches to the living supervisor of the slot, or takes its lock.
func (s *slot) adoptOrLock() error {
	until := time.Now().Add(5 * time.Second)
	for {
		ok, err := s.tryLock()
		if err != nil || ok {
			return err
		}
		if s.dial() {
			s.busy = s.holds.Name != ""
			if !s.busy {
				s.listen()
			}
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("slot %s: its lock is held, but nobody answers", s.dir)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *slot) tryLock() (bool, error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return false, err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return false, fmt.Errorf("lock %s: %w", s.dir, err)
	}
	s.lock = f
	return true, nil
}

// dial connects to the slot's supervisor and hears what it runs.
func (s *slot) dial() bool {
	dir, err := os.Open(s.dir)
	if err != nil {
		return false
	}
	defer dir.Close()
	c, err := net.DialTimeout("unix", dirSocket(dir), time.Second)
	if err != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	r := bufio.NewReaderSize(c, 1<<12)
	kind, body, err := receive(r)
	if err != nil || kind != msgHello {
		c.Close()
		return false
	}
	_ = c.SetReadDeadline(time.Time{})
	w := wire{b: body}
	s.holds = record{Name: w.getStr(), Token: w.getStr()}
	s.conn, s.r = c, r
	return true
}

// start sends an order, with a new supervisor if there is none.
func (s *slot) start(o *order) error {
	s.b.mu.Lock()
	if s.unsettled >= ringRecords-1 { // its record would overwrite one that is not committed
		s.waiting = o
		s.b.mu.Unlock()
		return nil
	}
	s.b.mu.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	if s.conn != nil && sendStart(s.conn, o) == nil {
		s.given = o.token
		return nil
	}
	s.part() // it died idle, and listen has yet to see it
	if err := s.spawn(); err != nil {
		return err
	}
	if err := sendStart(s.conn, o); err != nil {
		return err
	}
	s.given = o.token
	s.listen()
	return nil
}

// spawn starts the slot's supervisor.
func (s *slot) spawn() error {
	if s.lock == nil {
		ok, err := s.tryLock()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("slot %s is in use", s.dir)
		}
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|sockCloexec, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "supervisor"), os.NewFile(uintptr(fds[1]), "trawl")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return err
	}
	argv := append(append([]string(nil), s.b.o.Exe...), s.dir)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.ExtraFiles = []*os.File{theirs, s.lock}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2", "GOMEMLIMIT=64MiB")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s.b.spawning.Lock()
	err = cmd.Start()
	s.b.spawning.Unlock()
	if err != nil {
		conn.Close()
		return err
	}
	s.conn, s.r = conn, bufio.NewReaderSize(conn, 1<<12)
	s.b.mu.Lock()
	s.pid = cmd.Process.Pid
	s.b.mu.Unlock()
	return cmd.Process.Release() // waited for by number, when its socket closes
}

// listen takes the supervisor's messages on a goroutine of its own.
func (s *slot) listen() {
	conn, r := s.conn, s.r
	s.b.wg.Add(1)
	go func() {
		defer s.b.wg.Done()
		for {
			kind, body, err := receive(r)
			if err != nil {
				s.gone(conn)
				return
			}
			if kind != msgExit {
				continue
			}
			if rec, err := decodeRecord(body); err == nil {
				s.exited(rec, body[min(recordSize, len(body)):])
			}
		}
	}()
}

// exited hands on the end of the slot's job, with its output if that is short,
// and frees the slot.
func (s *slot) exited(rec record, output []byte) {
	s.b.mu.Lock()
	f := s.job
	if n := s.sent; n != nil && n.order.token == rec.Token { // it was stopped before it began
		s.sent = nil
		s.b.mu.Unlock()
		s.settle(n.f, rec.Exit)
		s.advance()
		return
	}
	if f == nil || f.job.Name != rec.Name || f.job.Token != rec.Token {
		if s.job == nil { // adopted, and ended before anybody asked for it
			s.b.ended = append(s.b.ended, rec)
			s.busy = false
		}
		s.b.mu.Unlock()
		s.advance()
		return
	}
	s.job = nil
	s.unsettled++
	n := s.sent
	if n != nil { // the supervisor has begun it
		s.job, s.sent = n.f, nil
	}
	s.b.mu.Unlock()
	if n != nil {
		s.write.Lock()
		s.given = n.order.token
		s.write.Unlock()
		s.feed()
	} else {
		s.b.drop(s) // the next one starts before the end of this one is looked at
	}
	f.order.Lock()
	defer f.order.Unlock()
	s.b.release(f, &rec.Exit)
	s.b.emit(f.last(rec.Exit, output))
}

// gone deals with the loss of the supervisor: its trial is ended and lost.
func (s *slot) gone(conn net.Conn) {
	select {
	case <-s.b.done:
		return
	default:
	}
	s.write.Lock()
	token := ""
	if s.conn == conn { // else start has noticed, and given the job to another
		token = s.given
		s.part()
	}
	s.write.Unlock()
	if token != "" {
		after := s.orphaned(token)
		s.lost(token)
		after()
	}
}

// part forgets a supervisor that has ended; s.write is held.
func (s *slot) part() {
	if s.conn == nil {
		return
	}
	s.conn.Close()
	s.conn, s.given = nil, ""
	s.wait()
}

// lost ends the job with this token, whose supervisor died, if it still runs.
func (s *slot) lost(token string) {
	s.b.mu.Lock()
	f := s.job
	if f != nil && f.job.Token != token {
		f = nil // that one has ended; the next is on its way to a new supervisor
	}
	if f != nil {
		s.job = nil
		s.unsettled++
	}
	s.b.mu.Unlock()
	if f == nil {
		return
	}
	// A record may have been written just before the end.
	current, ended := readRing(filepath.Join(s.dir, "ring"))
	s.b.mu.Lock()
	s.current = current
	s.b.mu.Unlock()
	for _, r := range ended {
		if r.Name == f.job.Name && r.Token == f.job.Token {
			s.b.drop(s)
			s.b.finish(f, r.Exit)
			return
		}
	}
	s.b.hunt(f.job.Token)
	reapOrphans(s.b)
	now := time.Now().UnixMicro()
	f.order.Lock()
	defer f.order.Unlock()
	s.b.release(f, &sweep.Exit{})
	u := f.last(sweep.Exit{Code: -1, Class: sweep.ClassLost, Message: "its supervisor died", StartedAt: now, EndedAt: now}, nil)
	s.b.drop(s)
	s.b.emit(u)
}

// reapOrphans ends what supervisors that died have left to us: children that
// are no supervisors of ours and carry no token.
func reapOrphans(b *Backend) {
	b.spawning.Lock()
	defer b.spawning.Unlock()
	b.mu.Lock()
	ours := map[int]bool{}
	for _, s := range b.slots {
		if s.pid > 0 {
			ours[s.pid] = true
		}
	}
	b.mu.Unlock()
	for range 100 {
		left := 0
		for _, p := range children(os.Getpid()) {
			st, ok := readStat(p)
			if ours[p] || !ok || b.aside[p] || b.aside[st.session] || !orphan(p, st) {
				continue
			}
			left++
			for _, d := range descendants(p) {
				_ = syscall.Kill(d, syscall.SIGKILL)
			}
			_ = syscall.Kill(p, syscall.SIGKILL)
			_, _ = syscall.Wait4(p, nil, syscall.WNOHANG|wall, nil)
		}
		if left == 0 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// stop sends a stop order.
func (s *slot) stop(name string, why sweep.Stop, hard bool) {
	s.b.mu.Lock()
	if n := s.find(name); n != nil {
		n.asked = &stopAsked{why: why}
		s.b.mu.Unlock()
		s.advance()
		return
	}
	if s.starting {
		s.asked = &stopAsked{why, hard || s.asked != nil && s.asked.hard}
		s.b.mu.Unlock()
		return
	}
	if s.waiting != nil && s.waiting.name == name { // it never reached its supervisor
		s.waiting = nil
		f := s.job
		s.job, s.busy = nil, false
		s.unsettled++
		s.b.mu.Unlock()
		s.b.emit(neverRan(f.job, sweep.Exit{Cause: why}))
		s.advance()
		return
	}
	s.b.mu.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	if s.conn != nil {
		_ = send(s.conn, msgStop, encodeStop(name, why, hard)) // a dead supervisor is noticed by listen
	}
}

// follow reads what the trial has said since the last time.
func (s *slot) follow() {
	s.b.mu.Lock()
	f := s.job
	if s.starting { // what lies in its directory may still be of the attempt before
		f = nil
	}
	s.b.mu.Unlock()
	if f == nil {
		return
	}
	f.order.Lock()
	u := f.read(files.Running)
	if len(u.Reports) > 0 || u.Note != nil {
		s.b.emit(u)
	}
	f.order.Unlock()
	if n := f.offset(); n > f.told+1<<20 {
		f.told = n
		w := wire{}
		w.int(n)
		s.write.Lock()
		if s.conn != nil {
			_ = send(s.conn, msgRead, w.b)
		}
		s.write.Unlock()
	}
}

// wait collects a supervisor of ours that has ended, or is about to.
func (s *slot) wait() {
	s.b.mu.Lock()
	pid := s.pid
	s.pid = 0
	s.b.mu.Unlock()
	for pid > 0 {
		if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
			return
		}
	}
}

// close lets the supervisor go: an idle one ends.
func (s *slot) close() {
	s.b.mu.Lock()
	idle := !s.busy
	s.b.mu.Unlock()
	s.write.Lock()
	defer s.write.Unlock()
	if s.conn != nil {
		s.conn.Close()
		if idle {
			s.wait()
		}
	}
	if s.lock != nil {
		s.lock.Close()
	}
}
