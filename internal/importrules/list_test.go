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

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Module     *module // nil: the standard library
	GoFiles    []string
	Imports    []string
	ImportMap  map[string]string
}

type module struct{ Path string }

// list asks go list for every package of the house and all that they lead to.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	// go test takes an old result from its cache while the files that the test
	// has opened are as they were. What go list opens does not count, so the
	// test opens the sources as well; else a new import would go unseen.
	_ = sources(t)

	out := run(t, "go", "list", "-deps", "-json=ImportPath,Module,GoFiles,Imports,ImportMap", "./...")
	packages := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
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

// deps lists the packages that a package leads to, by whatever way.
func deps(packages map[string]pkg, name string) []string {
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

// run runs a command at the root of the module and returns what it prints.
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
