package ckpt

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Bytes put together by hand from the description of the format: a header of
// 60 bytes, as older writers leave it, not padded; numbers little-endian.
func TestForeignFile(t *testing.T) {
	b := append([]byte("<\x00\x00\x00\x00\x00\x00\x00"+`{"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}`),
		1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0, 0, 0, 0x80)
	f, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	want := File{Meta: map[string]string{}, Tensors: []Tensor{{"test", []int{2, 2}, []int64{1, -1, 256, math.MinInt32}}}}
	if d := cmp.Diff(want, f); d != "" {
		t.Errorf("want and got differ:\n%s", d)
	}
}

// Each type by its definition: two's complement, IEEE 754, bfloat16 as the upper
// half of a float32.
func TestTypes(t *testing.T) {
	for _, tt := range []struct {
		dtype string
		b     []byte
		want  any
	}{
		{"F64", []byte{0, 0, 0, 0, 0, 0, 0xf8, 0xbf}, []float64{-1.5}},
		{"F32", []byte{0, 0, 0xc0, 0xbf, 1, 0, 0, 0}, []float32{-1.5, 0x1p-149}},
		{"F16", []byte{0, 0xbe, 1, 0, 0xff, 0x7b}, []float32{-1.5, 0x1p-24, 65504}},
		{"BF16", []byte{0xc0, 0xbf, 0x80, 0x7f}, []float32{-1.5, float32(math.Inf(1))}},
		{"I64", []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []int64{-2}},
		{"I32", []byte{0xfe, 0xff, 0xff, 0xff}, []int64{-2}},
		{"U32", []byte{0xfe, 0xff, 0xff, 0xff}, []int64{1<<32 - 2}},
		{"I16", []byte{0xfe, 0xff}, []int64{-2}},
		{"U16", []byte{0xfe, 0xff}, []int64{1<<16 - 2}},
		{"I8", []byte{0xfe}, []int64{-2}},
		{"U8", []byte{0xfe}, []uint8{254}},
		{"BOOL", []byte{1, 0}, []int64{1, 0}},
	} {
		if d := cmp.Diff(tt.want, numbers(tt.dtype, tt.b)); d != "" {
			t.Errorf("%s: want and got differ:\n%s", tt.dtype, d)
		}
	}
}

// All 65,536 numbers of binary16 against ±fraction·2ᵉ.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		exp, frac := h>>10&31, float64(h&1023)
		want := math.Ldexp(frac, -24)
		switch {
		case exp == 31 && frac == 0:
			want = math.Inf(1)
		case exp == 31:
			want = math.NaN()
		case exp > 0:
			want = math.Ldexp(1024+frac, exp-25)
		}
		if h>>15 == 1 {
			want = -want
		}
		got := float64(half(uint16(h)))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) || math.Signbit(got) != (h>>15 == 1) && !math.IsNaN(want) {
			t.Fatalf("%04x: got %v want %v", h, got, want)
		}
	}
}

func mixed() File {
	return File{Meta: map[string]string{"a": "b"}, Tensors: []Tensor{
		{"bytes", []int{3}, []uint8{1, 2, 255}},
		{"single", []int{2}, []float32{1.5, -0.1}},
		{"number", nil, []float64{0.1}},
		{"whole", []int{1, 2}, []int64{-7, 1 << 40}},
	}}
}

// Large numbers come first, so that each tensor begins where its type may be
// read from memory; every type comes back as it was.
func TestMixedTypes(t *testing.T) {
	r, err := NewReader(bytes.NewReader(Encode(mixed())), int64(len(Encode(mixed()))))
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range r.Tensors {
		if (r.Start+info.From)%int64(sizes[info.Type]) != 0 {
			t.Errorf("%s of %s begins at byte %d", info.Name, info.Type, r.Start+info.From)
		}
	}
	for _, want := range mixed().Tensors {
		got, err := r.Read(want.Name)
		if want.Shape == nil {
			want.Shape = []int{}
		}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v: want and got differ:\n%s", err, d)
		}
	}
	if _, err := r.Read("none"); err == nil || !strings.Contains(err.Error(), "no tensor none; want one of number whole single bytes") {
		t.Errorf("no such tensor: got %v", err)
	}
}

