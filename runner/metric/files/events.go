package files

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/trawl-sweep/trawl/runner/metric/tfevents"
)

// events is the source of an event file.
type events struct {
	tfevents.Reader
	run string
}

// events takes up the event files below a folder.
func (s *Set) events(dir string) {
	tfevents.Find(dir, func(path, run string) {
		s.add(path, func(m Mark) *file {
			return &file{path: path, source: &events{run: run, Reader: tfevents.Reader{Offset: m.Offset}}}
		})
	})
}

func (e *events) read(f *os.File, st stamp, c call) (rest bool, err error) {
	err = e.Read(f, st.size, c.more, func(s tfevents.Scalar) { c.emit(tfevents.Name(e.run, s.Tag), s.Step, s.Value) })
	if err != nil {
		err = fmt.Errorf("%w; nothing behind it is read", err)
	}
	return false, err
}

func (e *events) before(*os.File, stamp) error { return nil } // it was renamed

func (e *events) mark() Mark { return Mark{Offset: e.Offset} }

// renameEvents sets the event files of earlier attempts apart.
func renameEvents(dir string, attempt int) {
	tfevents.Find(dir, func(path, _ string) { rename(path, attempt) })
}

// rename sets a file apart under a name that says whose it was; TensorBoard
// reads it still, and we do not.
func rename(path string, attempt int) {
	folder, name := filepath.Split(path)
	_ = os.Rename(path, filepath.Join(folder, "attempt"+strconv.Itoa(attempt)+"."+name)) // what cannot be renamed is reported twice
}

// setApart reports whether rename gave a file its name.
func setApart(name string) bool {
	rest, ok := strings.CutPrefix(name, "attempt")
	n := strings.IndexByte(rest, '.')
	if !ok || n < 1 {
		return false
	}
	_, err := strconv.Atoi(rest[:n])
	return err == nil
}
