package trial

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/sweep"
)

func TestParams(t *testing.T) {
	type values struct {
		LR    float64 `json:"lr"`
		Depth int     `json:"depth"`
		Opt   struct {
			Name string  `json:"name"`
			Mu   float64 `json:"mu"`
		} `json:"opt"`
		Seed int64 `json:"seed"`
	}
	defaults := values{LR: 1, Depth: 2, Seed: 3}
	p := defaults
	t.Setenv("TRAWL_PARAMS", "")
	if err := Params(&p); err != nil || p != defaults {
		t.Errorf("outside of trawl: got %+v, %v; want the defaults", p, err)
	}
	path := filepath.Join(t.TempDir(), "params.json")
	t.Setenv("TRAWL_PARAMS", path)
	if err := Params(&p); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without its file: got %v, want ErrNotExist", err)
	}
	for _, tt := range []struct {
		name, text, problem string
		want                values
	}{
		{"all", `{"lr": 1e-05, "depth": 9007199254740993, "opt": {"name": "sgd"}, "other": [1]}`, "",
			values{LR: 1e-5, Depth: 9007199254740993, Opt: struct {
				Name string  `json:"name"`
				Mu   float64 `json:"mu"`
			}{Name: "sgd"}, Seed: 3}},
		{"none", `{}`, "", defaults},
		{"a text for a number", `{"lr": "x"}`, "lr", values{}},
		{"a fraction for an int", `{"depth": 0.5}`, "depth", values{}},
		{"no JSON", `{`, path, values{}},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got := defaults
		err := Params(&got)
		switch {
		case tt.problem != "":
			if err == nil || !strings.Contains(err.Error(), tt.problem) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: got %v, want the file and %s", tt.name, err, tt.problem)
			}
		case err != nil || got != tt.want:
			t.Errorf("%s: got %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
	if err := os.WriteFile(path, []byte(`{"a": 1, "b": {"c": true}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	m := map[string]any{"z": 0}
	if err := Params(&m); err != nil || m["a"] != 1.0 || m["b"].(map[string]any)["c"] != true || m["z"] != 0 {
		t.Errorf("a map: got %v, %v", m, err)
	}
}

// What Report writes is what trawl reads.
func TestReportIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	t.Setenv("TRAWL_METRICS", path)
	want := []Metrics{{"loss": 0.1}, {"a/b \"c\" é": math.NaN(), "x": math.Inf(1), "y": math.Inf(-1)}, {"tiny": 5e-324, "big": math.MaxFloat64, "zero": math.Copysign(0, -1)}}
	for i, m := range want {
		if err := Report(int64(i*10), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := Report(NoStep, Metrics{"loss": 0.05}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := metric.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[int64]Metrics{}
	for line := range bytes.Lines(b) {
		p.MetricsLine(line, 0, func(r sweep.Report) {
			if got[r.Step] == nil {
				got[r.Step] = Metrics{}
			}
			got[r.Step][r.Name] = r.Value
		})
	}
	for i, m := range want {
		for name, v := range m {
			if g, ok := got[int64(i*10)][name]; !ok || math.Float64bits(g) != math.Float64bits(v) && !math.IsNaN(v) {
				t.Errorf("step %d: %s: got %v, want %v", i*10, name, g, v)
			}
		}
	}
	if got[1]["loss"] != 0.05 {
		t.Errorf("without a step: got %v, want it at the last + 1", got)
	}
}

func TestReportRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	t.Setenv("TRAWL_METRICS", path)
	for _, tt := range []struct {
		step int64
		m    Metrics
		want string
	}{
		{0, nil, "no metric"}, {-2, Metrics{"a": 1}, "step -2"}, {0, Metrics{"step": 1}, "step is no metric"},
		{0, Metrics{"": 1}, "a name of 1 to"}, {0, Metrics{"b": 1, strings.Repeat("a", 257): 1}, "a name of 1 to"},
	} {
		if err := Report(tt.step, tt.m); err == nil || !strings.Contains(err.Error(), "trial: report: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v at %d: got %v, want %s", tt.m, tt.step, err, tt.want)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing written", err)
	}
	t.Setenv("TRAWL_METRICS", filepath.Join(path, "x", "y"))
	if err := Report(0, Metrics{"a": 1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

// Lines of many goroutines and of several processes do not mix.
func TestReportsDoNotMix(t *testing.T) {
	if path := os.Getenv("TRAWL_TEST_WRITER"); path != "" {
		os.Setenv("TRAWL_METRICS", path)
		for i := range int64(500) {
			if err := Report(i, Metrics{"a": 0.123456789, "b": float64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	t.Setenv("TRAWL_METRICS", path)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			if i%2 == 0 {
				cmd := exec.Command(os.Args[0], "-test.run=^TestReportsDoNotMix$")
				cmd.Env = append(os.Environ(), "TRAWL_TEST_WRITER="+path)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
				return
			}
			for i := range int64(500) {
				if err := Report(i, Metrics{"a": 0.123456789, "b": float64(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if !bytes.HasPrefix(line, []byte(`{"step": `)) || bytes.Count(line, []byte("{")) != 1 || !bytes.HasSuffix(line, []byte("}\n")) {
			t.Fatalf("line %d: got %q", n, line)
		}
	}
	if n != 2000 {
		t.Errorf("got %d lines, want 2000", n)
	}
}

func TestOutside(t *testing.T) {
	for _, name := range []string{"TRAWL_TRIAL", "TRAWL_METRICS", "TRAWL_SEED", "TRAWL_ATTEMPT", "TRAWL_SWEEP", "TRAWL_TRIAL_DIR", "TRAWL_CHECKPOINT_DIR"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	if Inside() || ID() != 0 || Seed() != 0 || Attempt() != 0 || Sweep() != "" || Dir() != "." {
		t.Error("got a trial, want none")
	}
	wd, _ := os.Getwd()
	if dir, err := CheckpointDir(); err != nil || dir != filepath.Join(wd, "checkpoint") {
		t.Errorf("got %s, %v; want ./checkpoint", dir, err)
	} else if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		t.Errorf("got %v, want it made", err)
	}
}

func TestInside(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{"TRAWL_TRIAL": "7", "TRAWL_SEED": "-3", "TRAWL_ATTEMPT": "2", "TRAWL_SWEEP": "s", "TRAWL_TRIAL_DIR": dir, "TRAWL_CHECKPOINT_DIR": filepath.Join(dir, "c")} {
		t.Setenv(name, value)
	}
	if !Inside() || ID() != 7 || Seed() != -3 || Attempt() != 2 || Sweep() != "s" || Dir() != dir {
		t.Error("got another trial")
	}
	if c, err := CheckpointDir(); err != nil || c != filepath.Join(dir, "c") {
		t.Errorf("got %s, %v", c, err)
	}
	t.Setenv("TRAWL_CHECKPOINT_DIR", "/dev/null/c")
	if _, err := CheckpointDir(); err == nil {
		t.Error("got no error for a directory that cannot be made")
	}
}

// The signal does not end the program; ShouldStop tells of it.
func TestShouldStop(t *testing.T) {
	if os.Getenv("TRAWL_STOP_SIGNAL") == "" { // the signal would go on to count for other tests
		for _, name := range []string{"SIGUSR1", "SIGTERM", "no signal"} {
			cmd := exec.Command(os.Args[0], "-test.run=^TestShouldStop$")
			cmd.Env = append(os.Environ(), "TRAWL_STOP_SIGNAL="+name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		}
		return
	}
	sig, ok := stops[os.Getenv("TRAWL_STOP_SIGNAL")].(syscall.Signal)
	if !ok {
		sig = syscall.SIGTERM
	}
	if ShouldStop() {
		t.Fatal("got a stop that nobody asked for")
	}
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
	<-Stopped()
	for !ShouldStop() {
		runtime.Gosched()
	}
}
