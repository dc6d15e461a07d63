package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sparse writes the product of one sparse row and a dense matrix, for numbers
// of vectors that are powers of 2 up to most; a single vector goes under a mask.
func sparse(name, mask string, most int, vec func() reg.VecVirtual, size int, clear func(r reg.VecVirtual), masked func() (load func(m Mem, r reg.VecVirtual), store func(r reg.VecVirtual, m Mem))) {
	TEXT(name, NOSPLIT, fmt.Sprintf("func(nv, k int, col *int32, val *float32, b *float32, bs int, c *float32, zero bool, mask %s)", mask))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s adds k >= 0 products val[i] times row col[i] of B to nv (1, 2 … %d) vectors of c. The rows of B", name, most),
		"are bs bytes apart; with zero c starts from 0. A single vector is read and written under the mask alone.")
	nv, k := Load(Param("nv"), GP64()), Load(Param("k"), GP64())
	col, val := Load(Param("col"), GP64()), Load(Param("val"), GP64())
	b, bs, c := Load(Param("b"), GP64()), Load(Param("bs"), GP64()), Load(Param("c"), GP64())
	zero := Load(Param("zero"), GP8())
	for n := most; n >= 1; n /= 2 {
		label := func(s string) string { return fmt.Sprintf("%s%d", s, n) }
		load, store := func(m Mem, r reg.VecVirtual) { VMOVUPS(m, r) }, func(r reg.VecVirtual, m Mem) { VMOVUPS(r, m) }
		if n == 1 {
			load, store = masked()
		} else {
			CMPQ(nv, Imm(uint64(n)))
			JNE(LabelRef(label("not")))
		}
		acc := make([]reg.VecVirtual, n)
		for i := range acc {
			acc[i] = vec()
			clear(acc[i])
		}
		TESTB(zero, zero)
		JNE(LabelRef(label("begin")))
		for i := range acc {
			load(Mem{Base: c, Disp: i * size}, acc[i])
		}
		Label(label("begin"))
		TESTQ(k, k)
		JE(LabelRef(label("end")))
		Label(label("step"))
		row, x := GP64(), vec()
		MOVLQSX(Mem{Base: col}, row)
		IMULQ(bs, row)
		ADDQ(b, row)
		VBROADCASTSS(Mem{Base: val}, x)
		for i := range acc {
			if m := (Mem{Base: row, Disp: i * size}); n > 1 {
				VFMADD231PS(m, x, acc[i])
			} else {
				y := vec()
				load(m, y)
				VFMADD231PS(y, x, acc[i])
			}
		}
		ADDQ(Imm(4), col)
		ADDQ(Imm(4), val)
		DECQ(k)
		JNZ(LabelRef(label("step")))
		Label(label("end"))
		for i := range acc {
			store(acc[i], Mem{Base: c, Disp: i * size})
		}
		VZEROUPPER()
		RET()
		if n > 1 {
			Label(label("not"))
		}
	}
}

func sparseAVX512() {
	sparse("sparseAVX512", "uint32", 16, func() reg.VecVirtual { return ZMM() }, 64,
		func(r reg.VecVirtual) { VPXORD(r, r, r) },
		func() (func(Mem, reg.VecVirtual), func(reg.VecVirtual, Mem)) {
			mask := K()
			KMOVW(Load(Param("mask"), GP32()), mask)
			return func(m Mem, r reg.VecVirtual) { VMOVUPS_Z(m, mask, r) }, func(r reg.VecVirtual, m Mem) { VMOVUPS(r, mask, m) }
		})
}

func sparseAVX2() {
	sparse("sparseAVX2", "*int32", 8, func() reg.VecVirtual { return YMM() }, 32,
		func(r reg.VecVirtual) { VXORPS(r, r, r) },
		func() (func(Mem, reg.VecVirtual), func(reg.VecVirtual, Mem)) {
			mask := YMM()
			VMOVUPS(Mem{Base: Load(Param("mask"), GP64())}, mask)
			return func(m Mem, r reg.VecVirtual) { VMASKMOVPS(m, mask, r) }, func(r reg.VecVirtual, m Mem) { VMASKMOVPS(r, mask, m) }
		})
}
