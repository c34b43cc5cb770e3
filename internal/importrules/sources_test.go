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

// root is where the module begins; a test runs in the folder of its package.
const root = "../.."

// source is a .go file of the module, tests included.
type source struct {
	path    string // from the root of the module, with slashes
	test    bool
	imports []string
	inits   int // functions named init
}

// lodging says which files may import a module.
type lodging struct {
	promise string
	mod     string
	room    string   // the folder whose files may, tests included
	also    []string // more such folders
	files   int      // how many files do, tests left out; 0: any number
}

var lodgings = []lodging{
	{promise: "golang-jwt is imported by one file of tokens/keys, and by the tests of tokens", mod: jwt, room: "tokens/keys", also: []string{"tokens", "tokens/tokentest"}, files: 1},
	{promise: "ulule/limiter is known to one file of the rate limits, and one of the counters on Redis", mod: ulule, room: "middleware/ratelimit", also: []string{"middleware/ratelimit/rediscounters", "middleware/ratelimit/countertest"}, files: 2},
	{promise: "Echo is known to its adapter only", mod: echo, room: "middleware/echov4"},
	{promise: "the checker of histories is known to one file of the suite, which no program links", mod: porcupine, room: "store/storetest", files: 1},
	{promise: "go-redis is known to the rooms on Redis only", mod: redis, room: "store/redisstore", also: []string{"middleware/ratelimit/rediscounters", "internal/redisclient", "internal/redistest"}},
}

func TestSources(t *testing.T) {
	t.Parallel()
	files := sources(t)

	for _, l := range lodgings {
		t.Run(l.promise, func(t *testing.T) {
			t.Parallel()
			for _, stray := range strays(files, l) {
				t.Error(stray)
			}
		})
	}

	t.Run("no Go code lies at the root", func(t *testing.T) {
		t.Parallel()
		for _, f := range files {
			if path.Dir(f.path) == "." {
				t.Errorf("%s: belongs in a room", f.path)
			}
		}
	})

	t.Run("nothing happens because a package was imported", func(t *testing.T) {
		t.Parallel()
		for _, f := range files {
			if f.inits > 0 {
				t.Errorf("%s: has %d init, want none", f.path, f.inits)
			}
		}
	})
}

// strays says where the files do not keep to the lodging l.
func strays(files []source, l lodging) []string {
	var found []string
	know := 0
	for _, f := range files {
		if !slices.ContainsFunc(f.imports, func(name string) bool { return holds(name)(l.mod) }) {
			continue
		}
		if dir := path.Dir(f.path); dir != l.room && !slices.Contains(l.also, dir) {
			found = append(found, fmt.Sprintf("%s imports %s, which is for %s", f.path, l.mod, l.room))
		}
		if !f.test {
			know++
		}
	}
	switch {
	case know == 0:
		found = append(found, "no file imports "+l.mod)
	case l.files > 0 && know != l.files:
		found = append(found, fmt.Sprintf("%d files import %s, want %d", know, l.mod, l.files))
	}
	return found
}

func TestSourcesThatAreWrong(t *testing.T) {
	t.Parallel()
	one := lodging{mod: jwt, room: "tokens", also: []string{"cellar"}, files: 1}
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
			name:  "one file of the room, and its tests",
			files: map[string]string{"tokens/access.go": with, "tokens/access_test.go": with, "store/store.go": without},
		},
		{
			name:  "a second file of the room",
			files: map[string]string{"tokens/access.go": with, "tokens/keys.go": with},
			want:  []string{"2 files import " + jwt + ", want 1"},
		},
		{
			name:  "a file of another room",
			files: map[string]string{"tokens/access.go": without, "middleware/bearer.go": with},
			want:  []string{"middleware/bearer.go imports " + jwt + ", which is for tokens"},
		},
		{
			name:  "a test of another room",
			files: map[string]string{"tokens/access.go": with, "middleware/bearer_test.go": with},
			want:  []string{"middleware/bearer_test.go imports " + jwt + ", which is for tokens"},
		},
		{
			name:  "another room that may",
			files: map[string]string{"tokens/access.go": without, "cellar/access.go": with},
		},
		{
			name:  "a room inside of the room",
			files: map[string]string{"tokens/access.go": without, "tokens/inner/inner.go": with},
			want:  []string{"tokens/inner/inner.go imports " + jwt + ", which is for tokens"},
		},
		{
			name:  "nobody at all",
			files: map[string]string{"tokens/access.go": without},
			want:  []string{"no file imports " + jwt},
		},
		{
			name:  "a module of its own is not looked at",
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

	t.Run("init is counted, a method and a call of that name are not", func(t *testing.T) {
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
	// Opened for the same reason as the sources in list.
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

	t.Run("the direct dependencies number in single digits", func(t *testing.T) {
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

	t.Run("nothing is replaced, for a host would not get the replacement", func(t *testing.T) {
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

// parse reads the .go files under tree, but not those that the go command leaves
// out: folders of hidden files, of test data, and of other modules.
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
