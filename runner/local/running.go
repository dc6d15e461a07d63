package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/trawl-sweep/trawl/runner/metric/files"
	"github.com/trawl-sweep/trawl/sweep"
)

// running is the job of the moment.
type running struct {
	*order
	pid      int
	ends     int     // readable once the process has ended: its pidfd, or the bell
	waited   *waited // where the bell tells it
	log      *os.File
	began    time.Time
	looked   time.Time
	cause    sweep.Stop
	asked    bool // the signal was sent
	kill     time.Time
	size     int64 // of output and metrics at the last look
	touched  int64 // changes when a file with metrics is written
	grown    time.Time
	read     int64 // what trawl has read of the output
	deadline time.Time
	locks    []int // held until nothing of the trial is left

	cage  *cage // bounds its memory; nil: nothing does, or weigh is when to look
	weigh time.Time
	peak  float64 // MiB that its tree was seen with
	oom   string  // why it is ended
}

// waited is what the kernel says of a process that ended.
type waited struct {
	status syscall.WaitStatus
	usage  syscall.Rusage
}

func (w *waited) wait(pid int) {
	for {
		if _, err := syscall.Wait4(pid, &w.status, 0, &w.usage); err != syscall.EINTR {
			return
		}
	}
}

func (s *supervisor) begin(body []byte) {
	o, err := decodeOrder(body)
	if err != nil || s.job != nil && (s.next != nil || len(s.came) > 0) {
		closeAll(s.came)
		s.came = nil
		return // trawl and its supervisor are one binary: this cannot come
	}
	if s.job != nil {
		s.next = o
		return
	}
	s.run(o)
}

// run starts a job, unless it fails at once.
func (s *supervisor) run(o *order) {
	now := time.Now()
	s.job = &running{order: o, ends: -1, began: now, looked: now, grown: now, locks: s.came}
	s.came = nil
	if o.timeout > 0 {
		s.job.deadline = now.Add(o.timeout)
	}
	s.countKills(now)
	ticks := bootTicks() // nothing of the trial is older
	if err := s.exec(); err != nil {
		s.settle(sweep.Exit{Code: -1, Class: sweep.ClassStart, Message: err.Error()})
		return
	}
	s.note(o, sessionOf(s.job.pid), ticks)
}

// exec starts the job's process.
func (s *supervisor) exec() (err error) {
	j := s.job
	if j.log, err = openLog(filepath.Join(j.trialDir, LogName)); err != nil {
		return err
	}
	exe, err := s.lookPath(j.order)
	if err != nil {
		return err
	}
	start := &syscall.ProcAttr{Dir: j.dir, Env: j.env, Files: []uintptr{s.null.Fd(), j.log.Fd(), j.log.Fd()}, Sys: trialAttr(&j.ends)}
	s.confine(j, start.Sys)
	j.pid, err = syscall.ForkExec(exe, j.argv, start)
	if err != nil && j.cage != nil { // the group may be why: it is ours to make, but not to enter
		j.cage.end()
		j.cage, start.Sys = nil, trialAttr(&j.ends)
		j.pid, err = syscall.ForkExec(exe, j.argv, start)
	}
	if err != nil {
		if _, serr := os.Stat(j.dir); serr != nil {
			return fmt.Errorf("working directory: %w", serr)
		}
		return fmt.Errorf("exec: %s: %w", j.argv[0], err)
	}
	if j.ends < 0 {
		return s.ringAtEnd(j)
	}
	syscall.CloseOnExec(j.ends)
	return nil
}

// openLog opens a trial's output: readable, too, so that a short one goes to
// trawl with the end.
func openLog(path string) (*os.File, error) {
	fd, err := openPlain(path, unix.O_RDWR|unix.O_CREAT|unix.O_APPEND)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openPlain opens a file as the kernel does it: package os tries to have each
// file polled, which a short trial notices.
func openPlain(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o644)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return fd, nil
	}
}

