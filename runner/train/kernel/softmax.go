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

// Softmax turns rows of logits into probabilities, in place,
//
//	p_j = exp(z_j − max z) / Σ exp(z_i − max z)
//
// z is rows×n with stride ld. A row with NaN or +Inf becomes NaN.
func Softmax[T Float](z []T, ld, rows, n int) {
	softmax(z, ld, rows, n, nil, 0, 0, nil, probabilities)
}

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
	return softmax(z, ld, rows, n, checkLabels(label, rows, n, loss), smoothing, scale, loss, gradient)
}

// SoftmaxLoss is SoftmaxCE for evaluation: z becomes the probabilities.
func SoftmaxLoss[T Float](z []T, ld, rows, n int, label []int32, smoothing T, loss []float64) (right int) {
	return softmax(z, ld, rows, n, checkLabels(label, rows, n, loss), smoothing, 1, loss, probabilities)
}

func checkLabels(label []int32, rows, n int, loss []float64) []int32 {
	if rows > len(label) || rows > len(loss) {
		panic("kernel: softmax: fewer labels or losses than rows")
	}
	for _, c := range label[:max(rows, 0)] {
		if uint(c) >= uint(n) {
			panic("kernel: softmax: label outside the classes")
		}
	}
	return label
}

// softmax is Softmax if label is nil.
func softmax[T Float](z []T, ld, rows, n int, label []int32, smoothing, scale T, loss []float64, out outcome) (right int) {
	checkMatrix("softmax", len(z), rows, n, ld)
	if n == 0 {
		return 0
	}
	for block := min(max(1, softmaxBlock/n), softmaxRows); rows > 0; {
		r := min(block, rows)
		if label == nil {
			softmaxOf(z, ld, r, n)
		} else {
			right += crossEntropy(z, ld, r, n, label, smoothing, scale, loss, out)
			label, loss = label[r:], loss[r:]
		}
		if rows -= r; rows > 0 {
			z = z[r*ld:]
		}
	}
	return right
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

// crossEntropy is SoftmaxCE of one block. It goes over the rows once for each
// step, so that the waits of one row's sum or logarithm are filled by others.
func crossEntropy[T Float](z []T, ld, rows, n int, label []int32, smoothing, scale T, loss []float64, out outcome) (right int) {
	var first [softmaxRows]bool // the label's logit is the first largest
	var sums [softmaxRows]float64
	for i := range rows {
		row := z[i*ld:][:n]
		top, at := largest(row)
		first[i] = at == int(label[i])
		loss[i] = targetTerm(row, top, row[label[i]], smoothing)
		subtract(row, top)
	}
	expRows(z, ld, rows, n)
	off := T(float64(float64(scale)*float64(smoothing)) / float64(n))
	on := T(float64(scale) * (1 - float64(smoothing)))
	for i := range rows {
		row := z[i*ld:][:n]
		sums[i] = total(row)
		if out == probabilities {
			multiply(row, T(1/sums[i]))
			continue
		}
		multiply(row, T(float64(scale)/sums[i]))
		if smoothing != 0 {
			subtract(row, off)
		}
		row[label[i]] -= on
	}
	for i := range rows {
		loss[i] += log64(sums[i])
		// The sum is NaN where the row has no softmax.
		if first[i] && sums[i] > 0 {
			right++
		}
	}
	return right
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
