package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/trawl-sweep/trawl/runner/metric/tfevents"
)

// searchEvery is how often a trial's directory is searched for new event files.
const searchEvery = time.Second

// maxEventFiles bounds how many of a trial are read.
const maxEventFiles = 256

// events follows the TensorBoard event files of a job.
type events struct {
	dir, more string           // TrialDir, and runner.Job.Events
	from      map[string]int64 // offsets of an earlier process, by key
	files     []*eventFile
	searched  int64 // Unix microseconds
	done      int64 // bytes read of all, to tell whether anything was
}

// eventFile is one of them.
type eventFile struct {
	tfevents.Reader
	path, run string
	ends      bool // nothing more is read of it: it is damaged
}

// key is the name of a file in a mark.
func (e *events) key(path string) string {
	if rel, err := filepath.Rel(e.dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

func (e *events) offsets() map[string]int64 {
	if len(e.files) == 0 {
		return e.from
	}
	m := make(map[string]int64, len(e.files))
	for _, f := range e.files {
		m[e.key(f.path)] = f.Offset
	}
	return m
}

// read gives the scalars that were written since the last call, as long as more
// says so. The error names the first file that cannot be read any further; it
// is told once.
func (e *events) read(now int64, last bool, more func() bool, emit func(name string, step int64, v float64)) (err error) {
	if last || e.searched == 0 || now-e.searched >= searchEvery.Microseconds() {
		e.searched = now
		e.search(e.dir)
		if e.more != "" {
			e.search(e.more)
		}
	}
	for _, f := range e.files {
		if f.ends {
			continue
		}
		before := f.Offset
		if ferr := f.read(more, emit); ferr != nil {
			f.ends = true
			if err == nil {
				err = fmt.Errorf("event file %s: %w; nothing behind it is read", f.path, ferr)
			}
		}
		e.done += f.Offset - before
	}
	return err
}

// search takes up event files that are new.
func (e *events) search(dir string) {
	tfevents.Find(dir, func(path, run string) {
		for _, f := range e.files {
			if f.path == path {
				return
			}
		}
		if len(e.files) < maxEventFiles {
			e.files = append(e.files, &eventFile{path: path, run: run, Reader: tfevents.Reader{Offset: e.from[e.key(path)]}})
		}
	})
}

// read opens the file where it has grown: hundreds of them may be followed.
func (f *eventFile) read(more func() bool, emit func(name string, step int64, v float64)) error {
	st, err := os.Stat(f.path)
	if err != nil || st.Size() <= f.Offset {
		return nil // removed by the trial, or nothing new
	}
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	return f.Read(file, st.Size(), more, func(s tfevents.Scalar) { emit(tfevents.Name(f.run, s.Tag), s.Step, s.Value) })
}

// renameEvents sets the event files of earlier attempts apart, under a name that
// TensorBoard still reads and we do not: attemptN.events.out.tfevents….
func renameEvents(dir string, attempt int) {
	tfevents.Find(dir, func(path, _ string) {
		folder, name := filepath.Split(path)
		_ = os.Rename(path, filepath.Join(folder, "attempt"+strconv.Itoa(attempt)+"."+name)) // what cannot be renamed is reported twice
	})
}
