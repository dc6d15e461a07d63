package sweep

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// An Expr is a compiled expression over named values: a condition, a
// constraint, a derived value, a stop rule. Package expr compiles them.
// It is pure and bounded: Eval ends within a fixed number of steps.
type Expr interface {
	String() string  // the source
	Names() []string // the names it reads, sorted
	// Eval computes the value. A name that env does not know, or whose value
	// is Absent, reads as None.
	Eval(env Env) (Value, error)
}

// Env gives the value of a name to an expression.
type Env func(name string) (Value, bool)

// A Param is one parameter of a space.
type Param struct {
	// Name is the flat name, unique in the space: the column in SQL, the word
	// in expressions. A nested parameter joins its path with dots.
	Name string
	// Path is the nesting of a parameter declared under `parameters:` of
	// another; nil for one declared at the top, whose name may have dots too.
	Path    []string
	Domain  Domain
	When    Expr   // nil: always active
	Derived Expr   // not nil: the value is computed, Domain is unused
	Flag    string // command-line name instead of --NAME; "" = default
	Was     Value  // what trials of earlier revisions had; Absent: unknown
}

// A Space is the parameters of a sweep, sorted by name, and the rules between
// them. It is immutable and safe for concurrent use.
type Space struct {
	Params      []Param
	Constraints []Expr
	Zips        [][]int // groups of indices of Params whose values move together
	dims        []Dim
	order       []int // evaluation order: what `when` and `expr` read comes first
	index       map[string]int
	base        Point    // the constants; Absent elsewhere
	quoted      []string // `"name":` of each parameter, as in JSON
	ruled       bool     // there are conditions, derived values or constraints
	size        int64    // of Finite; 0: not finite
}

// A Dim is one free coordinate of the unit cube: a parameter that is neither
// constant nor derived, or a zip group.
type Dim struct {
	Params []int // one index of Space.Params, or the members of a zip group
}

// A Point is one assignment of values, aligned with Space.Params; an inactive
// parameter is Absent. The repeat parameter is not part of it.
type Point []Value

// NewSpace returns the space of params, which it copies and sorts by name.
// Expressions may read names that are no parameters; those read as None.
//
// It is an error, with all problems joined, if a name is empty or given twice,
// a domain does not pass Check, conditions and derived values read each other
// in a circle, or a zip group is not of categorical parameters with equally
// many values, each in one group only.
func NewSpace(params []Param, constraints []Expr, zips [][]string) (*Space, error) {
	s := &Space{Params: slices.Clone(params), Constraints: slices.Clone(constraints)}
	sort.SliceStable(s.Params, func(i, j int) bool { return s.Params[i].Name < s.Params[j].Name })
	s.index = make(map[string]int, len(s.Params))
	s.base = make(Point, len(s.Params))
	s.ruled = len(constraints) > 0
	var errs []error
	for i := range s.Params {
		p := &s.Params[i]
		if _, twice := s.index[p.Name]; twice || p.Name == "" {
			errs = append(errs, fmt.Errorf("parameter %q: want a name, once", p.Name))
			continue
		}
		s.index[p.Name] = i
		s.quoted = append(s.quoted, string(append(appendJSONString(nil, p.Name), ':')))
		s.ruled = s.ruled || p.When != nil || p.Derived != nil
		if p.Derived != nil {
			continue
		}
		if err := p.Domain.Check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
		} else if p.Domain.Dist == Constant {
			s.base[i] = p.Domain.Values[0]
		}
	}
	if errs == nil {
		errs = append(s.setZips(zips), s.setOrder())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.setDims()
	s.size = s.count()
	return s, nil
}

// setZips resolves the names of the groups. The members of a group are sorted.
func (s *Space) setZips(zips [][]string) (errs []error) {
	taken := map[int]bool{}
	for _, names := range zips {
		if len(names) == 0 {
			continue
		}
		group := make([]int, 0, len(names))
		no := func(name, why string) {
			errs = append(errs, fmt.Errorf("zip %s: %s %s", strings.Join(names, ", "), name, why))
		}
		for _, name := range names {
			i, ok := s.index[name]
			if !ok {
				no(name, "is not a parameter")
				continue
			}
			p := &s.Params[i]
			switch {
			case taken[i]:
				no(name, "is in a zip already; want each parameter once")
			case p.Derived != nil || p.Domain.Dist != Categorical:
				no(name, "has no plain list of values")
			case len(group) > 0 && len(p.Domain.Values) != len(s.Params[group[0]].Domain.Values):
				no(name, fmt.Sprintf("has %d values; want %d, as many as %s", len(p.Domain.Values),
					len(s.Params[group[0]].Domain.Values), s.Params[group[0]].Name))
			default:
				group = append(group, i)
			}
			taken[i] = true
		}
		sort.Ints(group)
		s.Zips = append(s.Zips, group)
	}
	return errs
}