// ringAtEnd makes the bell tell the end of the job, where the kernel has no pidfd.
func (s *supervisor) ringAtEnd(j *running) error {
	if s.bell[0] < 0 {
		if err := unix.Pipe(s.bell[:]); err != nil {
			return fmt.Errorf("pipe: %w", err)
		}
		syscall.CloseOnExec(s.bell[0])
		syscall.CloseOnExec(s.bell[1])
	}
	j.ends, j.waited = s.bell[0], &waited{}
	go func() { // ends with the process
		j.waited.wait(j.pid)
		_, _ = descriptor(s.bell[1]).Write([]byte{1})
	}()
	return nil
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

// over collects the job's process, which has ended, and all that it left.
func (s *supervisor) over() {
	j := s.job
	w := j.waited
	if w != nil {
		_, _ = unix.Read(j.ends, make([]byte, 1))
	} else {
		w = &waited{}
		w.wait(j.pid)
		unix.Close(j.ends)
	}
	s.reap(&w.usage)
	x := sweep.Exit{Cause: j.cause, Code: w.status.ExitStatus(),
		CPUSeconds: seconds(w.usage.Utime) + seconds(w.usage.Stime), MaxRSSMB: maxRSS(&w.usage)}
	if w.status.Signaled() {
		x.Code, x.Signal = -1, int(w.status.Signal())
	}
	s.blameMemory(j, &x)
	s.settle(x)
}

// settle records how the job ended.
func (s *supervisor) settle(x sweep.Exit) {
	j := s.job
	x.StartedAt, x.EndedAt = j.began.UnixMicro(), time.Now().UnixMicro()
	s.seq++
	r := record{Name: j.name, Token: j.token, Boot: j.boot, Seq: s.seq, Exit: x}
	output := j.output(s.cap())
	if j.log != nil {
		j.log.Close()
	}
	closeAll(j.locks) // before trawl hears of it, and may want them for the next
	s.job = nil
	s.write(r, output)
	if o := s.next; o != nil {
		s.next = nil
		s.run(o)
	}
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
		if !hard {
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
	if syscall.Kill(-s.job.pid, sig) != nil { // its group
		_ = syscall.Kill(s.job.pid, sig)
	}
}

// nextLook is how long the loop may wait for an event; negative: for ever.
func (s *supervisor) nextLook() time.Duration {
	j := s.job
	if j == nil {
		return -1
	}
	now, d := time.Now(), time.Second
	at := func(t time.Time) {
		if !t.IsZero() {
			d = min(d, max(t.Sub(now), time.Millisecond))
		}
	}
	at(j.deadline)
	at(j.kill)
	if j.memory > 0 && j.cage == nil {
		at(j.weigh)
		d = min(d, memoryLook)
	}
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
	j.looked = now
	n, touched := outputSize(j.trialDir), int64(0)
	if j.stall > 0 { // a trial that speaks to its files alone is not silent
		var more int64
		more, touched = files.Volume(j.trialDir, j.files)
		n += more
	}
	if n != j.size || touched != j.touched {
		j.size, j.touched, j.grown = n, touched, now
	}
	if !j.asked && !j.deadline.IsZero() && !now.Before(j.deadline) {
		s.stop(sweep.StopTimeout, false)
	}
	if !j.asked && j.stall > 0 && now.Sub(j.grown) >= j.stall {
		s.stop(sweep.StopStall, false)
	}
	s.countKills(now)
	s.watchMemory(now)
	if j.asked && !now.Before(j.kill) {
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
		n += fileSize(filepath.Join(dir, name))
	}
	return n
}

func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// shortOutput is the longest output that goes to trawl with the exit record.
const shortOutput = 4096

// output returns the whole output, of this size, behind a 1 if it is short; else
// nothing, and trawl reads the file.
func (j *running) output(size int64) []byte {
	if size < 0 || size > min(shortOutput, j.logLimit) {
		return nil
	}
	b := make([]byte, 1+size)
	b[0] = 1
	if _, err := j.log.ReadAt(b[1:], 0); err != nil {
		return nil
	}
	return b
}

// cap punches the middle out of output beyond the limit: never the first and
// the last half of it, never what a living trawl has not read. It returns the
// size of the output, or -1.
func (s *supervisor) cap() int64 {
	j := s.job
	if j.log == nil {
		return -1
	}
	st, err := j.log.Stat()
	if err != nil {
		return -1
	}
	if st.Size() <= j.logLimit {
		return st.Size()
	}
	from, to := j.logLimit/2, st.Size()-j.logLimit/2
	if s.conn >= 0 {
		to = min(to, j.read)
	}
	if to > from {
		_ = punch(j.log, from, to) // a file system without holes keeps it all
	}
	return st.Size()
}
