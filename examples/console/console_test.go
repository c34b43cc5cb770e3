package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestItServesThePageUntilItIsStopped(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, run)
	page := h.Get(t, "/", "")
	page.Is(t, http.StatusOK, "<title>Console</title>")
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, ":") {
		t.Errorf("the policy lets in more than the page: %s", policy)
	}
	h.Get(t, "/console.js", "").Is(t, http.StatusOK, "import")
	h.Get(t, "/account", "").Is(t, http.StatusUnauthorized, "")
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args  []string
		fails bool
	}{
		"-h is no error":                        {[]string{"-h"}, false},
		"a flag that does not exist is":         {[]string{"-unknown"}, true},
		"an address where it cannot listen, is": {[]string{"-addr", "192.0.2.1:1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := run(t.Context(), test.args, io.Discard); (err != nil) != test.fails {
				t.Errorf("got %v", err)
			}
		})
	}
}

// fixture is a host with the demo users, whose time a test sets.
type fixture struct {
	*hosttest.Host
	origin string
	users  *memstore.Store
	clock  hosttest.Clock
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{clock: hosttest.NewClock()}
	f.users = hosttest.Users(t, f.clock.Now, demoPassword, demoUsers...)
	f.origin, f.Host = hosttest.Serve(t, func(origin string) (http.Handler, error) {
		return newHost(config{
			origin: origin, store: f.users, signing: keys.NewSecret(), refresh: keys.NewSecret(),
			log: slog.New(slog.DiscardHandler), now: f.clock.Now,
		})
	})
	return f
}

// device is a browser that has signed in.
func (f *fixture) device(t *testing.T, login string) *hosttest.Host {
	t.Helper()
	b := f.Browser(t)
	b.Post(t, "/auth/login", "username", login, "password", demoPassword).Is(t, http.StatusNoContent, "")
	return b
}

func read[T any](t *testing.T, a hosttest.Answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil || a.Status/100 != 2 {
		t.Fatalf("got %d %s, %v", a.Status, a.Body, err)
	}
	return v
}

func remove(t *testing.T, h *hosttest.Host, path string) hosttest.Answer {
	t.Helper()
	return h.Do(t, hosttest.Request{Method: http.MethodDelete, Path: path})
}

func TestTheAccountIsThatOfTheCookie(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.Get(t, "/account", "").Is(t, http.StatusUnauthorized, "")
	ada := f.device(t, "ada")
	ada.Get(t, "/account", "").Is(t, http.StatusOK, `{"id":"u-ada","login":"ada","scopes":["read","write"],"seats":1,"tier":"free"}`)
	f.clock.Advance(16 * time.Minute) // the access token has expired
	ada.Get(t, "/account", "").Is(t, http.StatusUnauthorized, "")
	ada.Post(t, "/auth/refresh").Is(t, http.StatusNoContent, "")
	ada.Get(t, "/account", "").Is(t, http.StatusOK, "u-ada")
	if err := f.users.RemoveUser(t.Context(), "u-ada"); err != nil {
		t.Fatal(err)
	}
	ada.Get(t, "/account", "").Is(t, http.StatusUnauthorized, "")
}

type quota struct {
	Policies []struct{ Used, Limit, Window int64 }
}

func TestTheQuotaMovesWithTheAPIAndNotWithThePage(t *testing.T) {
	t.Parallel()
	f := start(t)
	ada := f.device(t, "ada")
	used := func() (all []int64) {
		for _, p := range read[quota](t, ada.Get(t, "/account/quota", "")).Policies {
			all = append(all, p.Used)
		}
		return all
	}
	for _, path := range []string{"/account", "/account/sessions", "/account/api-keys", "/account/quota"} {
		ada.Get(t, path, "").Is(t, http.StatusOK, "")
	}
	if got := used(); len(got) != 2 || got[0] != 0 || got[1] != 0 {
		t.Errorf("the page has spent %v", got)
	}
	ada.Get(t, "/api/hello", "").Is(t, http.StatusOK, `{"hello":"u-ada"}`)
	if got := used(); got[0] != 1 || got[1] != 1 {
		t.Errorf("one request has spent %v", got)
	}
}

type sessionList struct {
	Sessions []struct {
		ID      string
		Current bool
	}
}

