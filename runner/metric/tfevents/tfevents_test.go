package tfevents

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func always() bool { return true }

// read reads all of b at once.
func read(t testing.TB, b []byte) (out []Scalar, offset int64, err error) {
	t.Helper()
	var r Reader
	err = r.Read(bytes.NewReader(b), int64(len(b)), always, func(s Scalar) { out = append(out, s) })
	return out, r.Offset, err
}

// record frames data.
func record(data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

func field(num protowire.Number, parts ...[]byte) []byte {
	b := protowire.AppendTag(nil, num, protowire.BytesType)
	return protowire.AppendBytes(b, bytes.Join(parts, nil))
}

func varint(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

func fixed32(num protowire.Number, v uint32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, num, protowire.Fixed32Type), v)
}

func fixed64(num protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, num, protowire.Fixed64Type), v)
}

// event is an Event with one Value for each of values.
func event(step int64, values ...[]byte) []byte {
	b := append(fixed64(1, math.Float64bits(1700000000.5)), varint(2, uint64(step))...)
	var summary []byte
	for _, v := range values {
		summary = append(summary, field(1, v)...)
	}
	return append(b, field(5, summary)...)
}

func simple(tag string, v float32) []byte {
	return append(field(1, []byte(tag)), fixed32(2, math.Float32bits(v))...)
}

func plugin(name string) []byte { return field(9, field(1, field(1, []byte(name)))) }

func tensorValue(tag string, parts ...[]byte) []byte {
	return append(field(1, []byte(tag)), field(8, parts...)...)
}

// spelled is a file written out byte by byte, its checksums computed bit by bit
// by a program in Python: the version that every writer begins with, accuracy =
// 0.5 at step 3 as PyTorch writes it, and loss = 0.25 at step 300 as Keras does.
const spelled = "" +
	// length 24, its checksum, wall_time, file_version, checksum
	"1800000000000000" + "a37f4b22" + "09" + "00002040fc54d941" + "1a0d" + "627261696e2e4576656e743a32" + "2b353110" +
	// length 30; wall_time, step, summary { value { tag, simple_value } }
	"1e00000000000000" + "d9dc1232" + "09" + "00004040fc54d941" + "1003" + "2a11" + "0a0f" + "0a08" + "6163637572616379" + "15" + "0000003f" + "c40cf1a2" +
	// length 47; the value has tensor { dtype, shape {}, content } and metadata { plugin { scalars } }
	"2f00000000000000" + "6d5d1d50" + "09" + "00008040fc54d941" + "10ac02" + "2a21" + "0a1f" + "0a04" + "6c6f7373" +
	"420a" + "0801" + "1200" + "2204" + "0000803e" + "4a0b" + "0a09" + "0a07" + "7363616c617273" + "f5104139"

func TestSpelledOut(t *testing.T) {
	b, err := hex.DecodeString(spelled)
	if err != nil {
		t.Fatal(err)
	}
	got, end, err := read(t, b)
	want := []Scalar{{"accuracy", 3, 0.5}, {"loss", 300, 0.25}}
	if err != nil || !slices.Equal(got, want) || end != int64(len(b)) {
		t.Errorf("got %v to %d, %v; want %v to %d", got, end, err, want, len(b))
	}
}

func TestMaskedChecksums(t *testing.T) {
	// RFC 3720, appendix B.4: 32 bytes of zeros have CRC-32C 0x8a9136aa, of ones 0x62a8ab43, 0…31 0x46dd794e.
	up := make([]byte, 32)
	for i := range up {
		up[i] = byte(i)
	}
	for _, tt := range []struct {
		name string
		b    []byte
		crc  uint32
	}{{"zeros", make([]byte, 32), 0x8a9136aa}, {"ones", bytes.Repeat([]byte{0xff}, 32), 0x62a8ab43}, {"rising", up, 0x46dd794e}} {
		want := (tt.crc>>15 | tt.crc<<17) + 0xa282ead8
		if got := masked(tt.b); got != want {
			t.Errorf("%s: got %#x, want %#x", tt.name, got, want)
		}
	}
}

