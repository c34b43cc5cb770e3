package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A host reads the comments with go doc, and not the code. So every exported name
// has one: it begins with the name, and a number in a config says what zero means.
func TestDocsComments(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	packages := map[string][]*ast.File{}
	for _, tree := range []string{"configerror", "middleware", "store", "tokens"} {
		err := filepath.WalkDir(filepath.Join(root, tree), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "internal":
				return filepath.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(packages) < 10 {
		t.Fatalf("must read the packages of three trees, got %d packages", len(packages))
	}
	for _, one := range packages {
		for _, found := range uncommented(one) {
			at := files.Position(found.at)
			t.Errorf("%s:%d: %s", filepath.ToSlash(at.Filename), at.Line, found.problem)
		}
	}
}

// uncommentedName is an exported name whose comment lacks something.
type uncommentedName struct {
	at      token.Pos
	problem string
}

// commentCheck collects what is wrong with the comments of one package.
type commentCheck struct {
	found []uncommentedName
}

func (c *commentCheck) addf(at token.Pos, format string, args ...any) {
	c.found = append(c.found, uncommentedName{at, fmt.Sprintf(format, args...)})
}

// uncommented returns what is wrong with the comments of a package.
func uncommented(files []*ast.File) []uncommentedName {
	var c commentCheck
	name := files[0].Name.Name
	if !slices.ContainsFunc(files, func(f *ast.File) bool { return strings.HasPrefix(f.Doc.Text(), "Package "+name+" ") }) {
		c.addf(files[0].Package, "a file must have a comment that begins with %q", "Package "+name)
	}
	for _, file := range files {
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && ast.IsExported(receiver(d)) {
					c.begins(d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					c.spec(d, spec)
				}
			}
		}
	}
	return c.found
}

// receiver returns the name of a method's type, and the name of a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	on := d.Recv.List[0].Type
	for {
		switch x := on.(type) {
		case *ast.StarExpr:
			on = x.X
		case *ast.IndexExpr:
			on = x.X
		case *ast.IndexListExpr:
			on = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func (c *commentCheck) spec(d *ast.GenDecl, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && spec.Doc.Text()+spec.Comment.Text()+d.Doc.Text() == "" {
				c.addf(name.Pos(), "%s must have a comment", name.Name)
			}
		}
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return
		}
		doc := spec.Doc
		if doc == nil {
			doc = d.Doc
		}
		c.begins(spec.Name, doc)
		switch of := spec.Type.(type) {
		case *ast.StructType:
			c.fields(spec.Name.Name, of)
		case *ast.InterfaceType:
			c.methods(of)
		}
	}
}

// begins complains if a comment does not begin with the name that it is of.
func (c *commentCheck) begins(name *ast.Ident, doc *ast.CommentGroup) {
	text := doc.Text()
	for _, article := range []string{"A ", "An ", "The "} {
		text = strings.TrimPrefix(text, article)
	}
	if !strings.HasPrefix(text, name.Name+" ") && !strings.HasPrefix(text, "Deprecated: ") {
		c.addf(name.Pos(), "%s must have a comment that begins with its name", name.Name)
	}
}

func (c *commentCheck) methods(of *ast.InterfaceType) {
	for _, m := range of.Methods.List {
		for _, name := range m.Names { // an embedded interface has none
			if name.IsExported() {
				c.begins(name, m.Doc)
			}
		}
	}
}

// zero is how a comment says what the zero value does.
var zero = regexp.MustCompile(`(?i)\b(0|zero|default|required)\b`)

func (c *commentCheck) fields(structName string, of *ast.StructType) {
	for _, f := range of.Fields.List {
		text := f.Doc.Text() + f.Comment.Text()
		for _, name := range f.Names {
			switch {
			case !name.IsExported():
			case text == "":
				c.addf(name.Pos(), "%s.%s must have a comment", structName, name.Name)
			case strings.HasSuffix(structName, "Config") && isNumber(f.Type) && !zero.MatchString(text):
				c.addf(name.Pos(), "the comment of %s.%s must say what zero means", structName, name.Name)
			}
		}
	}
}

// isNumber reports whether a type is numeric as it is written: a predeclared one or
// a time.Duration.
func isNumber(of ast.Expr) bool {
	switch of := of.(type) {
	case *ast.Ident:
		return regexp.MustCompile(`^(u?int(8|16|32|64)?|float(32|64)|byte)$`).MatchString(of.Name)
	case *ast.SelectorExpr:
		return of.Sel.Name == "Duration"
	}
	return false
}

// A check that finds nothing anywhere checks nothing.
func TestUncommentedNamesAreFound(t *testing.T) {
	t.Parallel()
	const good = "// Package p is one.\npackage p\n"
	for _, test := range []struct {
		name, text string
		problems   int
	}{
		{"a package without a comment", "package p", 1},
		{"a package with another's comment", "// Package q is one.\npackage p", 1},
		{"a function without a comment", good + "func F() {}", 1},
		{"a comment that begins with another name", good + "// G does it.\nfunc F() {}", 1},
		{"a comment that begins with a longer name", good + "// Full does it.\nfunc F() {}", 1},
		{"an exported method of a generic type", good + "// T is one.\ntype T[P any] struct{}\nfunc (*T[P]) M() {}", 1},
		{"a type without a comment", good + "type T int", 1},
		{"a constant without a comment", good + "const C = 1", 1},
		{"a field without a comment", good + "// T is one.\ntype T struct{ F string }", 1},
		{"two fields without a comment", good + "// T is one.\ntype T struct{ F, G string }", 2},
		{"a method of an interface without a comment", good + "// I is one.\ntype I interface{ M() }", 1},
		{"a number in a config without its zero", good + "// Config is one.\ntype Config struct {\n// N is a number.\nN int\n}", 1},
		{"a duration in a config without its zero", good + "// XConfig is one.\ntype XConfig struct {\n// D is how long.\nD time.Duration\n}", 1},

		{"a function with a comment", good + "// F does it.\nfunc F() {}", 0},
		{"a type with an article", good + "// A T is one.\ntype T int", 0},
		{"constants with a comment of their group", good + "// Both are ones.\nconst (\nC = 1\nD = 1\n)", 0},
		{"a constant with a comment behind it", good + "const C = 1 // is one", 0},
		{"a zero that is said", good + "// Config is one.\ntype Config struct {\n// N is a number. Zero: 5.\nN int\n}", 0},
		{"a number outside of a config", good + "// T is one.\ntype T struct {\n// N is a number.\nN int\n}", 0},
		{"what is not exported", good + "type t struct{ F int }\nfunc (t) M() {}\nfunc f() {}\nconst c = 1", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file, err := parser.ParseFile(token.NewFileSet(), "p.go", test.text, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if found := uncommented([]*ast.File{file}); len(found) != test.problems {
				t.Errorf("got %v, must be %d", found, test.problems)
			}
		})
	}
}
