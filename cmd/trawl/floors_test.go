package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A storey is one line of the floors table: packages by their path below the
// module, `*` standing for one element, and the modules from outside that they
// may import. A package imports the standard library and earlier lines only,
// on its own floor too; packages of one line do not import each other.
type storey struct {
	floor    int
	packages string
	modules  []string
}

const (
	avo         = "github.com/mmcloughlin/avo"
	cobraModule = "github.com/spf13/cobra"
	flock       = "github.com/gofrs/flock"
	gonum       = "gonum.org/v1/gonum"
	renameio    = "github.com/google/renameio/v2"
	sqlite      = "modernc.org/sqlite"
	starlark    = "go.starlark.net"
	xsync       = "golang.org/x/sync"
	xsys        = "golang.org/x/sys"
	xterm       = "golang.org/x/term"
	yaml        = "go.yaml.in/yaml/v4"
	bubbletea   = "charm.land/bubbletea/v2"
	lipgloss    = "charm.land/lipgloss/v2"
)

// floors is the import policy. If it stops you, the design is asking a
// question: move the type down, or declare a small interface where it is used.
var floors = []storey{
	{0, "sweep", []string{gonum + "/mathext"}},

	{1, "sweep/expr", []string{starlark}},
	{1, "sweep/pareto", nil},
	{1, "sweep/sampler/benchfn", []string{gonum}},
	{1, "sweep/sampler/qmc", nil},
	{1, "sweep/sampler/*", []string{gonum}},
	{1, "sweep/race", []string{gonum}},
	{1, "sweep/pruner/option", nil},
	{1, "sweep/pruner/rung", nil},
	{1, "sweep/pruner/*", []string{gonum}},
	{1, "runner", nil},
	{1, "runner/metric", nil},
	{1, "runner/train/kernel", []string{xsys}},
	{1, "runner/train/kernel/asm", []string{avo}}, // a program and module of its own, that writes the assembly
	{1, "runner/metric/tfevents", nil},
	{1, "runner/metric/csvlog", nil},
	{1, "runner/metric/files", nil},
	{1, "runner/trial", nil},
	{1, "runner/python", nil},
	{1, "runner/train/model", []string{gonum}},
	{1, "runner/train/optim", []string{gonum}},
	{1, "runner/train/sched", nil},
	{1, "runner/train/clip", []string{gonum}},
	{1, "runner/train/data", []string{gonum}},
	{1, "runner/train/ckpt", []string{renameio}},
	{1, "runner/local/bench/execloop", nil}, // a program of its own, that benchmarks compare with
	{1, "results/rank", []string{gonum}},
	{1, "results/bench/drive", nil}, // a program of its own: the other end of ask-tell
	{1, "results", []string{sqlite, flock, renameio, xsys}},
	{1, "results/chart", nil},

	{2, "sweep/sampler/samplertest", []string{gonum}},
	{2, "sweep/pruner/prunertest", []string{gonum}},
	{2, "runner/runnertest", nil},
	{2, "runner/runnertest/commandtest", nil},
	{2, "sweep/sampler", nil},
	{2, "sweep/sampler/bench/regret", nil}, // a program of its own, that measures samplers
	{2, "sweep/pruner", nil},
	{2, "runner/loop", []string{xsync}},
	{2, "runner/local", []string{xsys, flock, renameio, xsync}},
	{2, "runner/train", []string{renameio}},
	{2, "results/importance", []string{gonum}},
	{2, "results/report", nil},
	{2, "results/export", nil},

	{3, "configs/examples", nil},
	{3, "configs/guess", nil},
	{3, "configs", []string{yaml}},
	{3, "runner/inproc", []string{xsys}},
	{3, "runner/sim", nil},
	{3, "runner/slurm", []string{xsys, flock, renameio}},
	{3, "results/dash", nil},

	{4, "cmd/trawl", []string{cobraModule, xterm, xsys, xsync, renameio, bubbletea, lipgloss, "github.com/spf13/pflag"}},
}

// notOnFloor0 keeps the vocabulary free of I/O, clocks and goroutines' tools.
var notOnFloor0 = []string{"context", "os", "log/slog"}

// clocks are the functions of time that read the clock, and mayReadClock who
// may call them, with the reason. Timers are no clocks.
var (
	clocks       = []string{"Now", "Since", "Until"}
	mayReadClock = map[string]string{
		"cmd/trawl":                     "it wires the clock that all others are given",
		"runner/runnertest/commandtest": "a law waits for real processes, under a deadline",
		"runner/local":                  "the supervisor outlives trawl, so it enforces timeouts and stamps exits by itself",
		"runner/local/bench/execloop":   "a benchmark program measures itself",
		"results/bench/drive":           "a benchmark program measures what it drives",
	}
)

