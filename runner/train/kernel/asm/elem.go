package main

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
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

func zero() y {
	z := YMM()
	VXORPS(z, z, z)
	return z
}

func functions() {
	for name, f := range ordered(map[string]func(y) y{
		"exp":  func(x y) y { return orNaN(x, exp(x)) },
		"gelu": gelu,
		"relu": func(x y) y { return most(zero(), x) },
		"tanh": tanh,
	}) {
		function{
			name: name + "AVX2", doc: name + "AVX2 is " + name + "Go.",
			args: []string{"dst", "x"}, reads: 1,
			body: func(_ []scalar, v []y) []y { return []y{f(v[0])} },
		}.emit()
	}
	for name, f := range ordered(map[string]func(dy, x y) y{
		"geluBack": func(dy, x y) y { return mul(dy, geluSlope(x)) },
		"reluBack": func(dy, x y) y { return and(dy, compare(greater, x, zero())) },
		"tanhBack": func(dy, x y) y { return mul(dy, sub(load(number(1)), mul(x, x))) },
	}) {
		function{
			name: name + "AVX2", doc: name + "AVX2 is " + name + "Go.",
			args: []string{"dx", "dy", "y"}, reads: 2,
			body: func(_ []scalar, v []y) []y { return []y{f(v[0], v[1])} },
		}.emit()
	}
	function{
		name: "axpyAVX2", doc: "axpyAVX2 is axpyGo.",
		scalars: []string{"alpha"}, args: []string{"y", "x"}, reads: 2,
		body: func(k []scalar, v []y) []y { return []y{add(v[0], mul(v[1], k[0]()))} },
	}.emit()
	function{
		name: "scaleAVX2", doc: "scaleAVX2 is scaleGo.",
		scalars: []string{"alpha"}, args: []string{"x"}, reads: 1,
		body: func(k []scalar, v []y) []y { return []y{mul(v[0], k[0]())} },
	}.emit()
	function{
		name: "mulAVX2", doc: "mulAVX2 is mulGo.",
		args: []string{"y", "x"}, reads: 2,
		body: func(_ []scalar, v []y) []y { return []y{mul(v[0], v[1])} },
	}.emit()
}

// steps are the update rules.
func steps() {
	direction := func(g, w, lambda y) y { return add(g, mul(w, lambda)) }
	function{
		name: "descendAVX2", doc: "descendAVX2 is descendGo.",
		scalars: []string{"rate", "lambda"}, args: []string{"w", "grad"}, reads: 2,
		body: func(k []scalar, v []y) []y {
			return []y{sub(v[0], mul(k[0](), direction(v[1], v[0], k[1]())))}
		},
	}.emit()
	for name, f := range ordered(map[string]func(mu, fresh, rate, v, d y) (speed, down y){
		"heavyBall": func(mu, fresh, _, v, d y) (y, y) {
			v = sub(mul(mu, v), mul(fresh, d))
			return v, xor(v, bits(signBit))
		},
		"heavyBallNesterov": func(mu, fresh, rate, v, d y) (y, y) {
			v = sub(mul(mu, v), mul(fresh, d))
			return v, xor(sub(mul(mu, v), mul(rate, d)), bits(signBit))
		},
		"velocity": func(mu, fresh, rate, v, d y) (y, y) {
			v = add(mul(mu, v), mul(fresh, d))
			return v, mul(rate, v)
		},
		"velocityNesterov": func(mu, fresh, rate, v, d y) (y, y) {
			v = add(mul(mu, v), mul(fresh, d))
			return v, mul(rate, add(d, mul(mu, v)))
		},
	}) {
		function{
			name: name + "AVX2", doc: name + "AVX2 is that form of momentumGo.",
			scalars: []string{"mu", "fresh", "rate", "lambda"}, args: []string{"w", "v", "grad"}, reads: 3,
			body: func(k []scalar, v []y) []y {
				speed, down := f(k[0](), k[1](), k[2](), v[1], direction(v[2], v[0], k[3]()))
				return []y{sub(v[0], down), speed}
			},
		}.emit()
	}
	function{
		name: "adamAVX2", doc: "adamAVX2 is adamGo.",
		scalars: []string{"beta1", "fresh1", "beta2", "fresh2", "rate", "spread", "eps", "decay", "shrink"},
		args:    []string{"w", "m", "s", "grad"}, reads: 4,
		body: func(k []scalar, v []y) []y {
			d := direction(v[3], v[0], k[7]())
			m := add(mul(k[0](), v[1]), mul(k[1](), d))
			s := add(mul(k[2](), v[2]), mul(k[3](), mul(d, d)))
			u := ratio(m, add(div(root(s), k[5]()), k[6]()))
			return []y{sub(mul(k[8](), v[0]), mul(k[4](), u)), m, s}
		},
	}.emit()
	function{
		name: "rmspropAVX2", doc: "rmspropAVX2 is rmspropGo.",
		scalars: []string{"rho", "fresh", "rate", "eps", "inside", "decay"},
		args:    []string{"w", "s", "grad"}, reads: 3,
		body: func(k []scalar, v []y) []y {
			d := direction(v[2], v[0], k[5]())
			s := add(mul(k[0](), v[1]), mul(k[1](), mul(d, d)))
			u := ratio(d, add(root(add(s, k[4]())), k[3]()))
			return []y{sub(v[0], mul(k[2](), u)), s}
		},
	}.emit()
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

// ordered ranges over a map by its keys, so that the output is always the same.
func ordered[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
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
