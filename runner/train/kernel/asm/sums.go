package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotAVX2 has sixteen lanes of float64 in four registers.
func dotAVX2() {
	TEXT("dotAVX2", NOSPLIT, "func(blocks int, x, y *float32, s *[16]float64)")
	Pragma("noescape")
	Doc("dotAVX2 adds the products of 16·blocks floats to the lanes s.")
	n := Load(Param("blocks"), GP64())
	x, v := Load(Param("x"), GP64()), Load(Param("y"), GP64())
	s := Load(Param("s"), GP64())
	var acc [4]y
	for i := range acc {
		acc[i] = YMM()
		VMOVUPD(Mem{Base: s, Disp: 32 * i}, acc[i])
	}
	Label("block")
	for i := range acc {
		a, b := YMM(), YMM()
		VCVTPS2PD(Mem{Base: x, Disp: 16 * i}, a)
		VCVTPS2PD(Mem{Base: v, Disp: 16 * i}, b)
		VFMADD231PD(a, b, acc[i]) // the product is exact
	}
	ADDQ(Imm(64), x)
	ADDQ(Imm(64), v)
	DECQ(n)
	JNZ(LabelRef("block"))
	for i := range acc {
		VMOVUPD(acc[i], Mem{Base: s, Disp: 32 * i})
	}
	VZEROUPPER()
	RET()
}

// scaleBytesAVX2 and affineBytesAVX2 are the inner loops of GatherU8.
func scaleBytesAVX2() {
	TEXT("scaleBytesAVX2", NOSPLIT, "func(blocks int, scale float32, dst *float32, src *uint8)")
	Pragma("noescape")
	Doc("scaleBytesAVX2 sets 8·blocks floats to scale times a byte.")
	f, scale := XMM(), YMM()
	Load(Param("scale"), f)
	VBROADCASTSS(f, scale)
	bytesLoop(nil, func(v y) y { return mul(v, scale) })
}

func affineBytesAVX2() {
	TEXT("affineBytesAVX2", NOSPLIT, "func(blocks int, dst *float32, src *uint8, scale, shift *float32)")
	Pragma("noescape")
	Doc("affineBytesAVX2 sets 8·blocks floats to a byte times scale plus shift, of the same place.")
	scale, shift := Load(Param("scale"), GP64()), Load(Param("shift"), GP64())
	bytesLoop([]reg.Register{scale, shift}, func(v y) y {
		return add(mul(v, Mem{Base: scale}), Mem{Base: shift})
	})
}

// bytesLoop sets dst to f of 8 bytes of src at a time, as floats, and moves
// the pointers along with dst.
func bytesLoop(along []reg.Register, f func(v y) y) {
	n := Load(Param("blocks"), GP64())
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	Label("block")
	v := YMM()
	VPMOVZXBD(Mem{Base: src}, v)
	VCVTDQ2PS(v, v)
	VMOVUPS(f(v), Mem{Base: dst})
	ADDQ(Imm(8), src)
	for _, p := range append(along, dst) {
		ADDQ(Imm(32), p)
	}
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
