package main

import (
	"net/http"
	"net/http/httptest"
)

func request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody) //nolint:noctx // nothing ends these requests
	r.RemoteAddr = "203.0.113.9:4711"
	return r
}

func withToken(token string) *http.Request {
	r := request()
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// repeat returns a function that sends one of the requests, each in its turn. It has
// sent one already.
func repeat(h http.Handler, requests ...*http.Request) (*discard, func()) {
	w, next := &discard{header: http.Header{}}, 0
	send := func() {
		w.status = http.StatusOK
		clear(w.header) // some add to what is there
		h.ServeHTTP(w, requests[next])
		next++
		if next == len(requests) {
			next = 0
		}
	}
	send()
	return w, send
}

// discard is a ResponseWriter that drops the body.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header       { return d.header }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)    { d.status = status }
