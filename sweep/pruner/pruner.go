// Package pruner is the table of all ways to end trials early.
package pruner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// A Constructor builds a pruner for reports of the objective o from the
// `early_terminate:` of a sweep file.
type Constructor func(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error)

// Types maps the names of a sweep file to constructors. A type that has none is
// part of the file format, but not built yet.
var Types = map[string]Constructor{
	"hyperband":  nil, // W&B's
	"asha":       nil,
	"median":     nil,
	"percentile": nil,
	"patience":   nil,
	"threshold":  nil,
	"wilcoxon":   nil,
}

// order is that in which the types are named to users.
var order = []string{"hyperband", "asha", "median", "percentile", "patience", "threshold", "wilcoxon"}

// New returns the pruner that e asks for. The error says what is wrong with its
// options, or that the type is unknown or not built yet.
func New(e *sweep.EarlyTerminate, o sweep.Objective) (sweep.Pruner, error) {
	build, known := Types[e.Type]
	switch {
	case !known:
		last := len(order) - 1
		return nil, fmt.Errorf("early_terminate %q: want %s or %s", e.Type, strings.Join(order[:last], ", "), order[last])
	case build == nil:
		return nil, fmt.Errorf("early_terminate %s: not built yet; want early_terminate left out", e.Type)
	}
	return build(e, o)
}

// Known returns the names of all types of the file format, built or not.
func Known() []string { return slices.Clone(order) }

// Built reports whether New can return a pruner of the type.
func Built(name string) bool { return Types[name] != nil }
