package train

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Every exported name of the trainer says what it is, beginning with its name,
// and every package where its formulas come from.
func TestEverythingIsDocumented(t *testing.T) {
	for _, dir := range []string{".", "ckpt", "data", "kernel", "model", "optim"} {
		fset := token.NewFileSet()
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", dir, paths, err)
		}
		sources := false
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			sources = sources || strings.Contains(f.Doc.Text(), "Sources: ")
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if ok && fn.Name.IsExported() && exportedReceiver(fn) && !strings.HasPrefix(fn.Doc.Text(), fn.Name.Name+" ") {
					t.Errorf("%s: %s: no comment, or one that does not begin with its name", fset.Position(fn.Pos()), fn.Name.Name)
				}
			}
		}
		if !sources {
			t.Errorf("%s: the package comment names no sources", dir)
		}
	}
}

func exportedReceiver(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	typ := fn.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
