package authtest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// routes are the handlers of a host that sells reports: what a host's tests test.
func routes(auth *middleware.Auth) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", auth.Login)
	mux.HandleFunc("POST /refresh", auth.Refresh)
	mux.Handle("GET /reports", auth.Protect(http.HandlerFunc(reports)))
	mux.Handle("POST /reports", auth.Protect(auth.RequireScope("reports:write")(http.HandlerFunc(reports))))
	mux.Handle("GET /prices", auth.OptionalBearer(auth.Limit(http.HandlerFunc(reports))))
	return mux
}

// reports answers with the caller and the region of their token.
func reports(w http.ResponseWriter, r *http.Request) {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		_, _ = io.WriteString(w, "anonymous")
		return
	}
	var claims struct{ Region string }
	if err := p.Claims(&claims); err != nil {
		http.Error(w, "wrong claims", http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, p.Subject+" of "+p.Account+", "+p.Tier+", "+claims.Region)
}

// get sends a GET to the app, as the user.
func get(t *testing.T, f *authtest.Fixture, app http.Handler, path string, u authtest.User) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	app.ServeHTTP(w, f.As(t, httptest.NewRequest(http.MethodGet, path, http.NoBody), u))
	return w.Result()
}

func TestReportsNeedAScope(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	app := routes(f.Auth)
	for name, test := range map[string]struct {
		user   authtest.User
		status int
	}{
		"a user who may write": {authtest.User{Scopes: []string{"reports:write"}}, http.StatusOK},
		"a user who may read":  {authtest.User{Scopes: []string{"reports:read"}}, http.StatusForbidden},
		"a user without scope": {authtest.User{}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.user.ID = name
			w := httptest.NewRecorder()
			app.ServeHTTP(w, f.As(t, httptest.NewRequest(http.MethodPost, "/reports", http.NoBody), test.user))
			if w.Code != test.status {
				t.Fatalf("status = %d, want %d: %s", w.Code, test.status, w.Body)
			}
			if test.status == http.StatusForbidden {
				authtest.WantRefusal(t, w.Result(), authtest.Refusal{Status: http.StatusForbidden, Code: "insufficient_scope"})
			}
		})
	}
}

func TestAReportSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	response := get(t, f, routes(f.Auth), "/reports", authtest.User{
		ID: "u-7", Account: "acme", Tier: "premium", Claims: map[string]any{"region": "eu"},
	})
	if body, _ := io.ReadAll(response.Body); string(body) != "u-7 of acme, premium, eu" {
		t.Errorf("body = %s", body)
	}
}

func TestAnExpiredTokenIsRefused(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	r := httptest.NewRequest(http.MethodGet, "/reports", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+f.Expired(t, authtest.User{}))
	w := httptest.NewRecorder()
	routes(f.Auth).ServeHTTP(w, r)
	authtest.WantRefusal(t, w.Result(), authtest.Refusal{Status: http.StatusUnauthorized, Code: "invalid_token"})
}

func TestTheFourthReportInAnHourIsRefused(t *testing.T) {
	t.Parallel()
	f := authtest.New(t, func(c *authtest.Config) {
		c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: 3, Period: time.Hour}}
	})
	app, ada := routes(f.Auth), authtest.User{ID: "ada"}
	for range 3 {
		if response := get(t, f, app, "/reports", ada); response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
	}
	authtest.WantRefusal(t, get(t, f, app, "/reports", ada), authtest.Refusal{
		Status: http.StatusTooManyRequests, Code: "quota-exceeded",
		Quota: &authtest.Quota{Policy: "free", Limit: 3, RetryAfter: time.Hour},
	})
	f.Advance(time.Hour) // or f.ResetLimits(t)
	if response := get(t, f, app, "/reports", ada); response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
}

// A service account has no login: its tokens are made from an API key.
func TestReportsOfAServiceAccount(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	nightly := authtest.User{Kind: store.OwnerService, ID: "nightly", Account: "acme", Scopes: []string{"reports:write"}}
	response := get(t, f, routes(f.Auth), "/reports", nightly)
	if body, _ := io.ReadAll(response.Body); string(body) != "service:nightly of acme, free, " {
		t.Errorf("body = %s", body)
	}
}

// The handler alone, without the middleware.
func TestReportsOfAPrincipal(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	p := f.Principal(t, authtest.User{ID: "u-7", Account: "acme"})
	r := httptest.NewRequest(http.MethodGet, "/reports", http.NoBody)
	w := httptest.NewRecorder()
	reports(w, r.WithContext(tokens.WithPrincipal(r.Context(), p)))
	if w.Body.String() != "u-7 of acme, free, " {
		t.Errorf("body = %s", w.Body)
	}
}

// In a bubble the Fixture can have the clock of the bubble, which a sleep advances.
func TestAReportThatTakesLongerThanTheToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := authtest.New(t, func(c *authtest.Config) { c.Now = time.Now })
		token := f.Token(t, authtest.User{})
		r := httptest.NewRequest(http.MethodGet, "/reports", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		for _, status := range []int{http.StatusOK, http.StatusUnauthorized} {
			w := httptest.NewRecorder()
			routes(f.Auth).ServeHTTP(w, r)
			if w.Code != status {
				t.Errorf("status = %d, want %d", w.Code, status)
			}
			<-time.After(time.Hour)
		}
	})
}
