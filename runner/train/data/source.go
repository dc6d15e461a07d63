package data

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"weak"
)

// A Source finds data sets and shares them. Files are read once, whoever asks
// and with whatever split and preprocessing, and stay in memory as long as the
// Source. The sets made of them stay as long as somebody uses them. It is safe
// for concurrent use.
type Source struct {
	// Dirs are tried in order for a relative path: where `trawl run` was
	// started, then where the sweep file lies.
	Dirs []string
	// Embedded holds the sets inside the binary in its folder data: MNIST's
	// files for the names mnist and mnist-10k, and NAME.csv or NAME.csv.gz for
	// NAME. nil: there are none.
	Embedded fs.FS
	// MaxBytes limits the size of a file, unpacked, in bytes; 0 is 4 GiB. Beside
	// it there are at most 10⁸ rows, 65,536 columns (of sparse rows 2²²), and
	// 8 MiB in a line.
	MaxBytes int64

	longest int // bytes of a line; 0 is maxLine

	// Trials ask at the same time for the same set and must wait for the one
	// that loads it. A goroutine that owns the sets would need an end; a mutex
	// does not.
	mu     sync.Mutex
	tables map[tableKey]func() (*table, error)

	preparing sync.Mutex // held while a set is made, so that each is made once
	sets      map[setKey]weak.Pointer[Set]
	recent    [8]*Set // kept although nobody uses them: the next trial may
	next      int
}

type tableKey struct {
	files                string
	target, header, task string
	float64              bool
}

type setKey struct {
	table tableKey
	o     Options
}

// Open returns the set called name: one inside the binary (`mnist`, or the name
// of a CSV file there; ./mnist is always a file), else a path: of a CSV, LIBSVM
// or IDX file, or of a folder with MNIST's layout (train-images-idx3-ubyte,
// train-labels-idx1-ubyte, and t10k likewise, or one of the two) or with
// train.csv and val.csv and test.csv or one of these (.csv, .libsvm or .svm).
// Each may be packed by gzip, with or without .gz at its end; with it, it must
// be. Of a pair of IDX files name the images; the labels are where the name says
// labels and idx1 for images and idx3.
//
// What a file is, its name says (.csv .tsv .libsvm .svm .svmlight), else its
// beginning: two zero bytes are IDX, a line of LABEL INDEX:VALUE … is LIBSVM, all
// else CSV.
//
// The same Set comes back for the same name and options. An error names file,
// line and column where there is one, and what was wanted: for what is no file,
// damaged gzip, more than MaxBytes, a wrong magic number, a file that ends early
// or goes on, ragged rows, cells that are no finite numbers, labels of other
// files that the training file lacks, a part without rows. A set that could not
// be read is tried again by the next call.
func (s *Source) Open(name string, o Options) (*Set, error) {
	set, err := s.open(name, o)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", name, err)
	}
	return set, nil
}

func (s *Source) open(name string, o Options) (*Set, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	format, parts, err := s.find(name, o.Split)
	if err != nil {
		return nil, err
	}
	key := tableKey{files: fmt.Sprint(parts), target: o.Target, header: o.Header, task: o.Task, float64: o.Float64}
	if format == "idx" {
		key = tableKey{files: key.files, task: o.Task}
	}
	t, err := s.table(key, format, parts, o)
	if err != nil {
		return nil, err
	}
	s.preparing.Lock()
	defer s.preparing.Unlock()
	at := setKey{key, o}
	set := s.sets[at].Value()
	if set == nil {
		if set, err = t.set(name, o); err != nil {
			return nil, err
		}
		s.keep(at, set)
	}
	s.recent[s.next%len(s.recent)] = set
	s.next++
	return set, nil
}

// keep stores a set for as long as it is used, and forgets those that are not.
func (s *Source) keep(at setKey, set *Set) {
	if s.sets == nil {
		s.sets = make(map[setKey]weak.Pointer[Set])
	}
	for k, p := range s.sets {
		if p.Value() == nil {
			delete(s.sets, k)
		}
	}
	s.sets[at] = weak.Make(set)
}

// table reads files once.
func (s *Source) table(key tableKey, format string, parts [3][]file, o Options) (*table, error) {
	limit := s.MaxBytes
	if limit <= 0 {
		limit = maxBytes
	}
	s.mu.Lock()
	load, ok := s.tables[key]
	if !ok {
		if s.tables == nil {
			s.tables = make(map[tableKey]func() (*table, error))
		}
		load = sync.OnceValues(func() (*table, error) { return read(format, parts, o, limit, cmp.Or(s.longest, maxLine)) })
		s.tables[key] = load
	}
	s.mu.Unlock()
	t, err := load()
	if err != nil {
		s.mu.Lock()
		delete(s.tables, key)
		s.mu.Unlock()
	}
	return t, err
}

