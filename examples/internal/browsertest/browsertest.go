// Package browsertest runs scripts that drive Chromium with Playwright.
package browsertest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// Browser returns where a Chromium is, as Debian and others name it. It skips the test
// where no programs of others are run, and it skips it, or fails it where nothing may be
// skipped, unless there is one, and node and the
// packages that drive it in scripts, the folder of a package.json.
func Browser(t *testing.T, scripts string) string {
	t.Helper()
	skip.Programs(t)
	if _, err := os.Stat(filepath.Join(scripts, "node_modules", "playwright-core")); err != nil {
		skip.Skip(t, "no driver: npm ci --ignore-scripts in the folder "+scripts)
	}
	if _, err := exec.LookPath("node"); err != nil {
		skip.Skip(t, "no node")
	}
	path := program("chromium", "chromium-browser", "google-chrome")
	if path == "" {
		skip.Skip(t, "no chromium")
	}
	return path
}

// Shell returns where a Chromium without windows is, which starts in a third of the time
// and has no settings; "" if there is none.
func Shell() string { return program("chromium-headless-shell", "chrome-headless-shell") }

func program(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Tried tells a script of promises, in JSON, and returns what was wrong with each that it
// has tried, by its name; "" if nothing was. The script prints a line of JSON for each.
func Tried(t *testing.T, scripts, script string, told any) map[string]string {
	t.Helper()
	in, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]string{}
	for line := range bytes.Lines(Run(t, scripts, bytes.NewReader(in), script)) {
		var said struct {
			Name  string `json:"name"`
			Wrong string `json:"wrong"`
		}
		if err := json.Unmarshal(line, &said); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		tried[said.Name] = said.Wrong
	}
	return tried
}

// Run runs a script until it ends, and returns what it has printed. If it ends with an
// error, the test fails.
func Run(t *testing.T, scripts string, in io.Reader, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "node", args...) //nolint:gosec // the arguments are the test's
	command.Dir, command.Stdin = scripts, in
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Errorf("%s ended with %v\n%s", args[0], err, complaints.String())
	}
	return out
}
