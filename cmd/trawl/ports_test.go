package main

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestPortsAreFreeAndDiffer(t *testing.T) {
	var p ports
	seen := map[int]bool{}
	for range 200 {
		n := p.next()
		if seen[n] || n <= firstPort || n > lastPort {
			t.Fatalf("port %d: twice, or out of %d to %d", n, firstPort, lastPort)
		}
		seen[n] = true
	}
}

func TestBusyPorts(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if portFree(port) {
		t.Errorf("port %d has a listener and is free", port)
	}
	if busyPorts("no such file") != nil {
		t.Error("a system without tables has some")
	}
	table := filepath.Join(t.TempDir(), "tcp")
	text := "  sl  local_address rem_address   st\n   0: 0100007F:4E21 00000000:0000 0A\n\n   1: x\n"
	if err := os.WriteFile(table, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := busyPorts(table, "no such file"); len(got) != 1 || !got[0x4e21] {
		t.Errorf("got %v, want port 20001", got)
	}
	if runtime.GOOS == "linux" && !busyPorts("/proc/net/tcp")[port] {
		t.Errorf("port %d has a listener and is not in the kernel's table", port)
	}
}
