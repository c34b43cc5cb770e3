package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// revoking is a revocation of {TOKEN} by the client web.
func (d *harness) revoke(t *testing.T, token tokens.Secret, more string) int {
	t.Helper()
	return d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(token)+more).Code
}

func (d *harness) introspect(t *testing.T, token tokens.Secret) string {
	t.Helper()
	w := d.ask(t, "POST /introspect\n"+basicAPI+"\n"+form+"\n\ntoken="+string(token))
	wantStatus(t, w, http.StatusOK)
	return w.Body.String()
}

const inactive = `{"active":false}`

// wantAlive wants all of a pair to be good, or all of it to be dead at once.
func (d *harness) wantAlive(t *testing.T, p tokens.Pair, alive bool) {
	t.Helper()
	status := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[alive]
	wantStatus(t, d.call(t, "/bearer", p.AccessToken, ""), status)
	for _, token := range []tokens.Secret{p.AccessToken, p.RefreshToken} {
		if got := d.introspect(t, token); (got != inactive) != alive {
			t.Errorf("introspection says %s", got)
		}
	}
}

// D143 to D152, P35, P36.
func TestRevoke(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		of   func(tokens.Pair) tokens.Secret
		more string
	}{
		{"a refresh token", func(p tokens.Pair) tokens.Secret { return p.RefreshToken }, ""},
		{"an access token", func(p tokens.Pair) tokens.Secret { return p.AccessToken }, ""},
		{"a refresh token with a wrong hint (D150)", func(p tokens.Pair) tokens.Secret { return p.RefreshToken }, "&token_type_hint=access_token"},
		{"an access token with an unknown hint (D150)", func(p tokens.Pair) tokens.Secret { return p.AccessToken }, "&token_type_hint=saml2_token"},
	} {
		t.Run("P36: "+x.name+" is revoked with all of its session at once, and no other (D143, D145, D146, D147)", func(t *testing.T) {
			t.Parallel()
			d := open(t, registering)
			one, other := d.loginAs(t, alice, "web"), d.loginAs(t, alice, "web")
			w := d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(x.of(one))+"&client_id=web"+x.more)
			wantAnswer(t, w, http.StatusOK, "Cache-Control: no-store\nContent-Type: application/json\nPragma: no-cache\nX-Content-Type-Options: nosniff", "{}")
			d.wantAlive(t, one, false)
			d.wantAlive(t, other, true)
			if code := d.revoke(t, x.of(one), "&client_id=web"); code != http.StatusOK { // D144
				t.Errorf("once more: %d", code)
			}
		})
	}
	t.Run("an invalid token is 200 (D144)", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		for _, token := range []tokens.Secret{"junk", "sp_rt_x", "a.b.c", tokens.Secret(strings.Repeat("x", 9000))} {
			if code := d.revoke(t, token, "&client_id=web"); code != http.StatusOK {
				t.Errorf("%.10s: %d", string(token), code)
			}
		}
	})
	t.Run("P9: another client changes nothing (D149)", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		one := d.loginAs(t, alice, "web")
		for _, token := range []tokens.Secret{one.RefreshToken, one.AccessToken} {
			w := d.ask(t, "POST /revoke\n"+shopBasic+"\n"+form+"\n\ntoken="+string(token))
			wantStatus(t, w, http.StatusOK)
		}
		d.wantAlive(t, one, true)
	})
	t.Run("a client that is not who it says is 401, and changes nothing (D148)", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		p, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop:1", ClientSecret: "a b:c+%"})
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []tokens.Secret{p.RefreshToken, p.AccessToken} {
			for _, header := range []string{basic("shop%3A1", "wrong"), basic("shop%3A1", ""), ""} {
				wantClientRefused(t, d.ask(t, "POST /revoke\n"+with(header)+"\n\ntoken="+string(token)))
			}
		}
		d.wantAlive(t, p, true)
		wantStatus(t, d.ask(t, "POST /revoke\n"+with(shopBasic)+"\n\ntoken="+string(p.RefreshToken)), http.StatusOK)
		d.wantAlive(t, p, false)
	})
	t.Run("no token is 400 (D151), and GET is 405", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		w := d.ask(t, "POST /revoke\n"+form+"\n\nclient_id=web")
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "invalid_request") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := d.ask(t, "GET /revoke?token=x"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
	t.Run("an access token that cannot be revoked is said to be of such a kind (D151)", func(t *testing.T) {
		t.Parallel()
		exchanged := func(d *harness) (tokens.Pair, error) {
			return d.tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(d.apiKey(t))})
		}
		for name, of := range map[string]struct {
			d     *harness
			token func(*harness) (tokens.Pair, error)
		}{
			"no deny list":  {open(t), func(d *harness) (tokens.Pair, error) { return d.login(t, alice), nil }},
			"of an API key": {open(t, withDenials), exchanged},
		} {
			d := of.d
			p, err := of.token(d)
			if err != nil {
				t.Fatal(err)
			}
			w := d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(p.AccessToken))
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "unsupported_token_type") {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	})
	t.Run("an access token without a refresh token is revoked where there is a deny list", func(t *testing.T) {
		t.Parallel()
		d := open(t, withDenials)
		p, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, d.call(t, "/bearer", p.AccessToken, ""), http.StatusOK)
		wantStatus(t, d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(p.AccessToken)), http.StatusOK)
		wantStatus(t, d.call(t, "/bearer", p.AccessToken, ""), http.StatusUnauthorized)
	})
	t.Run("an API key is revoked by any client that presents it, with the access tokens that it was exchanged for", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		key := d.apiKey(t)
		w := d.ask(t, "POST /token\n"+form+"\n\n"+exchanging+"&client_id=web&subject_token="+key)
		access := tokens.Secret(jwtForm.FindString(w.Body.String()))
		wantStatus(t, d.call(t, "/bearer", access, ""), http.StatusOK)
		if got := d.introspect(t, access); got == inactive {
			t.Error("its access token is not active")
		}
		for range 2 {
			if code := d.revoke(t, tokens.Secret(key), ""); code != http.StatusOK {
				t.Errorf("%d", code)
			}
		}
		wantStatus(t, d.ask(t, "POST /token\n"+form+"\n\n"+exchanging+"&client_id=web&subject_token="+key), http.StatusBadRequest)
		wantStatus(t, d.call(t, "/bearer", access, ""), http.StatusUnauthorized)
		if got := d.introspect(t, access); got != inactive {
			t.Errorf("introspection says %s", got)
		}
	})
	t.Run("P35: a failure of the store is 503 with Retry-After, and changes nothing (D152)", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		one, key := d.loginAs(t, alice, "web"), d.apiKey(t)
		d.store.fail(errDriver)
		for _, token := range []tokens.Secret{one.RefreshToken, one.AccessToken, tokens.Secret(key)} {
			w := d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(token))
			if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "MARKER") {
				t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
			}
		}
		// the bearer is not refused, but not let in either (D102)
		wantStatus(t, d.call(t, "/bearer", one.AccessToken, ""), http.StatusServiceUnavailable)
		wantStatus(t, d.ask(t, "POST /introspect\n"+basicAPI+"\n"+form+"\n\ntoken=x"), http.StatusServiceUnavailable)
		d.store.fail(nil)
		d.wantAlive(t, one, true)
	})
	t.Run("the answer is the standard's, whatever the dialect", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering, speaking(wire.Lexik{}), func(c *config) { c.tokens.DefaultClient = "web" })
		wantClientRefused(t, d.ask(t, "POST /revoke\n"+form+"\n\ntoken=x&client_id=unknown"))
		wantClientRefused(t, d.ask(t, "POST /introspect\n"+form+"\n\ntoken=x&client_id=unknown"))
	})
}

