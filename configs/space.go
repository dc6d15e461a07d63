package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

func (l *loader) readObjectives() {
	one, many := l.get("metric"), l.get("metrics")
	if one != nil && many != nil {
		l.errorf(many.place, "one of them", "metric and metrics")
	}
	if one != nil {
		l.readObjective(one, "metric")
	}
	if many != nil {
		for i, n := range many.items {
			l.readObjective(n, fmt.Sprintf("metrics[%d]", i))
		}
	}
}

func (l *loader) readObjective(n *node, path string) {
	if n.form == scalar {
		l.spec.Objectives = append(l.spec.Objectives, sweep.Objective{Name: n.value.Text(), Reduce: sweep.Last})
		return
	}
	o := sweep.Objective{Name: textOf(n, "name"), Reduce: sweep.Last}
	if g := given(n, "goal"); g != nil {
		l.mendGoal(g)
		if g.raw == "maximize" {
			o.Goal = sweep.Maximize
		}
	}
	if r := given(n, "reduce"); r != nil && r.form == scalar {
		var err error
		if o.Reduce, o.K, err = sweep.ParseReduce(r.value.Text()); err != nil {
			_, want, _ := strings.Cut(err.Error(), ": want ")
			l.errorf(r.place, want, "%s.reduce: %s", path, r.describe())
		}
	}
	if t := given(n, "target"); t != nil && t.form == scalar {
		if f, ok := t.value.Number(); ok {
			o.Target = &f
		}
	}
	if o.Name == "" && n.form == mapping {
		l.warnf(n.place, "name: METRIC", "%s: no name; nothing ranks by it", path)
		return
	}
	l.spec.Objectives = append(l.spec.Objectives, o)
}

// mendGoal makes the suggestion for a wrong goal the one that its user meant.
func (l *loader) mendGoal(g *node) {
	for i := range l.errs {
		e := &l.errs[i]
		if (place{e.File, e.Line, e.Col}) != g.place {
			continue
		}
		switch low := strings.ToLower(g.raw); {
		case strings.Contains(low, "max") || low == "up" || low == "higher":
			e.Want = "maximize"
		case strings.Contains(low, "min") || low == "down" || low == "lower":
			e.Want = "minimize"
		}
	}
}

// readSpace reads parameters, constraints and zips.
func (l *loader) readSpace() {
	n := l.get("parameters")
	if n == nil {
		l.errorf(l.doc.place, "at least one", "no parameters")
		return
	}
	l.readParams(n, nil)
	var sources []source
	for _, p := range l.params {
		sources = append(sources, p.exprs...)
	}
	var constraints []sweep.Expr
	if c := l.get("constraints"); c != nil {
		all := c.items
		if c.form == scalar {
			all = []*node{c}
		}
		for i, x := range all {
			if e := l.compile(&sources, x, fmt.Sprintf("constraints[%d]", i)); e != nil {
				constraints = append(constraints, e)
			}
		}
	}
	l.checkNames(sources)
	params := make([]sweep.Param, len(l.params))
	names := map[string]bool{}
	for i, p := range l.params {
		params[i], names[p.Name] = p.Param, true
	}
	space, err := sweep.NewSpace(params, constraints, l.readZips(names))
	if err != nil {
		l.spaceErrors(err)
		return
	}
	l.spec.Space = space
}

// readZips returns the groups of which every member was read.
func (l *loader) readZips(read map[string]bool) [][]string {
	n := l.get("zip")
	if n == nil || n.form != list {
		return nil
	}
	var groups [][]string
	for _, g := range n.items {
		var group []string
		whole := true
		for _, c := range g.items {
			name := c.value.Text()
			if !l.declared[name] {
				l.errorf(c.place, "a parameter", "zip: unknown name %q", clip(name))
			}
			whole = whole && read[name]
			group = append(group, name)
		}
		if len(group) < 2 && g.form == list {
			l.errorf(g.place, "at least two names", "zip: a group of %d", len(group))
			whole = false
		}
		if whole {
			groups = append(groups, group)
		}
	}
	return groups
}

// spaceErrors gives the problems of a space a place.
func (l *loader) spaceErrors(err error) {
	var flatten func(e error) []error
	flatten = func(e error) []error {
		many, ok := e.(interface{ Unwrap() []error })
		if !ok {
			return []error{e}
		}
		var out []error
		for _, x := range many.Unwrap() {
			out = append(out, flatten(x)...)
		}
		return out
	}
	for _, e := range flatten(err) {
		at := l.doc.get("parameters").place
		if z := l.get("zip"); z != nil && strings.HasPrefix(e.Error(), "zip ") {
			at = z.place
		}
		what, want, _ := strings.Cut(e.Error(), "; want ")
		l.errorf(at, want, "%s", what)
	}
}

