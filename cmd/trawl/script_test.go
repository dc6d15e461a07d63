package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary stand in for trawl: under that name, and for
// the supervisors, which are started from whatever os.Executable says.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "__supervise" {
		main()
	}
	testscript.Main(m, map[string]func(){"trawl": main, "dblock": dblock, "gotrial": goTrial})
}

// patience bounds every wait of a script: far more than a busy machine needs.
const patience = 60 * time.Second

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               scriptSetup,
		Cmds:                scriptCmds(),
		Condition:           scriptCondition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// scriptCondition knows [python:MODULE]: whether Debian's Python has a module.
func scriptCondition(cond string) (bool, error) {
	module, ok := strings.CutPrefix(cond, "python:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q; want python:MODULE", cond)
	}
	find := "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
	return exec.Command("/usr/bin/python3", "-c", find, module).Run() == nil, nil
}

// scriptSetup gives a script a home, two cores and no settings of trawl, and
// sees to it that the script leaves no process behind.
func scriptSetup(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("GOMAXPROCS", "2")
	env.Setenv("TZ", "UTC")
	env.Setenv("TRAWL_SCRIPT", env.WorkDir) // every process that the script starts inherits it
	// The race detector holds every process for a second at its end, to see late
	// races; with some 300 processes that is most of the time of all scripts.
	env.Setenv("GORACE", strings.TrimSpace(os.Getenv("GORACE")+" atexit_sleep_ms=50"))
	env.Values["jobs"] = map[string]*scriptJob{}
	t := env.T()
	env.Defer(func() {
		if left := leftBehind(env.WorkDir, 10*time.Second); len(left) > 0 {
			for _, p := range left {
				_ = syscall.Kill(p.pid, syscall.SIGKILL)
			}
			t.Fatal(fmt.Sprintf("left behind: %v", left))
		}
	})
	return nil
}

type process struct {
	pid  int
	argv string
}

// leftBehind waits until no process of a script is alive; it returns those
// that still are when the time is up.
func leftBehind(dir string, wait time.Duration) (left []process) {
	deadline := time.Now().Add(wait)
	for {
		if left = processesOf(dir); len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		pollPause()
	}
}

// processesOf finds processes by what they inherited; only Linux can tell.
func processesOf(dir string) (out []process) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(b, []byte("TRAWL_SCRIPT="+dir+"\x00")) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		argv, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if len(argv) == 0 {
			continue // a zombie
		}
		out = append(out, process{pid, string(bytes.ReplaceAll(bytes.TrimRight(argv, "\x00"), []byte{0}, []byte{' '}))})
	}
	return out
}

// pollPause is the pause between two looks at something that is awaited.
func pollPause() { <-time.After(10 * time.Millisecond) }

// scriptJob is a command that a script started with start.
type scriptJob struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// dblock DB FILE is a program of the scripts: it holds the write lock of a
// database, as a foreign SQLite program may, until FILE exists.
func dblock() {
	db, err := sql.Open("sqlite", "file:"+os.Args[1]+"?_pragma=busy_timeout(60000)&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("locked")
	for {
		if _, err := os.Stat(os.Args[2]); err == nil {
			break
		}
		pollPause()
	}
	if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
		log.Fatal(err)
	}
}

type scriptCmd = func(ts *testscript.TestScript, neg bool, args []string)

// scriptCmds are the project's verbs:
//
//	exits N CMD…          runs CMD, which must exit with N
//	start NAME CMD…       starts CMD, output to NAME.out and NAME.err
//	signal NAME SIG       signals it
//	ended NAME N          awaits its end, which must be with N
//	waitfor FILE RE [N]   awaits N (default 1) matches of RE in FILE
//	until RE CMD…         repeats CMD until its output matches RE
//	killafter N CMD…      kill -9 of CMD once N trials stand in the file ledger
//	ledger N              trials 1 … N stand in the file ledger, each once
//	normal FILE           prints FILE (or stdout, stderr) without times and paths
func scriptCmds() map[string]scriptCmd {
	return map[string]scriptCmd{
		"exits": cmdExits, "start": cmdStart, "signal": cmdSignal, "ended": cmdEnded, "waitfor": cmdWaitfor,
		"until": cmdUntil, "killafter": cmdKillafter, "ledger": cmdLedger, "normal": cmdNormal,
	}
}

func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "exits N CMD…")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, lookPath(ts, args[1]), args[2:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	_ = cmd.Run() // the status says it
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit status: got %d, want %d", got, want)
	}
}

func lookPath(ts *testscript.TestScript, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, name); unix.Access(p, unix.X_OK) == nil {
			return p
		}
	}
	ts.Fatalf("%s: not in PATH", name)
	return ""
}

// scriptEnv is the environment that testscript gives to exec; it has no
// accessor for all of it.
func scriptEnv(ts *testscript.TestScript) []string {
	out := []string{}
	for _, k := range []string{"PATH", "HOME", "WORK", "TMPDIR", "GOMAXPROCS", "TZ", "TRAWL_SCRIPT", "TRAWL_DB", "NO_COLOR", "LOSS", "GORACE", "TRAWL_GPU_LOCKS", "CUDA_VISIBLE_DEVICES"} {
		if v := ts.Getenv(k); v != "" {
			out = append(out, k+"="+v)
		}
	}
	return out
}

