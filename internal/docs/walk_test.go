package docs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// code is type-checked source: the packages of the module that package middleware needs.
type code struct {
	fset      *token.FileSet
	functions map[*types.Func]*ast.FuncDecl
	info      *types.Info
	callbacks map[*types.Var][]ast.Expr // what is assigned to a field that holds a function
}

// load type-checks package middleware and what it imports of this module. All other
// packages are read from the build cache.
func load(t *testing.T) *code {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export", "./middleware")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	exports := map[string]string{}
	all := newCode()
	checked := map[string]*types.Package{}
	outside := importer.ForCompiler(all.fset, "gc", func(name string) (io.ReadCloser, error) { return os.Open(exports[name]) })
	inside := importerFunc(func(name string) (*types.Package, error) {
		if p := checked[name]; p != nil {
			return p, nil
		}
		return outside.Import(name)
	})
	for d := json.NewDecoder(bytes.NewReader(out)); ; { // what is imported comes first
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(p.ImportPath, module+"/") {
			exports[p.ImportPath] = p.Export
			continue
		}
		sources := map[string]string{}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			sources[path.Join(strings.TrimPrefix(p.ImportPath, module+"/"), name)] = string(text)
		}
		if checked[p.ImportPath], err = all.add(p.ImportPath, sources, inside); err != nil {
			t.Fatal(err)
		}
	}
}

type importerFunc func(string) (*types.Package, error)

func (f importerFunc) Import(name string) (*types.Package, error) { return f(name) }

func newCode() *code {
	return &code{
		fset: token.NewFileSet(), functions: map[*types.Func]*ast.FuncDecl{}, callbacks: map[*types.Var][]ast.Expr{},
		info: &types.Info{
			Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}, Types: map[ast.Expr]types.TypeAndValue{},
		},
	}
}

// add type-checks a package of the files, by their names.
func (c *code) add(name string, sources map[string]string, imports types.Importer) (*types.Package, error) {
	var files []*ast.File
	for _, file := range slices.Sorted(maps.Keys(sources)) {
		parsed, err := parser.ParseFile(c.fset, file, sources[file], parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, parsed)
	}
	p, err := (&types.Config{Importer: imports}).Check(name, c.fset, files, c.info)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				c.functions[c.info.Defs[f.Name].(*types.Func)] = f
			}
		}
		ast.Inspect(file, c.noteCallback)
	}
	return p, nil
}

// noteCallback notes what is assigned to fields.
func (c *code) noteCallback(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok {
			c.note(c.info.Uses[key], n.Value)
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if field, ok := left.(*ast.SelectorExpr); ok && len(n.Rhs) == len(n.Lhs) {
				c.note(c.info.Uses[field.Sel], n.Rhs[i])
			}
		}
	}
	return true
}

func (c *code) note(field types.Object, value ast.Expr) {
	if v, ok := field.(*types.Var); ok && v.IsField() {
		c.callbacks[v] = append(c.callbacks[v], value)
	}
}

// file returns the name of the file that n stands in.
func (c *code) file(n ast.Node) string { return c.fset.Position(n.Pos()).Filename }

// find returns a function by its name, such as "middleware.Auth.CheckLimit".
func (c *code) find(t *testing.T, name string) *types.Func {
	t.Helper()
	for f := range c.functions {
		if nameOf(f) == name {
			return f
		}
	}
	t.Fatalf("there is no function %s", name)
	return nil
}

// nameOf is a function's name behind that of its package, such as "ratelimit.Limiter.CheckLimit".
func nameOf(f *types.Func) string {
	name := f.Pkg().Name() + "."
	if recv := f.Signature().Recv(); recv != nil {
		of := recv.Type()
		if p, ok := of.(*types.Pointer); ok {
			of = p.Elem()
		}
		if named, ok := of.(*types.Named); ok {
			name += named.Obj().Name() + "."
		}
	}
	return name + f.Name()
}

// way is where a function leads.
type way struct {
	code    *code
	within  func(file string) bool
	ends    map[string]string // what a way does not go on through, a file or a function, and why
	used    map[string]bool   // of ends
	walked  map[ast.Node]bool
	files   []string // in the order in which they are entered first
	entered map[string][]step
}

// step is a call from one file into another.
type step struct{ file, call string }

// walk follows the calls of a function, in the order of the source and depth first:
// functions and methods that it names, whether it calls them or hands them on, and
// functions that fields hold, wherever they were assigned. A call of an interface ends
// the way, and so does one of a package that within leaves out.
func (w *way) walk(f *types.Func) {
	decl := w.code.functions[f.Origin()]
	if decl == nil || !w.within(w.code.file(decl)) {
		return
	}
	w.body(decl, decl.Body)
}

func (w *way) body(function, body ast.Node) {
	if w.walked[function] {
		return
	}
	w.walked[function] = true
	file := w.code.file(function)
	if !slices.Contains(w.files, file) {
		w.files = append(w.files, file)
	}
	ast.Inspect(body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		switch used := w.code.info.Uses[id].(type) {
		case *types.Func:
			if decl := w.code.functions[used.Origin()]; decl != nil && !w.ended(nameOf(used.Origin()), w.code.file(decl)) {
				w.step(file, w.code.file(decl), nameOf(used))
				w.walk(used)
			}
		case *types.Var:
			for _, value := range w.code.callbacks[used] {
				w.callback(file, used, value)
			}
		}
		return true
	})
}

