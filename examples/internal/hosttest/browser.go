package hosttest

import (
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"
)

// Serve serves an app over TLS until the test ends, and returns its origin and a
// client of it. Browsers send the cookies of Config.Cookies over TLS only, and so does
// the cookie jar of net/http.
func Serve(t *testing.T, newApp func(origin string) (http.Handler, error)) (origin string, h *Host) {
	t.Helper()
	var app http.Handler
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(w, r) }))
	origin = "https://" + server.Listener.Addr().String()
	app, err := newApp(origin)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a connection that the client did not need in the end
	server.StartTLS()
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return origin, &Host{base: origin, client: client}
}

// Browser returns a client of the same host that keeps cookies of its own. It follows
// no redirect.
func (h *Host) Browser(t *testing.T) *Host {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *h.client
	client.Jar = jar
	return &Host{base: h.base, client: &client}
}

// Client is the client with which the host is asked.
func (h *Host) Client() *http.Client { return h.client }

// URL is the URL of a path of the host.
func (h *Host) URL(path string) string { return h.base + path }

// Clock is a clock that stands still until it is advanced.
type Clock struct{ at chan time.Time }

// NewClock returns a clock that shows the time of the machine, in whole seconds.
func NewClock() Clock {
	c := Clock{make(chan time.Time, 1)}
	c.at <- time.Now().Truncate(time.Second)
	return c
}

// Now returns the time.
func (c Clock) Now() time.Time {
	at := <-c.at
	c.at <- at
	return at
}

// Advance advances the clock.
func (c Clock) Advance(d time.Duration) { c.at <- (<-c.at).Add(d) }
