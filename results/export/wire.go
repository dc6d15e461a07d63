package export

import (
	"encoding/binary"
	"math"
)

// A message is a protocol buffer that grows. Fields that hold the default of
// their type are left out, as proto3 has it.
//
// google.golang.org/protobuf is for the tests alone: every program that links it
// reads its own executable when it starts.
type message []byte

// The wire types that are written.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func (m *message) tag(field, wire uint64) {
	*m = binary.AppendUvarint(*m, field<<3|wire)
}

func (m *message) varint(field uint64, v int64) {
	if v != 0 {
		m.tag(field, wireVarint)
		*m = binary.AppendUvarint(*m, uint64(v))
	}
}

func (m *message) double(field uint64, v float64) {
	if v != 0 || math.Signbit(v) {
		m.tag(field, wireFixed64)
		*m = binary.LittleEndian.AppendUint64(*m, math.Float64bits(v))
	}
}

func (m *message) text(field uint64, s string) {
	if s != "" {
		m.bytes(field, []byte(s))
	}
}

// bytes writes a field of bytes, or a message within this one, empty ones too:
// an empty message says that it is there.
func (m *message) bytes(field uint64, b []byte) {
	m.tag(field, wireBytes)
	*m = append(binary.AppendUvarint(*m, uint64(len(b))), b...)
}

// always writes a double or a boolean of a oneof, whose default says which
// member is set.
func (m *message) alwaysDouble(field uint64, v float64) {
	m.tag(field, wireFixed64)
	*m = binary.LittleEndian.AppendUint64(*m, math.Float64bits(v))
}

func (m *message) alwaysFloat(field uint64, v float32) {
	m.tag(field, wireFixed32)
	*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
}

func (m *message) alwaysBool(field uint64, v bool) {
	m.tag(field, wireVarint)
	if v {
		*m = append(*m, 1)
	} else {
		*m = append(*m, 0)
	}
}
