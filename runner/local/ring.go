package local

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/trawl-sweep/trawl/sweep"
)

// The exit ring: what happened to the last jobs of a slot, in a file that is
// allocated once, so that a full disk cannot keep an end from being written.
//
//	[0, 512)        the current job: who runs, to find it when both die
//	[512·(1+i), …)  the i-th of 64 exit records; the k-th end is at k mod 64
//
// A record is: crc32c of the rest, length, then the fields as strings and
// varints. A torn or foreign record has a wrong sum and is no record.
const (
	ringRecords = 64
	recordSize  = 512
	ringSize    = recordSize * (1 + ringRecords)
)

// A record is the end of a job, or (in place 0) the job that runs.
type record struct {
	Name, Token, Boot string
	Seq               uint64
	PID               int    // leader of the session that the current job's process is in
	Born              uint64 // nothing of the job is older, in the clock ticks of /proc
	Exit              sweep.Exit
}

var crcTable = crc32.MakeTable(crc32.Castagnoli)

var errRecord = errors.New("not a record")

// encode returns the record as recordSize bytes. Long texts are cut.
func (r record) encode() []byte {
	w := wire{b: make([]byte, 8, recordSize)}
	w.str(cut(r.Name, 40)).str(cut(r.Token, 64)).str(cut(r.Boot, 48))
	w.uint(r.Seq).int(int64(r.PID)).uint(r.Born)
	x := r.Exit
	w.int(int64(x.Code)).int(int64(x.Signal)).str(string(x.Cause)).str(string(x.Class)).str(cut(x.Message, 160))
	w.int(x.StartedAt).int(x.EndedAt).uint(math.Float64bits(x.CPUSeconds)).uint(math.Float64bits(x.MaxRSSMB))
	b := w.b
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], crcTable))
	return append(b, make([]byte, recordSize-len(b))...)
}

// decodeRecord reads a record; anything else is errRecord.
func decodeRecord(b []byte) (record, error) {
	if len(b) < 8 {
		return record{}, errRecord
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if n < 8 || int(n) > len(b) || n > recordSize || crc32.Checksum(b[4:n], crcTable) != binary.LittleEndian.Uint32(b) {
		return record{}, errRecord
	}
	var r record
	w := wire{b: b[8:n]}
	r.Name, r.Token, r.Boot = w.getStr(), w.getStr(), w.getStr()
	r.Seq, r.PID, r.Born = w.getUint(), int(w.getInt()), w.getUint()
	x := &r.Exit
	x.Code, x.Signal = int(w.getInt()), int(w.getInt())
	x.Cause, x.Class, x.Message = sweep.Stop(w.getStr()), sweep.Class(w.getStr()), w.getStr()
	x.StartedAt, x.EndedAt = w.getInt(), w.getInt()
	x.CPUSeconds, x.MaxRSSMB = math.Float64frombits(w.getUint()), math.Float64frombits(w.getUint())
	if w.bad {
		return record{}, errRecord
	}
	return r, nil
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// openRing opens the ring of a slot, allocating it the first time.
func openRing(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.Size() >= ringSize {
		return f, nil
	}
	if _, err := f.WriteAt(make([]byte, ringSize), 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("allocate the exit ring: %w", err)
	}
	return f, nil
}

// readRing returns the current job (nil if none was ever noted) and the exit
// records that are whole.
func readRing(path string) (current *record, ended []record) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, ringSize))
	for i := 0; (i+1)*recordSize <= len(b); i++ {
		r, err := decodeRecord(b[i*recordSize : (i+1)*recordSize])
		if err != nil {
			continue
		}
		if i == 0 {
			current = &r
		} else {
			ended = append(ended, r)
		}
	}
	return current, ended
}

// wire appends and reads length-prefixed strings and varints. A read beyond
// the end sets bad and gives zeros.
type wire struct {
	b   []byte
	bad bool
}

func (w *wire) str(s string) *wire {
	w.b = binary.AppendUvarint(w.b, uint64(len(s)))
	w.b = append(w.b, s...)
	return w
}

func (w *wire) uint(u uint64) *wire { w.b = binary.AppendUvarint(w.b, u); return w }
func (w *wire) int(i int64) *wire   { w.b = binary.AppendVarint(w.b, i); return w }

func (w *wire) strs(ss []string) *wire {
	w.uint(uint64(len(ss)))
	for _, s := range ss {
		w.str(s)
	}
	return w
}

func (w *wire) getUint() uint64 {
	u, n := binary.Uvarint(w.b)
	if n <= 0 {
		w.bad, w.b = true, nil
		return 0
	}
	w.b = w.b[n:]
	return u
}

func (w *wire) getInt() int64 {
	i, n := binary.Varint(w.b)
	if n <= 0 {
		w.bad, w.b = true, nil
		return 0
	}
	w.b = w.b[n:]
	return i
}

func (w *wire) getStr() string {
	n := w.getUint()
	if n > uint64(len(w.b)) {
		w.bad, w.b = true, nil
		return ""
	}
	s := string(w.b[:n])
	w.b = w.b[n:]
	return s
}

// getStrs reads a list of strings, in one allocation for all of them.
func (w *wire) getStrs() []string {
	n := w.getUint()
	if n > uint64(len(w.b)) {
		w.bad = true
		return nil
	}
	all, from := string(w.b), len(w.b)
	out := make([]string, 0, n)
	for range n {
		k := w.getUint()
		if k > uint64(len(w.b)) {
			w.bad, w.b = true, nil
			return out
		}
		at := from - len(w.b)
		out = append(out, all[at:at+int(k)])
		w.b = w.b[k:]
	}
	return out
}
