// Package option reads the keys of `early_terminate:`.
//
// A key that is unknown, or holds something else than it should, is an Error
// that names it and says what is wanted. So that one reading finds all that is
// wrong, a Reader collects the errors and returns defaults meanwhile.
package option

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/trawl-sweep/trawl/sweep"
)

// An Error is what is wrong with one key.
type Error struct {
	Key  string // as the file writes it
	What string // "0"
	Want string // "an integer, 1 or more"
}

func (e *Error) Error() string {
	return fmt.Sprintf("early_terminate.%s: %s; want %s", e.Key, e.What, e.Want)
}

// Within returns err with the keys of its Errors below the key outer, as
// outer.key.
func Within(outer string, err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range many.Unwrap() {
			out = append(out, Within(outer, e))
		}
		return errors.Join(out...)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{outer + "." + e.Key, e.What, e.Want}
	}
	return err
}

// A Reader hands out the options of one `early_terminate:`.
type Reader struct {
	options map[string]sweep.Value
	kind    string
	known   []string // first names, in the order asked for
	seen    map[string]bool
	errs    []error
}

// Read starts reading e. A key whose value is null counts as not given.
func Read(e *sweep.EarlyTerminate) *Reader {
	r := &Reader{kind: e.Type, options: map[string]sweep.Value{}, seen: map[string]bool{}}
	for name, v := range e.Options {
		if k := v.Kind(); k != sweep.Null && k != sweep.Absent {
			r.options[name] = v
		}
	}
	return r
}

// find returns the value under the first of the names that is given; the
// others are what other programs call the same thing. Two at once is an error.
func (r *Reader) find(names []string) (name string, v sweep.Value, ok bool) {
	r.known = append(r.known, names[0])
	for _, n := range names {
		r.seen[n] = true
		w, given := r.options[n]
		switch {
		case given && ok:
			r.fail(n, "the same as "+name, "one of them")
		case given:
			name, v, ok = n, w, true
		}
	}
	return name, v, ok
}

func (r *Reader) fail(key, what, want string) {
	r.errs = append(r.errs, &Error{key, what, want})
}

// Fail records that a key is wrong for a reason that only the pruner knows.
func (r *Reader) Fail(key, what, want string) { r.fail(key, what, want) }

// Given reports whether the key has a value.
func (r *Reader) Given(key string) bool {
	_, ok := r.options[key]
	return ok
}

// Int reads an integer that is at least least; 4.0 is one.
func (r *Reader) Int(otherwise, least int64, names ...string) int64 {
	name, v, ok := r.find(names)
	if !ok {
		return otherwise
	}
	i, ok := v.Int64()
	if f, number := v.Number(); !ok && number && v.Kind() == sweep.Float && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		i, ok = int64(f), true
	}
	if !ok || i < least {
		r.fail(name, show(v), fmt.Sprintf("an integer, %d or more", least))
		return otherwise
	}
	return i
}

// Number reads a finite number for which ok holds; want says in words which.
func (r *Reader) Number(otherwise float64, ok func(float64) bool, want string, names ...string) float64 {
	name, v, given := r.find(names)
	if !given {
		return otherwise
	}
	f, number := v.Number()
	if !number || v.Kind() == sweep.Bool || math.IsNaN(f) || math.IsInf(f, 0) || !ok(f) {
		r.fail(name, show(v), want)
		return otherwise
	}
	return f
}

// Bool reads true or false.
func (r *Reader) Bool(otherwise bool, names ...string) bool {
	name, v, ok := r.find(names)
	if !ok {
		return otherwise
	}
	f, _ := v.Number()
	if v.Kind() != sweep.Bool {
		r.fail(name, show(v), "true or false")
		return otherwise
	}
	return f != 0
}

// Text reads a text; words are those allowed, none for any.
func (r *Reader) Text(otherwise string, words []string, names ...string) string {
	name, v, ok := r.find(names)
	if !ok {
		return otherwise
	}
	want := "a text"
	if len(words) > 0 {
		want = strings.Join(words, " or ")
	}
	if v.Kind() != sweep.String || len(words) > 0 && !slices.Contains(words, v.Text()) {
		r.fail(name, show(v), want)
		return otherwise
	}
	return v.Text()
}

// Value hands out what stands under a key of a form of its own.
func (r *Reader) Value(key string) (sweep.Value, bool) {
	_, v, ok := r.find([]string{key})
	return v, ok
}

// Wrong returns what is wrong with the keys that were asked for.
func (r *Reader) Wrong() error { return errors.Join(r.errs...) }

// Err returns everything that is wrong, the keys that were not asked for
// included, nil if nothing is. Each error wraps an *Error.
func (r *Reader) Err() error {
	for _, name := range slices.Sorted(maps.Keys(r.options)) {
		if !r.seen[name] {
			r.fail(name, "not a key of "+r.kind, strings.Join(r.known, ", "))
		}
	}
	return errors.Join(r.errs...)
}

// show writes a value as it may stand in the file, clipped.
func show(v sweep.Value) string {
	s := v.Python()
	if v.Kind() == sweep.String {
		s = fmt.Sprintf("%q", s)
	}
	if len(s) > 40 {
		s = s[:37] + "…"
	}
	return s
}

// The conditions that Number is used with.
func AtLeastZero(f float64) bool { return f >= 0 }
func MoreThanOne(f float64) bool { return f > 1 }
func Any(float64) bool           { return true }
