package ckpt

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sample() File {
	return File{
		Meta: map[string]string{"epoch": "3", "quote": `"é`},
		Tensors: []Tensor{
			{"weight", []int{2, 3}, []float64{1, -2, 0.5, math.Inf(1), math.Copysign(0, -1), 5e-324}},
			{"bias", []int{2}, []float64{7, 8}},
			{"empty", []int{0, 4}, []float64{}},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	f := sample()
	b := Encode(f)
	if n := binary.LittleEndian.Uint64(b); n%8 != 0 {
		t.Errorf("header of %d bytes: the numbers are not aligned", n)
	}
	if !bytes.Equal(b, Encode(sample())) {
		t.Error("the same file has other bytes")
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f, got); d != "" {
		t.Errorf("want and got differ:\n%s", d)
	}
}

// Every bit comes back, those of NaN too.
func TestRoundTripLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOf(rapid.Uint64()).Draw(t, "bits")
		data := make([]float64, len(x))
		for i := range x {
			data[i] = math.Float64frombits(x[i])
		}
		f, err := Decode(Encode(File{Tensors: []Tensor{{"x", []int{len(x)}, data}}}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Float64s("x", len(x))
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if math.Float64bits(got[i]) != x[i] {
				t.Fatalf("number %d: got %x want %x", i, math.Float64bits(got[i]), x[i])
			}
		}
	})
}

func TestTensorByNameAndShape(t *testing.T) {
	f := sample()
	if _, err := f.Float64s("bias", 3); err == nil || !strings.Contains(err.Error(), "shape [2]; want [3]") {
		t.Errorf("other shape: got %v", err)
	}
	if _, err := f.Float64s("gain", 3); err == nil || !strings.Contains(err.Error(), "no tensor gain") {
		t.Errorf("no such tensor: got %v", err)
	}
}

// A file that was cut off anywhere, or had a byte changed, is an error or, in
// the names and texts of its header, another file; never a panic.
func TestDamage(t *testing.T) {
	whole := Encode(sample())
	for n := range whole {
		if _, err := Decode(whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes are read without an error", n, len(whole))
		}
	}
	header := 8 + int(binary.LittleEndian.Uint64(whole))
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		if _, err := Decode(b); err == nil && (i < 8 || i >= header) {
			t.Fatalf("byte %d changed: read without an error", i)
		}
	}
}

func raw(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestDecodeErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "want at least 8"},
		{"header length", append(bytes.Repeat([]byte{0xff}, 8), '{', '}'), "not a safetensors file"},
		{"not JSON", raw("hello", 0), "header"},
		{"other type", raw(`{"x":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}`, 4), `tensor x: type "F8_E4M3"; want F64`},
		{"no type", raw(`{"x":{"shape":[4],"data_offsets":[0,4]}}`, 4), `type ""; want F64`},
		{"no shape", raw(`{"x":{"dtype":"U8","data_offsets":[0,1]}}`, 1), "does not fit"},
		{"no offsets", raw(`{"x":{"dtype":"U8","shape":[0]}}`, 0), "does not fit"},
		{"three offsets", raw(`{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}`, 1), "does not fit"},
		{"twice", raw(`{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "tensor x stands twice"},
		{"blanks before", raw(` {}`, 0), "want a JSON object"},
		{"a second object", raw(`{} {}`, 0), "goes on after its last brace"},
		{"not closed", raw(`{"__metadata__":{}`, 0), "EOF"},
		{"metadata no texts", raw(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
		{"checksum", raw(`{"__metadata__":{"checksum":"1"},"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "want 1: damaged"},
		{"hole", raw(`{"x":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}`, 16), "want them from 0"},
		{"overlap", raw(`{"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, 16), "want them from 8"},
		{"shape", raw(`{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}`, 8), "does not fit"},
		{"overflow", raw(`{"x":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), "does not fit"},
		{"negative", raw(`{"x":{"dtype":"F64","shape":[-1],"data_offsets":[0,-8]}}`, 0), "does not fit"},
		{"rest", raw(`{}`, 3), "3 bytes after"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Decode(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v want … %s …", err, tt.want)
			}
		})
	}
}

// What is read can be written and is then the same, to the bit; and if it is a
// checkpoint of trawl, it is the same checkpoint.
func FuzzDecode(f *testing.F) {
	whole := Encode(sample())
	half := raw(`{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BOOL","shape":[],"data_offsets":[4,5]}}`, 5)
	for _, b := range [][]byte{whole, whole[:40], nil, raw(`{"__metadata__":null}`, 0), raw(`null`, 0), Encode(mixed()), Encode(model().File()), half} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Decode(b)
		if err != nil {
			return
		}
		once := Encode(file)
		again, err := Decode(once)
		if err != nil || len(again.Tensors) != len(file.Tensors) || !bytes.Equal(once, Encode(again)) {
			t.Fatalf("read, but not the same after being written: %v", err)
		}
		c, err := Parse(file)
		if err != nil {
			return
		}
		if _, err := Parse(c.File()); err != nil {
			t.Fatalf("parsed, but not after being laid out: %v", err)
		}
	})
}
