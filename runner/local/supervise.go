package local

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
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

// lookAtLeast is how often what has come due is enforced, however much goes on.
const lookAtLeast = 100 * time.Millisecond

// killPatience bounds how long processes that got SIGKILL may take to go.
const killPatience = 10 * time.Second

// supervisor owns the process tree of one trial at a time. It is one thread
// that polls three descriptors: goroutines and their hand-overs cost a short
// trial a third of its time, and a trial gets SIGKILL when the thread that
// started it ends.
type supervisor struct {
	home   string // dir, absolute
	ring   *os.File
	seq    uint64
	conn   int    // the socket to trawl; -1: no trawl
	in     []byte // the part of a message that has come
	came   []int  // descriptors that the next job's start will claim
	listen int
	bell   [2]int // a pipe that tells the end of a trial where no pidfd does
	job    *running
	next   *order            // begins when the job has ended; a trawl that goes takes it along
	late   bool              // a job ended while no trawl was there
	path   map[string]string // argv[0] → where it was found, for one PATH
	null   *os.File

	kills   int64 // of the kernel for want of memory, as of counted
	counted time.Time
}

// Supervise is the main function of `trawl __supervise DIR`: the owner of one
// slot's process trees. It returns the exit status.
func Supervise(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "__supervise: trawl starts it; it is of no use by hand")
		return 2
	}
	runtime.LockOSThread()
	debug.SetGCPercent(400)
	// Caught, not ignored: what is ignored stays so in the trials.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGQUIT)
	adopt()
	s := &supervisor{conn: -1, bell: [2]int{-1, -1}, path: map[string]string{}}
	if err := s.open(args[0]); err != nil {
		fmt.Fprintln(os.Stderr, "__supervise:", err)
		return 1
	}
	s.loop()
	return 0
}

func (s *supervisor) open(dir string) error {
	syscall.CloseOnExec(connFD)
	syscall.CloseOnExec(lockFD)
	if err := os.Chdir(dir); err != nil { // the socket's path is relative: addresses are short
		return err
	}
	var err error
	if s.home, err = os.Getwd(); err != nil {
		return err
	}
	s.countKills(time.Now())
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
	if s.listen, err = listenAt("sock"); err != nil {
		return err
	}
	s.attach(connFD)
	return nil
}