// startJob starts a command with its output in files.
func startJob(ts *testscript.TestScript, name string, args []string) *scriptJob {
	files := [2]*os.File{}
	for i, ext := range []string{".out", ".err"} {
		f, err := os.Create(ts.MkAbs(name + ext))
		ts.Check(err)
		defer f.Close()
		files[i] = f
	}
	j := &scriptJob{cmd: exec.Command(lookPath(ts, args[0]), args[1:]...), ended: make(chan struct{})}
	j.cmd.Dir, j.cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	j.cmd.Stdout, j.cmd.Stderr = files[0], files[1]
	ts.Check(j.cmd.Start())
	go func() {
		defer close(j.ended)
		_ = j.cmd.Wait() // its state says it
	}()
	ts.Defer(func() {
		_ = j.cmd.Process.Kill()
		<-j.ended
	})
	return j
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "start NAME CMD…")
	ts.Value("jobs").(map[string]*scriptJob)[args[0]] = startJob(ts, args[0], args[1:])
}

func job(ts *testscript.TestScript, name string) *scriptJob {
	j := ts.Value("jobs").(map[string]*scriptJob)[name]
	if j == nil {
		ts.Fatalf("%s: never started", name)
	}
	return j
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "signal NAME SIG")
	ts.Check(job(ts, args[0]).cmd.Process.Signal(syscall.Signal(signalNumber(args[1]))))
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "ended NAME STATUS")
	j := job(ts, args[0])
	select {
	case <-j.ended:
	case <-time.After(patience):
		ts.Fatalf("%s: it has not ended in %v\n%s", args[0], patience, ts.ReadFile(args[0]+".err"))
	}
	out, errs := ts.ReadFile(args[0]+".out"), ts.ReadFile(args[0]+".err")
	if got := fmt.Sprint(j.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s: exit status %s, want %s\n%s%s", args[0], got, args[1], out, errs)
	}
	fmt.Fprint(ts.Stdout(), out)
	fmt.Fprint(ts.Stderr(), errs)
}

func cmdWaitfor(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 2 || len(args) == 3), "waitfor FILE RE [N]")
	n := 1
	if len(args) == 3 {
		var err error
		n, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var b []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); pollPause() {
		if b, _ = os.ReadFile(ts.MkAbs(args[0])); len(re.FindAll(b, n)) >= n {
			return
		}
	}
	ts.Fatalf("%s: no %d of %q in %v; it has:\n%s", args[0], n, args[1], patience, b)
}

func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "until RE CMD…")
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var b []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); pollPause() {
		cmd := exec.Command(lookPath(ts, args[1]), args[2:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
		if b, _ = cmd.CombinedOutput(); re.Match(b) {
			ts.Stdout().Write(b)
			return
		}
	}
	ts.Fatalf("%v: no %q in %v; the last output:\n%s", args[1:], args[0], patience, b)
}

func cmdKillafter(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 1, "killafter N CMD…")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	j := startJob(ts, "killed", args[1:])
	for deadline := time.Now().Add(patience); ; pollPause() {
		b, _ := os.ReadFile(ts.MkAbs("ledger"))
		if bytes.Count(b, []byte("\n")) >= n {
			break
		}
		select {
		case <-j.ended:
			ts.Fatalf("it ended before %d trials had:\n%s", n, ts.ReadFile("killed.err"))
		default:
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%d trials have not ended in %v:\n%s", n, patience, ts.ReadFile("killed.err"))
		}
	}
	ts.Check(j.cmd.Process.Kill())
	<-j.ended
}

func cmdLedger(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "ledger N")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	count := map[string]int{}
	for _, line := range strings.Fields(ts.ReadFile("ledger")) {
		count[line]++
	}
	for i := 1; i <= n; i++ {
		if c := count[fmt.Sprint(i)]; c != 1 {
			ts.Fatalf("trial %d ran to its end %d times, want once; ledger: %v", i, c, count)
		}
	}
	if len(count) != n {
		ts.Fatalf("got %d trials in the ledger, want %d: %v", len(count), n, count)
	}
}

// normals are what differs from run to run, and what stands for it.
var normals = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "DATE"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(e-\d+)?(ms|s)\b`), "TIME"},
	{regexp.MustCompile(`\bpid \d+\b`), "pid PID"},
	{regexp.MustCompile(`"free_bytes": \d+`), `"free_bytes": SIZE`},
	{regexp.MustCompile(`\d+(\.\d)? [KMGT]iB free`), "SIZE free"},
}

func cmdNormal(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "normal FILE")
	s := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "$WORK")
	for _, n := range normals {
		s = n.re.ReplaceAllString(s, n.to)
	}
	fmt.Fprint(ts.Stdout(), s)
}
