package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What it costs to refuse a request without a valid access token: the refusal and the
// values of its headers.
func TestRefusingABearerIsTwoAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	d := open(t)
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