// listenAt makes the socket on which a later trawl finds this supervisor.
func listenAt(path string) (int, error) {
	os.Remove(path)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	syscall.CloseOnExec(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return -1, fmt.Errorf("bind %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return -1, err
	}
	if err := unix.Listen(fd, 8); err != nil {
		return -1, fmt.Errorf("listen: %w", err)
	}
	return fd, nil
}

// attach makes c the connection to trawl and says what runs.
func (s *supervisor) attach(c int) {
	s.part()
	s.conn, s.in = c, nil
	w := wire{}
	if s.job != nil {
		w.str(s.job.name).str(s.job.token)
	} else {
		w.str("").str("")
	}
	_ = send(descriptor(c), msgHello, w.b) // one that is gone again is noticed by hear
}

// part closes the connection to trawl.
func (s *supervisor) part() {
	if s.conn >= 0 {
		unix.Close(s.conn)
		s.conn = -1
	}
	s.next = nil     // it never began: the next trawl starts it again
	closeAll(s.came) // of a start that never came
	s.came = nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// loop handles one event after the other until there is nothing left to do.
func (s *supervisor) loop() {
	for {
		alone := s.job == nil && s.conn < 0
		if alone && !s.late {
			return // trawl ended, and there is nothing to tell the next one
		}
		d := s.nextLook()
		if alone {
			d = linger
		}
		trial, conn, listen := s.poll(d)
		idle := !trial && !conn && !listen
		if idle && alone {
			return
		}
		if now := time.Now(); s.job != nil && (idle || now.Sub(s.job.looked) > lookAtLeast) {
			s.look(now) // also while trawl has a lot to say
		}
		if trial && s.job != nil {
			s.over()
		}
		if conn {
			s.hear()
		}
		if listen {
			s.accept()
		}
	}
}

// poll waits for an event, for at most d; a negative d is for ever.
func (s *supervisor) poll(d time.Duration) (trial, conn, listen bool) {
	fds := [3]unix.PollFd{{Fd: -1}, {Fd: int32(s.conn)}, {Fd: int32(s.listen)}}
	if s.job != nil {
		fds[0].Fd = int32(s.job.ends)
	}
	for i := range fds {
		fds[i].Events = unix.POLLIN
	}
	ms := -1
	if d >= 0 {
		ms = int((d + time.Millisecond - 1) / time.Millisecond)
	}
	n, err := pollShort(fds[:], min(uint(ms), shortPoll))
	if err == nil && n == 0 && (ms < 0 || ms > shortPoll) {
		n, err = unix.Poll(fds[:], ms)
	}
	if err != nil || n == 0 { // EINTR: the loop looks, and comes back
		return false, false, false
	}
	return fds[0].Revents != 0, fds[1].Revents != 0, fds[2].Revents != 0
}

// accept takes another trawl instead of the one before.
func (s *supervisor) accept() {
	c, _, err := unix.Accept(s.listen)
	if err != nil {
		return // it is gone again
	}
	syscall.CloseOnExec(c)
	s.attach(c)
}

// hear reads what trawl has sent and does what the whole messages in it say.
func (s *supervisor) hear() {
	var buf [1 << 14]byte
	var rights [1 << 9]byte
	n, k, _, _, err := unix.Recvmsg(s.conn, buf[:], rights[:], recvCloexec)
	if err == unix.EINTR || err == unix.EAGAIN {
		return
	}
	if err != nil || n <= 0 {
		s.part()
		return
	}
	if k > 0 {
		s.came = append(s.came, descriptors(rights[:k])...)
	}
	s.in = append(s.in, buf[:n]...)
	for len(s.in) >= 5 {
		size := binary.LittleEndian.Uint32(s.in[1:])
		if size > maxMsg {
			s.part() // not one of ours
			return
		}
		if uint32(len(s.in)-5) < size {
			return
		}
		kind, body := s.in[0], s.in[5:5+size]
		s.in = s.in[5+size:]
		s.obey(kind, body)
	}
}

// descriptors are those that came with a message.
func descriptors(rights []byte) (fds []int) {
	ms, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for i := range ms {
		if got, err := unix.ParseUnixRights(&ms[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
	}
	return fds
}

// obey does what one message says. It keeps nothing of body.
func (s *supervisor) obey(kind byte, body []byte) {
	switch {
	case kind == msgStart:
		s.begin(body)
	case kind == msgStop && s.job != nil:
		w := wire{b: body}
		name, why, hard := w.getStr(), sweep.Stop(w.getStr()), w.getUint() == 1
		switch {
		case name == s.job.name:
			s.stop(why, hard)
		case s.next != nil && name == s.next.name:
			s.drop(why)
		}
	case kind == msgRead && s.job != nil:
		w := wire{b: body}
		s.job.read = w.getInt()
	}
}

// drop ends the next job before it begins.
func (s *supervisor) drop(why sweep.Stop) {
	o, now := s.next, time.Now().UnixMicro()
	s.next = nil
	s.seq++
	s.write(record{Name: o.name, Token: o.token, Boot: o.boot, Seq: s.seq, Exit: sweep.Exit{Code: -1, Cause: why, StartedAt: now, EndedAt: now}}, nil)
}

// write puts an end into the ring and tells trawl; it syncs where no trawl is
// there to commit it.
func (s *supervisor) write(r record, output []byte) {
	b := r.encode()
	_, _ = s.ring.WriteAt(b, recordSize*int64(1+r.Seq%ringRecords)) // allocated: it can only fail with the disk itself
	if s.conn >= 0 && send(descriptor(s.conn), msgExit, append(b, output...)) == nil {
		return
	}
	s.late = true
	_ = s.ring.Sync()
}

// note writes down what runs, for a trawl that finds us dead.
func (s *supervisor) note(o *order, session int, born uint64) {
	b := record{Name: o.name, Token: o.token, Boot: o.boot, PID: session, Born: born}.encode()
	_, _ = s.ring.WriteAt(b, 0)
}

// descriptor writes until all is written.
type descriptor int

func (c descriptor) Write(b []byte) (n int, err error) {
	for n < len(b) {
		k, err := unix.Write(int(c), b[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}
