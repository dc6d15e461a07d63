package kernel

//go:generate go run -C asm . -out ../kernels_amd64.s -stubs ../stubs_amd64.go -pkg kernel

const (
	blockK = 400 // steps of k per block: rows of A and a panel of B then fit the first two caches
	blockM = 64  // rows of A that meet a panel before the next one comes
	tileA  = 16  // values from k to k in a packed tile of A: the most rows of a tile, in whole vectors
	float  = 4   // bytes
)

// maskTable holds masks of the first c columns of 16, at 16-c.
var maskTable = func() (t [32]int32) {
	for i := range 16 {
		t[i] = -1
	}
	return t
}()

// A gemm is a product cut for one isa: panels of B, 2·width columns wide, meet
// tiles of op(A), height rows high.
type gemm struct {
	product
	width, height int
	k0, kb        int // the block of k
}

// gemm32 is Gemm of float32 at the level in use.
func gemm32(p product) {
	g := gemm{product: p, width: 16, height: 12}
	switch level {
	case plain:
		gemmGo(p)
		return
	case avx2:
		g.width, g.height = 8, 6
	}
	if p.ta && p.m >= 64 && p.n <= narrow && p.n%g.width != 0 {
		p.transposed()
		return
	}
	blocks := (g.k + blockK - 1) / blockK
	for ; g.k0 < g.k; g.k0 += g.kb {
		g.kb = evenly(g.k-g.k0, &blocks)
		g.block()
	}
}

// narrow is up to how many columns Cᵀ is computed in place of C.
const narrow = 20

// transposed computes Cᵀ = op(B)ᵀ·op(A)ᵀ for a C of few columns, whose rows
// would fill a small part of a vector, with an A that lies along the rows of
// Cᵀ. The chains are the same.
func (p product) transposed() {
	p.w.turned = grow(p.w.turned, p.m*p.n)
	t := p.w.turned
	if p.acc {
		transpose(t, p.m, p.c, p.ldc, p.m, p.n)
	}
	gemm32(product{p.w, !p.tb, false, p.n, p.m, p.k, p.b, p.ldb, p.a, p.lda, t, p.m, p.acc})
	transpose(p.c, p.ldc, t, p.m, p.n, p.m)
}

// evenly is the size of the next of n parts of size, and takes it from n.
func evenly(size int, n *int) int {
	part := (size + *n - 1) / *n
	*n--
	return part
}

// block adds the products of one block of k.
func (g *gemm) block() {
	panel := 2 * g.width
	g.packB(panel)
	chunks := (g.m + blockM - 1) / blockM
	for i, rows := 0, 0; i < g.m; i += rows {
		rows = evenly(g.m-i, &chunks)
		packed := g.ta && g.n > panel
		if packed {
			g.packA(i, rows)
		}
		for j := 0; j < g.n; j += panel {
			g.strip(i, rows, j, min(panel, g.n-j), packed)
		}
	}
}

// direct reports whether the panel of cols columns is read where it lies: few
// rows do not repay a copy. AVX2 reads whole vectors only.
func (g *gemm) direct(cols int) bool {
	return !g.tb && g.m <= 2*g.height && (level == avx512 || cols%g.width == 0)
}

// packB copies the block of B into panels of rows of whole vectors, one panel
// behind the other. Lanes beyond the last column keep what they held.
func (g *gemm) packB(panel int) {
	size := (g.n + g.width - 1) / g.width * g.width * g.kb
	if g.direct(panel) && g.direct(g.n%panel) {
		return
	}
	g.w.packB = grow(g.w.packB, size)
	for j := 0; j < g.n; j += panel {
		cols := min(panel, g.n-j)
		if g.direct(cols) {
			continue
		}
		dst, wide := g.w.packB[j*g.kb:], (cols+g.width-1)/g.width*g.width
		if g.tb {
			g.transposeB(dst, wide, j, cols)
			continue
		}
		vectors := (cols + 7) / 8
		packAVX2(vectors, g.kb, &g.b[g.k0*g.ldb+j], g.ldb*float, &dst[0], wide*float, &maskTable[16-(cols-8*(vectors-1))])
	}
}

// transposeB copies cols rows of a stored Bᵀ, from row j on, to columns of dst.
func (g *gemm) transposeB(dst []float32, wide, j, cols int) {
	transpose(dst, wide, g.b[j*g.ldb+g.k0:], g.ldb, cols, g.kb)
}

// transpose sets dst[c][r] = src[r][c] for r < rows and c < cols. Blocks of 8×8
// at the ends overlap their neighbours, so only what is narrower goes value by
// value.
func transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	if rows < 8 || cols < 8 {
		transposeGo(dst, ldd, src, lds, rows, cols)
		return
	}
	for r := 0; r < rows; r += 8 {
		r = min(r, rows-8)
		transposeAVX2(cols/8, &src[r*lds], lds*float, &dst[r], ldd*float)
		if c := cols - 8; cols%8 != 0 {
			transposeAVX2(1, &src[r*lds+c], lds*float, &dst[c*ldd+r], ldd*float)
		}
	}
}

// packA copies the block of rows of a stored Aᵀ, tile by tile, each k of a tile tileA values.
func (g *gemm) packA(i, rows int) {
	tiles := (rows + g.height - 1) / g.height
	g.w.packA = grow(g.w.packA, tiles*tileA*g.kb)
	dst := g.w.packA
	for end := i + rows; i < end; {
		r := evenly(end-i, &tiles)
		vectors := (r + 7) / 8
		packAVX2(vectors, g.kb, &g.a[g.k0*g.lda+i], g.lda*float, &dst[0], tileA*float, &maskTable[16-(r-8*(vectors-1))])
		dst, i = dst[tileA*g.kb:], i+r
	}
}

// strip adds rows i … i+rows of op(A) times the panel at column j.
func (g *gemm) strip(i, rows, j, cols int, packed bool) {
	vectors := (cols + g.width - 1) / g.width
	var b *float32
	bs := vectors * g.width * float
	if g.direct(cols) {
		b, bs = &g.b[g.k0*g.ldb+j], g.ldb*float
	} else {
		b = &g.w.packB[j*g.kb]
	}
	row, step := steps(g.ta, g.lda)
	tiles := (rows + g.height - 1) / g.height
	at := 0
	for end := i + rows; i < end; {
		r := evenly(end-i, &tiles)
		var a *float32
		rs, ks := row*float, step*float
		if packed {
			a, rs, ks = &g.w.packA[at], float, tileA*float
			at += tileA * g.kb
		} else {
			a = &g.a[i*row+g.k0*step]
		}
		c := &g.c[i*g.ldc+j]
		switch zero := g.k0 == 0 && !g.acc; {
		case level == avx512:
			gemmAVX512(r, vectors, g.kb, a, rs, ks, b, bs, c, g.ldc*float, zero, uint32(1<<cols-1))
		case cols%g.width == 0:
			gemmAVX2(r, vectors, g.kb, a, rs, ks, b, bs, c, g.ldc*float, zero, nil)
		default:
			gemmAVX2(r, vectors, g.kb, a, rs, ks, b, bs, c, g.ldc*float, zero, &maskTable[16-cols])
		}
		i += r
	}
}

// grow returns s with at least n values, or a new slice.
func grow(s []float32, n int) []float32 {
	if len(s) < n {
		return make([]float32, n)
	}
	return s
}
