package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const signature = "func(mr, nv, k int, a *float32, rs, ks int, b *float32, bs int, c *float32, ldc int, zero bool, mask %s)"

// A tile is the inner loop of a product on one instruction set: C, mr rows of
// nv vectors, goes on by k steps.
type tile struct {
	name  string
	rows  int                   // the most rows
	vec   func() reg.VecVirtual // a new vector register
	size  int                   // bytes of a vector
	clear func(r reg.VecVirtual)
	masks func() // prepares the masks from the argument
	loadB func(m Mem, v int, to reg.VecVirtual)
	// loadC and storeC move a vector of C under mask v, or the mask is a pointer:
	// nil for whole vectors.
	loadC   func(m Mem, v int, to reg.VecVirtual)
	storeC  func(from reg.VecVirtual, v int, m Mem)
	pointer bool
	// fma adds the float at a times each of b to acc.
	fma func(a Mem, b, acc []reg.VecVirtual)
}

// emit writes one variant for each number of rows and vectors, and the jumps
// that choose.
func (t tile) emit(doc, mask string) {
	TEXT(t.name, NOSPLIT, fmt.Sprintf(signature, mask))
	Pragma("noescape")
	Doc(strings.Split(doc, "\n")...)
	mr, nv := Load(Param("mr"), GP64()), Load(Param("nv"), GP64())
	a, rs, ks := Load(Param("a"), GP64()), Load(Param("rs"), GP64()), Load(Param("ks"), GP64())
	b, bs := Load(Param("b"), GP64()), Load(Param("bs"), GP64())
	k := Load(Param("k"), GP64())
	t.masks()
	CMPQ(nv, Imm(1))
	JE(LabelRef("one"))
	for n := 2; n >= 1; n-- {
		if n == 1 {
			Label("one")
		}
		for m := t.rows; m >= 1; m-- {
			if m > 1 {
				CMPQ(mr, Imm(uint64(m)))
				JNE(LabelRef(fmt.Sprintf("not%dx%d", m, n)))
			}
			t.loop(m, n, k, rowsOf(m, a, rs), ks, b, bs)
			if m > 1 {
				Label(fmt.Sprintf("not%dx%d", m, n))
			}
		}
	}
}

// rows addresses up to 12 rows at one distance, from three bases: the first,
// the fifth and the ninth row.
type rows struct {
	base         [3]reg.Register
	step, triple reg.Register
}

// rowsOf prepares the addresses of n rows.
func rowsOf(n int, base, step reg.Register) rows {
	r := rows{base: [3]reg.Register{base}, step: step}
	if n > 3 {
		t := GP64()
		LEAQ(Mem{Base: step, Index: step, Scale: 2}, t)
		r.triple = t
	}
	for i := 1; 4*i < n; i++ {
		f := GP64()
		LEAQ(Mem{Base: r.base[i-1], Index: step, Scale: 4}, f)
		r.base[i] = f
	}
	return r
}

// at is byte offset disp of row i.
func (r rows) at(i, disp int) Mem {
	m := Mem{Base: r.base[i/4], Disp: disp}
	switch i % 4 {
	case 1, 2:
		m.Index, m.Scale = r.step, uint8(i%4)
	case 3:
		m.Index, m.Scale = r.triple, 1
	}
	return m
}

// advance moves all rows.
func (r rows) advance(by Op) {
	for _, b := range r.base {
		if b != nil {
			ADDQ(by, b)
		}
	}
}

// loop writes the variant of m rows and n vectors.
func (t tile) loop(m, n int, k reg.Register, a rows, ks, b, bs reg.Register) {
	Comment(fmt.Sprintf("%d rows, %d vectors.", m, n))
	name := func(s string) string { return fmt.Sprintf("%s%dx%d", s, m, n) }
	acc := make([][]reg.VecVirtual, m)
	for i := range acc {
		for range n {
			acc[i] = append(acc[i], t.vec())
		}
	}
	zero := Load(Param("zero"), GP8())
	TESTB(zero, zero)
	JNE(LabelRef(name("zero")))
	t.moveC(name("load"), acc, t.loadC)
	JMP(LabelRef(name("step")))
	Label(name("zero"))
	for i := range acc {
		for v := range n {
			t.clear(acc[i][v])
		}
	}
	Label(name("step"))
	row := make([]reg.VecVirtual, n)
	for v := range row {
		row[v] = t.vec()
		t.loadB(Mem{Base: b, Disp: v * t.size}, v, row[v])
	}
	for i := range acc {
		t.fma(a.at(i, 0), row, acc[i])
	}
	a.advance(ks)
	ADDQ(bs, b)
	DECQ(k)
	JNZ(LabelRef(name("step")))
	t.moveC(name("store"), acc, func(m Mem, v int, r reg.VecVirtual) { t.storeC(r, v, m) })
	VZEROUPPER()
	RET()
}

