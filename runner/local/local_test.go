package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/runnertest"
	"github.com/trawl-sweep/trawl/runner/runnertest/commandtest"
	"github.com/trawl-sweep/trawl/sweep"
)

// The test binary stands in for trawl: as a supervisor, and as a trawl that is
// killed while it holds a backend.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "__supervise" {
		withoutPidfd = os.Getenv("LOCAL_TEST_BELL") != ""
		os.Exit(Supervise(os.Args[2:]))
	}
	if dir := os.Getenv("LOCAL_TEST_HOLD"); dir != "" {
		hold(dir, os.Getenv("LOCAL_TEST_SCRIPT"))
		return
	}
	// The race detector holds every process for a second at its end, to see late
	// races; with a supervisor per backend that is most of the time of all tests.
	os.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=50"))
	goleak.VerifyTestMain(m)
}

// hold starts one job and waits to be killed.
func hold(dir, script string) {
	b, err := New(Options{RunsDir: dir, Slots: 1})
	if err != nil {
		panic(err)
	}
	if err := b.Start(context.Background(), shell(dir, 1, script)); err != nil {
		panic(err)
	}
	if os.Getenv("LOCAL_TEST_AHEAD") != "" {
		if err := b.Start(context.Background(), waiting(dir, 2, "true")); err != nil {
			panic(err)
		}
		for { // until its supervisor has it
			b.mu.Lock()
			sent := len(b.slots) == 1 && b.slots[0].sent != nil
			b.mu.Unlock()
			if sent {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	fmt.Println("started")
	for range b.Updates() {
	}
}

func shell(dir string, id sweep.TrialID, script string) runner.Job {
	j := runner.Job{Name: fmt.Sprintf("t%04d.1", id), Trial: id, Attempt: 1, Token: fmt.Sprintf("token-%s-%d", filepath.Base(dir), id),
		Dir: dir, TrialDir: filepath.Join(dir, fmt.Sprint(id)), Params: []byte("{}"), Grace: 2 * time.Second}
	j.Argv = []string{"sh", "-c", script}
	j.Env = os.Environ()
	return j
}

func backend(t *testing.T, dir string, patterns ...string) *Backend {
	t.Helper()
	b, err := New(Options{RunsDir: dir, Slots: 2, Patterns: patterns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestLaws(t *testing.T) {
	commandtest.Run(t, func(t *testing.T) (runner.Backend, func() runner.Backend) {
		dir := t.TempDir()
		return backend(t, dir), func() runner.Backend { return backend(t, dir) }
	})
}

// TestWithoutPidfd runs the laws as on a kernel before 5.4.
func TestWithoutPidfd(t *testing.T) {
	t.Setenv("LOCAL_TEST_BELL", "1")
	TestLaws(t)
}

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// runOne runs a job to its end and returns its reports and how it ended.
func runOne(t *testing.T, b *Backend, j runner.Job) ([]sweep.Report, *sweep.Exit) {
	t.Helper()
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]runner.Update{}
	x := runnertest.Await(t, b, j.Name, seen)
	b.Settled(j.Name)
	var out []sweep.Report
	for _, u := range seen[j.Name] {
		out = append(out, u.Reports...)
	}
	return out, x
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script string
		edit   func(*runner.Job)
		want   func(x *sweep.Exit) bool
		loss   string // the last reported
	}{
		{"exit at once", "exit 0", nil, func(x *sweep.Exit) bool { return x.Code == 0 && x.Signal == 0 }, ""},
		{"exit status", "exit 7", nil, func(x *sweep.Exit) bool { return x.Code == 7 }, ""},
		{"own signal", "kill -SEGV $$", nil, func(x *sweep.Exit) bool { return x.Signal == int(syscall.SIGSEGV) && x.Cause == "" }, ""},
		{"missing program", "", func(j *runner.Job) { j.Argv = []string{"no-such-program"} },
			func(x *sweep.Exit) bool {
				return x.Class == sweep.ClassStart && strings.Contains(x.Message, "no-such-program")
			}, ""},
		{"not executable", "", func(j *runner.Job) { j.Argv = []string{"/etc/passwd"} },
			func(x *sweep.Exit) bool {
				return x.Class == sweep.ClassStart && strings.Contains(x.Message, "permission")
			}, ""},
		{"missing directory", "true", func(j *runner.Job) { j.Dir = "/no/such/dir" },
			func(x *sweep.Exit) bool {
				return x.Class == sweep.ClassStart && strings.Contains(x.Message, "directory")
			}, ""},
		{"timeout", "sleep 300", func(j *runner.Job) { j.Timeout = 50 * time.Millisecond },
			func(x *sweep.Exit) bool { return x.Cause == sweep.StopTimeout }, ""},
		{"stall", "echo '{\"loss\":1}'; sleep 300", func(j *runner.Job) { j.StallTimeout = 100 * time.Millisecond },
			func(x *sweep.Exit) bool { return x.Cause == sweep.StopStall }, "1"},
		{"ignores SIGTERM", "trap '' TERM; echo '{\"loss\":2}'; while :; do sleep 1; done",
			func(j *runner.Job) { j.Timeout, j.Grace = 300*time.Millisecond, 50*time.Millisecond },
			func(x *sweep.Exit) bool { return x.Cause == sweep.StopTimeout && x.Signal == int(syscall.SIGKILL) }, "2"},
		{"too much memory", "echo '{\"loss\":9}'; dd if=/dev/zero bs=150M count=1 2>/dev/null | sleep 300",
			func(j *runner.Job) { j.Memory = 60 << 20 },
			func(x *sweep.Exit) bool {
				return x.Class == sweep.ClassOOM && strings.Contains(x.Message, "resources.memory allows") && x.MaxRSSMB > 60 && x.Cause == ""
			}, "9"},
		{"enough memory", "dd if=/dev/zero bs=50M count=1 2>/dev/null | (sleep 0.3; cat >/dev/null)",
			func(j *runner.Job) { j.Memory = 120 << 20 },
			func(x *sweep.Exit) bool { return x.Code == 0 && x.Class == "" && x.MaxRSSMB > 40 }, ""},
		{"progress bars", `printf 'a\rb\r{"loss":3}\r{"loss":4}\r\n'`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "4"},
		{"no newline", `printf '{"loss":5}'`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "5"},
		{"not a number", `echo '{"loss":NaN}'`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "NaN"},
		{"too large", `echo '{"loss":1e400}'`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "+Inf"},
		{"invalid UTF-8", `printf '\377\376\n{"loss":6}\n'`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "6"},
		{"long line", `head -c 5000000 /dev/zero | tr '\0' x; echo; echo '{"loss":7}'`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "7"},
		{"standard error", `echo '{"loss":8}' >&2`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "8"},
		{"metrics file", `echo 'loss=9 step=4' >>"$METRICS"`, nil, func(x *sweep.Exit) bool { return x.Code == 0 }, "9"},
		{"GPU out of memory", `echo 'torch.OutOfMemoryError: CUDA out of memory.'; exit 1`, nil, func(x *sweep.Exit) bool { return x.Class == sweep.ClassOOM }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			j := shell(dir, 1, tt.script)
			j.Env = append(j.Env, "METRICS="+filepath.Join(j.TrialDir, MetricsName))
			if tt.edit != nil {
				tt.edit(&j)
			}
			reports, x := runOne(t, backend(t, dir), j)
			if !tt.want(x) {
				t.Errorf("got exit %+v", *x)
			}
			got := ""
			if n := len(reports); n > 0 {
				got = strconv.FormatFloat(reports[n-1].Value, 'g', -1, 64)
			}
			if got != tt.loss {
				t.Errorf("got last loss %q, want %q", got, tt.loss)
			}
		})
	}
}

// alive returns the processes whose command line has the marker.
func alive(marker string) []string {
	var out []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		b, _ := os.ReadFile(d + "/cmdline")
		pid, _ := strconv.Atoi(filepath.Base(d))
		if st, ok := readStat(pid); ok && st.state != 'Z' && pid != os.Getpid() && bytes.Contains(b, []byte(marker)) {
			out = append(out, filepath.Base(d)+" "+string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})))
		}
	}
	return out
}

