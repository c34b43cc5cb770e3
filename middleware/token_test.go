package middleware_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware"
)

func passwordGrant(c *config) { c.door.PasswordGrant = true }

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	const login = "grant_type=password&username=alice&password=correct+horse+%26+battery"
	for _, test := range []struct {
		name, request string
		on            bool // the password grant
		status        int
		code          string // of RFC 6749 §5.2
	}{
		{"D20: the password grant is off by default", "POST /token\n" + form + "\n\n" + login, false, 400, "unsupported_grant_type"},
		{"the password grant is served where it is switched on", "POST /token\n" + form + "\n\n" + login, true, 200, ""},
		{"D10: a wrong password is invalid_grant", "POST /token\n" + form + "\n\ngrant_type=password&username=alice&password=x", true, 400, "invalid_grant"},
		{"a refresh", "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}", false, 200, ""},
		{"a refresh of a public client's with an empty secret", "POST /token\n" + form + "\nAuthorization: Basic YXBwOg==\n\ngrant_type=refresh_token&refresh_token={client's refresh}", false, 200, ""},
		{"D55: another client's refresh token", "POST /token\n" + form + "\nAuthorization: Basic b3RoZXI6\n\ngrant_type=refresh_token&refresh_token={client's refresh}", false, 400, "invalid_grant"},
		{"D61: an access token in its place", "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={access}", false, 400, "invalid_grant"},
		{"an API key in its place", "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={key}", false, 400, "invalid_grant"},
		{"D51: no refresh token", "POST /token\n" + form + "\n\ngrant_type=refresh_token", false, 400, "invalid_request"},
		{"D7: no grant type", "POST /token\n" + form + "\n\nrefresh_token={refresh}", false, 400, "invalid_request"},
		{"D8: a grant type that nobody knows", "POST /token\n" + form + "\n\ngrant_type=foo", true, 400, "unsupported_grant_type"},
		{"D9: no password", "POST /token\n" + form + "\n\ngrant_type=password&username=alice", true, 400, "invalid_request"},
		{"D4: an empty user name", "POST /token\n" + form + "\n\ngrant_type=password&username=&password=x", true, 400, "invalid_request"},
		{"D57: a wider scope", "POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token={refresh}&scope=admin", false, 400, "invalid_scope"},
		{"a scope that is none", "POST /token\n" + form + "\n\n" + login + "&scope=read++write", true, 400, "invalid_scope"},
		{"D4: an empty scope is none", "POST /token\n" + form + "\n\n" + login + "&scope=", true, 200, ""},
		{"D18: nothing of the scope", "POST /token\n" + form + "\n\n" + login + "&scope=admin", true, 400, "invalid_scope"},
		{"D3: everything in the URL", "POST /token?" + login + "\n" + form + "\n\n", true, 400, "invalid_request"},
		{"D26: Basic, and a secret in the body", "POST /token\n" + form + "\nAuthorization: Basic YXBwOg==\n\n" + login + "&client_secret=x", true, 400, "invalid_request"},
		{"two clients", "POST /token\n" + form + "\nAuthorization: Basic YXBwOg==\n\n" + login + "&client_id=other", true, 400, "invalid_request"},
		{"one client twice", "POST /token\n" + form + "\nAuthorization: Basic YXBwOg==\n\n" + login + "&client_id=app", true, 200, ""},
		{"Basic that is no base64", "POST /token\n" + form + "\nAuthorization: Basic !!!\n\n" + login, true, 400, "invalid_request"},
		{"Basic without a colon", "POST /token\n" + form + "\nAuthorization: Basic YXBw\n\n" + login, true, 400, "invalid_request"},
		{"Basic that is no form-encoding", "POST /token\n" + form + "\nAuthorization: Basic JTo=\n\n" + login, true, 400, "invalid_request"},
		{"D99: an Authorization: Bearer is of no concern", "POST /token\n" + form + "\nAuthorization: Bearer junk\n\n" + login, true, 200, ""},
		{"D1: GET", "GET /token?" + login, true, 405, "invalid_request"},
		{"D22: JSON", "POST /token\nContent-Type: application/json\n\n{\"grant_type\":\"password\"}", true, 400, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// the endpoint speaks RFC 6749, whatever the door's dialect
			d := open(t, speaking(middleware.FastAPI{}), func(c *config) { c.door.PasswordGrant = test.on })
			w := d.ask(t, test.request)
			wantStatus(t, w, test.status)
			var body struct {
				Error     string `json:"error"`
				TokenType string `json:"token_type"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if body.Error != test.code || test.code == "" && body.TokenType != "Bearer" {
				t.Errorf("body = %s, want %q", w.Body, test.code)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Pragma") != "no-cache" {
				t.Errorf("header = %v", w.Header())
			}
		})
	}
}

// D18, D37: what is granted is told where it is not what was asked for.
func TestTokenEndpointTellsWhatItGranted(t *testing.T) {
	t.Parallel()
	d := open(t, passwordGrant)
	w := d.ask(t, "POST /token\n"+form+"\n\ngrant_type=password&username=alice&password=correct+horse+%26+battery&scope=admin+read")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"scope":"read"`) {
		t.Errorf("answer = %d %s", w.Code, w.Body)
	}
}
