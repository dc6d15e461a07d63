package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
)

// The limits of what is read. They keep a wrong or hostile file from taking
// the memory of the machine; a file within them takes memory only for what it
// really holds.
const (
	maxRows    = 100_000_000
	maxColumns = 1 << 16 // of a dense row
	maxIndex   = 1 << 22 // of a sparse row
	maxClasses = 65_536  // different labels
	fewClasses = 100     // whole numbers that are taken for labels unasked
	maxLevels  = 1000    // different texts of a column of features
	maxLine    = 8 << 20 // bytes of one record
	maxBytes   = 4 << 30 // of one file, unpacked; and of a set in memory
)

// A file is one file of a set, with the name that messages give it.
type file struct {
	fsys fs.FS
	path string // within fsys
	name string
}

// open opens the file and unpacks it where it begins like gzip, as one called .gz
// must. Only regular files: a pipe would hang. What is read goes into h too, if it is not nil.
func (f file) open(limit int64, h hash.Hash) (*stream, error) {
	info, err := fs.Stat(f.fsys, f.path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	c, err := f.fsys.Open(f.path)
	if err != nil {
		return nil, bare(err)
	}
	r, err := unpacked(c, f.path)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if h != nil {
		r = io.TeeReader(r, h)
	}
	return &stream{bufio.NewReaderSize(&limited{r: r, left: limit, limit: limit}, 1<<16), c}, nil
}

// read opens the file, lets do read it, and puts the file's name before an
// error that has no place within the file yet.
func (f file) read(limit int64, h hash.Hash, do func(r *bufio.Reader) error) error {
	s, err := f.open(limit, h)
	if err == nil {
		err = errors.Join(do(s.Reader), s.c.Close())
	}
	if _, placed := errors.AsType[*placeError](err); err == nil || placed {
		return err
	}
	return fmt.Errorf("%s: %w", f.name, err)
}

// bare is an error of the file system without its name of the file, which the
// caller gives.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

type stream struct {
	*bufio.Reader
	c io.Closer
}

// unpacked reads through gzip where the stream begins like one. What is called
// .gz and begins otherwise is more likely damaged than named wrongly.
func unpacked(r io.Reader, name string) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	m, err := b.Peek(2)
	if !bytes.Equal(m, []byte{0x1f, 0x8b}) {
		if err != nil && err != io.EOF {
			return nil, err
		}
		if strings.HasSuffix(strings.ToLower(name), ".gz") {
			what := "empty"
			if len(m) > 0 {
				what = fmt.Sprintf("begins with 0x%x", m)
			}
			return nil, fmt.Errorf("%s; want gzip (0x1f8b), as its name says, or a name without .gz", what)
		}
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, damaged(err)
	}
	return packed{z}, nil
}

func damaged(err error) error {
	return fmt.Errorf("gzip: cut off or damaged: %w; want the whole file", short(err))
}

// packed says of an error that it comes from gzip.
type packed struct{ z *gzip.Reader }

func (p packed) Read(b []byte) (int, error) {
	n, err := p.z.Read(b)
	if err != nil && err != io.EOF {
		err = damaged(err)
	}
	return n, err
}

// limited is an error, not an end, after limit bytes.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.r.Read(b[:min(int64(len(b)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("over %d bytes unpacked; want less", l.limit)
	}
	return n, err
}

// short makes the end of a file where more was due read as such.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A placeError is what is wrong at one line of a file.
type placeError struct {
	file   string
	line   int
	column string // "" where the line as a whole is meant
	what   string
}

func (e *placeError) Error() string {
	if e.column == "" {
		return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.what)
	}
	return fmt.Sprintf("%s:%d: column %s: %s", e.file, e.line, e.column, e.what)
}

// clip shortens a text from a file for a message.
func clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return fmt.Sprintf("%q", s)
}
