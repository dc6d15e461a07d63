package local

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trawl-sweep/trawl/sweep"
)

// The descriptors that a supervisor is born with.
const (
	connFD = 3 // the socket to the trawl that started it
	lockFD = 4 // the slot's lock, taken by trawl: held as long as either lives
)

// linger is how long a supervisor whose trawl is gone waits, after the end of
// its trial, for another to come.
const linger = time.Second

// killPatience bounds how long processes that got SIGKILL may take to go.
const killPatience = 10 * time.Second

// supervisor owns the process tree of one trial at a time.
type supervisor struct {
	dir    string
	ring   *os.File
	seq    uint64
	events chan event
	conn   net.Conn // nil: no trawl
	connID int
	listen net.Listener
	start  chan *order // to the thread that forks
	job    *running
	late   bool              // a job ended while no trawl was there
	path   map[string]string // argv[0] → where it was found, for one PATH
	null   *os.File
}

// running is the job of the moment.
type running struct {
	*order
	pid      int
	log      *os.File
	began    time.Time
	cause    sweep.Stop
	asked    bool // the signal was sent
	kill     time.Time
	size     int64 // of output and metrics at the last look
	grown    time.Time
	read     int64 // what trawl has read of the output
	deadline time.Time
}

// event is what the supervisor's loop waits for.
type event struct {
	kind byte
	body []byte
	id   int // of the connection
	conn net.Conn
	err  error
	exit *ended
}

// ended is what the forking thread says of a job.
type ended struct {
	pid    int // with started: the process
	log    *os.File
	start  error
	over   bool
	status syscall.WaitStatus
	usage  syscall.Rusage
}

// Supervise is the main function of `trawl __supervise DIR`: the owner of one
// slot's process trees. It returns the exit status.
func Supervise(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "__supervise: trawl starts it; it is of no use by hand")
		return 2
	}
	debug.SetGCPercent(400)
	// Caught, not ignored: what is ignored stays so in the trials.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGQUIT)
	adopt()
	s := &supervisor{dir: args[0], events: make(chan event, 16), start: make(chan *order), path: map[string]string{}}
	if err := s.open(); err != nil {
		fmt.Fprintln(os.Stderr, "__supervise:", err)
		return 1
	}
	go s.fork()
	s.loop()
	return 0
}

func (s *supervisor) open() error {
	syscall.CloseOnExec(lockFD)
	if err := os.Chdir(s.dir); err != nil { // the socket's path is relative: addresses are short
		return err
	}
	var err error
	if s.ring, err = openRing("ring"); err != nil {
		return err
	}
	_, old := readRing("ring")
	for _, r := range old {
		s.seq = max(s.seq, r.Seq)
	}
	if s.null, err = os.Open(os.DevNull); err != nil {
		return err
	}
	os.Remove("sock")
	if s.listen, err = net.Listen("unix", "sock"); err != nil {
		return err
	}
	if err := os.Chmod("sock", 0o600); err != nil {
		return err
	}
	f := os.NewFile(connFD, "trawl")
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return err
	}
	s.attach(c)
	go func() {
		for {
			c, err := s.listen.Accept()
			if err != nil {
				return
			}
			s.events <- event{conn: c}
		}
	}()
	return nil
}

// attach makes c the connection to trawl and says what runs.
func (s *supervisor) attach(c net.Conn) {
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn = c
	s.connID++
	id := s.connID
	w := wire{}
	if s.job != nil {
		w.str(s.job.name).str(s.job.token)
	} else {
		w.str("").str("")
	}
	_ = send(c, msgHello, w.b)
	go func() {
		r := bufio.NewReaderSize(c, 1<<16)
		for {
			kind, body, err := receive(r)
			s.events <- event{kind: kind, body: body, id: id, err: err}
			if err != nil {
				return
			}
		}
	}()
}

// loop handles one event after the other until there is nothing left to do.
func (s *supervisor) loop() {
	for {
		alone := s.job == nil && s.conn == nil
		if alone && !s.late {
			return // trawl ended, and there is nothing to tell the next one
		}
		d := s.nextLook()
		if alone {
			d = linger
		}
		var tick <-chan time.Time
		stop := func() bool { return true }
		if d > 0 {
			t := time.NewTimer(d)
			tick, stop = t.C, t.Stop
		}
		select {
		case e := <-s.events:
			s.handle(e)
		case <-tick:
			if alone {
				return
			}
			s.look(time.Now())
		}
		stop()
	}
}

