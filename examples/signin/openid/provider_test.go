package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// node-oidc-provider is certified, and knows nothing of this app.
func TestALoginAtNodeOIDCProvider(t *testing.T) {
	t.Parallel()
	f := &fixture{log: &lockedBuffer{}}
	f.serve(t, func(origin string) string { return nodeProvider(t, origin+"/login/callback") })
	browser := f.Browser(t)
	if got := f.browse(t, browser.Client(), "/login"); !strings.Contains(got, "with pwd otp mfa.") {
		t.Errorf("got %s\n%s", got, f.log.String())
	}
	first := browser.Get(t, "/", "").Body
	// The browser is still logged in at the provider.
	browser.Post(t, "/auth/logout").Is(t, http.StatusNoContent, "")
	if got := f.browse(t, browser.Client(), "/login"); got != first {
		t.Errorf("got %s, want %s", got, first)
	}
}

// browse follows all redirects, from the app to the provider and back, and returns the
// last page.
func (f *fixture) browse(t *testing.T, client *http.Client, path string) string {
	t.Helper()
	follows := *client
	follows.CheckRedirect = nil
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.origin+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := follows.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const scripts = "../../resourceservers/testdata"

// nodeProvider starts the provider until the test ends, and returns its issuer.
func nodeProvider(t *testing.T, redirect string) string {
	t.Helper()
	skip.Programs(t)
	if _, err := os.Stat(filepath.Join(scripts, "node_modules", "oidc-provider")); err != nil {
		skip.Skip(t, "no provider: npm ci --ignore-scripts in examples/resourceservers/testdata")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		skip.Skip(t, "no node")
	}
	command := exec.CommandContext(t.Context(), node, "openid.mjs")
	command.Dir, command.Env = scripts, append(os.Environ(), "REDIRECT="+redirect)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = command.Wait()
		t.Fatalf("%v: %s", err, complaints.String())
	}
	return strings.TrimSpace(line)
}
