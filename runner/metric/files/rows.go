package files

import (
	"errors"
	"fmt"
	"os"

	"github.com/trawl-sweep/trawl/runner/metric/csvlog"
)

// rows is the source of a CSV file.
type rows struct{ csvlog.Reader }

func newRows(m Mark) *rows {
	r := &rows{}
	if m.CSV != nil {
		r.State = *m.CSV
	}
	return r
}

// read says the first bad row when it comes, and at the end how many there were.
func (r *rows) read(f *os.File, st stamp, c call) (rest bool, err error) {
	err = r.Read(f, st.size, c.end, c.more, c.emit, func(line int64, what string) {
		if r.Bad == 1 {
			c.warn(fmt.Errorf("%s:%d: %s; it is left out", f.Name(), line, what))
		}
	})
	if c.end != Running && r.Bad > 1 {
		c.warn(fmt.Errorf("%s: %d rows or cells are left out", f.Name(), r.Bad))
	}
	if errors.Is(err, csvlog.ErrHeader) {
		err = fmt.Errorf("%w; want a header such as epoch,val_loss; nothing of the file is read", err)
	}
	return r.Offset < st.size || r.Bad > 1, err
}

func (r *rows) before(f *os.File, st stamp) error {
	err := r.Read(f, st.size, Running, func() bool { return true }, func(string, int64, float64) {}, func(int64, string) {})
	r.Old, r.Bad = true, 0
	return err
}

func (r *rows) mark() Mark {
	s := r.State
	return Mark{CSV: &s}
}