// hostile starts every kind of process that tries to stay; all sleep for the
// marker's number of seconds.
func hostile(marker string) string {
	return strings.ReplaceAll(`
		sleep M &
		(sleep M &)
		setsid sleep M &
		setsid sh -c 'sleep M & sleep M' >/dev/null 2>&1 &
		env -i setsid sleep M &
		nohup sleep M >/dev/null 2>&1 &
		sh -c 'trap "" TERM HUP; sleep M; sleep M' &
		sleep 0.1
	`, "M", marker)
}

func TestNothingStays(t *testing.T) {
	marker := fmt.Sprintf("%d.5", 100000+os.Getpid())
	dir := t.TempDir()
	b := backend(t, dir)
	_, x := runOne(t, b, shell(dir, 1, hostile(marker)+"exit 0"))
	if x.Code != 0 {
		t.Errorf("got exit %+v, want 0", *x)
	}
	if left := alive(marker); len(left) > 0 {
		t.Errorf("left alive: %q", left)
	}
}

// When the supervisor is killed, its trial is lost and all of it is gone.
func TestSupervisorKilled(t *testing.T) {
	marker := fmt.Sprintf("%d.25", 100000+os.Getpid())
	dir := t.TempDir()
	b := backend(t, dir)
	j := shell(dir, 1, hostile(marker)+`echo '{"loss":1}'; sleep `+marker)
	if err := b.Start(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]runner.Update{}
	for len(seen[j.Name]) == 0 {
		u := <-b.Updates()
		seen[u.Name] = append(seen[u.Name], u)
	}
	b.mu.Lock()
	pid := b.slots[0].pid
	b.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if x := runnertest.Await(t, b, j.Name, seen); x.Class != sweep.ClassLost {
		t.Errorf("got exit %+v, want class lost", *x)
	}
	if left := alive(marker); len(left) > 0 {
		t.Errorf("left alive: %q", left)
	}
	b.Settled(j.Name)
	if _, x := runOne(t, b, shell(dir, 2, "exit 3")); x.Code != 3 {
		t.Errorf("the slot's next job: got exit %+v, want 3", *x)
	}
}

