package conformance_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// Refreshes.
var refreshes = []requirement{
	{number: 51, grade: "MUST", says: "a refresh without refresh_token is invalid_request", source: "RFC 6749 §6, §5.2",
		check: func(t *testing.T, open opener) {
			open(t).token(t, "grant_type=refresh_token").is(t, http.StatusBadRequest, "invalid_request")
		}},
	{number: 52, grade: "MUST", says: "an unknown refresh token is invalid_grant", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			foreign := open(t, func(c *config) { c.tokens.RefreshKeys[0] = secret("another") }).login(t).refresh
			for _, token := range []string{"x", foreign, open(t).login(t).refresh} {
				h.refresh(t, token).is(t, http.StatusBadRequest, "invalid_grant")
			}
		}},
	{number: 53, grade: "MUST", says: "an expired one is invalid_grant", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			pass(30 * 24 * time.Hour)
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 54, grade: "MUST", says: "a revoked one is invalid_grant", source: "RFC 6749 §5.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			h.form(t, "/logout", "refresh_token="+p.refresh).is(t, http.StatusNoContent, "")
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 55, grade: "MUST", says: "another client's is invalid_grant, and stays good for its own", source: "RFC 6749 §5.2, §6, §10.4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t, "client_id=app")
			h.refresh(t, p.refresh, "client_id=other").is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, p.refresh, shopInBody).is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, p.refresh, "client_id=app").pair(t)
		}},
	{number: 56, grade: "MUST", says: "a client_id that is not the token's is invalid_grant for public clients too", source: "OAuth 2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t, "client_id=other")
			h.refresh(t, p.refresh, "client_id=app").is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, p.refresh, "client_id=other").pair(t)
		}},
	{number: 57, grade: "MUST NOT", says: "a scope wider than what was granted is invalid_scope", source: "RFC 6749 §6",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t, "scope=read")
			h.refresh(t, p.refresh, "scope=read+write").is(t, http.StatusBadRequest, "invalid_scope")
			h.refresh(t, p.refresh).pair(t)
		}},
	{number: 58, grade: "MUST", says: "without a scope it is the original one", source: "RFC 6749 §6",
		check: func(t *testing.T, open opener) {
			h := open(t)
			if c := claims(t, h.refresh(t, h.login(t, "scope=read").refresh).pair(t).access); c["scope"] != "read" {
				t.Errorf("scope = %v", c["scope"])
			}
		}},
	{number: 59, grade: "MUST", says: "a narrower scope narrows the access token only", source: "RFC 6749 §6",
		check: func(t *testing.T, open opener) {
			h := open(t)
			narrow := h.refresh(t, h.login(t, "scope=read+write").refresh, "scope=read").pair(t)
			if c := claims(t, narrow.access); c["scope"] != "read" {
				t.Errorf("narrowed: scope = %v", c["scope"])
			}
			if c := claims(t, h.refresh(t, narrow.refresh).pair(t).access); c["scope"] != "read write" {
				t.Errorf("afterwards: scope = %v", c["scope"])
			}
		}},
	{number: 60, grade: "MUST", says: "an access token is no refresh token", source: "RFC 8725 §3.12, ASVS 9.2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.refresh(t, h.login(t).access).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 61, grade: "MUST", says: "a refresh token is no access token", source: "RFC 8725 §3.12, ASVS 9.2.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			h.call(t, "/me", h.login(t).refresh).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 62, grade: "MUST", says: "one flipped bit is invalid_grant, and ends nothing", source: "RFC 6749 §10.4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			prefix, text := p.refresh[:6], p.refresh[6:]
			b, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			for i := range b {
				b[i] ^= 1 << (i % 8)
				h.refresh(t, prefix+base64.RawURLEncoding.EncodeToString(b)).is(t, http.StatusBadRequest, "invalid_grant")
				b[i] ^= 1 << (i % 8)
			}
			h.refresh(t, p.refresh).pair(t)
		}},
	{number: 63, grade: "MUST", says: "a user who is gone or locked out is invalid_grant", source: "OAuth 2.1, ASVS 7.4.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			if err := h.store.RemoveUser(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 64, grade: "MUST", says: "nothing that is stored is a token that works", source: "RFC 6749 §10.4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			p := h.login(t)
			rows, err := h.store.UserSessions(t.Context(), alice.ID, store.Newest(), store.MaxPage)
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			text := fmt.Sprintf("%+v", rows[0])
			if strings.Contains(text, p.refresh) || strings.Contains(text, p.refresh[len(p.refresh)-43:]) {
				t.Errorf("the row has the token: %s", text)
			}
			for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("{}[]: ", r) }) {
				h.refresh(t, word).is(t, http.StatusBadRequest, "")
				h.refresh(t, "sp_rt_"+word).is(t, http.StatusBadRequest, "invalid_grant")
			}
		}},
}

// generation is where alice's only session is.
func (h *host) generation(t *testing.T) int64 {
	t.Helper()
	rows, err := h.store.UserSessions(t.Context(), alice.ID, store.Newest(), store.MaxPage)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	return rows[0].Generation
}

