package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPostman runs the collection that users import, with Postman's own runner,
// against the quick start as users start it.
func TestPostman(t *testing.T) {
	t.Parallel()
	needs(t, "node")
	base, key := quickstart(t)
	report := filepath.Join(t.TempDir(), "report.json")
	newman := exec.CommandContext(t.Context(), "node", filepath.Join(clients, "node_modules", "newman", "bin", "newman.js"),
		"run", filepath.Join("..", "postman", "sallyport.postman_collection.json"), "--env-var", "base="+base, "--env-var", "key="+key,
		"--reporters", "json", "--reporter-json-export", report)
	out, err := newman.CombinedOutput()
	if err != nil {
		t.Errorf("newman ended with %v:\n%s", err, out)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var run struct {
		Run struct {
			Stats struct {
				Requests, Assertions struct{ Total, Failed int }
			}
			Failures []struct {
				Source struct{ Name string }
				Error  struct{ Test, Message string }
			}
		}
	}
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	for _, f := range run.Run.Failures {
		t.Errorf("%s: %s: %s", f.Source.Name, f.Error.Test, f.Error.Message)
	}
	if s := run.Run.Stats; s.Requests.Total != 13 || s.Assertions.Total != 13 || s.Assertions.Failed != 0 {
		t.Errorf("%+v, want 13 requests with an assertion each", s)
	}
}

var (
	listens = regexp.MustCompile(`http://[0-9.:]+`)
	printed = regexp.MustCompile(`^ *api key.*?(\S+)$`)
)

// quickstart builds and starts the quick start, and returns where it listens and
// the API key that it has printed.
func quickstart(t *testing.T) (base, key string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "quickstart")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", program, "../quickstart").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, stop := context.WithCancel(t.Context())
	run := exec.CommandContext(ctx, program, "-addr", "127.0.0.1:0")
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for (base == "" || key == "") && lines.Scan() {
		if base == "" {
			base = listens.FindString(lines.Text())
		}
		if found := printed.FindStringSubmatch(lines.Text()); found != nil {
			key = found[1]
		}
	}
	read := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, out) // or it would wait for somebody to read
		close(read)
	}()
	t.Cleanup(func() {
		stop()
		<-read
		_ = run.Wait() // it was interrupted
	})
	if base == "" || !strings.Contains(key, "_ak_") {
		t.Fatalf("the quick start has not said where it listens (%q) or its API key (%q)", base, key)
	}
	return base, key
}
