package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
)

func TestItListensAndAnswers(t *testing.T) {
	t.Parallel()
	host := hosttest.Start(t, run)
	host.Get(t, "/photos", "").Is(t, http.StatusOK, "harbour.jpg")
}

func TestEachCustomerIsLimitedByTheirOwnTier(t *testing.T) {
	t.Parallel()
	table := archive()
	api, err := newAPI(table)
	if err != nil {
		t.Fatal(err)
	}
	upgrade := func() {
		table.set("token-of-ada", customer{ID: "1", Company: "harbour", Plan: "studio", Seats: 2})
	}

	for _, tt := range []struct {
		name, token, path string
		before            func()
		times             int // of which all but the last must be answered with 200
		status            int // of the last
		limit             string
		remaining         string
	}{
		{name: "a caller without a token is counted by address", path: "/photos", times: 5, status: 200, limit: "5", remaining: "0"},
		{name: "and is refused when the limit is spent", path: "/photos", times: 1, status: 429, limit: "5", remaining: "0"},
		{name: "an unknown token is refused by the host's own login", token: "token-of-eve", path: "/photos", times: 1, status: 401},
		{name: "a customer has the limit of their plan", token: "token-of-ada", path: "/photos", times: 1, status: 200, limit: "100", remaining: "99"},
		{name: "a colleague spends the same", token: "token-of-bob", path: "/photos", times: 1, status: 200, limit: "100", remaining: "98"},
		{name: "an upgrade counts at once", before: upgrade, token: "token-of-ada", path: "/photos", times: 1, status: 200, limit: "2000", remaining: "1997"},
		{name: "a plan by seat is multiplied", token: "token-of-cleo", path: "/photos", times: 1, status: 200, limit: "3000", remaining: "2999"},
		{name: "a suspended customer is refused in the host's words", token: "token-of-dan", path: "/photos", times: 1, status: 402},
		{name: "an export is charged when its cost is known", token: "token-of-cleo", path: "/export?rows=1000", times: 1, status: 200, limit: "3000", remaining: "2998"},
		{name: "and the next one is refused", token: "token-of-cleo", path: "/export?rows=1", times: 1, status: 429, limit: "1000", remaining: "0"},
		{name: "a refused request has spent nothing of the tier, and the quota costs nothing", token: "token-of-cleo", path: "/quota", times: 3, status: 200, limit: "3000", remaining: "2998"},
	} {
		// One after the other: they spend the same limits.
		if tt.before != nil {
			tt.before()
		}
		var w *httptest.ResponseRecorder
		for i := range tt.times {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, http.NoBody)
			if tt.token != "" {
				r.Header.Set("X-Api-Token", tt.token)
			}
			w = httptest.NewRecorder()
			api.ServeHTTP(w, r)
			if i < tt.times-1 && w.Code != http.StatusOK {
				t.Fatalf("%s: request %d got %d", tt.name, i+1, w.Code)
			}
		}
		if w.Code != tt.status {
			t.Errorf("%s: got %d %s, want %d", tt.name, w.Code, w.Body, tt.status)
		}
		if got := w.Header().Get("X-RateLimit-Limit"); got != tt.limit {
			t.Errorf("%s: X-RateLimit-Limit is %q, want %q", tt.name, got, tt.limit)
		}
		if got := w.Header().Get("X-RateLimit-Remaining"); tt.remaining != "" && got != tt.remaining {
			t.Errorf("%s: X-RateLimit-Remaining is %q, want %q", tt.name, got, tt.remaining)
		}
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: there is no Retry-After", tt.name)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type is %q, want application/json", tt.name, got)
		}
	}
}
