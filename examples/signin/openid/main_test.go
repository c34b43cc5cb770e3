package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is an app and its provider.
type fixture struct {
	*hosttest.Host
	config
	demo *demoProvider
	log  *lockedBuffer
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{log: &lockedBuffer{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.demo.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	f.serve(t, func(string) string { return server.URL })
	return f
}

// serve serves the app over a provider.
func (f *fixture) serve(t *testing.T, issuer func(origin string) string) {
	t.Helper()
	users := hosttest.Users(t, time.Now, "correct horse", store.User{ID: "u-ada", Login: "ada@example.com", Tier: "free"})
	_, f.Host = hosttest.Serve(t, func(origin string) (http.Handler, error) {
		f.config = config{
			origin: origin, issuer: issuer(origin), clientID: "app", clientSecret: "sesame", users: users,
			log: slog.New(slog.NewTextHandler(f.log, nil)), now: time.Now,
		}
		var err error
		if f.demo, err = newDemoProvider(f.config); err != nil {
			return nil, err
		}
		return newApp(t.Context(), f.config)
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// begin begins a login, and returns what the app asks the provider for.
func (f *fixture) begin(t *testing.T, browser *hosttest.Host) *url.URL {
	t.Helper()
	answer := browser.Get(t, "/login", "")
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || answer.Status != http.StatusSeeOther {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	return to
}

// back has a user log in at the provider, and returns the path and the query with which
// the browser comes back.
func (f *fixture) back(t *testing.T, to *url.URL, user string) string {
	t.Helper()
	w := httptest.NewRecorder()
	f.demo.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, to.String()+"&user="+user, http.NoBody))
	path, ok := strings.CutPrefix(w.Header().Get("Location"), f.origin)
	if !ok {
		t.Fatalf("the provider answers %d %s", w.Code, w.Body)
	}
	return path
}

// login logs a user in, and returns the first page.
func (f *fixture) login(t *testing.T, browser *hosttest.Host, user string) string {
	t.Helper()
	answer := browser.Get(t, f.back(t, f.begin(t, browser), user), "")
	if got := answer.Header.Get("Location"); answer.Status != http.StatusSeeOther || got != "/" {
		t.Fatalf("got %d %s, %q, %s", answer.Status, answer.Body, got, f.log.String())
	}
	return browser.Get(t, "/", "").Body
}

func TestALoginAtTheProviderOpensASession(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	to := f.begin(t, browser)
	for name, want := range map[string]string{"response_type": "code", "code_challenge_method": "S256", "redirect_uri": f.origin + "/login/callback", "max_age": "28800"} {
		if got := to.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	answer := browser.Get(t, f.back(t, to, "ada"), "")
	if got := answer.Header; got.Get("Location") != "/" || got.Get("Referrer-Policy") != "no-referrer" || got.Get("Cache-Control") != "no-store" {
		t.Errorf("the headers are %v", got)
	}
	page := browser.Get(t, "/", "")
	page.Is(t, http.StatusOK, "with pwd.<")
	browser.Post(t, "/auth/refresh").Is(t, http.StatusNoContent, "")
	browser.Post(t, "/auth/logout").Is(t, http.StatusNoContent, "")
	browser.Get(t, "/", "").Is(t, http.StatusOK, `href="/login"`)

	if again := f.login(t, f.Browser(t), "ada"); again != page.Body {
		t.Errorf("the second login is that of another user: %s", again)
	}
	if other := f.login(t, f.Browser(t), "bob"); other == page.Body {
		t.Error("another user has the same account")
	}
}

// The provider's user has the e-mail address of one who is here already.
func TestAnAddressIsNoIdentity(t *testing.T) {
	t.Parallel()
	f := start(t)
	if page := f.login(t, f.Browser(t), "ada"); strings.Contains(page, "u-ada") {
		t.Errorf("the account was taken over: %s", page)
	}
}

// refuses fails the test if a callback opens a session.
func (f *fixture) refuses(t *testing.T, browser *hosttest.Host, path, why string) {
	t.Helper()
	browser.Get(t, path, "").Is(t, http.StatusForbidden, "not completed")
	browser.Get(t, "/", "").Is(t, http.StatusOK, `href="/login"`)
	if log := f.log.String(); !strings.Contains(log, why) {
		t.Errorf("the log has not %q: %s", why, log)
	}
}

func TestCallbacksThatAreRefused(t *testing.T) {
	t.Parallel()
	edited := func(t *testing.T, path string, edit func(url.Values)) string {
		t.Helper()
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		edit(q)
		return u.Path + "?" + q.Encode()
	}
	for name, test := range map[string]struct {
		callback func(t *testing.T, f *fixture, browser *hosttest.Host) string
		why      string
	}{
		"an attacker's, in a browser that began no login": {func(t *testing.T, f *fixture, _ *hosttest.Host) string {
			attacker := f.Browser(t)
			return f.back(t, f.begin(t, attacker), "eve")
		}, "not begun in this browser"},
		"an attacker's, in a browser that began another": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			f.begin(t, browser)
			attacker := f.Browser(t)
			return f.back(t, f.begin(t, attacker), "eve")
		}, "not begun in this browser"},
		"an attacker's code with the browser's own state": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			to := f.begin(t, browser)
			attacker := f.Browser(t)
			return edited(t, f.back(t, f.begin(t, attacker), "eve"), func(q url.Values) { q.Set("state", to.Query().Get("state")) })
		}, "invalid_grant"}, // PKCE
		"without state": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			return edited(t, f.back(t, f.begin(t, browser), "ada"), func(q url.Values) { q.Del("state") })
		}, "not begun in this browser"},
		"with two states": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			return edited(t, f.back(t, f.begin(t, browser), "ada"), func(q url.Values) { q.Add("state", "x") })
		}, "not begun in this browser"},
		"with an empty state": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			return edited(t, f.back(t, f.begin(t, browser), "ada"), func(q url.Values) { q.Set("state", "") })
		}, "not begun in this browser"},
		"of another provider": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			return edited(t, f.back(t, f.begin(t, browser), "ada"), func(q url.Values) { q.Set("iss", "https://evil.example") })
		}, "another provider"},
		"of a provider that should name itself and does not": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			return edited(t, f.back(t, f.begin(t, browser), "ada"), func(q url.Values) { q.Del("iss") })
		}, "another provider"},
		"a login that the user has cancelled": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			return edited(t, f.back(t, f.begin(t, browser), "ada"), func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") })
		}, "access_denied"},
		"with another code": {func(t *testing.T, f *fixture, browser *hosttest.Host) string {
			return edited(t, f.back(t, f.begin(t, browser), "ada"), func(q url.Values) { q.Set("code", "x") })
		}, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			browser := f.Browser(t)
			f.refuses(t, browser, test.callback(t, f, browser), test.why)
		})
	}
}

