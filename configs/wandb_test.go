package configs

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/grid"
)

const cases = "../../shared/cases"

// readCase reads a file of the shared cases, or skips the test.
func readCase(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(cases, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared cases are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wandbTypes are the names of W&B's schema for the distributions.
var wandbTypes = map[sweep.Dist]string{
	sweep.Constant: "param_single_value", sweep.Categorical: "param_categorical",
	sweep.CategoricalWeighted: "param_categorical_w_probabilities",
	sweep.IntUniform:          "param_int_uniform", sweep.Uniform: "param_uniform", sweep.QUniform: "param_quniform",
	sweep.LogUniform: "param_loguniform", sweep.LogUniformValues: "param_loguniform_v2",
	sweep.QLogUniform: "param_qloguniform", sweep.QLogUniformValues: "param_qloguniform_v2",
	sweep.InvLogUniform: "param_inv_loguniform", sweep.InvLogUniformValues: "param_inv_loguniform_v2",
	sweep.Normal: "param_normal", sweep.QNormal: "param_qnormal", sweep.LogNormal: "param_lognormal",
	sweep.QLogNormal: "param_qlognormal", sweep.Beta: "param_beta", sweep.QBeta: "param_qbeta",
}

func TestWandbFiles(t *testing.T) {
	var expected map[string]struct {
		ParamError string            `json:"param_error"`
		Violations []string          `json:"schema_violations"`
		Method     string            `json:"method"`
		ParamTypes map[string]string `json:"param_types"`
		GridSize   int64             `json:"grid_size"`
		GridFirst  []any             `json:"grid_first"`
		GridLast   []any             `json:"grid_last"`
	}
	if err := json.Unmarshal(readCase(t, "wandb/expected.json"), &expected); err != nil {
		t.Fatal(err)
	}
	for name, want := range expected {
		t.Run(name, func(t *testing.T) {
			f, err := Parse(name, readCase(t, "wandb/"+name), Options{})
			if want.ParamError != "" {
				param := want.ParamError[strings.LastIndex(want.ParamError, " ")+1:]
				var ps Errors
				if !errors.As(err, &ps) || !strings.Contains(err.Error(), param) || ps[0].Line == 0 {
					t.Fatalf("got %v, want a problem of %s with its place", err, param)
				}
				return
			}
			if err != nil {
				t.Fatalf("got %v, want no problem", err)
			}
			if len(want.Violations) > 0 && len(f.Warnings) == 0 {
				t.Errorf("got no warning, want one for %q", want.Violations)
			}
			if f.Spec.Method != want.Method {
				t.Errorf("method: got %s, want %s", f.Spec.Method, want.Method)
			}
			got := map[string]string{}
			for _, p := range f.Spec.Space.Params {
				got[p.Name] = wandbTypes[p.Domain.Dist]
			}
			if d := cmp.Diff(want.ParamTypes, got); d != "" {
				t.Errorf("types (-want +got):\n%s", d)
			}
			if want.Method == "grid" {
				checkGrid(t, f.Spec, want.GridSize, want.GridFirst, want.GridLast)
			}
			sameAfterDoc(t, f)
		})
	}
}

func checkGrid(t *testing.T, spec *sweep.Spec, size int64, first, last []any) {
	t.Helper()
	n, exact, err := grid.Size(spec.Space)
	if err != nil || !exact || n != size {
		t.Errorf("grid size: got %d, exact %v, %v; want %d", n, exact, err, size)
	}
	plan := sweep.Plan{Space: spec.Space, Options: spec.Options}
	for _, c := range []struct {
		f    func(sweep.Plan, int) ([]sweep.Point, error)
		want []any
	}{{grid.First, first}, {grid.Last, last}} {
		pts, err := c.f(plan, len(c.want))
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		for _, p := range pts {
			got = append(got, plainJSON(t, spec.Space.Nested(p)))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("points (-want +got):\n%s", d)
		}
	}
}

func plainJSON(t *testing.T, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameAfterDoc checks that the document of a file gives its spec again.
func sameAfterDoc(t *testing.T, f *File) {
	t.Helper()
	again, err := Parse("journal", []byte(f.Spec.Doc), Options{})
	if err != nil {
		t.Fatalf("the document does not load: %v\n%s", err, f.Spec.Doc)
	}
	a, b := *f.Spec, *again.Spec
	if len(a.Unbuilt) != len(b.Unbuilt) {
		t.Errorf("unbuilt after the document: got %q, want %q", b.Unbuilt, a.Unbuilt)
	}
	a.Unbuilt, b.Unbuilt = nil, nil // they name places
	opts := cmp.Options{
		cmp.AllowUnexported(sweep.Value{}),
		cmp.Comparer(func(x, y sweep.Expr) bool {
			if x == nil || y == nil {
				return x == y
			}
			return x.String() == y.String()
		}),
		cmp.Comparer(func(x, y *sweep.Space) bool {
			return cmp.Equal(x.Params, y.Params, cmp.AllowUnexported(sweep.Value{}), cmp.Comparer(sameExpr)) &&
				cmp.Equal(x.Constraints, y.Constraints, cmp.Comparer(sameExpr)) && cmp.Equal(x.Zips, y.Zips)
		}),
	}
	if d := cmp.Diff(a, b, opts); d != "" {
		t.Errorf("spec after the document (-first +again):\n%s", d)
	}
}

func sameExpr(x, y sweep.Expr) bool {
	if x == nil || y == nil {
		return x == nil && y == nil
	}
	return x.String() == y.String()
}

func TestDistributions(t *testing.T) {
	var all []struct {
		Spec  json.RawMessage `json:"spec"`
		Type  string          `json:"type"`
		Error string          `json:"error"`
		Q     []float64       `json:"q"`
		PPF   []any           `json:"ppf"`
	}
	if err := json.Unmarshal(readCase(t, "distribution_quantiles.json"), &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		t.Run(string(c.Spec), func(t *testing.T) {
			f, err := Parse("x.yaml", []byte(`{"method": "random", "parameters": {"p": `+string(c.Spec)+`}}`), Options{})
			if c.Error != "" {
				if err == nil {
					t.Fatalf("got no error, want %s", c.Error)
				}
				return
			}
			if err != nil {
				t.Fatalf("got %v, want %s", err, c.Type)
			}
			d := f.Spec.Space.Params[0].Domain
			if got := wandbTypes[d.Dist]; got != c.Type {
				t.Errorf("type: got %s, want %s", got, c.Type)
			}
			for i, q := range c.Q {
				if want, ok := c.PPF[i].(float64); ok && q >= 0.025 && q <= 0.999 {
					checkQuantile(t, d, q, want)
				}
			}
		})
	}
}

// checkQuantile compares with W&B's quantile, moved to the nearest multiple of
// q inside the bounds.
func checkQuantile(t *testing.T, d sweep.Domain, q, want float64) {
	t.Helper()
	if d.Q > 0 && d.Max > d.Min {
		want = min(max(want, math.Ceil(d.Min/d.Q-1e-9)*d.Q), math.Floor(d.Max/d.Q+1e-9)*d.Q)
	}
	v := d.Decode(q)
	got, _ := v.Number()
	if math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
		t.Errorf("quantile %v: got %v, want %v", q, got, want)
	}
}
