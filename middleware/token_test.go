package middleware_test

import (
	"net/http"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// The token endpoint uses RFC 6749's wire format, whatever the Auth's dialect.
func TestToken(t *testing.T) {
	t.Parallel()
	for _, dialect := range dialects {
		t.Run("beside "+dialect.name, func(t *testing.T) {
			t.Parallel()
			wantExchanges(t, dialect.dialect, []exchange{
				{
					name:    "a refresh token gives a new pair (D34, D65)",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}",
					status:  200, header: oauth2JSON, body: oauth2Pair,
				},
				{
					name:    "an empty scope and an unknown parameter change nothing (D4, D5, D58)",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}&scope=&foo=1",
					status:  200, header: oauth2JSON, body: oauth2Pair,
				},
				{
					name:    "a narrower scope narrows, and is named (D37, D59)",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}&scope=write",
					status:  200, header: oauth2JSON,
					body: `{"access_token":"{jwt}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}","scope":"write"}`,
				},
				{
					name:    "an Authorization: Bearer is of no concern (D99)",
					request: "POST /token\nAuthorization: Bearer {expired}\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}",
					status:  200, header: oauth2JSON, body: oauth2Pair,
				},
				{
					name:    "an access token is no refresh token (D60)",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={access}",
					status:  400, header: oauth2JSON, body: oauth2Refresh,
				},
				{
					name:    "nor is an API key",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={key}",
					status:  400, header: oauth2JSON, body: oauth2Refresh,
				},
				{
					name:    "a wider scope is refused (D57)",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}&scope=read+admin",
					status:  400, header: oauth2JSON, body: oauth2Scope,
				},
				{
					name:    "no grant_type is invalid_request (D7)",
					request: "POST /token\n" + form + "\n\nrefresh_token={refresh}",
					status:  400, header: oauth2JSON, body: oauth2NoGrant,
				},
				{
					name:    "an unknown one is unsupported (D8)",
					request: "POST /token\n" + form + "\n\ngrant_type=foo",
					status:  400, header: oauth2JSON, body: oauth2Grant,
				},
				{
					name:    "password is off, and the store is not called (P18, D20)",
					ready:   down,
					request: "POST /token\n" + form + "\n\ngrant_type=password&" + goodForm,
					status:  400, header: oauth2JSON, body: oauth2Grant,
				},
				{
					name:    "no refresh token is invalid_request (D51)",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token",
					status:  400, header: oauth2JSON, body: oauth2NoRefresh,
				},
				{
					name:    "what does not open is invalid_grant (D52)",
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token=nonsense",
					status:  400, header: oauth2JSON, body: oauth2Refresh,
				},
				{
					name:    "a grant in the query is none (D3)",
					request: "POST /token?grant_type=refresh_token&refresh_token={refresh}\n" + form + "\n\n",
					status:  400, header: oauth2JSON, body: oauth2NoGrant,
				},
				{
					name:    "GET is 405 (D1)",
					request: "GET /token?grant_type=refresh_token&refresh_token={refresh}\n\n",
					status:  405, header: oauth2JSON + "\nAllow: POST", body: oauth2Method,
				},
				{
					name:    "JSON is refused (D22)",
					request: "POST /token\n" + jsonType + "\n\n" + `{"grant_type":"refresh_token","refresh_token":"{refresh}"}`,
					status:  400, header: oauth2JSON, body: oauth2FormsOnly,
				},
				{
					name:    "a store that fails is 503 (D49, D50)",
					ready:   down,
					request: "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}",
					status:  503, header: oauth2JSON + "\nRetry-After: 5", body: oauth2Down,
				},
			})
		})
	}
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	on := func(c *config) { c.auth.PasswordGrant = true }
	for _, x := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"where it is switched on a password gives a pair (D2)", "grant_type=password&" + goodForm, 200, oauth2Pair},
		{"a part of what the user has is granted, and the answer names it (D37)", "grant_type=password&scope=write&" + goodForm, 200, `{"access_token":"{jwt}","token_type":"Bearer","expires_in":3600,"refresh_token":"{refresh}","scope":"write"}`},
		{"more than the user has is invalid_scope (D18)", "grant_type=password&scope=admin+write&" + goodForm, 400, oauth2Scope},
		{"no scope is all that the user has (D19)", "grant_type=password&scope=&" + goodForm, 200, oauth2Pair},
		{"a wrong password is invalid_grant (D10)", "grant_type=password&username=alice&password=x", 400, oauth2Wrong},
		{"an unknown user is the same (D11)", "grant_type=password&username=%22%C3%A9&password=x", 400, oauth2Wrong},
		{"no password is invalid_request (D9)", "grant_type=password&username=alice", 400, oauth2NoPassword},
		{"no user is invalid_request (D9)", "grant_type=password&password=x", 400, oauth2NoUsername},
		{"a scope with two spaces in it is none", "grant_type=password&scope=read++write&" + goodForm, 400, oauth2Scope},
		{"nothing of the scope is invalid_scope (D18)", "grant_type=password&scope=admin&" + goodForm, 400, oauth2Scope},
		{"a refresh token is served besides", "grant_type=refresh_token&refresh_token=x", 400, oauth2Refresh},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			wantAnswer(t, open(t, on).ask(t, "POST /token\n"+form+"\n\n"+x.body), x.status, oauth2JSON, x.want)
		})
	}
}