func TestScalars(t *testing.T) {
	float := func(v float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)) }
	double := func(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }
	scalarShape := field(2)
	one := field(2, field(2, varint(1, 1)))
	three := field(2, field(2, varint(1, 3)))
	tests := []struct {
		name  string
		value []byte
		want  float64
		none  bool
	}{
		{"simple value", simple("x", 0.25), 0.25, false},
		{"simple value nan", simple("x", float32(math.NaN())), math.NaN(), false},
		{"simple value with metadata", append(simple("x", 0.25), plugin("scalars")...), 0.25, false},
		{"float content", tensorValue("x", varint(1, dtFloat), scalarShape, field(4, float(0.5))), 0.5, false},
		{"float list", tensorValue("x", varint(1, dtFloat), scalarShape, field(5, float(0.5))), 0.5, false},
		{"float list not packed", tensorValue("x", varint(1, dtFloat), fixed32(5, math.Float32bits(0.5))), 0.5, false},
		{"one element", tensorValue("x", varint(1, dtFloat), one, field(5, float(-2))), -2, false},
		{"double content", tensorValue("x", varint(1, dtDouble), field(4, double(1e-300))), 1e-300, false},
		{"double list", tensorValue("x", varint(1, dtDouble), field(6, double(1e300))), 1e300, false},
		{"zero left out", tensorValue("x", varint(1, dtFloat), scalarShape), 0, false},
		{"int32 list", tensorValue("x", varint(1, dtInt32), field(7, protowire.AppendVarint(nil, uint64(math.MaxUint64)))), -1, false},
		{"int64 list", tensorValue("x", varint(1, dtInt64), varint(10, 1<<40)), 1 << 40, false},
		{"int64 content", tensorValue("x", varint(1, dtInt64), field(4, binary.LittleEndian.AppendUint64(nil, math.MaxUint64))), -1, false},
		{"int8 content", tensorValue("x", varint(1, dtInt8), field(4, []byte{0x80})), -128, false},
		{"uint8 content", tensorValue("x", varint(1, dtUint8), field(4, []byte{0x80})), 128, false},
		{"bool", tensorValue("x", varint(1, dtBool), varint(11, 1)), 1, false},
		{"uint64 list", tensorValue("x", varint(1, dtUint64), varint(17, 1<<63)), 1 << 63, false},
		{"half", tensorValue("x", varint(1, dtHalf), varint(13, 0x3c00)), 1, false},
		{"half subnormal", tensorValue("x", varint(1, dtHalf), varint(13, 0x8001)), -math.Ldexp(1, -24), false},
		{"half infinity", tensorValue("x", varint(1, dtHalf), field(4, []byte{0, 0xfc})), math.Inf(-1), false},
		{"bfloat16", tensorValue("x", varint(1, dtBfloat16), varint(13, 0x4040)), 3, false},
		{"several elements", tensorValue("x", varint(1, dtFloat), three, field(5, float(1), float(2), float(3))), 0, true},
		{"text", append(tensorValue("x", varint(1, 7), field(8, []byte("text"))), plugin("text")...), 0, true},
		{"hparams", append(tensorValue("x", varint(1, dtFloat), field(5, float(0))), plugin("hparams")...), 0, true},
		{"list of another type", tensorValue("x", varint(1, dtFloat), varint(10, 1)), 0, true},
		{"short content", tensorValue("x", varint(1, dtFloat), field(4, []byte{1, 2})), 0, true},
		{"image", append(field(1, []byte("x")), field(4, varint(1, 3))...), 0, true},
		{"no tag", fixed32(2, 0), 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := read(t, record(event(7, tt.value)))
			if err != nil {
				t.Fatal(err)
			}
			if tt.none {
				if len(got) > 0 {
					t.Errorf("got %v, want nothing", got)
				}
				return
			}
			same := len(got) == 1 && (got[0].Value == tt.want || math.IsNaN(got[0].Value) && math.IsNaN(tt.want))
			if !same || got[0].Tag != "x" || got[0].Step != 7 {
				t.Errorf("got %v, want x = %v at 7", got, tt.want)
			}
		})
	}
}

// A tag of another plugin stays that, though only its first value says so.
func TestMetadataOfTheFirstValueCounts(t *testing.T) {
	value := tensorValue("pr", varint(1, dtFloat))
	b := slices.Concat(record(event(0, append(slices.Clone(value), plugin("pr_curves")...))), record(event(1, value, simple("loss", 1))))
	got, _, err := read(t, b)
	if err != nil || len(got) != 1 || got[0].Tag != "loss" {
		t.Errorf("got %v, %v; want loss alone", got, err)
	}
}

// file is what a writer leaves: its version, then n steps of two scalars.
func file(n int) []byte {
	version := append(fixed64(1, math.Float64bits(1.7e9)), field(3, []byte("brain.Event:2"))...)
	b := record(version)
	for i := range n {
		b = append(b, record(event(int64(i), simple("loss", 1/float32(i+1)), tensorValue("acc", varint(1, dtDouble), field(6, fixed64(0, 0)[1:]))))...)
	}
	return b
}

