package sweep

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Dist names a distribution as W&B's sweep files do.
type Dist string

// The distributions. Those with q round the draw of the plain one to a
// multiple of Q and keep it inside the bounds.
const (
	Constant            Dist = "constant"
	Categorical         Dist = "categorical"
	CategoricalWeighted Dist = "categorical_w_probabilities" // `probabilities:`; W&B's own name for it
	IntUniform          Dist = "int_uniform"
	Uniform             Dist = "uniform"
	QUniform            Dist = "q_uniform"
	LogUniform          Dist = "log_uniform" // Min and Max are natural logarithms
	QLogUniform         Dist = "q_log_uniform"
	LogUniformValues    Dist = "log_uniform_values"
	QLogUniformValues   Dist = "q_log_uniform_values"
	InvLogUniform       Dist = "inv_log_uniform" // Min and Max are natural logarithms of 1/x
	InvLogUniformValues Dist = "inv_log_uniform_values"
	Normal              Dist = "normal"
	QNormal             Dist = "q_normal"
	LogNormal           Dist = "log_normal"
	QLogNormal          Dist = "q_log_normal"
	Beta                Dist = "beta"
	QBeta               Dist = "q_beta"
)

// A Domain is the set of values of one parameter with a measure on it. All
// algorithms work in the unit interval; Domain alone knows scales, steps and
// choices. The zero Domain is not valid; Check says what is wrong.
type Domain struct {
	Dist          Dist
	Values        []Value   // Constant: one; Categorical: the choices, duplicates kept as the file has them
	Probabilities []float64 // CategoricalWeighted: one per value, sum 1
	Min, Max      float64   // bounds as the file gives them (logarithms for log_uniform and its kin)
	Mu, Sigma     float64   // normal family
	A, B          float64   // beta family
	Q             float64   // step of the q_ family
	Levels        int       // grid points of a continuous domain; 0: a grid refuses it
	Ints          bool      // values are integers: int_uniform, and a q_ family whose Q and bounds are
	Log           bool      // int_uniform on a log scale (trawl's `scale: log` with integer bounds)
}

// family is the shape of a distribution, whatever its rounding.
type family uint8

const (
	choice family = iota
	linear
	logarithmic
	gaussian
	logGaussian
	betaFamily
)

func (d *Domain) family() family {
	switch d.Dist {
	case Uniform, QUniform:
		return linear
	case IntUniform:
		if d.Log {
			return logarithmic
		}
		return linear
	case Normal, QNormal:
		return gaussian
	case LogNormal, QLogNormal:
		return logGaussian
	case Beta, QBeta:
		return betaFamily
	case LogUniform, QLogUniform, LogUniformValues, QLogUniformValues, InvLogUniform, InvLogUniformValues:
		return logarithmic
	}
	return choice
}

// quantised reports whether the values are multiples of Q.
func (d *Domain) quantised() bool {
	switch d.Dist {
	case QUniform, QLogUniform, QLogUniformValues, QNormal, QLogNormal, QBeta:
		return true
	}
	return false
}

// Discrete reports whether the values can be counted: all but the continuous
// distributions.
func (d Domain) Discrete() bool {
	return d.family() == choice || d.Dist == IntUniform || d.quantised()
}

// Numeric reports whether every value is an Int or a Float. Choices are numeric
// if all of them are.
func (d Domain) Numeric() bool {
	if d.family() != choice {
		return true
	}
	for _, v := range d.Values {
		if v.kind != Int && v.kind != Float {
			return false
		}
	}
	return len(d.Values) > 0
}

// bounds returns the least and the greatest value before rounding; they are
// infinite where the distribution is unbounded.
func (d *Domain) bounds() (lo, hi float64) {
	switch d.Dist {
	case LogUniform, QLogUniform:
		return math.Exp(d.Min), math.Exp(d.Max)
	case InvLogUniform:
		return math.Exp(-d.Max), math.Exp(-d.Min)
	}
	switch d.family() {
	case gaussian:
		return math.Inf(-1), math.Inf(1)
	case logGaussian:
		return 0, math.Inf(1)
	case betaFamily:
		return 0, 1
	}
	return d.Min, d.Max
}

// maxExact bounds integers that float64 holds exactly.
const maxExact = 1 << 53

// Check returns what is wrong with the domain, in the words of the sweep file,
// or nil. Every other method assumes a domain that passes.
func (d Domain) Check() error {
	if d.Levels < 0 {
		return fmt.Errorf("levels %d; want at least 1", d.Levels)
	}
	var err error
	switch d.family() {
	case choice:
		return d.checkChoice()
	case linear, logarithmic:
		err = d.checkBounds()
	case gaussian, logGaussian:
		if !finite(d.Mu) || !finite(d.Sigma) || d.Sigma <= 0 {
			err = fmt.Errorf("mu %v, sigma %v; want finite numbers, sigma > 0", d.Mu, d.Sigma)
		}
	case betaFamily:
		if !finite(d.A) || !finite(d.B) || d.A <= 0 || d.B <= 0 {
			err = fmt.Errorf("a %v, b %v; want finite numbers > 0", d.A, d.B)
		}
	}
	if err != nil || !d.quantised() {
		return err
	}
	return d.checkStep()
}

func (d *Domain) checkChoice() error {
	switch d.Dist {
	case Constant:
		if len(d.Values) != 1 {
			return fmt.Errorf("%d values; want one", len(d.Values))
		}
	case Categorical, CategoricalWeighted:
		if len(d.Values) == 0 {
			return errors.New("no values; want at least one")
		}
	default:
		return fmt.Errorf("distribution %q; want one of W&B's", string(d.Dist))
	}
	for i, v := range d.Values {
		if v.IsAbsent() {
			return fmt.Errorf("value %d is missing", i+1)
		}
	}
	if d.Dist != CategoricalWeighted {
		return nil
	}
	if len(d.Probabilities) != len(d.Values) {
		return fmt.Errorf("%d probabilities for %d values; want one each", len(d.Probabilities), len(d.Values))
	}
	sum := 0.0
	for _, p := range d.Probabilities {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("probability %v; want 0 to 1", p)
		}
		sum += p
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Errorf("probabilities sum to %v; want 1", sum)
	}
	return nil
}

