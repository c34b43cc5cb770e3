// Package resourceservers_test has resource servers that know nothing of Sallyport
// verify its access tokens, and verifies the access tokens of an issuer that knows
// nothing of it.
package resourceservers_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/internal/skip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const python = "/usr/bin/python3" // Debian's, which sees Debian's packages

// withoutEd25519 are the algorithms without the name that RFC 9864 has given one.
var withoutEd25519 = algorithms[:len(algorithms)-1]

func TestProgramsVerifyByTheKeySet(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	for _, x := range []struct {
		name, runs, script string
		accepts            []string
	}{
		{"jose", "node", "jose.mjs", algorithms},
		{"express-oauth2-jwt-bearer, strict", "node", "express.mjs", withoutEd25519},
		{"PyJWT", python, "pyjwt.py", withoutEd25519},
	} {
		t.Run(x.name+" accepts our tokens, and none that was changed", func(t *testing.T) {
			t.Parallel()
			needs(t, x.runs)
			command := exec.CommandContext(t.Context(), x.runs, x.script)
			command.Dir = "testdata"
			command.Env = append(os.Environ(), h.told(t)...)
			var out, complaints bytes.Buffer
			command.Stdout, command.Stderr = &out, &complaints
			err := command.Run()
			var want []string
			for _, name := range x.accepts {
				want = append(want, "ok "+name)
			}
			if got := strings.Split(strings.TrimSpace(out.String()), "\n"); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v after %q, want %q\n%s", err, got, want, complaints.String())
			}
		})
	}
}

func TestLibrariesVerifyByTheKeySet(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	keySet, err := keyfunc.NewDefaultCtx(ctx, []string{h.jwks})
	if err != nil {
		t.Fatal(err)
	}
	remote := oidc.NewRemoteKeySet(ctx, h.jwks)
	for _, x := range []struct {
		name   string
		verify func(token, algorithm string) error
	}{
		{"keyfunc and golang-jwt", func(token, algorithm string) error {
			_, err := jwt.Parse(token, keySet.Keyfunc, jwt.WithValidMethods([]string{algorithm}),
				jwt.WithIssuer(h.issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
			return err
		}},
		{"go-oidc", func(token, algorithm string) error {
			_, err := oidc.NewVerifier(h.issuer, remote, &oidc.Config{
				ClientID: audience, SupportedSigningAlgs: []string{algorithm},
			}).Verify(ctx, token)
			return err
		}},
	} {
		t.Run(x.name+" accepts our tokens, and none that was changed", func(t *testing.T) {
			t.Parallel()
			for _, algorithm := range withoutEd25519 {
				token := h.tokens[algorithm]
				if err := x.verify(token, algorithm); err != nil {
					t.Errorf("%s: %v", algorithm, err)
				}
				if x.verify(forged(token), algorithm) == nil {
					t.Errorf("%s: a forged signature was accepted", algorithm)
				}
			}
		})
	}
}

// forged returns the token with another signature.
func forged(token string) string {
	i := strings.LastIndexByte(token, '.') + 1
	other := "A"
	if token[i] == 'A' {
		other = "B"
	}
	return token[:i] + other + token[i+1:]
}

// needs skips the test, or fails it where nothing may be skipped, unless a program
// and what it runs are there.
func needs(t *testing.T, program string) {
	t.Helper()
	skip.Programs(t)
	if _, err := exec.LookPath(program); err != nil {
		skip.Skip(t, "no "+program)
	}
	switch program {
	case python:
		if exec.CommandContext(t.Context(), python, "-c", "import jwt, cryptography").Run() != nil {
			skip.Skip(t, "no python3-jwt or no python3-cryptography")
		}
	case "node":
		if _, err := os.Stat(filepath.Join("testdata", "node_modules", "oidc-provider")); err != nil {
			skip.Skip(t, "no resource servers: npm ci --ignore-scripts in examples/resourceservers/testdata")
		}
	}
}
