package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// embeddedNames are those by which `data:` means the set inside the binary.
var embeddedNames = map[string]bool{"mnist": true, "mnist-10k": true}

// A Source finds data sets. It loads each once, whoever asks; the sets stay in
// memory as long as the Source. It is safe for concurrent use.
type Source struct {
	// Dirs are tried in order for a relative path: where `trawl run` was
	// started, then where the sweep file lies.
	Dirs []string
	// Embedded holds the set of the names mnist and mnist-10k in its folder
	// data; nil if there is none.
	Embedded fs.FS

	// Trials ask at the same time for the same set and must wait for the one
	// that loads it. A goroutine that owns the sets would need an end; a mutex
	// does not.
	mu   sync.Mutex
	sets map[string]func() (*Set, error)
}

// Load returns the set called name: `mnist` for the embedded one, else the
// path of a folder of IDX files. A set that could not be read is tried again
// by the next call.
func (s *Source) Load(name string) (*Set, error) {
	key, folder, err := s.find(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.sets == nil {
		s.sets = make(map[string]func() (*Set, error))
	}
	load, ok := s.sets[key]
	if !ok {
		load = sync.OnceValues(func() (*Set, error) { return ReadFolder(folder) })
		s.sets[key] = load
	}
	s.mu.Unlock()
	set, err := load()
	if err != nil {
		s.mu.Lock()
		delete(s.sets, key)
		s.mu.Unlock()
		return nil, fmt.Errorf("data %s: %w", key, err)
	}
	return set, nil
}

// find returns the folder that name means and a key that is unique to it.
func (s *Source) find(name string) (key string, folder fs.FS, err error) {
	if embeddedNames[name] && s.Embedded != nil {
		sub, err := fs.Sub(s.Embedded, "data")
		return "mnist (embedded)", sub, err
	}
	dirs := s.Dirs
	if filepath.IsAbs(name) || len(dirs) == 0 {
		dirs = []string{""}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", nil, fmt.Errorf("data: %w", err)
		case !info.IsDir():
			return "", nil, fmt.Errorf("data %s: a file: not built yet; want a folder of IDX files, or mnist", path)
		}
		return path, os.DirFS(path), nil
	}
	return "", nil, fmt.Errorf("data %q: no such folder; want mnist, or a folder of IDX files below %v", name, dirs)
}

// ReadFolder reads a folder with MNIST's layout: t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte, or the same with train, or both; each may end in .gz.
// With both, those of train come first and Set.Train is their number.
func ReadFolder(dir fs.FS) (*Set, error) {
	s := &Set{}
	for _, part := range []string{"train", "t10k"} {
		images, err := open(dir, part+"-images-idx3-ubyte")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := readFile(images, func(r io.Reader) error { return readImages(s, r) }); err != nil {
			return nil, fmt.Errorf("%s-images: %w", part, err)
		}
		labels, err := open(dir, part+"-labels-idx1-ubyte")
		if err != nil {
			return nil, err
		}
		if err := readFile(labels, func(r io.Reader) error { return readLabels(s, r) }); err != nil {
			return nil, fmt.Errorf("%s-labels: %w", part, err)
		}
		if n := len(s.start) - 1; n != len(s.labels) {
			return nil, fmt.Errorf("%s: %d images with %d labels", part, n, len(s.labels))
		}
		if part == "train" {
			s.Train = s.Len()
		}
	}
	if s.Len() == 0 {
		return nil, errors.New("no t10k-images-idx3-ubyte.gz or train-images-idx3-ubyte.gz; want a folder of IDX files")
	}
	if s.Train == s.Len() {
		s.Train = 0
	}
	return s, nil
}

// open opens name.gz, else name. Only regular files: a pipe would hang.
func open(dir fs.FS, name string) (fs.File, error) {
	var first error
	for _, n := range []string{name + ".gz", name} {
		info, err := fs.Stat(dir, n)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s: not a regular file", n)
		}
		if err == nil {
			return dir.Open(n)
		}
		if first == nil || !errors.Is(err, fs.ErrNotExist) {
			first = err
		}
	}
	return nil, first
}

func readFile(f fs.File, read func(io.Reader) error) error {
	err := read(f)
	return errors.Join(err, f.Close())
}
