// Package tfevents reads the scalars of TensorBoard's event files, also while
// they are written.
//
// A file is a row of records (TFRecord), each
//
//	length  uint64, little-endian
//	crc     uint32, little-endian, masked CRC-32C of the 8 bytes of length
//	data    length bytes, the protocol buffer tensorflow.Event
//	crc     uint32, little-endian, masked CRC-32C of data
//
// where masking turns the checksum c into (c>>>15) + 0xa282ead8, >>> rotating to
// the right. A scalar is a Summary.Value with a simple_value (TensorFlow 1,
// PyTorch, tensorboardX) or with a tensor of one number (TensorFlow 2, Keras);
// other kinds of values are passed over.
//
// Sources: tensorflow/core/lib/io/record_writer.h and the messages Event,
// Summary, SummaryMetadata and TensorProto of tensorflow/core, 2.16, for the
// layout and the numbers of fields; CRC-32C is that of RFC 3720, appendix B.4.
// We depart from TensorBoard in one thing: records beyond 1 MiB are passed over
// unread, for no scalar is as long.
package tfevents

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// A Scalar is one number of an event file.
type Scalar struct {
	Tag   string
	Step  int64 // as written; may be negative
	Value float64
}

// ErrCorrupt says that what is in a file is no event file, or is damaged.
var ErrCorrupt = errors.New("no record of an event file")

const (
	header     = 12 // length and its checksum
	footer     = 4  // checksum of the data
	maxRecord  = 1 << 20
	maxFile    = 1 << 40 // a length beyond it is damage
	maskOffset = 0xa282ead8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of b as records hold it.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + maskOffset
}

// A Reader reads one file. It is used by one goroutine.
type Reader struct {
	// Offset is behind the last record that was read, in bytes: where a later
	// process goes on.
	Offset int64

	buf   []byte
	other map[string]bool // tags that the metadata give to another plugin than scalars
}

// Read reads the whole records of f from Offset to size, gives their scalars to
// emit, and moves Offset behind them. A record that is not all there yet is
// left for the next call. It stops early once more says no, between records.
//
// The error wraps ErrCorrupt where a checksum is wrong; Offset is then before
// that record, and nothing behind it can be read.
func (r *Reader) Read(f io.ReaderAt, size int64, more func() bool, emit func(Scalar)) error {
	for more() && size-r.Offset >= header+footer {
		var head [header]byte
		if _, err := f.ReadAt(head[:], r.Offset); err != nil {
			return fmt.Errorf("read the record at %d: %w", r.Offset, err)
		}
		n := binary.LittleEndian.Uint64(head[:8])
		if masked(head[:8]) != binary.LittleEndian.Uint32(head[8:]) || n > maxFile {
			return fmt.Errorf("at byte %d: %w: the checksum of the length is wrong", r.Offset, ErrCorrupt)
		}
		next := r.Offset + header + int64(n) + footer
		if next > size {
			return nil
		}
		if n <= maxRecord {
			if err := r.record(f, int(n), emit); err != nil {
				return err
			}
		}
		r.Offset = next
	}
	return nil
}

// record reads the data of the record at Offset.
func (r *Reader) record(f io.ReaderAt, n int, emit func(Scalar)) error {
	if cap(r.buf) < n+footer {
		r.buf = make([]byte, max(n+footer, 4096))
	}
	b := r.buf[:n+footer]
	if got, err := f.ReadAt(b, r.Offset+header); got < len(b) {
		return fmt.Errorf("read the record at %d: %w", r.Offset, err)
	}
	if masked(b[:n]) != binary.LittleEndian.Uint32(b[n:]) {
		return fmt.Errorf("at byte %d: %w: the checksum of the data is wrong", r.Offset, ErrCorrupt)
	}
	r.event(b[:n], emit)
	return nil
}

// fields calls f for each field of a message, with its bytes or its number;
// what is no message ends early.
func fields(b []byte, f func(num fieldNumber, data []byte, value uint64)) {
	for len(b) > 0 {
		num, typ, n := consumeTag(b)
		if n < 0 {
			return
		}
		b = b[n:]
		var data []byte
		var value uint64
		switch typ {
		case typeVarint:
			value, n = consumeVarint(b)
		case typeFixed32:
			value, n = consumeFixed32(b)
		case typeFixed64:
			value, n = consumeFixed64(b)
		case typeBytes:
			data, n = consumeBytes(b)
		default:
			return // groups, which event files do not have
		}
		if n < 0 {
			return
		}
		b = b[n:]
		f(num, data, value)
	}
}

// event reads tensorflow.Event: step = 2, summary = 5 with its values = 1.
func (r *Reader) event(b []byte, emit func(Scalar)) {
	var step int64
	var summary []byte
	fields(b, func(num fieldNumber, data []byte, value uint64) {
		switch num {
		case 2:
			step = int64(value)
		case 5:
			summary = data
		}
	})
	fields(summary, func(num fieldNumber, data []byte, _ uint64) {
		if num == 1 {
			r.value(data, step, emit)
		}
	})
}

// value reads Summary.Value: tag = 1, simple_value = 2, tensor = 8, metadata = 9.
func (r *Reader) value(b []byte, step int64, emit func(Scalar)) {
	s := Scalar{Step: step}
	ok, plugin := false, ""
	fields(b, func(num fieldNumber, data []byte, value uint64) {
		switch num {
		case 1:
			s.Tag = string(data)
		case 2:
			s.Value, ok = float64(math.Float32frombits(uint32(value))), data == nil
		case 8:
			s.Value, ok = tensor(data)
		case 9:
			plugin = pluginOf(data)
		}
	})
	if plugin != "" && plugin != "scalars" && len(r.other) < 1<<16 {
		if r.other == nil {
			r.other = map[string]bool{}
		}
		r.other[s.Tag] = true // only the first value of a tag need have metadata
	}
	if ok && s.Tag != "" && !r.other[s.Tag] {
		emit(s)
	}
}

// pluginOf reads SummaryMetadata: plugin_data = 1 with plugin_name = 1.
func pluginOf(b []byte) (name string) {
	fields(b, func(num fieldNumber, data []byte, _ uint64) {
		if num == 1 {
			fields(data, func(num fieldNumber, data []byte, _ uint64) {
				if num == 1 {
					name = string(data)
				}
			})
		}
	})
	return name
}
