package kernel

// gemmGo is Gemm of float32 in plain Go, with fma32 for the fused multiply-add.
func gemmGo(p product) {
	if !p.acc {
		clearRows(p.c, p.m, p.n, p.ldc)
	}
	for i := range p.m {
		c := p.c[i*p.ldc:][:p.n]
		if p.tb {
			p.goDots(i, c)
		} else {
			p.goRow(i, c)
		}
	}
}

// goRow adds row i of op(A) times B to c, four steps of k in each pass.
func (p product) goRow(i int, c []float32) {
	row, step := steps(p.ta, p.lda)
	a := p.a[i*row:]
	n, k := len(c), 0
	for ; k+4 <= p.k; k += 4 {
		a0, a1, a2, a3 := a[k*step], a[(k+1)*step], a[(k+2)*step], a[(k+3)*step]
		b0, b1 := p.b[k*p.ldb:][:n], p.b[(k+1)*p.ldb:][:n]
		b2, b3 := p.b[(k+2)*p.ldb:][:n], p.b[(k+3)*p.ldb:][:n]
		for j, x := range c {
			x = fma32(a0, b0[j], x)
			x = fma32(a1, b1[j], x)
			x = fma32(a2, b2[j], x)
			c[j] = fma32(a3, b3[j], x)
		}
	}
	for ; k < p.k; k++ {
		ak, b := a[k*step], p.b[k*p.ldb:][:n]
		for j, x := range c {
			c[j] = fma32(ak, b[j], x)
		}
	}
}

// goDots adds row i of op(A) times Bᵀ to c.
func (p product) goDots(i int, c []float32) {
	row, step := steps(p.ta, p.lda)
	a := p.a[i*row:]
	for j, x := range c {
		b := p.b[j*p.ldb:][:p.k]
		for k, y := range b {
			x = fma32(a[k*step], y, x)
		}
		c[j] = x
	}
}

// gemm64 is Gemm of float64; the arguments are checked, and C holds where the
// chains start.
func gemm64(ta, tb bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int) {
	row, step := steps(ta, lda)
	for i := range m {
		if tb {
			dots64(k, a[i*row:], step, b, ldb, c[i*ldc:][:n])
		} else {
			row64(k, a[i*row:], step, b, ldb, c[i*ldc:][:n])
		}
	}
}

// row64 adds a row of op(A) times B to c, four steps of k in each pass.
func row64(kn int, a []float64, step int, b []float64, ldb int, c []float64) {
	n, k := len(c), 0
	for ; k+4 <= kn; k += 4 {
		a0, a1, a2, a3 := a[k*step], a[(k+1)*step], a[(k+2)*step], a[(k+3)*step]
		b0, b1 := b[k*ldb:][:n], b[(k+1)*ldb:][:n]
		b2, b3 := b[(k+2)*ldb:][:n], b[(k+3)*ldb:][:n]
		for j, x := range c {
			x += float64(a0 * b0[j])
			x += float64(a1 * b1[j])
			x += float64(a2 * b2[j])
			c[j] = x + float64(a3*b3[j])
		}
	}
	for ; k < kn; k++ {
		ak, b := a[k*step], b[k*ldb:][:n]
		for j := range c {
			c[j] += float64(ak * b[j])
		}
	}
}

// dots64 adds a row of op(A) times Bᵀ to c, four columns in each pass.
func dots64(kn int, a []float64, step int, b []float64, ldb int, c []float64) {
	j := 0
	for ; j+4 <= len(c); j += 4 {
		b0, b1 := b[j*ldb:][:kn], b[(j+1)*ldb:][:kn]
		b2, b3 := b[(j+2)*ldb:][:kn], b[(j+3)*ldb:][:kn]
		x := (*[4]float64)(c[j:])
		x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
		for k := range b0 {
			ak := a[k*step]
			x0 += float64(ak * b0[k])
			x1 += float64(ak * b1[k])
			x2 += float64(ak * b2[k])
			x3 += float64(ak * b3[k])
		}
		*x = [4]float64{x0, x1, x2, x3}
	}
	for ; j < len(c); j++ {
		for k, y := range b[j*ldb:][:kn] {
			c[j] += float64(a[k*step] * y)
		}
	}
}
