package sweep

import "math/bits"

// Shuffle returns where i goes in a permutation of 0 … n-1 that the seed picks,
// 0 <= i < n <= 2^62, in O(1) memory and, but for bad luck, time.
//
// It is a balanced Feistel network on the least even number of bits that holds
// n, applied again while the result is not below n: the cycle of i returns to i,
// so it comes back into the range, and with fewer than 4n elements in the
// network a step ends the walk with probability over 1/4. The round function is
// the SplitMix64 finalizer, which is no cipher: this mixes, it hides nothing.
//
// Luby and Rackoff, How to construct pseudorandom permutations from pseudorandom
// functions, SIAM J. Comput. 17(2), 1988; Black and Rogaway, Ciphers with
// arbitrary finite domains, CT-RSA 2002 (cycle walking).
func Shuffle(i, n int64, seed uint64) int64 {
	const (
		rounds = 6
		golden = 0x9e3779b97f4a7c15
	)
	half := max(1, (bits.Len64(uint64(n-1))+1)/2)
	mask := uint64(1)<<half - 1
	x := uint64(i)
	for {
		left, right := x>>half, x&mask
		for r := range uint64(rounds) {
			left, right = right, left^mix(right^mix(seed+(r+1)*golden))&mask
		}
		if x = left<<half | right; x < uint64(n) {
			return int64(x)
		}
	}
}
