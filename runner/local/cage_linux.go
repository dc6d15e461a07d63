package local

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A cage is a control group (version 2) that bounds the memory of one trial's
// tree: the kernel ends the whole tree that wants more. There is one where an
// unprivileged user's session or a container lets us make groups beside our own;
// elsewhere the supervisor looks at the tree itself.
type cage struct {
	path string
	dir  *os.File
}

// cgroupRoots are where version 2 may be mounted.
var cgroupRoots = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}

// newCage makes the group for the slot of this directory, with room for limit
// bytes. One that a supervisor left there that died is used again.
func newCage(slot string, limit int64) (*cage, error) {
	h := fnv.New64a()
	h.Write([]byte(slot))
	name := fmt.Sprintf("trawl-%016x", h.Sum64())
	err := errors.New("no control group with memory to share out")
	for _, parent := range cageParents() {
		var c *cage
		if c, err = makeCage(filepath.Join(parent, name), limit); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// cageParents are the groups that share out memory among those below them: our
// own, which can only do that at the top, and the one above.
func cageParents() []string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for _, root := range cgroupRoots {
			for _, dir := range []string{filepath.Join(root, own), filepath.Dir(filepath.Join(root, own))} {
				on, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
				if err == nil && strings.Contains(" "+strings.TrimSpace(string(on))+" ", " memory ") {
					out = append(out, dir)
				}
			}
		}
	}
	return out
}

func makeCage(path string, limit int64) (*cage, error) {
	if err := os.Mkdir(path, 0o755); errors.Is(err, os.ErrExist) {
		if err := os.Remove(path); err != nil { // somebody lives in it
			return nil, err
		}
		err = os.Mkdir(path, 0o755)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	c := &cage{path: path}
	err := c.set("memory.max", strconv.FormatInt(limit, 10))
	if err == nil {
		_ = c.set("memory.swap.max", "0")  // without swap there is no such file
		_ = c.set("memory.oom.group", "1") // before Linux 4.19 the largest process goes alone
		c.dir, err = os.Open(path)
	}
	if err != nil {
		_ = os.Remove(path)
		return nil, err
	}
	return c, nil
}

func (c *cage) set(file, value string) error {
	return os.WriteFile(filepath.Join(c.path, file), []byte(value), 0)
}

// into makes a process start inside.
func (c *cage) into(attr *syscall.SysProcAttr) {
	attr.UseCgroupFD, attr.CgroupFD = true, int(c.dir.Fd())
}

// end removes the group, whose processes are gone, and tells whether the kernel
// had to end one for its memory, and the most that it had, in MiB.
func (c *cage) end() (oom bool, peakMB float64) {
	if c == nil {
		return false, 0
	}
	if b, err := os.ReadFile(filepath.Join(c.path, "memory.events")); err == nil {
		for line := range strings.Lines(string(b)) {
			if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
				oom = strings.TrimSpace(n) != "0"
			}
		}
	}
	if n, ok := number(filepath.Join(c.path, "memory.peak")); ok {
		peakMB = float64(n) / (1 << 20)
	}
	c.dir.Close()
	for range 50 { // the last of its processes may still be on its way out
		if err := os.Remove(c.path); !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return oom, peakMB
}

// treeMemory is the resident memory, in bytes, of processes. What several of
// them share counts for each, unless that would be above limit: then the kernel
// is asked for proportional shares, which costs it a walk over their pages.
func treeMemory(pids []int, limit int64) int64 {
	page, sum := int64(os.Getpagesize()), int64(0)
	for _, pid := range pids {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
		if err != nil {
			continue // it is gone
		}
		if f := strings.Fields(string(b)); len(f) > 1 {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				sum += n * page
			}
		}
	}
	if sum <= limit || len(pids) < 2 {
		return sum
	}
	shares := int64(0)
	for _, pid := range pids {
		n, ok := proportional(pid)
		if !ok {
			return sum // not told by this kernel
		}
		shares += n
	}
	return shares
}

// proportional is the resident memory of a process with what it shares split
// among those that share it. A process that is gone has none.
func proportional(pid int) (bytes int64, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		return 0, errors.Is(err, syscall.ESRCH) || errors.Is(err, os.ErrNotExist) && !exists(pid)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}

func exists(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}

// oomKills is how many processes this kernel has ended for want of memory; -1:
// it does not tell.
func oomKills() int64 {
	b, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "oom_kill "); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}