// callback follows a function that a field holds.
func (w *way) callback(from string, field *types.Var, value ast.Expr) {
	switch value := value.(type) {
	case *ast.FuncLit:
		if to := w.code.file(value); w.within(to) && !w.ended("", to) {
			w.step(from, to, field.Name())
			w.body(value, value.Body)
		}
	case *ast.Ident, *ast.SelectorExpr:
		id, ok := value.(*ast.Ident)
		if !ok {
			id = value.(*ast.SelectorExpr).Sel
		}
		f, ok := w.code.info.Uses[id].(*types.Func)
		if !ok {
			return
		}
		if decl := w.code.functions[f.Origin()]; decl != nil && !w.ended(nameOf(f.Origin()), w.code.file(decl)) {
			w.step(from, w.code.file(decl), field.Name())
			w.walk(f)
		}
	}
}

func (w *way) ended(function, file string) bool {
	for _, end := range []string{function, file} {
		if w.ends[end] != "" {
			w.used[end] = true
			return true
		}
	}
	return false
}

func (w *way) step(from, to, call string) {
	if from != to && w.within(to) {
		w.entered[from] = append(w.entered[from], step{to, call})
	}
}

// upward returns calls that go round in a circle, file by file, if there are any: then
// no order of the files exists in which every call goes downwards.
func (w *way) upward() string {
	const (
		open   = 1
		closed = 2
	)
	state := map[string]int{}
	var trail []string
	var visit func(string) string
	visit = func(file string) string {
		state[file] = open
		for _, s := range w.entered[file] {
			trail = append(trail, fmt.Sprintf("%s calls %s in %s", file, s.call, s.file))
			if state[s.file] == open {
				first := slices.IndexFunc(trail, func(call string) bool { return strings.HasPrefix(call, s.file+" calls ") })
				return strings.Join(trail[max(first, 0):], "\n")
			}
			if state[s.file] != closed {
				if found := visit(s.file); found != "" {
					return found
				}
			}
			trail = trail[:len(trail)-1]
		}
		state[file] = closed
		return ""
	}
	for _, file := range w.files {
		if state[file] == 0 {
			if found := visit(file); found != "" {
				return found
			}
		}
	}
	return ""
}

// TestDocsWalk tests the walk itself.
func TestDocsWalk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		sources map[string]string
		files   string
		upward  bool
	}{
		{
			name: "a call that returns to its caller is no return",
			sources: map[string]string{
				"p/a.go": "package p\nfunc Start() { one(); two(); helper() }\nfunc helper() {}\n",
				"p/b.go": "package p\nfunc one() { deep() }\nfunc two() { deep() }\n",
				"p/c.go": "package p\nfunc deep() {}\n",
			},
			files: "p/a.go p/b.go p/c.go",
		},
		{
			name: "a call into a file above is found",
			sources: map[string]string{
				"p/a.go": "package p\nfunc Start() { one() }\nfunc helper() {}\n",
				"p/b.go": "package p\nfunc one() { helper() }\n",
			},
			files: "p/a.go p/b.go", upward: true,
		},
		{
			name: "a method, a function that is handed on and a function in a field are followed",
			sources: map[string]string{
				"p/a.go": "package p\nfunc Start() { var x t; x.one(); x.run() }\nfunc helper() {}\n",
				"p/b.go": "package p\ntype t struct{ run func() }\nfunc (t) one() { do(two) }\nfunc made() t { return t{run: helper} }\n",
				"p/c.go": "package p\nfunc do(f func()) { f() }\n",
				"p/d.go": "package p\nfunc two() { made() }\n",
			},
			files: "p/a.go p/b.go p/c.go p/d.go", upward: true,
		},
		{
			name: "a function literal in a field leads into its file",
			sources: map[string]string{
				"p/a.go": "package p\nfunc Start() { var x t; x.run() }\n",
				"p/b.go": "package p\ntype t struct{ run func() }\n",
				"p/c.go": "package p\nfunc made(x *t) { x.run = func() { Start() } }\n",
			},
			files: "p/a.go p/c.go", upward: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newCode()
			if _, err := c.add("p", test.sources, importer.Default()); err != nil {
				t.Fatal(err)
			}
			w := c.way(func(string) bool { return true }, nil)
			w.walk(c.find(t, "p.Start"))
			if got := strings.Join(w.files, " "); got != test.files {
				t.Errorf("files = %s, want %s", got, test.files)
			}
			if got := w.upward(); (got != "") != test.upward {
				t.Errorf("upward = %q, want one: %v", got, test.upward)
			}
		})
	}
}

func (c *code) way(within func(string) bool, ends map[string]string) *way {
	return &way{code: c, within: within, ends: ends, used: map[string]bool{}, walked: map[ast.Node]bool{}, entered: map[string][]step{}}
}
