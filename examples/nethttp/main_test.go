package main

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse & battery"

func login(t *testing.T, h *hosttest.Host) hosttest.Pair {
	t.Helper()
	return h.Post(t, "/login", "username", "alice", "password", password).Pair(t)
}

func TestAReaderLogsInCallsRefreshesAndLeaves(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, run)
	first := login(t, h)
	h.Get(t, "/me", first.Access).Is(t, http.StatusOK, "reader 7, who may articles:read articles:write\n")
	h.Get(t, "/articles", first.Access).Is(t, http.StatusOK, "articles that reader 7 has not read yet\n")
	h.Do(t, hosttest.Request{Method: http.MethodDelete, Path: "/articles/1", Bearer: first.Access}).Is(t, http.StatusNoContent, "")

	second := h.Post(t, "/refresh", "refresh_token", first.Refresh).Pair(t)
	h.Get(t, "/me", second.Access).Is(t, http.StatusOK, "reader 7")

	h.Post(t, "/logout", "refresh_token", second.Refresh).Is(t, http.StatusNoContent, "")
	h.Post(t, "/refresh", "refresh_token", second.Refresh).Is(t, http.StatusBadRequest, `"error":"invalid_grant"`)
}

func TestARefreshTokenThatComesTwiceEndsTheSession(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, run)
	first := login(t, h)
	second := h.Post(t, "/refresh", "refresh_token", first.Refresh).Pair(t)
	for _, token := range []string{first.Refresh, second.Refresh} {
		h.Post(t, "/refresh", "refresh_token", token).Is(t, http.StatusBadRequest, `"error":"invalid_grant"`)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, run)
	readOnly := h.Post(t, "/login", "username", "alice", "password", password, "scope", "articles:read").Pair(t)

	for _, tt := range []struct {
		name    string
		request hosttest.Request
		status  int
		body    string
		header  string // of WWW-Authenticate
	}{
		{
			"a wrong password",
			hosttest.Request{Method: http.MethodPost, Path: "/login", Form: hosttest.Form("username", "alice", "password", "correct horse")},
			http.StatusBadRequest, `{"error":"invalid_grant","error_description":"Invalid user name or password"}`, "",
		},
		{
			"an unknown login, with the same answer",
			hosttest.Request{Method: http.MethodPost, Path: "/login", Form: hosttest.Form("username", "bob", "password", "correct horse")},
			http.StatusBadRequest, `{"error":"invalid_grant","error_description":"Invalid user name or password"}`, "",
		},
		{
			"no token, where one is wanted",
			hosttest.Request{Method: http.MethodGet, Path: "/me"},
			http.StatusUnauthorized, `"detail":"An access token is required"`, `Bearer realm="api"`,
		},
		{
			"a token that is none",
			hosttest.Request{Method: http.MethodGet, Path: "/me", Bearer: "x.y.z"},
			http.StatusUnauthorized, `"detail":"The access token is invalid or expired"`, `error="invalid_token"`,
		},
		{
			"a token that is none, where none is wanted",
			hosttest.Request{Method: http.MethodGet, Path: "/articles", Bearer: "x.y.z"},
			http.StatusUnauthorized, `"detail":"The access token is invalid or expired"`, `error="invalid_token"`,
		},
		{
			"a token without the scope",
			hosttest.Request{Method: http.MethodDelete, Path: "/articles/1", Bearer: readOnly.Access},
			http.StatusForbidden, `"status":403`, `error="insufficient_scope"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answer := h.Do(t, tt.request)
			answer.Is(t, tt.status, tt.body)
			if got := answer.Header.Get("WWW-Authenticate"); !strings.Contains(got, tt.header) {
				t.Errorf("WWW-Authenticate is %q, want %q", got, tt.header)
			}
		})
	}
}

func TestAnonymousCallersHaveAHundredRequestsAnHour(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, run)
	for range 100 {
		h.Get(t, "/articles", "").Is(t, http.StatusOK, "articles\n")
	}
	refused := h.Get(t, "/articles", "")
	refused.Is(t, http.StatusTooManyRequests, `"title":"Quota exceeded"`)
	if refused.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	h.Get(t, "/articles", login(t, h).Access).Is(t, http.StatusOK, "reader 7") // alice, at the same address
}
