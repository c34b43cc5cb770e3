package middleware_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// BenchmarkHandlers measures what each handler adds to a request. Run it with -benchmem.
func BenchmarkHandlers(b *testing.B) {
	d := open(b, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1 << 60, Period: time.Hour}} })
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
	p := d.login(b, alice)
	r.Header.Set("Authorization", "Bearer "+string(p.AccessToken))
	known := r.WithContext(tokens.WithPrincipal(r.Context(), p.Principal))
	strict := open(b, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Period: time.Hour}} })
	for _, test := range []struct {
		name    string
		handler http.Handler
		request *http.Request
	}{
		{"nothing", nothing, r},
		{"Bearer", d.Bearer(nothing), r},
		{"Limit", d.Limit(nothing), known},
		{"Protect", d.Protect(nothing), r},
		{"Limit, refused", strict.Limit(nothing), known},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			w := &discarded{header: http.Header{}}
			for b.Loop() {
				clear(w.header)
				test.handler.ServeHTTP(w, test.request)
			}
		})
	}
}

// BenchmarkRefresh measures a refresh in the OAuth2 wire format, with the store in
// memory and an HS256 key. The request is made, and the answer read, outside of what
// is measured.
func BenchmarkRefresh(b *testing.B) {
	d := open(b)
	token := string(d.login(b, alice).RefreshToken)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/refresh", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		b.StartTimer()
		d.Refresh(w, r)
		b.StopTimer()
		var answer struct {
			RefreshToken string `json:"refresh_token"`
		}
		if json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer.RefreshToken == "" {
			b.Fatal(w.Code, w.Body)
		}
		token = answer.RefreshToken
		b.StartTimer()
	}
}
