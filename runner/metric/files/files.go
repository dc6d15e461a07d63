// Package files follows the files in which a trial leaves metrics, of whatever
// kind, while they are written:
//
//	        ┌ events  tfevents.Reader      TensorBoard's event files
//	Set ────┼ rows    csvlog.Reader        CSV
//	        └ entries metric.ReadDocument  JSON, trainer_state.json
//
// A Set finds the files of one attempt, opens those that have changed and has
// them read by a source of their kind. Each number is given once: what a source
// has taken is in its Mark, which is stored in one transaction with what it
// gave, and a later process goes on from there.
//
// What lies at a path before an attempt starts is not the attempt's:
//
//   - Event files are renamed to attemptN.NAME, which TensorBoard still reads.
//     So are CSV files that lie there before the first attempt, of an earlier
//     sweep, with N = 0: the new ones may repeat their rows.
//   - Of CSV files that an earlier attempt wrote, the rows that are there are
//     passed over, for the attempt may go on with the file.
//   - JSON files are not read until they change; then they are read from the
//     start, also where they begin with what an earlier attempt wrote.
//
// The last two are remembered in the file reported.json of the trial's
// directory.
package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/runner/metric/csvlog"
	"github.com/trawl-sweep/trawl/runner/metric/tfevents"
	"github.com/trawl-sweep/trawl/sweep"
)

// End says what became of the trial: csvlog.End.
type End = csvlog.End

const (
	Running = csvlog.Running
	Done    = csvlog.Done // exit 0
	Cut     = csvlog.Cut  // any other end
)

// searchEvery is how often folders are searched for new files.
const searchEvery = time.Second

// largeDocument is the size in bytes from which a JSON file is not read more
// often than folders are searched: it is read as a whole.
const largeDocument = 1 << 20

// maxFiles bounds how many of a trial are read.
const maxFiles = 256

// RememberedName is the file in a trial's directory that says what was there
// before its attempt.
const RememberedName = "reported.json"

// Marks say how far files were read, by path, below the trial's directory if it
// is.
type Marks map[string]Mark

// A Mark is how far a file was read, in the terms of its source.
type Mark struct {
	Offset  int64         `json:"o,omitempty"`
	CSV     *csvlog.State `json:"csv,omitempty"`
	Entries *entriesMark  `json:"json,omitempty"`
}

// Emit takes a number of a file. A step below 0 is none.
type Emit func(path, name string, step int64, value float64)

// A source reads one file.
type source interface {
	// read takes what is new in f, a file that may have grown or been replaced.
	// It reports whether there is something left that a later call may take
	// though the file is the same. An error is the end of the file; what is
	// wrong and leaves the rest readable goes to warn.
	read(f *os.File, st stamp, c call) (rest bool, err error)
	// before is read for a file of an earlier attempt, of which nothing is given.
	before(f *os.File, st stamp) error
	mark() Mark
}

// call is what a source gets from the reader of a Set.
type call struct {
	end  End
	more func() bool
	emit func(name string, step int64, value float64)
	warn func(error)
}

// stamp tells whether a file has changed.
type stamp struct{ size, time int64 } // bytes, nanoseconds since 1970

func stampOf(st fs.FileInfo) stamp { return stamp{st.Size(), st.ModTime().UnixNano()} }

// file is one that is followed.
type file struct {
	source
	path   string
	newest func() string // the path of the moment, where there are several; nil: path
	seen   stamp
	rest   bool // a look at the same file may give more
	cut    bool // the last look was ended by more
	ends   bool // nothing more is read of it
}

// Set is the files of one attempt. It is used by one goroutine.
type Set struct {
	dir      string
	named    []sweep.ReportFile
	from     Marks // of an earlier process, or what was there before the attempt
	loaded   bool
	files    []*file
	searched int64   // Unix microseconds
	all      bool    // the Read that goes on searches folders
	errs     []error // of the Read that goes on
}

// New returns the files of an attempt with a trial's directory: the event files
// in that, and those that are named, by absolute paths.
func New(dir string, named []sweep.ReportFile) *Set {
	return &Set{dir: dir, named: named, loaded: len(named) == 0}
}

// Restore goes on from the Marks of an earlier process, before the first Read.
func (s *Set) Restore(m Marks) {
	if m != nil {
		s.from, s.loaded = m, true
	}
}

// None reports whether there are no files so far, and none but event files in
// the trial's directory can come.
func (s *Set) None() bool { return len(s.files) == 0 && len(s.named) == 0 }

// Marks is where a later process goes on.
func (s *Set) Marks() Marks {
	if len(s.files) == 0 {
		return s.from
	}
	m := make(Marks, len(s.files)+len(s.from))
	for k, v := range s.from {
		m[k] = v
	}
	for _, f := range s.files {
		m[s.key(f.path)] = f.mark()
	}
	return m
}

