package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/sweep"
)

// A tree that shares its pages is not charged for them once per process.
func TestTreeMemory(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 300 & sleep 300 & sleep 300 & wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() })
	var pids []int
	for until := time.Now().Add(patience); len(pids) < 4; time.Sleep(5 * time.Millisecond) {
		if pids = append(descendants(cmd.Process.Pid), cmd.Process.Pid); time.Now().After(until) {
			t.Fatalf("processes: %v", pids)
		}
	}
	each, whole := int64(0), treeMemory(pids, 1<<40)
	for _, p := range pids {
		each += treeMemory([]int{p}, 0)
	}
	if whole != each || whole <= 0 {
		t.Errorf("below the limit: got %d bytes, want the sum %d", whole, each)
	}
	if _, ok := proportional(os.Getpid()); !ok {
		t.Skip("this kernel tells no proportional shares")
	}
	if shares := treeMemory(pids, 1); shares >= whole || shares <= 0 {
		t.Errorf("above the limit: got %d bytes, want less than %d", shares, whole)
	}
	if n := treeMemory([]int{1 << 30, 1<<30 + 1}, 0); n != 0 {
		t.Errorf("processes that are gone have %d bytes", n)
	}
}

// What the kernel says of a group is read as it writes it.
func TestCageVerdict(t *testing.T) {
	for _, tt := range []struct {
		events string
		oom    bool
	}{{"low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n", true}, {"oom 0\noom_kill 0\n", false}, {"", false}} {
		c := &cage{path: t.TempDir()}
		write(t, filepath.Join(c.path, "memory.events"), tt.events)
		write(t, filepath.Join(c.path, "memory.peak"), "104857600\n")
		var err error
		if c.dir, err = os.Open(c.path); err != nil {
			t.Fatal(err)
		}
		if oom, peak := c.end(); oom != tt.oom || peak != 100 {
			t.Errorf("%q: got %v, %g MiB", tt.events, oom, peak)
		}
	}
	if oom, peak := (*cage)(nil).end(); oom || peak != 0 {
		t.Error("no cage has a verdict")
	}
}

// Where groups can be made, the kernel keeps the limit, and nothing is left.
func TestCage(t *testing.T) {
	c, err := newCage(t.TempDir(), 64<<20)
	if err != nil {
		t.Skip("no control group with memory can be made here: ", err)
	}
	path := c.path
	c.end()
	if exists, _ := filepath.Glob(path); exists != nil {
		t.Fatalf("left behind: %s", path)
	}
	dir := t.TempDir()
	b := backend(t, dir)
	j := shell(dir, 1, "dd if=/dev/zero bs=300M count=1 | sleep 300")
	j.Memory = 64 << 20
	_, x := runOne(t, b, j)
	if x.Class != sweep.ClassOOM || !strings.Contains(x.Message, "resources.memory") {
		t.Errorf("got %+v", x)
	}
}

// A group that can be made but not entered is no reason to fail.
func TestForeignCage(t *testing.T) {
	dir := t.TempDir()
	s := &supervisor{home: dir}
	s.null, _ = os.Open(os.DevNull)
	defer s.null.Close()
	s.path = map[string]string{}
	j := &running{order: &order{argv: []string{"/bin/true"}, dir: dir, trialDir: dir, env: os.Environ(), memory: 1 << 30}, ends: -1}
	plain, err := os.Open(dir) // no control group at all
	if err != nil {
		t.Fatal(err)
	}
	j.cage = &cage{path: filepath.Join(dir, "nosuch"), dir: plain}
	s.job = j
	if err := s.exec(); err != nil || j.cage != nil || j.pid <= 0 {
		t.Fatalf("%v, cage %v, pid %d", err, j.cage, j.pid)
	}
	var w waited
	w.wait(j.pid)
	if w.status.ExitStatus() != 0 {
		t.Errorf("exit status %d", w.status.ExitStatus())
	}
	j.log.Close()
}

// Only a kill that the kernel counts is blamed on memory.
func TestBlame(t *testing.T) {
	killed := sweep.Exit{Code: -1, Signal: int(syscall.SIGKILL)}
	s := &supervisor{kills: oomKills()}
	j := &running{order: &order{memory: 1 << 20}}
	if x := killed; true {
		if s.blameMemory(j, &x); x.Class != "" {
			t.Errorf("a kill by somebody: %+v", x)
		}
	}
	if s.kills > 0 {
		s.kills--
		if x := killed; true {
			if s.blameMemory(j, &x); x.Class != sweep.ClassOOM {
				t.Errorf("one that the kernel counted: %+v", x)
			}
		}
	}
	j.oom = "too much"
	x := sweep.Exit{}
	if s.blameMemory(j, &x); x.Class != "" {
		t.Errorf("it ended well before the kill came: %+v", x)
	}
	x = killed
	if s.blameMemory(j, &x); x.Class != sweep.ClassOOM || x.Message != "too much" {
		t.Errorf("got %+v", x)
	}
}

var _ runner.Slots = (*Devices)(nil)