// holder starts a fake trawl with one job and returns when the job was sent.
func holder(t *testing.T, dir, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCAL_TEST_HOLD="+dir, "LOCAL_TEST_SCRIPT="+script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, err := out.Read(b); err != nil {
		t.Fatalf("the holder said %q: %v", b[:n], err)
	}
	return cmd
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
}

// awaitFile waits until a file is there: a trial says that it has come so far.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	t.Fatalf("%s never came", path)
}

func TestReattach(t *testing.T) {
	dir := t.TempDir()
	script := `echo '{"loss":1}'; touch "` + dir + `/here"; while ! [ -e "` + dir + `/go" ]; do sleep 0.01; done; echo '{"loss":2}'`
	cmd := holder(t, dir, script)
	awaitFile(t, dir+"/here")
	kill(t, cmd)
	b := backend(t, dir)
	j := shell(dir, 1, script)
	if err := b.Recover(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]runner.Update{}
	if x := runnertest.Await(t, b, j.Name, seen); x.Code != 0 {
		t.Errorf("got exit %+v, want 0", *x)
	}
	if got := losses(seen[j.Name]); got != "1 2" {
		t.Errorf("got losses %q, want 1 2", got)
	}
}

func losses(us []runner.Update) string {
	var out []string
	for _, u := range us {
		for _, r := range u.Reports {
			out = append(out, fmt.Sprint(r.Value))
		}
	}
	return strings.Join(out, " ")
}

