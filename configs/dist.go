package configs

import (
	"slices"

	"github.com/trawl-sweep/trawl/sweep"
)

// A form is the set of keys that one distribution takes, as W&B has them.
type distForm struct {
	dist  sweep.Dist
	needs []string // must be given
	may   []string // may be given
	logs  bool     // bounds are values on a log scale
	exps  bool     // bounds are natural logarithms
}

// dists are W&B's distributions. Together with paramKeys they are all that the
// loader and the schema know of the keys of a parameter.
var dists = []distForm{
	{dist: sweep.Constant, needs: []string{"value"}},
	{dist: sweep.Categorical, needs: []string{"values"}},
	{dist: sweep.CategoricalWeighted, needs: []string{"values", "probabilities"}},
	{dist: sweep.IntUniform, needs: minMax},
	{dist: sweep.Uniform, needs: minMax},
	{dist: sweep.QUniform, needs: minMax, may: []string{"q"}},
	{dist: sweep.LogUniform, needs: minMax, exps: true},
	{dist: sweep.QLogUniform, needs: minMax, may: []string{"q"}, exps: true},
	{dist: sweep.LogUniformValues, needs: minMax, logs: true},
	{dist: sweep.QLogUniformValues, needs: minMax, may: []string{"q"}, logs: true},
	{dist: sweep.InvLogUniform, needs: minMax, exps: true},
	{dist: sweep.InvLogUniformValues, needs: minMax, logs: true},
	{dist: sweep.Normal, may: []string{"mu", "sigma"}},
	{dist: sweep.QNormal, may: []string{"mu", "sigma", "q"}},
	{dist: sweep.LogNormal, may: []string{"mu", "sigma"}},
	{dist: sweep.QLogNormal, may: []string{"mu", "sigma", "q"}},
	{dist: sweep.Beta, may: []string{"a", "b"}},
	{dist: sweep.QBeta, may: []string{"a", "b", "q"}},
}

var minMax = []string{"min", "max"}

// anyParam are trawl's keys that every parameter may have.
var anyParam = []string{"when", "flag", "was"}

// paramKeys are all keys of a parameter.
var paramKeys = []key{
	{name: "value", shape: anything, doc: "a constant"},
	{name: "values", shape: listOf, item: &key{shape: anything}, doc: "the choices"},
	{name: "probabilities", shape: listOf, item: &key{shape: number, strict: true, least: bound(0)}, doc: "one per value"},
	{name: "distribution", shape: text, doc: "W&B's name of the distribution; inferred where it can be"},
	{name: "min", shape: number, strict: true, doc: "lower bound; for log_uniform and its kin the natural logarithm of it"},
	{name: "max", shape: number, strict: true, doc: "upper bound, as min"},
	{name: "mu", shape: number, strict: true, doc: "mean of the normal family; default 0"},
	{name: "sigma", shape: number, strict: true, least: bound(0), doc: "standard deviation of the normal family; default 1"},
	{name: "a", shape: number, strict: true, least: bound(0), doc: "beta family; default 1"},
	{name: "b", shape: number, strict: true, least: bound(0), doc: "beta family; default 1"},
	{name: "q", shape: number, strict: true, above: bound(0), doc: "step of the q_ family; default 1"},
	{name: "parameters", shape: anything, doc: "parameters inside this one"},
	{name: "scale", shape: text, words: []string{"log", "linear"}, doc: "with min and max: log is short for log_uniform_values"},
	{name: "levels", shape: integer, least: bound(1), doc: "grid points of a continuous parameter"},
	{name: "expr", shape: text, doc: "derived from other parameters"},
	{name: "when", shape: text, doc: "condition; where it does not hold the parameter is not passed"},
	{name: "flag", shape: text, doc: "name on the command line instead of --NAME"},
	{name: "was", shape: anything, doc: "what trials of earlier revisions had"},
}

func formOf(d sweep.Dist) *distForm {
	for i := range dists {
		if dists[i].dist == d {
			return &dists[i]
		}
	}
	return nil
}

func distNames() []string {
	ns := make([]string, len(dists))
	for i, d := range dists {
		ns[i] = string(d.dist)
	}
	return ns
}

// takes reports whether the distribution has the key.
func (f *distForm) takes(name string) bool {
	return slices.Contains(f.needs, name) || slices.Contains(f.may, name) || slices.Contains(anyParam, name) ||
		name == "distribution" || name == "levels" && f.levels()
}

// levels reports whether a grid may be told how many values to take.
func (f *distForm) levels() bool {
	return f.dist != sweep.Constant && f.dist != sweep.Categorical && f.dist != sweep.CategoricalWeighted
}

// WandbName is the name of the distribution of d in W&B's documentation, where
// weighted choices are categorical, too.
func WandbName(d sweep.Domain) string {
	if d.Dist == sweep.CategoricalWeighted {
		return string(sweep.Categorical)
	}
	return string(d.Dist)
}
