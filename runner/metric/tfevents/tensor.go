package tfevents

import (
	"encoding/binary"
	"math"
)

// Types of tensors (tensorflow.DataType) that hold real numbers.
const (
	dtFloat    = 1
	dtDouble   = 2
	dtInt32    = 3
	dtUint8    = 4
	dtInt16    = 5
	dtInt8     = 6
	dtInt64    = 9
	dtBool     = 10
	dtBfloat16 = 14
	dtUint16   = 17
	dtHalf     = 19
	dtUint32   = 22
	dtUint64   = 23
)

// tensor reads TensorProto with one number: dtype = 1, tensor_shape = 2,
// tensor_content = 4 (the bytes, little-endian), or the first of a list of the
// type: float_val = 5, double_val = 6, int_val = 7, int64_val = 10,
// bool_val = 11, half_val = 13, uint32_val = 16, uint64_val = 17. Such lists are
// packed or not.
func tensor(b []byte) (v float64, ok bool) {
	var dtype uint64
	var content, list []byte
	var number uint64
	var from fieldNumber
	elements := int64(1)
	fields(b, func(num fieldNumber, data []byte, value uint64) {
		switch num {
		case 1:
			dtype = value
		case 2:
			elements = size(data)
		case 4:
			content = data
		case 5, 6, 7, 10, 11, 13, 16, 17:
			if from == 0 {
				from, list, number = num, data, value
			}
		}
	})
	switch {
	case elements != 1:
		return 0, false
	case len(content) > 0:
		return fromContent(dtype, content)
	case from == 0:
		return 0, kindOf(dtype) != 0 // a zero is left out
	}
	if list != nil {
		if number, ok = first(from, list); !ok {
			return 0, false
		}
	}
	return fromField(dtype, from, number)
}

// size is the number of elements of TensorShapeProto: dim = 2 with size = 1.
func size(b []byte) int64 {
	n := int64(1)
	fields(b, func(num fieldNumber, data []byte, _ uint64) {
		if num == 2 {
			dim := int64(0)
			fields(data, func(num fieldNumber, _ []byte, value uint64) {
				if num == 1 {
					dim = int64(value)
				}
			})
			if dim != 1 {
				n = 0 // 0, several or unknown: no single number
			}
		}
	})
	return n
}

// kindOf says in which list a type is kept; 0 if it is no number.
func kindOf(dtype uint64) fieldNumber {
	switch dtype {
	case dtFloat:
		return 5
	case dtDouble:
		return 6
	case dtInt32, dtUint8, dtInt16, dtInt8, dtUint16:
		return 7
	case dtInt64:
		return 10
	case dtBool:
		return 11
	case dtHalf, dtBfloat16:
		return 13
	case dtUint32:
		return 16
	case dtUint64:
		return 17
	}
	return 0
}

// first is the first number of a packed list.
func first(num fieldNumber, b []byte) (v uint64, ok bool) {
	n := 0
	switch num {
	case 5:
		v, n = consumeFixed32(b)
	case 6:
		v, n = consumeFixed64(b)
	default:
		v, n = consumeVarint(b)
	}
	return v, n > 0
}

func fromField(dtype uint64, num fieldNumber, v uint64) (float64, bool) {
	if kindOf(dtype) != num {
		return 0, false
	}
	switch num {
	case 5:
		return float64(math.Float32frombits(uint32(v))), true
	case 6:
		return math.Float64frombits(v), true
	case 13:
		return half(dtype, uint16(v)), true
	case 16, 17, 11:
		return float64(v), true
	}
	return float64(int64(v)), true
}

func fromContent(dtype uint64, b []byte) (float64, bool) {
	width := map[uint64]int{dtFloat: 4, dtDouble: 8, dtInt32: 4, dtUint8: 1, dtInt16: 2, dtInt8: 1, dtInt64: 8, dtBool: 1,
		dtBfloat16: 2, dtUint16: 2, dtHalf: 2, dtUint32: 4, dtUint64: 8}[dtype]
	if width == 0 || len(b) != width {
		return 0, false
	}
	var word [8]byte
	copy(word[:], b)
	u := binary.LittleEndian.Uint64(word[:])
	switch dtype {
	case dtFloat:
		return float64(math.Float32frombits(uint32(u))), true
	case dtDouble:
		return math.Float64frombits(u), true
	case dtHalf, dtBfloat16:
		return half(dtype, uint16(u)), true
	case dtInt8:
		return float64(int8(u)), true
	case dtInt16:
		return float64(int16(u)), true
	case dtInt32:
		return float64(int32(u)), true
	case dtInt64:
		return float64(int64(u)), true
	}
	return float64(u), true
}

// half widens 16-bit floats: bfloat16 is the upper half of a float32; IEEE 754
// binary16 has 5 bits of exponent with bias 15 and 10 of significand.
func half(dtype uint64, h uint16) float64 {
	if dtype == dtBfloat16 {
		return float64(math.Float32frombits(uint32(h) << 16))
	}
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exp, frac := int(h>>10&0x1f), float64(h&0x3ff)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}
