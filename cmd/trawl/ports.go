package main

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ports hands out TCP ports that were free a moment ago, each once in a long
// while.
type ports struct {
	mu     sync.Mutex // jobs of `trawl try` and of the loop come from different goroutines
	last   int
	busy   map[int]bool // nil: the system has no list of them
	listed time.Time
}

// firstPort and lastPort lie below what systems hand out by themselves.
const firstPort, lastPort = 20000, 32000

func (p *ports) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.listed) > 5*time.Second {
		p.busy, p.listed = busyPorts("/proc/net/tcp", "/proc/net/tcp6"), now
	}
	for range 100 {
		if p.last < firstPort || p.last >= lastPort {
			p.last = firstPort + os.Getpid()%8000
		}
		p.last++
		if p.busy != nil && !p.busy[p.last] || p.busy == nil && portFree(p.last) {
			break
		}
	}
	return p.last
}

// busyPorts reads the local ports from the kernel's tables of sockets: one look
// for a thousand trials costs less than one bind for each. It returns nil if
// the first of them cannot be read.
func busyPorts(tables ...string) map[int]bool {
	busy := map[int]bool{}
	for i, name := range tables {
		b, err := os.ReadFile(name)
		if err != nil && i == 0 {
			return nil
		}
		for line := range bytes.Lines(b) {
			f := bytes.Fields(line) // "sl: ADDRESS:PORT …", the port in hexadecimal
			if len(f) < 2 {
				continue
			}
			_, hex, ok := bytes.Cut(f[1], []byte(":"))
			if port, err := strconv.ParseUint(string(hex), 16, 16); ok && err == nil {
				busy[int(port)] = true
			}
		}
	}
	return busy
}

// portFree reports whether nothing is bound to a TCP port of this machine. It
// binds and lets go, without the poller that package net would set up.
func portFree(port int) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return true // nothing can be said; the trial will
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrInet4{Port: port}) == nil
}
