package main

import (
	"fmt"
	"math"

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
	equal     = 0
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

func zero() y {
	z := YMM()
	VXORPS(z, z, z)
	return z
}

func load(m Op) y {
	r := YMM()
	VMOVUPS(m, r)
	return r
}

func root(x y) y {
	r := YMM()
	VSQRTPS(x, r)
	return r
}

// ratio is a/b, and 0 where b is 0.
func ratio(a, b y) y {
	r := YMM()
	VANDNPS(div(a, b), compare(equal, b, zero()), r)
	return r
}
