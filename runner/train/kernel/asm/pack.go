package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packAVX2 copies a block of a matrix to rows without gaps.
func packAVX2() {
	TEXT("packAVX2", NOSPLIT, "func(nv, rows int, src *float32, ss int, dst *float32, ds int, mask *int32)")
	Pragma("noescape")
	Doc("packAVX2 copies rows of nv (1 … 4) vectors of 8, ss and ds bytes apart. Of the last vector it reads the columns",
		"whose mask is negative, and writes 0 in place of the others.")
	nv, n := Load(Param("nv"), GP64()), Load(Param("rows"), GP64())
	src, ss := Load(Param("src"), GP64()), Load(Param("ss"), GP64())
	dst, ds := Load(Param("dst"), GP64()), Load(Param("ds"), GP64())
	mask := YMM()
	VMOVUPS(Mem{Base: Load(Param("mask"), GP64())}, mask)
	for v := 1; v <= 4; v++ {
		if v < 4 {
			CMPQ(nv, Imm(uint64(v)))
			JNE(LabelRef(fmt.Sprintf("not%d", v)))
		}
		row := fmt.Sprintf("row%d", v)
		Label(row)
		for i := range v {
			y := YMM()
			if i == v-1 {
				VMASKMOVPS(Mem{Base: src, Disp: 32 * i}, mask, y)
			} else {
				VMOVUPS(Mem{Base: src, Disp: 32 * i}, y)
			}
			VMOVUPS(y, Mem{Base: dst, Disp: 32 * i})
		}
		ADDQ(ss, src)
		ADDQ(ds, dst)
		DECQ(n)
		JNZ(LabelRef(row))
		VZEROUPPER()
		RET()
		if v < 4 {
			Label(fmt.Sprintf("not%d", v))
		}
	}
}

// transposeAVX2 turns 8 columns into rows, 8 rows at a time.
func transposeAVX2() {
	TEXT("transposeAVX2", NOSPLIT, "func(blocks int, src *float32, ss int, dst *float32, ds int)")
	Pragma("noescape")
	Doc("transposeAVX2 reads 8 rows of 8·blocks floats, ss bytes apart, and writes 8·blocks rows of 8, ds bytes apart.")
	n := Load(Param("blocks"), GP64())
	src := rowsOf(8, Load(Param("src"), GP64()), Load(Param("ss"), GP64()))
	dst, ds := Load(Param("dst"), GP64()), Load(Param("ds"), GP64())
	eight := GP64()
	MOVQ(ds, eight)
	SHLQ(Imm(3), eight)
	to := rowsOf(8, dst, ds)
	Label("block")
	var r, u [8]reg.VecVirtual
	for i := range r {
		r[i] = YMM()
		VMOVUPS(src.at(i, 0), r[i])
	}
	for i := 0; i < 8; i += 2 { // pairs of rows: a0 b0 a1 b1 | a4 b4 a5 b5
		u[i], u[i+1] = YMM(), YMM()
		VUNPCKLPS(r[i+1], r[i], u[i])
		VUNPCKHPS(r[i+1], r[i], u[i+1])
	}
	for i := 0; i < 8; i += 4 { // fours of rows: a0 b0 c0 d0 | a4 b4 c4 d4
		for h := range 2 {
			r[i+2*h], r[i+2*h+1] = YMM(), YMM()
			VUNPCKLPD(u[i+2+h], u[i+h], r[i+2*h])
			VUNPCKHPD(u[i+2+h], u[i+h], r[i+2*h+1])
		}
	}
	for i := range 4 { // halves of both fours
		lo, hi := YMM(), YMM()
		VPERM2F128(Imm(0x20), r[i+4], r[i], lo)
		VPERM2F128(Imm(0x31), r[i+4], r[i], hi)
		VMOVUPS(lo, to.at(i, 0))
		VMOVUPS(hi, to.at(i+4, 0))
	}
	src.advance(Imm(32))
	to.advance(eight)
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