// D41, P1 and D59 over HTTP.
func TestTokensOfASession(t *testing.T) {
	t.Parallel()
	t.Run("two logins have nothing in common, and a refresh replaces both tokens (D41, D65)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		login := "POST /login\n" + form + "\n\n" + goodForm
		one, two := d.ask(t, login).Body.String(), d.ask(t, login).Body.String()
		three := d.ask(t, "POST /refresh\nrefresh-token: "+refreshForm.FindString(one)+"\n\n").Body.String()
		for _, pair := range [][2]string{{one, two}, {one, three}, {two, three}} {
			if jwtForm.FindString(pair[0]) == jwtForm.FindString(pair[1]) || refreshForm.FindString(pair[0]) == refreshForm.FindString(pair[1]) {
				t.Error("a token was handed out twice")
			}
		}
	})
	t.Run("a narrowed refresh leaves the session as wide as it was (D59)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		narrow := d.ask(t, "POST /token\n"+form+"\n\ngrant_type=refresh_token&scope=read&refresh_token={refresh}")
		wide := d.ask(t, "POST /token\n"+form+"\n\ngrant_type=refresh_token&refresh_token="+refreshForm.FindString(narrow.Body.String()))
		wantAnswer(t, wide, http.StatusOK, oauth2JSON, oauth2Pair)
	})
	t.Run("a token that is used twice ends its session, and that is an event (D66, D67, D83)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		first := string(d.login(t, alice).RefreshToken)
		ask := "POST /refresh\nrefresh-token: "
		second := refreshForm.FindString(d.ask(t, ask+first+"\n\n").Body.String())
		d.journal.Take()
		wantAnswer(t, d.ask(t, ask+first+"\n\n"), http.StatusBadRequest, oauth2JSON, oauth2Refresh)
		wantAnswer(t, d.ask(t, ask+second+"\n\n"), http.StatusBadRequest, oauth2JSON, oauth2Refresh)
		told := d.journal.WantKinds(t, events.Reuse, events.RefreshRefused)
		if a := told[0].Address.String(); a != "192.0.2.1" {
			t.Errorf("address = %s", a)
		}
	})
	t.Run("the device is named after its User-Agent, in every dialect", func(t *testing.T) {
		t.Parallel()
		for _, dialect := range dialects {
			d := open(t, speaking(dialect.dialect))
			body := dialect.login + "=alice&" + dialect.pass + "=correct+horse+%26+battery"
			wantStatus(t, d.ask(t, "POST /login\nUser-Agent: Firefox\x01 on Linux\n"+form+"\n\n"+body), http.StatusOK)
			sessions, err := d.store.memory.UserSessions(t.Context(), alice.ID, store.Newest(), store.MaxPage)
			if err != nil || len(sessions) != 1 || sessions[0].Label != "Firefox on Linux" {
				t.Errorf("%v, %v", sessions, err)
			}
		}
	})
}

func TestSpeaking(t *testing.T) {
	t.Parallel()
	t.Run("an Auth with another dialect counts with the same counters", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		spent(t, d)
		other := d.WithDialect(wire.Lexik{})
		if _, err := other.CheckLimit(request(t, "GET /\n\n")); wire.AsError(err).Reason != wire.ReasonLimited {
			t.Errorf("error = %v", err)
		}
		if a := other.Refused(wire.RouteLogin, tokens.ErrBadCredentials); a.Status != http.StatusUnauthorized {
			t.Errorf("status = %d", a.Status)
		}
		if a := d.Refused(wire.RouteLogin, tokens.ErrBadCredentials); a.Status != http.StatusBadRequest {
			t.Errorf("status = %d: the first Auth has changed", a.Status)
		}
	})
	t.Run("nil is OAuth2, as in the Config", func(t *testing.T) {
		t.Parallel()
		if a := open(t, speaking(wire.Lexik{})).WithDialect(nil).Refused(wire.RouteLogin, tokens.ErrBadCredentials); a.Status != http.StatusBadRequest {
			t.Errorf("status = %d", a.Status)
		}
	})
}
