package tfevents

import "encoding/binary"

// The wire format of protocol buffers, as far as event files use it. The module
// google.golang.org/protobuf has the same in its package protowire, and the
// tests compare with that; but every program that links it reads its own
// executable when it starts, which took a start of trawl 10 ms of its 15.

// A fieldNumber names a field of a message.
type fieldNumber = int32

// A wireType says how the value behind a tag is laid out.
type wireType uint8

const (
	typeVarint  wireType = 0
	typeFixed64 wireType = 1
	typeBytes   wireType = 2
	typeFixed32 wireType = 5
)

// The consume functions read one thing from the front of b and return how many
// bytes it took; negative: there is none.

func consumeTag(b []byte) (num fieldNumber, typ wireType, n int) {
	v, n := consumeVarint(b)
	if n < 0 || v>>3 == 0 || v>>3 > 1<<31-1 {
		return 0, 0, -1
	}
	return fieldNumber(v >> 3), wireType(v & 7), n
}

func consumeVarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 {
		return 0, -1
	}
	return v, n
}

func consumeFixed32(b []byte) (v uint64, n int) {
	if len(b) < 4 {
		return 0, -1
	}
	return uint64(binary.LittleEndian.Uint32(b)), 4
}

func consumeFixed64(b []byte) (v uint64, n int) {
	if len(b) < 8 {
		return 0, -1
	}
	return binary.LittleEndian.Uint64(b), 8
}

func consumeBytes(b []byte) (data []byte, n int) {
	size, n := consumeVarint(b)
	if n < 0 || size > uint64(len(b)-n) {
		return nil, -1
	}
	return b[n : n+int(size)], n + int(size)
}
