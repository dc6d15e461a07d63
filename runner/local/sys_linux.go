package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wall makes wait4 see children of every kind, threads of others included.
const wall = unix.WALL

// adopt makes orphans of this process's descendants its own children.
func adopt() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// withoutPidfd makes a test do what older kernels need.
var withoutPidfd bool

// trialAttr is how a trial starts: in a process group of its own in the
// supervisor's session, and dead when the thread that started it ends. A session
// of its own would cost it a scheduling group (autogroup), 5 % of the shortest
// trials. pidfd gets a descriptor of the process, or -1 before Linux 5.4.
func trialAttr(pidfd *int) *syscall.SysProcAttr {
	if withoutPidfd {
		pidfd = nil
	}
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: pidfd}
}

// sessionOf is the session of a trial that this process started: its own, in
// which nothing is that is not of its trials.
func sessionOf(int) int { return os.Getpid() }

// children returns the living children of a process, zombies included.
func children(pid int) []int {
	tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	var out []int
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue
		}
		for _, f := range bytes.Fields(b) {
			if p, err := strconv.Atoi(string(f)); err == nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// descendants returns all processes below pid, but not pid.
func descendants(pid int) []int {
	out := children(pid)
	for i := 0; i < len(out); i++ {
		out = append(out, children(out[i])...)
		if len(out) > 1<<16 {
			break
		}
	}
	return out
}

// stat are the fields of /proc/PID/stat that we look at.
type stat struct {
	state   byte
	ppid    int
	session int
	born    uint64 // start time in clock ticks since boot
}

func readStat(pid int) (s stat, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, false
	}
	i := bytes.LastIndexByte(b, ')') // the name may hold anything
	if i < 0 {
		return s, false
	}
	f := bytes.Fields(b[i+1:])
	if len(f) < 20 {
		return s, false
	}
	s.state = f[0][0]
	s.ppid, _ = strconv.Atoi(string(f[1]))
	s.session, _ = strconv.Atoi(string(f[3]))
	s.born, _ = strconv.ParseUint(string(f[19]), 10, 64)
	return s, true
}

// traces returns the living processes of an attempt: those that have its token
// in their environment, those of its sessions, and all below them. sessions
// maps a session to the time of its start; those of processes with the token
// are added, since what shed the environment may still be in one of them.
func traces(token string, sessions map[int]uint64) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	want := []byte("TRAWL_TOKEN=" + token)
	self := os.Getpid()
	all := map[int]stat{}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == self {
			continue
		}
		s, ok := readStat(pid)
		if !ok || s.state == 'Z' {
			continue
		}
		all[pid] = s
		env, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		if hasVar(env, want) {
			out = append(append(out, pid), descendants(pid)...)
			if born, ok := sessions[s.session]; s.session > 1 && (!ok || s.born < born) {
				sessions[s.session] = s.born
			}
		}
	}
	for pid, s := range all {
		if born, ok := sessions[s.session]; ok && s.born >= born {
			out = append(append(out, pid), descendants(pid)...)
		}
	}
	return out
}

func hasVar(env, want []byte) bool {
	for kv := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(kv, want) {
			return true
		}
	}
	return false
}

// punch gives the blocks of a part of a file back to the disk.
func punch(f *os.File, from, to int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
}

// nextData returns the first offset from off on that is not in a hole.
func nextData(f *os.File, off int64) int64 {
	n, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
	if err != nil || n < off {
		return off
	}
	return n
}

func maxRSS(r *syscall.Rusage) float64 { return float64(r.Maxrss) / 1024 }

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// dirSocket is a path to the socket of a slot that fits the 108 bytes of a
// socket address, however long the directory's is.
func dirSocket(dir *os.File) string {
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/sock"
}

// recvCloexec keeps descriptors that are received from the trials.
const recvCloexec = unix.MSG_CMSG_CLOEXEC

const sockCloexec = syscall.SOCK_CLOEXEC

// orphan reports whether a child of this process was left to it by a
// supervisor: every process that we start ourselves is a supervisor, and still
// runs as one.
func orphan(pid int, s stat) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && !bytes.Contains(b, []byte("__supervise\x00")) && s.ppid == os.Getpid()
}

// bootTicks is the time since boot in the ticks of /proc, of which user space
// sees 100 in a second on every architecture that Go knows.
func bootTicks() uint64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return uint64(ts.Nano() / 1e7)
}

// helperAttr is how a program that serves this process alone starts: in its own
// group, and dead when the thread that started it ends.
func helperAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// lockRange takes a lock on n bytes that belongs to the open file, as flock's
// do, not to the process. It does not wait: EAGAIN or EACCES say that another
// open file has a part of them.
func lockRange(f *os.File, from, n int64) error {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: from, Len: n})
}

// lockedRange reports whether another open file has a lock on any of n bytes.
func lockedRange(f *os.File, from, n int64) bool {
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: from, Len: n}
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l) == nil && l.Type != unix.F_UNLCK
}

// shortPoll is how many milliseconds the supervisor waits before it tells the
// runtime that it does.
const shortPoll = 4

// pollShort is poll(2) of which Go's runtime is not told. It takes a thread that
// waits in a system call for lost, hands its place to others and wakes them up
// again at its return, which is more work than all the rest of a short trial.
func pollShort(fds []unix.PollFd, ms uint) (int, error) {
	ts := unix.NsecToTimespec(int64(ms) * 1e6)
	n, _, e := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
