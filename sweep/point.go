package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Decode returns the point at u, one coordinate per Dim. ok is false where a
// constraint does not hold. It is an error if an expression cannot be computed.
func (s *Space) Decode(u []float64) (p Point, ok bool, err error) {
	p = s.Raw(u)
	ok, err = s.settle(p)
	return p, ok, err
}

// Raw is Decode before any rule: conditions and constraints are not looked at,
// derived parameters are Absent. Complete makes a point of it.
func (s *Space) Raw(u []float64) Point {
	if len(u) != len(s.dims) {
		panic("sweep: unit vector and space differ in length")
	}
	p := make(Point, len(s.base))
	copy(p, s.base)
	for d, dim := range s.dims {
		if len(dim.Params) == 1 {
			i := dim.Params[0]
			p[i] = s.Params[i].Domain.Decode(u[d])
			continue
		}
		n := len(s.Params[dim.Params[0]].Domain.Values)
		row := cell(clamp(u[d], 0, 1), int64(n))
		for _, i := range dim.Params {
			p[i] = s.Params[i].Domain.Values[row]
		}
	}
	return p
}

// Complete makes a point of raw values aligned with Params: it fills in
// constants and derived values, makes inactive parameters Absent and asks the
// constraints, which ok reports. It is an error if an active free parameter has
// no value or an expression cannot be computed. values is not changed.
func (s *Space) Complete(values []Value) (p Point, ok bool, err error) {
	if len(values) != len(s.Params) {
		panic("sweep: values and space differ in length")
	}
	p = make(Point, len(values))
	for i, v := range values {
		if s.free(i) {
			p[i] = v
		} else {
			p[i] = s.base[i]
		}
	}
	ok, err = s.settle(p)
	if err != nil {
		return nil, false, err
	}
	return p, ok, nil
}

// Fill makes a point of the values given, Absent where there is none, and draws
// the missing ones from u. Members of a zip group that are given choose among
// the rows that have them.
func (s *Space) Fill(given Point, u []float64) (p Point, ok bool, err error) {
	raw := s.Raw(u)
	for d, dim := range s.dims {
		if len(dim.Params) > 1 {
			if rows := s.matching(dim, given); len(rows) > 0 {
				row := rows[cell(clamp(u[d], 0, 1), int64(len(rows)))]
				for _, i := range dim.Params {
					raw[i] = s.Params[i].Domain.Values[row]
				}
			}
		}
		for _, i := range dim.Params {
			if !given[i].IsAbsent() {
				raw[i] = given[i]
			}
		}
	}
	return s.Complete(raw)
}

// drawLimit bounds the points that Draw refuses before it gives up.
const drawLimit = 1000

// Draw is Fill with random coordinates until the constraints hold; ok is false
// if they hold for none of a thousand. Then p is the last one that was refused.
// What is given in full is looked at once.
func (s *Space) Draw(given Point, rng *rand.Rand) (p Point, ok bool, err error) {
	tries := 1
	for i := range given {
		if given[i].IsAbsent() && s.free(i) {
			tries = drawLimit
		}
	}
	u := make([]float64, len(s.dims))
	for range tries {
		for i := range u {
			u[i] = rng.Float64()
		}
		if p, ok, err = s.Fill(given, u); err != nil || ok {
			return p, ok, err
		}
	}
	return p, false, nil
}

// Refuses returns the first constraint that does not hold at p, a point that
// Draw made of given, whatever had been drawn: it reads values that were given
// and constants alone. It is nil if there is none.
func (s *Space) Refuses(p, given Point) Expr {
	env := s.Env(p)
	for _, c := range s.Constraints {
		fixed := true
		for _, name := range c.Names() {
			i, ok := s.index[name]
			fixed = fixed && ok && s.Params[i].Derived == nil && (!s.free(i) || !given[i].IsAbsent())
		}
		if v, err := c.Eval(env); fixed && err == nil && !truth(v) {
			return c
		}
	}
	return nil
}

// matching returns the rows of a zip group that agree with the values p has.
func (s *Space) matching(d Dim, p Point) (rows []int) {
	for r := range s.Params[d.Params[0]].Domain.Values {
		agrees := true
		for _, i := range d.Params {
			agrees = agrees && (p[i].IsAbsent() || p[i].Equal(s.Params[i].Domain.Values[r]))
		}
		if agrees {
			rows = append(rows, r)
		}
	}
	return rows
}