// A trial that ends while no trawl is there leaves its record.
func TestEndedAlone(t *testing.T) {
	dir := t.TempDir()
	script := `touch "` + dir + `/here"; while ! [ -e "` + dir + `/go" ]; do sleep 0.01; done; echo '{"loss":3}'; touch "` + dir + `/done"; exit 5`
	cmd := holder(t, dir, script)
	awaitFile(t, dir+"/here")
	kill(t, cmd)
	if err := os.WriteFile(dir+"/go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	awaitFile(t, dir+"/done")
	b := backend(t, dir)
	j := shell(dir, 1, script)
	if err := b.Recover(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	seen := map[string][]runner.Update{}
	if x := runnertest.Await(t, b, j.Name, seen); x.Code != 5 {
		t.Errorf("got exit %+v, want 5", *x)
	}
	if got := losses(seen[j.Name]); got != "3" {
		t.Errorf("got losses %q, want 3", got)
	}
	stranger := j
	stranger.Token = "another"
	if err := b.Recover(t.Context(), stranger); !errors.Is(err, runner.ErrGone) {
		t.Errorf("another token: got %v, want ErrGone", err)
	}
}

// When trawl and supervisor are both killed, Recover ends what is left.
func TestBothKilled(t *testing.T) {
	marker := fmt.Sprintf("%d.125", 100000+os.Getpid())
	dir := t.TempDir()
	script := `sleep ` + marker + ` & (setsid sleep ` + marker + ` &) ; env -i sleep ` + marker + ` & touch "` + dir + `/here"; sleep ` + marker
	cmd := holder(t, dir, script)
	awaitFile(t, dir+"/here")
	for _, p := range children(cmd.Process.Pid) {
		if err := syscall.Kill(p, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	kill(t, cmd)
	b := backend(t, dir)
	if err := b.Recover(t.Context(), shell(dir, 1, script)); !errors.Is(err, runner.ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
	if left := alive(marker); len(left) > 0 {
		t.Errorf("left alive: %q", left)
	}
}

func TestLogLimit(t *testing.T) {
	dir := t.TempDir()
	j := shell(dir, 1, `i=0; while [ $i -lt 40000 ]; do echo "line $i of some length to fill the log"; i=$((i+1)); done; echo '{"loss":1}'`)
	j.LogLimit = 256 << 10
	reports, x := runOne(t, backend(t, dir), j)
	if x.Code != 0 || len(reports) != 1 {
		t.Fatalf("got exit %+v and %d reports, want 0 and 1", *x, len(reports))
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(j.TrialDir, LogName), &st); err != nil {
		t.Fatal(err)
	}
	if st.Size < 1<<20 {
		t.Fatalf("the log has %d bytes; the test wants more than its limit", st.Size)
	}
	if kept := st.Blocks * 512; kept > 2*j.LogLimit {
		t.Logf("kept %d bytes on disk of %d: a file system without holes", kept, st.Size)
	}
}

func TestRecordRoundTrip(t *testing.T) {
	r := record{Name: "t0001.1", Token: "abc", Boot: "b", Seq: 70, PID: 12, Born: 99,
		Exit: sweep.Exit{Code: -1, Signal: 9, Cause: sweep.StopTimeout, Class: sweep.ClassOOM, Message: "m", StartedAt: 1, EndedAt: 2, CPUSeconds: 0.5, MaxRSSMB: math.Pi}}
	b := r.encode()
	got, err := decodeRecord(b)
	if err != nil || got != r {
		t.Errorf("got %+v, %v; want %+v", got, err, r)
	}
	for i := range b[:4+4+len(r.Name)+len(r.Token)] {
		torn := bytes.Clone(b)
		torn[i] ^= 0x40
		if _, err := decodeRecord(torn); err == nil {
			t.Errorf("a record with byte %d changed was taken", i)
		}
	}
	long := record{Name: strings.Repeat("n", 500), Token: strings.Repeat("t", 500), Boot: strings.Repeat("b", 500), Exit: sweep.Exit{Message: strings.Repeat("m", 9999)}}
	if n := len(long.encode()); n != recordSize {
		t.Errorf("a long record takes %d bytes, want %d", n, recordSize)
	}
}

// FuzzExitRecord: what is no record never panics, and a record that is taken
// is the one that was written.
func FuzzExitRecord(f *testing.F) {
	f.Add(record{Name: "t1.1", Token: "x"}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		if again, err := decodeRecord(r.encode()); err != nil || again.Name != cut(r.Name, 40) {
			t.Errorf("got %+v, %v after a round trip of %+v", again, err, r)
		}
	})
}

// BenchmarkLaunch compares trials through supervisors with a bare loop of
// os/exec with a pipe, both two at a time.
func BenchmarkLaunch(b *testing.B) {
	b.Run("backend=local", func(b *testing.B) {
		dir := b.TempDir()
		back, err := New(Options{RunsDir: dir, Slots: 2})
		if err != nil {
			b.Fatal(err)
		}
		defer back.Close()
		id, running := sweep.TrialID(0), 0
		for b.Loop() {
			id++
			j := shell(dir, id, `echo '{"loss":0.5}'`)
			if err := back.Start(b.Context(), j); err != nil {
				b.Fatal(err)
			}
			running++
			for running == 2 {
				if u := <-back.Updates(); u.Exit != nil {
					running--
					back.Settled(u.Name)
				}
			}
		}
	})
	b.Run("backend=exec", func(b *testing.B) {
		sem := make(chan struct{}, 2)
		for b.Loop() {
			sem <- struct{}{}
			go func() {
				defer func() { <-sem }()
				if _, err := exec.Command("sh", "-c", `echo '{"loss":0.5}'`).Output(); err != nil {
					b.Error(err)
				}
			}()
		}
		sem <- struct{}{}
		sem <- struct{}{}
	})
}

// TestNextAttemptReadsItsOwnOutput: the poller may come while the output of the
// attempt before is still in place.
func TestNextAttemptReadsItsOwnOutput(t *testing.T) {
	b := backend(t, t.TempDir())
	job := shell(t.TempDir(), 1, "true")
	job.Attempt = 2
	if err := os.MkdirAll(job.TrialDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(job.TrialDir, LogName), []byte("of attempt 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &slot{b: b, dir: b.slotDir(0), job: newFollowed(job, nil), busy: true, starting: true}
	s.follow()
	if n := s.job.offset(); n != 0 {
		t.Errorf("%d bytes of the earlier output were read", n)
	}
	s.starting = false
	s.follow()
	if n := s.job.offset(); n == 0 {
		t.Error("nothing is read of a job that runs")
	}
	s.job.log.close()
}
