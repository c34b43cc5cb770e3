package conformance_test

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// Requests to the token endpoint.
var requests = []requirement{
	{number: 1, grade: "MUST", says: "tokens are asked for with POST; anything else is 405 with Allow", source: "RFC 6749 §3.2, RFC 9110 §15.5.6",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good).pair(t)
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
				a := h.send(t, method, "/oauth/token?"+good, "")
				a.is(t, http.StatusMethodNotAllowed, "")
				a.has(t, "Allow", http.MethodPost)
			}
		}},
	{number: 2, grade: "MUST", says: "a form in UTF-8 is accepted", source: "RFC 6749 §4.3.2, App. B",
		check: func(t *testing.T, open opener) {
			h := open(t, func(c *config) { c.user[0].Login = "ålice" })
			h.token(t, "grant_type=password&username=%C3%A5lice&password="+url.QueryEscape(password)).pair(t)
			h.form(t, "/oauth/token", good).is(t, http.StatusBadRequest, "invalid_grant")
			h.send(t, http.MethodPost, "/oauth/token", "grant_type=password&username=%C3%A5lice&password="+url.QueryEscape(password),
				"Content-Type: application/x-www-form-urlencoded; charset=UTF-8").pair(t)
		}},
	{number: 3, grade: "MUST", says: "credentials in the query string are not honoured", source: "RFC 6749 §2.3.1, ASVS 14.2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.form(t, "/oauth/token?password="+url.QueryEscape(password), "grant_type=password&username=alice").is(t, http.StatusBadRequest, "invalid_request")
			h.form(t, "/oauth/token?refresh_token="+p.refresh, "grant_type=refresh_token").is(t, http.StatusBadRequest, "invalid_request")
			h.form(t, "/oauth/token?client_secret="+url.QueryEscape(shopSecret), good+"&client_id=shop:1").is(t, http.StatusUnauthorized, "invalid_client")
			h.refresh(t, p.refresh).pair(t)
		}},
	{number: 4, grade: "MUST", says: "a parameter without a value is one that was not sent", source: "RFC 6749 §3.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good+"&scope=&client_id=&client_secret=").pair(t)
			h.token(t, "grant_type=password&username=&password=x").is(t, http.StatusBadRequest, "invalid_request")
		}},
	{number: 5, grade: "MUST", says: "an unknown parameter is ignored", source: "RFC 6749 §3.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			if a, b := h.token(t, good), h.token(t, good+"&foo=1"); len(a.members) != len(b.members) || b.Code != http.StatusOK {
				t.Errorf("%v and %v", a.members, b.members)
			}
		}},
	{number: 6, grade: "MUST", says: "a parameter that comes twice is invalid_request", source: "RFC 6749 §3.2, §5.2, ASVS 15.3.7",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, twice := range []string{"username=alice", "password=x", "grant_type=password", "scope=read&scope=write"} {
				h.token(t, good+"&"+twice).is(t, http.StatusBadRequest, "invalid_request")
			}
			if calls := h.store.took(); len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
		}},
	{number: 7, grade: "MUST", says: "a request without grant_type is invalid_request", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			open(t).token(t, "username=alice&password=x").is(t, http.StatusBadRequest, "invalid_request")
		}},
	{number: 8, grade: "MUST", says: "an unknown grant_type is unsupported_grant_type", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, grant := range []string{"foo", "authorization_code", "client_credentials", "PASSWORD"} {
				h.token(t, "grant_type="+grant).is(t, http.StatusBadRequest, "unsupported_grant_type")
			}
		}},
	{number: 9, grade: "MUST", says: "a password grant without username or password is invalid_request", source: "RFC 6749 §4.3.2, §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, "grant_type=password&username=alice").is(t, http.StatusBadRequest, "invalid_request")
			h.token(t, "grant_type=password&password=x").is(t, http.StatusBadRequest, "invalid_request")
		}},
	{number: 10, grade: "MUST", says: "a wrong password is 400 invalid_grant", source: "RFC 6749 §5.2",
		note: "Lexik's clients want 401 and `Invalid credentials.`, fastapi-users' 400 and `LOGIN_BAD_CREDENTIALS`",
		check: func(t *testing.T, open opener) {
			open(t).token(t, "grant_type=password&username=alice&password=wrong").is(t, http.StatusBadRequest, "invalid_grant")
			h := open(t, speaking(wire.Lexik{}))
			if a := h.form(t, "/login", "_username=alice&_password=wrong"); a.Code != http.StatusUnauthorized || a.members["message"] != "Invalid credentials." {
				t.Errorf("Lexik: %d %s", a.Code, a.Body)
			}
			h = open(t, speaking(wire.FastAPI{}))
			if a := h.form(t, "/login", "username=alice&password=wrong"); a.Code != http.StatusBadRequest || a.members["detail"] != "LOGIN_BAD_CREDENTIALS" {
				t.Errorf("FastAPI: %d %s", a.Code, a.Body)
			}
		}},
	{number: 11, grade: "MUST*", says: "an unknown user and a wrong password are answered alike", source: "ASVS 6.3.8",
		check: func(t *testing.T, open opener) {
			for _, d := range []wire.Dialect{wire.OAuth2{}, wire.FastAPI{}, wire.Lexik{}} {
				h, name, word := open(t, speaking(d)), "username", "password"
				if _, ok := d.(wire.Lexik); ok {
					name, word = "_username", "_password"
				}
				known := h.form(t, "/login", name+"=alice&"+word+"=wrong")
				same(t, known, h.form(t, "/login", name+"=unknown&"+word+"=wrong"))
				if known.Code < 400 {
					t.Errorf("status = %d", known.Code)
				}
			}
		}},
	{number: 12, grade: "SHOULD", says: "the time of a refusal does not tell whether the login exists", source: "ASVS 6.3.8",
		note:     "a hash is computed for an unknown login, too; what is looked at is its memory, since times depend on what else runs",
		unfrozen: true,
		check: func(t *testing.T, open opener) {
			const hashed = 64 << 20
			hasher, err := passwords.New(passwords.Config{Memory: hashed >> 10, Time: 1, Threads: 1, Queue: 1024, InsecureParameters: true})
			if err != nil {
				t.Fatal(err)
			}
			slow, err := memstore.New(memstore.Config{Passwords: hasher})
			if err != nil {
				t.Fatal(err)
			}
			if err := slow.AddUser(t.Context(), alice, password); err != nil {
				t.Fatal(err)
			}
			h := open(t, func(c *config) { c.tokens.Store = slow })
			// a hash cannot be had without its memory, whatever else the machine does
			for _, login := range []string{"alice", "unknown"} {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				h.token(t, "grant_type=password&username="+login+"&password=wrong").is(t, http.StatusBadRequest, "invalid_grant")
				runtime.ReadMemStats(&after)
				if spent := after.TotalAlloc - before.TotalAlloc; spent < hashed {
					t.Errorf("%s was refused for %d bytes, and a hash takes %d", login, spent, hashed)
				}
			}
		}},
	{number: 13, grade: "MUST*", says: "a password is compared just as it came", source: "ASVS 6.2.8",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for i, word := range []string{" spaces around ", "a+b&c%d=e", "🐎🐎🐎🐎", "tab\tand\nline", "ünï"} {
				u := alice
				u.ID, u.Login = u.ID+string(rune('a'+i)), u.Login+string(rune('a'+i))
				if err := h.store.AddUser(t.Context(), u, word); err != nil {
					t.Fatal(err)
				}
				form := "grant_type=password&username=" + u.Login + "&password="
				h.token(t, form+url.QueryEscape(word)).pair(t)
				h.token(t, form+url.QueryEscape(strings.TrimSpace(word)+" ")).is(t, http.StatusBadRequest, "invalid_grant")
			}
		}},
	{number: 14, grade: "MUST*", says: "passwords of 80 bytes that differ in the last one are two", source: "ASVS 6.2.8, SP 800-63B §5.1.1.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			long := strings.Repeat("x", 79)
			u := alice
			u.ID, u.Login = "u-long", "long"
			if err := h.store.AddUser(t.Context(), u, long+"1"); err != nil {
				t.Fatal(err)
			}
			h.token(t, "grant_type=password&username=long&password="+long+"1").pair(t)
			h.token(t, "grant_type=password&username=long&password="+long+"2").is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 15, grade: "MUST*", says: "a password of 64 characters works", source: "ASVS 6.2.9, SP 800-63B §5.1.1.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			u := alice
			u.ID, u.Login = "u-long", "long"
			word := strings.Repeat("ä", 64)
			if err := h.store.AddUser(t.Context(), u, word); err != nil {
				t.Fatal(err)
			}
			h.token(t, "grant_type=password&username=long&password="+url.QueryEscape(word)).pair(t)
		}},
	{number: 16, grade: "SHOULD", says: "a body of 1 MiB is refused before anything is hashed", source: "ASVS 15.2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good+"&x="+strings.Repeat("x", 1<<20)).is(t, http.StatusRequestEntityTooLarge, "invalid_request")
			h.token(t, "grant_type=password&username=alice&password="+strings.Repeat("x", 1<<13)).is(t, http.StatusBadRequest, "invalid_grant")
			if calls := h.store.took(); len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
		}},
	{number: 17, grade: "MUST", says: "a grant that the client may not use is unauthorized_client", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good+"&client_id=script").is(t, http.StatusBadRequest, "unauthorized_client")
			if calls := h.store.took(); len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
			refresh := h.login(t).refresh
			h.store.took()
			h.refresh(t, refresh, "client_id=script").is(t, http.StatusBadRequest, "unauthorized_client")
			if calls := h.store.took(); len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
		}},
	{number: 18, grade: "MUST", says: "a scope that cannot be granted is invalid_scope, or the answer names what was", source: "RFC 6749 §3.3, §5.1, §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.token(t, good+"&scope=admin").is(t, http.StatusBadRequest, "invalid_scope")
			h.token(t, good+"&scope=read+admin").is(t, http.StatusBadRequest, "invalid_scope")
			if a := h.token(t, good+"&client_id=reader"); a.Code != http.StatusOK || a.members["scope"] != "read" {
				t.Errorf("%d %s", a.Code, a.Body)
			}
		}},
	{number: 19, grade: "MUST", says: "without scope the answer has the documented default: all that the user holds", source: "RFC 6749 §3.3",
		check: func(t *testing.T, open opener) {
			if a := open(t).token(t, good); a.Code != http.StatusOK || a.members["scope"] != "read write" {
				t.Errorf("%d %s", a.Code, a.Body)
			}
		}},
	{number: 20, grade: "MUST", says: "the password grant is off until the host switches it on", source: "RFC 9700 §2.4, ASVS 10.4.4, OAuth 2.1",
		note: "the login routes of the two other dialects are password logins by their nature",
		check: func(t *testing.T, open opener) {
			h := open(t, func(c *config) { c.auth.PasswordGrant = false })
			h.token(t, good).is(t, http.StatusBadRequest, "unsupported_grant_type")
			if calls := h.store.took(); len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
		}},
	{number: 21, grade: "MUST", says: "the token endpoint never redirects", source: "RFC 6749 §3.2, ASVS 4.1.2",
		note: "TLS is the host's: there is no plain-text listener here to be refused",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for _, body := range []string{good, "", "grant_type=foo", good + "&redirect_uri=https://evil.example"} {
				if a := h.token(t, body); a.Code >= 300 && a.Code < 400 || a.Header().Get("Location") != "" {
					t.Errorf("%q: %d, Location %q", body, a.Code, a.Header().Get("Location"))
				}
			}
		}},
	{number: 22, grade: "SHOULD", says: "a JSON body is rejected with 400, and no session is created", source: "RFC 6749 §4.3.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.send(t, http.MethodPost, "/oauth/token", `{"grant_type":"password","username":"alice","password":"`+password+`"}`,
				"Content-Type: application/json").is(t, http.StatusBadRequest, "invalid_request")
			if calls := h.store.took(); len(calls) > 0 {
				t.Errorf("the store was asked: %q", calls)
			}
		}},
}
