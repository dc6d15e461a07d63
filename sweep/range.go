package sweep

// A Range is the extent of a numeric domain, as programs want it that know
// nothing of its distribution.
type Range struct {
	Low, High Value   // Ints where the domain's values are
	Log       bool    // the scale is logarithmic
	Step      float64 // between values; 0: continuous
	Bounded   bool    // false: Low and High are the quantiles at 0.0001 and 0.9999
}

// tailQuantile cuts off what is drawn once in five thousand draws.
const tailQuantile = 1e-4

// Range returns the extent of d; ok is false for constants and choices.
func (d Domain) Range() (r Range, ok bool) {
	f := d.family()
	if f == choice {
		return r, false
	}
	r.Log = f == logarithmic || f == logGaussian
	r.Bounded = f != gaussian && f != logGaussian
	switch {
	case d.Dist == IntUniform:
		r.Low, r.High, r.Step = IntValue(int64(d.Min)), IntValue(int64(d.Max)), 1
	case !r.Bounded:
		r.Low, r.High = d.Decode(tailQuantile), d.Decode(1-tailQuantile)
	case d.quantised():
		kmin, kmax := d.steps()
		r.Low, r.High = d.multiple(kmin), d.multiple(kmax)
	default:
		lo, hi := d.bounds()
		r.Low, r.High = FloatValue(lo), FloatValue(hi)
	}
	if d.quantised() {
		r.Step = d.Q
	}
	return r, true
}
