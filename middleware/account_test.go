package middleware_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

func bearerOf(p tokens.Pair) string { return "Authorization: Bearer " + string(p.AccessToken) }

// decoded reads an answer's body.
func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

type sessionList struct {
	Next     string `json:"next"`
	Sessions []struct {
		ID, Label  string
		Current    bool
		ClientID   string    `json:"client_id"`
		CreatedAt  time.Time `json:"created_at"`
		LastUsedAt time.Time `json:"last_used_at"`
		ExpiresAt  time.Time `json:"expires_at"`
	}
}

func (d *harness) listed(t *testing.T, p tokens.Pair) sessionList {
	t.Helper()
	w := d.ask(t, "GET /sessions\n"+bearerOf(p))
	wantStatus(t, w, http.StatusOK)
	return decoded[sessionList](t, w.Body.String())
}

// D181.
func TestSessions(t *testing.T) {
	t.Parallel()
	t.Run("a user sees their own sessions, the newest first, and which is this one; nothing that helps to a token", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.login(t, bob)
		w := d.ask(t, "POST /login\nUser-Agent: Firefox on Linux\n"+form+"\n\nclient_id=web&"+goodForm)
		wantStatus(t, w, http.StatusOK)
		two := d.login(t, alice)
		got := d.listed(t, two)
		if len(got.Sessions) != 2 {
			t.Fatalf("%+v", got)
		}
		own, one := got.Sessions[0], got.Sessions[1]
		if one.Label != "Firefox on Linux" || one.ClientID != "web" || one.Current || !own.Current || own.ID != two.Principal.SessionID ||
			!one.ExpiresAt.After(one.CreatedAt) || one.LastUsedAt.IsZero() {
			t.Errorf("%+v", got)
		}
		three := d.login(t, alice)
		body := d.ask(t, "GET /sessions\n"+bearerOf(two)).Body.String()
		for _, p := range []tokens.Pair{two, three} {
			token, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(string(p.RefreshToken), "sp_rt_"))
			if err != nil {
				t.Fatal(err)
			}
			if secret := base64.RawURLEncoding.EncodeToString(token[5:21]); strings.Contains(body, secret) {
				t.Error("the body has what the refresh token has of its session")
			}
		}
	})
	t.Run("FaultC16: the list comes in pages, which follow one another when a session has ended", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		var ids []string
		var last tokens.Pair
		for range 5 {
			last = d.login(t, alice)
			ids = append(ids, last.Principal.SessionID)
		}
		slices.Reverse(ids)
		page := func(query string) (list sessionList) {
			t.Helper()
			w := d.ask(t, "GET /sessions"+query+"\n"+bearerOf(last))
			wantStatus(t, w, http.StatusOK)
			return decoded[sessionList](t, w.Body.String())
		}
		first := page("?limit=2")
		if len(first.Sessions) != 2 || first.Sessions[0].ID != ids[0] || first.Sessions[1].ID != ids[1] || first.Next == "" {
			t.Fatalf("%+v", first)
		}
		wantStatus(t, d.ask(t, "DELETE /sessions/"+ids[1]+"\n"+bearerOf(last)), http.StatusNoContent)
		d.login(t, alice)
		second := page("?limit=2&after=" + first.Next)
		if len(second.Sessions) != 2 || second.Sessions[0].ID != ids[2] || second.Sessions[1].ID != ids[3] {
			t.Fatalf("%+v", second)
		}
		third := page("?limit=2&after=" + second.Next)
		if len(third.Sessions) != 1 || third.Sessions[0].ID != ids[4] || third.Next != "" {
			t.Fatalf("%+v", third)
		}
	})
	t.Run("a page that is none is malformed", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		p := d.login(t, alice)
		for _, route := range []string{"/sessions", "/keys"} {
			for _, query := range []string{"limit=0", "limit=-1", "limit=1001", "limit=", "limit=1.5", "limit=1&limit=1", "after=%25", "after=AAAA", "after=YQ&after=YQ", "after=%zz", "limit=9999999999999999999"} {
				wantStatus(t, d.ask(t, "GET "+route+"?"+query+"\n"+bearerOf(p)), http.StatusBadRequest)
			}
		}
	})
	t.Run("P36: one session is ended, which may be this one", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.tokens.Revocations = c.tokens.Store.(*recordingStore) })
		one, two := d.login(t, alice), d.login(t, alice)
		w := d.ask(t, "DELETE /sessions/"+one.Principal.SessionID+"\n"+bearerOf(two))
		wantAnswer(t, w, http.StatusNoContent, "Cache-Control: no-store", "")
		wantStatus(t, d.call(t, "/bearer", one.AccessToken, ""), http.StatusUnauthorized)
		if got := d.listed(t, two); len(got.Sessions) != 1 {
			t.Errorf("%+v", got)
		}
		wantStatus(t, d.ask(t, "DELETE /sessions/"+two.Principal.SessionID+"\n"+bearerOf(two)), http.StatusNoContent)
		wantStatus(t, d.ask(t, "GET /sessions\n"+bearerOf(two)), http.StatusUnauthorized)
	})
	t.Run("another's session is not there", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		one, other := d.login(t, alice), d.login(t, bob)
		for _, id := range []string{other.Principal.SessionID, "x", strings.Repeat("x", 5000)} {
			w := d.ask(t, "DELETE /sessions/"+id+"\n"+bearerOf(one))
			if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if got := d.listed(t, other); len(got.Sessions) != 1 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("all others are ended, and then this one", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.login(t, alice)
		d.login(t, alice)
		own, other := d.login(t, alice), d.login(t, bob)
		wantStatus(t, d.ask(t, "DELETE /sessions/others\n"+bearerOf(own)), http.StatusNoContent)
		if got := d.listed(t, own); len(got.Sessions) != 1 || !got.Sessions[0].Current {
			t.Errorf("%+v", got)
		}
		if got := d.listed(t, other); len(got.Sessions) != 1 {
			t.Errorf("%+v", got)
		}
		wantStatus(t, d.ask(t, "POST /everywhere\n"+bearerOf(own)), http.StatusNoContent)
		if got := d.listed(t, own); len(got.Sessions) != 0 {
			t.Errorf("%+v", got)
		}
		// its access token lives, and ends nothing any more
		wantStatus(t, d.ask(t, "DELETE /sessions/others\n"+bearerOf(own)), http.StatusForbidden)
	})
	t.Run("sessions are neither listed nor ended without a valid token, by the wrong method, or while the store fails", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		one := d.login(t, alice)
		for _, line := range []string{"GET /sessions", "DELETE /sessions/others", "DELETE /sessions/x", "GET /keys", "POST /keys/new", "POST /rotate/x", "DELETE /keys/x"} {
			wantStatus(t, d.ask(t, line), http.StatusUnauthorized)
			wantStatus(t, d.ask(t, line+"\nAuthorization: Bearer "+d.apiKey(t)), http.StatusUnauthorized)
			w := d.ask(t, "PUT "+strings.SplitN(line, " ", 2)[1]+"\n"+bearerOf(one))
			if allow := w.Header().Get("Allow"); w.Code != http.StatusMethodNotAllowed || !strings.HasPrefix(allow, strings.SplitN(line, " ", 2)[0]) {
				t.Errorf("PUT for %s: %d, Allow: %s", line, w.Code, allow)
			}
			d.store.fail(errDriver)
			ask := line + "\n" + bearerOf(one) + "\n" + jsonType + "\n\n{}"
			if w := d.ask(t, ask); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "MARKER") {
				t.Errorf("%s: %d %s", line, w.Code, w.Body)
			}
			d.store.fail(nil)
		}
		if got := d.listed(t, one); len(got.Sessions) != 1 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("behind Bearer the principal is not verified twice", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.tokens.Revocations = c.tokens.Store.(*recordingStore) })
		one := d.login(t, alice)
		d.mux.Handle("/mine", d.Bearer(http.HandlerFunc(d.Sessions)))
		d.store.take()
		wantStatus(t, d.call(t, "/mine", one.AccessToken, ""), http.StatusOK)
		if calls := strings.Join(d.store.take(), " "); calls != "SessionDenied UserSessions" {
			t.Errorf("calls = %s", calls)
		}
	})
}

