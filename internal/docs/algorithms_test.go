package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Real clients sleep for Retry-After, whatever it is. So a program that people copy says
// for each limit of an hour or more how it comes back: GCRA, or another algorithm that
// somebody has chosen.
func TestFaultC10EveryLongLimitThatIsShownNamesItsAlgorithm(t *testing.T) {
	t.Parallel()
	apart := []string{"examples/bench", "examples/migrate"} // which measure, and keep what a host had
	shown := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		slash := filepath.ToSlash(name)
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".") && name != "." || slices.Contains(apart, slash) {
				return filepath.SkipDir
			}
			return nil
		}
		program := strings.HasPrefix(slash, "examples/") && !strings.HasSuffix(name, "_test.go")
		example := strings.HasPrefix(slash, "middleware/") && strings.Contains(filepath.Base(name), "example") &&
			!strings.HasPrefix(slash, "middleware/ratelimit/") // whose examples show each algorithm
		if filepath.Ext(name) != ".go" || !program && !example {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			fields := fieldsOf(n)
			if fields["Limit"] == nil || !isHours(fields["Period"]) {
				return true
			}
			shown++
			if fields["Algorithm"] == nil {
				t.Errorf("%s:%d: a limit of an hour or more has no Algorithm", slash, files.Position(n.Pos()).Line)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if shown < 20 {
		t.Errorf("%d limits were found: this test looks in the wrong place", shown)
	}
}

// fieldsOf returns the fields of a composite literal, by name, unless it is one of a
// package of others.
func fieldsOf(n ast.Node) map[string]ast.Expr {
	literal, ok := n.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	if named, ok := literal.Type.(*ast.SelectorExpr); ok {
		if from, ok := named.X.(*ast.Ident); ok && from.Name != "ratelimit" {
			return nil
		}
	}
	all := map[string]ast.Expr{}
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok {
				all[key.Name] = pair.Value
			}
		}
	}
	return all
}

// isHours reports whether an expression has time.Hour in it.
func isHours(e ast.Expr) bool {
	if e == nil {
		return false
	}
	return slices.Contains(selectors(e), "Hour")
}

func selectors(e ast.Expr) (all []string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			all = append(all, s.Sel.Name)
		}
		return true
	})
	return all
}