// Rotation, replay and lifetime.
var rotations = []requirement{
	{number: 65, grade: "MUST", says: "a refresh of a public client gives another refresh token", source: "RFC 9700 §2.2.2, §4.14.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t)
			if second := h.refresh(t, first.refresh).pair(t); second.refresh == first.refresh || second.refresh == "" {
				t.Errorf("it is %q", second.refresh)
			}
		}},
	{number: 66, grade: "MUST", says: "the old one is invalid_grant after the grace", source: "RFC 9700 §4.14.2, ASVS 10.4.5",
		check: func(t *testing.T, open opener) {
			for _, wait := range []time.Duration{0, time.Minute} {
				h := open(t, grace(wait))
				first := h.login(t)
				h.refresh(t, first.refresh).pair(t)
				pass(wait)
				h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			}
		}},
	{number: 67, grade: "MUST", says: "and so is the newest of its family from then on", source: "RFC 9700 §4.14.2, ASVS 10.4.5",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t)
			second := h.refresh(t, first.refresh).pair(t)
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, second.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 68, grade: "SHOULD", says: "and its access tokens are invalid_token, where there is a deny list", source: "OAuth 2.1, RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t)
			second := h.refresh(t, first.refresh).pair(t)
			h.call(t, "/me", second.access).is(t, http.StatusOK, "")
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.call(t, "/me", first.access).refused(t, http.StatusUnauthorized, "invalid_token")
			h.call(t, "/me", second.access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 69, grade: "MUST NOT", says: "no other family of the user or the client is touched", source: "a bug of others",
		check: func(t *testing.T, open opener) {
			h := open(t)
			other, first := h.login(t), h.login(t)
			h.refresh(t, first.refresh).pair(t)
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.call(t, "/me", other.access).is(t, http.StatusOK, "")
			h.refresh(t, other.refresh).pair(t)
		}},
	{number: 70, grade: "MUST*", says: "of many requests with one token one wins; with grace all get the same successor", source: "ASVS 15.4.2, CVE-2026-1035",
		check: func(t *testing.T, open opener) {
			for _, wait := range []time.Duration{0, time.Minute} {
				h := open(t, grace(wait))
				first := h.login(t)
				answers := make([]answer, 16)
				done := make(chan struct{})
				for i := range answers {
					go func() { answers[i] = h.refresh(t, first.refresh); done <- struct{}{} }()
				}
				for range answers {
					<-done
				}
				var won []string
				for _, a := range answers {
					if a.Code == http.StatusOK {
						won = append(won, a.pair(t).refresh)
					}
				}
				if wait == 0 && len(won) != 1 {
					t.Errorf("%d won", len(won))
				}
				if wait > 0 && (len(won) != len(answers) || len(slices.Compact(won)) != 1 || h.generation(t) != 2) {
					t.Errorf("%d won, at generation %d: %q", len(won), h.generation(t), won)
				}
			}
		}},
	{number: 71, grade: "SHOULD", says: "a request whose answer was lost is answered again within the grace", source: "rotation of one lineage",
		check: func(t *testing.T, open opener) {
			h := open(t, grace(time.Minute))
			first := h.login(t)
			lost := h.refresh(t, first.refresh).pair(t)
			pass(30 * time.Second)
			if again := h.refresh(t, first.refresh).pair(t); again.refresh != lost.refresh {
				t.Error("it is another successor")
			}
		}},
	{number: 72, grade: "MUST", says: "a crash before the write costs no token; after it, another node answers within the grace", source: "rotation of one lineage",
		note: "here the write fails, and a second node answers; examples/crashtest kills real processes",
		check: func(t *testing.T, open opener) {
			h := open(t, grace(time.Minute))
			first := h.login(t)
			h.store.fail(true)
			h.refresh(t, first.refresh).is(t, http.StatusServiceUnavailable, "")
			h.store.fail(false)
			lost := h.refresh(t, first.refresh).pair(t)
			other := open(t, func(c *config) { c.tokens.Store, c.tokens.Clients, c.tokens.Revocations = h.store, h.store, h.store })
			if again := other.refresh(t, first.refresh).pair(t); again.refresh != lost.refresh {
				t.Error("it is another successor")
			}
		}},
	{number: 73, grade: "MUST", says: "a token two generations old ends its family, grace or not", source: "bugs of others",
		check: func(t *testing.T, open opener) {
			h := open(t, grace(time.Minute))
			first := h.login(t)
			third := h.refresh(t, h.refresh(t, first.refresh).pair(t).refresh).pair(t)
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, third.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 74, grade: "MUST", says: "a token of a session that was logged out is invalid_grant within the grace too", source: "RFC 7009 §2.1",
		check: func(t *testing.T, open opener) {
			h := open(t, grace(time.Minute))
			first := h.login(t)
			second := h.refresh(t, first.refresh).pair(t)
			h.form(t, "/logout", "refresh_token="+second.refresh).is(t, http.StatusNoContent, "")
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, second.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 75, grade: "MUST", says: "the grace begins with the first use, and no replay makes it longer", source: "bugs of others",
		check: func(t *testing.T, open opener) {
			h := open(t, grace(time.Minute))
			first := h.login(t)
			pass(time.Hour)
			h.refresh(t, first.refresh).pair(t)
			pass(40 * time.Second)
			h.refresh(t, first.refresh).pair(t)
			pass(20 * time.Second)
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 76, grade: "MUST", says: "a replay by another client, or for more scope, is refused and ends nothing", source: "what others document",
		note: "for more scope the error is invalid_scope",
		check: func(t *testing.T, open opener) {
			h := open(t, grace(time.Minute))
			first := h.login(t, "scope=read")
			second := h.refresh(t, first.refresh).pair(t)
			h.refresh(t, first.refresh, "client_id=other").is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, first.refresh, "scope=write").is(t, http.StatusBadRequest, "invalid_scope")
			h.refresh(t, second.refresh).pair(t)
		}},
	{number: 77, grade: "MUST", says: "a revocation is there when the store is opened again", source: "a bug of others",
		note: "here another node on the same store; the suite of the stores opens files and servers again",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t)
			second := h.refresh(t, first.refresh).pair(t)
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			other := open(t, func(c *config) { c.tokens.Store = h.store })
			other.refresh(t, second.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 78, grade: "MUST*", says: "a session has an end that no refresh moves", source: "ASVS 10.4.8, 7.3.2",
		check: func(t *testing.T, open opener) {
			h := open(t, func(c *config) {
				c.tokens.SessionTTL, c.tokens.IdleTTL, c.tokens.AccessTTL = 10*time.Second, 5*time.Second, 2*time.Second
			})
			p := h.login(t)
			for range 4 {
				pass(2 * time.Second)
				p = h.refresh(t, p.refresh).pair(t)
			}
			pass(2 * time.Second)
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			h.call(t, "/me", p.access).refused(t, http.StatusUnauthorized, "invalid_token")
		}},
	{number: 79, grade: "SHOULD", says: "a session that waits too long is invalid_grant", source: "RFC 9700 §4.14.2, ASVS 7.3.1",
		check: func(t *testing.T, open opener) {
			h := open(t, func(c *config) { c.tokens.IdleTTL = time.Hour })
			p := h.login(t)
			pass(time.Hour - time.Second)
			p = h.refresh(t, p.refresh).pair(t)
			pass(time.Hour)
			h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
		}},
	{number: 80, grade: "MAY", says: "a new password ends all sessions", source: "RFC 9700 §4.14.2, ASVS 7.4.3",
		note: "passwords are the host's: it calls PasswordChanged",
		check: func(t *testing.T, open opener) {
			h := open(t)
			a, b := h.login(t), h.login(t)
			if err := h.tokens.LogoutEverywhere(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
			for _, p := range []pair{a, b} {
				h.refresh(t, p.refresh).is(t, http.StatusBadRequest, "invalid_grant")
				h.call(t, "/me", p.access).refused(t, http.StatusUnauthorized, "invalid_token")
			}
		}},
	{number: 81, grade: "MUST", says: "scope and audience stay what was granted", source: "RFC 9700 §4.14.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t, "scope=read")
			a, b := claims(t, first.access), claims(t, h.refresh(t, first.refresh, "audience=https://else.example&resource=https://else.example").pair(t).access)
			if fmt.Sprint(a["aud"], a["scope"]) != fmt.Sprint(b["aud"], b["scope"]) {
				t.Errorf("%v, then %v", a, b)
			}
		}},
	{number: 82, grade: "MUST", says: "a token that names another session is invalid_grant", source: "RFC 9700 §4.14.2",
		check: func(t *testing.T, open opener) {
			h := open(t)
			mine, theirs := h.login(t), h.login(t)
			a, _ := base64.RawURLEncoding.DecodeString(mine.refresh[6:])
			b, _ := base64.RawURLEncoding.DecodeString(theirs.refresh[6:])
			copy(a[5:21], b[5:21])
			h.refresh(t, mine.refresh[:6]+base64.RawURLEncoding.EncodeToString(a)).is(t, http.StatusBadRequest, "invalid_grant")
			h.refresh(t, theirs.refresh).pair(t)
		}},
	{number: 83, grade: "SHOULD", says: "a reuse is one event, with all the names and no token", source: "ASVS 16.3.3, 16.2.5",
		check: func(t *testing.T, open opener) {
			h := open(t)
			first := h.login(t)
			h.refresh(t, first.refresh).pair(t)
			h.events = nil
			h.log.Reset()
			h.refresh(t, first.refresh).is(t, http.StatusBadRequest, "invalid_grant")
			if len(h.events) != 1 {
				t.Fatalf("%d events", len(h.events))
			}
			e := h.events[0]
			if e.Kind != "reuse" || e.UserID != alice.ID || e.ClientID != "app" || e.Generation != 1 || e.SessionID == "" || !e.Address.IsValid() {
				t.Errorf("%+v", e)
			}
			if strings.Contains(h.log.String(), first.refresh[6:]) {
				t.Errorf("the log has the token: %s", h.log)
			}
		}},
}