func TestACallbackIsUsedOnce(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	path := f.back(t, f.begin(t, browser), "ada")
	browser.Get(t, path, "").Is(t, http.StatusSeeOther, "")
	browser.Post(t, "/auth/logout").Is(t, http.StatusNoContent, "")
	f.refuses(t, browser, path, "not begun in this browser")
}

func TestIDTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit func(jwt.MapClaims)
		why  string
	}{
		"of another login":                      {func(c jwt.MapClaims) { c["nonce"] = "x" }, "of another login"},
		"without a nonce":                       {func(c jwt.MapClaims) { delete(c, "nonce") }, "of another login"},
		"for another app":                       {func(c jwt.MapClaims) { c["aud"] = "other" }, "audience"},
		"for two apps, on behalf of the other":  {func(c jwt.MapClaims) { c["aud"] = []string{"app", "other"}; c["azp"] = "other" }, "another app"},
		"for two apps":                          {func(c jwt.MapClaims) { c["aud"] = []string{"app", "other"} }, "another app"},
		"of another issuer":                     {func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }, "different provider"},
		"that has expired":                      {func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, "expired"},
		"without a user":                        {func(c jwt.MapClaims) { delete(c, "sub") }, "no user"},
		"of a user who logged in yesterday":     {func(c jwt.MapClaims) { c["auth_time"] = time.Now().Add(-24 * time.Hour).Unix() }, "max_age"},
		"that does not say when they logged in": {func(c jwt.MapClaims) { delete(c, "auth_time") }, "max_age"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t)
			f.demo.edit = test.edit
			browser := f.Browser(t)
			f.refuses(t, browser, f.back(t, f.begin(t, browser), "ada"), test.why)
		})
	}
}

func TestWhatTheProviderSaysIsText(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.demo.edit = func(c jwt.MapClaims) { c["amr"] = []string{"<script>"} }
	if page := f.login(t, f.Browser(t), "ada"); !strings.Contains(page, "with &lt;script&gt;.<") {
		t.Errorf("the page is %s", page)
	}
}

func TestAProviderThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	f := &fixture{log: &lockedBuffer{}}
	f.serve(t, func(string) string { return "http://127.0.0.1:1" })
	f.Browser(t).Get(t, "/login", "").Is(t, http.StatusServiceUnavailable, "Try again")
}

func TestTheLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	f := start(t)
	browser := f.Browser(t)
	path := f.back(t, f.begin(t, browser), "ada")
	browser.Get(t, path, "").Is(t, http.StatusSeeOther, "")
	u, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"code", "state"} {
		if log := f.log.String(); !strings.Contains(log, "kind=login ") || strings.Contains(log, u.Query().Get(name)) {
			t.Errorf("the log must have the login, and not the %s: %s", name, log)
		}
	}
}
