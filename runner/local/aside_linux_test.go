package local

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The hunt for what trials left behind spares trawl's own commands, and what
// those leave behind.
func TestAsideIsSpared(t *testing.T) {
	dir := t.TempDir()
	b := backend(t, dir)
	aside := exec.Command("sh", "-c", "(sleep 300 & touch daemon; exec >/dev/null 2>&1) & wait; sleep 300 & wait")
	aside.Dir, aside.SysProcAttr = dir, &syscall.SysProcAttr{Setsid: true}
	if err := b.Aside(aside); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-aside.Process.Pid, syscall.SIGKILL); _ = aside.Wait() })
	awaitFile(t, filepath.Join(dir, "daemon"))
	left := exec.Command("sleep", "300") // stands in for a trial's orphan
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // between fork and exec it looks like us
		if st, ok := readStat(left.Process.Pid); ok && orphan(left.Process.Pid, st) {
			break
		}
		if time.Now().After(until) {
			t.Fatal("the stand-in is no orphan")
		}
	}
	reapOrphans(b)
	if _, ok := readStat(left.Process.Pid); ok {
		t.Error("an orphan was spared")
	}
	_ = left.Wait() // it was collected by the hunt
	if st, ok := readStat(aside.Process.Pid); !ok || st.state == 'Z' {
		t.Error("trawl's own command was ended")
	}
	if n := len(descendants(aside.Process.Pid)); n == 0 {
		t.Error("what it started was ended")
	}
	if err := b.Aside(exec.Command("/no/such/program")); err == nil {
		t.Error("a program that there is not was started")
	}
}
