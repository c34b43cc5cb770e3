package importrules_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// root is the root of the module, seen from the folder of this package.
const root = "../.."

// source is a .go file of the module, tests included.
type source struct {
	path    string // from the root of the module, with slashes
	test    bool
	imports []string
	inits   int // functions named init
}

// moduleRule is the rule for one module: which files may import it.
type moduleRule struct {
	promise string
	mod     string
	dir     string   // the folder whose files may import it, tests included
	also    []string // more such folders
	files   int      // how many files import it, tests not counted; 0: any number
}

var moduleRules = []moduleRule{
	{promise: "golang-jwt is imported by one file of tokens/keys, and by the tests of tokens", mod: jwt, dir: "tokens/keys", also: []string{"tokens", "tokens/tokentest"}, files: 1},
	{promise: "ulule/limiter is imported by one file of the rate limits and one of the counters on Redis", mod: ulule, dir: "middleware/ratelimit", also: []string{"middleware/ratelimit/rediscounters", "middleware/ratelimit/countertest"}, files: 2},
	{promise: "Echo v4 is imported by its adapter, and by the tests of what both adapters share", mod: echo4, dir: "middleware/echov4", also: []string{"middleware/internal/adapter"}, files: 1},
	{promise: "Echo v5 is imported by its adapter, and by the tests of what both adapters share", mod: echo5, dir: "middleware/echov5", also: []string{"middleware/internal/adapter"}, files: 1},
	{promise: "the linearizability checker is imported by one file of the test suite, which no program links", mod: porcupine, dir: "store/storetest", files: 1},
	{promise: "go-redis is imported by the packages for Redis only", mod: redis, dir: "store/redisstore", also: []string{"middleware/ratelimit/rediscounters", "internal/redisclient", "internal/redistest"}},
}

func TestSources(t *testing.T) {
	t.Parallel()
	files := sources(t)

	for _, r := range moduleRules {
		t.Run(r.promise, func(t *testing.T) {
			t.Parallel()
			for _, stray := range strays(files, r) {
				t.Error(stray)
			}
		})
	}

	t.Run("no Go file is at the root", func(t *testing.T) {
		t.Parallel()
		for _, f := range files {
			if path.Dir(f.path) == "." {
				t.Errorf("%s: must be in the folder of a package", f.path)
			}
		}
	})

	t.Run("no package has an init function", func(t *testing.T) {
		t.Parallel()
		for _, f := range files {
			if f.inits > 0 {
				t.Errorf("%s: has %d init, want none", f.path, f.inits)
			}
		}
	})
}

// strays returns where the files break the rule r.
func strays(files []source, r moduleRule) []string {
	var found []string
	importers := 0
	for _, f := range files {
		if !slices.ContainsFunc(f.imports, func(name string) bool { return within(name)(r.mod) }) {
			continue
		}
		if dir := path.Dir(f.path); dir != r.dir && !slices.Contains(r.also, dir) {
			found = append(found, fmt.Sprintf("%s imports %s, which is for %s", f.path, r.mod, r.dir))
		}
		if !f.test {
			importers++
		}
	}
	switch {
	case importers == 0:
		found = append(found, "no file imports "+r.mod)
	case r.files > 0 && importers != r.files:
		found = append(found, fmt.Sprintf("%d files import %s, want %d", importers, r.mod, r.files))
	}
	return found
}

func TestStraysAreFound(t *testing.T) {
	t.Parallel()
	one := moduleRule{mod: jwt, dir: "tokens", also: []string{"extra"}, files: 1}
	const (
		with    = "package p\nimport _ \"" + jwt + "/request\"\n"
		without = "package p\n"
	)
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{
			name:  "one file of the package, and its tests",
			files: map[string]string{"tokens/access.go": with, "tokens/access_test.go": with, "store/store.go": without},
		},
		{
			name:  "a second file of the package",
			files: map[string]string{"tokens/access.go": with, "tokens/keys.go": with},
			want:  []string{"2 files import " + jwt + ", want 1"},
		},
		{
			name:  "a file of another package",
			files: map[string]string{"tokens/access.go": without, "middleware/bearer.go": with},
			want:  []string{"middleware/bearer.go imports " + jwt + ", which is for tokens"},
		},
		{
			name:  "a test of another package",
			files: map[string]string{"tokens/access.go": with, "middleware/bearer_test.go": with},
			want:  []string{"middleware/bearer_test.go imports " + jwt + ", which is for tokens"},
		},
		{
			name:  "another package that the rule allows",
			files: map[string]string{"tokens/access.go": without, "extra/access.go": with},
		},
		{
			name:  "a package below the package",
			files: map[string]string{"tokens/access.go": without, "tokens/inner/inner.go": with},
			want:  []string{"tokens/inner/inner.go imports " + jwt + ", which is for tokens"},
		},
		{
			name:  "no file at all",
			files: map[string]string{"tokens/access.go": without},
			want:  []string{"no file imports " + jwt},
		},
		{
			name:  "the files of another module are ignored",
			files: map[string]string{"tokens/access.go": with, "examples/go.mod": "module m\n", "examples/main.go": with},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{}
			for name, text := range test.files {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			files, err := parse(tree)
			if err != nil {
				t.Fatal(err)
			}
			if got := strays(files, one); !slices.Equal(got, test.want) {
				t.Errorf("strays = %q, want %q", got, test.want)
			}
		})
	}

	t.Run("functions named init are counted, methods and calls of that name are not", func(t *testing.T) {
		t.Parallel()
		text := "package p\ntype T struct{}\nfunc (T) init() {}\nfunc init() {}\nfunc init() { T{}.init() }\n"
		files, err := parse(fstest.MapFS{"a/a.go": &fstest.MapFile{Data: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != 1 || files[0].inits != 2 {
			t.Errorf("files = %+v, want one with 2 init", files)
		}
	})
}

func TestGoMod(t *testing.T) {
	t.Parallel()
	// Opened for the same reason as the sources in list: the cache of go test.
	if _, err := os.ReadFile(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []json.RawMessage
	}
	if err := json.Unmarshal(run(t, "go", "mod", "edit", "-json"), &file); err != nil {
		t.Fatalf("go mod edit: %v", err)
	}

	t.Run("there are 1 to 9 direct dependencies", func(t *testing.T) {
		t.Parallel()
		var direct []string
		for _, r := range file.Require {
			if !r.Indirect {
				direct = append(direct, r.Path)
			}
		}
		if len(direct) < 1 || len(direct) > 9 {
			t.Errorf("there are %d, want 1 to 9: %q", len(direct), direct)
		}
	})

	t.Run("go.mod has no replace directive, which hosts would ignore", func(t *testing.T) {
		t.Parallel()
		if len(file.Replace) > 0 {
			t.Errorf("go.mod replaces %s", file.Replace)
		}
	})
}

// sources reads every .go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	files, err := parse(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no .go file under %s", root)
	}
	return files
}

// parse reads the .go files under tree. It leaves out what the go command leaves out:
// hidden folders, testdata, vendor and other modules.
func parse(tree fs.FS) ([]source, error) {
	var files []source
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(tree, name)
		case path.Ext(name) != ".go":
			return nil
		}
		f, err := parseFile(tree, name)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// enter returns fs.SkipDir for a folder that parse leaves out.
func enter(tree fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func parseFile(tree fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return source{}, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	f := source{path: name, test: strings.HasSuffix(name, "_test.go")}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		f.imports = append(f.imports, imported)
	}
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			f.inits++
		}
	}
	return f, nil
}
