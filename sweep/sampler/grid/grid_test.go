package grid

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
	"github.com/trawl-sweep/trawl/sweep/sampler/samplertest"
)

func TestLaws(t *testing.T) { samplertest.Run(t, "grid", New) }

func TestLawsShuffled(t *testing.T) {
	samplertest.Run(t, "grid", func(p sweep.Plan) (sweep.Sampler, error) {
		p.Options = shuffled
		return New(p)
	})
}

var shuffled = map[string]sweep.Value{"order": sweep.StringValue("shuffled")}

// all returns the keys of all points in order, "-" where one is skipped.
func all(t *testing.T, p sweep.Plan) (keys []string) {
	t.Helper()
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	ps, err := s.Ask(sweep.Query{N: 1 << 20, Seed: p.Seed})
	if err != nil {
		t.Fatal(err)
	}
	for _, prop := range ps {
		if prop.Point == nil {
			keys = append(keys, "-")
		} else {
			keys = append(keys, p.Space.Key(prop.Point))
		}
	}
	return keys
}

func TestOrder(t *testing.T) {
	a := sweep.Param{Name: "a", Domain: samplertest.Texts("x", "y")}
	b := sweep.Param{Name: "b", Domain: samplertest.Ints(1, 2, 1)}
	for _, tt := range []struct {
		name  string
		space *sweep.Space
		want  string
	}{
		{"last name fastest, duplicates dropped", samplertest.Must([]sweep.Param{b, a}, nil),
			`{"a":"x","b":1} {"a":"x","b":2} {"a":"y","b":1} {"a":"y","b":2}`},
		{"zip where its first name is", samplertest.Must([]sweep.Param{
			{Name: "c", Domain: samplertest.Ints(7, 8)}, b, {Name: "aa", Domain: samplertest.Ints(5, 6)},
		}, nil, []string{"c", "aa"}),
			`{"aa":5,"b":1,"c":7} {"aa":5,"b":2,"c":7} {"aa":6,"b":1,"c":8} {"aa":6,"b":2,"c":8}`},
		{"inactive parameters collapse", samplertest.Must([]sweep.Param{a, {Name: "b", Domain: b.Domain, When: samplertest.Is("a", "y")}}, nil),
			`{"a":"x"} - {"a":"y","b":1} {"a":"y","b":2}`},
		{"a zip that is inactive in part", samplertest.Must([]sweep.Param{
			{Name: "m", Domain: samplertest.Texts("on", "off")},
			{Name: "p", Domain: samplertest.Ints(1, 1, 2)},
			{Name: "q", Domain: samplertest.Ints(1, 2, 3), When: samplertest.Is("m", "on")},
		}, nil, []string{"p", "q"}),
			`{"m":"on","p":1,"q":1} {"m":"on","p":1,"q":2} {"m":"on","p":2,"q":3} {"m":"off","p":1} - {"m":"off","p":2}`},
		{"forbidden points are skipped", samplertest.Must([]sweep.Param{a, b}, []sweep.Expr{samplertest.Below(2, "b")}),
			`{"a":"x","b":1} - {"a":"y","b":1} -`},
		{"nothing free", samplertest.Must([]sweep.Param{{Name: "c", Domain: sweep.Domain{Dist: sweep.Constant, Values: []sweep.Value{sweep.IntValue(1)}}}}, nil),
			`{"c":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(all(t, sweep.Plan{Space: tt.space}), " "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestEachPointOnce: over all spaces, no point comes twice, and Size counts
// what is there.
func TestEachPointOnce(t *testing.T) {
	for _, s := range samplertest.Spaces() {
		for _, options := range []map[string]sweep.Value{nil, shuffled} {
			seen := map[string]bool{}
			for _, key := range all(t, sweep.Plan{Space: s.Space, Options: options, Seed: 5}) {
				if key == "-" {
					continue
				}
				if seen[key] {
					t.Errorf("%s: %s comes twice", s.Name, key)
				}
				seen[key] = true
			}
			n, exact, err := Size(s.Space)
			if err != nil || !exact || n != int64(len(seen)) {
				t.Errorf("%s: Size is %d, %v, %v; there are %d points", s.Name, n, exact, err, len(seen))
			}
		}
	}
}

// TestAllOfASpaceIsThere compares with the points of every combination.
func TestAllOfASpaceIsThere(t *testing.T) {
	for _, s := range samplertest.Spaces() {
		want := map[string]bool{}
		g, err := build(sweep.Plan{Space: s.Space})
		if err != nil {
			t.Fatal(err)
		}
		for i := range g.size {
			raw := make([]sweep.Value, len(s.Space.Params))
			for d := range g.axes {
				a := &g.axes[d]
				k := i
				for e := d + 1; e < len(g.axes); e++ {
					k /= g.axes[e].n
				}
				a.set(s.Space, raw, k%a.n)
			}
			p, ok, err := s.Space.Complete(raw)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				want[s.Space.Key(p)] = true
			}
		}
		for _, key := range all(t, sweep.Plan{Space: s.Space}) {
			delete(want, key)
		}
		if len(want) > 0 {
			t.Errorf("%s: %d points are missing", s.Name, len(want))
		}
	}
}

func TestShuffledIsAnotherOrderOfTheSame(t *testing.T) {
	space := samplertest.Spaces()[0].Space
	sorted := all(t, sweep.Plan{Space: space})
	one := all(t, sweep.Plan{Space: space, Seed: 1, Options: shuffled})
	two := all(t, sweep.Plan{Space: space, Seed: 2, Options: shuffled})
	if fmt.Sprint(one) == fmt.Sprint(sorted) || fmt.Sprint(one) == fmt.Sprint(two) {
		t.Error("orders coincide")
	}
	left := map[string]bool{}
	for _, key := range sorted {
		left[key] = true
	}
	for _, key := range one {
		delete(left, key)
	}
	if len(one) != len(sorted) || len(left) > 0 {
		t.Errorf("%d of %d points are missing", len(left), len(sorted))
	}
}

// huge returns a plain space of 10^n combinations.
func huge(n int) *sweep.Space {
	var params []sweep.Param
	for i := range n {
		params = append(params, sweep.Param{Name: fmt.Sprintf("p%02d", i), Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 0, Max: 9}})
	}
	return samplertest.Must(params, nil)
}

func TestHugeGrids(t *testing.T) {
	space := huge(12)
	n, exact, err := Size(space)
	if n != 1e12 || !exact || err != nil {
		t.Errorf("Size: got %d, %v, %v; want 10^12", n, exact, err)
	}
	s, err := New(sweep.Plan{Space: space})
	if err != nil {
		t.Fatal(err)
	}
	ps, err := s.Ask(sweep.Query{First: 123456789012, N: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, v := range ps[0].Point {
		got.WriteString(v.Python())
	}
	if got.String() != "123456789012" {
		t.Errorf("point 123456789012: got digits %s", got.String())
	}
	if _, err := New(sweep.Plan{Space: huge(19)}); err == nil || !strings.Contains(err.Error(), "2^62") {
		t.Errorf("10^19 combinations: got %v; want an error that says 2^62", err)
	}
}

func TestSizeBeyondCounting(t *testing.T) {
	var params []sweep.Param
	for i := range 7 {
		params = append(params, sweep.Param{Name: fmt.Sprintf("p%d", i), Domain: sweep.Domain{Dist: sweep.IntUniform, Min: 0, Max: 9}})
	}
	rule := []sweep.Expr{samplertest.Below(5, "p0")}
	n, exact, err := Size(samplertest.Must(params, rule))
	if n != 1e7 || exact || err != nil {
		t.Errorf("10^7 combinations: got %d, %v, %v; want the bound", n, exact, err)
	}
	n, exact, err = Size(samplertest.Must(params[:6], rule))
	if n != 5e5 || !exact || err != nil {
		t.Errorf("10^6 combinations: got %d, %v, %v; want 500000 exactly", n, exact, err)
	}
}

func TestEnds(t *testing.T) {
	plan := sweep.Plan{Space: huge(12)}
	first, err := First(plan, 3)
	if err != nil || len(first) != 3 || plan.Space.Key(first[2]) != plan.Space.Key(last(t, plan, 2)) {
		t.Errorf("First: got %v, %v", first, err)
	}
	end, err := Last(plan, 2)
	if err != nil || len(end) != 2 || plan.Space.Key(end[0]) != plan.Space.Key(last(t, plan, 1e12-2)) {
		t.Errorf("Last: got %v, %v", end, err)
	}
	ruled := sweep.Plan{Space: samplertest.Must([]sweep.Param{{Name: "a", Domain: samplertest.Ints(1, 2, 3)}}, []sweep.Expr{samplertest.Below(3, "a")})}
	if end, err := Last(ruled, 1); err != nil || len(end) != 1 || end[0][0].Python() != "2" {
		t.Errorf("Last with a constraint: got %v, %v; want 2", end, err)
	}
	if end, err := First(ruled, 9); err != nil || len(end) != 2 {
		t.Errorf("First of fewer: got %v, %v; want two", end, err)
	}
}

// last returns point i of the grid of a plan.
func last(t *testing.T, p sweep.Plan, i int64) sweep.Point {
	t.Helper()
	g, err := build(p)
	if err != nil {
		t.Fatal(err)
	}
	point, err := g.at(i)
	if err != nil {
		t.Fatal(err)
	}
	return point
}

func TestErrors(t *testing.T) {
	lr := sweep.Param{Name: "lr", Domain: sweep.Domain{Dist: sweep.Uniform, Max: 1}}
	continuous := samplertest.Must([]sweep.Param{lr}, nil)
	for _, tt := range []struct {
		name string
		plan sweep.Plan
		want string
	}{
		{"no levels", sweep.Plan{Space: continuous}, "lr: a grid needs a finite list; want levels, q or values"},
		{"order", sweep.Plan{Space: huge(1), Options: map[string]sweep.Value{"order": sweep.StringValue("random")}}, "order: random; want sorted or shuffled"},
	} {
		if _, err := New(tt.plan); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v; want %q", tt.name, err, tt.want)
		}
	}
	if _, _, err := Size(continuous); err == nil {
		t.Error("Size: no error without levels")
	}
	if _, err := First(sweep.Plan{Space: continuous}, 1); err == nil {
		t.Error("First: no error without levels")
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1, 12} {
		b.Run(fmt.Sprintf("n=1e%d", n), func(b *testing.B) {
			space := huge(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := Size(space); err != nil {
					b.Fatal(err)
				}
				if _, err := First(sweep.Plan{Space: space}, 3); err != nil {
					b.Fatal(err)
				}
				if _, err := Last(sweep.Plan{Space: space}, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
