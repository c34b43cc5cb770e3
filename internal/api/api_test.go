// Package api_test compares the exported API of the module with the files below
// testdata, one for each package, so that it changes on purpose. It has tests only;
// nothing is shipped.
package api_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/sallyport-go/sallyport"

	root     = "../.."
	baseline = "testdata"
)

var update = flag.Bool("update", false, "write the files below testdata")

func TestTheExportedAPIIsThatOfTheBaseline(t *testing.T) {
	t.Parallel()
	want := read(t)
	got := exported(t)
	// With an empty list the baseline would be empty, too.
	if !strings.Contains(got["store"], "type Store interface\n") || !strings.Contains(got["middleware"], "func New(Config) (*Auth, error)\n") {
		t.Fatalf("store.Store and middleware.New are not in the API of %d packages", len(got))
	}
	if *update {
		write(t, got)
		return
	}
	const hint = "if that is meant, run go test ./internal/api -update, and tell hosts in CHANGELOG.md"
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: is a new package; %s", name, hint)
			continue
		}
		for _, d := range differences(want[name], got[name]) {
			t.Errorf("%s: %s; %s", name, d, hint)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[name]; !ok {
			t.Errorf("%s: the package is gone; %s", name, hint)
		}
	}
}

// differences lists the lines that are in one text only.
func differences(want, got string) []string {
	var all []string
	old, now := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range old {
		if !slices.Contains(now, line) {
			all = append(all, "removed: "+line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			all = append(all, "added: "+line)
		}
	}
	if len(all) == 0 && want != got {
		all = append(all, "the order of the lines differs")
	}
	return all
}

// exported returns the API of each package of the module that a host can import, by
// its folder.
func exported(t *testing.T) map[string]string {
	t.Helper()
	touch(t)
	exports := map[string]string{} // the files with export data, by import path
	for line := range strings.Lines(run(t, "go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./...", "./middleware/otelauth")) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[name] = file
	}
	load := loader(exports)
	all := map[string]string{}
	for name := range exports {
		folder, ours := strings.CutPrefix(name, modulePath+"/")
		if !ours || slices.Contains(strings.Split(folder, "/"), "internal") {
			continue
		}
		p, err := load.Import(name)
		if err != nil {
			t.Fatal(err)
		}
		all[folder] = describe(p)
	}
	return all
}

// touch opens the sources. go test reuses a cached result while the files that the
// test has opened are unchanged, and does not count those that go list opens.
func touch(t *testing.T) {
	t.Helper()
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "examples"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		_, err = fs.ReadFile(tree, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a command at the root of the module and returns its standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// read returns the baseline of each package, by its folder.
func read(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range files(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(baseline, strings.TrimSuffix(file, ".txt"))
		all[filepath.ToSlash(name)] = string(text)
	}
	return all
}

// write replaces the baseline.
func write(t *testing.T, all map[string]string) {
	t.Helper()
	for _, file := range files(t) {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range all {
		file := filepath.Join(baseline, filepath.FromSlash(name)+".txt")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// files returns the files of the baseline.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(baseline, func(name string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".txt" {
			all = append(all, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}