// key is the name of a file in Marks.
func (s *Set) key(path string) string {
	if rel, err := filepath.Rel(s.dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// Read gives the numbers that are new since the last call, as long as more says
// so. now is in Unix microseconds. changed: Marks are others than before. The
// errors name a file and what is wrong with it, each once.
func (s *Set) Read(now int64, end End, more func() bool, emit Emit) (changed bool, errs []error) {
	if !s.loaded {
		s.loaded = true
		s.from = remembered(s.dir)
	}
	s.errs = nil
	s.search(now, end)
	for _, f := range s.files {
		if f.ends {
			continue
		}
		read, err := s.look(f, end, more, emit)
		changed = changed || read
		if err != nil {
			f.ends = true
			s.errs = append(s.errs, err)
		}
	}
	return changed, s.errs
}

// look reads a file if it is another than at the last look; it opens no other,
// for hundreds of them may be followed.
func (s *Set) look(f *file, end End, more func() bool, emit Emit) (read bool, err error) {
	path := f.path
	if f.newest != nil {
		if !s.all {
			return false, nil
		}
		path = f.newest()
	}
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return false, nil // not there, or removed by the trial
	}
	now := stampOf(st)
	if _, whole := f.source.(*entries); whole && now.size > largeDocument && !s.all {
		return false, nil
	}
	if now == f.seen && !f.cut && (!f.rest || end == Running) {
		return false, nil
	}
	opened, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer opened.Close()
	if st, err = opened.Stat(); err != nil { // another file may have taken its place
		return false, err
	}
	now = stampOf(st)
	f.rest, err = f.read(opened, now, call{end: end, more: more, emit: func(name string, step int64, v float64) { emit(f.path, name, step, v) },
		warn: func(err error) { s.errs = append(s.errs, err) }})
	f.seen, f.cut = now, !more()
	if err != nil {
		return true, fmt.Errorf("%s: %w", path, err)
	}
	return true, nil
}

// search takes up files that are new: paths each time, folders and patterns now
// and then.
func (s *Set) search(now int64, end End) {
	s.all = end != Running || s.searched == 0 || now-s.searched >= searchEvery.Microseconds()
	if s.all {
		s.searched = now
		s.events(s.dir)
	}
	for _, n := range s.named {
		switch {
		case n.Kind == sweep.TensorBoard && s.all:
			s.events(n.Path)
		case n.Kind == sweep.TensorBoard:
		case n.Kind == sweep.TrainerState:
			s.add(n.Path, func(m Mark) *file {
				return &file{source: newEntries(m, true), path: n.Path, newest: newestState(n.Path)}
			})
		case s.all || !strings.ContainsAny(n.Path, `*?[\`):
			for _, path := range matches(n.Path) {
				s.add(path, func(m Mark) *file { return &file{source: newSource(n.Kind, m), path: path} })
			}
		}
	}
}

// add takes up a file unless it is followed already.
func (s *Set) add(path string, make func(Mark) *file) {
	if len(s.files) < maxFiles && !slices.ContainsFunc(s.files, func(f *file) bool { return f.path == path }) {
		s.files = append(s.files, make(s.from[s.key(path)]))
	}
}

// matches are the files that a path or pattern names, but for those set apart.
func matches(pattern string) (paths []string) {
	all, _ := filepath.Glob(pattern) // a pattern that is none was refused in the sweep file
	for _, path := range all {
		st, err := os.Stat(path)
		if err == nil && st.Mode().IsRegular() && !setApart(filepath.Base(path)) {
			paths = append(paths, path)
		}
	}
	return paths
}

func newSource(kind sweep.FileKind, m Mark) source {
	if kind == sweep.CSVFile {
		return newRows(m)
	}
	return newEntries(m, false)
}

// SetApart sees to it that what lies there is not taken for what an attempt
// will write. It is called before the attempt starts, and costs nothing where
// nothing is named and the attempt is the first.
func SetApart(dir string, named []sweep.ReportFile, attempt int) error {
	if attempt > 1 {
		renameEvents(dir, attempt-1)
	}
	for _, n := range named {
		switch {
		case n.Kind == sweep.TensorBoard:
			renameEvents(n.Path, attempt-1)
		case n.Kind == sweep.CSVFile && attempt == 1:
			for _, path := range matches(n.Path) {
				rename(path, 0)
			}
		}
	}
	return Remember(dir, named)
}

// Remember writes down, in the trial's directory, what files other than event
// files hold, so that a Set passes over it.
func Remember(dir string, named []sweep.ReportFile) error {
	if !slices.ContainsFunc(named, func(n sweep.ReportFile) bool { return n.Kind != sweep.TensorBoard }) {
		return nil
	}
	s := New(dir, named)
	s.loaded = true
	s.search(0, Done)
	m := Marks{}
	for _, f := range s.files {
		path := f.path
		if f.newest != nil {
			path = f.newest()
		}
		file, err := os.Open(path)
		if err != nil {
			continue // gone, or never there
		}
		st, err := file.Stat()
		if err == nil {
			err = f.before(file, stampOf(st))
		}
		file.Close()
		if err == nil {
			m[s.key(f.path)] = f.mark()
		}
	}
	path := filepath.Join(dir, RememberedName)
	if len(m) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// remembered is what Remember wrote.
func remembered(dir string) (m Marks) {
	b, err := os.ReadFile(filepath.Join(dir, RememberedName))
	if err == nil {
		_ = json.Unmarshal(b, &m) // a damaged one is none
	}
	return m
}

// Volume is the size of all files of an attempt, in bytes, and a number that
// changes whenever one of them is written.
func Volume(dir string, named []sweep.ReportFile) (size, touched int64) {
	count := func(path string) {
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			size += st.Size()
			touched += st.ModTime().UnixNano()
		}
	}
	events := func(dir string) { tfevents.Find(dir, func(path, _ string) { count(path) }) }
	events(dir)
	for _, n := range named {
		switch n.Kind {
		case sweep.TensorBoard:
			events(n.Path)
		case sweep.TrainerState:
			count(newestState(n.Path)())
		default:
			for _, path := range matches(n.Path) {
				count(path)
			}
		}
	}
	return size, touched
}
