package api_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// loader reads packages from their export data.
func loader(exports map[string]string) types.Importer {
	return importer.ForCompiler(token.NewFileSet(), "gc", func(name string) (io.ReadCloser, error) {
		return os.Open(exports[name])
	})
}

// describe returns the exported API of a package, a line for each constant, variable,
// function, type, field and method, sorted. Names of parameters are left out.
func describe(p *types.Package) string {
	d := description{qualify: func(other *types.Package) string {
		if other == p {
			return ""
		}
		return other.Name()
	}}
	for _, name := range p.Scope().Names() {
		if o := p.Scope().Lookup(name); o.Exported() {
			d.object(o)
		}
	}
	slices.Sort(d.lines)
	return strings.Join(slices.Compact(d.lines), "")
}

type description struct {
	qualify types.Qualifier
	lines   []string
}

func (d *description) addf(format string, parts ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format+"\n", parts...))
}

func (d *description) object(o types.Object) {
	switch o := o.(type) {
	case *types.Const:
		d.addf("const %s %s = %s", o.Name(), d.text(o.Type()), o.Val().ExactString())
	case *types.Var:
		d.addf("var %s %s", o.Name(), d.text(o.Type()))
	case *types.Func:
		d.addf("func %s%s", o.Name(), d.signature(o.Signature()))
	case *types.TypeName:
		d.typeName(o)
	}
}

func (d *description) typeName(o *types.TypeName) {
	if alias, ok := o.Type().(*types.Alias); ok {
		d.addf("type %s = %s", o.Name(), d.text(alias.Rhs()))
		return
	}
	named := o.Type().(*types.Named)
	name := o.Name()
	switch under := named.Underlying().(type) {
	case *types.Struct:
		d.addf("type %s%s struct", name, d.params(named.TypeParams()))
		d.fields(name, under)
	case *types.Interface:
		d.addf("type %s%s interface", name, d.params(named.TypeParams()))
		d.interfaceMethods(name, under)
		return
	default:
		d.addf("type %s%s %s", name, d.params(named.TypeParams()), d.text(under))
	}
	values := types.NewMethodSet(named)
	pointers := types.NewMethodSet(types.NewPointer(named))
	for method := range pointers.Methods() {
		f := method.Obj().(*types.Func)
		if !f.Exported() {
			continue
		}
		receiver := "*" + name
		if values.Lookup(f.Pkg(), f.Name()) != nil {
			receiver = name
		}
		d.addf("method (%s) %s%s", receiver, f.Name(), d.signature(method.Type().(*types.Signature)))
	}
}

// fields lists the exported fields. A struct that has others, too, can be compared or
// converted by its package only, so that is part of its API.
func (d *description) fields(name string, s *types.Struct) {
	hidden := false
	for f := range s.Fields() {
		switch {
		case !f.Exported():
			hidden = true
		case f.Embedded():
			d.addf("field %s.%s embedded", name, d.text(f.Type()))
		default:
			d.addf("field %s.%s %s", name, f.Name(), d.text(f.Type()))
		}
	}
	if hidden {
		d.addf("field %s has unexported fields", name)
	}
}

// interfaceMethods lists the methods. No other package implements an interface that
// has an unexported one.
func (d *description) interfaceMethods(name string, i *types.Interface) {
	for f := range i.Methods() {
		if !f.Exported() {
			d.addf("method (%s) has unexported methods", name)
			continue
		}
		d.addf("method (%s) %s%s", name, f.Name(), d.signature(f.Signature()))
	}
	for embedded := range i.EmbeddedTypes() {
		if types.IsInterface(embedded) {
			continue // its methods are listed
		}
		d.addf("union (%s) %s", name, d.text(embedded))
	}
}

func (d *description) text(t types.Type) string {
	if s, ok := t.(*types.Signature); ok {
		return "func" + d.signature(s)
	}
	return types.TypeString(t, d.qualify)
}

// params returns type parameters with their constraints: "[K comparable, V any]".
func (d *description) params(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	var all []string
	for p := range list.TypeParams() {
		all = append(all, p.Obj().Name()+" "+d.text(p.Constraint()))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// signature returns a signature without the names of its parameters.
func (d *description) signature(s *types.Signature) string {
	unnamed := types.NewSignatureType(nil, nil, nil, unname(s.Params()), unname(s.Results()), s.Variadic())
	return d.params(s.TypeParams()) + strings.TrimPrefix(types.TypeString(unnamed, d.qualify), "func")
}

func unname(t *types.Tuple) *types.Tuple {
	var all []*types.Var
	for v := range t.Variables() {
		all = append(all, types.NewParam(token.NoPos, nil, "", v.Type()))
	}
	return types.NewTuple(all...)
}

func TestDescriptionHasAllThatAHostCanUse(t *testing.T) {
	t.Parallel()
	const source = `package p

const (
	Answer = 42
	Red Colour = iota
	secret = "s"
)

var ErrGone error
var hidden int

type Colour int
func (Colour) String() string { return "" }

type Config struct {
	Name  string
	Times func(n int) (ok bool)
	cache int
}
func (c *Config) Check(name string) error { return nil }
func (c *Config) check() {}

type Store interface { Users; Get(id string) (Config, error) }
type Users interface { User(id string) error }
type sealed interface { seal() }
type Closed interface { sealed; Open() }

type Base struct{}
func (*Base) Close() error { return nil }
type Wrapped struct { *Base; Any[int] }
type Any[T any] struct { V T }
type Number interface { ~int | ~string }
type Same = Colour

func Map[K comparable, V Number](m map[K]V, more ...K) (n V, err error) { return }
func helper() {}
`
	const want = `const Answer untyped int = 42
const Red Colour = 1
field Any.V T
field Config has unexported fields
field Config.Name string
field Config.Times func(int) bool
field Wrapped.*Base embedded
field Wrapped.Any[int] embedded
func Map[K comparable, V Number](map[K]V, ...K) (V, error)
method (*Base) Close() error
method (*Config) Check(string) error
method (Closed) Open()
method (Closed) has unexported methods
method (Colour) String() string
method (Store) Get(string) (Config, error)
method (Store) User(string) error
method (Users) User(string) error
method (Wrapped) Close() error
type Any[T any] struct
type Base struct
type Closed interface
type Colour int
type Config struct
type Number interface
type Same = Colour
type Store interface
type Users interface
type Wrapped struct
union (Number) ~int | ~string
var ErrGone error
`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(types.Config).Check("example.org/p", set, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(p); got != want {
		for _, d := range differences(want, got) {
			t.Error(d)
		}
	}
}

func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		want, got string
		n         int
	}{
		"the same":      {"a\nb\n", "a\nb\n", 0},
		"a line less":   {"a\nb\n", "a\n", 1},
		"a line more":   {"a\n", "a\nb\n", 1},
		"another line":  {"a\nb\n", "a\nc\n", 2},
		"another order": {"a\nb\n", "b\na\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := differences(tt.want, tt.got); len(got) != tt.n {
				t.Errorf("differences = %q, want %d", got, tt.n)
			}
		})
	}
}