// setOrder finds an order in which every expression comes after what it reads.
func (s *Space) setOrder() error {
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(s.Params))
	var path []string
	var visit func(i int) error
	visit = func(i int) error {
		p := &s.Params[i]
		path = append(path, p.Name)
		defer func() { path = path[:len(path)-1] }()
		switch state[i] {
		case done:
			return nil
		case open:
			at := slices.Index(path, p.Name)
			return fmt.Errorf("parameters read each other in a circle: %s; want no circle", strings.Join(path[at:], " → "))
		}
		state[i] = open
		for _, name := range p.reads() {
			if j, ok := s.index[name]; ok {
				if err := visit(j); err != nil {
					return err
				}
			}
		}
		state[i] = done
		s.order = append(s.order, i)
		return nil
	}
	for i := range s.Params {
		if err := visit(i); err != nil {
			return err
		}
	}
	return nil
}

// reads returns the names that the condition and the formula of p read.
func (p *Param) reads() []string {
	var names []string
	if p.When != nil {
		names = append(names, p.When.Names()...)
	}
	if p.Derived != nil {
		names = append(names, p.Derived.Names()...)
	}
	return names
}

// setDims lists the free coordinates; a zip group stands where its first name is.
func (s *Space) setDims() {
	group := map[int][]int{}
	for _, z := range s.Zips {
		for _, i := range z {
			group[i] = z
		}
	}
	for i := range s.Params {
		switch z := group[i]; {
		case !s.free(i) || z != nil && z[0] != i:
		case z != nil:
			s.dims = append(s.dims, Dim{Params: z})
		default:
			s.dims = append(s.dims, Dim{Params: []int{i}})
		}
	}
}

// free reports whether parameter i is neither constant nor derived.
func (s *Space) free(i int) bool {
	return s.Params[i].Derived == nil && s.Params[i].Domain.Dist != Constant
}

// Dims returns the free coordinates of the unit cube in order of their first
// name. The caller must not change them.
func (s *Space) Dims() []Dim { return s.dims }

// Index returns the place of a parameter in Params and in every Point.
func (s *Space) Index(name string) (i int, ok bool) {
	i, ok = s.index[name]
	return i, ok
}

// Plain reports whether every combination of values is a point of its own:
// there are no conditions and no constraints.
func (s *Space) Plain() bool {
	if len(s.Constraints) > 0 {
		return false
	}
	for i := range s.Params {
		if s.Params[i].When != nil {
			return false
		}
	}
	return true
}

// Finite returns an upper bound of the number of distinct points, at most
// MaxInt64; ok is false if a parameter is continuous or unbounded.
func (s *Space) Finite() (n int64, ok bool) { return s.size, s.size > 0 }

func (s *Space) count() int64 {
	n := int64(1)
	for _, d := range s.dims {
		k, ok := s.Params[d.Params[0]].Domain.Card()
		if !ok {
			return 0
		}
		if len(d.Params) > 1 {
			k = int64(len(s.Rows(d)))
		}
		if n > math.MaxInt64/k {
			n = math.MaxInt64
		} else {
			n *= k
		}
	}
	return n
}

// Rows returns the indices into Values that d takes, without those that repeat
// an earlier row: of a zip group, or of one categorical parameter.
func (s *Space) Rows(d Dim) []int {
	var rows []int
	seen := map[string]bool{}
	var key []byte
	for r := range s.Params[d.Params[0]].Domain.Values {
		key = key[:0]
		for _, i := range d.Params {
			key = append(s.Params[i].Domain.Values[r].AppendKey(key), 0)
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			rows = append(rows, r)
		}
	}
	return rows
}
