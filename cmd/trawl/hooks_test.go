package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A hook has its time, and is ended with all that it started when that is over,
// though it ignores SIGTERM.
func TestHooksEndInTime(t *testing.T) {
	for _, tt := range []struct {
		name, script, err string
		limit             time.Duration
	}{
		{"in time", "exit 0", "", time.Minute},
		{"failing", "exit 3", "exit status 3", time.Minute},
		{"at SIGTERM", "sleep 300", "longer than 50ms", 50 * time.Millisecond},
		{"at SIGKILL", "trap '' TERM; sleep 300 & wait; sleep 300", "longer than 50ms", 50 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("sh", "-c", tt.script)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			err := awaitWithin(cmd, tt.limit, 100*time.Millisecond)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if cmd.ProcessState == nil {
				t.Error("it was not waited for")
			}
		})
	}
}
