package rank

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

// The table of Student (1908) as printed everywhere, two-sided 95 %.
func TestStudentQuantile(t *testing.T) {
	for df, want := range map[float64]float64{1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 9: 2.2622, 29: 2.0452, 120: 1.9799, math.Inf(1): 1.95996} {
		near(t, "t", StudentQuantile(0.975, df), want, 6e-5)
	}
	// Closed forms: df 1 is Cauchy's tan(π(p − ½)), df 2 is (2p−1)/√(2p(1−p)).
	for _, p := range []float64{0.01, 0.3, 0.5, 0.9, 0.999} {
		near(t, "Cauchy", StudentQuantile(p, 1), math.Tan(math.Pi*(p-0.5)), 1e-6*math.Abs(math.Tan(math.Pi*(p-0.5)))+1e-9)
		near(t, "df 2", StudentQuantile(p, 2), (2*p-1)/math.Sqrt(2*p*(1-p)), 1e-6)
	}
}

func TestInterval(t *testing.T) {
	low, high, ok := Of(1, 2, 3, 4).Interval() // 2.5 ± 3.18245·1.29099/2
	if !ok {
		t.Fatal("no interval")
	}
	near(t, "low", low, 2.5-2.054260, 1e-5)
	near(t, "high", high, 2.5+2.054260, 1e-5)
	if _, _, ok := Of(1).Interval(); ok {
		t.Error("an interval of one number")
	}
	if low, high, _ := Of(3, 3, 3).Interval(); low != 3 || high != 3 {
		t.Errorf("equal numbers: [%g, %g]", low, high)
	}
}

func TestSampleLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 1, 40).Draw(r, "xs")
		cut := rapid.IntRange(0, len(xs)).Draw(r, "cut")
		s := Of(xs...)
		sum, ss := 0.0, 0.0
		for _, x := range xs {
			sum += x
		}
		mean := sum / float64(len(xs))
		for _, x := range xs {
			ss += (x - mean) * (x - mean)
		}
		m := Of(xs[:cut]...).Merge(Of(xs[cut:]...))
		for _, got := range []Sample{s, m} {
			if got.N != int64(len(xs)) || math.Abs(got.Mean-mean) > 1e-6 || math.Abs(got.M2-ss) > 1e-6*(1+ss) {
				r.Fatalf("got %+v, want n = %d, mean = %g, M2 = %g", got, len(xs), mean, ss)
			}
		}
	})
}

// Against the formulas written out, with p from Simpson's rule on the density
// of Student's t.
func TestWelch(t *testing.T) {
	a := Of(27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4)
	b := Of(27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1)
	stat, df, p := Welch(a, b)
	va, vb := a.M2/14/15, b.M2/11/12
	near(t, "t", stat, (a.Mean-b.Mean)/math.Sqrt(va+vb), 1e-12)
	near(t, "df", df, (va+vb)*(va+vb)/(va*va/14+vb*vb/11), 1e-9)
	near(t, "p", p, 1-2*simpson(func(x float64) float64 { return density(x, df) }, 0, math.Abs(stat)), 1e-10)
	if tie, known := Ties(a, b); tie || !known {
		t.Error("these do not tie")
	}
	if _, known := Ties(a, Of(1)); known {
		t.Error("one run has no test")
	}
	if tie, known := Ties(Of(2, 2), Of(2, 2)); !tie || !known {
		t.Error("equal constants tie")
	}
	if tie, known := Ties(Of(2, 2), Of(3, 3)); tie || !known {
		t.Error("different constants do not tie")
	}
}

// density is that of Student's t.
func density(x, df float64) float64 {
	g, _ := math.Lgamma((df + 1) / 2)
	h, _ := math.Lgamma(df / 2)
	return math.Exp(g-h) / math.Sqrt(df*math.Pi) * math.Pow(1+x*x/df, -(df+1)/2)
}

func simpson(f func(float64) float64, a, b float64) float64 {
	const n = 2000
	h, sum := (b-a)/n, f(a)+f(b)
	for i := 1; i < n; i++ {
		sum += f(a+float64(i)*h) * float64(2+2*(i%2))
	}
	return sum * h / 3
}

// With equal sizes and variances Welch's test is Student's, and p at the
// critical value is 0.05 by definition.
func TestWelchAtTheCriticalValue(t *testing.T) {
	for n := int64(2); n < 40; n++ {
		v := 3.0
		q := StudentQuantile(0.975, float64(2*n-2))
		d := q * math.Sqrt(2*v/float64(n))
		_, df, p := Welch(Sample{N: n, Mean: d, M2: v * float64(n-1)}, Sample{N: n, M2: v * float64(n-1)})
		near(t, "df", df, float64(2*n-2), 1e-9)
		near(t, "p", p, 0.05, 1e-6)
	}
}