func TestConversions(t *testing.T) {
	f := mixed()
	wide, err := f.Float64s("single", 2)
	if d := cmp.Diff([]float64{1.5, float64(float32(-0.1))}, wide); err != nil || d != "" {
		t.Errorf("float32 as float64: %v\n%s", err, d)
	}
	narrow, err := f.Float32s("number")
	if d := cmp.Diff([]float32{0.1}, narrow); err != nil || d != "" {
		t.Errorf("float64 as float32: %v\n%s", err, d)
	}
	whole, err := f.Int64s("bytes", 3)
	if d := cmp.Diff([]int64{1, 2, 255}, whole); err != nil || d != "" {
		t.Errorf("bytes as int64: %v\n%s", err, d)
	}
	if _, err := f.Int64s("single", 2); err == nil || !strings.Contains(err.Error(), "tensor single: floating-point numbers; want integers") {
		t.Errorf("floats as integers: got %v", err)
	}
	if _, err := f.Float32s("single", 1, 2); err == nil || !strings.Contains(err.Error(), "tensor single: shape [2]; want [1 2]") {
		t.Errorf("another shape: got %v", err)
	}
}

// counting counts the bytes that are asked for.
type counting struct {
	io.ReaderAt
	n int
}

func (c *counting) ReadAt(b []byte, at int64) (int, error) {
	c.n += len(b)
	return c.ReaderAt.ReadAt(b, at)
}

func TestHeaderAlone(t *testing.T) {
	b := Encode(File{Tensors: []Tensor{{"big", []int{1000, 100}, make([]float64, 100_000)}, {"small", []int{1}, []float64{7}}}})
	c := &counting{ReaderAt: bytes.NewReader(b)}
	h, err := ReadHeader(c, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if info, ok := h.Find("big"); !ok || !cmp.Equal(info, Info{"big", "F64", []int{1000, 100}, 0, 800_000}) {
		t.Errorf("got %+v", info)
	}
	if c.n > 300 {
		t.Errorf("%d bytes read for a header", c.n)
	}
	r, _ := NewReader(c, int64(len(b)))
	if x, err := r.Read("small"); err != nil || !cmp.Equal(x.Data, []float64{7}) || c.n > 600 {
		t.Errorf("one number: got %v after %d bytes, %v", x.Data, c.n, err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, BestName)
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	for _, x := range []float64{1, 2} { // the second replaces the first
		if err := Save(path, File{Tensors: []Tensor{{"x", []int{1}, []float64{x}}}}); err != nil {
			t.Fatal(err)
		}
		f, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Float64s("x", 1); err != nil || got[0] != x {
			t.Errorf("got %v want %v: %v", got, x, err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("got %v want the one file", list)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v want 0644", info.Mode(), err)
	}
	if err := Save(filepath.Join(dir, "none", LastName), File{}); err == nil || !strings.Contains(err.Error(), "write ") {
		t.Errorf("no such folder: got %v", err)
	}
	b, _ := os.ReadFile(path)
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path+": the checksum of the numbers is") {
		t.Errorf("damaged: got %v", err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: got %v", err)
	}
}

// A file that shrinks after its header was read is an error.
func TestCutOffUnderTheReader(t *testing.T) {
	b := Encode(mixed())
	r, err := NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	r.r = bytes.NewReader(b[:len(b)-9])
	if _, err := r.Read("bytes"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("one tensor: got %v", err)
	}
	if err := r.Verify(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("all: got %v", err)
	}
}

func BenchmarkDecode(b *testing.B) {
	whole := Encode(File{Tensors: []Tensor{{"x", []int{1 << 20}, make([]float32, 1<<20)}}})
	b.SetBytes(int64(len(whole)))
	for b.Loop() {
		if _, err := Decode(whole); err != nil {
			b.Fatal(err)
		}
	}
}
