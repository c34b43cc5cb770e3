package main

import (
	"net/http"
	"strings"
	"testing"
)

// Each measured limiter allows requests below its limit.
func TestContestants(t *testing.T) {
	t.Parallel()
	for _, c := range contestants(t.Context()) {
		decide := c.open()
		for _, key := range []string{"a", "b", "a"} {
			if !decide(key) {
				t.Errorf("%s refuses", c.name)
			}
		}
	}
}

// Each middleware allows requests below its limit, rejects them with 429 at the
// limit, and writes its headers.
func TestMiddlewares(t *testing.T) {
	t.Parallel()
	for _, d := range middlewares(t.Context()) {
		for most, want := range map[int64]int{limit: http.StatusOK, 0: http.StatusTooManyRequests} {
			handler, err := d.open(most)
			if err != nil {
				t.Fatal(err)
			}
			if handler == nil {
				continue
			}
			w, send := repeat(t.Context(), handler)
			send()
			if w.status != want {
				t.Errorf("%s: with %d it answers %d, want %d", d.name, most, w.status, want)
			}
			if limits := w.header.Get("X-Ratelimit-Limit"); limits == "" && !strings.Contains(d.name, "no header") {
				t.Errorf("%s has the headers %v", d.name, w.header)
			}
		}
	}
}
