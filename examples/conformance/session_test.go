package conformance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// baked keeps tokens in cookies.
func baked(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/"} }

// Sessions, cookies, logout and logs.
var sessions = []requirement{
	{number: 179, grade: "MUST", says: "a logout ends the refresh tokens and, with a deny list, the access tokens", source: "ASVS 7.4.1, SP 800-63B §7.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t)
			second := h.refresh(t, first.refresh).pair(t)
			h.form(t, "/logout", "refresh_token="+second.refresh).is(t, http.StatusNoContent, "")
			h.refresh(t, second.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			for _, access := range []string{first.access, second.access} {
				h.call(t, "/me", access).refused(t, http.StatusUnauthorized, "invalid_token")
			}
		}},
	{number: 180, grade: "MUST", says: "a user who is locked out refreshes no more, and the host ends their sessions", source: "ASVS 7.4.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			if err := h.store.RemoveUser(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			if err := h.tokens.LogoutEverywhere(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
			h.call(t, "/me", p.access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 181, grade: "SHOULD", says: "users see their sessions, and end one of them", source: "ASVS 7.5.2, 7.4.5",
		check: func(t *testing.T, open opener) {
			h := open(t)
			mine, lost := h.login(t), h.login(t)
			a := h.call(t, "/sessions", mine.access)
			a.is(t, http.StatusOK, "")
			list, _ := a.members["sessions"].([]any)
			if len(list) != 2 {
				t.Fatalf("%s", a.Body)
			}
			id := claims(t, lost.access)["sid"].(string)
			if a := h.send(t, http.MethodDelete, "/sessions/"+id, "", "Authorization: Bearer "+mine.access); a.Code >= 300 {
				t.Errorf("%d %s", a.Code, a.Body)
			}
			h.refresh(t, lost.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.call(t, "/me", lost.access).refused(t, http.StatusUnauthorized, "invalid_token")
			h.refresh(t, mine.refresh).pair(t)
		}},
	{number: 182, grade: "MUST*", says: "an API key is no bearer token", source: "the Symfony API, ASVS 7.2.2",
		check: func(t *testing.T, open opener) {
			h := open(t, speaking(wire.Lexik{}))
			key, _, err := h.tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
			if err != nil {
				t.Fatal(err)
			}
			h.call(t, "/me", string(key)).is(t, http.StatusUnauthorized, "")
			a := h.form(t, "/refresh", "refresh_token="+string(key))
			a.is(t, http.StatusOK, "")
			h.call(t, "/me", a.members["token"].(string)).is(t, http.StatusOK, "")
		}},
	{number: 183, grade: "MUST", says: "cookies are Secure, HttpOnly, SameSite, prefixed and short", source: "ASVS 3.3.1-3.3.5, SP 800-63B §7.1.1",
		note: "where the host switches them on",
		check: func(t *testing.T, open opener) {
			a := open(t, baked).form(t, "/login", good)
			a.is(t, http.StatusNoContent, "")
			set := a.Result().Cookies()
			if len(set) != 2 {
				t.Fatalf("%q", a.Header().Values("Set-Cookie"))
			}
			for i, name := range []string{"__Host-access_token", "__Host-refresh_token"} {
				c := set[i]
				if c.Name != name || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Raw) > 4096 {
					t.Errorf("%s", c.Raw)
				}
			}
		}},
	{number: 184, grade: "MUST", says: "what a cookie authenticates is refused to other sites: 403", source: "ASVS 3.5.1-3.5.3, OAuth 2.1",
		note: "where the host switches cookies on",
		check: func(t *testing.T, open opener) {
			h := open(t, baked)
			jar := "Cookie: "
			for _, c := range h.form(t, "/login", good).Result().Cookies() {
				jar += c.Name + "=" + c.Value + "; "
			}
			jar = strings.TrimSuffix(jar, "; ")
			for _, elsewhere := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example"} {
				for _, path := range []string{"/refresh", "/login", "/logout", "/me"} {
					h.form(t, path, "", jar, elsewhere).is(t, http.StatusForbidden, "")
				}
			}
			h.send(t, http.MethodGet, "/refresh", "", jar).is(t, http.StatusMethodNotAllowed, "")
			h.form(t, "/me", "", jar, "Sec-Fetch-Site: same-origin").is(t, http.StatusOK, "")
			h.form(t, "/refresh", "", jar, "Sec-Fetch-Site: same-origin").is(t, http.StatusNoContent, "")
		}},
	{number: 185, grade: "MUST NOT", says: "no answer with a token is for every origin", source: "ASVS 3.4.2",
		check: func(t *testing.T, open opener) {
			a := open(t).token(t, good, "Origin: https://evil.example")
			a.is(t, http.StatusOK, "")
			for name := range a.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s", name, a.Header().Get(name))
				}
			}
		}},
	{number: 186, grade: "MUST", says: "no password, token or secret is in the log", source: "ASVS 16.2.5",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			second := h.refresh(t, p.refresh).pair(t)
			h.refresh(t, p.refresh)
			h.token(t, "grant_type=password&username=alice&password=MARKER")
			h.token(t, good+"&client_id=shop:1&client_secret=MARKER")
			h.call(t, "/me", "MARKER")
			h.refresh(t, "MARKER")
			h.store.fail(true)
			h.refresh(t, second.refresh)
			h.token(t, good)
			text := h.log.String()
			for _, never := range []string{password, "correct+horse", "wrong-MARKER", p.refresh[6:], second.refresh[6:], p.access, second.access, shopSecret, `"MARKER"`} {
				if strings.Contains(text, never) {
					t.Errorf("the log has %q", never)
				}
			}
			if !strings.Contains(text, "store_failure") {
				t.Errorf("%s", text)
			}
		}},
	{number: 187, grade: "MUST", says: "logins, refusals, reuses and lockouts are logged with time, user, client and address", source: "ASVS 16.3.1, 16.3.3, 16.2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.refresh(t, p.refresh).pair(t)
			h.refresh(t, p.refresh)
			h.token(t, "grant_type=password&username=alice&password=wrong")
			for i, e := range h.events {
				if e.At.IsZero() || !e.Address.IsValid() || e.Kind != events.LoginRefused && (e.UserID == "" || e.ClientID == "") {
					t.Errorf("event %d: %+v", i, e)
				}
			}
			want := []events.Kind{events.Login, events.Refresh, events.Reuse, events.LoginRefused}
			if got := h.kinds(); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		}},
	{number: 188, grade: "MUST", says: "every body has its Content-Type", source: "ASVS 4.1.1",
		check: func(t *testing.T, open opener) {
			for _, d := range dialects {
				h := open(t, speaking(d))
				for _, a := range []answer{
					h.form(t, "/login", good), h.form(t, "/login", ""), h.form(t, "/refresh", "refresh_token=x"), h.call(t, "/me", "x"),
					h.send(t, http.MethodGet, "/login", ""), h.send(t, http.MethodGet, "/me", ""), h.form(t, "/logout", ""), h.token(t, ""),
				} {
					kind := a.Header().Get("Content-Type")
					if a.Body.Len() > 0 && (a.members == nil || kind != "application/json" && kind != "application/problem+json") {
						t.Errorf("%T: %d %q: %s", d, a.Code, kind, a.Body)
					}
				}
			}
		}},
	{number: 189, grade: "MUST", says: "secrets are compared in constant time, and passwords have a slow hash", source: "ASVS 11.2.4, 11.4.2, SP 800-63B §5.1.1.2",
		note: "no exchange can tell: a refresh token is compared by hmac.Equal, a client's secret by crypto/subtle, an API key is found by its digest, and package passwords makes argon2id"},
	{number: 190, grade: "MUST", says: "there is a bound to a user's sessions at once: one login more ends the oldest", source: "ASVS 7.1.2",
		note: "where the host sets MaxSessions",
		check: func(t *testing.T, open opener) {
			h := open(t, func(c *config) { c.tokens.MaxSessions = 2 })
			var pairs []pair
			for range 3 {
				pairs = append(pairs, h.login(t))
				pass(time.Second)
			}
			h.refresh(t, pairs[0].refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.call(t, "/me", pairs[0].access).refused(t, http.StatusUnauthorized, "invalid_token")
			h.refresh(t, pairs[1].refresh).pair(t)
			h.refresh(t, pairs[2].refresh).pair(t)
		}},
}
