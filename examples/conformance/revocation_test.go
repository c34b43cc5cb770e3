package conformance_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

// revoke asks for the end of a token, as the public client app.
func (h *host) revoke(t *testing.T, token string, more ...string) answer {
	t.Helper()
	body := "client_id=app&token=" + token
	for _, m := range more {
		body += "&" + m
	}
	return h.form(t, "/revoke", body)
}

// introspect asks about a token, as the shop, which may.
func (h *host) introspect(t *testing.T, token string) answer {
	t.Helper()
	return h.form(t, "/introspect", "token="+token, basic("shop:1", shopSecret))
}

// inactive checks for an inactive token (RFC 7662 "active": false) without other members.
func (a answer) inactive(t *testing.T) {
	t.Helper()
	a.is(t, http.StatusOK, "")
	if !maps.Equal(a.members, map[string]any{"active": false}) {
		t.Errorf("%s", a.Body)
	}
}

// Revocation and introspection.
var revocations = []requirement{
	{number: 143, grade: "MUST", says: "a valid token is revoked with 200", source: "RFC 7009 §2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.revoke(t, p.refresh).is(t, http.StatusOK, "")
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 144, grade: "MUST", says: "and so is one that is unknown, malformed or revoked before", source: "RFC 7009 §2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			for _, token := range []string{p.refresh, p.refresh, "x", "a.b.c", open(t).login(t).refresh, p.refresh + "x"} {
				h.revoke(t, token).is(t, http.StatusOK, "")
			}
		}},
	{number: 145, grade: "MUST", says: "a revoked token fails at once", source: "RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.revoke(t, p.refresh).is(t, http.StatusOK, "")
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.call(t, "/me", p.access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 146, grade: "SHOULD", says: "the access tokens of a refresh token that is revoked are revoked with it", source: "RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t)
			second := h.refresh(t, first.refresh).pair(t)
			h.revoke(t, second.refresh).is(t, http.StatusOK, "")
			for _, access := range []string{first.access, second.access} {
				h.call(t, "/me", access).refused(t, http.StatusUnauthorized, "invalid_token")
			}
		}},
	{number: 147, grade: "MAY", says: "and the refresh token of an access token", source: "RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.revoke(t, p.access).is(t, http.StatusOK, "")
			h.call(t, "/me", p.access).refused(t, http.StatusUnauthorized, "invalid_token")
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 148, grade: "MUST", says: "a client with a wrong secret revokes nothing: 401 invalid_client", source: "RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.token(t, good+"&"+shopInBody).pair(t)
			for _, header := range []string{basic("shop:1", "wrong"), basic("shop:1", ""), basic("unknown", "x")} {
				h.form(t, "/revoke", "token="+p.refresh, header).is(t, http.StatusUnauthorized, "invalid_client")
			}
			h.refresh(t, p.refresh, shopInBody).pair(t)
		}},
	{number: 149, grade: "MUST", says: "another client's token stays valid", source: "RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t, "client_id=other")
			h.revoke(t, p.refresh)
			h.revoke(t, p.access)
			h.call(t, "/me", p.access).is(t, http.StatusOK, "")
			h.refresh(t, p.refresh, "client_id=other").pair(t)
		}},
	{number: 150, grade: "MUST", says: "a token_type_hint that is wrong or unknown changes nothing", source: "RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, hint := range []string{"access_token", "foo", ""} {
				p := h.login(t)
				h.revoke(t, p.refresh, "token_type_hint="+hint).is(t, http.StatusOK, "")
				h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			}
		}},
	{number: 151, grade: "MUST", says: "without a token it is invalid_request", source: "RFC 7009 §2.2.1",
		note: "every kind of token that there is can be revoked, so unsupported_token_type is never said",
		check: func(t *testing.T, open opener) {
			open(t).form(t, "/revoke", "client_id=app").is(t, http.StatusBadRequest, "invalid_request")
		}},
	{number: 152, grade: "MUST", says: "a store that is down is 503, and the token is still there", source: "RFC 7009 §2.2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.store.fail(true)
			a := h.revoke(t, p.refresh)
			a.is(t, http.StatusServiceUnavailable, "")
			a.has(t, "Retry-After", "5")
		}},
	{number: 153, grade: "MUST", says: "introspection is for those who are let: anonymous callers are 401", source: "RFC 7662 §2.1, §4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.form(t, "/introspect", "token="+p.access).is(t, http.StatusUnauthorized, "invalid_client")
			h.form(t, "/introspect", "client_id=app&token="+p.access).is(t, http.StatusUnauthorized, "invalid_client")
			h.form(t, "/introspect", "token="+p.access, basic("shop:1", "wrong")).is(t, http.StatusUnauthorized, "invalid_client")
		}},
	{number: 154, grade: "MUST", says: "a token that is unknown, expired, revoked or not for here is inactive", source: "RFC 7662 §2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			revoked, spent := h.login(t), h.login(t)
			h.revoke(t, revoked.refresh)
			h.refresh(t, spent.refresh).pair(t)
			foreign := open(t, func(c *config) { c.tokens.Audience = "https://else.example" }).login(t)
			for _, token := range []string{"x", "a.b.c", revoked.access, revoked.refresh, spent.refresh, foreign.access, foreign.refresh} {
				h.introspect(t, token).inactive(t)
			}
			late := h.login(t)
			pass(time.Hour)
			h.introspect(t, late.access).inactive(t)
			pass(30 * 24 * time.Hour)
			h.introspect(t, late.refresh).inactive(t)
		}},
	{number: 155, grade: "SHOULD NOT", says: "and nothing else is said of it", source: "RFC 7662 §2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			a := h.introspect(t, "x")
			a.inactive(t)
			p := h.login(t)
			h.revoke(t, p.access)
			same(t, a, h.introspect(t, p.access))
		}},
	{number: 156, grade: "MUST", says: "of an active one active is true, times are numbers and scope is a string", source: "RFC 7662 §2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			for _, token := range []string{p.access, p.refresh} {
				m := h.introspect(t, token).members
				if m["active"] != true || m["scope"] != "read write" || m["sub"] != alice.ID || m["client_id"] != "app" {
					t.Errorf("%v", m)
				}
				for _, name := range []string{"exp", "iat"} {
					if _, ok := m[name].(float64); !ok {
						t.Errorf("%s = %v", name, m[name])
					}
				}
			}
		}},
	{number: 157, grade: "MUST", says: "GET is not served", source: "RFC 7662 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.send(t, http.MethodGet, "/introspect?token="+h.login(t).access, "", basic("shop:1", shopSecret)).is(t, http.StatusMethodNotAllowed, "")
		}},
	{number: 158, grade: "MUST", says: "all that can be wrong with a token is looked at first", source: "RFC 7662 §4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.introspect(t, forge(t, p.access, nil, members{"nbf": time.Now().Unix() + 60})).inactive(t)
			h.introspect(t, forge(t, p.access, members{"typ": "JWT"}, nil)).inactive(t)
			h.refresh(t, p.refresh).pair(t)
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant") // the family ends
			h.introspect(t, p.access).inactive(t)
			h.store.fail(true)
			h.introspect(t, h.loginDespite(t)).is(t, http.StatusServiceUnavailable, "")
			if slices.Contains(h.kinds(), "login_refused") {
				t.Error("a store that is down has refused somebody")
			}
		}},
}

// loginDespite logs in while the store is up for a moment.
func (h *host) loginDespite(t *testing.T) string {
	t.Helper()
	h.store.fail(false)
	defer h.store.fail(true)
	return h.login(t).access
}
