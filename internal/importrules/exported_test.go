package importrules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// maxExported is how many exported types and functions a package may have.
// Constants, variables, methods and fields are not counted: what a reader must
// learn first is the list of types and functions.
const maxExported = 45

func TestNoPackageHasTooManyExportedNames(t *testing.T) {
	t.Parallel()
	found, err := exported(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	// With an empty list, or one of another tree, the rule would always hold.
	if !slices.Contains(found["middleware"], "New") || !slices.Contains(found["store"], "User") {
		t.Fatalf("middleware.New and store.User are not among the names found in %d packages", len(found))
	}
	for dir, names := range found {
		if len(names) > maxExported {
			t.Errorf("%s has %d exported types and functions, want %d or fewer: %s",
				dir, len(names), maxExported, strings.Join(names, " "))
		}
	}
}

func TestExportedCountsTypesAndFunctionsOnly(t *testing.T) {
	t.Parallel()
	found, err := exported(fstest.MapFS{
		"a/a.go": {Data: []byte(`package a
type T struct{ Field int }
type ( U = T; v int; W[E any] []E )
func (T) Method() {}
func New() T { return T{} }
func helper() {}
const C = 1
var ErrGone error
`)},
		"a/b.go":            {Data: []byte("package a\nfunc Open() {}\n")},
		"a/a_test.go":       {Data: []byte("package a\nfunc InTest() {}\n")},
		"a/testdata/t.go":   {Data: []byte("package t\nfunc InTestdata() {}\n")},
		"cmd/main.go":       {Data: []byte("package main\nfunc Run() {}\n")},
		"other/go.mod":      {Data: []byte("module other\n")},
		"other/inner/in.go": {Data: []byte("package inner\nfunc InOtherModule() {}\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"New", "Open", "T", "U", "W"}; !slices.Equal(found["a"], want) || len(found) != 1 {
		t.Errorf("exported = %q, want only those of a: %q", found, want)
	}
}

// exported returns the exported types and functions of each package in the tree,
// by its folder. It leaves out tests, commands and other modules.
func exported(tree fs.FS) (map[string][]string, error) {
	found := map[string][]string{}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(tree, name)
		case path.Ext(name) != ".go", strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil || file.Name.Name == "main" {
			return err
		}
		dir := path.Dir(name)
		for _, decl := range file.Decls {
			found[dir] = append(found[dir], exportedIn(decl)...)
		}
		return nil
	})
	for _, names := range found {
		slices.Sort(names)
	}
	return found, err
}

// exportedIn returns the exported types and functions that decl declares.
func exportedIn(decl ast.Decl) []string {
	var names []string
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if typ, ok := spec.(*ast.TypeSpec); ok && typ.Name.IsExported() {
				names = append(names, typ.Name.Name)
			}
		}
	}
	return names
}
