package tfevents

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// The consume functions read what the reference does, whole or cut off.
func TestWireIsThatOfProtobuf(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := make([]byte, rng.IntN(14))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		if rng.IntN(2) == 0 {
			b = protowire.AppendBytes(protowire.AppendVarint(nil, rng.Uint64()>>rng.IntN(64)), b)[:]
		}
		num, typ, n := consumeTag(b)
		wnum, wtyp, wn := protowire.ConsumeTag(b)
		if (n < 0) != (wn < 0) || n > 0 && (n != wn || num != fieldNumber(wnum) || typ != wireType(wtyp)) {
			t.Fatalf("tag of %x: got %d %d %d, want %d %d %d", b, num, typ, n, wnum, wtyp, wn)
		}
		v, n := consumeVarint(b)
		wv, wn := protowire.ConsumeVarint(b)
		if (n < 0) != (wn < 0) || n > 0 && (n != wn || v != wv) {
			t.Fatalf("varint of %x: got %d %d, want %d %d", b, v, n, wv, wn)
		}
		data, n := consumeBytes(b)
		wdata, wn := protowire.ConsumeBytes(b)
		if (n < 0) != (wn < 0) || n > 0 && (n != wn || !bytes.Equal(data, wdata)) {
			t.Fatalf("bytes of %x: got %x %d, want %x %d", b, data, n, wdata, wn)
		}
		v, n = consumeFixed32(b)
		w32, wn := protowire.ConsumeFixed32(b)
		if (n < 0) != (wn < 0) || n > 0 && v != uint64(w32) {
			t.Fatalf("fixed32 of %x: got %d, want %d", b, v, w32)
		}
		v, n = consumeFixed64(b)
		w64, wn := protowire.ConsumeFixed64(b)
		if (n < 0) != (wn < 0) || n > 0 && v != w64 {
			t.Fatalf("fixed64 of %x: got %d, want %d", b, v, w64)
		}
	}
}