// D153 to D158.
func TestIntrospect(t *testing.T) {
	t.Parallel()
	t.Run("only an authenticated client that may introspect gets an answer (D153)", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		one := d.loginAs(t, alice, "web")
		for _, header := range []string{"", basic("web", ""), basic("api", ""), basic("api", "wrong"), basic("unknown", "x"), "Authorization: Bearer " + string(one.AccessToken)} {
			wantClientRefused(t, d.ask(t, "POST /introspect\n"+with(header)+"\n\ntoken="+string(one.AccessToken)))
		}
		w := d.ask(t, "POST /introspect\n"+with(shopBasic)+"\n\ntoken="+string(one.AccessToken))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "unauthorized_client") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := d.ask(t, "GET /introspect?token=x\n"+basicAPI); w.Code != http.StatusMethodNotAllowed { // D157
			t.Errorf("GET: %d", w.Code)
		}
		wantStatus(t, d.ask(t, "POST /introspect\n"+with(basicAPI)+"\n\n"), http.StatusBadRequest)
	})
	t.Run("without MayIntrospect, or without registered clients, no client may introspect", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering, func(c *config) { c.auth.MayIntrospect = nil })
		wantStatus(t, d.ask(t, "POST /introspect\n"+with(basicAPI)+"\n\ntoken=x"), http.StatusInternalServerError)
		wantStatus(t, open(t).ask(t, "POST /introspect\n"+with(basicAPI)+"\n\ntoken=x"), http.StatusInternalServerError)
	})
	t.Run("what is good is told with its members (D156)", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering)
		one := d.loginAs(t, alice, "web")
		access, refresh := d.introspect(t, one.AccessToken), d.introspect(t, one.RefreshToken)
		for _, want := range []string{`"active":true`, `"token_type":"Bearer"`, `"iss":"https://issuer.example"`, `"aud":"https://api.example"`, `"sub":"u-alice"`, `"client_id":"web"`, `"scope":"read write"`, `"iat":`, `"exp":`, `"jti":"`, `"acct":"acme"`, `"tier":"free"`, `"seats":1`} {
			if !strings.Contains(access, want) {
				t.Errorf("%s has no %s", access, want)
			}
		}
		for _, want := range []string{`"active":true`, `"sub":"u-alice"`, `"client_id":"web"`, `"scope":"read write"`, `"iat":`, `"exp":`} {
			if !strings.Contains(refresh, want) {
				t.Errorf("%s has no %s", refresh, want)
			}
		}
	})
	t.Run("what is not good is told so and nothing else (D154, D155, D158)", func(t *testing.T) {
		t.Parallel()
		d := open(t, registering, func(c *config) { c.tokens.DefaultClient = "web" })
		spent := d.loginAs(t, alice, "web")
		newest, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: spent.RefreshToken})
		if err != nil {
			t.Fatal(err)
		}
		removed := d.loginAs(t, bob, "web")
		if err := d.store.memory.RemoveUser(t.Context(), bob.ID); err != nil {
			t.Fatal(err)
		}
		for name, token := range map[string]tokens.Secret{
			"junk": "junk", "an expired one": tokens.Secret(d.expired(t)), "a spent one": spent.RefreshToken, "a key": tokens.Secret(d.apiKey(t)),
			"an access token of a user who was removed": removed.AccessToken, "a refresh token of theirs": removed.RefreshToken,
		} {
			if got := d.introspect(t, token); got != inactive {
				t.Errorf("%s: %s", name, got)
			}
		}
		d.wantAlive(t, newest, true) // to ask about a spent one is no reuse
	})
}
