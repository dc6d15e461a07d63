package main

import (
	"fmt"
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A y is a vector of 8 floats in a register.
type y = reg.VecVirtual

// The operations of the functions, each on a new register. Names and order are
// those of the Go code: sub(a, b) is a − b.

func binary(op func(...Op), a y, b Op) y {
	r := YMM()
	op(b, a, r)
	return r
}

func add(a y, b Op) y { return binary(VADDPS, a, b) }
func sub(a y, b Op) y { return binary(VSUBPS, a, b) }
func mul(a y, b Op) y { return binary(VMULPS, a, b) }
func div(a, b y) y    { return binary(VDIVPS, a, b) }
func and(a y, b Op) y { return binary(VANDPS, a, b) }
func or(a y, b Op) y  { return binary(VORPS, a, b) }
func xor(a y, b Op) y { return binary(VXORPS, a, b) }

// least and most are the smaller and the larger of a number and a constant.
func least(a y, b Op) y { return binary(VMINPS, a, b) }
func most(a y, b Op) y  { return binary(VMAXPS, a, b) }

// The predicates of VCMPPS.
const (
	unordered = 3
	less      = 1  // signalling, as no flag is read
	greater   = 14 // likewise
)

func compare(pred uint64, a y, b Op) y {
	r := YMM()
	VCMPPS(Imm(pred), b, a, r)
	return r
}

// choose is b where mask, else a.
func choose(mask, a y, b Op) y {
	r := YMM()
	VBLENDVPS(mask, b, a, r)
	return r
}

// constants are 8 copies of a number each, in read-only memory.
var constants = map[uint32]Mem{}

func bits(b uint32) Mem {
	m, ok := constants[b]
	if !ok {
		m = GLOBL(fmt.Sprintf("c%08x", b), RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(b))
		}
		constants[b] = m
	}
	return m
}

func number(f float32) Mem { return bits(math.Float32bits(f)) }

const (
	signBit = 1 << 31
	nanBits = 0x7fc00000
	ln2Hi   = 0x1.63p-1
)

// reduce is reduce32 of the Go code, likewise below.
func reduce(x y) (k, r y) {
	t := add(mul(x, number(math.Log2E)), number(0x1.8p23))
	k = binary(VPSUBD, t, number(0x1.8p23))
	f := sub(t, number(0x1.8p23))
	return k, sub(sub(x, mul(f, number(ln2Hi))), mul(f, number(math.Ln2-ln2Hi)))
}

func pow2of(k y) y {
	r := YMM()
	VPADDD(bits(127), k, r)
	VPSLLD(Imm(23), r, r)
	return r
}

func tail(r y) y {
	p := add(mul(r, number(1.0/5040)), number(1.0/720))
	for _, c := range []float32{1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2} {
		p = add(mul(p, r), number(c))
	}
	return p
}

// exp is right for what is a number.
func exp(x y) y {
	k, r := reduce(most(least(x, number(89)), number(-104)))
	p := add(add(mul(mul(tail(r), r), r), r), number(1))
	h := YMM()
	VPSRAD(Imm(1), k, h)
	rest := YMM()
	VPSUBD(h, k, rest)
	return mul(mul(p, pow2of(h)), pow2of(rest))
}

// orNaN is f, or NaN where x is.
func orNaN(x, f y) y { return choose(compare(unordered, x, x), f, bits(nanBits)) }

func tanh(x y) y {
	a := least(and(x, bits(^uint32(signBit))), number(10))
	k, r := reduce(add(a, a))
	s := pow2of(k)
	d := add(mul(s, add(mul(mul(tail(r), r), r), r)), sub(s, number(1)))
	return orNaN(x, or(div(d, add(d, number(2))), and(x, bits(signBit))))
}

var tailS = []float32{
	-1.731082301e-6, -0.0001573205696, 0.0001336533871, 0.001563786899, -0.003479954637,
	-0.007512231382, 0.06039664828, -0.1865267109, 0.3871373939, -0.6078964038, 0.7552851305,
}

// normal is right for what is a number.
func normal(x y) (phi, e y) {
	a := least(and(x, bits(^uint32(signBit))), number(15))
	e = exp(xor(mul(mul(a, a), number(0.5)), bits(signBit)))
	w := YMM()
	one := YMM()
	VMOVUPS(number(1), one)
	VDIVPS(add(a, number(4)), one, w)
	u := mul(sub(a, number(4)), w)
	s := YMM()
	VMOVUPS(number(tailS[0]), s)
	for _, c := range tailS[1:] {
		s = add(mul(s, u), number(c))
	}
	q := mul(mul(e, w), s)
	zero := YMM()
	VXORPS(zero, zero, zero)
	up := YMM()
	VSUBPS(q, one, up)
	return choose(compare(less, x, zero), up, q), e
}

func gelu(x y) y {
	phi, _ := normal(x)
	return orNaN(x, mul(most(x, number(-math.MaxFloat32)), phi))
}

