// Package interop_test tries Sallyport with OAuth clients in other languages,
// which know nothing of it and are run as their makers ship them.
package interop_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/internal/skip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestClients has a line for each client: how it is run, and the steps that it
// must have gone through. A step is what the client itself makes of the answer.
func TestClients(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, runs, script string
		is                 credentials
		quirk              string // the client's deviation that the test allows for
		steps              []string
	}{
		{
			name: "openid-client", runs: "node", script: "openid-client.mjs", is: awkward,
			steps: []string{"discovery", "login", "call", "wrong password", "refresh", "introspect", "revoke", "reuse"},
		},
		{
			name: "oauth4webapi", runs: "node", script: "oauth4webapi.mjs", is: awkward,
			quirk: "it verifies the access token by RFC 9068 itself, with the key set that the metadata names",
			steps: []string{"discovery", "login", "call", "verify", "wrong password", "refresh", "introspect", "revoke", "reuse"},
		},
		{
			name: "simple-oauth2", runs: "node", script: "simple-oauth2.mjs", is: awkward,
			quirk: "it cannot read the answer to a revocation unless that is JSON",
			steps: []string{"login", "call", "wrong password", "refresh", "revoke", "reuse"},
		},
		{
			name: "jose", runs: "node", script: "jose.mjs", is: awkward,
			steps: []string{"verify", "forged"},
		},
		{
			name: "requests-oauthlib", runs: python, script: "requests_oauthlib_client.py", is: plain,
			quirk: "it puts id and secret into Basic as they are, and at its own renewal into the body",
			steps: []string{"login", "call", "wrong password", "refresh", "revoke", "reuse", "renewal"},
		},
		{
			name: "authlib", runs: python, script: "authlib_client.py", is: plain,
			quirk: "it puts id and secret into Basic as they are",
			steps: []string{"login", "call", "wrong password", "refresh", "introspect", "revoke", "reuse", "renewal"},
		},
	} {
		t.Run(c.name+" gets what it expects", func(t *testing.T) {
			t.Parallel()
			needs(t, c.runs)
			h := newHost(t)
			command := exec.CommandContext(t.Context(), c.runs, c.script)
			command.Dir = clients
			command.Env = append(os.Environ(), h.told(c.is)...)
			var out, complaints bytes.Buffer
			command.Stdout, command.Stderr = &out, &complaints
			err := command.Run()
			var steps []string
			for line := range strings.Lines(out.String()) {
				if step, ok := strings.CutPrefix(strings.TrimSpace(line), "ok "); ok {
					steps = append(steps, step)
				}
			}
			if err != nil || !slices.Equal(steps, c.steps) {
				t.Errorf("it ended with %v after %q, want %q (%s)\n%s", err, steps, c.steps, c.quirk, complaints.String())
			}
		})
	}
}

const (
	clients = "testdata"
	python  = "/usr/bin/python3" // Debian's, which sees Debian's packages
)

// needs skips the test, or fails it where nothing may be skipped, unless there is
// a program and the clients that it runs.
func needs(t *testing.T, program string) {
	t.Helper()
	if program != "curl" {
		skip.Programs(t)
	}
	missing := ""
	if _, err := exec.LookPath(program); err != nil {
		missing = "no " + program
	}
	switch program {
	case python:
		if err := exec.CommandContext(t.Context(), python, "-c", "import authlib, requests_oauthlib, httplib2, aiohttp").Run(); err != nil {
			missing = "no python3-authlib, python3-requests-oauthlib, python3-httplib2 or python3-aiohttp"
		}
	case "node":
		if _, err := os.Stat(filepath.Join(clients, "node_modules", "@hey-api", "openapi-ts")); err != nil {
			missing = "no clients: npm ci --ignore-scripts in examples/interop/testdata"
		}
	}
	if missing != "" {
		skip.Skip(t, missing)
	}
}
