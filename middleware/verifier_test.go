package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/eventtest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// keySource is a source of keys that a test answers for.
type keySource func() (*keys.Set, error)

func (s keySource) KeySet(context.Context, string) (*keys.Set, error) { return s() }

// resource is an Auth that only verifies what d's Authority signs.
func (d *harness) resource(tb testing.TB, from keys.Source) (*middleware.Auth, *eventtest.Journal) {
	tb.Helper()
	j := &eventtest.Journal{}
	v, err := tokens.NewVerifier(tokens.VerifierConfig{
		Keys: from, Issuer: d.config.tokens.Issuer, Audience: d.config.tokens.Audience, Events: j.Note,
	})
	if err != nil {
		tb.Fatal(err)
	}
	a, err := middleware.New(middleware.Config{Verifier: v, Tiers: tiers(), ClientIP: clientip.RemoteAddr})
	if err != nil {
		tb.Fatal(err)
	}
	return a, j
}

func TestVerifier(t *testing.T) {
	t.Parallel()
	published := func(t *testing.T, d *harness) *keys.Set {
		t.Helper()
		set, err := keys.NewSet(d.config.tokens.Keys...)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	send := func(h http.Handler, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", http.NoBody) //nolint:usetesting // the test's is over in a moment
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}

	t.Run("a service that only verifies protects, limits and wants scopes", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		a, _ := d.resource(t, published(t, d))
		token := string(d.login(t, alice).AccessToken)
		hello := http.HandlerFunc(d.hello)
		w := send(a.Protect(hello), token)
		if w.Code != http.StatusOK || w.Body.String() != "hello u-alice" || w.Header().Get("X-RateLimit-Limit") != "500" {
			t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
		}
		wantStatus(t, send(a.OptionalBearer(a.RequireScope("read")(hello)), token), http.StatusOK)
		wantStatus(t, send(a.Bearer(a.RequireScope("admin")(hello)), token), http.StatusForbidden)
		bad := send(a.Protect(hello), token+"x")
		wantStatus(t, bad, http.StatusUnauthorized)
		if got, want := bad.Body.String()+bad.Header().Get("WWW-Authenticate"), send(d.Protect(hello), token+"x"); got != want.Body.String()+want.Header().Get("WWW-Authenticate") {
			t.Errorf("%s, and the Auth of the Authority answers %s", got, want.Body)
		}
	})

	t.Run("P29: while no keys can be had it is 503 without a challenge, and an event", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		a, journal := d.resource(t, keySource(func() (*keys.Set, error) { return nil, errors.New("10.0.0.7 is down") }))
		w := send(a.Protect(http.HandlerFunc(d.hello)), string(d.login(t, alice).AccessToken))
		wantStatus(t, w, http.StatusServiceUnavailable)
		if w.Header().Get("WWW-Authenticate") != "" || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "10.0.0.7") {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
		if told := journal.Take(); len(told) != 1 || told[0].Kind != events.KeysFailure {
			t.Errorf("events = %+v", told)
		}
	})

	t.Run("its events are the Verifier's", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		a, journal := d.resource(t, published(t, d))
		limited := a.Limit(http.HandlerFunc(d.hello))
		for range 101 {
			send(limited, "")
		}
		if told := journal.Take(); len(told) != 1 || told[0].Kind != events.Limited || !told[0].Address.IsValid() {
			t.Errorf("events = %+v", told)
		}
	})

	t.Run("its handlers say that they have no Authority, and do not panic", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		a, _ := d.resource(t, published(t, d))
		token := string(d.login(t, alice).AccessToken)
		for name, h := range map[string]http.HandlerFunc{
			"Login": a.Login, "Refresh": a.Refresh, "Token": a.Token, "Logout": a.Logout, "LogoutEverywhere": a.LogoutEverywhere,
		} {
			if w := send(h, token); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "Tokens") {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		_, err := a.CheckLogin(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody))
		if err == nil || !strings.Contains(err.Error(), "Config.Tokens is nil") {
			t.Error(err)
		}
	})

	t.Run("New wants an Authority or a Verifier, and not both", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		c := d.config.auth
		var err error
		if c.Verifier, err = tokens.NewVerifier(tokens.VerifierConfig{Keys: published(t, d), Issuer: "i", Audience: "a"}); err != nil {
			t.Fatal(err)
		}
		if _, err := middleware.New(c); err == nil || err.Error() != "middleware: Config.Verifier: must be nil if Tokens is set" {
			t.Error(err)
		}
	})
}

func TestAVerifierHasNoLockouts(t *testing.T) {
	t.Parallel()
	d := open(t)
	set, err := keys.NewSet(d.config.tokens.Keys...)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := d.resource(t, set)
	if _, err := a.InspectLogin(t.Context(), "alice", netip.Addr{}); err == nil {
		t.Error("InspectLogin returned no error")
	}
	if err := a.LiftLockout(t.Context(), "alice", netip.Addr{}); err == nil {
		t.Error("LiftLockout returned no error")
	}
}
