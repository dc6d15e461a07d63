package configs

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/expr"
)

// A param is a parameter that was read, with its place.
type param struct {
	sweep.Param
	at    place // of its name
	exprs []source
}

// A source is an expression with the node that holds it.
type source struct {
	sweep.Expr
	node *node
	path string
}

// readParams reads the parameters below n; prefix is the nesting.
func (l *loader) readParams(n *node, prefix []string) {
	path := "parameters"
	if len(prefix) > 0 {
		path = strings.Join(prefix, ".") + ".parameters"
	}
	if n.form != mapping || len(n.entries) == 0 {
		l.errorf(n.place, "a map with at least one parameter", "%s: %s", path, orElse(emptyMap(n), n.describe()))
		return
	}
	for _, e := range n.entries {
		if len(l.declared) >= maxParams {
			l.errorf(e.at, fmt.Sprintf("at most %d", maxParams), "too many parameters")
			return
		}
		full := append(slices.Clone(prefix), e.name)
		name := strings.Join(full, ".")
		switch {
		case e.name == "" || strings.ContainsFunc(e.name, func(r rune) bool { return r < ' ' || r == 0x7f }):
			l.errorf(e.at, "a name of printable characters", "parameter %q", clip(e.name))
			continue
		case e.node.get("parameters") != nil:
			l.readNest(e, full, name)
			continue
		case l.declared[name]:
			l.errorf(e.at, "another name", "parameter %s stands twice, nested and with dots", name)
			continue
		}
		l.declared[name] = true
		p := param{at: e.at}
		p.Name = name
		if len(prefix) > 0 {
			p.Path = full
		}
		if before := len(l.errs); l.readParam(&p, e.node) && len(l.errs) == before {
			l.params = append(l.params, p)
		}
	}
}

func emptyMap(n *node) string {
	if n.form == mapping {
		return "an empty map"
	}
	return ""
}

// readNest reads a parameter that holds parameters.
func (l *loader) readNest(e entry, full []string, name string) {
	for _, k := range e.node.entries {
		if k.name != "parameters" {
			l.errorf(k.at, "nothing beside parameters", "%s: key %q", name, clip(k.name))
		}
	}
	l.readParams(e.node.get("parameters"), full)
}

// readParam reads one parameter into p; false if it is wrong.
func (l *loader) readParam(p *param, n *node) bool {
	switch n.form {
	case list:
		return l.readValues(p, n, n)
	case scalar:
		if n.isNull() {
			l.errorf(p.at, "values, min and max, or value: null", "%s: nothing", p.Name)
			return false
		}
		p.Domain = sweep.Domain{Dist: sweep.Constant, Values: []sweep.Value{l.finite(n, p.Name)}}
		return true
	}
	before := len(l.errs)
	for _, e := range n.entries {
		k := lookup(paramKeys, e.name)
		if k == nil {
			l.errorf(e.at, orElse(nearest(e.name, keyNames(paramKeys)), oneOf(keyNames(paramKeys))),
				"%s: unknown key %q", p.Name, clip(e.name))
			continue
		}
		if e.node.isNull() && k.shape&anything == 0 {
			l.errorf(e.at, k.want(), "%s.%s: nothing", p.Name, e.name)
			continue
		}
		l.check(k, e.node, p.Name+"."+e.name)
	}
	l.readCommon(p, n)
	if len(l.errs) > before {
		return false
	}
	if x := n.get("expr"); x != nil {
		return l.readDerived(p, n, x)
	}
	return l.readDomain(p, n)
}

// readCommon reads the keys that every parameter may have.
func (l *loader) readCommon(p *param, n *node) {
	if x := n.get("when"); x != nil {
		p.When = l.compile(&p.exprs, x, p.Name+".when")
	}
	if x := n.get("flag"); x != nil && x.form == scalar {
		p.Flag = x.value.Text()
		if strings.Trim(p.Flag, "-") == "" || strings.ContainsAny(p.Flag, " \t\n=") {
			l.errorf(x.place, "a word like --weight-decay", "%s.flag: %q", p.Name, clip(p.Flag))
		}
	}
	if x := n.get("was"); x != nil {
		p.Was = l.finite(x, p.Name+".was")
	}
}