// settle applies conditions and derived values to p, in place, and asks the
// constraints.
func (s *Space) settle(p Point) (ok bool, err error) {
	env := Env(nil)
	if s.ruled {
		env = s.Env(p)
	}
	for _, i := range s.order {
		param := &s.Params[i]
		if param.When != nil {
			v, err := param.When.Eval(env)
			if err != nil {
				return false, fmt.Errorf("%s: when: %w", param.Name, err)
			}
			if !truth(v) {
				p[i] = Value{}
				continue
			}
		}
		if param.Derived != nil {
			if p[i], err = param.Derived.Eval(env); err != nil {
				return false, fmt.Errorf("%s: expr: %w", param.Name, err)
			}
			if p[i].IsAbsent() {
				p[i] = NullValue()
			}
		} else if p[i].IsAbsent() {
			return false, fmt.Errorf("%s: no value; want %s", param.Name, param.Domain.Want())
		}
	}
	return s.allowed(p, env)
}

// allowed asks the constraints. One that cannot be computed because it reads an
// inactive parameter does not apply.
func (s *Space) allowed(p Point, env Env) (bool, error) {
	for _, c := range s.Constraints {
		v, err := c.Eval(env)
		if err != nil {
			if s.readsAbsent(c, p) {
				continue
			}
			return false, fmt.Errorf("constraint %s: %w", c, err)
		}
		if !truth(v) {
			return false, nil
		}
	}
	return true, nil
}

func (s *Space) readsAbsent(e Expr, p Point) bool {
	for _, name := range e.Names() {
		if i, ok := s.index[name]; ok && p[i].IsAbsent() {
			return true
		}
	}
	return false
}

// truth reports whether a condition holds, as Python judges: None, false, 0 and
// what is empty do not.
func truth(v Value) bool {
	switch v.kind {
	case Bool, Int, Float:
		return v.num != 0
	case String:
		return v.text != ""
	case JSON:
		return v.text != "[]" && v.text != "{}"
	}
	return false
}

// Env gives the values of p to expressions.
func (s *Space) Env(p Point) Env {
	return func(name string) (Value, bool) {
		i, ok := s.index[name]
		if !ok {
			return Value{}, false
		}
		return p[i], true
	}
}

// Encode returns the coordinates of p in the unit cube, one per Dim: the
// centres of cells. A dimension that is inactive at p, or has a value that is
// not a number and not one of its choices, is NaN.
func (s *Space) Encode(p Point) []float64 {
	u := make([]float64, len(s.dims))
	for d, dim := range s.dims {
		u[d] = s.encodeDim(dim, p)
	}
	return u
}

func (s *Space) encodeDim(dim Dim, p Point) float64 {
	if !s.Active(dim, p) {
		return math.NaN()
	}
	if len(dim.Params) > 1 {
		rows := s.matching(dim, p)
		if len(rows) == 0 {
			return math.NaN()
		}
		return (float64(rows[0]) + 0.5) / float64(len(s.Params[dim.Params[0]].Domain.Values))
	}
	i := dim.Params[0]
	u, ok := s.Params[i].Domain.Encode(p[i])
	if _, number := p[i].Number(); !ok && (!number || s.Params[i].Domain.family() == choice) {
		return math.NaN()
	}
	return u
}

// Active reports whether at least one parameter of d has a value at p.
func (s *Space) Active(d Dim, p Point) bool {
	for _, i := range d.Params {
		if !p[i].IsAbsent() {
			return true
		}
	}
	return false
}

