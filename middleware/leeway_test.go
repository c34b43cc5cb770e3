package middleware_test

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// movedClock is a clock that a test sets.
type movedClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *movedClock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *movedClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func withClock(clock *movedClock) func(*config) {
	return func(c *config) { c.tokens.Now, c.auth.Now = clock.time, clock.time }
}

// A refresh token has no leeway: it is refused from the end of its session on, which may
// be that of the access token.
func TestFaultC15LeewayOfRefresh(t *testing.T) {
	t.Parallel()
	const leeway = 30 * time.Second
	for late, want := range map[time.Duration]int{-time.Second: http.StatusOK, 0: http.StatusBadRequest, leeway - time.Second: http.StatusBadRequest, leeway + time.Second: http.StatusBadRequest} {
		clock := &movedClock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
		d := open(t, withClock(clock), func(c *config) { c.tokens.Leeway, c.tokens.IdleTTL = leeway, time.Hour })
		p := d.login(t, alice)
		clock.move(time.Hour + late)
		bearer := d.send(request(t, "GET /bearer\nAuthorization: Bearer "+string(p.AccessToken)+"\n\n"))
		if want := late < leeway; (bearer.Code == http.StatusOK) != want {
			t.Errorf("%v after the end: Bearer answers %d", late, bearer.Code)
		}
		wantStatus(t, d.send(request(t, "POST /refresh\n"+form+"\n\nrefresh_token="+string(p.RefreshToken))), want)
	}
}

// An access token that has expired by less than Leeway is valid at each endpoint that
// takes one, whatever it was made of, and at none once it has expired by more.
func TestFaultC15LeewayIsTheSameAtEachEndpoint(t *testing.T) {
	t.Parallel()
	const leeway = 30 * time.Second
	requests := map[string]string{
		"Bearer":         "GET /bearer\nAuthorization: Bearer ACCESS\n\n",
		"OptionalBearer": "GET /search\nAuthorization: Bearer ACCESS\n\n",
		"Protect":        "GET /me\nAuthorization: Bearer ACCESS\n\n",
		"RequireScope":   "GET /write\nAuthorization: Bearer ACCESS\n\n",
		"Introspect":     "POST /introspect\n" + form + "\n" + basicAPI + "\n\ntoken=ACCESS",
	}
	ofALogin := map[string]string{
		"Sessions":         "GET /sessions\nAuthorization: Bearer ACCESS\n\n",
		"APIKeys":          "GET /keys\nAuthorization: Bearer ACCESS\n\n",
		"EndOtherSessions": "DELETE /sessions/others\nAuthorization: Bearer ACCESS\n\n",
		"LogoutEverywhere": "POST /everywhere\nAuthorization: Bearer ACCESS\n\n",
		"Logout":           "POST /logout\nAuthorization: Bearer ACCESS\n\n",
		"Revoke":           "POST /revoke\n" + form + "\n\nclient_id=web&token=ACCESS",
	}
	valid := func(t *testing.T, d *harness, text, access string) bool {
		t.Helper()
		w := d.send(request(t, strings.ReplaceAll(text, "ACCESS", access)))
		if w.Code == http.StatusOK && strings.HasPrefix(text, "POST /introspect") {
			return strings.Contains(w.Body.String(), `"active":true`)
		}
		return w.Code < 300
	}
	for credential, makes := range map[string]func(*testing.T, *harness) string{
		"a login":                         func(t *testing.T, d *harness) string { return string(d.loginAs(t, alice, "web").AccessToken) },
		"a login without a refresh token": accessOnly,
		"an API key that ends with it":    ofAKey,
	} {
		all := map[string]string{}
		maps.Copy(all, requests)
		for name, text := range ofALogin {
			if credential != "an API key that ends with it" {
				all[name] = text
			}
		}
		for name, text := range all {
			t.Run(name+", with the token of "+credential, func(t *testing.T) {
				t.Parallel()
				for late, want := range map[time.Duration]bool{-time.Second: true, leeway - time.Second: true, leeway + time.Second: false} {
					clock := &movedClock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
					d := open(t, registering, withClock(clock), func(c *config) { c.tokens.Leeway = leeway })
					access := makes(t, d)
					clock.move(time.Hour + late)
					got := valid(t, d, text, access)
					if name == "Revoke" && !want {
						continue // an invalid token is no error (RFC 7009 §2.2)
					}
					if got != want {
						t.Errorf("%v after it expired: valid = %v, want %v", late, got, want)
					}
				}
			})
		}
	}
}

func accessOnly(t *testing.T, d *harness) string {
	t.Helper()
	p, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: alice.Login, Password: password, ClientID: "web", AccessOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return string(p.AccessToken)
}

// ofAKey returns the access token of an API key that expires at the same time.
func ofAKey(t *testing.T, d *harness) string {
	t.Helper()
	key, _, err := d.tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI", Expires: d.config.tokens.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: "web"})
	if err != nil {
		t.Fatal(err)
	}
	return string(p.AccessToken)
}
