package files

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// watch is a Set that is killed and goes on from its marks as JSON holds them.
type watch struct {
	t     *testing.T
	dir   string
	named []sweep.ReportFile
	set   *Set
	marks []byte // of the last update that was stored
	now   int64
	got   []string
	wrong []string
}

func newWatch(t *testing.T, dir string, named ...sweep.ReportFile) *watch {
	return &watch{t: t, dir: dir, named: named, set: New(dir, named)}
}

func (w *watch) kill() {
	w.set = New(w.dir, w.named)
	var m Marks
	if w.marks != nil {
		if err := json.Unmarshal(w.marks, &m); err != nil {
			w.t.Fatal(err)
		}
	}
	w.set.Restore(m)
}

func (w *watch) read(end End) {
	w.t.Helper()
	w.now += 2 * searchEvery.Microseconds()
	changed, errs := w.set.Read(w.now, end, func() bool { return true }, func(path, name string, step int64, v float64) {
		w.got = append(w.got, fmt.Sprintf("%s %d %g", name, step, v))
	})
	for _, err := range errs {
		w.wrong = append(w.wrong, strings.ReplaceAll(err.Error(), w.dir+"/", ""))
	}
	if changed {
		var err error
		if w.marks, err = json.Marshal(w.set.Marks()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// want compares what was read since the last call.
func (w *watch) want(what string, want ...string) {
	w.t.Helper()
	if !slices.Equal(w.got, want) {
		w.t.Errorf("%s: got %q, want %q", what, w.got, want)
	}
	w.got = nil
}

// clock gives each write another time, as slow programs do.
var clock = time.Unix(1_700_000_000, 0)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Second)
	if err := os.Chtimes(path, clock, clock); err != nil {
		t.Fatal(err)
	}
}

func TestKindsAreReadOnceAcrossKills(t *testing.T) {
	for _, killed := range []bool{false, true} {
		dir := t.TempDir()
		w := newWatch(t, dir, sweep.ReportFile{Kind: sweep.CSVFile, Path: dir + "/*/log.csv"}, sweep.ReportFile{Kind: sweep.JSONFile, Path: dir + "/results.json"},
			sweep.ReportFile{Kind: sweep.TrainerState, Path: dir + "/out"})
		step := func(what string, want ...string) {
			t.Helper()
			for range 2 { // the second look finds nothing new
				w.read(Running)
				if killed {
					w.kill()
				}
			}
			w.want(fmt.Sprintf("%s, killed %v", what, killed), want...)
		}
		step("nothing")
		write(t, dir+"/a/log.csv", "step,loss\n1,2\n3,4")
		step("a row and a half", "loss 1 2")
		write(t, dir+"/a/log.csv", "step,loss\n1,2\n3,4\n")
		write(t, dir+"/b/log.csv", "acc\n7\n")
		step("a second file", "loss 3 4", "acc 0 7")
		write(t, dir+"/results.json", `{"f1": 0.5`)
		step("half a document")
		write(t, dir+"/results.json", `{"f1": 0.5, "epochs": [1, 2]}`)
		step("a document", "epochs 0 1", "epochs 1 2", "f1 -1 0.5")
		write(t, dir+"/results.json", `{"f1": 0.5, "epochs": [1, 2, 3]}`)
		step("a longer list", "epochs 2 3")
		write(t, dir+"/results.json", `{"f1": 0.75, "epochs": [1, 2, 3]}`)
		step("another value", "f1 -1 0.75")
		write(t, dir+"/results.json", "")
		step("nothing, before it is written anew")
		write(t, dir+"/results.json", `{"f1": 0.75, "epochs": [1, 2, 3]}`)
		step("the same anew")
		write(t, dir+"/results.json", `{"f1": 0.75, "epochs": [5, 2, 4]}`)
		step("another list", "epochs 0 5", "epochs 1 2", "epochs 2 4")
		write(t, dir+"/out/checkpoint-10/trainer_state.json", `{"log_history": [{"step": 10, "l": 1}]}`)
		step("a checkpoint", "l 10 1")
		write(t, dir+"/out/checkpoint-20/trainer_state.json", `{"log_history": [{"step": 10, "l": 1}, {"step": 20, "l": 2}]}`)
		step("the next", "l 20 2")
		if err := os.RemoveAll(dir + "/out/checkpoint-20"); err != nil {
			t.Fatal(err)
		}
		step("an older one")
		write(t, dir+"/out/trainer_state.json", `{"log_history": [{"step": 10, "l": 1}, {"step": 20, "l": 2}, {"step": 20, "m": 3}]}`)
		step("the last", "m 20 3")
		write(t, dir+"/results.json", `{"epochs": [6]}`)
		step("fewer, perhaps to be more")
		w.read(Done)
		w.want("fewer at the end", "epochs 0 6")
		if w.read(Done); len(w.got) > 0 || len(w.wrong) > 0 {
			t.Errorf("at the end: got %q, wrong %q; want nothing", w.got, w.wrong)
		}
	}
}

func TestEnds(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"half.csv": "a,b\n1,2\n3,4", "bad.csv": "a\n1\n1,2\n3,4\n", "none.csv": "1,2\n", "bad.json": "{\"a\": 1,\n}", "text.json": `"x"`, "empty.json": ""} {
		write(t, filepath.Join(dir, name), text)
	}
	named := []sweep.ReportFile{{Kind: sweep.CSVFile, Path: dir + "/*.csv"}, {Kind: sweep.JSONFile, Path: dir + "/*.json"}}
	for end, last := range map[End][]string{Done: {"a 1 3", "b 1 4"}, Cut: nil} {
		w := newWatch(t, dir, named...)
		w.read(Running)
		w.want("running", "a 0 1", "a 0 1", "b 0 2")
		w.read(end)
		w.want("at the end", last...)
		want := []string{"bad.csv:3: 2 cells; want 1 as in the header; it is left out",
			"none.csv: line 1: no names of columns; want a header such as epoch,val_loss; nothing of the file is read",
			"bad.csv: 2 rows or cells are left out", "bad.json: 2:1: invalid character '}' looking for beginning of object key string; nothing of it is read",
			"text.json: want an object, or a list of objects; nothing of it is read"}
		if !slices.Equal(w.wrong, want) {
			t.Errorf("got %q, want %q", w.wrong, want)
		}
	}
}