// FromNames returns the values given by name as the domains write them, Absent
// for all others: what `points:` and `trawl add` say, for Fill. All unknown
// names, values outside of their domains, and values of one zip group that
// never go together are errors, joined.
func (s *Space) FromNames(values map[string]Value) (Point, error) {
	p := make(Point, len(s.Params))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i, ok := s.index[name]
		if !ok {
			errs = append(errs, fmt.Errorf("%s: not a parameter; want one of %s", name, s.names()))
			continue
		}
		if s.Params[i].Derived != nil {
			errs = append(errs, fmt.Errorf("%s: derived from other parameters; want it left out", name))
			continue
		}
		v, ok := s.Params[i].Domain.Take(values[name])
		if !ok {
			errs = append(errs, fmt.Errorf("%s: %s is outside; want %s", name, values[name], s.Params[i].Domain.Want()))
			continue
		}
		p[i] = v
	}
	for _, dim := range s.dims {
		if errs == nil && len(dim.Params) > 1 && s.Active(dim, p) && len(s.matching(dim, p)) == 0 {
			errs = append(errs, fmt.Errorf("%s: these values do not go together; want a row of the zip", s.dimNames(dim)))
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

func (s *Space) names() string {
	all := make([]string, 0, len(s.Params))
	for i := range s.Params {
		if s.Params[i].Derived == nil {
			all = append(all, s.Params[i].Name)
		}
	}
	return strings.Join(all, ", ")
}

func (s *Space) dimNames(d Dim) string {
	var all []string
	for _, i := range d.Params {
		all = append(all, s.Params[i].Name)
	}
	return strings.Join(all, ", ")
}

// Key returns the identity of p: a JSON object of its values with the names in
// order and inactive parameters left out, where numbers that are equal read
// equal.
func (s *Space) Key(p Point) string {
	var room [256]byte
	return string(s.appendObject(room[:0], p, Value.AppendKey))
}

// AppendJSON appends p as one flat JSON object, name to value, names in order;
// inactive parameters are left out.
func (s *Space) AppendJSON(b []byte, p Point) []byte {
	return s.appendObject(b, p, Value.AppendJSON)
}

func (s *Space) appendObject(b []byte, p Point, add func(Value, []byte) []byte) []byte {
	b = append(b, '{')
	first := true
	for i, v := range p {
		if v.IsAbsent() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = add(v, append(b, s.quoted[i]...))
	}
	return append(b, '}')
}

// ParseJSON reads what AppendJSON wrote. Names that the space does not have are
// ignored, missing ones are Absent; values outside of their domains are kept,
// as a former revision of the sweep may have had them.
func (s *Space) ParseJSON(doc []byte) (Point, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(doc, &object); err != nil {
		return nil, fmt.Errorf("point: %w", err)
	}
	p := make(Point, len(s.Params))
	for name, raw := range object {
		i, ok := s.index[name]
		if !ok {
			continue
		}
		var v Value
		if err := v.UnmarshalJSON(raw); err != nil {
			return nil, fmt.Errorf("point: %s: %w", name, err)
		}
		p[i] = s.Params[i].reread(v)
	}
	return p, nil
}

// reread turns the text that stands for a float which JSON cannot write back
// into that float, unless the text itself is a choice.
func (p *Param) reread(v Value) Value {
	var f float64
	switch v.Text() {
	case "NaN":
		f = math.NaN()
	case "Infinity":
		f = math.Inf(1)
	case "-Infinity":
		f = math.Inf(-1)
	default:
		return v
	}
	if p.Derived == nil {
		for _, w := range p.Domain.Values {
			if v == w {
				return v
			}
		}
	}
	return FloatValue(f)
}

// Adopt returns p, a point of an earlier revision, as one of s: a parameter that
// it lacks has the value that Was says, unless its condition does not hold
// there. inside reports whether the result is a point of s. p is not changed.
func (s *Space) Adopt(p Point) (q Point, inside bool) {
	q = slices.Clone(p)
	for i := range q {
		if q[i].IsAbsent() {
			q[i] = s.Params[i].Was
		}
	}
	done, inside, err := s.Complete(q)
	if err != nil {
		return q, false
	}
	for i := range q {
		if done[i].IsAbsent() && p[i].IsAbsent() {
			q[i] = Value{} // Was is of trials where it is active
		}
		inside = inside && done[i].Equal(q[i])
		if s.Params[i].Derived == nil && !q[i].IsAbsent() {
			_, ok := s.Params[i].Domain.Take(q[i])
			inside = inside && ok
		}
	}
	for _, dim := range s.dims {
		inside = inside && (len(dim.Params) == 1 || len(s.matching(dim, q)) > 0)
	}
	return q, inside
}

// Nested returns the Values of p, inactive ones left out; a parameter with a
// Path stands inside the maps that it names. As JSON each prints as it does
// alone: 1.0 stays a float, and what is not finite is a text.
func (s *Space) Nested(p Point) map[string]any {
	out := map[string]any{}
	for i, v := range p {
		if v.IsAbsent() {
			continue
		}
		path := s.Params[i].Path
		if len(path) == 0 {
			path = []string{s.Params[i].Name}
		}
		at := out
		for _, name := range path[:len(path)-1] {
			inner, ok := at[name].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[name] = inner
			}
			at = inner
		}
		at[path[len(path)-1]] = v
	}
	return out
}
