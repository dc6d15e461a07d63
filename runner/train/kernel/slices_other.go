//go:build !amd64

package kernel

// The loops of float32 where there is no assembly.

func gemm32(p product)                        { gemmGo(p) }
func expSlice(dst, x []float32)               { expGo(dst, x) }
func reluSlice(dst, x []float32)              { reluGo(dst, x) }
func reluBackSlice(dx, dy, y []float32)       { reluBackGo(dx, dy, y) }
func tanhSlice(dst, x []float32)              { tanhGo(dst, x) }
func tanhBackSlice(dx, dy, y []float32)       { tanhBackGo(dx, dy, y) }
func geluSlice(dst, x []float32)              { geluGo(dst, x) }
func geluBackSlice(dx, dy, x []float32)       { geluBackGo(dx, dy, x) }
func axpySlice(alpha float32, x, y []float32) { axpyGo(alpha, x, y) }
func scaleSlice(alpha float32, x []float32)   { scaleGo(alpha, x) }
func dotSlice(x, y []float32) float64         { return dotGo(x, y) }
func mulSlice(y, x []float32)                 { mulGo(y, x) }

func scaleBytesSlice(scale float32, dst []float32, src []uint8) { scaleBytesGo(scale, dst, src) }

func affineBytesSlice(dst []float32, src []uint8, scale, shift []float32) {
	affineBytesGo(dst, src, scale, shift)
}

func descendSlice(w, g []float32, rate, decay float32) { descendGo(w, g, rate, decay) }

func momentumSlice(form Form, w, v, g []float32, mu, fresh, rate, decay float32) {
	momentumGo(form, w, v, g, mu, fresh, rate, decay)
}

func adamSlice(w, m, s, g []float32, r *AdamRates[float32]) { adamGo(w, m, s, g, r) }

func rmspropSlice(w, s, g []float32, rho, fresh, rate, eps, inside, decay float32) {
	rmspropGo(w, s, g, rho, fresh, rate, eps, inside, decay)
}

func transposeSlice(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	transposeGo(dst, ldd, src, lds, rows, cols)
}

func sparseSlice(col []int32, val, b []float32, ldb int, c []float32, zero bool) {
	sparseGo(col, val, b, ldb, c, zero)
}

func pairSlice(col []int32, val, b []float32, ldb int, c []float32, ldc, n int) {
	pairGo(col, val, b, ldb, c, ldc, n, 2)
}

func nonzeroSlice(col []int32, val []float32, src []uint8, scale float32) (n, j int) { return 0, 0 }
