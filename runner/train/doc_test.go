package train

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// Every exported name of the trainer says what it is, beginning with its name,
// and every package where its formulas come from.
func TestEverythingIsDocumented(t *testing.T) {
	for _, dir := range []string{".", "ckpt", "data", "kernel", "model", "optim"} {
		fset := token.NewFileSet()
		pkgs, err := parser.ParseDir(fset, dir, nil, parser.ParseComments) //nolint:staticcheck // one directory, no build tags to mind
		if err != nil {
			t.Fatal(err)
		}
		sources := false
		for name, pkg := range pkgs {
			if strings.HasSuffix(name, "_test") {
				continue
			}
			for path, f := range pkg.Files {
				sources = sources || strings.Contains(f.Doc.Text(), "Sources: ")
				if strings.HasSuffix(path, "_test.go") {
					continue
				}
				for _, d := range f.Decls {
					fn, ok := d.(*ast.FuncDecl)
					if ok && fn.Name.IsExported() && exportedReceiver(fn) && !strings.HasPrefix(fn.Doc.Text(), fn.Name.Name+" ") {
						t.Errorf("%s: %s: no comment, or one that does not begin with its name", fset.Position(fn.Pos()), fn.Name.Name)
					}
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
