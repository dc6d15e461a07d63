package metric

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Lines of 8 processes that append at once do not mix: 1000 lines of each.
func TestAppendFromManyProcesses(t *testing.T) {
	const writers, lines = 8, 1000
	if who := os.Getenv("TRAWL_TEST_WRITER"); who != "" {
		n, err := strconv.Atoi(who)
		if err != nil {
			t.Fatal(err)
		}
		for i := range lines {
			s := Sample{Step: int64(i), Values: []Value{{"writer" + who, float64(i)}, {"sum" + who, float64(i + n)}}}
			if err := Append(os.Getenv("TRAWL_METRICS"), s); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	var started []*exec.Cmd
	for i := range writers {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAppendFromManyProcesses$")
		cmd.Env = append(os.Environ(), "TRAWL_TEST_WRITER="+strconv.Itoa(i), "TRAWL_METRICS="+path)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
	}
	for i, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	p := parser(t)
	for line := range bytes.Lines(b) {
		p.MetricsLine(line, 0, func(r sweep.Report) { got[fmt.Sprintf("%s %d %g", r.Name, r.Step, r.Value)]++ })
	}
	for w := range writers {
		for i := range lines {
			for _, want := range []string{fmt.Sprintf("writer%d %d %d", w, i, i), fmt.Sprintf("sum%d %d %d", w, i, i+w)} {
				if got[want] != 1 {
					t.Fatalf("got %q %d times, want once", want, got[want])
				}
			}
		}
	}
	if len(got) != 2*writers*lines {
		t.Errorf("got %d numbers, want %d", len(got), 2*writers*lines)
	}
}

func TestAppendSaysWhatIsWrong(t *testing.T) {
	for _, args := range [][]string{{}, {"loss"}, {"=1"}, {"loss=x"}, {"loss="}, {"loss=0x1p-2"}, {"step=3"}, {"step=1.5", "a=1"}, {"step=-1", "a=1"}, {"a\x1bb=1"}} {
		if s, err := ParseArgs(args); err == nil {
			t.Errorf("%q: got %+v, want an error", args, s)
		}
	}
	s, err := ParseArgs([]string{"a=1", "step=7", "b/c=nan", "d=-inf"})
	if err != nil || s.Step != 7 || len(s.Values) != 3 {
		t.Errorf("several at once: got %+v, %v", s, err)
	}
	if err := Append(filepath.Join(t.TempDir(), "no", "file"), s); err == nil {
		t.Error("got no error for a folder that is not there")
	}
}
