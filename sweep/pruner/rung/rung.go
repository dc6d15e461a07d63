// Package rung holds what pruners share: the values of all trials at one step
// in order (a Rung), the reports of one trial (a Curve), and how numbers are
// written in reasons and inputs.
package rung

// A Rung is a multiset of numbers in ascending order. Add, Remove, At and Less
// cost O(log n). NaN has no place in an order: callers keep it out.
//
// It is a treap whose priorities are a hash of the node's number, so that equal
// histories give equal trees. Nodes lie in one slice and those removed are used
// again.
//
// Seidel and Aragon, Randomized search trees, Algorithmica 16, 1996.
type Rung struct {
	nodes []node
	free  []int32
	root  int32 // index + 1; 0: none
}

type node struct {
	value       float64
	left, right int32 // index + 1; 0: none
	size        int32
	priority    uint32
}

// Len is the number of values.
func (r *Rung) Len() int { return r.size(r.root) }

func (r *Rung) size(t int32) int {
	if t == 0 {
		return 0
	}
	return int(r.nodes[t-1].size)
}

func (r *Rung) update(t int32) {
	n := &r.nodes[t-1]
	n.size = int32(1 + r.size(n.left) + r.size(n.right))
}

// Add puts a value in.
func (r *Rung) Add(v float64) {
	low, high := r.split(r.root, v)
	r.root = r.merge(r.merge(low, r.make(v)), high)
}

func (r *Rung) make(v float64) int32 {
	var t int32
	if n := len(r.free); n > 0 {
		t, r.free = r.free[n-1], r.free[:n-1]
	} else {
		r.nodes = append(r.nodes, node{})
		t = int32(len(r.nodes))
	}
	r.nodes[t-1] = node{value: v, size: 1, priority: mix(uint32(t))}
	return t
}

// mix is the finalizer of MurmurHash3 (A. Appleby, public domain): it spreads
// consecutive numbers.
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x85ebca6b
	x ^= x >> 13
	x *= 0xc2b2ae35
	return x ^ x>>16
}

// split parts the tree t into values below v and the rest.
func (r *Rung) split(t int32, v float64) (low, high int32) {
	if t == 0 {
		return 0, 0
	}
	n := &r.nodes[t-1]
	if n.value < v {
		n.right, high = r.split(n.right, v)
		r.update(t)
		return t, high
	}
	low, n.left = r.split(n.left, v)
	r.update(t)
	return low, t
}

// merge joins two trees; no value of a is above one of b.
func (r *Rung) merge(a, b int32) int32 {
	switch {
	case a == 0:
		return b
	case b == 0:
		return a
	case r.nodes[a-1].priority > r.nodes[b-1].priority:
		r.nodes[a-1].right = r.merge(r.nodes[a-1].right, b)
		r.update(a)
		return a
	}
	r.nodes[b-1].left = r.merge(a, r.nodes[b-1].left)
	r.update(b)
	return b
}

// Remove takes one value that equals v out; it reports whether there was one.
func (r *Rung) Remove(v float64) bool {
	low, rest := r.split(r.root, v)
	rest, gone := r.popFirst(rest, v)
	r.root = r.merge(low, rest)
	return gone
}

// popFirst takes the least value of t out if it is v.
func (r *Rung) popFirst(t int32, v float64) (rest int32, gone bool) {
	if t == 0 {
		return 0, false
	}
	n := &r.nodes[t-1]
	if n.left != 0 {
		n.left, gone = r.popFirst(n.left, v)
		r.update(t)
		return t, gone
	}
	if n.value != v {
		return t, false
	}
	r.free = append(r.free, t)
	return n.right, true
}

// At returns the i-th least value, 0 <= i < Len.
func (r *Rung) At(i int) float64 {
	t := r.root
	for {
		n := &r.nodes[t-1]
		below := r.size(n.left)
		switch {
		case i < below:
			t = n.left
		case i == below:
			return n.value
		default:
			i -= below + 1
			t = n.right
		}
	}
}

// Less is the number of values below v.
func (r *Rung) Less(v float64) int {
	less := 0
	for t := r.root; t != 0; {
		n := &r.nodes[t-1]
		if n.value < v {
			less += r.size(n.left) + 1
			t = n.right
		} else {
			t = n.left
		}
	}
	return less
}

// Quantile is the value below which the share q of all lies, 0 <= q <= 1, with
// linear interpolation between neighbours at (Len−1)·q (Hyndman and Fan's
// definition 7, NumPy's default, in NumPy's rounding). Len must not be 0. Where
// a neighbour is infinite it may be NaN.
func (r *Rung) Quantile(q float64) float64 {
	at := float64(r.Len()-1) * q
	i := int(at)
	t := at - float64(i)
	a := r.At(i)
	b := a
	if i+1 < r.Len() {
		b = r.At(i + 1)
	}
	// The conversions keep the compiler from fusing, which would round
	// differently from one processor to the next.
	if t >= 0.5 {
		return b - float64((b-a)*(1-t))
	}
	return a + float64((b-a)*t)
}