// globalRandom are functions of math/rand that draw from the shared generator.
var globalRandom = []string{"Int", "IntN", "Intn", "Int31", "Int31n", "Int32", "Int32N", "Int63", "Int63n", "Int64", "Int64N", "Uint32",
	"Uint32N", "Uint64", "Uint64N", "UintN", "Uint", "N", "Float32", "Float64", "NormFloat64", "ExpFloat64", "Perm", "Shuffle", "Seed", "Read"}

// A source is what the policy looks at in one file.
type source struct {
	file    string // below the module root, with slashes
	text    string // parsed instead of the file, in the test of the policy itself
	imports []string
	clock   []string // uses of the clock and of the global generator, with their place
	inits   []string // init functions, with their place
}

func (s source) pkg() string { return path.Dir(s.file) }

// look fills in what s imports and calls.
func (s *source) look(name string) error {
	set := token.NewFileSet()
	var src any
	if s.text != "" {
		src = s.text
	}
	f, err := parser.ParseFile(set, name, src, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	place := func(p token.Pos) string { return s.file + ":" + strconv.Itoa(set.Position(p).Line) }
	watched := map[string][]string{} // local name of a package → its watched functions
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		s.imports = append(s.imports, p)
		local := strings.TrimSuffix(p, "/v2")
		local = path.Base(local)
		if i.Name != nil {
			local = i.Name.Name
		}
		switch p {
		case "time":
			watched[local] = clocks
		case "math/rand", "math/rand/v2":
			watched[local] = globalRandom
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				s.inits = append(s.inits, place(n.Pos()))
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(watched[x.Name], n.Sel.Name) {
				s.clock = append(s.clock, fmt.Sprintf("%s: %s.%s", place(n.Pos()), x.Name, n.Sel.Name))
			}
		}
		return true
	})
	return nil
}

// row finds the line of a package: the one that spells it out before a pattern.
func row(table []storey, pkg string) (int, bool) {
	match := -1
	for i, s := range table {
		if s.packages == pkg {
			return i, true
		}
		if ok, err := path.Match(s.packages, pkg); err == nil && ok && match < 0 {
			match = i
		}
	}
	return match, match >= 0
}

// violations lists what the sources do against the policy.
func violations(module string, sources []source) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, s := range sources {
		at, ok := row(floors, s.pkg())
		if !ok {
			add("%s: package %s is on no floor; add it to the table in floors_test.go, on the lowest floor that holds what it imports", s.file, s.pkg())
			continue
		}
		for _, p := range s.imports {
			if msg := refuse(module, at, s.pkg(), p); msg != "" {
				add("%s: imports %s: %s", s.file, p, msg)
			}
		}
		for _, c := range s.clock {
			if mayReadClock[s.pkg()] == "" {
				add("%s: time and randomness are given, not taken; use the injected clock, Query.Rand or a generator with a seed", c)
			}
		}
		for _, i := range s.inits {
			add("%s: func init; registries are plain tables", i)
		}
	}
	return out
}

// refuse says why the package on line at may not import p; "" if it may.
func refuse(module string, at int, pkg, p string) string {
	own := floors[at]
	if below, ok := strings.CutPrefix(p, module+"/"); ok {
		to, known := row(floors, below)
		switch {
		case !known:
			return "it is on no floor"
		case to > at:
			return fmt.Sprintf("%s (floor %d) comes before %s (floor %d)", pkg, own.floor, below, floors[to].floor)
		case to == at:
			return fmt.Sprintf("packages of the line %q do not import each other", own.packages)
		case apart(pkg, below):
			return "runner and results never meet; both speak sweep"
		}
		return ""
	}
	first, _, _ := strings.Cut(p, "/")
	switch {
	case own.floor == 0 && slices.Contains(notOnFloor0, p):
		return "not on floor 0: no I/O, no clock, no goroutine"
	case p == "C":
		return "trawl is built without cgo"
	case !strings.Contains(first, "."):
		return ""
	case slices.ContainsFunc(own.modules, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") }):
		return ""
	}
	return fmt.Sprintf("%s may import from outside: %v", pkg, own.modules)
}

// apart reports whether one package is below runner and the other below results.
func apart(a, b string) bool {
	in := func(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }
	return in(a, "runner") && in(b, "results") || in(a, "results") && in(b, "runner")
}

// moduleRoot is the folder of go.mod above the test, and the module's path.
func moduleRoot(t *testing.T) (root, module string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if m, ok := strings.CutPrefix(line, "module "); ok {
			return root, strings.TrimSpace(m)
		}
	}
	t.Fatal("go.mod names no module")
	return "", ""
}

// sourcesOf reads all files of the module but tests, whatever system or tag
// they are for.
func sourcesOf(t *testing.T, root string) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		base := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' || strings.HasSuffix(base, "-runs")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s := source{file: filepath.ToSlash(rel)}
		if err := s.look(name); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A package imports earlier floors only; see the table.