// moveC loads or stores the tile of C.
func (t tile) moveC(name string, acc [][]reg.VecVirtual, move func(m Mem, v int, r reg.VecVirtual)) {
	c := rowsOf(len(acc), Load(Param("c"), GP64()), Load(Param("ldc"), GP64()))
	each := func(move func(m Mem, v int, r reg.VecVirtual)) {
		for i := range acc {
			for v := range acc[i] {
				move(c.at(i, v*t.size), v, acc[i][v])
			}
		}
	}
	if !t.pointer {
		each(move)
		return
	}
	p := Load(Param("mask"), GP64())
	TESTQ(p, p)
	JNE(LabelRef(name + "masked"))
	each(func(m Mem, v int, r reg.VecVirtual) {
		if strings.HasPrefix(name, "store") {
			VMOVUPS(r, m)
		} else {
			VMOVUPS(m, r)
		}
	})
	JMP(LabelRef(name + "done"))
	Label(name + "masked")
	each(func(m Mem, v int, r reg.VecVirtual) {
		mask := YMM()
		VMOVUPS(Mem{Base: p, Disp: 32 * v}, mask)
		if strings.HasPrefix(name, "store") {
			VMASKMOVPS(r, mask, m)
		} else {
			VMASKMOVPS(m, mask, r)
		}
	})
	Label(name + "done")
}

func gemmAVX512() {
	masks := [2]reg.OpmaskVirtual{K(), K()}
	zmm := func() reg.VecVirtual { return ZMM() }
	tile{
		name: "gemmAVX512", rows: 12, vec: zmm, size: 64,
		clear: func(r reg.VecVirtual) { VPXORD(r, r, r) },
		masks: func() {
			m := Load(Param("mask"), GP32())
			KMOVW(m, masks[0])
			SHRL(Imm(16), m)
			KMOVW(m, masks[1])
		},
		loadB:  func(m Mem, v int, to reg.VecVirtual) { VMOVUPS_Z(m, masks[v], to) },
		loadC:  func(m Mem, v int, to reg.VecVirtual) { VMOVUPS_Z(m, masks[v], to) },
		storeC: func(from reg.VecVirtual, v int, m Mem) { VMOVUPS(from, masks[v], m) },
		fma: func(a Mem, b, acc []reg.VecVirtual) {
			if len(b) == 1 {
				VFMADD231PS_BCST(a, b[0], acc[0])
				return
			}
			x := ZMM()
			VBROADCASTSS(a, x)
			for v := range b {
				VFMADD231PS(x, b[v], acc[v])
			}
		},
	}.emit("gemmAVX512 adds k products to mr (1 … 12) rows of nv (1 or 2) vectors of C. Row i of op(A) starts at a+i·rs and\n"+
		"goes on by ks, rows of B by bs; all strides are bytes. Bit j of mask allows column j, in B and in C; with\nzero C starts from 0.", "uint32")
}

func gemmAVX2() {
	ymm := func() reg.VecVirtual { return YMM() }
	tile{
		name: "gemmAVX2", rows: 6, vec: ymm, size: 32,
		masks:   func() {},
		loadB:   func(m Mem, v int, to reg.VecVirtual) { VMOVUPS(m, to) },
		pointer: true,
		clear:   func(r reg.VecVirtual) { VXORPS(r, r, r) },
		fma: func(a Mem, b, acc []reg.VecVirtual) {
			x := YMM()
			VBROADCASTSS(a, x)
			for v := range b {
				VFMADD231PS(x, b[v], acc[v])
			}
		},
	}.emit("gemmAVX2 is gemmAVX512 for up to 6 rows. It reads B whole, and of C the columns whose mask is\nnegative, or with a nil mask all.", "*int32")
}

// peak are loops of nothing but multiply-adds in registers.
func peak() {
	for _, v := range []struct {
		name string
		vec  func() reg.VecVirtual
	}{
		{"fmaPeakAVX512", func() reg.VecVirtual { return ZMM() }},
		{"fmaPeakAVX2", func() reg.VecVirtual { return YMM() }},
	} {
		TEXT(v.name, NOSPLIT, "func(n int)")
		Doc(v.name + " does n times 12 independent multiply-adds of whole vectors: the peak that products are measured by.")
		n := Load(Param("n"), GP64())
		acc := make([]reg.VecVirtual, 13)
		for i := range acc {
			acc[i] = v.vec()
			if v.name == "fmaPeakAVX512" {
				VPXORD(acc[i], acc[i], acc[i])
			} else {
				VXORPS(acc[i], acc[i], acc[i])
			}
		}
		Label("loop")
		for i := range 12 {
			VFMADD231PS(acc[12], acc[12], acc[i])
		}
		DECQ(n)
		JNZ(LabelRef("loop"))
		VZEROUPPER()
		RET()
	}
}
