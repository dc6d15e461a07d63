package qmc

import (
	"fmt"

	"github.com/trawl-sweep/trawl/sweep"
)

// digits is the number of binary digits of a Sobol point; there are 2^digits
// points.
const digits = 32

// NewSobol returns the Sobol sequence in p.Space with nested uniform (Owen)
// scrambling by p.Seed: points 0 … 2^k-1 put one point into each of 2^k equal
// parts of every dimension, for every k, and every seed. It is an error if the
// space has more free dimensions than there are direction numbers.
func NewSobol(p sweep.Plan) (sweep.Sampler, error) {
	n := len(p.Space.Dims())
	if n > maxDims {
		return nil, fmt.Errorf("sobol: %d free parameters; want at most %d, or method lhs or random", n, maxDims)
	}
	columns := make([][digits]uint32, n)
	keys := make([]uint64, n)
	for d := range columns {
		columns[d] = directions(d)
		keys[d] = key(p.Seed, d)
	}
	at := func(_ sweep.Query, i int64, u []float64) {
		for d := range u {
			u[d] = scramble(radical(&columns[d], uint32(i)), keys[d])
		}
	}
	return &sampler{space: p.Space, end: 1 << digits, at: at, u: make([]float64, n)}, nil
}

// directions returns the direction numbers v_1 … v_32 of dimension d as binary
// fractions: the digit of weight 1/2 is bit 31. With the primitive polynomial
// x^s + a_1 x^(s-1) + … + a_(s-1) x + 1,
//
//	m_k = 2 a_1 m_(k-1) ⊕ 2² a_2 m_(k-2) ⊕ … ⊕ 2^s m_(k-s) ⊕ m_(k-s),  v_k = m_k / 2^k.
//
// Dimension 0 is the van der Corput sequence, m_k = 1.
func directions(d int) (v [digits]uint32) {
	if d == 0 {
		for k := range v {
			v[k] = 1 << (digits - 1 - k)
		}
		return v
	}
	row := joeKuo[d-1]
	s := len(row.m)
	for k := range v {
		if k < s {
			v[k] = row.m[k] << (digits - 1 - k)
			continue
		}
		v[k] = v[k-s] ^ v[k-s]>>s
		for j := 1; j < s; j++ {
			if row.a>>(s-1-j)&1 == 1 {
				v[k] ^= v[k-j]
			}
		}
	}
	return v
}

// radical returns point i in one dimension: the direction numbers of the digits
// of i, added without carry.
func radical(v *[digits]uint32, i uint32) (x uint32) {
	for k := 0; i != 0; k, i = k+1, i>>1 {
		x ^= v[k] & -(i & 1)
	}
	return x
}

// scramble turns x into a number of [0, 1). Each digit is flipped or not by a
// hash of the digits above it, which is Owen's nested uniform scrambling with
// the hash for the independent coins; the digits below the last are hashed too,
// so that x is uniform within its cell.
func scramble(x uint32, key uint64) float64 {
	var flips uint32
	for k := range digits {
		above := uint64(x) >> (digits - k) // k digits
		above |= 1 << k                    // and their number
		flips |= uint32(finalize(key^above*0x9e3779b97f4a7c15)>>63) << (digits - 1 - k)
	}
	rest := finalize(key+uint64(x)*0xd1b54a32d192ed03) >> (64 - (53 - digits))
	return float64(uint64(x^flips)<<(53-digits)|rest) / (1 << 53)
}
