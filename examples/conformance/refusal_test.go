package conformance_test

import (
	"net/http"
	"strings"
	"testing"
)

// Refusals of the token endpoint.
var refusals = []requirement{
	{number: 45, grade: "MUST", says: "a refusal is 400 unless something else is said, and has an error", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, body := range []string{"", "grant_type=foo", "grant_type=password", "grant_type=refresh_token&refresh_token=x", good + "&scope=admin", "%zz"} {
				a := h.token(t, body)
				a.is(t, http.StatusBadRequest, "")
				if code, _ := a.members["error"].(string); code == "" {
					t.Errorf("%q: %s", body, a.Body)
				}
			}
		}},
	{number: 46, grade: "MUST", says: "error and error_description are printable ASCII without quotes and backslashes", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, body := range []string{
				"grant_type=password&username=%22%C3%A9%5C%0A&password=x", "grant_type=%22%C3%A9", good + "&scope=%22", good + "&client_id=%22%5C",
			} {
				a := h.token(t, body)
				for _, name := range []string{"error", "error_description"} {
					text, _ := a.members[name].(string)
					if strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
						t.Errorf("%q: %s = %q", body, name, text)
					}
				}
				if a.Code < 400 {
					t.Errorf("%q: %d", body, a.Code)
				}
			}
		}},
	{number: 47, grade: "SHOULD", says: "a refusal is not cached either", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, a := range []answer{h.token(t, ""), h.token(t, "grant_type=refresh_token&refresh_token=x"), h.call(t, "/me", "x")} {
				a.has(t, "Cache-Control", "no-store")
			}
		}},
	{number: 48, grade: "MUST NOT", says: "an answer repeats no password, token or secret", source: "ASVS 16.5.1, RFC 6749 §10.7",
		check: func(t *testing.T, open opener) {
			h := open(t)
			const marker = "MARKER"
			for _, a := range []answer{
				h.token(t, "grant_type=password&username="+marker+"&password="+marker),
				h.token(t, "grant_type=refresh_token&refresh_token="+marker),
				h.token(t, good+"&client_id=shop:1&client_secret="+marker),
				h.token(t, good, "Authorization: Basic "+marker),
				h.call(t, "/me", marker+".a.b"),
				h.send(t, http.MethodPost, "/refresh", "", "refresh-token: "+marker),
			} {
				text := a.Body.String()
				for name, values := range a.Header() {
					text += name + strings.Join(values, " ")
				}
				if a.Code < 400 || strings.Contains(text, marker) {
					t.Errorf("%d %s", a.Code, text)
				}
			}
		}},
	{number: 49, grade: "MUST", says: "a store that is down is 503, without a token and without invalid_grant", source: "ASVS 16.5.3",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.store.fail(true)
			for _, a := range []answer{h.token(t, good), h.refresh(t, p.refresh)} {
				a.is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
				if a.members["access_token"] != nil || strings.Contains(a.Body.String(), "MARKER") {
					t.Errorf("%s", a.Body)
				}
			}
			h.store.fail(false)
			h.refresh(t, p.refresh).pair(t)
		}},
	{number: 50, grade: "SHOULD", says: "and has Retry-After", source: "RFC 9110 §10.2.3",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.store.fail(true)
			a := h.token(t, good)
			a.is(t, http.StatusServiceUnavailable, "")
			a.has(t, "Retry-After", "5")
		}},
}
