package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A masked pair of moves takes single vectors.
type masked func() (load func(m Mem, r reg.VecVirtual), store func(r reg.VecVirtual, m Mem))

// sparse writes the product of m sparse rows and a dense matrix, for numbers of
// vectors that are powers of 2 up to most; a single vector goes under a mask.
func sparse(name, mask string, m, most int, vec func() reg.VecVirtual, size int, clear func(r reg.VecVirtual), single masked) {
	stride := ""
	if m > 1 {
		stride = "ldc int, "
	}
	TEXT(name, NOSPLIT, fmt.Sprintf("func(nv, k int, col *int32, val *float32, b *float32, bs int, c *float32, %szero bool, mask %s)", stride, mask))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s adds k >= 0 products of val and row col[i] of B to nv (1, 2 … %d) vectors of %d rows of c:", name, most, m),
		fmt.Sprintf("step i has %d of val, one for each row of c. The rows of B are bs bytes apart, those of c ldc; with zero c", m),
		"starts from 0. A single vector is read and written under the mask alone.")
	nv, k := Load(Param("nv"), GP64()), Load(Param("k"), GP64())
	col, val := Load(Param("col"), GP64()), Load(Param("val"), GP64())
	b, bs := Load(Param("b"), GP64()), Load(Param("bs"), GP64())
	c := rows{base: [3]reg.Register{Load(Param("c"), GP64())}}
	if m > 1 {
		c.step = Load(Param("ldc"), GP64())
	}
	zero := Load(Param("zero"), GP8())
	for n := most; n >= 1; n /= 2 {
		label := func(s string) string { return fmt.Sprintf("%s%d", s, n) }
		load, store := func(m Mem, r reg.VecVirtual) { VMOVUPS(m, r) }, func(r reg.VecVirtual, m Mem) { VMOVUPS(r, m) }
		if n == 1 {
			load, store = single()
		} else {
			CMPQ(nv, Imm(uint64(n)))
			JNE(LabelRef(label("not")))
		}
		acc := make([]reg.VecVirtual, m*n)
		for i := range acc {
			acc[i] = vec()
			clear(acc[i])
		}
		TESTB(zero, zero)
		JNE(LabelRef(label("begin")))
		for i := range acc {
			load(c.at(i/n, i%n*size), acc[i])
		}
		Label(label("begin"))
		TESTQ(k, k)
		JE(LabelRef(label("end")))
		Label(label("step"))
		row := GP64()
		MOVLQSX(Mem{Base: col}, row)
		IMULQ(bs, row)
		ADDQ(b, row)
		x := make([]reg.VecVirtual, m)
		for i := range x {
			x[i] = vec()
			VBROADCASTSS(Mem{Base: val, Disp: 4 * i}, x[i])
		}
		for v := range n {
			at := Mem{Base: row, Disp: v * size}
			if n > 1 && m == 1 {
				VFMADD231PS(at, x[0], acc[v])
				continue
			}
			y := vec()
			load(at, y)
			for i := range x {
				VFMADD231PS(y, x[i], acc[i*n+v])
			}
		}
		ADDQ(Imm(4), col)
		ADDQ(Imm(uint64(4*m)), val)
		DECQ(k)
		JNZ(LabelRef(label("step")))
		Label(label("end"))
		for i := range acc {
			store(acc[i], c.at(i/n, i%n*size))
		}
		VZEROUPPER()
		RET()
		if n > 1 {
			Label(label("not"))
		}
	}
}

// sparseLoops writes the products of one row and of two.
func sparseLoops() {
	zmm, ymm := func() reg.VecVirtual { return ZMM() }, func() reg.VecVirtual { return YMM() }
	clearZ := func(r reg.VecVirtual) { VPXORD(r, r, r) }
	clearY := func(r reg.VecVirtual) { VXORPS(r, r, r) }
	maskedZ := func() (func(Mem, reg.VecVirtual), func(reg.VecVirtual, Mem)) {
		mask := K()
		KMOVW(Load(Param("mask"), GP32()), mask)
		return func(m Mem, r reg.VecVirtual) { VMOVUPS_Z(m, mask, r) }, func(r reg.VecVirtual, m Mem) { VMOVUPS(r, mask, m) }
	}
	maskedY := func() (func(Mem, reg.VecVirtual), func(reg.VecVirtual, Mem)) {
		mask := YMM()
		VMOVUPS(Mem{Base: Load(Param("mask"), GP64())}, mask)
		return func(m Mem, r reg.VecVirtual) { VMASKMOVPS(m, mask, r) }, func(r reg.VecVirtual, m Mem) { VMASKMOVPS(r, mask, m) }
	}
	sparse("sparseAVX512", "uint32", 1, 16, zmm, 64, clearZ, maskedZ)
	sparse("sparseAVX2", "*int32", 1, 8, ymm, 32, clearY, maskedY)
	sparse("sparsePairAVX512", "uint32", 2, 8, zmm, 64, clearZ, maskedZ)
	sparse("sparsePairAVX2", "*int32", 2, 4, ymm, 32, clearY, maskedY)
}

// nonzeroAVX512 takes the bytes that are not 0.
func nonzeroAVX512() {
	TEXT("nonzeroAVX512", NOSPLIT, "func(blocks int, src *uint8, scale float32, col *int32, val *float32) int")
	Pragma("noescape")
	Doc("nonzeroAVX512 writes the places of the bytes of 16·blocks that are not 0, and the bytes times scale, and returns",
		"how many there are. It writes 16 numbers at a time, those beyond the last of no meaning.")
	first := GLOBL("places", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)))
	}
	n, src := Load(Param("blocks"), GP64()), Load(Param("src"), GP64())
	col, val := Load(Param("col"), GP64()), Load(Param("val"), GP64())
	scale, place, step := ZMM(), ZMM(), ZMM()
	b, err := Param("scale").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(b.Addr, scale)
	VMOVDQU32(first, place)
	sixteen, count := GP32(), GP64()
	MOVL(U32(16), sixteen)
	VPBROADCASTD(sixteen, step)
	XORQ(count, count)
	Label("block")
	x, where, bits := ZMM(), ZMM(), GP32()
	mask := K()
	VPMOVZXBD(Mem{Base: src}, x)
	VPTESTMD(x, x, mask)
	VCVTDQ2PS(x, x)
	VMULPS(scale, x, x)
	VCOMPRESSPS_Z(x, mask, x)
	VPCOMPRESSD_Z(place, mask, where)
	VMOVUPS(x, Mem{Base: val, Index: count, Scale: 4})
	VMOVDQU32(where, Mem{Base: col, Index: count, Scale: 4})
	VPADDD(step, place, place)
	KMOVW(mask, bits)
	POPCNTL(bits, bits)
	ADDQ(bits.As64(), count)
	ADDQ(Imm(16), src)
	DECQ(n)
	JNZ(LabelRef("block"))
	Store(count, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