func TestFloors(t *testing.T) {
	root, module := moduleRoot(t)
	sources := sourcesOf(t, root)
	if len(sources) < 20 {
		t.Fatalf("got %d files below %s, want the whole module", len(sources), root)
	}
	for _, v := range violations(module, sources) {
		t.Error(v)
	}
}

// The table itself is in order, and every exception has a reason and a place.
func TestFloorsTable(t *testing.T) {
	seen := map[string]bool{}
	for i, s := range floors {
		if i > 0 && s.floor < floors[i-1].floor {
			t.Errorf("%s (floor %d) stands behind floor %d", s.packages, s.floor, floors[i-1].floor)
		}
		if seen[s.packages] {
			t.Errorf("%s is listed twice", s.packages)
		}
		seen[s.packages] = true
	}
	for _, pkg := range slices.Sorted(maps.Keys(mayReadClock)) {
		if _, ok := row(floors, pkg); !ok || mayReadClock[pkg] == "" {
			t.Errorf("%s may read the clock: got no floor or no reason", pkg)
		}
	}
}

// Each breach is found, and what is allowed passes.
func TestFloorsBreaches(t *testing.T) {
	const m = "example.org/m"
	tests := []struct {
		name, file, text, want string
	}{
		{"standard library", "sweep/a.go", `import "math"`, ""},
		{"part of a module", "sweep/a.go", `import "gonum.org/v1/gonum/mathext"`, ""},
		{"downwards", "configs/a.go", `import "example.org/m/sweep"`, ""},
		{"a pattern's package", "sweep/sampler/tpe/a.go", `import "example.org/m/sweep"`, ""},
		{"the registry", "sweep/sampler/a.go", `import "example.org/m/sweep/sampler/tpe"`, ""},
		{"upwards", "sweep/a.go", `import "example.org/m/runner"`, "sweep (floor 0) comes before runner (floor 1)"},
		{"upwards on one floor", "results/rank/a.go", `import "example.org/m/results"`, "comes before"},
		{"beside", "sweep/sampler/tpe/a.go", `import "example.org/m/sweep/sampler/grid"`, "do not import each other"},
		{"the suite in a sampler", "sweep/sampler/tpe/a.go", `import "example.org/m/sweep/sampler/samplertest"`, "comes before"},
		{"the command", "configs/a.go", `import "example.org/m/cmd/trawl"`, "comes before"},
		{"runner meets results", "runner/loop/a.go", `import "example.org/m/results"`, "never meet"},
		{"results meets runner", "results/a.go", `import "example.org/m/runner"`, "never meet"},
		{"unknown package", "sweep/util/a.go", `import "math"`, "package sweep/util is on no floor; add it"},
		{"import of an unknown one", "configs/a.go", `import "example.org/m/common"`, "on no floor"},
		{"foreign module", "sweep/expr/a.go", `import "modernc.org/sqlite"`, "may import from outside: [go.starlark.net]"},
		{"like a module's name", "sweep/a.go", `import "gonum.org/v1/gonum/mathextra"`, "from outside"},
		{"more of the module", "sweep/a.go", `import "gonum.org/v1/gonum/mat"`, "from outside"},
		{"context on floor 0", "sweep/a.go", `import "context"`, "not on floor 0"},
		{"os on floor 0", "sweep/a.go", `import "os"`, "not on floor 0"},
		{"slog on floor 0", "sweep/a.go", `import "log/slog"`, "not on floor 0"},
		{"cgo", "runner/local/a.go", `import "C"`, "without cgo"},
		{"time as a type", "sweep/a.go", "import \"time\"\nvar t time.Time", ""},
		{"clock", "runner/loop/a.go", "import \"time\"\nvar t = time.Now()", "runner/loop/a.go:3: time.Now"},
		{"clock as a value", "results/a.go", "import \"time\"\nvar now = time.Now", "time.Now"},
		{"clock by another name", "results/a.go", "import clock \"time\"\nvar t = clock.Since", "clock.Since"},
		{"clock in the command", "cmd/trawl/a.go", "import \"time\"\nvar t = time.Now()", ""},
		{"clock in the supervisor", "runner/local/a.go", "import \"time\"\nvar t = time.Now()", ""},
		{"global generator", "runner/train/a.go", "import \"math/rand/v2\"\nvar x = rand.Float64()", "rand.Float64"},
		{"generator with a seed", "runner/train/a.go", "import \"math/rand/v2\"\nvar x = rand.New(rand.NewPCG(1, 2)).Float64()", ""},
		{"init", "sweep/expr/a.go", "func init() {}", "sweep/expr/a.go:2: func init"},
		{"a method called init", "sweep/expr/a.go", "type t int\nfunc (t) init() {}", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := source{file: tt.file, text: "package a\n" + tt.text + "\n"}
			if err := s.look(tt.file); err != nil {
				t.Fatal(err)
			}
			got := violations(m, []source{s})
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("got %q, want no breach", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("got %q, want one breach with %q", got, tt.want)
			}
		})
	}
}
