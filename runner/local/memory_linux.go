package local

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// FreeMemory is the memory, in bytes, that programs can have without swapping:
// the kernel's estimate, or what the control groups leave if that is less. -1:
// it cannot be told.
func FreeMemory() int64 {
	free := meminfo("MemAvailable:")
	for _, g := range memoryGroups() {
		if limit, used, ok := g.usage(); ok {
			left := max(0, limit-used)
			if free < 0 || left < free {
				free = left
			}
		}
	}
	return free
}

// UsableMemory is the memory, in bytes, that all programs of this machine or of
// its container together can have. -1: it cannot be told.
func UsableMemory() int64 {
	all := meminfo("MemTotal:")
	for _, g := range memoryGroups() {
		if limit, _, ok := g.usage(); ok && (all < 0 || limit < all) {
			all = limit
		}
	}
	return all
}

// meminfo reads a size from /proc/meminfo, in bytes; -1 if it is not there.
func meminfo(name string) int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return -1
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) > 1 && f[0] == name {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return n << 10
			}
		}
	}
	return -1
}

// memoryGroup is a control group that bounds memory.
type memoryGroup struct{ limit, used, stat, inactive string }

// memoryGroups are those of this process, version 2 or 1, from the innermost
// out.
func memoryGroups() []memoryGroup {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	var out []memoryGroup
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) < 3 {
			continue
		}
		root, files := "/sys/fs/cgroup", [4]string{"memory.max", "memory.current", "memory.stat", "inactive_file"}
		switch {
		case f[1] == "memory":
			root, files = "/sys/fs/cgroup/memory", [4]string{"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file"}
		case f[0] != "0":
			continue
		}
		for dir := filepath.Clean("/" + f[2]); ; dir = filepath.Dir(dir) {
			at := filepath.Join(root, dir)
			out = append(out, memoryGroup{filepath.Join(at, files[0]), filepath.Join(at, files[1]), filepath.Join(at, files[2]), files[3]})
			if dir == "/" {
				break
			}
		}
	}
	return out
}

// usage is what the group may have and has; what the kernel would drop first,
// files that nobody uses, does not count. ok is false where it has no limit.
func (g memoryGroup) usage() (limit, used int64, ok bool) {
	limit, ok = number(g.limit)
	if !ok || limit <= 0 || limit > 1<<60 {
		return 0, 0, false
	}
	if used, ok = number(g.used); !ok {
		return 0, 0, false
	}
	if b, err := os.ReadFile(g.stat); err == nil {
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(line, g.inactive+" "); ok {
				if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
					used = max(0, used-n)
				}
			}
		}
	}
	return limit, used, true
}

// number reads a file that holds one; "max" is none.
func number(path string) (int64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}
