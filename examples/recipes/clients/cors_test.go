package main

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	password  = "correct horse & battery"
	page      = "https://app.example.com"
	elsewhere = "https://evil.example"
)

// apis are the API on net/http and on Echo, and one that is wrong: its CORS is behind
// Protect.
var apis = map[string]func(config) (http.Handler, error){"net/http": newAPI, "Echo": newEchoAPI}

func start(t *testing.T, newAPI func(config) (http.Handler, error)) *hosttest.Host {
	t.Helper()
	users := hosttest.Users(t, nil, password, store.User{ID: "u-1", Login: "ada", Tier: "free"})
	for _, c := range registered() {
		if err := users.SetClient(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	api, err := newAPI(config{
		origin: "https://api.example.net", pages: []string{page}, users: users,
		log: slog.New(slog.DiscardHandler), now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return hosttest.Pipe(t, api, nil)
}

func preflight(origin, method string) hosttest.Request {
	return hosttest.Request{Method: http.MethodOptions, Path: "/me", Origin: origin, Header: http.Header{
		"Access-Control-Request-Method": {method}, "Access-Control-Request-Headers": {"authorization"},
	}}
}

func TestAPageOfAnotherOriginReadsWhatItIsAnswered(t *testing.T) {
	t.Parallel()
	for name, newAPI := range apis {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t, newAPI)
			access := h.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/login", Origin: page, Form: hosttest.Form("client_id", "web", "username", "ada", "password", password)}).Pair(t).Access
			get := func(path, bearer, origin string) hosttest.Answer {
				return h.Do(t, hosttest.Request{Method: http.MethodGet, Path: path, Bearer: bearer, Origin: origin})
			}
			for range 100 { // more than the limit: preflights are not counted
				if answer := h.Do(t, preflight(page, http.MethodDelete)); answer.Status != http.StatusNoContent ||
					answer.Header.Get("Access-Control-Allow-Origin") != page || !strings.Contains(strings.ToLower(answer.Header.Get("Access-Control-Allow-Headers")), "authorization") {
					t.Fatalf("a preflight is answered with %d %v", answer.Status, answer.Header)
				}
			}
			if answer := h.Do(t, preflight(elsewhere, http.MethodGet)); answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("a preflight of another page is answered with %v", answer.Header)
			}
			reads := func(what string, answer hosttest.Answer, status int, headers ...string) {
				t.Helper()
				if answer.Status != status || answer.Header.Get("Access-Control-Allow-Origin") != page || answer.Header.Get("Access-Control-Allow-Credentials") != "" ||
					!strings.Contains(strings.Join(answer.Header.Values("Vary"), ","), "Origin") {
					t.Errorf("%s is answered with %d %v", what, answer.Status, answer.Header)
				}
				for _, name := range headers {
					if answer.Header.Get(name) == "" || !exposes(answer, name) {
						t.Errorf("%s has no %s that a script can read: %v", what, name, answer.Header)
					}
				}
			}
			reads("a request", get("/me", access, page), http.StatusOK, "RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining")
			reads("a request without a token", get("/me", "", page), http.StatusUnauthorized, "WWW-Authenticate")
			reads("a request without the scope", get("/reports", access, page), http.StatusForbidden, "WWW-Authenticate")
			reads("a wrong password", h.Do(t, hosttest.Request{Method: http.MethodPost, Path: "/login", Origin: page, Form: hosttest.Form("client_id", "web", "username", "ada", "password", "wrong")}), http.StatusBadRequest)
			if answer := get("/me", access, elsewhere); answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("another page reads %v", answer.Header)
			}
			last := get("/me", access, page)
			for last.Status == http.StatusOK {
				last = get("/me", access, page)
			}
			reads("a request above the limit", last, http.StatusTooManyRequests, "Retry-After", "RateLimit")
		})
	}
}

func exposes(a hosttest.Answer, name string) bool {
	for have := range strings.SplitSeq(a.Header.Get("Access-Control-Expose-Headers"), ",") {
		if strings.EqualFold(strings.TrimSpace(have), name) {
			return true
		}
	}
	return false
}

// What happens if CORS is behind Protect: the browser asks without a token, and is refused.
func TestAPreflightBehindProtectIsRefused_wrong(t *testing.T) {
	t.Parallel()
	h := start(t, func(c config) (http.Handler, error) {
		auth, err := newAuth(c)
		if err != nil {
			return nil, err
		}
		return auth.Protect(shared(c.pages, http.HandlerFunc(me))), nil
	})
	if answer := h.Do(t, preflight(page, http.MethodGet)); answer.Status != http.StatusUnauthorized || answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %d %v", answer.Status, answer.Header)
	}
}

func TestAnAPIWithoutFrontEndsIsReadByNoPage(t *testing.T) {
	t.Parallel()
	h := start(t, func(c config) (http.Handler, error) {
		c.pages = nil
		return newAPI(c)
	})
	if answer := h.Do(t, preflight(page, http.MethodGet)); answer.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %v", answer.Header)
	}
}
