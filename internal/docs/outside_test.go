package docs_test

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

var mainPackage = regexp.MustCompile(`(?m)^package main$`)

// The programs that pages quote build in a module that is not in the repository, as
// they do for a reader who copies one: without the workspace. The test of
// examples/starters does the same with each of the programs there.
func TestDocsProgramsBuildOutsideOfTheRepository(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	quoted := map[string]bool{}
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			quoted[filepath.Join(root, filepath.Dir(b.argument))] = true
		}
	}
	outside := t.TempDir()
	copied := 0
	for _, program := range programs(t) {
		if !quoted[program] {
			continue
		}
		files, err := filepath.Glob(filepath.Join(program, "*"))
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(outside, filepath.Base(program))
		if err := os.Mkdir(target, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			to := filepath.Join(target, filepath.Base(file))
			switch info, err := os.Stat(file); {
			case err != nil || strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "testdata":
			case !info.IsDir():
				copyFile(t, file, to)
			case !hasGo(t, file): // what the program embeds
				if err := os.CopyFS(to, os.DirFS(file)); err != nil {
					t.Fatal(err)
				}
			}
		}
		copied++
	}
	if copied < 3 {
		t.Fatalf("found only %d programs", copied)
	}

	whole, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	mod := read(t, "examples/go.mod")
	mod = strings.Replace(mod, "module github.com/sallyport-go/sallyport/examples", "module example.com/outside", 1)
	replaced := strings.Replace(mod, "=> ../\n", "=> "+strconv.Quote(whole)+"\n", 1)
	if replaced == mod || !strings.HasPrefix(mod, "module example.com/outside\n") {
		t.Fatal("examples/go.mod has another form")
	}
	if err := os.WriteFile(filepath.Join(outside, "go.mod"), []byte(replaced), 0o600); err != nil {
		t.Fatal(err)
	}
	copyFile(t, filepath.Join(root, "examples", "go.sum"), filepath.Join(outside, "go.sum"))

	// It compiles, and links nothing: that would take most of the time.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-export", "-f", "{{.ImportPath}}", "./...")
	cmd.Dir = outside
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -export: %v\n%s", err, stderr.Bytes())
	}
	if built := bytes.Count(out, []byte("\n")); built != copied {
		t.Errorf("%d packages were built, want %d", built, copied)
	}
}

func hasGo(t *testing.T, folder string) bool {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return len(sources) > 0
}

// A program that imports an internal package builds in the repository only.
func TestDocsProgramsImportNoInternalPackage(t *testing.T) {
	t.Parallel()
	found := programs(t)
	if len(found) < 10 {
		t.Fatalf("found only %d programs", len(found))
	}
	for _, program := range found {
		sources, err := filepath.Glob(filepath.Join(program, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			if strings.HasSuffix(source, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, imported := range f.Imports {
				if strings.Contains(imported.Path.Value, "/internal/") {
					t.Errorf("%s imports %s", source, imported.Path.Value)
				}
			}
		}
	}
}

// The routes of FastAPI applications speak its wire format, in every program and on
// every page that has them: a newcomer copies the requests of one to another.
func TestDocsRoutesOfFastAPISpeakItsWireFormat(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, pattern := range []string{"examples/*/*.go", "examples/*/*/*.go"} {
		sources, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			text, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(source, "_test.go") {
				texts[source] = string(text)
			}
		}
	}
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			if b.language == "go" {
				texts[p.name+":"+strconv.Itoa(b.line)] = b.text
			}
		}
	}
	found := 0
	for name, text := range texts {
		if !strings.Contains(text, `"/auth/jwt/`) {
			continue
		}
		found++
		if !strings.Contains(text, "wire.FastAPI{}") {
			t.Errorf("%s serves /auth/jwt/ without wire.FastAPI", name)
		}
	}
	if found < 2 {
		t.Errorf("%d programs and pages serve /auth/jwt/, want 2 or more", found)
	}
}

// programs returns the folders below examples with a program in them.
func programs(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(root, "examples", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, folder := range folders {
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			text, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(source, "_test.go") && mainPackage.Match(text) {
				all = append(all, folder)
				break
			}
		}
	}
	return all
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil { //nolint:gosec // a folder of the test
		t.Fatal(err)
	}
}
