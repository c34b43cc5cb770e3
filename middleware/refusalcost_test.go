package middleware_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// What it costs to refuse a request without a valid access token, if no hook is told:
// the refusal and the values of its headers.
func TestRefusingABearerIsTwoAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	d := open(t, func(c *config) { c.tokens.Events = nil })
	guarded := d.Bearer(http.NotFoundHandler())
	for name, authorization := range map[string]string{
		"no header": "", "8000 dots": "Bearer " + strings.Repeat(".", 8000), "no token": "Bearer abc.def.ghi",
		"two words": "Bearer a b", "too long": "Bearer " + strings.Repeat("a", 9000),
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := &discarded{header: http.Header{}}
		if n := testing.AllocsPerRun(1000, func() { guarded.ServeHTTP(w, r) }); n > 2 && !raced {
			t.Errorf("%s: %v allocations, want 2", name, n)
		}
		if w.status != http.StatusUnauthorized || w.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: status = %d, header = %v", name, w.status, w.header)
		}
	}
}

// What a refresh costs through the handler, the store in memory and the request itself
// included.
func TestARefreshIsFortyAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	d := open(t, func(c *config) { c.tokens.Events = nil })
	token := string(d.login(t, alice).RefreshToken)
	w := &kept{header: http.Header{}}
	n := testing.AllocsPerRun(200, func() {
		w.body.Reset()
		clear(w.header)
		d.Refresh(w, &http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/refresh"}, RemoteAddr: "203.0.113.9:4711",
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			Body:   io.NopCloser(strings.NewReader("grant_type=refresh_token&refresh_token=" + token)), ContentLength: int64(len(token)) + 39,
		})
		_, after, _ := strings.Cut(w.body.String(), `"refresh_token":"`)
		var found bool
		if token, _, found = strings.Cut(after, `"`); !found {
			t.Fatal(w.body.String())
		}
	})
	t.Log(n)
	if n > 40 && !raced {
		t.Errorf("%v allocations, want 40 or fewer", n)
	}
}

// kept is a response that is kept.
type kept struct {
	header http.Header
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (*kept) WriteHeader(int)               {}
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }
