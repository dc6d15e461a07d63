package model

import "math"

// An Init is how weights begin; biases begin at 0.
type Init int

// The initialisations, for a layer of `in` inputs and `out` outputs. Both are
// uniform, since a normal one would need logarithms that differ between
// processors.
//
// Glorot and Bengio, Understanding the difficulty of training deep feedforward
// neural networks, AISTATS 2010; He, Zhang, Ren and Sun, Delving deep into
// rectifiers, ICCV 2015.
const (
	Zeros  Init = iota
	Glorot      // in ±√(6/(in+out)): variance 2/(in+out)
	He          // in ±√(6/in): variance 2/in
)

// Initialise sets the parameters of layer i of s: biases 0, weights uniform in
// ±bound, bound·(2u − 1) with u of 53 random bits in [0, 1). They are a function of
// how, the seed and the layer alone; w is the vector of all parameters.
func Initialise[T Float](s Spec, w []T, i int, how Init, seed int64) {
	layers, _ := s.Layers()
	l := layers[i]
	clear(w[l.Weight : l.Bias+l.Out])
	bound := math.Sqrt(6 / float64(l.In))
	switch how {
	case Zeros:
		return
	case Glorot:
		bound = math.Sqrt(6 / float64(l.In+l.Out))
	}
	key := mix(mix(uint64(seed)^0x6a09e667f3bcc909) + uint64(i))
	for j := range l.In * l.Out {
		u := float64(random(key, uint64(j))>>11) * 0x1p-53
		w[l.Weight+j] = T(float64(bound * (2*u - 1)))
	}
}

// BatchKey is the Batch.Key of a mini-batch: where its random bits begin. They
// are counted and not drawn one after another, so that a resumed run needs no
// state of a generator and a network beside others has the bits that it has
// alone.
func BatchKey(seed, epoch, step int64) uint64 {
	return mix(mix(mix(uint64(seed)^0xbb67ae8584caa73b)+uint64(epoch)) + uint64(step))
}

// layerKey is the key of one layer's units.
func layerKey(batch uint64, layer int) uint64 { return mix(batch + uint64(layer) + 1) }

// dropMask fills mask with 0, with probability p (to 2⁻³²), or 1/(1−p). Element
// j is a function of key and first+j.
func dropMask[T Float](mask []T, p float64, key uint64, first int) {
	limit, keep := uint32(min(p*0x1p32, math.MaxUint32)), T(1/(1-p))
	for j := range mask {
		at := uint64(first + j)
		bits := random(key, at>>1) >> (at & 1 * 32)
		if mask[j] = keep; uint32(bits) < limit {
			mask[j] = 0
		}
	}
}

// random is number i of the stream called key.
func random(key, i uint64) uint64 { return mix(key + i*0x9e3779b97f4a7c15) }

// mix is a permutation of the 64-bit numbers in which each bit depends on all:
// the output function of splitmix64 (Steele, Lea and Flood, Fast splittable
// pseudorandom number generators, OOPSLA 2014, with Stafford's constants 13).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