func (s *supervisor) handle(e event) {
	switch {
	case e.conn != nil:
		s.attach(e.conn)
	case e.exit != nil:
		s.progress(e.exit)
	case e.id != s.connID:
	case e.err != nil:
		s.conn.Close()
		s.conn = nil
	case e.kind == msgStart:
		s.begin(e.body)
	case e.kind == msgStop && s.job != nil:
		w := wire{b: e.body}
		name, why, hard := w.getStr(), sweep.Stop(w.getStr()), w.getUint() == 1
		if name == s.job.name {
			s.stop(why, hard)
		}
	case e.kind == msgRead && s.job != nil:
		w := wire{b: e.body}
		s.job.read = w.getInt()
	}
}

func (s *supervisor) begin(body []byte) {
	o, err := decodeOrder(body)
	if err != nil || s.job != nil {
		return // trawl and its supervisor are one binary: this cannot come
	}
	now := time.Now()
	s.job = &running{order: o, began: now, grown: now}
	if o.timeout > 0 {
		s.job.deadline = now.Add(o.timeout)
	}
	s.start <- o
}

// fork starts and waits for the trials. It keeps its thread for life: a trial
// gets SIGKILL when the thread that started it ends.
func (s *supervisor) fork() {
	runtime.LockOSThread()
	for o := range s.start {
		ticks := bootTicks() // nothing of the trial is older
		log, pid, err := s.exec(o)
		if err != nil {
			s.events <- event{exit: &ended{start: err, over: true, log: log}}
			continue
		}
		s.note(o, pid, ticks)
		s.events <- event{exit: &ended{pid: pid, log: log}}
		e := &ended{pid: pid, over: true}
		for {
			_, err := syscall.Wait4(pid, &e.status, 0, &e.usage)
			if err != syscall.EINTR {
				break
			}
		}
		s.events <- event{exit: e}
	}
}

// exec starts a trial.
func (s *supervisor) exec(o *order) (log *os.File, pid int, err error) {
	log, err = os.OpenFile(filepath.Join(o.trialDir, LogName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, 0, err
	}
	exe, err := s.lookPath(o)
	if err != nil {
		return log, 0, err
	}
	pid, err = syscall.ForkExec(exe, o.argv, &syscall.ProcAttr{
		Dir: o.dir, Env: o.env, Files: []uintptr{s.null.Fd(), log.Fd(), log.Fd()}, Sys: trialAttr(),
	})
	if err != nil {
		if _, serr := os.Stat(o.dir); serr != nil {
			return log, 0, fmt.Errorf("working directory: %w", serr)
		}
		return log, 0, fmt.Errorf("exec: %s: %w", o.argv[0], err)
	}
	return log, pid, nil
}

// lookPath finds argv[0] as execvp would, with the PATH of the trial.
func (s *supervisor) lookPath(o *order) (string, error) {
	name := o.argv[0]
	if strings.Contains(name, "/") {
		return name, nil // relative to the working directory, as the kernel has it
	}
	path := ""
	for _, kv := range o.env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	key := path + "\x00" + name
	if p, ok := s.path[key]; ok {
		return p, nil
	}
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			dir = "."
		}
		p := filepath.Join(dir, name)
		if !filepath.IsAbs(dir) {
			p = filepath.Join(o.dir, p)
		}
		if st, err := os.Stat(p); err == nil && !st.IsDir() && unix.Access(p, unix.X_OK) == nil {
			s.path[key] = p
			return p, nil
		}
	}
	return "", fmt.Errorf("exec: %s: no such program on PATH", name)
}

// progress takes word of the forking thread.
func (s *supervisor) progress(e *ended) {
	j := s.job
	if e.log != nil {
		j.log = e.log
	}
	if !e.over {
		j.pid = e.pid
		if j.asked { // stopped before it ran
			s.signal()
		}
		return
	}
	x := sweep.Exit{StartedAt: j.began.UnixMicro(), Cause: j.cause}
	if e.start != nil {
		x.Code, x.Class, x.Message = -1, sweep.ClassStart, e.start.Error()
		x.Cause = sweep.StopNone
	} else {
		u := e.usage
		s.reap(&u)
		x.CPUSeconds = seconds(u.Utime) + seconds(u.Stime)
		x.MaxRSSMB = maxRSS(&u)
		x.Code = e.status.ExitStatus()
		if e.status.Signaled() {
			x.Code, x.Signal = -1, int(e.status.Signal())
		}
	}
	x.EndedAt = time.Now().UnixMicro()
	s.seq++
	r := record{Name: j.name, Token: j.token, Boot: j.boot, Seq: s.seq, Exit: x}
	s.cap()
	if j.log != nil {
		j.log.Close()
	}
	s.job = nil
	s.write(r)
}

// write puts an end into the ring; it syncs where no trawl is there to
// commit it.
func (s *supervisor) write(r record) {
	b := r.encode()
	_, _ = s.ring.WriteAt(b, recordSize*int64(1+r.Seq%ringRecords)) // allocated: it can only fail with the disk itself
	if s.conn != nil && send(s.conn, msgExit, b) == nil {
		return
	}
	s.late = true
	_ = s.ring.Sync()
}