func (l *loader) readDerived(p *param, n, x *node) bool {
	for _, e := range n.entries {
		if e.name != "expr" && !slices.Contains(anyParam, e.name) {
			l.errorf(e.at, "nothing of the kind", "%s.%s beside expr", p.Name, e.name)
		}
	}
	p.Derived = l.compile(&p.exprs, x, p.Name+".expr")
	return p.Derived != nil
}

// infer returns the distribution of a parameter that names none, as W&B does,
// or "" with what is wanted.
func (l *loader) infer(n *node) (d sweep.Dist, want string) {
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return n.get(name) == nil })
	}
	switch {
	case has("values", "probabilities"):
		return sweep.CategoricalWeighted, ""
	case has("values"):
		return sweep.Categorical, ""
	case has("value"):
		return sweep.Constant, ""
	case has("min", "max", "q"):
		return "", "distribution: q_uniform, or another of the q_ family"
	case has("min", "max"):
		ints := n.get("min").value.Kind() == sweep.Int && n.get("max").value.Kind() == sweep.Int
		log := n.get("scale") != nil && n.get("scale").raw == "log"
		switch {
		case ints:
			return sweep.IntUniform, ""
		case log:
			return sweep.LogUniformValues, ""
		}
		return sweep.Uniform, ""
	case has("mu") || has("sigma"):
		return "", "distribution: normal, or another of the normal family"
	case has("a") || has("b"):
		return "", "distribution: beta"
	case has("min"):
		return "", "max, too"
	case has("max"):
		return "", "min, too"
	}
	return "", "values, min and max, value or distribution"
}

func (l *loader) readDomain(p *param, n *node) bool {
	dist, want := sweep.Dist(""), ""
	at := p.at
	if x := n.get("distribution"); x != nil {
		dist, at = sweep.Dist(x.value.Text()), x.place
		if formOf(dist) == nil {
			l.errorf(at, orElse(nearest(string(dist), distNames()), oneOf(distNames())), "%s.distribution: %q", p.Name, clip(string(dist)))
			return false
		}
	} else if dist, want = l.infer(n); dist == "" {
		l.errorf(at, want, "%s: no distribution", p.Name)
		return false
	}
	form := formOf(dist)
	if !l.checkForm(p, n, form, at) {
		return false
	}
	p.Domain.Dist = dist
	switch dist {
	case sweep.Constant:
		p.Domain.Values = []sweep.Value{l.finite(n.get("value"), p.Name+".value")}
		return true
	case sweep.Categorical, sweep.CategoricalWeighted:
		return l.readValues(p, n.get("values"), n)
	}
	return l.readNumeric(p, n, form)
}

// checkForm reports keys that the distribution needs or does not have.
func (l *loader) checkForm(p *param, n *node, form *distForm, at place) bool {
	before := len(l.errs)
	for _, e := range n.entries {
		if form.takes(e.name) || e.name == "scale" && len(form.needs) > 0 && form.needs[0] == "min" && !form.exps {
			continue
		}
		want := append(append(slices.Clone(form.needs), form.may...), anyParam...)
		if form.dist == sweep.Categorical && e.name == "probabilities" {
			want = []string{"no distribution, or " + string(sweep.CategoricalWeighted)}
		}
		l.errorf(e.at, oneOf(want), "%s: %s has no %s", p.Name, form.dist, e.name)
	}
	for _, name := range form.needs {
		if n.get(name) == nil {
			l.errorf(at, name, "%s: %s without %s", p.Name, form.dist, name)
		}
	}
	if s := n.get("scale"); s != nil && len(l.errs) == before {
		log := s.raw == "log"
		if log != form.logs && !(log && form.dist == sweep.IntUniform) {
			l.errorf(s.place, "log_uniform_values, or no scale", "%s: scale %s of %s", p.Name, s.raw, form.dist)
		}
	}
	return len(l.errs) == before
}

