package kernel

// softmaxBlock is how many logits go through the passes of softmax at once, few
// enough to stay in the first-level cache, and softmaxRows how many rows.
const (
	softmaxBlock = 4096
	softmaxRows  = 128
)

// An outcome is what the rows of logits become.
type outcome int

const (
	probabilities outcome = iota // p
	gradient                     // scale·(p − y)
)

// SoftmaxCE is the cross-entropy of softmax with its gradient by the logits, in
// place of these. For each of the rows of z (rows×n, stride ld), with p the
// softmax, c = label[i] and target y = (1−s)·e_c + s/n, s the smoothing,
//
//	loss[i] = −Σ y_j log p_j = log Σ exp z_j − (1−s)z_c − s·mean(z)
//	z_j     ← scale·(p_j − y_j)
//
// scale is 1/rows for the gradient of a mean loss. It returns in how many rows
// c is the class with the largest logit, the first of equals. A row with NaN
// or +Inf has loss and gradient NaN and is never right; −Inf is probability 0.
// Sums run over j in order, in float64.
//
// It panics if label or loss is shorter than rows, or a label outside 0 … n−1.
//
// Szegedy et al., Rethinking the Inception architecture for computer vision,
// CVPR 2016, section 7, for the smoothing.
func SoftmaxCE[T Float](z []T, ld, rows, n int, label []int32, smoothing, scale T, loss []float64) (right int) {
	return oneGroup(z, ld, rows, n, label, smoothing, scale, loss, gradient)
}

// SoftmaxLoss is SoftmaxCE for evaluation: the same losses and count, and z becomes
// the probabilities p_j = exp z_j / Σ exp z.
func SoftmaxLoss[T Float](z []T, ld, rows, n int, label []int32, smoothing T, loss []float64) (right int) {
	return oneGroup(z, ld, rows, n, label, smoothing, 1, loss, probabilities)
}

// SoftmaxGroups is SoftmaxCE for several models on the same examples: a row of
// z holds the n logits of each of the groups, one behind the other and without
// gaps, as a product with the weights of all models side by side leaves them.
// Label has one value per row, smoothing one per group; loss[i·groups+g] is
// that of group g on row i, and right[g] grows by the rows where g is right. The
// bits are those of SoftmaxCE for each group alone.
func SoftmaxGroups[T Float](z []T, rows, groups, n int, label []int32, smoothing []T, scale T, loss []float64, right []int) {
	if groups < 1 || len(smoothing) != groups || len(right) != groups {
		panic("kernel: SoftmaxGroups: want a smoothing and a count for each group")
	}
	e := entropy[T]{n, n, groups, label, smoothing, scale, loss, right, gradient}
	e.all(z, rows)
}

func oneGroup[T Float](z []T, ld, rows, n int, label []int32, smoothing, scale T, loss []float64, out outcome) int {
	s, right := [1]T{smoothing}, [1]int{}
	e := entropy[T]{ld, n, 1, label, s[:], scale, loss, right[:], out}
	e.all(z, rows)
	return right[0]
}

// An entropy is the arguments of SoftmaxGroups, or of SoftmaxCE with 1 group.
type entropy[T Float] struct {
	ld, n, groups int
	label         []int32
	smoothing     []T
	scale         T
	loss          []float64
	right         []int
	out           outcome
}

// all does rows examples, block by block.
func (e *entropy[T]) all(z []T, rows int) {
	checkMatrix("softmax", len(z), rows*e.groups, e.n, e.ld)
	if rows > len(e.label) || rows*e.groups > len(e.loss) {
		panic("kernel: softmax: fewer labels or losses than rows")
	}
	for _, c := range e.label[:rows] {
		if uint(c) >= uint(e.n) {
			panic("kernel: softmax: label outside the classes")
		}
	}
	for r, rows := 0, rows*e.groups; r < rows; {
		block := min(blockRows(e.n), rows-r)
		e.block(z[r*e.ld:], r, block)
		r += block
	}
}

// blockRows is how many rows of n logits go through softmax at once.
func blockRows(n int) int { return min(max(1, softmaxBlock/n), softmaxRows) }

