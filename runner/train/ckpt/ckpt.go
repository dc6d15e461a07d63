// Package ckpt reads and writes models in the safetensors format, which PyTorch
// and others read, and fixes how trawl's own checkpoints lie in it.
//
// # The format
//
// 8 bytes with the length of the header, little-endian; the header, a JSON
// object from the names of tensors to {"dtype", "shape", "data_offsets"}, with
// texts under "__metadata__"; then the numbers, little-endian, row by row. The
// tensors fill the rest of the file without holes and without overlap, in any
// order of names; no name stands twice; the header begins with { and may end in
// blanks. All of this is checked, and each length against what is there, before
// anything is believed or any memory taken for it.
//
// F64, F32, I64 and U8 are written. Read are these and F16, BF16 (as float32,
// exactly), BOOL, I8, I16, U16, I32 and U32 (as int64).
//
// # Checkpoints of trawl, version 1
//
// Metadata:
//
//	format    trawl checkpoint
//	version   1
//	config    JSON: what was trained, opaque here
//	epoch     epochs done, decimal
//	step      mini-batches done, decimal
//	checksum  CRC-32C of all the numbers of the file, in hexadecimal
//	note.KEY  further texts of whoever wrote it
//
// Tensors, F32 or F64 as the precision of the training was:
//
//	layers.N.weight          [out, in]   N = 0, 1, … from the input on
//	layers.N.bias            [out]
//	optim.STATE.layers.N.…   like the tensor that it belongs to; STATE is the
//	                         optimizer's word: velocity, m, v, …
//	run.NAME                 what else a resume needs
//
// A reader takes files of its version and of earlier ones, and refuses later
// ones by their number. A model without the optimizer's state is a checkpoint
// too: to start from, not to resume.
//
// Sources: the format description in the README of huggingface/safetensors.
// Departures: of its types, 8-bit floats, U64 and those with parts of a byte
// are refused by name; the checksum is ours, and files without one are read.
package ckpt

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/google/renameio/v2"
)

// A Tensor is a named array, row by row: the last index runs fastest.
type Tensor struct {
	Name  string
	Shape []int // lengths >= 0, whose product is the length of Data; nil for a single number
	Data  any   // []float64, []float32, []int64 or []uint8
}

// A File is what one file holds. The zero File is one without tensors.
type File struct {
	Meta    map[string]string // texts; the name checksum is taken
	Tensors []Tensor          // of different names
}

const (
	maxHeader = 16 << 20
	metaKey   = "__metadata__"
	checksum  = "checksum" // CRC-32C of the numbers, hexadecimal
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An entry is how the header describes a tensor.
type entry struct {
	Dtype   string  `json:"dtype"`
	Shape   []int   `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// kind returns the type and length of data in the file; it panics if there is
// no such type.
func kind(data any) (dtype string, n int) {
	switch x := data.(type) {
	case []float64:
		return "F64", len(x)
	case []float32:
		return "F32", len(x)
	case []int64:
		return "I64", len(x)
	case []uint8:
		return "U8", len(x)
	}
	panic(fmt.Sprintf("ckpt: numbers of type %T; want []float64, []float32, []int64 or []uint8", data))
}

// Write writes f to w, the same bytes for the same f. Tensors of large numbers
// come first, so that all are aligned; those of one size keep their order. The
// error is that of w, or says that the header is over 16 MiB, which no reader
// takes. It panics if a shape does not fit its data, Data has another type, or a
// name is taken twice.
func Write(w io.Writer, f File) error {
	tensors := slices.Clone(f.Tensors)
	slices.SortStableFunc(tensors, func(a, b Tensor) int {
		ta, _ := kind(a.Data)
		tb, _ := kind(b.Data)
		return sizes[tb] - sizes[ta]
	})
	header := make(map[string]any, len(tensors)+1)
	sum, at := crc32.New(castagnoli), int64(0)
	for _, t := range tensors {
		dtype, have := kind(t.Data)
		if n, ok := size(t.Shape); !ok || n != have || header[t.Name] != nil || t.Name == metaKey {
			panic("ckpt: tensor " + t.Name + ": shape and data differ, or the name is taken")
		}
		if t.Shape == nil {
			t.Shape = []int{}
		}
		end := at + int64(have*sizes[dtype])
		header[t.Name] = entry{dtype, t.Shape, []int64{at, end}}
		at = end
		_ = put(sum, t.Data) // a hash takes all
	}
	meta := map[string]string{}
	for k, v := range f.Meta {
		meta[k] = v
	}
	meta[checksum] = hex(sum.Sum32())
	header[metaKey] = meta
	h, err := json.Marshal(header) // sorts the names
	if err != nil {
		panic("ckpt: " + err.Error()) // maps of texts and numbers always marshal
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	if len(h) > maxHeader {
		return fmt.Errorf("a header of %d bytes; want at most %d", len(h), maxHeader)
	}
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...)); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := put(w, t.Data); err != nil {
			return err
		}
	}
	return nil
}

// put writes numbers in pieces, so that they are not in memory twice.
func put(w io.Writer, data any) error {
	const piece = 4096
	b := make([]byte, 0, 8*piece)
	switch x := data.(type) {
	case []uint8:
		_, err := w.Write(x)
		return err
	case []float64:
		return pieces(w, b, x, func(b []byte, v float64) []byte {
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		})
	case []float32:
		return pieces(w, b, x, func(b []byte, v float32) []byte {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		})
	case []int64:
		return pieces(w, b, x, func(b []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(v)) })
	}
	return nil
}

func pieces[T any](w io.Writer, b []byte, x []T, app func([]byte, T) []byte) error {
	for len(x) > 0 {
		n := min(len(x), cap(b)/8)
		b = b[:0]
		for _, v := range x[:n] {
			b = app(b, v)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		x = x[n:]
	}
	return nil
}

// Encode returns f as bytes; see Write. It panics where Write has an error, too:
// a header that is larger than readers take.
func Encode(f File) []byte {
	var b bytes.Buffer
	if err := Write(&b, f); err != nil {
		panic("ckpt: " + err.Error()) // the header is too large: 100,000 tensors
	}
	return b.Bytes()
}

// Save writes f to path, synced to the disk, in one atomic step: after a crash
// there is the old file or the new one. What is left of a writing that was cut
// off is called .NAME with digits, in the same folder. The error names path, and
// leaves the old file as it was.
func Save(path string, f File) error {
	p, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	w := bufio.NewWriterSize(p, 1<<16)
	err = Write(w, f)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = p.CloseAtomicallyReplace()
	}
	if err != nil {
		_ = p.Cleanup() // at worst the file takes room
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// size is the product of shape; ok is false for a negative length or more than
// 2⁴⁰ numbers.
func size(shape []int) (n int, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > 1<<40/d {
			return 0, false
		}
		n *= d
	}
	return n, true
}

func hex(sum uint32) string { return strconv.FormatUint(uint64(sum), 16) }