type keyAnswer struct {
	ID, Key, Hint, Label, Scope string
	Networks                    []string
	CreatedAt                   time.Time  `json:"created_at"`
	ExpiresAt                   *time.Time `json:"expires_at"`
	LastUsedAt                  *time.Time `json:"last_used_at"`
	ReplacedBy                  string     `json:"replaced_by"`
}

type keyList struct {
	Keys []keyAnswer `json:"api_keys"`
}

func (d *harness) keys(t *testing.T, p tokens.Pair) keyList {
	t.Helper()
	w := d.ask(t, "GET /keys\n"+bearerOf(p))
	wantStatus(t, w, http.StatusOK)
	if strings.Contains(w.Body.String(), "sp_ak_") || strings.Contains(strings.ToLower(w.Body.String()), "digest") {
		t.Errorf("the list shows %s", w.Body)
	}
	return decoded[keyList](t, w.Body.String())
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	t.Run("a key is made, shown once, used, listed and revoked", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.tokens.Revocations = c.tokens.Store.(*recordingStore) })
		lexik := d.WithDialect(wire.Lexik{})
		d.mux.HandleFunc("/login_refresh", lexik.Refresh)
		own := d.login(t, alice)
		w := d.ask(t, "POST /keys/new\n"+bearerOf(own)+"\n"+jsonType+"\n\n"+`{"label":"CI of the shop","scope":"read","expires_in":7776000}`)
		wantStatus(t, w, http.StatusCreated)
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v", w.Header())
		}
		made := decoded[keyAnswer](t, w.Body.String())
		if made.Label != "CI of the shop" || made.Scope != "read" || made.ExpiresAt == nil || made.ExpiresAt.Sub(made.CreatedAt).Round(time.Minute) != 90*24*time.Hour || made.LastUsedAt != nil {
			t.Errorf("%+v", made)
		}
		var access tokens.Secret
		for _, request := range []string{"POST /login_refresh\n" + form + "\n\nrefresh_token=" + made.Key, "POST /token\n" + form + "\n\n" + exchanging + "&subject_token=" + made.Key} {
			w := d.ask(t, request)
			wantStatus(t, w, http.StatusOK)
			if p := d.principal(t, w); p.Subject != alice.ID || p.Scope != "read" {
				t.Errorf("%+v", p)
			}
			access = tokens.Secret(jwtForm.FindString(w.Body.String()))
		}
		listed := d.keys(t, own).Keys
		if len(listed) != 1 || listed[0].ID != made.ID || listed[0].Label != made.Label || listed[0].LastUsedAt == nil {
			t.Errorf("%+v", listed)
		}
		if got := d.keys(t, d.login(t, bob)); len(got.Keys) != 0 {
			t.Errorf("bob has %+v", got)
		}
		wantStatus(t, d.ask(t, "DELETE /keys/"+made.ID+"\n"+bearerOf(d.login(t, bob))), http.StatusNotFound)
		wantStatus(t, d.call(t, "/bearer", access, ""), http.StatusOK)
		wantStatus(t, d.ask(t, "DELETE /keys/"+made.ID+"\n"+bearerOf(own)), http.StatusNoContent)
		wantStatus(t, d.ask(t, "DELETE /keys/"+made.ID+"\n"+bearerOf(own)), http.StatusNotFound)
		wantStatus(t, d.call(t, "/bearer", access, ""), http.StatusUnauthorized)
		wantStatus(t, d.ask(t, "POST /login_refresh\n"+form+"\n\nrefresh_token="+made.Key), http.StatusUnauthorized)
	})
	t.Run("a key has what the access token has, and never more", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.AccountScope = "read" })
		p, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, Scopes: []string{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		w := d.ask(t, "POST /keys/new\n"+bearerOf(p)+"\n"+jsonType+"\n\n{}")
		wantStatus(t, w, http.StatusCreated)
		if made := decoded[keyAnswer](t, w.Body.String()); made.Scope != "read" || made.ExpiresAt != nil {
			t.Errorf("%+v", made)
		}
		for _, scope := range []string{"write", "read write", "admin"} {
			wantStatus(t, d.ask(t, "POST /keys/new\n"+bearerOf(p)+"\n"+jsonType+"\n\n"+`{"scope":"`+scope+`"}`), http.StatusBadRequest)
		}
	})
	t.Run("a token that a key was exchanged for, one without a session, and one whose session is over make no keys", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		exchanged, err := d.tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(d.apiKey(t))})
		if err != nil {
			t.Fatal(err)
		}
		only, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		over := d.login(t, alice)
		if err := d.tokens.LogoutPrincipal(t.Context(), over.Principal); err != nil {
			t.Fatal(err)
		}
		for _, p := range []tokens.Pair{exchanged, only, over} {
			w := d.ask(t, "POST /keys/new\n"+bearerOf(p)+"\n"+jsonType+"\n\n{}")
			if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "sp_ak_") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
	for _, body := range []string{
		"", "[]", "{", `{"label":1}`, `{"scope":["read"]}`, `{"expires_in":"3600"}`, `{"expires_in":0}`, `{"expires_in":-1}`, `{"expires_in":1.5}`,
		`{"expires_in":1e300}`, `{"expires_in":null}`, `{"expires":3600}`, `{"label":"a","label":"b"}`, `{"label":"x"}{}`, "{\"label\":\"\xff\"}", `{"scope":"read  write"}`,
		`{"networks":[]}`, `{"networks":null}`, `{"networks":"192.0.2.0/24"}`, `{"networks":[1]}`, `{"networks":["192.0.2.7/24"]}`, `{"networks":["fe80::1%eth0"]}`,
		`{"networks":["::ffff:192.0.2.0/90"]}`, `{"networks":{"192.0.2.0/24":1}}`, `{"networks":["` + strings.Repeat(`192.0.2.1","`, 32) + `192.0.2.1"]}`,
		`{"networks":["` + strings.Repeat("1", 8<<10) + `"]}`, `{"network":["192.0.2.0/24"]}`, `{"overlap":1}`,
	} {
		t.Run("what cannot be read one way only makes no key: "+body, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			own := d.login(t, alice)
			wantStatus(t, d.ask(t, "POST /keys/new\n"+bearerOf(own)+"\n"+jsonType+"\n\n"+body), http.StatusBadRequest)
			if got := d.keys(t, own); len(got.Keys) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("what is no JSON, and what is too long, makes no key", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		own := d.login(t, alice)
		wantStatus(t, d.ask(t, "POST /keys/new\n"+bearerOf(own)+"\n"+form+"\n\nlabel=x"), http.StatusBadRequest)
		wantStatus(t, d.ask(t, "POST /keys/new\n"+bearerOf(own)+"\nContent-Type: text/plain\n\n{}"), http.StatusBadRequest)
		wantStatus(t, d.ask(t, "POST /keys/new\n"+bearerOf(own)+"\n"+jsonType+"\n\n"+`{"label":"`+strings.Repeat("x", 17<<10)+`"}`), http.StatusRequestEntityTooLarge)
	})
	t.Run("an Authority without API keys gets 500", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.tokens.APIKeys = nil })
		wantStatus(t, d.ask(t, "GET /keys\n"+bearerOf(d.login(t, alice))), http.StatusInternalServerError)
	})
}