// Softmax turns rows of logits into probabilities, in place,
//
//	p_j = exp(z_j − max z) / Σ exp(z_i − max z)
//
// z is rows×n with stride ld. A row with NaN or +Inf becomes NaN.
//
// Bridle, Probabilistic interpretation of feedforward classification network
// outputs, NATO ASI Series F 68, 1990.
func Softmax[T Float](z []T, ld, rows, n int) {
	checkMatrix("Softmax", len(z), rows, n, ld)
	if n == 0 {
		return
	}
	for r := 0; r < rows; {
		block := min(blockRows(n), rows-r)
		softmaxOf(z[r*ld:], ld, block, n)
		r += block
	}
}

// softmaxOf is Softmax of one block.
func softmaxOf[T Float](z []T, ld, rows, n int) {
	for i := range rows {
		row := z[i*ld:][:n]
		top, _ := largest(row)
		subtract(row, top)
	}
	expRows(z, ld, rows, n)
	for i := range rows {
		row := z[i*ld:][:n]
		multiply(row, T(1/total(row)))
	}
}

// block does the rows from the r-th on. It goes over them once for each step,
// so that the waits of one row's sum or logarithm are filled by others.
func (e *entropy[T]) block(z []T, r, rows int) {
	var first [softmaxRows]bool // the label's logit is the first largest
	var sums [softmaxRows]float64
	for i := range rows {
		row, c, s := e.row(z, i, r)
		top, at := largest(row)
		first[i] = at == c
		e.loss[r+i] = targetTerm(row, top, row[c], s)
		subtract(row, top)
	}
	expRows(z, e.ld, rows, e.n)
	for i := range rows {
		row, c, s := e.row(z, i, r)
		sums[i] = total(row)
		if e.out == probabilities {
			multiply(row, T(1/sums[i]))
			continue
		}
		multiply(row, T(float64(e.scale)/sums[i]))
		if s != 0 {
			subtract(row, T(float64(float64(e.scale)*float64(s))/float64(e.n)))
		}
		row[c] -= T(float64(e.scale) * (1 - float64(s)))
	}
	for i := range rows {
		e.loss[r+i] += log64(sums[i])
		// The sum is NaN where the row has no softmax.
		if first[i] && sums[i] > 0 {
			e.right[(r+i)%e.groups]++
		}
	}
}

// row is row i of the block that begins with row r, its label and its smoothing.
func (e *entropy[T]) row(z []T, i, r int) (row []T, label int, smoothing T) {
	row = z[i*e.ld:][:e.n]
	if e.groups == 1 {
		return row, int(e.label[r+i]), e.smoothing[0]
	}
	return row, int(e.label[(r+i)/e.groups]), e.smoothing[(r+i)%e.groups]
}

// largest returns the largest value, NaN if the first is one, and its place.
func largest[T Float](row []T) (top T, at int) {
	top = row[0]
	for j, v := range row {
		if v > top {
			top, at = v, j
		}
	}
	return top, at
}

// targetTerm is max z − Σ y_j z_j, a row's loss but for the logarithm.
func targetTerm[T Float](row []T, top, zc, smoothing T) float64 {
	d := float64(top) - float64(zc)
	if smoothing == 0 {
		return d
	}
	return d + float64(float64(smoothing)*(float64(zc)-total(row)/float64(len(row))))
}

// expRows replaces each value by its exponential.
func expRows[T Float](z []T, ld, rows, n int) {
	if ld == n {
		Exp(z[:rows*n], z[:rows*n])
		return
	}
	for i := range rows {
		row := z[i*ld:][:n]
		Exp(row, row)
	}
}

// total is the sum of a row in order, in float64.
func total[T Float](row []T) float64 {
	sum := 0.0
	for _, v := range row {
		sum += float64(v)
	}
	return sum
}

// multiply scales a row; each product is rounded.
func multiply[T Float](row []T, f T) {
	for j := range row {
		row[j] = T(row[j] * f)
	}
}

// subtract takes c from each value of a row.
func subtract[T Float](row []T, c T) {
	for j := range row {
		row[j] -= c
	}
}
