package importrules_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// goPackage is the output of go list for one package.
type goPackage struct {
	ImportPath string
	Module     *module // nil: the standard library
	GoFiles    []string
	Imports    []string
	ImportMap  map[string]string
}

type module struct{ Path string }

// list returns every package of the module and all their dependencies, by import path.
func list(t *testing.T) map[string]goPackage {
	t.Helper()
	// go test reuses a cached result while the files that the test has opened are
	// unchanged. Files that go list opens do not count, so the test opens the sources
	// itself. Without this a new import would not be noticed.
	_ = sources(t)

	out := run(t, "go", "list", "-deps", "-json=ImportPath,Module,GoFiles,Imports,ImportMap", "./...")
	packages := map[string]goPackage{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for i, name := range p.Imports {
			if vendored, ok := p.ImportMap[name]; ok {
				p.Imports[i] = vendored
			}
		}
		packages[p.ImportPath] = p
	}
}

// deps returns the packages that a package imports, directly or through others.
func deps(packages map[string]goPackage, name string) []string {
	var found []string
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		for _, next := range packages[queue[0]].Imports {
			if !seen[next] {
				seen[next] = true
				found = append(found, next)
				queue = append(queue, next)
			}
		}
	}
	slices.Sort(found)
	return found
}

// run runs a command at the root of the module and returns its standard output.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}