// note writes down what runs, for a trawl that finds us dead. It is called by
// the thread that forks, at once: ring is a file, and place 0 is its alone.
func (s *supervisor) note(o *order, pid int, born uint64) {
	b := record{Name: o.name, Token: o.token, Boot: o.boot, PID: pid, Born: born}.encode()
	_, _ = s.ring.WriteAt(b, 0)
}

// reap ends and collects everything that the trial left. With one trial at a
// time, every child and orphan of this process is that trial's. The usage of
// what is collected is added to u.
func (s *supervisor) reap(u *syscall.Rusage) {
	until := time.Now().Add(killPatience)
	for time.Now().Before(until) {
		var status syscall.WaitStatus
		var r syscall.Rusage
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|wall, &r)
		switch {
		case err == syscall.EINTR:
			continue
		case errors.Is(err, syscall.ECHILD):
			return
		case pid > 0:
			u.Utime, u.Stime = add(u.Utime, r.Utime), add(u.Stime, r.Stime)
			u.Maxrss = max(u.Maxrss, r.Maxrss)
			continue
		}
		for _, p := range descendants(os.Getpid()) {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func add(a, b syscall.Timeval) syscall.Timeval {
	return syscall.NsecToTimeval(a.Nano() + b.Nano())
}

func seconds(t syscall.Timeval) float64 { return float64(t.Nano()) / 1e9 }

// stop asks the trial to end, or ends it.
func (s *supervisor) stop(why sweep.Stop, hard bool) {
	j := s.job
	if j.cause == sweep.StopNone || why == sweep.StopKill {
		j.cause = why
	}
	now := time.Now()
	if !j.asked {
		j.asked, j.kill = true, now.Add(j.grace)
		if j.pid > 0 && !hard {
			s.signal()
		}
	}
	if hard {
		j.kill = now
		s.look(now)
	}
}

func (s *supervisor) signal() {
	sig := syscall.Signal(s.job.signal)
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	if syscall.Kill(-s.job.pid, sig) != nil { // its session leader's group; a child that has not called setsid yet
		_ = syscall.Kill(s.job.pid, sig)
	}
}

// nextLook is how long the loop may wait for an event.
func (s *supervisor) nextLook() time.Duration {
	j := s.job
	if j == nil {
		return 0
	}
	now, d := time.Now(), time.Second
	at := func(t time.Time) {
		if !t.IsZero() {
			d = min(d, max(t.Sub(now), time.Millisecond))
		}
	}
	at(j.deadline)
	at(j.kill)
	if j.stall > 0 {
		d = min(d, max(j.stall/10, time.Millisecond))
	}
	if j.asked && !j.kill.After(now) {
		d = 5 * time.Millisecond // until it is gone
	}
	if j.log != nil && j.size > j.logLimit/2 {
		d = min(d, 100*time.Millisecond)
	}
	return d
}

// look enforces what has come due.
func (s *supervisor) look(now time.Time) {
	j := s.job
	if j == nil {
		return
	}
	if n := outputSize(j.trialDir); n != j.size {
		j.size, j.grown = n, now
	}
	if !j.asked && !j.deadline.IsZero() && !now.Before(j.deadline) {
		s.stop(sweep.StopTimeout, false)
	}
	if !j.asked && j.stall > 0 && now.Sub(j.grown) >= j.stall {
		s.stop(sweep.StopStall, false)
	}
	if j.asked && !now.Before(j.kill) && j.pid > 0 {
		for _, p := range descendants(os.Getpid()) {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
		_ = syscall.Kill(-j.pid, syscall.SIGKILL)
		_ = syscall.Kill(j.pid, syscall.SIGKILL)
	}
	s.cap()
}

// outputSize is the size of all that the trial has said.
func outputSize(dir string) int64 {
	var n int64
	for _, name := range []string{LogName, MetricsName} {
		if st, err := os.Stat(filepath.Join(dir, name)); err == nil {
			n += st.Size()
		}
	}
	return n
}

// cap punches the middle out of output beyond the limit: never the first and
// the last half of it, never what a living trawl has not read.
func (s *supervisor) cap() {
	j := s.job
	if j.log == nil || j.logLimit <= 0 {
		return
	}
	st, err := j.log.Stat()
	if err != nil || st.Size() <= j.logLimit {
		return
	}
	from, to := j.logLimit/2, st.Size()-j.logLimit/2
	if s.conn != nil {
		to = min(to, j.read)
	}
	if to > from {
		_ = punch(j.log, from, to) // a file system without holes keeps it all
	}
}