func geluSlope(x y) y {
	phi, e := normal(x)
	c := most(least(x, number(15)), number(-15))
	return orNaN(x, add(phi, mul(c, mul(e, number(0.39894228040143267793994605993438)))))
}

// loop writes a function of n floats: body for 8 at a time, then for the rest
// under a mask. The arguments are pointers; the first is where results go, and
// is read as well if body has one vector per argument.
func loop(name, doc string, args []string, scalar bool, reads int, body func(alpha y, v []y) y) {
	sig := "func(n int"
	if scalar {
		sig += ", alpha float32"
	}
	for _, a := range args {
		sig += ", " + a + " *float32"
	}
	TEXT(name, NOSPLIT, sig+")")
	Pragma("noescape")
	Doc(strings.Split(doc, "\n")...)
	n := Load(Param("n"), GP64())
	var alpha y
	if scalar {
		x := XMM()
		Load(Param("alpha"), x)
		alpha = YMM()
		VBROADCASTSS(x, alpha)
	}
	p := make([]reg.Register, len(args))
	for i, a := range args {
		p[i] = Load(Param(a), GP64())
	}
	source := p[len(args)-reads:]
	Label("eight")
	CMPQ(n, Imm(8))
	JL(LabelRef("rest"))
	v := make([]y, reads)
	for i := range v {
		v[i] = YMM()
		VMOVUPS(Mem{Base: source[i]}, v[i])
	}
	VMOVUPS(body(alpha, v), Mem{Base: p[0]})
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
	mask := YMM()
	VMOVUPS(Mem{Base: table, Disp: 32}, mask)
	for i := range v {
		v[i] = YMM()
		VMASKMOVPS(Mem{Base: source[i]}, mask, v[i])
	}
	VMASKMOVPS(body(alpha, v), mask, Mem{Base: p[0]})
	Label("done")
	VZEROUPPER()
	RET()
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
	one := func(f func(y) y) func(y, []y) y { return func(_ y, v []y) y { return f(v[0]) } }
	zero := func() y { z := YMM(); VXORPS(z, z, z); return z }

	loop("expAVX2", "expAVX2 is expGo.", []string{"dst", "x"}, false, 1, func(_ y, v []y) y { return orNaN(v[0], exp(v[0])) })
	loop("tanhAVX2", "tanhAVX2 is tanhGo.", []string{"dst", "x"}, false, 1, one(tanh))
	loop("geluAVX2", "geluAVX2 is geluGo.", []string{"dst", "x"}, false, 1, one(gelu))
	loop("reluAVX2", "reluAVX2 is reluGo.", []string{"dst", "x"}, false, 1, one(func(x y) y { return most(zero(), x) }))

	loop("geluBackAVX2", "geluBackAVX2 is geluBackGo.", []string{"dx", "dy", "x"}, false, 2,
		func(_ y, v []y) y { return mul(v[0], geluSlope(v[1])) })
	loop("reluBackAVX2", "reluBackAVX2 is reluBackGo.", []string{"dx", "dy", "y"}, false, 2,
		func(_ y, v []y) y { return and(v[0], compare(greater, v[1], zero())) })
	loop("tanhBackAVX2", "tanhBackAVX2 is tanhBackGo.", []string{"dx", "dy", "y"}, false, 2,
		func(_ y, v []y) y {
			o := YMM()
			VMOVUPS(number(1), o)
			return mul(v[0], sub(o, mul(v[1], v[1])))
		})

	loop("axpyAVX2", "axpyAVX2 is axpyGo.", []string{"y", "x"}, true, 2,
		func(alpha y, v []y) y { return add(v[0], mul(v[1], alpha)) })
	loop("scaleAVX2", "scaleAVX2 sets y to alpha times y.", []string{"y"}, true, 1,
		func(alpha y, v []y) y { return mul(v[0], alpha) })
	loop("mulAVX2", "mulAVX2 multiplies y by x.", []string{"y", "x"}, false, 2,
		func(_ y, v []y) y { return mul(v[0], v[1]) })
}

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

// scaleBytesAVX2 is the inner loop of GatherU8.
func scaleBytesAVX2() {
	TEXT("scaleBytesAVX2", NOSPLIT, "func(blocks int, scale float32, dst *float32, src *uint8)")
	Pragma("noescape")
	Doc("scaleBytesAVX2 sets 8·blocks floats to scale times a byte.")
	n := Load(Param("blocks"), GP64())
	f, scale := XMM(), YMM()
	Load(Param("scale"), f)
	VBROADCASTSS(f, scale)
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	Label("block")
	v := YMM()
	VPMOVZXBD(Mem{Base: src}, v)
	VCVTDQ2PS(v, v)
	VMULPS(scale, v, v)
	VMOVUPS(v, Mem{Base: dst})
	ADDQ(Imm(8), src)
	ADDQ(Imm(32), dst)
	DECQ(n)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
