package conformance_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

var dialects = []wire.Dialect{wire.OAuth2{}, wire.FastAPI{}, wire.Lexik{}}

// loginIn is alice's login in a dialect.
func loginIn(d wire.Dialect) string {
	if _, ok := d.(wire.Lexik); ok {
		return "_username=alice&_password=correct+horse+%26+battery"
	}
	return good
}

// refreshIn presents a refresh token in a dialect.
func (h *host) refreshIn(t *testing.T, d wire.Dialect, token string, header ...string) answer {
	t.Helper()
	if _, ok := d.(wire.FastAPI); ok {
		return h.send(t, http.MethodPost, "/refresh", "", append(header, "refresh-token: "+token)...)
	}
	return h.form(t, "/refresh", "refresh_token="+token, header...)
}

// The bearer middleware.
var bearers = []requirement{
	{number: 84, grade: "MUST", says: "Authorization: Bearer is accepted", source: "RFC 6750 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			if a := h.call(t, "/me", h.login(t).access); a.Code != http.StatusOK || a.Body.String() != "u-alice may read write" {
				t.Errorf("%d %s", a.Code, a.Body)
			}
		}},
	{number: 85, grade: "MUST", says: "whatever the case of the scheme", source: "OAuth 2.1, RFC 9110 §11.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			access := h.login(t).access
			for _, scheme := range []string{"bearer", "BEARER", "bEaReR"} {
				h.send(t, http.MethodGet, "/me", "", "Authorization: "+scheme+" "+access).is(t, http.StatusOK, "")
			}
		}},
	{number: 86, grade: "MUST", says: "a token in the query string is none", source: "OAuth 2.1, RFC 9700 §4.3.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.send(t, http.MethodGet, "/me?access_token="+h.login(t).access, "").refused(t, http.StatusUnauthorized, "")
		}},
	{number: 87, grade: "SHOULD NOT", says: "nor one in the body", source: "RFC 6750 §2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.form(t, "/me", "access_token="+h.login(t).access).refused(t, http.StatusUnauthorized, "")
		}},
	{number: 88, grade: "MUST*", says: "two Authorization headers are 400 invalid_request", source: "RFC 6750 §3.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			line := "Authorization: Bearer " + h.login(t).access
			h.send(t, http.MethodGet, "/me", "", line, line).refused(t, http.StatusBadRequest, "invalid_request")
		}},
	{number: 89, grade: "MUST", says: "without credentials it is 401 with a challenge", source: "RFC 6750 §3",
		check: func(t *testing.T, open opener) {
			open(t).send(t, http.MethodGet, "/me", "").refused(t, http.StatusUnauthorized, "")
		}},
	{number: 90, grade: "SHOULD NOT", says: "which has no error in it", source: "RFC 6750 §3.1",
		check: func(t *testing.T, open opener) {
			a := open(t).send(t, http.MethodGet, "/me", "")
			if got := a.Header().Get("WWW-Authenticate"); got == "" || strings.Contains(got, "error") {
				t.Errorf("WWW-Authenticate = %q", got)
			}
		}},
	{number: 91, grade: "MUST", says: "the challenge is Bearer with a parameter", source: "RFC 6750 §3",
		note: "in every wire format, though Lexik itself sends a bare `Bearer` and fastapi-users none",
		check: func(t *testing.T, open opener) {
			for i, want := range []string{`Bearer realm="api"`, `Bearer realm="api"`, `Bearer realm="api"`} {
				a := open(t, speaking(dialects[i])).send(t, http.MethodGet, "/me", "")
				a.is(t, http.StatusUnauthorized, "")
				a.has(t, "WWW-Authenticate", want)
			}
		}},
	{number: 92, grade: "SHOULD", says: "a token that is expired, revoked or malformed is 401 invalid_token", source: "RFC 6750 §3.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			revoked := h.login(t)
			h.form(t, "/logout", "refresh_token="+revoked.refresh).is(t, http.StatusNoContent, "")
			old := h.login(t).access
			for _, token := range []string{"x", "a.b.c", revoked.access, old + "x"} {
				h.call(t, "/me", token).refused(t, http.StatusUnauthorized, "invalid_token")
			}
			pass(3600 * 1e9)
			h.call(t, "/me", old).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 93, grade: "SHOULD", says: "too little scope is 403 insufficient_scope", source: "RFC 6750 §3.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			a := h.call(t, "/write", h.login(t, "scope=read").access)
			a.refused(t, http.StatusForbidden, "insufficient_scope")
			if got := a.Header().Get("WWW-Authenticate"); !strings.Contains(got, `scope="write"`) {
				t.Errorf("WWW-Authenticate = %q", got)
			}
		}},
	{number: 94, grade: "MUST NOT", says: "no parameter of a challenge comes twice", source: "RFC 6750 §3",
		check: func(t *testing.T, open opener) {
			for _, challenge := range challenges(t, open) {
				names := parameter.FindAllString(challenge, -1)
				slices.Sort(names)
				if len(slices.Compact(slices.Clone(names))) != len(names) {
					t.Errorf("%q", challenge)
				}
			}
		}},
	{number: 95, grade: "MUST", says: "and each has only the characters that it may have", source: "RFC 6750 §3",
		check: func(t *testing.T, open opener) {
			form := regexp.MustCompile(`^Bearer [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(, [a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*")*$`)
			for _, challenge := range challenges(t, open) {
				if !form.MatchString(challenge) {
					t.Errorf("%q", challenge)
				}
			}
		}},
	{number: 96, grade: "MUST", says: "Authorization: Bearer with nothing behind it is 401 in every dialect", source: "a client of the Symfony API begins so",
		note: "RFC 6750 would allow 400",
		check: func(t *testing.T, open opener) {
			for _, d := range dialects {
				h := open(t, speaking(d))
				for _, line := range []string{"Authorization: Bearer", "Authorization: Bearer ", "Authorization:"} {
					h.send(t, http.MethodGet, "/me", "", line).is(t, http.StatusUnauthorized, "")
				}
			}
		}},
	{number: 97, grade: "MUST NOT", says: "other schemes are no Bearer", source: "a bug of others",
		check: func(t *testing.T, open opener) {
			h := open(t)
			access := h.login(t).access
			for _, scheme := range []string{"Basic ", "BearerX ", "Bearer", "Token ", "JWT ", ""} {
				h.send(t, http.MethodGet, "/me", "", "Authorization: "+scheme+access).is(t, http.StatusUnauthorized, "")
			}
		}},
	{number: 98, grade: "MUST", says: "a token with other characters than a token has is 401", source: "RFC 6750 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, token := range []string{"ü", "\x00", "a b", `"`, "..", strings.Repeat(".", 4000), "%2e", "ey.\xff.x"} {
				h.call(t, "/me", token).is(t, http.StatusUnauthorized, "")
			}
		}},
	{number: 99, grade: "MUST", says: "login, refresh and logout ignore an Authorization: Bearer", source: "a bug of others",
		note: "fastapi-users logs out by the access token, so there it counts",
		check: func(t *testing.T, open opener) {
			for _, d := range dialects {
				h := open(t, speaking(d))
				stale := "Authorization: Bearer eyJ.stale.x"
				h.form(t, "/login", loginIn(d), stale).is(t, http.StatusOK, "")
				h.refreshIn(t, d, h.login(t).refresh, stale).is(t, http.StatusOK, "")
				if _, byBearer := d.(wire.FastAPI); !byBearer {
					if a := h.form(t, "/logout", "refresh_token="+h.login(t).refresh, stale); a.Code >= 300 {
						t.Errorf("%T: logout: %d %s", d, a.Code, a.Body)
					}
				}
			}
		}},
	{number: 100, grade: "MUST*", says: "a token for another audience is 401", source: "ASVS 10.3.1, RFC 9068 §4",
		check: func(t *testing.T, open opener) {
			h, other := open(t), open(t, func(c *config) { c.tokens.Audience = "https://else.example" })
			h.call(t, "/me", other.login(t).access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 101, grade: "SHOULD", says: "a subject is one of this issuer", source: "ASVS 10.3.3",
		check: func(t *testing.T, open opener) {
			h, other := open(t), open(t, func(c *config) { c.tokens.Issuer = "https://issuer.example/else" })
			h.call(t, "/me", other.login(t).access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 102, grade: "MUST", says: "a deny list that is down is 503, not 401", source: "ASVS 16.5.2-3",
		check: func(t *testing.T, open opener) {
			h := open(t)
			access := h.login(t).access
			h.store.fail(true)
			a := h.call(t, "/me", access)
			a.is(t, http.StatusServiceUnavailable, "")
			a.has(t, "WWW-Authenticate", "")
			h.store.fail(false)
			h.call(t, "/me", access).is(t, http.StatusOK, "")
		}},
}

var parameter = regexp.MustCompile(`[a-z_]+=`)

// challenges are all that a bearer route has for those whom it does not let in.
func challenges(t *testing.T, open opener) []string {
	t.Helper()
	h := open(t)
	access := h.login(t, "scope=read").access
	var all []string
	for _, a := range []answer{
		h.send(t, http.MethodGet, "/me", ""), h.call(t, "/me", "x"), h.call(t, "/me", "a b"), h.call(t, "/write", access),
		h.send(t, http.MethodGet, "/me", "", "Authorization: Bearer a", "Authorization: Bearer b"),
	} {
		if got := a.Header().Values("WWW-Authenticate"); len(got) != 1 {
			t.Errorf("%d: %q", a.Code, got)
		} else {
			all = append(all, got[0])
		}
	}
	return all
}
