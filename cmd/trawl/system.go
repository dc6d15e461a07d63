package main

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clock is the wall clock.
type clock struct{ a *app }

// Now returns the time.
func (c clock) Now() time.Time { return c.a.now() }

// After is time.After with a stop.
func (clock) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// bootID names this boot of this machine; "" where the system has none.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// freeDisk is the free bytes, for us, of the file system that holds dir.
func freeDisk(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// signalNumber reads SIGTERM, TERM or 15; 0 if there is no such signal.
func signalNumber(name string) int {
	if name == "" {
		return 0
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	return int(unix.SignalNum(name))
}
