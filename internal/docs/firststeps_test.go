package docs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestFaultD4TheFirstStepsAreThoseOfThisModule(t *testing.T) {
	t.Parallel()
	module, _, _ := strings.Cut(strings.TrimPrefix(read(t, "go.mod"), "module "), "\n")
	for _, name := range []string{"README.md", "docs/getting-started.md"} {
		if !strings.Contains(read(t, name), "\ngo get "+module+"\n") {
			t.Errorf("%s has no line: go get %s", name, module)
		}
	}
	for _, p := range pages(t) {
		for _, wrong := range wrongSteps(p, read(t, "go.mod")) {
			t.Error(wrong)
		}
	}
}

var (
	madeAuth    = regexp.MustCompile(`(\w+)(?:, \w+)? :?= (?:must\()?middleware\.New\(`)
	echoVersion = regexp.MustCompile(`\bEcho\b[^|\n]{0,40}?\bv?([45]\.\d+\.\d+)`)
)

// wrongSteps returns where a page calls an Auth otherwise than its text does, and where it
// names a version of Echo that is not the one that is tested.
func wrongSteps(p page, mod string) (all []string) {
	for _, b := range p.blocks() {
		for _, m := range madeAuth.FindAllStringSubmatch(b.text, -1) {
			if m[1] != "auth" && b.language == "go" {
				all = append(all, p.name+": the Auth is "+m[1]+" in a program, and auth in the text")
			}
		}
	}
	for _, m := range echoVersion.FindAllStringSubmatch(p.text, -1) {
		if !strings.Contains(mod, "/echo/v"+m[1][:1]+" v"+m[1]+"\n") {
			all = append(all, p.name+": Echo "+m[1]+" is not the version in go.mod")
		}
	}
	return all
}

func TestFaultD4WrongStepsAreFound(t *testing.T) {
	t.Parallel()
	const mod = "\tgithub.com/labstack/echo/v4 v4.16.0\n"
	for text, want := range map[string]int{
		"```go\nauth, err := middleware.New(c)\n```\n":   0,
		"```go\ndoor, err := middleware.New(c)\n```\n":   1,
		"With Echo before v4.16.3 set an IPExtractor.\n": 1,
		"Echo's limiter, 4.16.0\n":                       0,
		"With Echo v4 set an IPExtractor.\n":             0,
	} {
		if got := wrongSteps(page{"x.md", text}, mod); len(got) != want {
			t.Errorf("%q: %q, want %d", text, got, want)
		}
	}
}

// Who reads the documentation in a fresh clone leaves it as it was.
func TestFaultD4GoDocLeavesTheWorkspaceAsItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := []string{"go.work", "go.work.sum"}
	for _, use := range append([]string{"."}, regexp.MustCompile(`\./examples\S*`).FindAllString(read(t, "go.work"), -1)...) {
		files = append(files, filepath.Join(use, "go.mod"), filepath.Join(use, "go.sum"))
	}
	source, err := filepath.Glob(filepath.Join(root, "middleware", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range source {
		files = append(files, filepath.Join("middleware", filepath.Base(path)))
	}
	before := map[string]string{}
	for _, name := range files {
		before[name] = read(t, name)
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(before[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "doc", "./middleware", "Auth.Login")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	if err := cmd.Run(); err != nil || !strings.Contains(said.String(), "func (a *Auth) Login(") {
		t.Errorf("go doc: %v: %s", err, said.Bytes())
	}
	for name, text := range before {
		after, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(after) != text {
			t.Errorf("go doc has changed %s, %v", name, err)
		}
	}
}
