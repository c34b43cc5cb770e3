// Package browser_test tries the cookies of Config.Cookies in a browser, which
// decides for itself what it keeps, what it sends along and what a script may see.
package browser_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/browsertest"
	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wants is what a step has to know besides where the host is.
type wants map[string]any

// promise is a line of TestBrowser, as the browser's driver is told of it.
type promise struct {
	Name  string `json:"name"`
	Does  string `json:"does"` // a function of steps.mjs
	Wants wants  `json:"wants"`
	Host  host   `json:"host"`
	Whole bool   `json:"whole"` // it needs a browser that blocks third-party cookies, as users may choose

	change func(host, *config)
}

func TestBrowser(t *testing.T) {
	t.Parallel()
	chromium := browsertest.Browser(t, driver)
	promises := []promise{
		{Name: "no script reads or overwrites a token, after a login or a refresh", Does: "hidden"},
		{
			Name: "the browser stores the cookies with their prefixes, paths and SameSite", Does: "reported",
			Wants: wants{"jar": []cookie{{"__Host-access_token", "/", "Strict"}, {"__Secure-refresh_token", "/auth", "Strict"}}},
		},
		{
			Name: "the browser stores cookies with configured names, path and SameSite", Does: "reported",
			Wants: wants{"jar": []cookie{{"__Host-a", "/", "Lax"}, {"__Host-refresh_token", "/", "Lax"}}},
			change: func(_ host, c *config) {
				c.auth.Cookies.RefreshPath, c.auth.Cookies.Access, c.auth.Cookies.SameSite = "/", "a", http.SameSiteLaxMode
			},
		},
		{Name: "after a login by form fetch, a page and a WebSocket are authenticated", Does: "enters"},
		{Name: "a refresh gives the browser new tokens by itself", Does: "rotates"},
		{Name: "the longest access token is kept and sent", Does: "holds", change: withLongTokens},
		{Name: "two tabs that refresh at the same moment stay signed in with RetryGrace", Does: "bothStay"},
		{
			Name: "two tabs that refresh at the same moment are signed out without RetryGrace, and can log in again", Does: "bothGo",
			change: func(_ host, c *config) { c.tokens.RetryGrace = 0 },
		},
		{Name: "a logout removes the cookies, and a copy of them is rejected", Does: "leaves", Wants: wants{"path": "/auth/logout"}},
		{Name: "a logout everywhere removes the cookies, and a copy of them is rejected", Does: "leaves", Wants: wants{"path": "/auth/everywhere"}},
		{Name: "a session that was revoked elsewhere is rejected once, and then the browser is anonymous", Does: "endedElsewhere"},
		{
			Name: "another origin of the same site cannot act as the user", Does: "otherOrigins",
			Wants: wants{"from": "sibling", "write": statuses{"form": {403}, "fetch": {403}, "beacon": {403}}},
		},
		{
			Name: "another site cannot act as the user, because its requests carry no cookies", Does: "otherOrigins",
			Wants: wants{"from": "afar", "write": statuses{"form": {401}, "fetch": {401}, "beacon": {401}}},
		},
		{
			Name: "an origin with the app's name but without TLS cannot act as the user", Does: "otherOrigins",
			Wants: wants{"from": "plain", "write": statuses{"form": {401}, "fetch": {401}, "beacon": {401}}},
		},
		{
			Name: "another site cannot act as the user with InsecureCrossSite, whether the browser blocks third-party cookies or not", Does: "otherOrigins", Whole: true,
			Wants: wants{"from": "afar", "write": statuses{"form": {403}}},
			change: func(h host, c *config) {
				c.auth.Cookies.InsecureCrossSite, c.auth.Cookies.TrustedOrigins = true, []string{h.Sibling}
			},
		},
		{Name: "a link from another site arrives without the user's cookies with SameSite strict, but scripts of the app have them", Does: "follows", Wants: wants{"whom": "anonymous"}},
		{
			Name: "a link from another site arrives with the user's cookies with SameSite lax", Does: "follows", Wants: wants{"whom": subject},
			change: func(_ host, c *config) { c.auth.Cookies.SameSite = http.SameSiteLaxMode },
		},
		{
			Name: "a front end at a trusted origin of the same site can log in, refresh and log out", Does: "frontEnd",
			change: func(h host, c *config) { c.auth.Cookies.TrustedOrigins = []string{h.Sibling} },
		},
		{Name: "a refresh token that another host of the domain plants is rejected, and does not end the user's session", Does: "planted"},
		{
			Name: "with RefreshPath / no refresh token can be planted", Does: "notPlanted",
			change: func(_ host, c *config) { c.auth.Cookies.RefreshPath = "/" },
		},
		{Name: "the app works without TLS on localhost", Does: "develops"},
		{
			Name: "FaultB11: a front end on another site can log in, refresh and log out with Partitioned, where the browser blocks third-party cookies", Does: "afarFrontEnd", Whole: true,
			Wants: wants{"kept": true},
			change: func(h host, c *config) {
				c.auth.Cookies.InsecureCrossSite, c.auth.Cookies.Partitioned, c.auth.Cookies.TrustedOrigins = true, true, []string{h.Afar}
			},
		},
		{
			Name: "FaultB11: without Partitioned it cannot", Does: "afarFrontEnd", Whole: true,
			Wants: wants{"kept": false},
			change: func(h host, c *config) {
				c.auth.Cookies.InsecureCrossSite, c.auth.Cookies.TrustedOrigins = true, []string{h.Afar}
			},
		},
		{
			Name: "a page of another site that keeps its tokens in memory refreshes once for many requests", Does: "inMemory",
			change: func(h host, c *config) {
				clock := hosttest.NewClock()
				c.tokens.Now, c.auth.Now = clock.Now, clock.Now
				c.later = func() { clock.Advance(2 * time.Hour) }
				c.auth.Cookies.TrustedOrigins = []string{h.Afar}
			},
		},
		{Name: "Swagger UI, as FastAPI has it, logs a user in and calls the API", Does: "documents"},
		{
			Name: "FaultB14: the browser forgets the cookies of a login that did not choose to be remembered", Does: "forgets",
			change: func(_ host, c *config) { c.auth.Cookies.Remember = "remember_me" },
		},
	}
	for i := range promises {
		promises[i].Host = newHost(t, promises[i].change)
	}
	kept := browsertest.Tried(t, driver, "browser.mjs", map[string]any{
		"browser": chromium, "shell": browsertest.Shell(), "promises": promises,
	})
	for _, p := range promises {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			if wrong, tried := kept[p.Name]; !tried || wrong != "" {
				t.Errorf("tried: %t\n%s", tried, wrong)
			}
		})
	}
}

// cookie is one as the browser reports it.
type cookie struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	SameSite string `json:"sameSite"`
}

// statuses are what is answered to each way to send a request.
type statuses map[string][]int

// withLongTokens leaves less than a hundred bytes to what a browser keeps.
func withLongTokens(_ host, c *config) {
	c.tokens.Claims = func(context.Context, store.User) (map[string]any, error) {
		return map[string]any{"long": strings.Repeat("x", 2550)}, nil
	}
}

const driver = "testdata"
