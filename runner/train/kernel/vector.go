package kernel

// Axpy adds alpha times x to y: y[i] ← y[i] + (alpha·x[i]), the product rounded
// first. The lengths are equal.
func Axpy[T Float](alpha T, x, y []T) {
	checkSame("Axpy", len(y), len(x))
	if single[T]() {
		axpySlice(float32(alpha), f32(x), f32(y))
		return
	}
	axpyGo(float64(alpha), f64(x), f64(y))
}

func axpyGo[T Float](alpha T, x, y []T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += T(alpha * v)
	}
}

// Scale sets x[i] ← alpha·x[i], rounded once.
func Scale[T Float](alpha T, x []T) {
	if single[T]() {
		scaleSlice(float32(alpha), f32(x))
		return
	}
	scaleGo(float64(alpha), f64(x))
}

func scaleGo[T Float](alpha T, x []T) {
	for i, v := range x {
		x[i] = T(alpha * v)
	}
}

// lanes is the number of partial sums of Dot.
const lanes = 16

// Dot returns Σ x[i]·y[i] in float64: lane l of 16 sums the rounded products
// (exact for float32) of i ≡ l mod 16 in order, then the lanes are added in
// pairs at distance 8, 4, 2 and 1. The lengths are equal.
func Dot[T Float](x, y []T) float64 {
	checkSame("Dot", len(x), len(y))
	if single[T]() {
		return dotSlice(f32(x), f32(y))
	}
	return dotGo(f64(x), f64(y))
}

// SumSquares is Dot(x, x) = Σ x[i]², the square of the Euclidean norm, in the
// lanes of Dot; 0 for no values. In float32 it cannot overflow.
func SumSquares[T Float](x []T) float64 { return Dot(x, x) }

func dotGo[T Float](x, y []T) float64 {
	var s [lanes]float64
	for len(x) >= lanes {
		a, b := (*[lanes]T)(x), (*[lanes]T)(y)
		for l := range s {
			s[l] += float64(float64(a[l]) * float64(b[l]))
		}
		x, y = x[lanes:], y[lanes:]
	}
	for l, v := range x {
		s[l] += float64(float64(v) * float64(y[l]))
	}
	return foldLanes(&s)
}

// foldLanes adds the lanes of Dot. It changes s.
func foldLanes(s *[lanes]float64) float64 {
	for d := lanes / 2; d > 0; d /= 2 {
		for l := range d {
			s[l] += s[l+d]
		}
	}
	return s[0]
}

// SetRows copies row, of n values, into each of the m rows of c (stride ldc):
// Gemm with acc then starts from the bias.
func SetRows[T Float](c []T, ldc, m, n int, row []T) {
	checkMatrix("SetRows", len(c), m, n, ldc)
	checkSame("SetRows", n, len(row))
	for i := range m {
		copy(c[i*ldc:][:n], row)
	}
}

// AddRows adds row, of n values, to each of the m rows of c (stride ldc): a bias
// to the sums of m examples.
func AddRows[T Float](c []T, ldc, m, n int, row []T) {
	checkMatrix("AddRows", len(c), m, n, ldc)
	checkSame("AddRows", n, len(row))
	for i := range m {
		Axpy(1, row, c[i*ldc:][:n])
	}
}

// SumRows sets sum[j] = Σᵢ a[i][j] over the m rows of a (m×n, stride lda), in
// the order of i, from +0 or, with acc, from sum[j]: the gradient of a bias.
func SumRows[T Float](sum []T, a []T, lda, m, n int, acc bool) {
	checkMatrix("SumRows", len(a), m, n, lda)
	checkSame("SumRows", n, len(sum))
	if !acc {
		clear(sum)
	}
	if n == 0 {
		return
	}
	for i := range m {
		Axpy(1, a[i*lda:][:n], sum)
	}
}