// What lies there before an attempt is not its own.
func TestSetApart(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	named := []sweep.ReportFile{{Kind: sweep.CSVFile, Path: out + "/*.csv"}, {Kind: sweep.JSONFile, Path: out + "/r.json"}, {Kind: sweep.TrainerState, Path: out}}
	write(t, out+"/log.csv", "a\n1\n")
	write(t, out+"/r.json", `{"b": 1}`)
	write(t, out+"/checkpoint-5/trainer_state.json", `[{"step": 5, "c": 1}]`)
	begin := func(attempt int) *watch {
		if err := SetApart(dir, named, attempt); err != nil {
			t.Fatal(err)
		}
		w := newWatch(t, dir, named...)
		w.read(Running)
		w.want(fmt.Sprintf("attempt %d begins", attempt))
		return w
	}
	w := begin(1)
	if _, err := os.Stat(out + "/attempt0.log.csv"); err != nil {
		t.Errorf("%v; want the file of an earlier sweep kept", err)
	}
	write(t, out+"/log.csv", "a\n1\n2\n")
	write(t, out+"/r.json", `{"b": 1}`)
	write(t, out+"/checkpoint-5/trainer_state.json", `[{"step": 5, "c": 1}]`)
	w.read(Cut)
	slices.Sort(w.got)
	w.want("attempt 1 writes the same again", "a 0 1", "a 1 2", "b -1 1", "c 5 1")

	w = begin(2)
	write(t, out+"/log.csv", "a\n1\n2\n3\n")
	write(t, out+"/checkpoint-9/trainer_state.json", `[{"step": 5, "c": 1}, {"step": 9, "c": 2}]`)
	w.kill() // before anything was stored
	w.read(Running)
	slices.Sort(w.got)
	w.want("attempt 2 goes on", "a 2 3", "c 5 1", "c 9 2")

	w = begin(3)
	write(t, out+"/log.csv", "a\n1\n")
	w.read(Done)
	w.want("attempt 3 begins anew", "a 0 1")
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	begin(4)
	if _, err := os.Stat(filepath.Join(dir, RememberedName)); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing remembered", err)
	}
}

// A first attempt with nothing named touches no file.
func TestNothingNamedCostsNothing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	if err := SetApart(missing, nil, 1); err != nil {
		t.Error(err)
	}
	s := New(missing, nil)
	if n := testing.AllocsPerRun(100, func() {
		if changed, errs := s.Read(1, Running, func() bool { return true }, nil); changed || errs != nil {
			t.Errorf("got %v, %v", changed, errs)
		}
	}); n > 0 {
		t.Errorf("got %v allocations for a look, want 0", n)
	}
}

func TestVolume(t *testing.T) {
	dir := t.TempDir()
	named := []sweep.ReportFile{{Kind: sweep.JSONFile, Path: dir + "/r.json"}, {Kind: sweep.TrainerState, Path: dir + "/out"}, {Kind: sweep.TensorBoard, Path: dir + "/tb"}}
	seen := map[[2]int64]bool{}
	for i, path := range []string{"", "r.json", "r.json", "out/checkpoint-1/trainer_state.json", "tb/events.out.tfevents.1", "events.out.tfevents.2"} {
		if path != "" {
			write(t, filepath.Join(dir, path), "{}")
		}
		size, touched := Volume(dir, named)
		if seen[[2]int64{size, touched}] {
			t.Errorf("write %d of %s is not seen", i, path)
		}
		seen[[2]int64{size, touched}] = true
	}
}

func TestPatternsFindWhatIsMeant(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	write(t, dir+"/x.csv", "a\n1\n")
	write(t, dir+"/attempt0.x.csv", "a\n2\n")
	write(t, dir+"/attempt.csv", "a\n3\n")
	escaped := strings.NewReplacer("[", `\[`, "*", `\*`).Replace(dir)
	w := newWatch(t, t.TempDir(), sweep.ReportFile{Kind: sweep.CSVFile, Path: escaped + "/*.csv"}, sweep.ReportFile{Kind: sweep.CSVFile, Path: escaped + "/x.csv"})
	w.read(Running)
	w.want("two", "a 0 3", "a 0 1")
}

