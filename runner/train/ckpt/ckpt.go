// Package ckpt encodes checkpoints in the safetensors layout, which PyTorch and
// others read: 8 bytes with the length of the header, little-endian; the header,
// a JSON object from tensor names to type, shape and place, with texts under
// __metadata__; then the numbers. It does no input or output.
//
// Source: the format description of huggingface/safetensors. Narrower than
// that: 64-bit floats only, and the tensors follow one another without holes.
package ckpt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sort"
	"strconv"
)

// A Tensor is a named array, row by row.
type Tensor struct {
	Name  string
	Shape []int // its product is len(Data)
	Data  []float64
}

// A File is what one checkpoint holds.
type File struct {
	Meta    map[string]string // the name checksum is taken
	Tensors []Tensor
}

// Tensor returns the tensor called name with the given shape.
func (f File) Tensor(name string, shape ...int) ([]float64, error) {
	for _, t := range f.Tensors {
		if t.Name != name {
			continue
		}
		if fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
			return nil, fmt.Errorf("tensor %s: shape %v; want %v", name, t.Shape, shape)
		}
		return t.Data, nil
	}
	return nil, fmt.Errorf("no tensor %s", name)
}

const (
	maxHeader = 1 << 20
	metaKey   = "__metadata__"
	checksum  = "checksum" // CRC-32C of the numbers, hexadecimal
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An entry is how the header describes a tensor.
type entry struct {
	Dtype   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// Encode returns f as bytes, the same for the same f. It panics if a shape
// does not fit its data or a name is taken twice.
func Encode(f File) []byte {
	var data []byte
	header := make(map[string]any, len(f.Tensors)+1)
	for _, t := range f.Tensors {
		if n, ok := size(t.Shape); !ok || n != len(t.Data) || header[t.Name] != nil || t.Name == metaKey {
			panic("ckpt: tensor " + t.Name + ": shape and data differ, or the name is taken")
		}
		from := int64(len(data))
		for _, x := range t.Data {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
		}
		header[t.Name] = entry{"F64", t.Shape, [2]int64{from, int64(len(data))}}
	}
	meta := map[string]string{checksum: sum(data)}
	for k, v := range f.Meta {
		if k != checksum {
			meta[k] = v
		}
	}
	header[metaKey] = meta
	h, err := json.Marshal(header) // sorts the names
	if err != nil {
		panic("ckpt: " + err.Error()) // maps of texts and numbers always marshal
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(h)+len(data)), uint64(len(h)))
	return append(append(b, h...), data...)
}

// Decode reads what Encode wrote. Every length is checked against what is
// there before it is believed, and the numbers against their checksum.
func Decode(b []byte) (File, error) {
	if len(b) < 8 {
		return File{}, fmt.Errorf("%d bytes; want at least 8", len(b))
	}
	n, rest := binary.LittleEndian.Uint64(b), b[8:]
	if n > maxHeader || n > uint64(len(rest)) {
		return File{}, fmt.Errorf("a header of %d bytes in a file of %d; not a checkpoint, or cut off", n, len(b))
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(rest[:n], &header); err != nil {
		return File{}, fmt.Errorf("header: %w", err)
	}
	data := rest[n:]
	f := File{Meta: map[string]string{}}
	if m, ok := header[metaKey]; ok {
		if err := json.Unmarshal(m, &f.Meta); err != nil {
			return File{}, fmt.Errorf("%s: %w", metaKey, err)
		}
		delete(header, metaKey)
	}
	entries, err := entries(header)
	if err != nil {
		return File{}, err
	}
	at := int64(0)
	for _, e := range entries {
		if e.Offsets[0] != at || e.Offsets[1] > int64(len(data)) {
			return File{}, fmt.Errorf("tensor %s: bytes %d to %d of %d; want them from %d on: cut off",
				e.name, e.Offsets[0], e.Offsets[1], len(data), at)
		}
		f.Tensors = append(f.Tensors, Tensor{e.name, e.Shape, floats(data[at:e.Offsets[1]])})
		at = e.Offsets[1]
	}
	if at != int64(len(data)) {
		return File{}, fmt.Errorf("%d bytes after the last tensor", int64(len(data))-at)
	}
	if want, ok := f.Meta[checksum]; ok && want != sum(data) {
		return File{}, errors.New("the checksum does not match: damaged")
	}
	delete(f.Meta, checksum)
	return f, nil
}

type namedEntry struct {
	name string
	entry
}

// entries returns the tensors in the order of their data; shape and place of
// each agree, and the place does not run backwards.
func entries(header map[string]json.RawMessage) ([]namedEntry, error) {
	list := make([]namedEntry, 0, len(header))
	for name, raw := range header {
		e := namedEntry{name: name}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&e.entry); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", name, err)
		}
		if e.Dtype != "F64" {
			return nil, fmt.Errorf("tensor %s: type %q: not built yet; want F64", name, e.Dtype)
		}
		n, ok := size(e.Shape)
		if !ok || e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] || e.Offsets[1]-e.Offsets[0] != 8*int64(n) {
			return nil, fmt.Errorf("tensor %s: shape %v does not fit bytes %d to %d", name, e.Shape, e.Offsets[0], e.Offsets[1])
		}
		list = append(list, e)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.Offsets != b.Offsets {
			return a.Offsets[0] < b.Offsets[0] || a.Offsets[0] == b.Offsets[0] && a.Offsets[1] < b.Offsets[1]
		}
		return a.name < b.name
	})
	return list, nil
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

func floats(b []byte) []float64 {
	x := make([]float64, len(b)/8)
	for i := range x {
		x[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return x
}

func sum(data []byte) string {
	return strconv.FormatUint(uint64(crc32.Checksum(data, castagnoli)), 16)
}
