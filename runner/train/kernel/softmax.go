package kernel

import "math"

// softmaxBlock is how many logits go through the passes of softmax at once: few
// enough to stay in the first-level cache.
const softmaxBlock = 4096

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
	for block := max(1, softmaxBlock/n); rows > 0; {
		r := min(block, rows)
		for i := range r {
			row := z[i*ld:][:n]
			if label != nil && targetTerm(row, label[i], smoothing, &loss[i]) {
				right++
			}
		}
		expRows(z, ld, r, n)
		for i := range r {
			row := z[i*ld:][:n]
			sum := total(row)
			if label != nil {
				loss[i] += log64(sum)
			}
			if out == probabilities {
				multiply(row, T(1/sum))
				continue
			}
			multiply(row, T(float64(scale)/sum))
			subtractTarget(row, label[i], smoothing, scale)
		}
		rows -= r
		if rows > 0 {
			z = z[r*ld:]
			if label != nil {
				label, loss = label[r:], loss[r:]
			}
		}
	}
	return right
}

// targetTerm starts a row's loss with max z − Σ y_j z_j and says whether the
// label's logit is the first largest.
func targetTerm[T Float](row []T, label int32, smoothing T, loss *float64) (right bool) {
	top, at := row[0], 0
	for j, v := range row {
		if v > top {
			top, at = v, j
		}
	}
	zc := float64(row[label])
	*loss = float64(top) - zc
	if smoothing != 0 {
		s := float64(smoothing)
		mean := 0.0
		for _, v := range row {
			mean += float64(v)
		}
		mean /= float64(len(row))
		*loss = (float64(top) - zc) + float64(s*(zc-mean))
	}
	return at == int(label) && allBelow(row)
}

// allBelow reports whether a row's logits have a softmax: no NaN, no +Inf, and
// some value above -Inf.
func allBelow[T Float](row []T) bool {
	some := false
	for _, v := range row {
		if v != v || float64(v) > math.MaxFloat64 {
			return false
		}
		some = some || float64(v) >= -math.MaxFloat64
	}
	return some
}

// expRows replaces each logit by exp(z − max z of its row).
func expRows[T Float](z []T, ld, rows, n int) {
	for i := range rows {
		row := z[i*ld:][:n]
		top := row[0]
		for _, v := range row {
			if v > top {
				top = v
			}
		}
		for j := range row {
			row[j] -= top
		}
	}
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

// subtractTarget takes scale·y from a row.
func subtractTarget[T Float](row []T, label int32, smoothing, scale T) {
	if smoothing != 0 {
		off := T(float64(float64(scale)*float64(smoothing)) / float64(len(row)))
		for j := range row {
			row[j] -= off
		}
	}
	row[label] -= T(float64(scale) * (1 - float64(smoothing)))
}
