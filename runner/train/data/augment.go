package data

import (
	"math"
	"math/rand/v2"
)

// Gather writes rows, numbers from 0 to Len−1, to dst, len(rows) × Features
// numbers row by row, as the model sees them:
//
//	dst[k·Features + j] = x[rows[k]][j]·scale[j] + shift[j]
//
// with x the stored numbers and scale and shift those of ScaleShift, computed in
// T, product and sum each rounded once, on any processor. It panics if dst is
// shorter or a row is not there.
func Gather[T float32 | float64](s *Set, rows []int32, dst []T) {
	d := s.Features
	for k, i := range rows {
		out := dst[k*d : (k+1)*d]
		raw(s.m, int(i), out)
		for j, x := range out {
			out[j] = T(x*T(s.scale[j])) + T(s.shift[j])
		}
	}
}

// raw writes row i as it was read.
func raw[T float32 | float64](m *matrix, i int, dst []T) {
	at, end := i*m.cols, (i+1)*m.cols
	switch {
	case m.u8 != nil:
		for j, x := range m.u8[at:end] {
			dst[j] = T(x)
		}
	case m.f32 != nil:
		for j, x := range m.f32[at:end] {
			dst[j] = T(x)
		}
	case m.f64 != nil:
		for j, x := range m.f64[at:end] {
			dst[j] = T(x)
		}
	default:
		clear(dst)
		for k := m.indptr[i]; k < m.indptr[i+1]; k++ {
			dst[m.col[k]] = T(m.value(k))
		}
	}
}

// An Augment changes the training examples of a batch at random, each anew in
// each epoch: an image p of h × w pixels becomes p', and what the model sees x',
//
//	p'[r][c] = p[r−dy][c−dx], or p[r−dy][w−1−c+dx] if mirrored; 0 where there is none
//	x'[j]    = x[j] + Noise·z,  z ~ N(0, 1)
//
// The zero Augment changes nothing.
//
// Simard, Steinkraus and Platt, Best practices for convolutional neural networks
// applied to visual document analysis, ICDAR 2003, section 2 (shifts); Bishop,
// Training with noise is equivalent to Tikhonov regularization, Neural
// Computation 7(1), 1995.
type Augment struct {
	// Shift moves an image by dx and dy, independent whole numbers of pixels from
	// −Shift to Shift, each as likely; what comes in is 0, as stored.
	Shift int
	// Flip mirrors an image, left to right, with probability ½.
	Flip bool
	// Noise is the standard deviation of the normal noise that is added to each
	// number, in the units in which the model sees it. It needs no images.
	Noise float64
}

// Check returns an error if s has no images to be shifted or flipped, Shift is
// not from 0 to min(h, w)−1, or Noise not a finite number >= 0. It names the set.
func (a Augment) Check(s *Set) error {
	h, w, image := s.Image()
	switch {
	case !(a.Noise >= 0) || math.IsInf(a.Noise, 0):
		return wantf(s, "noise %v; want a number >= 0", a.Noise)
	case !image && (a.Shift != 0 || a.Flip):
		return wantf(s, "no images to shift or flip; want IDX files")
	case a.Shift < 0 || image && a.Shift >= min(h, w):
		return wantf(s, "shift by %d pixels; want 0 to %d, as images have %d × %d", a.Shift, min(h, w)-1, h, w)
	}
	return nil
}

// Apply is Gather, with the same shapes, and the changes of a, which Check must
// have passed. What becomes of a row is a function of seed, epoch and row number
// alone, not of the batch around it: the same after a resume, and on any
// processor of one architecture. scratch is room for Features numbers, and saves
// an allocation per call.
//
// The pixels are moved before scale and shift are applied, so that a
// standardised column gets what its own statistics make of the new pixel.
func Apply[T float32 | float64](a Augment, s *Set, seed int64, epoch int, rows []int32, dst, scratch []T) {
	if a == (Augment{}) {
		Gather(s, rows, dst)
		return
	}
	d := s.Features
	var src rand.PCG
	for k, i := range rows {
		src.Seed(uint64(seed), mix(uint64(epoch)<<32|uint64(uint32(i))))
		dx, dy, flip := 0, 0, false
		if a.Shift > 0 {
			dx = int(src.Uint64()%uint64(2*a.Shift+1)) - a.Shift
			dy = int(src.Uint64()%uint64(2*a.Shift+1)) - a.Shift
		}
		if a.Flip {
			flip = src.Uint64()>>63 == 1
		}
		out := dst[k*d : (k+1)*d]
		if dx == 0 && dy == 0 && !flip {
			raw(s.m, int(i), out)
		} else {
			raw(s.m, int(i), scratch[:d])
			move(out, scratch, s.t.h, s.t.w, dx, dy, flip)
		}
		for j, x := range out {
			out[j] = T(x*T(s.scale[j])) + T(s.shift[j])
		}
		if a.Noise > 0 {
			noise(out, a.Noise, &src)
		}
	}
}

// move writes the image src, mirrored if flip is set, then moved by dx to the
// right and dy down, to dst.
func move[T float32 | float64](dst, src []T, h, w, dx, dy int, flip bool) {
	clear(dst)
	for y := max(0, dy); y < min(h, h+dy); y++ {
		to, from := dst[y*w:(y+1)*w], src[(y-dy)*w:(y-dy+1)*w]
		if !flip {
			copy(to[max(0, dx):], from[max(0, -dx):w-max(0, dx)])
			continue
		}
		for x := max(0, dx); x < min(w, w+dx); x++ {
			to[x] = from[w-1-(x-dx)]
		}
	}
}

// noise adds normal numbers by the polar method of Marsaglia and Bray 1964, two
// at a time; rand's own may change with Go's version.
func noise[T float32 | float64](x []T, sigma float64, src *rand.PCG) {
	for j := 0; j < len(x); j += 2 {
		var u, v, q float64
		for q == 0 || q >= 1 {
			u = float64(src.Uint64()>>11)*0x1p-52 - 1
			v = float64(src.Uint64()>>11)*0x1p-52 - 1
			q = float64(u*u) + float64(v*v)
		}
		r := sigma * math.Sqrt(-2*math.Log(q)/q)
		x[j] += T(r * u)
		if j+1 < len(x) {
			x[j+1] += T(r * v)
		}
	}
}

// mix spreads the bits of x (Steele, Lea and Flood 2014, the finaliser of
// SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
