package ckpt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// sizes are the bytes per number of the types that are read.
var sizes = map[string]int{
	"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8,
	"I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}

// Info describes a tensor without its numbers.
type Info struct {
	Name     string
	Type     string // F64, F32, F16, BF16, I64, I32, I16, I8, U32, U16, U8 or BOOL
	Shape    []int  // empty for a single number
	From, To int64  // bytes, from the end of the header on; To − From is the size of its numbers
}

// A Header is what stands in a file before the numbers.
type Header struct {
	Meta    map[string]string // the texts, with the checksum; never nil
	Tensors []Info            // in the order of their places, without holes between
	Start   int64             // where the numbers begin in the file, in bytes
}

// Find returns the tensor called name; ok is false if there is none.
func (h *Header) Find(name string) (t Info, ok bool) {
	i := slices.IndexFunc(h.Tensors, func(t Info) bool { return t.Name == name })
	if i < 0 {
		return Info{}, false
	}
	return h.Tensors[i], true
}

// ReadHeader reads and checks the header of a file of size bytes: 8 bytes of
// length n, little-endian, and n of JSON. The numbers are not touched, and no
// more memory is taken than the file is long. An error says what is wrong, with
// the tensor: a header beyond 16 MiB or the end of the file, JSON of another
// form, a name that stands twice, a type that is not read, a shape that does not
// fit its bytes, and holes, overlaps or bytes after the last tensor.
func ReadHeader(r io.ReaderAt, size int64) (*Header, error) {
	var first [8]byte
	if size < 8 {
		return nil, fmt.Errorf("%d bytes; want at least 8", size)
	}
	if err := readAt(r, first[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(first[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, fmt.Errorf("a header of %d bytes in a file of %d; not a safetensors file, or cut off", n, size)
	}
	b := make([]byte, n)
	if err := readAt(r, b, 8); err != nil {
		return nil, err
	}
	h := &Header{Meta: map[string]string{}, Start: 8 + int64(n)}
	if err := h.parse(b); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	slices.SortFunc(h.Tensors, func(a, b Info) int {
		switch {
		case a.From != b.From:
			return int(min(max(a.From-b.From, -1), 1))
		case a.To != b.To:
			return int(min(max(a.To-b.To, -1), 1))
		}
		return strings.Compare(a.Name, b.Name)
	})
	at, end := int64(0), size-h.Start
	for _, t := range h.Tensors {
		if t.From != at || t.To > end {
			return nil, fmt.Errorf("tensor %s: bytes %d to %d of %d; want them from %d on, without holes: damaged or cut off",
				t.Name, t.From, t.To, end, at)
		}
		at = t.To
	}
	if at != end {
		return nil, fmt.Errorf("%d bytes after the last tensor; want none", end-at)
	}
	return h, nil
}

func (h *Header) parse(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return errors.New("want a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	_, _ = d.Token() // the brace
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // a key is one
		if seen[name] {
			return fmt.Errorf("tensor %s stands twice", name)
		}
		if seen[name] = true; name == metaKey {
			if err := d.Decode(&h.Meta); err != nil {
				return fmt.Errorf("%s: %w", metaKey, err)
			}
			if h.Meta == nil {
				h.Meta = map[string]string{}
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		info, err := e.info(name)
		if err != nil {
			return err
		}
		h.Tensors = append(h.Tensors, info)
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if rest := strings.TrimRight(string(b[d.InputOffset():]), " "); rest != "" {
		return errors.New("goes on after its last brace")
	}
	return nil
}

// info checks that type, shape and place agree.
func (e entry) info(name string) (Info, error) {
	width, ok := sizes[e.Dtype]
	if !ok {
		return Info{}, fmt.Errorf("tensor %s: type %q; want F64, F32, F16, BF16, I64, I32, I16, I8, U32, U16, U8 or BOOL", name, e.Dtype)
	}
	n, ok := size(e.Shape)
	if !ok || e.Shape == nil || len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] ||
		e.Offsets[1]-e.Offsets[0] != int64(n)*int64(width) {
		return Info{}, fmt.Errorf("tensor %s: shape %v of %s does not fit bytes %v", name, e.Shape, e.Dtype, e.Offsets)
	}
	return Info{name, e.Dtype, e.Shape, e.Offsets[0], e.Offsets[1]}, nil
}

// A Reader reads tensors of a file one by one, when they are asked for. It may be
// used by several goroutines if its io.ReaderAt may.
type Reader struct {
	Header
	r io.ReaderAt
	c io.Closer
}

// NewReader reads the header of a file of size bytes; the errors are those of
// ReadHeader. r is the caller's to close.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	h, err := ReadHeader(r, size)
	if err != nil {
		return nil, err
	}
	return &Reader{Header: *h, r: r}, nil
}

// Open opens a file, to be closed with Close, and reads its header. An error
// names the path; it wraps fs.ErrNotExist if there is none, and says so of what
// is no regular file.
func Open(path string) (*Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would hang
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, f.Close()))
	}
	r.c = f
	return r, nil
}

// Close closes the file of Open. A Reader of NewReader has nothing to close.
func (r *Reader) Close() error {
	if r.c == nil {
		return nil
	}
	return r.c.Close()
}

// Read reads the numbers of one tensor, To − From bytes: F64 as []float64; F32,
// F16 and BF16 as []float32, exactly; U8 as []uint8; all other integers and BOOL
// as []int64. The checksum is not looked at. An error names the tensor: it is not
// there, with the names that are, or the file ends within it.
func (r *Reader) Read(name string) (Tensor, error) {
	t, ok := r.Find(name)
	if !ok {
		return Tensor{}, fmt.Errorf("no tensor %s; want one of %s", name, r.names())
	}
	return r.tensor(t)
}

func (r *Reader) tensor(t Info) (Tensor, error) {
	b := make([]byte, t.To-t.From)
	if err := readAt(r.r, b, r.Start+t.From); err != nil {
		return Tensor{}, fmt.Errorf("tensor %s: %w", t.Name, err)
	}
	return Tensor{t.Name, t.Shape, numbers(t.Type, b)}, nil
}

// Verify reads all numbers and compares their CRC-32C with the text checksum. The
// error has both, or says where the file ends. A file without that text, of
// another program, passes.
func (r *Reader) Verify() error {
	want, ok := r.Meta[checksum]
	if !ok {
		return nil
	}
	end := int64(0)
	if n := len(r.Tensors); n > 0 {
		end = r.Tensors[n-1].To
	}
	sum := crc32.New(castagnoli)
	if n, err := io.Copy(sum, io.NewSectionReader(r.r, r.Start, end)); err != nil || n != end {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("numbers cut off after %d of %d bytes: %w", n, end, err)
	}
	if got := hex(sum.Sum32()); got != want {
		return fmt.Errorf("the checksum of the numbers is %s; want %s: damaged", got, want)
	}
	return nil
}

// ReadAll reads and verifies everything; the errors are those of Verify and Read.
func (r *Reader) ReadAll() (File, error) {
	if err := r.Verify(); err != nil {
		return File{}, err
	}
	f := File{Meta: map[string]string{}}
	for k, v := range r.Meta {
		if k != checksum {
			f.Meta[k] = v
		}
	}
	for _, info := range r.Tensors {
		t, err := r.tensor(info)
		if err != nil {
			return File{}, err
		}
		f.Tensors = append(f.Tensors, t)
	}
	return f, nil
}

func (r *Reader) names() string {
	var names []string
	for _, t := range r.Tensors[:min(10, len(r.Tensors))] {
		names = append(names, t.Name)
	}
	if len(r.Tensors) > len(names) {
		names = append(names, "…")
	}
	return strings.Join(names, " ")
}

// Load reads and verifies the file at path. The errors are those of Open and
// ReadAll, with the path; one wraps fs.ErrNotExist if there is no file.
func Load(path string) (File, error) {
	r, err := Open(path)
	if err != nil {
		return File{}, err
	}
	f, err := r.ReadAll()
	if err = errors.Join(err, r.Close()); err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Decode reads and verifies the bytes of a file, as ReadAll does. The numbers are
// copied: b may change afterwards.
func Decode(b []byte) (File, error) {
	r, err := NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return File{}, err
	}
	return r.ReadAll()
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%d of %d bytes at %d: %w", n, len(b), at, err)
}

// numbers converts bytes to the slice that Tensor.Data has for a type.
func numbers(dtype string, b []byte) any {
	le := binary.LittleEndian
	switch dtype {
	case "F64":
		return each(b, 8, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) })
	case "F32":
		return each(b, 4, func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) })
	case "F16":
		return each(b, 2, func(b []byte) float32 { return half(le.Uint16(b)) })
	case "BF16":
		return each(b, 2, func(b []byte) float32 { return math.Float32frombits(uint32(le.Uint16(b)) << 16) })
	case "I64":
		return each(b, 8, func(b []byte) int64 { return int64(le.Uint64(b)) })
	case "I32":
		return each(b, 4, func(b []byte) int64 { return int64(int32(le.Uint32(b))) })
	case "U32":
		return each(b, 4, func(b []byte) int64 { return int64(le.Uint32(b)) })
	case "I16":
		return each(b, 2, func(b []byte) int64 { return int64(int16(le.Uint16(b))) })
	case "U16":
		return each(b, 2, func(b []byte) int64 { return int64(le.Uint16(b)) })
	case "I8":
		return each(b, 1, func(b []byte) int64 { return int64(int8(b[0])) })
	case "BOOL":
		return each(b, 1, func(b []byte) int64 { return int64(b[0]) })
	}
	return b // U8
}

func each[T any](b []byte, width int, f func([]byte) T) []T {
	x := make([]T, len(b)/width)
	for i := range x {
		x[i] = f(b[width*i : width*i+width])
	}
	return x
}

// half is a number of IEEE 754 binary16, exactly: 1 bit of sign, 5 of exponent
// (bias 15), 10 of fraction.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, int(h>>10&31), uint32(h&0x3ff)
	switch exp {
	case 0: // frac·2⁻²⁴
		x := float32(frac) * 0x1p-24
		return math.Float32frombits(math.Float32bits(x) | sign)
	case 31: // infinity, or not a number
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | uint32(exp+112)<<23 | frac<<13)
}