// BenchmarkRead looks at a trial's files that have not changed.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(dir+"/log.csv", []byte("a\n1\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	for name, named := range map[string][]sweep.ReportFile{"none": nil, "csv": {{Kind: sweep.CSVFile, Path: dir + "/log.csv"}}} {
		b.Run("named="+name, func(b *testing.B) {
			s := New(dir, named)
			b.ReportAllocs()
			for b.Loop() {
				s.Read(1, Running, func() bool { return true }, func(string, string, int64, float64) {})
			}
		})
	}
}

// A long document is read when folders are searched, not at each look.
func TestLongDocument(t *testing.T) {
	dir := t.TempDir()
	w := newWatch(t, dir, sweep.ReportFile{Kind: sweep.JSONFile, Path: dir + "/r.json"})
	pad := `", "pad": "` + strings.Repeat("x", largeDocument) + `"}`
	write(t, dir+"/r.json", `{"a": 1, "b": "`+pad)
	w.read(Running)
	w.want("at first", "a -1 1")
	write(t, dir+"/r.json", `{"a": 2, "b": "`+pad)
	w.set.Read(w.now+1, Running, func() bool { return true }, func(string, string, int64, float64) { t.Error("read at once") })
	w.read(Running)
	w.want("a second later", "a -1 2")
	if err := os.Truncate(dir+"/r.json", maxDocument+1); err != nil { // a hole costs nothing
		t.Fatal(err)
	}
	w.read(Done)
	w.want("too long")
	if len(w.wrong) != 1 || !strings.Contains(w.wrong[0], "want at most 67108864 in a JSON file") {
		t.Errorf("got %q, want the limit", w.wrong)
	}
}

// A file that is rewritten within the tick of the file system's clock, and with
// the same size, is read in the end.
func TestSameStamp(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/r.json"
	same := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Unix(1_600_000_000, 0), time.Unix(1_600_000_000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	named := []sweep.ReportFile{{Kind: sweep.JSONFile, Path: path}}
	w := newWatch(t, dir, named...)
	same(`{"a": 1}`)
	w.read(Running)
	same(`{"a": 2}`)
	w.kill()
	w.read(Done)
	w.want("rewritten", "a -1 1", "a -1 2")

	if err := Remember(dir, named); err != nil {
		t.Fatal(err)
	}
	w = newWatch(t, dir, named...)
	w.read(Running)
	w.read(Done)
	w.want("untouched by the next attempt")
	w = newWatch(t, dir, named...)
	w.read(Running)
	same(`{"a": 3}`)
	w.read(Done)
	w.want("rewritten by the next attempt", "a -1 3")
}

// Programs write files anew in pieces while they are read and trawl is killed:
// each entry comes once.
func TestReadWhileWritten(t *testing.T) {
	const entries = 40
	dir := t.TempDir()
	w := newWatch(t, dir, sweep.ReportFile{Kind: sweep.CSVFile, Path: dir + "/log.csv"}, sweep.ReportFile{Kind: sweep.JSONFile, Path: dir + "/log.json"})
	done := make(chan error)
	go func() { done <- writeAnew(dir, entries) }()
	running := true
	for i := 0; running; i++ {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			running = false
		default:
			w.read(Running)
			if i%3 == 0 {
				w.kill()
			}
		}
	}
	w.read(Done)
	var want []string
	for i := range entries {
		want = append(want, fmt.Sprintf("entry %d %d", i, i), fmt.Sprintf("row %d %d", i, i), fmt.Sprintf("m%d %d %d", i/10, i, i))
	}
	slices.Sort(want)
	slices.Sort(w.got)
	if !slices.Equal(w.got, want) || len(w.wrong) > 0 {
		t.Errorf("got %d numbers, wrong %q; want %d\n%q", len(w.got), w.wrong, len(want), w.got)
	}
}

// writeAnew writes a CSV and a JSON file anew for each of n entries, by a few
// bytes at a time, with another column for every ten.
func writeAnew(dir string, n int) error {
	for last := range n {
		csv, doc := "step,row", "["
		for c := range last/10 + 1 {
			csv = fmt.Sprintf("m%d,%s", c, csv)
		}
		csv += "\n"
		for i := range last + 1 {
			for c := last / 10; c >= 0; c-- {
				if c == i/10 {
					csv += fmt.Sprint(i)
				}
				csv += ","
			}
			csv += fmt.Sprintf("%d,%d\n", i, i)
			doc += fmt.Sprintf(`{"step": %d, "entry": %d},`, i, i)
		}
		for name, text := range map[string]string{"log.csv": csv, "log.json": strings.TrimRight(doc, ",") + "]"} {
			f, err := os.Create(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			for len(text) > 0 {
				k := min(len(text), 37)
				if _, err := f.WriteString(text[:k]); err != nil {
					return err
				}
				text = text[k:]
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}