// readValues reads the choices v of the parameter n.
func (l *loader) readValues(p *param, v, n *node) bool {
	if len(v.items) == 0 || len(v.items) > maxValues {
		l.errorf(v.place, fmt.Sprintf("1 to %d", maxValues), "%s: %d values", p.Name, len(v.items))
		return false
	}
	p.Domain.Dist = sweep.Categorical
	for _, c := range v.items {
		p.Domain.Values = append(p.Domain.Values, l.finite(c, p.Name))
	}
	l.sayAlike(p, v)
	w := n.get("probabilities")
	if w == nil {
		return true
	}
	p.Domain.Dist = sweep.CategoricalWeighted
	sum := 0.0
	for _, c := range w.items {
		f, _ := c.value.Number()
		p.Domain.Probabilities = append(p.Domain.Probabilities, f)
		sum += f
	}
	switch {
	case len(w.items) != len(v.items):
		l.errorf(w.place, "one each", "%s: %d probabilities for %d values", p.Name, len(w.items), len(v.items))
		return false
	case !(sum > 0) || math.IsInf(sum, 1):
		l.errorf(w.place, "1", "%s: the probabilities sum to %v", p.Name, sum)
		return false
	case math.Abs(sum-1) > 1e-6:
		l.warnf(w.place, "1", "%s: the probabilities sum to %v; they are scaled", p.Name, sum)
		fallthrough
	case sum != 1:
		for i := range p.Domain.Probabilities {
			p.Domain.Probabilities[i] /= sum
		}
	}
	return true
}

// sayAlike warns of choices that are one point though they differ on a command
// line: 1 and 1.0, which scikit-learn tells apart.
func (l *loader) sayAlike(p *param, v *node) {
	seen := map[string]sweep.Value{}
	for i, x := range p.Domain.Values {
		key := string(x.AppendKey(nil))
		if old, ok := seen[key]; ok && old.Kind() != x.Kind() {
			l.warnf(v.items[i].place, "", "%s: %s is %s again, the same point: a grid tries the first alone", p.Name, x, old)
		} else if !ok {
			seen[key] = x
		}
	}
}

// finite returns the value of n, which may be infinite but not NaN.
func (l *loader) finite(n *node, path string) sweep.Value {
	f, ok := n.value.Number()
	switch {
	case n.form != scalar || !ok:
	case math.IsNaN(f):
		l.errorf(n.place, "a number, or \"nan\" in quotes", "%s: NaN", path)
	case n.value.Kind() == sweep.Float && wholeNumber.MatchString(n.raw):
		l.warnf(n.place, "quotes to keep its digits", "%s: %s is beyond 64 bits and becomes %s", path, clip(n.raw), n.value)
	}
	return n.toValue()
}

// wholeNumber is an integer as YAML writes it.
var wholeNumber = regexp.MustCompile(`^[-+]?[0-9]+$`)

// readNumeric reads a distribution of numbers.
func (l *loader) readNumeric(p *param, n *node, form *distForm) bool {
	d := &p.Domain
	d.Sigma, d.A, d.B, d.Q = 1, 1, 1, 1
	for name, to := range map[string]*float64{"min": &d.Min, "max": &d.Max, "mu": &d.Mu, "sigma": &d.Sigma, "a": &d.A, "b": &d.B, "q": &d.Q} {
		if x := n.get(name); x != nil {
			*to, _ = x.value.Number()
		}
	}
	if x := n.get("levels"); x != nil {
		i, _ := x.value.Int64()
		if i > maxValues {
			l.errorf(x.place, fmt.Sprintf("at most %d", maxValues), "%s.levels: %d", p.Name, i)
			return false
		}
		d.Levels = int(i)
	}
	q := n.get("q")
	d.Ints = d.Dist == sweep.IntUniform || q != nil && q.value.Kind() == sweep.Int && form.takes("q")
	d.Log = d.Dist == sweep.IntUniform && n.get("scale") != nil && n.get("scale").raw == "log"
	lo, hi := n.get("min"), n.get("max")
	switch {
	case d.Dist == sweep.IntUniform && (lo.value.Kind() != sweep.Int || hi.value.Kind() != sweep.Int):
		l.errorf(lo.place, "integers", "%s: int_uniform of %s to %s", p.Name, lo.raw, hi.raw)
		return false
	case lo != nil && d.Min >= d.Max:
		l.errorf(hi.place, "max > min", "%s: min %s is not less than max %s", p.Name, lo.raw, hi.raw)
		return false
	case (form.logs || d.Log) && d.Min <= 0:
		l.errorf(lo.place, "> 0", "%s.min: %s on a log scale", p.Name, lo.raw)
		return false
	}
	if form.exps {
		l.clampExponents(p, lo)
		l.warnf(lo.place, "", "%s: min and max of %s are natural logarithms; %s takes the values themselves", p.Name, d.Dist, d.Dist+"_values")
	}
	l.neutral(d, form)
	if err := d.Check(); err != nil {
		what, want, _ := strings.Cut(err.Error(), "; want ")
		l.errorf(orPlace(lo, p.at), want, "%s: %s", p.Name, what)
		return false
	}
	l.sayRounded(p, n)
	if d.Dist == sweep.IntUniform && n.get("distribution") == nil && d.Min == 0 && d.Max == 1 {
		l.warnf(lo.place, fmt.Sprintf("%s.0 and %s.0 for the numbers between", lo.raw, hi.raw), "%s: min and max are integers, so only %s and %s are tried, as W&B has it", p.Name, lo.raw, hi.raw)
	}
	return true
}

