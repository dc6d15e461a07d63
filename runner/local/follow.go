package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/metric"
	"github.com/trawl-sweep/trawl/runner/metric/files"
	"github.com/trawl-sweep/trawl/sweep"
)

// maxLine is the longest line that is looked at; of a longer one nothing is
// read.
const maxLine = 64 << 10

// maxBatch bounds the reports of one update.
const maxBatch = 20_000

// followed is a job whose output is read as it comes.
type followed struct {
	// order is held from a read to its update, so that none follows the last.
	order  sync.Mutex
	mu     sync.Mutex // the poller and the end of the job read; a message would make the end wait for a poll
	job    runner.Job
	parser *metric.Parser
	log    tail
	file   tail // $TRAWL_METRICS
	files  *files.Set
	told   int64
	lost   int64
	batch  []sweep.Report
}

// mark is what runner.Job.Mark holds.
type mark struct {
	Log    int64       `json:"log"`
	File   int64       `json:"file,omitempty"`
	Files  files.Marks `json:"files,omitempty"`
	Parser string      `json:"parser,omitempty"`
}

func newFollowed(job runner.Job, patterns []string) *followed {
	p, err := metric.New(patterns)
	if err != nil {
		panic("local: " + err.Error()) // New has tried them
	}
	f := &followed{job: job, parser: p}
	f.log.path = filepath.Join(job.TrialDir, LogName)
	f.file.path = filepath.Join(job.TrialDir, MetricsName)
	f.files = files.New(job.TrialDir, job.Files)
	var m mark
	if job.Mark != "" && json.Unmarshal([]byte(job.Mark), &m) == nil {
		f.log.done, f.file.done = m.Log, m.File
		f.files.Restore(m.Files)
		_ = p.Restore(m.Parser) // a mark that we wrote; a damaged one restarts the implicit steps
	}
	return f
}

func (f *followed) offset() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.done
}

// read takes what is new; after the end also lines without theirs, and all there is.
func (f *followed) read(end files.End) runner.Update {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := end != files.Running
	u := runner.Update{Name: f.job.Name}
	before := f.log.done + f.file.done
	f.batch = nil
	emit := func(r sweep.Report) { f.batch = append(f.batch, r) }
	now := time.Now().UnixMicro()
	more := func() bool { return last || len(f.batch) < maxBatch }
	f.log.read(last, more, func(line []byte) { f.parser.Line(line, now, emit) })
	var changed bool
	var errs []error
	if !last || f.file.done > 0 || !f.files.None() || !bare(f.job.TrialDir) {
		f.file.read(last, more, func(line []byte) { f.parser.MetricsLine(line, now, emit) })
		changed, errs = f.files.Read(now, end, more, func(_, name string, step int64, v float64) { f.parser.Number(name, step, v, now, emit) })
	}
	u.Reports = f.batch
	if len(errs) > 0 {
		text := strings.ReplaceAll(errors.Join(errs...).Error(), "\n", "; ")
		u.Note = &sweep.Note{What: "file_unread", Trial: f.job.Trial, Text: fmt.Sprintf("trial %d: %s", f.job.Trial, text)}
	}
	if f.log.lost > f.lost {
		u.Note = &sweep.Note{What: "output_lost", Trial: f.job.Trial,
			Text: fmt.Sprintf("trial %d: %d bytes of output were dropped before they could be read", f.job.Trial, f.log.lost-f.lost)}
		f.lost = f.log.lost
	}
	if (changed || f.log.done+f.file.done != before) && !last { // after the end nobody goes on from it
		b, _ := json.Marshal(mark{f.log.done, f.file.done, f.files.Marks(), f.parser.State()})
		u.Mark = string(b)
	}
	if last {
		f.log.close()
		f.file.close()
	}
	return u
}

// last reads what is left and makes the update that ends the job. output is
// what came with the exit record: the whole output behind a 1, or nothing.
func (f *followed) last(x sweep.Exit, output []byte) runner.Update {
	if len(output) > 0 {
		f.mu.Lock()
		f.log.close()
		f.log.whole = bytes.NewReader(output[1:])
		f.mu.Unlock()
	}
	end := files.Cut
	if x.Code == 0 && x.Signal == 0 && x.Cause == sweep.StopNone && x.Class == "" {
		end = files.Done
	}
	u := f.read(end)
	if x.Code != 0 || x.Signal != 0 {
		u.Tail = f.tail()
		f.classify(&x, u.Tail)
	}
	if v, ok := x.Value(); ok && f.job.ExitValue != "" {
		f.mu.Lock()
		f.parser.Number(f.job.ExitValue, -1, v, x.EndedAt, func(r sweep.Report) { u.Reports = append(u.Reports, r) })
		f.mu.Unlock()
	}
	u.Exit = &x
	return u
}

