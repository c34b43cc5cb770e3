package docs_test

import (
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

// names returns the exported names of the module. It has each field in three forms:
// "tokens.Config.Issuer", "Config.Issuer" and "Issuer".
func names(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "internal" || d.Name() == "testdata" || d.Name() == "examples" || d.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			declare(all, f.Name.Name, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func declare(all map[string]bool, pkg string, d ast.Decl) {
	add := func(parts ...string) {
		for i := range parts {
			all[strings.Join(parts[i:], ".")] = true
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(pkg, d.Name.Name)
			return
		}
		receiver := d.Recv.List[0].Type
		if pointer, ok := receiver.(*ast.StarExpr); ok {
			receiver = pointer.X
		}
		if name, ok := receiver.(*ast.Ident); ok {
			add(pkg, name.Name, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					add(pkg, n.Name)
				}
			case *ast.TypeSpec:
				add(pkg, s.Name.Name)
				var fields *ast.FieldList
				switch body := s.Type.(type) {
				case *ast.StructType:
					fields = body.Fields
				case *ast.InterfaceType:
					fields = body.Methods
				default:
					continue
				}
				for _, f := range fields.List {
					for _, n := range f.Names {
						add(pkg, s.Name.Name, n.Name)
					}
				}
			}
		}
	}
}

var (
	span       = regexp.MustCompile("`([^`\n]+)`")
	identifier = regexp.MustCompile(`^(?:([a-z][a-z0-9]*)\.)?([A-Z]\w*(?:\.[A-Z]\w*)?)(?:\(.*\))?$`)
)

// of maps a variable before a dot to the types of the module that it may have.
var of = map[string][]string{
	"auth":      {"Auth."},
	"authority": {"Authority."},
}

// foreign are names in the pages that no package of the module declares: names of
// other modules and of headers, and beginnings of names.
var foreign = []string{
	"EventSource", "WebSocket", "Authorization", "RateLimit", "HTTPErrorHandler", "IPExtractor", "RealIP",
	"PasswordCredentialsToken", "SetMaxIdleConns", "SetMaxOpenConns", "TestConformance", "Origin", "Example_wrong", "Insecure", "CheckX", "RateLimiter", "TestTwin", "Meta", "SetUnencryptedHTTP2", "LoadCredential", "Shutdown",
}

// foreignPackages are packages of other modules, and variables, in the pages.
var foreignPackages = []string{"http", "sql", "adaptor", "connect", "echo", "grpc", "errors", "gin", "slog", "r", "t"}

// alert is the name of an alert: see TestDocsRunbookHasARowForEveryAlert.
var alert = regexp.MustCompile(`^Sallyport[A-Z]`)

var upperCase = regexp.MustCompile(`^[A-Z0-9_]+$`) // HTTP methods, environment variables, SQL

func TestDocsNamesAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	known := names(t)
	for _, p := range pages(t) {
		if p.name == "CHANGELOG.md" || strings.HasPrefix(p.name, "examples/") || strings.HasPrefix(p.name, "docs/migrate/") || p.name == "docs/migrating-passwords.md" {
			continue // they have names of older versions, or of other projects
		}
		for _, m := range span.FindAllStringSubmatch(p.prose(), -1) {
			parts := identifier.FindStringSubmatch(m[1])
			if len(parts) == 0 || slices.Contains(foreignPackages, parts[1]) || slices.Contains(foreign, parts[2]) || upperCase.MatchString(parts[2]) || alert.MatchString(parts[2]) {
				continue
			}
			candidates := []string{strings.TrimPrefix(parts[1]+"."+parts[2], ".")}
			if prefixes, ok := of[parts[1]]; ok {
				candidates = nil
				for _, prefix := range prefixes {
					candidates = append(candidates, prefix+parts[2])
				}
			}
			if !slices.ContainsFunc(candidates, func(c string) bool { return known[c] }) {
				t.Errorf("%s: the module has no %s", p.name, m[1])
			}
		}
	}
}

var goFile = regexp.MustCompile("`((?:[a-z0-9_]+/)+[a-z0-9_]+\\.go)`")

func TestDocsFilesExist(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range goFile.FindAllStringSubmatch(p.prose(), -1) {
			if _, err := filepath.Glob(filepath.Join(root, m[1])); err != nil {
				t.Fatal(err)
			}
			if files, _ := filepath.Glob(filepath.Join(root, m[1])); len(files) == 0 {
				t.Errorf("%s: there is no %s", p.name, m[1])
			}
		}
	}
}