// However a file grows, each record is read once.
func TestTailing(t *testing.T) {
	b := file(5)
	want, end, err := read(t, b)
	if err != nil || len(want) != 10 || end != int64(len(b)) {
		t.Fatalf("got %v, %d, %v; want 10 scalars and %d", want, end, err, len(b))
	}
	for chunk := 1; chunk < 70; chunk++ {
		var r Reader
		var got []Scalar
		for size := 0; size < len(b)+chunk; size += chunk {
			have := b[:min(size, len(b))]
			if size%3 == 0 { // as after a kill: the offset is all that is left
				r = Reader{Offset: r.Offset}
			}
			if err := r.Read(bytes.NewReader(have), int64(len(have)), always, func(s Scalar) { got = append(got, s) }); err != nil {
				t.Fatalf("chunks of %d, at %d: %v", chunk, size, err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("chunks of %d: got %v, want %v", chunk, got, want)
		}
	}
}

func TestReadStopsWhenToldTo(t *testing.T) {
	b := file(5)
	var r Reader
	var got []Scalar
	more := func() bool { return len(got) < 3 }
	if err := r.Read(bytes.NewReader(b), int64(len(b)), more, func(s Scalar) { got = append(got, s) }); err != nil || len(got) != 4 {
		t.Fatalf("got %d scalars, %v; want 4: two records", len(got), err)
	}
	if err := r.Read(bytes.NewReader(b), int64(len(b)), always, func(s Scalar) { got = append(got, s) }); err != nil || len(got) != 10 {
		t.Errorf("got %d scalars, %v; want all 10", len(got), err)
	}
}

// Whatever byte is damaged, nothing before it is lost and nothing false is read.
func TestDamage(t *testing.T) {
	b := file(4)
	whole, _, _ := read(t, b)
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 0x10
		got, offset, err := read(t, bad)
		if !errors.Is(err, ErrCorrupt) || offset > int64(i) {
			t.Fatalf("byte %d: got %v at %d, want ErrCorrupt at or before it", i, err, offset)
		}
		if len(got) > len(whole) || !slices.Equal(got, whole[:len(got)]) {
			t.Fatalf("byte %d: got %v, want the first of %v", i, got, whole)
		}
	}
	if _, _, err := read(t, []byte(strings.Repeat("no event file ", 9))); !errors.Is(err, ErrCorrupt) {
		t.Errorf("text: got %v, want ErrCorrupt", err)
	}
}

func TestLongRecordsArePassedOver(t *testing.T) {
	image := event(1, append(field(1, []byte("img")), field(4, field(4, make([]byte, 3<<20)))...))
	b := slices.Concat(record(image), record(event(2, simple("x", 1))))
	got, end, err := read(t, b)
	if err != nil || len(got) != 1 || end != int64(len(b)) {
		t.Errorf("got %v to %d, %v; want x and all %d bytes", got, end, err, len(b))
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"events.out.tfevents.1.h", "lightning_logs/version_0/events.out.tfevents.2.h.0", "a/b/c/d/e/f/events.out.tfevents.3",
		"a/b/c/d/e/f/g/events.out.tfevents.too.deep", "checkpoint/events.out.tfevents.4", ".hidden/events.out.tfevents.5", "attempt1.events.out.tfevents.6"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(root, filepath.Join(root, "loop")); err != nil {
		t.Fatal(err)
	}
	var got []string
	Find(root, func(path, run string) { got = append(got, run) })
	slices.Sort(got)
	if want := []string{".", "a/b/c/d/e/f", "lightning_logs/version_0"}; !slices.Equal(got, want) {
		t.Errorf("got runs %q, want %q", got, want)
	}
	Find(filepath.Join(root, "none"), func(path, run string) { t.Errorf("got %s of a folder that is not there", path) })
}

func TestName(t *testing.T) {
	for _, tt := range []struct{ run, tag, want string }{
		{".", "loss", "loss"},
		{"lightning_logs/version_0", "val_loss", "val_loss"},
		{"logs/validation", "epoch_loss", "validation/epoch_loss"},
		{"train", "epoch_loss", "train/epoch_loss"},
		{"runs/exp/loss_train", "loss", "loss/train"},
		{"runs/Loss_step_val", "Loss/step", "Loss/step/val"},
		{"runs/loss_", "loss", "loss"},
	} {
		if got := Name(tt.run, tt.tag); got != tt.want {
			t.Errorf("%s of %s: got %s, want %s", tt.tag, tt.run, got, tt.want)
		}
	}
}

// Any bytes: no panic, no offset beyond the end, and the same scalars in two reads.
func FuzzRead(f *testing.F) {
	f.Add(file(2), 40)
	f.Add(record(event(1, append(simple("x", 1), plugin("scalars")...))), 3)
	f.Add(record([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}), 0)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole, end, err := read(t, b)
		if end < 0 || end > int64(len(b)) || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got offset %d of %d, %v", end, len(b), err)
		}
		cut = max(0, min(cut, len(b)))
		var r Reader
		var got []Scalar
		emit := func(s Scalar) { got = append(got, s) }
		if r.Read(bytes.NewReader(b[:cut]), int64(cut), always, emit) == nil {
			_ = r.Read(bytes.NewReader(b), int64(len(b)), always, emit)
		}
		if r.Offset != end || len(got) != len(whole) {
			t.Fatalf("cut at %d: got %d scalars to %d, want %d to %d", cut, len(got), r.Offset, len(whole), end)
		}
		// The same bytes as the data of a sound record reach the messages.
		_, _, err = read(t, record(b))
		if err != nil {
			t.Fatalf("framed: %v", err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	doc := file(10_000)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		var r Reader
		if err := r.Read(bytes.NewReader(doc), int64(len(doc)), always, func(Scalar) {}); err != nil {
			b.Fatal(err)
		}
	}
}
