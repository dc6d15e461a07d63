package main

import (
	"iter"
	"maps"
	"slices"
)

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