func (l *loader) readRepeats() {
	n := l.get("repeats")
	if n == nil {
		return
	}
	r := &l.spec.Repeats
	count := int64(0)
	if n.form == scalar {
		count, _ = n.value.Int64()
	} else {
		count = intOf(n, "count", 0)
		r.Parameter, r.Race = textOf(n, "parameter"), boolOf(n, "race")
	}
	seeds := given(n, "seeds")
	switch {
	case count > maxRepeats:
		l.errorf(n.place, fmt.Sprintf("at most %d", maxRepeats), "repeats: %d", count)
		return
	case seeds != nil && count > 0 && count != int64(len(seeds.items)):
		l.errorf(seeds.place, "one of them", "repeats: count %d and %d seeds", count, len(seeds.items))
	case seeds == nil && given(n, "count") == nil && n.form == mapping:
		l.errorf(n.place, "count or seeds", "repeats: neither count nor seeds")
	case seeds != nil && len(seeds.items) == 0:
		l.errorf(seeds.place, "at least one", "repeats.seeds: empty")
	}
	if seeds != nil {
		l.readSeeds(seeds)
	} else {
		for i := int64(1); i <= count; i++ {
			r.Seeds = append(r.Seeds, i)
		}
	}
	if p := given(n, "parameter"); p != nil && l.declared[r.Parameter] {
		l.errorf(p.place, "a name that is not under parameters", "repeats.parameter: %s is a parameter already", r.Parameter)
	}
}

func (l *loader) readSeeds(seeds *node) {
	seen := map[int64]bool{}
	for _, c := range seeds.items {
		i, ok := c.value.Int64()
		if ok && seen[i] {
			l.errorf(c.place, "each once", "repeats.seeds: %d stands twice", i)
		}
		seen[i] = true
		l.spec.Repeats.Seeds = append(l.spec.Repeats.Seeds, i)
	}
}

// readPoints reads the points to try first; nested ones may be nested.
func (l *loader) readPoints() {
	n := l.get("points")
	if n == nil || n.form != list {
		return
	}
	read := map[string]*param{}
	for i := range l.params {
		read[l.params[i].Name] = &l.params[i]
	}
	for i, pt := range n.items {
		values := map[string]sweep.Value{}
		before := len(l.errs)
		l.readPoint(values, pt, read, fmt.Sprintf("points[%d]", i), "")
		if len(l.errs) == before && l.spec.Space != nil {
			l.tryPoint(values, pt, i)
		}
		l.spec.Points = append(l.spec.Points, values)
	}
}

// tryPoint completes the i-th point just as the planner will: what cannot be
// run is a problem of the file.
func (l *loader) tryPoint(values map[string]sweep.Value, n *node, i int) {
	space := l.spec.Space
	given, err := space.FromNames(values)
	if err != nil { // names and domains were looked at: the values of a zip
		what, want, _ := strings.Cut(err.Error(), "; want ")
		l.errorf(n.place, want, "points[%d]: %s", i, what)
		return
	}
	p, ok, err := space.Draw(given, sweep.Query{Seed: l.spec.Seed}.Rand(int64(-i-1)))
	switch {
	case err != nil:
		l.errorf(n.place, "", "points[%d]: %v", i, err)
	case ok:
	case space.Refuses(p, given) != nil:
		l.errorf(n.place, "a point that keeps it", "points[%d]: constraint %s does not hold there", i, space.Refuses(p, given))
	default:
		l.errorf(n.place, "a point that keeps them", "points[%d]: the constraints do not hold there, whatever the rest is", i)
	}
}

func (l *loader) readPoint(to map[string]sweep.Value, n *node, read map[string]*param, path, prefix string) {
	for _, e := range n.entries {
		name := prefix + e.name
		p := read[name]
		switch {
		case p == nil && l.declared[name]:
			// Its own problem is reported.
		case p == nil && e.node.form == mapping && l.isNest(name):
			l.readPoint(to, e.node, read, path, name+".")
		case p == nil:
			l.errorf(e.at, orElse(nearest(name, l.names()), "a parameter"), "%s: unknown name %q", path, clip(name))
		case p.Derived != nil:
			l.errorf(e.at, "it left out", "%s.%s: derived from other parameters", path, name)
		default:
			v := l.finite(e.node, path+"."+name)
			w, ok := p.Domain.Take(v)
			if !ok {
				l.errorf(e.node.place, p.Domain.Want(), "%s.%s: %s is outside", path, name, v)
				continue
			}
			to[name] = w
		}
	}
}

// isNest reports whether name is that of parameters with nested ones.
func (l *loader) isNest(name string) bool {
	for k := range l.declared {
		if strings.HasPrefix(k, name+".") {
			return true
		}
	}
	return false
}

// names are those of all parameters, sorted.
func (l *loader) names() []string { return slices.Sorted(maps.Keys(l.declared)) }
