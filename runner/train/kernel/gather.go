package kernel

// GatherU8 copies rows of a matrix of bytes and scales them,
//
//	dst[i][j] = src[rows[i]][j]·scale[j] + shift[j]
//
// the product rounded first. dst is len(rows)×n with stride ldd, src a matrix
// of width n with stride lds. scale and shift have n values, or one for all
// columns; a nil shift adds nothing.
//
// It panics if a row lies outside src.
func GatherU8[T Float](dst []T, ldd int, src []uint8, lds int, rows []int32, n int, scale, shift []T) {
	checkGather("GatherU8", len(dst), ldd, len(src), lds, rows, n, len(scale), len(shift))
	first := T(1)
	if len(scale) == 1 {
		first, scale = scale[0], nil
	}
	whole := single[T]() && len(scale) == n && len(shift) == n
	for i, r := range rows {
		to, from := dst[i*ldd:][:n], src[int(r)*lds:][:n]
		switch {
		case whole:
			affineBytesSlice(f32(to), from, f32(scale), f32(shift))
			continue
		case single[T]():
			scaleBytesSlice(float32(first), f32(to), from)
		default:
			scaleBytesGo(float64(first), f64(to), from)
		}
		affine(to, scale, shift)
	}
}

// Gather is GatherU8 from a matrix of T: dst[i][j] = src[rows[i]][j]·scale[j] +
// shift[j], with the same shapes and panics. A nil scale multiplies by nothing.
func Gather[T Float](dst []T, ldd int, src []T, lds int, rows []int32, n int, scale, shift []T) {
	ns := len(scale)
	if scale == nil {
		ns = 1
	}
	checkGather("Gather", len(dst), ldd, len(src), lds, rows, n, ns, len(shift))
	for i, r := range rows {
		to := dst[i*ldd:][:n]
		copy(to, src[int(r)*lds:][:n])
		affine(to, scale, shift)
	}
}

func checkGather(what string, dst, ldd, src, lds int, rows []int32, n, scale, shift int) {
	checkMatrix(what, dst, len(rows), n, ldd)
	if lds < n {
		panic("kernel: " + what + ": negative size, or stride below the width")
	}
	if scale != 1 && scale != n || shift > 1 && shift != n {
		panic("kernel: " + what + ": scale or shift has neither one value nor one a column")
	}
	for _, r := range rows {
		if r < 0 || int(r)*lds+n > src {
			panic("kernel: " + what + ": row outside the matrix")
		}
	}
}

func scaleBytesGo[T Float](scale T, dst []T, src []uint8) {
	dst = dst[:len(src)]
	for j, v := range src {
		dst[j] = T(scale * T(v))
	}
}

func affineBytesGo[T Float](dst []T, src []uint8, scale, shift []T) {
	dst, scale, shift = dst[:len(src)], scale[:len(src)], shift[:len(src)]
	for j, v := range src {
		dst[j] = T(T(v)*scale[j]) + shift[j]
	}
}

// affine sets x[j] = x[j]·scale + shift; one value stands for all, none for
// nothing.
func affine[T Float](x, scale, shift []T) {
	switch len(scale) {
	case 0:
	case 1:
		Scale(scale[0], x)
	default:
		if single[T]() {
			mulSlice(f32(x), f32(scale))
		} else {
			mulGo(f64(x), f64(scale))
		}
	}
	switch len(shift) {
	case 0:
	case 1:
		for j := range x {
			x[j] += shift[0]
		}
	default:
		Axpy(1, shift, x)
	}
}

func mulGo[T Float](y, x []T) {
	y = y[:len(x)]
	for j, v := range x {
		y[j] = T(y[j] * v)
	}
}