func TestDevicesAreEnded(t *testing.T) {
	t.Parallel()
	f := start(t)
	here, phone, tablet, bob := f.device(t, "ada"), f.device(t, "ada"), f.device(t, "ada"), f.device(t, "bob")
	own := func(h *hosttest.Host) string {
		for _, s := range read[sessionList](t, h.Get(t, "/account/sessions", "")).Sessions {
			if s.Current {
				return s.ID
			}
		}
		t.Fatal("no session is the current one")
		return ""
	}
	id := own(phone)
	remove(t, bob, "/account/sessions/"+id).Is(t, http.StatusNotFound, "")
	remove(t, here, "/account/sessions/"+id).Is(t, http.StatusNoContent, "")
	phone.Get(t, "/account", "").Is(t, http.StatusUnauthorized, "")
	phone.Post(t, "/auth/refresh").Is(t, http.StatusBadRequest, "")
	tablet.Get(t, "/account", "").Is(t, http.StatusOK, "")
	remove(t, here, "/account/sessions").Is(t, http.StatusNoContent, "")
	tablet.Get(t, "/account", "").Is(t, http.StatusUnauthorized, "")
	if got := read[sessionList](t, here.Get(t, "/account/sessions", "")); len(got.Sessions) != 1 {
		t.Errorf("got %+v", got)
	}
	here.Post(t, "/auth/logout").Is(t, http.StatusNoContent, "")
	here.Get(t, "/account", "").Is(t, http.StatusUnauthorized, "")
	bob.Get(t, "/account", "").Is(t, http.StatusOK, "u-bob")
}

func TestAKeyCallsTheAPIAndNothingElse(t *testing.T) {
	t.Parallel()
	f := start(t)
	ada := f.device(t, "ada")
	key := read[struct{ ID, Key string }](t, ada.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/account/api-keys", JSON: `{"label":"CI","scope":"read"}`}))
	exchange := func() hosttest.Answer {
		return f.Post(t, "/oauth/token", "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange",
			"subject_token_type", "urn:sallyport:token-type:api-key", "subject_token", key.Key)
	}
	access := read[hosttest.Pair](t, exchange()).Access
	f.Get(t, "/api/hello", access).Is(t, http.StatusOK, "u-ada")
	f.Get(t, "/account/sessions", access).Is(t, http.StatusForbidden, "")
	f.Get(t, "/account/api-keys", access).Is(t, http.StatusForbidden, "")
	if list := ada.Get(t, "/account/api-keys", ""); strings.Contains(list.Body, key.Key) || !strings.Contains(list.Body, key.ID) {
		t.Errorf("the list must have the key's ID and not the key: %s", list.Body)
	}
	remove(t, ada, "/account/api-keys/"+key.ID).Is(t, http.StatusNoContent, "")
	f.Get(t, "/api/hello", access).Is(t, http.StatusUnauthorized, "")
	exchange().Is(t, http.StatusBadRequest, "")
}

func TestPagesOfOtherOriginsChangeNothing(t *testing.T) {
	t.Parallel()
	f := start(t)
	ada := f.device(t, "ada")
	for _, q := range []hosttest.Request{
		{Method: http.MethodPost, Path: "/auth/logout"},
		{Method: http.MethodPost, Path: "/auth/refresh"},
		{Method: http.MethodDelete, Path: "/account/sessions"},
		{Method: http.MethodPost, Path: "/account/api-keys", JSON: `{"label":"CI"}`},
	} {
		q.Origin = "https://evil.example"
		ada.Do(t, q).Is(t, http.StatusForbidden, "")
	}
	ada.Get(t, "/account", "").Is(t, http.StatusOK, "u-ada")
}

var (
	reference = regexp.MustCompile(`(?:href|src|from|import)[ =]"([^"#]+)"`)
	elsewhere = regexp.MustCompile(`https?://[^"$]*`)
	inline    = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script[^>]*>[^<]`)
	unsafe    = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|localStorage|sessionStorage|indexedDB|document\.cookie|setAttribute\("style"`)
)

// What the policy would stop, and what would leave a secret behind.
func TestTheFilesOfThePage(t *testing.T) {
	t.Parallel()
	entries, err := fs.ReadDir(web, "web")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"index.html": true}
	for _, entry := range entries {
		text, err := fs.ReadFile(web, "web/"+entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
			name := strings.TrimLeft(m[1], "./")
			if _, err := fs.Stat(web, "web/"+name); err != nil {
				t.Errorf("%s: %v", entry.Name(), err)
			}
			used[name] = true
		}
		for _, at := range elsewhere.FindAllString(string(text), -1) {
			if at != "http://www.w3.org/2000/svg" {
				t.Errorf("%s names another host: %s", entry.Name(), at)
			}
		}
		for _, wrong := range []*regexp.Regexp{inline, unsafe} {
			if found := wrong.Find(text); found != nil && entry.Name() != "console.css" {
				t.Errorf("%s has %s", entry.Name(), found)
			}
		}
	}
	for _, entry := range entries {
		if !used[entry.Name()] {
			t.Errorf("nothing uses %s", entry.Name())
		}
	}
}

func TestTheServerIsShort(t *testing.T) {
	t.Parallel()
	lines := 0
	for _, name := range []string{"main.go", "host.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(text), "\n")
	}
	if lines > 250 {
		t.Errorf("main.go and host.go have %d lines, want 250 at most", lines)
	}
}
