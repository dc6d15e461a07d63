package files

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/trawl-sweep/trawl/runner/metric"
)

// maxDocument is the longest JSON file that is read, in bytes.
const maxDocument = 64 << 20

// entries is the source of a JSON file. Such a file is read as a whole when it
// has changed. Rows that were taken before are known again by what they hold; if
// they differ, all are taken. Single values are taken if one of them differs.
//
// A file that is not valid, or has fewer rows than were taken, is half written,
// until the trial ends.
type entries struct {
	entriesMark
	later bool // of several files, one that is older than what was read tells nothing new
}

type entriesMark struct {
	Size   int64  `json:"z,omitempty"` // of the file when it was read
	Time   int64  `json:"t,omitempty"` // when it had been written, in nanoseconds
	Rows   int64  `json:"n,omitempty"` // taken
	Sum    uint64 `json:"s,omitempty"` // of them
	Values uint64 `json:"v,omitempty"` // sum of the values taken
	Old    uint64 `json:"o,omitempty"` // sum of a file that was there before the attempt, of which nothing was taken
}

func newEntries(m Mark, later bool) *entries {
	e := &entries{later: later}
	if m.Entries != nil {
		e.entriesMark = *m.Entries
	}
	return e
}

func (e *entries) read(f *os.File, st stamp, c call) (rest bool, err error) {
	// Times of files are those of the kernel's last tick, some milliseconds ago:
	// in the end a look is worth it.
	if st == (stamp{e.Size, e.Time}) && c.end == Running || e.later && st.time < e.Time {
		return true, nil
	}
	if st.size > maxDocument {
		return false, fmt.Errorf("%d bytes; want at most %d in a JSON file", st.size, maxDocument)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, st.size))
	if err != nil {
		return false, err
	}
	if st == (stamp{e.Size, e.Time}) && e.Old != 0 && e.Old == hash(b) {
		return false, nil
	}
	doc, err := metric.ReadDocument(b)
	if err != nil {
		if c.end == Running {
			return true, nil
		}
		return false, fmt.Errorf("%w; nothing of it is read", err)
	}
	if c.end == Running && int64(len(doc.Rows)) < e.Rows {
		return true, nil
	}
	if !e.continues(doc.Rows) {
		e.Rows, e.Sum = 0, 0
	}
	for _, row := range doc.Rows[e.Rows:] {
		if !c.more() {
			return true, nil
		}
		for _, v := range row.Values {
			c.emit(v.Name, row.Step, v.Number)
		}
		e.Rows, e.Sum = e.Rows+1, sumOf(e.Sum, row)
	}
	if sum := sumOf(1, doc.Values); sum != e.Values && len(doc.Values.Values) > 0 {
		e.Values = sum
		for _, v := range doc.Values.Values {
			c.emit(v.Name, doc.Values.Step, v.Number)
		}
	}
	e.Size, e.Time, e.Old = st.size, st.time, 0
	return true, nil
}

// continues reports whether the first rows are those that were taken.
func (e *entries) continues(rows []metric.Sample) bool {
	if int64(len(rows)) < e.Rows {
		return false
	}
	sum := uint64(0)
	for _, r := range rows[:e.Rows] {
		sum = sumOf(sum, r)
	}
	return sum == e.Sum
}

// sumOf is the FNV-1a hash of a sample, gone on with from h.
func sumOf(h uint64, s metric.Sample) uint64 {
	const prime = 1099511628211
	mix := func(x uint64) {
		for range 8 {
			h = (h ^ x&0xff) * prime
			x >>= 8
		}
	}
	h ^= 14695981039346656037
	mix(uint64(s.Step))
	for _, v := range s.Values {
		for i := range len(v.Name) {
			h = (h ^ uint64(v.Name[i])) * prime
		}
		mix(math.Float64bits(v.Number))
	}
	return h
}

func (e *entries) before(f *os.File, st stamp) error {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, min(st.size, maxDocument)))
	e.entriesMark = entriesMark{Size: st.size, Time: st.time, Old: hash(b)}
	return err
}

// hash is never 0.
func hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64() | 1
}

func (e *entries) mark() Mark {
	m := e.entriesMark
	return Mark{Entries: &m}
}

// stateName is what Hugging Face's Trainer writes into its output_dir at the
// end, and into each of its checkpoints: all that it has logged so far.
const stateName = "trainer_state.json"

// newestState finds the trainer_state.json that was written last, in a folder
// and its checkpoints. The path of a file is that file.
func newestState(path string) func() string {
	return func() string {
		best := filepath.Join(path, stateName)
		st, err := os.Stat(best)
		if err != nil {
			if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
				return path
			}
		}
		in, _ := os.ReadDir(path) // not there yet
		for _, e := range in {
			if ok, _ := filepath.Match("checkpoint-*", e.Name()); !ok {
				continue
			}
			p := filepath.Join(path, e.Name(), stateName)
			if s, serr := os.Stat(p); serr == nil && (err != nil || s.ModTime().After(st.ModTime())) {
				best, st, err = p, s, nil
			}
		}
		return best
	}
}