func (d *Domain) checkBounds() error {
	if !finite(d.Min) || !finite(d.Max) {
		return fmt.Errorf("min %v, max %v; want finite numbers", d.Min, d.Max)
	}
	if d.Min >= d.Max {
		return fmt.Errorf("min %v is not less than max %v", d.Min, d.Max)
	}
	if d.Dist == IntUniform {
		if d.Min != math.Trunc(d.Min) || d.Max != math.Trunc(d.Max) || math.Abs(d.Min) > maxExact || math.Abs(d.Max) > maxExact {
			return fmt.Errorf("min %v, max %v; want integers up to 2^53", d.Min, d.Max)
		}
	}
	lo, hi := d.bounds()
	switch {
	case math.IsInf(hi, 1) || d.family() == logarithmic && hi == 0:
		return fmt.Errorf("min %v, max %v are exponents of e, out of range; want log_uniform_values for plain numbers", d.Min, d.Max)
	case d.family() == logarithmic && lo <= 0:
		return fmt.Errorf("min %v on a log scale; want > 0", lo)
	case math.IsInf(hi-lo, 0):
		return fmt.Errorf("min %v, max %v; want a range that a float64 holds", d.Min, d.Max)
	}
	return nil
}

func (d *Domain) checkStep() error {
	if !finite(d.Q) || d.Q <= 0 {
		return fmt.Errorf("q %v; want a finite number > 0", d.Q)
	}
	if d.Ints && d.Q != math.Trunc(d.Q) {
		return fmt.Errorf("q %v; want an integer", d.Q)
	}
	lo, hi := d.bounds()
	kmin, kmax := d.steps()
	switch {
	case kmin > kmax:
		return fmt.Errorf("no multiple of q %v lies in %v to %v; want a smaller q", d.Q, lo, hi)
	case finite(kmin) && math.Abs(kmin) > maxExact || finite(kmax) && math.Abs(kmax) > maxExact:
		return fmt.Errorf("q %v is too small for %v to %v; want at most 2^53 steps", d.Q, lo, hi)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Want says which values the domain has, for error messages: "0.0001 to 10",
// "one of sgd, adam", "an integer, 1 to 8".
func (d Domain) Want() string {
	switch d.Dist {
	case Constant:
		return d.Values[0].Python()
	case Categorical, CategoricalWeighted:
		var words []string
		for i, v := range d.Choices() {
			if i == 8 {
				words = append(words, "…")
				break
			}
			words = append(words, v.Python())
		}
		return "one of " + strings.Join(words, ", ")
	}
	what := ""
	if d.Dist == IntUniform {
		what = "an integer"
	} else if d.quantised() {
		what = "a multiple of " + d.multiple(1).Python()
	}
	lo, hi := d.bounds()
	within := ""
	switch {
	case !math.IsInf(lo, 0) && !math.IsInf(hi, 0):
		within = fmt.Sprintf("%v to %v", lo, hi)
	case !math.IsInf(lo, 0):
		within = fmt.Sprintf("at least %v", lo)
	case what == "":
		within = "a number"
	}
	if what == "" || within == "" {
		return what + within
	}
	return what + ", " + within
}

// Choices returns the values of a constant or categorical domain without
// duplicates, the first of each kept; nil for every other domain.
func (d Domain) Choices() []Value {
	if d.family() != choice {
		return nil
	}
	out := make([]Value, 0, len(d.Values))
	seen := make(map[string]bool, len(d.Values))
	var key []byte
	for _, v := range d.Values {
		key = v.AppendKey(key[:0])
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, v)
		}
	}
	return out
}

// Contains reports whether v is a value of the domain, generously: an Int
// stands for the Float of the same size, and bounds and multiples of q have the
// slack of rounding.
func (d Domain) Contains(v Value) bool {
	_, ok := d.Take(v)
	return ok
}

// Take returns v as the domain itself writes it (an Int for integers, a Float
// for floats, the choice with the same key); ok is Contains.
func (d Domain) Take(v Value) (w Value, ok bool) {
	if d.family() == choice {
		if i := d.find(v); i >= 0 {
			return d.Values[i], true
		}
		return Value{}, false
	}
	x := v.num
	if v.kind != Int && v.kind != Float || !finite(x) {
		return Value{}, false
	}
	lo, hi := d.bounds()
	switch {
	case d.Dist == IntUniform:
		if x != math.Trunc(x) || x < lo || x > hi {
			return Value{}, false
		}
		return IntValue(int64(x)), true
	case d.quantised():
		k := round(x / d.Q)
		kmin, kmax := d.steps()
		if math.Abs(x/d.Q-k) > 1e-6 || k < kmin || k > kmax {
			return Value{}, false
		}
		return d.multiple(k), true
	}
	const slack = 1e-9
	if x < lo-slack*math.Abs(lo) || x > hi+slack*math.Abs(hi) {
		return Value{}, false
	}
	return FloatValue(x), true
}

// find returns the index of the choice v, of one that is identical rather than
// of one that is only equal; -1 if there is none.
func (d *Domain) find(v Value) int {
	equal := -1
	for i, w := range d.Values {
		if v == w {
			return i
		}
		if equal < 0 && v.Equal(w) {
			equal = i
		}
	}
	return equal
}