// tail returns the last lines of the output, at most 20.
func (f *followed) tail() []string {
	file, err := os.Open(f.log.path)
	if err != nil {
		return nil
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return nil
	}
	from := max(0, st.Size()-16<<10)
	b, err := io.ReadAll(io.NewSectionReader(file, from, 16<<10))
	if err != nil {
		return nil
	}
	text := strings.ToValidUTF8(strings.ReplaceAll(string(b), "\r", "\n"), "\uFFFD")
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		if len(l) > 400 {
			lines[i] = strings.ToValidUTF8(l[:400], "") + "…"
		}
	}
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines[max(0, len(lines)-20):]
}

// oomText are the last words of frameworks that ran out of memory.
var oomText = regexp.MustCompile(`CUDA out of memory|torch\.OutOfMemoryError|cudaErrorMemoryAllocation|RESOURCE_EXHAUSTED: Out of memory|CUDA_ERROR_OUT_OF_MEMORY|^MemoryError\b|std::bad_alloc`)

// classify recognises a failure by memory in the last output.
func (f *followed) classify(x *sweep.Exit, tail []string) {
	if x.Class != "" || x.Cause != sweep.StopNone {
		return
	}
	for _, l := range tail {
		if oomText.MatchString(l) {
			x.Class, x.Message = sweep.ClassOOM, l
			return
		}
	}
}

// tail is a file that is read line by line as it grows.
type tail struct {
	path  string
	f     *os.File
	whole *bytes.Reader // all of it, read instead of the file
	done  int64         // all lines before it were taken
	skip  bool          // inside a line that is too long
	lost  int64         // bytes found in holes
	buf   []byte
}

func (t *tail) close() {
	if t.f != nil {
		t.f.Close()
		t.f = nil
	}
}

// read gives all whole lines since the last call to take, as long as more says
// so; with last, also an unfinished one. Lines end at \n or \r.
func (t *tail) read(last bool, more func() bool, take func([]byte)) {
	var src io.ReaderAt = t.whole
	if t.whole == nil {
		if t.f == nil {
			f, err := os.Open(t.path)
			if err != nil {
				return // not there yet
			}
			t.f = f
		}
		src = t.f
	}
	if t.buf == nil {
		t.buf = make([]byte, 4096)
	}
	for more() {
		n, err := src.ReadAt(t.buf, t.done)
		if n == 0 {
			return
		}
		if t.buf[0] == 0 && t.whole == nil && t.hole() {
			continue
		}
		used := t.lines(t.buf[:n], take)
		if used == 0 {
			full := n == len(t.buf)
			switch {
			case t.skip || full && n >= maxLine:
				t.skip = true
				used = n
			case full:
				t.buf = make([]byte, min(8*len(t.buf), maxLine)) // the line does not fit
				continue
			case last && errors.Is(err, io.EOF):
				if !t.skip {
					take(t.buf[:n])
				}
				used = n
			default:
				return // an unfinished line
			}
		}
		t.done += int64(used)
		if used >= len(t.buf)/2 && len(t.buf) < maxLine {
			t.buf = make([]byte, maxLine)
		}
	}
}

// lines takes the whole lines of b and returns how much of it they are.
func (t *tail) lines(b []byte, take func([]byte)) (used int) {
	for {
		i := bytes.IndexByte(b[used:], '\n')
		if i < 0 {
			i = bytes.IndexByte(b[used:], '\r')
			if i < 0 || used+i+1 == len(b) { // a last \r may belong to \r\n
				return used
			}
		}
		line := b[used : used+i]
		used += i + 1
		if t.skip {
			t.skip = false
			continue
		}
		for j := bytes.IndexByte(line, '\r'); j >= 0; j = bytes.IndexByte(line, '\r') {
			take(line[:j])
			line = line[j+1:]
		}
		take(line)
	}
}

// hole steps over a part that was punched out before it was read.
func (t *tail) hole() bool {
	n := nextData(t.f, t.done)
	if n <= t.done {
		return false
	}
	t.lost += n - t.done
	t.done = n
	t.skip = true // what follows is the end of a line whose start is gone
	return true
}
