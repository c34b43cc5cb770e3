package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/passwords"
)

func TestMain(m *testing.M) {
	if os.Getenv(alone) != "" {
		os.Exit(serveAlone()) // with the defaults
	}
	var err error
	if hasher, err = passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true}); err != nil {
		panic(err)
	}
	os.Exit(redistest.Run(m))
}

// served is a quick start that runs until the test ends.
type served struct{ base, apiKey string }

func serve(t *testing.T, args ...string) served {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), in, io.Discard)
		_ = in.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	var s served
	lines := bufio.NewScanner(out)
	for lines.Scan() && (s.base == "" || s.apiKey == "") {
		if base := regexp.MustCompile(`http://[0-9.:]+`).FindString(lines.Text()); base != "" {
			s.base = base
		}
		if strings.HasPrefix(lines.Text(), "api key") {
			words := strings.Fields(lines.Text())
			s.apiKey = words[len(words)-1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if s.base == "" || s.apiKey == "" {
		t.Fatalf("the quick start printed no address or no API key: %v", lines.Err())
	}
	return s
}

func (s served) do(t *testing.T, method, path, token string, form url.Values) (int, http.Header, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body map[string]any
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response.StatusCode, response.Header, body
}

func (s served) login(t *testing.T, user string) string {
	t.Helper()
	_, _, body := s.do(t, http.MethodPost, "/api/login_check", "", url.Values{"_username": {user}, "_password": {demoPassword}})
	token, ok := body["token"].(string)
	if !ok {
		t.Fatalf("%s cannot log in: %v", user, body)
	}
	return token
}

func TestEachDemoUserHasTheQuotaOfTheirTier(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for user, limit := range map[string]string{"alice": "500", "bob": "1500", "carol": "10000"} {
		status, header, body := s.do(t, http.MethodGet, "/api/1.0/open/me", s.login(t, user), nil)
		if status != http.StatusOK || body["user"] != "u-"+user || header.Get("X-RateLimit-Limit") != limit {
			t.Errorf("%s: %d, %v of %s", user, status, body, header.Get("X-RateLimit-Limit"))
		}
	}
}

// It waits for one request to come back, and not for the end of an hour.
func TestFaultC10TheHundredAndFirstAnonymousSearchIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for i := range 101 {
		status, header, body := s.do(t, http.MethodGet, "/api/1.0/open/search?q=x", "", nil)
		switch {
		case i < 100 && status != http.StatusOK:
			t.Fatalf("search %d: %d %v", i+1, status, body)
		case i == 100 && (status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || body["code"] != 429.0):
			t.Errorf("search 101: %d %v %v", status, header, body)
		case i == 100:
			if wait, err := strconv.Atoi(header.Get("Retry-After")); err != nil || wait < 1 || wait > 36 {
				t.Errorf("search 101 waits %q s, want 1 to 36", header.Get("Retry-After"))
			}
		}
	}
	if status, _, _ := s.do(t, http.MethodGet, "/api/1.0/open/search?q=x", s.login(t, "alice"), nil); status != http.StatusOK {
		t.Errorf("alice, from the same address: %d", status)
	}
}

func TestThePasswordGrantIsServedWhereItIsSwitchedOn(t *testing.T) {
	t.Parallel()
	form := url.Values{"grant_type": {"password"}, "username": {"bob"}, "password": {demoPassword}}
	for _, tt := range []struct {
		args   []string
		status int
	}{{nil, http.StatusBadRequest}, {[]string{"-password-grant"}, http.StatusOK}} {
		s := serve(t, tt.args...)
		if status, _, body := s.do(t, http.MethodPost, "/oauth/token", "", form); status != tt.status {
			t.Errorf("%v: %d %v, want %d", tt.args, status, body, tt.status)
		}
	}
}

func TestAKeptKeyOutlivesARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key.pem")
	before := serve(t, "-key", file)
	token := before.login(t, "alice")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key file: %v, %v", info, err)
	}
	// the issuer is the address, which a restart here does not keep
	empty, err := inMemory()
	if err != nil {
		t.Fatal(err)
	}
	host, err := newHost(t.Context(), options{keyFile: file}, empty, before.base, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	if p, err := host.auth.CheckBearer(r); err != nil || p.Subject != "u-alice" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestTheMetadataLeadsToTheKeysAndToTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	s := serve(t)
	status, _, metadata := s.do(t, http.MethodGet, "/.well-known/oauth-authorization-server", "", nil)
	if status != http.StatusOK || metadata["issuer"] != s.base || metadata["token_endpoint"] != s.base+"/oauth/token" {
		t.Fatalf("%d %v", status, metadata)
	}
	path, _ := strings.CutPrefix(metadata["jwks_uri"].(string), s.base)
	status, header, set := s.do(t, http.MethodGet, path, "", nil)
	if keys, _ := set["keys"].([]any); status != http.StatusOK || len(keys) != 1 || header.Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("%d %v %v", status, header, set)
	}
}

func TestBadFlagsAreErrors(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		args []string
		says string
	}{
		{[]string{"-addr", "nowhere"}, "address nowhere"},
		{[]string{"-retry-grace", "1h"}, "Config.RetryGrace"},
		{[]string{"extra"}, `unknown argument "extra"`},
		{[]string{"-key", os.DevNull}, os.DevNull + ": keys: no PEM block"},
	} {
		// one that was right would serve until the test ends, and fail it by its time
		err := run(t.Context(), append([]string{"-addr", "127.0.0.1:0"}, x.args...), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%v: %v, want %q", x.args, err, x.says)
		}
	}
}
