package conformance_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// claims are the claims of an access token.
func claims(t *testing.T, access string) map[string]any {
	t.Helper()
	return part(t, access, 1)
}

// part is the header (0) or the claims (1) of a token.
func part(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// Tokens that are granted.
var grants = []requirement{
	{number: 34, grade: "MUST", says: "tokens come with 200 and application/json", source: "RFC 6749 §5.1",
		check: func(t *testing.T, open opener) {
			a := open(t).token(t, good)
			a.is(t, http.StatusOK, "")
			a.has(t, "Content-Type", "application/json")
		}},
	{number: 35, grade: "MUST", says: "access_token and token_type are strings at the top, and the type is Bearer", source: "RFC 6749 §5.1, §7.1",
		check: func(t *testing.T, open opener) {
			a := open(t).token(t, good)
			a.pair(t)
			if kind, _ := a.members["token_type"].(string); !strings.EqualFold(kind, "bearer") {
				t.Errorf("token_type = %v", a.members["token_type"])
			}
		}},
	{number: 36, grade: "SHOULD", says: "expires_in is a number, and fits exp", source: "RFC 6749 §5.1",
		check: func(t *testing.T, open opener) {
			a := open(t).token(t, good)
			c := claims(t, a.pair(t).access)
			in, ok := a.members["expires_in"].(float64)
			if !ok || in != c["exp"].(float64)-c["iat"].(float64) {
				t.Errorf("expires_in = %v, iat %v, exp %v", a.members["expires_in"], c["iat"], c["exp"])
			}
		}},
	{number: 37, grade: "MUST", says: "scope is there where it is not what was asked for", source: "RFC 6749 §3.3, §5.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for ask, want := range map[string]string{"": "read write", "&client_id=reader": "read", "&scope=write": "write"} {
				if a := h.token(t, good+ask); a.members["scope"] != want {
					t.Errorf("for %q: %s", ask, a.Body)
				}
			}
		}},
	{number: 38, grade: "MUST", says: "every answer with a token has Cache-Control: no-store, in every dialect", source: "RFC 6749 §5.1, ASVS 14.3.2",
		check: func(t *testing.T, open opener) {
			for _, d := range dialects {
				h := open(t, speaking(d))
				for _, a := range []answer{h.form(t, "/login", loginIn(d)), h.refreshIn(t, d, h.login(t).refresh)} {
					a.is(t, http.StatusOK, "")
					a.has(t, "Cache-Control", "no-store")
				}
			}
		}},
	{number: 39, grade: "MUST", says: "and Pragma: no-cache", source: "RFC 6749 §5.1 (not in OAuth 2.1)",
		check: func(t *testing.T, open opener) {
			open(t).token(t, good).has(t, "Pragma", "no-cache")
		}},
	{number: 40, grade: "MUST", says: "a refresh token has 160 random bits or more", source: "RFC 6749 §10.10, ASVS 7.2.3, 11.5.1",
		check: func(t *testing.T, open opener) {
			token := open(t).login(t).refresh
			b, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndex(token[:6], "_")+1:])
			if err != nil || len(b) < 1+4+16+8+20 { // version, key, session, generation and the MAC
				t.Errorf("%d bytes, %v", len(b), err)
			}
		}},
	{number: 41, grade: "MUST", says: "two logins of a user have two refresh tokens", source: "ASVS 7.2.4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			if a, b := h.login(t), h.login(t); a.refresh == b.refresh || a.access == b.access {
				t.Error("they are the same")
			}
		}},
	{number: 42, grade: "MUST*", says: "no token is in a URL, a Location or HTML", source: "RFC 6749 §10.8, OAuth 2.1",
		check: func(t *testing.T, open opener) {
			a := open(t).token(t, good)
			for name, values := range a.Header() {
				if strings.Contains(strings.Join(values, " "), a.pair(t).access) {
					t.Errorf("%s has it", name)
				}
			}
			a.has(t, "Content-Type", "application/json")
		}},
	{number: 43, grade: "SHOULD", says: "the size of what is issued is documented and stable", source: "RFC 6749 §5.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first, second := h.login(t), h.login(t)
			if n := len(first.refresh); n != len("sp_rt_")+82 || len(second.refresh) != n {
				t.Errorf("refresh tokens have %d and %d characters", n, len(second.refresh))
			}
			if a, b := len(first.access), len(second.access); a != b || a > 8<<10 {
				t.Errorf("access tokens have %d and %d characters", a, b)
			}
		}},
	{number: 44, grade: "SHOULD", says: "X-Content-Type-Options: nosniff", source: "ASVS 3.4.4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good).has(t, "X-Content-Type-Options", "nosniff")
			h.token(t, "").has(t, "X-Content-Type-Options", "nosniff")
			h.call(t, "/me", "x").has(t, "X-Content-Type-Options", "nosniff")
		}},
}