// clampExponents keeps e^min and e^max inside what a float64 holds: W&B draws
// zero and infinity there.
func (l *loader) clampExponents(p *param, at *node) {
	const most = 700
	d := &p.Domain
	if lo, hi := max(d.Min, -most), min(d.Max, most); lo < hi && (lo != d.Min || hi != d.Max) {
		l.warnf(at.place, "", "%s: exponents of e beyond ±%d are cut off", p.Name, most)
		d.Min, d.Max = lo, hi
	}
}

// neutral clears what the distribution has no use for, so that equal domains
// are equal.
func (l *loader) neutral(d *sweep.Domain, form *distForm) {
	if !form.takes("sigma") {
		d.Sigma = 0
	}
	if !form.takes("a") {
		d.A, d.B = 0, 0
	}
	if !form.takes("q") {
		d.Q = 0
	}
}

// sayRounded says, once for a file, that quantised values stay in their bounds.
func (l *loader) sayRounded(p *param, n *node) {
	d := p.Domain
	if l.rounded || d.Q == 0 || n.get("min") == nil {
		return
	}
	lo, hi := d.Min, d.Max
	if formOf(d.Dist).exps {
		lo, hi = math.Exp(lo), math.Exp(hi)
	}
	whole := func(x float64) bool { return math.Abs(x/d.Q-math.Round(x/d.Q)) < 1e-9 }
	if !whole(lo) || !whole(hi) {
		l.rounded = true
		l.warnf(n.place, "", "%s: values are multiples of q inside min and max; W&B rounds beyond them", p.Name)
	}
}

func orPlace(n *node, at place) place {
	if n == nil {
		return at
	}
	return n.place
}

// compile reads an expression; nil after an error.
func (l *loader) compile(to *[]source, n *node, path string) sweep.Expr {
	if n.form != scalar || n.isNull() {
		l.errorf(n.place, "an expression", "%s: %s", path, n.describe())
		return nil
	}
	x, err := expr.Compile(n.raw)
	if err == nil {
		*to = append(*to, source{x, n, path})
		return x
	}
	at, msg, want := n.place, err.Error(), ""
	if e, ok := errors.AsType[*expr.Error](err); ok {
		at, msg = n.at(max(0, e.Col-1)), e.Msg
	}
	msg, want, _ = strings.Cut(msg, "; want ")
	if msg2, ok := strings.CutPrefix(msg, "want "); ok && want == "" {
		msg, want = clip(n.raw), msg2
	}
	l.errorf(at, want, "%s: %s", path, msg)
	return nil
}

// checkNames reports names in expressions that are no parameters: they would
// silently read as None.
func (l *loader) checkNames(sources []source) {
	all := l.names()
	for _, s := range sources {
		for _, name := range s.Names() {
			if l.declared[name] {
				continue
			}
			at := s.node.place
			if i := strings.Index(s.node.raw, name); i >= 0 {
				at = s.node.at(len([]rune(s.node.raw[:i])))
			}
			want := nearest(name, all)
			if want == "" && len(all) <= 12 {
				want = oneOf(all)
			}
			l.errorf(at, orElse(want, "a parameter"), "%s: unknown name %q", s.path, clip(name))
		}
	}
}
