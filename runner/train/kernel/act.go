package kernel

// Exp sets dst[i] = exp x[i], within about one unit in the last place; Inf
// above the range, 0 below it with gradual underflow. dst may be x; the lengths
// are equal.
func Exp[T Float](dst, x []T) {
	checkSame("Exp", len(dst), len(x))
	if !single[T]() {
		for i, v := range f64(x) {
			f64(dst)[i] = exp64(v)
		}
		return
	}
	expSlice(f32(dst), f32(x))
}

// Log sets dst[i] = log x[i], within about two units in the last place: -Inf at
// 0, NaN below. dst may be x; the lengths are equal.
func Log[T Float](dst, x []T) {
	checkSame("Log", len(dst), len(x))
	if !single[T]() {
		for i, v := range f64(x) {
			f64(dst)[i] = log64(v)
		}
		return
	}
	for i, v := range f32(x) {
		f32(dst)[i] = log32(v)
	}
}

// ReLU sets dst[i] = max(x[i], 0); NaN stays NaN. dst may be x; the lengths are
// equal.
//
// Nair and Hinton, Rectified linear units improve restricted Boltzmann machines,
// ICML 2010.
func ReLU[T Float](dst, x []T) {
	checkSame("ReLU", len(dst), len(x))
	if single[T]() {
		reluSlice(f32(dst), f32(x))
		return
	}
	reluGo(f64(dst), f64(x))
}

func reluGo[T Float](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

// ReLUBackward sets dx[i] = dy[i] where y[i] > 0, else 0, with y the result of
// ReLU (its argument does as well). dx may be dy; the lengths are equal.
func ReLUBackward[T Float](dx, dy, y []T) {
	checkSame("ReLUBackward", len(dx), len(dy), len(y))
	if single[T]() {
		reluBackSlice(f32(dx), f32(dy), f32(y))
		return
	}
	reluBackGo(f64(dx), f64(dy), f64(y))
}

func reluBackGo[T Float](dx, dy, y []T) {
	dx, dy = dx[:len(y)], dy[:len(y)]
	for i, v := range y {
		g := dy[i]
		if !(v > 0) {
			g = 0
		}
		dx[i] = g
	}
}

// Tanh sets dst[i] = tanh x[i] = (e^2x − 1)/(e^2x + 1), within about two units in
// the last place, odd to the bit. dst may be x; the lengths are equal.
func Tanh[T Float](dst, x []T) {
	checkSame("Tanh", len(dst), len(x))
	if single[T]() {
		tanhSlice(f32(dst), f32(x))
		return
	}
	for i, v := range f64(x) {
		f64(dst)[i] = tanh64(v)
	}
}

// TanhBackward sets dx[i] = dy[i]·(1 − y[i]²), with y the result of Tanh. dx may
// be dy; the lengths are equal.
func TanhBackward[T Float](dx, dy, y []T) {
	checkSame("TanhBackward", len(dx), len(dy), len(y))
	if single[T]() {
		tanhBackSlice(f32(dx), f32(dy), f32(y))
		return
	}
	tanhBackGo(f64(dx), f64(dy), f64(y))
}

func tanhBackGo[T Float](dx, dy, y []T) {
	dx, dy = dx[:len(y)], dy[:len(y)]
	for i, v := range y {
		dx[i] = T(dy[i] * (1 - T(v*v)))
	}
}

// GELU sets dst[i] = x[i]·Φ(x[i]) with Φ the normal distribution function: the
// exact form, ½x(1 + erf(x/√2)), not that with tanh. It keeps its relative
// accuracy (1e-6 in float32 for |x| < 5) in the negative tail, where 1 + erf
// cancels. dst may be x; the lengths are equal.
//
// Hendrycks and Gimpel, Gaussian error linear units, arXiv:1606.08415, 2016.
func GELU[T Float](dst, x []T) {
	checkSame("GELU", len(dst), len(x))
	if single[T]() {
		geluSlice(f32(dst), f32(x))
		return
	}
	for i, v := range f64(x) {
		f64(dst)[i] = gelu64(v)
	}
}

// GELUBackward sets dx[i] = dy[i]·(Φ(x) + xφ(x)) at x[i], the argument of GELU
// (not its result). dx may be dy or x; the lengths are equal.
func GELUBackward[T Float](dx, dy, x []T) {
	checkSame("GELUBackward", len(dx), len(dy), len(x))
	if single[T]() {
		geluBackSlice(f32(dx), f32(dy), f32(x))
		return
	}
	for i, v := range f64(x) {
		f64(dx)[i] = float64(f64(dy)[i] * geluSlope64(v))
	}
}

// The loops of float32 in plain Go; the assembly has the same operations.

func expGo(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = exp32(v)
	}
}

func tanhGo(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = tanh32(v)
	}
}

func geluGo(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = gelu32(v)
	}
}

func geluBackGo(dx, dy, x []float32) {
	dx, dy = dx[:len(x)], dy[:len(x)]
	for i, v := range x {
		dx[i] = float32(dy[i] * geluSlope32(v))
	}
}

// Finite reports whether no value of x is NaN or infinite.
func Finite[T Float](x []T) bool {
	if single[T]() { // squares of float32 do not overflow the sum
		s := SumSquares(x)
		return s-s == 0
	}
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}
