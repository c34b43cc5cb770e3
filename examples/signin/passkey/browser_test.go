package main

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/browsertest"
	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
)

// Chromium adds a passkey and logs in with it, as passkey.mjs says.
func TestAPasskeyInChromium(t *testing.T) {
	t.Parallel()
	const scripts = "../../browser/testdata"
	whole := browsertest.Browser(t, scripts)
	chromium := cmp.Or(browsertest.Shell(), whole)
	var app http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	origin := strings.Replace(server.URL, "127.0.0.1", domain, 1)
	users := hosttest.Users(t, time.Now, password, store.User{ID: "u-1", Login: "ada", Tier: "free"})
	var err error
	if app, err = newApp(config{domain: domain, origin: origin, users: users, log: slog.New(slog.DiscardHandler), now: time.Now}); err != nil {
		t.Fatal(err)
	}
	browsertest.Run(t, scripts, nil, "passkey.mjs", chromium, origin, password)
}