// find returns the files that name and the split mean. Those of IDX come in
// pairs.
func (s *Source) find(name string, split Split) (format string, parts [3][]file, err error) {
	format, parts, err = s.findOne(name)
	if err != nil {
		return "", parts, err
	}
	for i, further := range []string{split.ValFile, split.TestFile} {
		if further == "" {
			continue
		}
		f, p, err := s.findOne(further)
		if err == nil && (f != format || p[1] != nil || p[2] != nil || parts[i+1] != nil) {
			err = fmt.Errorf("want one file of the same format as %s, which is %s", name, format)
		}
		if err != nil {
			return "", parts, fmt.Errorf("%s: %w", further, err)
		}
		parts[i+1] = p[0]
	}
	return format, parts, nil
}

func (s *Source) findOne(name string) (format string, parts [3][]file, err error) {
	if s.Embedded != nil && !strings.ContainsAny(name, `/\.`) {
		if name == "mnist" || name == "mnist-10k" {
			return folder(file{s.Embedded, "data", "embedded"})
		}
		for _, ending := range []string{".csv", ".csv.gz"} {
			f := file{s.Embedded, "data/" + name + ending, "embedded " + name + ending}
			if f.exists() {
				parts[0] = []file{f}
				return "csv", parts, nil
			}
		}
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
			return "", parts, bare(err)
		case info.IsDir():
			return folder(file{os.DirFS(path), ".", path})
		}
		return single(file{os.DirFS(filepath.Dir(path)), filepath.Base(path), path})
	}
	return "", parts, fmt.Errorf("no such folder or file below %q; want one, or a set inside trawl such as mnist", dirs)
}

// within is a file in the folder f.
func (f file) within(name string) file {
	g := file{f.fsys, name, filepath.Join(f.name, name)}
	if f.path != "." {
		g.path = f.path + "/" + name
	}
	return g
}

func (f file) exists() bool {
	_, err := fs.Stat(f.fsys, f.path)
	return err == nil
}

// packed returns f with .gz, if that exists, else f.
func (f file) packed() file {
	if z := (file{f.fsys, f.path + ".gz", f.name + ".gz"}); z.exists() {
		return z
	}
	return f
}

// folder finds the files of a set in a folder.
func folder(dir file) (format string, parts [3][]file, err error) {
	n := 0
	for _, name := range []string{"train", "t10k"} {
		if images := dir.within(name + "-images-idx3-ubyte").packed(); images.exists() {
			parts[n] = []file{images, dir.within(name + "-labels-idx1-ubyte").packed()}
			n++
		}
	}
	if n > 0 {
		return "idx", parts, nil
	}
	for _, kind := range [][2]string{{"csv", "csv"}, {"libsvm", "libsvm"}, {"svm", "libsvm"}} {
		for i, names := range [][]string{{"train"}, {"val", "validation", "valid"}, {"test"}} {
			for _, name := range names {
				if f := dir.within(name + "." + kind[0]).packed(); f.exists() && parts[i] == nil {
					parts[i] = []file{f}
				}
			}
		}
		if parts[0] != nil {
			return kind[1], parts, nil
		}
	}
	return "", parts, errors.New("a folder without train-images-idx3-ubyte, t10k-images-idx3-ubyte, train.csv or train.libsvm (.gz or not); want one of them")
}

var svmLine = regexp.MustCompile(`^\s*[-+.\w]+(\s+\d+:\S+)+\s*(#.*)?$`)

// single finds out what a file is, by its content and its name.
func single(f file) (format string, parts [3][]file, err error) {
	parts[0] = []file{f}
	name := strings.ToLower(strings.TrimSuffix(f.path, ".gz"))
	for _, ending := range []string{".csv", ".tsv"} {
		if strings.HasSuffix(name, ending) {
			return "csv", parts, nil
		}
	}
	for _, ending := range []string{".libsvm", ".svm", ".svmlight"} {
		if strings.HasSuffix(name, ending) {
			return "libsvm", parts, nil
		}
	}
	s, err := f.open(maxBytes, nil)
	if err != nil {
		return "", parts, err
	}
	head, err := s.Peek(1 << 14)
	if err == io.EOF || err == bufio.ErrBufferFull {
		err = nil
	}
	err = errors.Join(err, s.c.Close())
	line, _, _ := bytes.Cut(head, []byte{'\n'})
	switch {
	case err != nil:
		return "", parts, err
	case len(head) >= 4 && head[0] == 0 && head[1] == 0:
		labels := strings.NewReplacer("images", "labels", "idx3", "idx1").Replace(f.path)
		if labels == f.path {
			return "", parts, errors.New("an IDX file; want that of the images, with `images` in its name")
		}
		l := file{f.fsys, labels, filepath.Join(filepath.Dir(f.name), labels)}
		parts[0] = append(parts[0], l)
		return "idx", parts, nil
	case slices.Contains(head, 0):
		return "", parts, errors.New("neither CSV, LIBSVM nor IDX: it has zero bytes")
	case svmLine.Match(line):
		return "libsvm", parts, nil
	}
	return "csv", parts, nil
}
