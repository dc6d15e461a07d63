package kernel

import "unsafe"

// The loops of float32 at the level in use; AVX-512 has no loops of its own
// here. The caller has checked that the lengths are equal. An empty slice has
// no first element to point to, but SliceData is defined and nothing is read.

func first(s []float32) *float32 { return unsafe.SliceData(s) }

func expSlice(dst, x []float32) {
	if level == plain {
		expGo(dst, x)
		return
	}
	expAVX2(len(x), first(dst), first(x))
}

func reluSlice(dst, x []float32) {
	if level == plain {
		reluGo(dst, x)
		return
	}
	reluAVX2(len(x), first(dst), first(x))
}

func reluBackSlice(dx, dy, y []float32) {
	if level == plain {
		reluBackGo(dx, dy, y)
		return
	}
	reluBackAVX2(len(y), first(dx), first(dy), first(y))
}

func tanhSlice(dst, x []float32) {
	if level == plain {
		tanhGo(dst, x)
		return
	}
	tanhAVX2(len(x), first(dst), first(x))
}

func tanhBackSlice(dx, dy, y []float32) {
	if level == plain {
		tanhBackGo(dx, dy, y)
		return
	}
	tanhBackAVX2(len(y), first(dx), first(dy), first(y))
}

func geluSlice(dst, x []float32) {
	if level == plain {
		geluGo(dst, x)
		return
	}
	geluAVX2(len(x), first(dst), first(x))
}

func geluBackSlice(dx, dy, x []float32) {
	if level == plain {
		geluBackGo(dx, dy, x)
		return
	}
	geluBackAVX2(len(x), first(dx), first(dy), first(x))
}

func axpySlice(alpha float32, x, y []float32) {
	if level == plain {
		axpyGo(alpha, x, y)
		return
	}
	axpyAVX2(len(x), alpha, first(y), first(x))
}

func scaleSlice(alpha float32, x []float32) {
	if level == plain {
		scaleGo(alpha, x)
		return
	}
	scaleAVX2(len(x), alpha, first(x))
}

func mulSlice(y, x []float32) {
	if level == plain {
		mulGo(y, x)
		return
	}
	mulAVX2(len(x), first(y), first(x))
}

func dotSlice(x, y []float32) float64 {
	n := len(x) &^ (lanes - 1)
	if level == plain || n == 0 {
		return dotGo(x, y)
	}
	var s [lanes]float64
	dotAVX2(n/lanes, first(x), first(y), &s)
	for l, v := range x[n:] {
		s[l] += float64(float64(v) * float64(y[n+l]))
	}
	return foldLanes(&s)
}

func scaleBytesSlice(scale float32, dst []float32, src []uint8) {
	n := len(src) &^ 7
	if level != plain && n > 0 {
		scaleBytesAVX2(n/8, scale, first(dst), &src[0])
		dst, src = dst[n:], src[n:]
	}
	scaleBytesGo(scale, dst, src)
}

func affineBytesSlice(dst []float32, src []uint8, scale, shift []float32) {
	n := len(src) &^ 7
	if level != plain && n > 0 {
		affineBytesAVX2(n/8, first(dst), &src[0], first(scale), first(shift))
		dst, src, scale, shift = dst[n:], src[n:], scale[n:], shift[n:]
	}
	affineBytesGo(dst, src, scale, shift)
}

func descendSlice(w, g []float32, rate, decay float32) {
	if level == plain {
		descendGo(w, g, rate, decay)
		return
	}
	descendAVX2(len(w), rate, decay, first(w), first(g))
}

func momentumSlice(form Form, w, v, g []float32, mu, fresh, rate, decay float32) {
	n, pw, pv, pg := len(w), first(w), first(v), first(g)
	switch {
	case level == plain || form < HeavyBall || form > VelocityNesterov:
		momentumGo(form, w, v, g, mu, fresh, rate, decay)
	case form == HeavyBall:
		heavyBallAVX2(n, mu, fresh, rate, decay, pw, pv, pg)
	case form == HeavyBallNesterov:
		heavyBallNesterovAVX2(n, mu, fresh, rate, decay, pw, pv, pg)
	case form == Velocity:
		velocityAVX2(n, mu, fresh, rate, decay, pw, pv, pg)
	default:
		velocityNesterovAVX2(n, mu, fresh, rate, decay, pw, pv, pg)
	}
}

func adamSlice(w, m, s, g []float32, r *AdamRates[float32]) {
	if level == plain {
		adamGo(w, m, s, g, r)
		return
	}
	adamAVX2(len(w), r.Beta1, r.Fresh1, r.Beta2, r.Fresh2, r.Rate, r.Spread, r.Eps, r.Decay, r.Shrink, first(w), first(m), first(s), first(g))
}

func rmspropSlice(w, s, g []float32, rho, fresh, rate, eps, inside, decay float32) {
	if level == plain {
		rmspropGo(w, s, g, rho, fresh, rate, eps, inside, decay)
		return
	}
	rmspropAVX2(len(w), rho, fresh, rate, eps, inside, decay, first(w), first(s), first(g))
}

func transposeSlice(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if level == plain {
		transposeGo(dst, ldd, src, lds, rows, cols)
		return
	}
	transpose(dst, ldd, src, lds, rows, cols)
}

// sparseSlice adds a sparse row times B to c, in strips of as many vectors as
// there are registers for; the last columns go under a mask.
func sparseSlice(col []int32, val, b []float32, ldb int, c []float32, zero bool) {
	if level == plain || len(col) == 0 {
		sparseGo(col, val, b, ldb, c, zero)
		return
	}
	width, nv := 8, 8
	if level == avx512 {
		width, nv = 16, 16
	}
	pc, pv := unsafe.SliceData(col), first(val)
	for j := 0; j < len(c); j += nv * width {
		rest := len(c) - j
		for nv > 1 && nv*width > rest {
			nv /= 2
		}
		if level == avx512 {
			sparseAVX512(nv, len(col), pc, pv, &b[j], ldb*float, &c[j], zero, uint32(1<<min(rest, width)-1))
		} else {
			sparseAVX2(nv, len(col), pc, pv, &b[j], ldb*float, &c[j], zero, &maskTable[16-min(rest, width)])
		}
	}
}

// pairSlice adds a pair of sparse rows, at least one number of them, times B to
// two rows of c, in strips.
func pairSlice(col []int32, val, b []float32, ldb int, c []float32, ldc, n int) {
	if level == plain {
		pairGo(col, val, b, ldb, c, ldc, n, 2)
		return
	}
	width, nv := 8, 4
	if level == avx512 {
		width, nv = 16, 8
	}
	pc, pv := unsafe.SliceData(col), first(val)
	for j := 0; j < n; j += nv * width {
		rest := n - j
		for nv > 1 && nv*width > rest {
			nv /= 2
		}
		if level == avx512 {
			sparsePairAVX512(nv, len(col), pc, pv, &b[j], ldb*float, &c[j], ldc*float, false, uint32(1<<min(rest, width)-1))
		} else {
			sparsePairAVX2(nv, len(col), pc, pv, &b[j], ldb*float, &c[j], ldc*float, false, &maskTable[16-min(rest, width)])
		}
	}
}

// nonzeroSlice does NonzeroU8 for the first j bytes, and found n.
func nonzeroSlice(col []int32, val []float32, src []uint8, scale float32) (n, j int) {
	if j = len(src) &^ 15; level != avx512 || j == 0 {
		return 0, 0
	}
	return nonzeroAVX512(j/16, &src[0], scale, &col[0], &val[0]), j
}
