package importrules_test

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

// inBubbles are files whose functions sleep in the synctest bubbles of other files,
// or simulate a slow store.
var inBubbles = []string{
	"tokens/storespy_test.go",
	"store/storetest/userviolations_test.go",
}

// TestF38NoTestWaitsForTheClock checks that each test file that calls time.Sleep
// imports testing/synctest, where the clock advances without waiting.
func TestF38NoTestWaitsForTheClock(t *testing.T) {
	t.Parallel()
	bubbles := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "examples" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if !sleeps(f) || slices.Contains(inBubbles, filepath.ToSlash(name)) {
			return nil
		}
		if !slices.ContainsFunc(f.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"testing/synctest"` }) {
			t.Errorf("%s calls time.Sleep outside of a synctest bubble", name)
		}
		bubbles++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if bubbles == 0 {
		t.Error("no test calls time.Sleep: this test looks for a call that is now written differently")
	}
}

// sleeps reports whether a file calls time.Sleep.
func sleeps(f *ast.File) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
				found = true
			}
		}
		return !found
	})
	return found
}
