package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A function is a loop over n floats: body for 8 at a time, then for the rest
// under a mask.
type function struct {
	name, doc string
	scalars   []string // arguments that are one number
	args      []string // arguments that are pointers
	reads     int      // the last so many are read, for body's v
	body      func(k []scalar, v []y) []y
}

// A scalar gives 8 copies of a number.
type scalar func() y

// emit writes the function. What body returns goes to the first arguments.
func (f function) emit() {
	sig := "func(n int"
	for _, s := range f.scalars {
		sig += ", " + s + " float32"
	}
	for _, a := range f.args {
		sig += ", " + a + " *float32"
	}
	TEXT(f.name, NOSPLIT, sig+")")
	Pragma("noescape")
	Doc(strings.Split(f.doc, "\n")...)
	n := Load(Param("n"), GP64())
	p := make([]reg.Register, len(f.args))
	for i, a := range f.args {
		p[i] = Load(Param(a), GP64())
	}
	k := f.broadcasts()
	source := p[len(p)-f.reads:]
	v := make([]y, f.reads)
	Label("eight")
	CMPQ(n, Imm(8))
	JL(LabelRef("rest"))
	for i := range v {
		v[i] = YMM()
		VMOVUPS(Mem{Base: source[i]}, v[i])
	}
	for i, r := range f.body(k, v) {
		VMOVUPS(r, Mem{Base: p[i]})
	}
	for _, r := range p {
		ADDQ(Imm(32), r)
	}
	SUBQ(Imm(8), n)
	JMP(LabelRef("eight"))
	Label("rest")
	TESTQ(n, n)
	JE(LabelRef("done"))
	table := GP64()
	LEAQ(tailMask, table)
	SHLQ(Imm(2), n)
	SUBQ(n, table)
	under := func(do func(mask y)) { // the mask is in a register where it is used only
		mask := YMM()
		VMOVUPS(Mem{Base: table, Disp: 32}, mask)
		do(mask)
	}
	under(func(mask y) {
		for i := range v {
			v[i] = YMM()
			VMASKMOVPS(Mem{Base: source[i]}, mask, v[i])
		}
	})
	results := f.body(k, v)
	under(func(mask y) {
		for i, r := range results {
			VMASKMOVPS(r, mask, Mem{Base: p[i]})
		}
	})
	Label("done")
	VZEROUPPER()
	RET()
}

// broadcasts prepares the scalars: few in registers, many where they are used.
func (f function) broadcasts() []scalar {
	k := make([]scalar, len(f.scalars))
	for i, s := range f.scalars {
		load := func() y {
			b, err := Param(s).Resolve()
			if err != nil {
				panic(err)
			}
			r := YMM()
			VBROADCASTSS(b.Addr, r)
			return r
		}
		k[i] = load
		if len(k) <= 4 {
			r := load()
			k[i] = func() y { return r }
		}
	}
	return k
}

// tailMask is 8 times all ones, then 8 zeros.
var tailMask Mem

func elementwise() {
	tailMask = GLOBL("tailmask", RODATA|NOPTR)
	for i := range 16 {
		b := uint32(0)
		if i < 8 {
			b = 1<<32 - 1
		}
		DATA(4*i, U32(b))
	}
	functions()
	steps()
}
