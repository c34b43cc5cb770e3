package middleware_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// sessions is how many sessions a user has that are not over.
func (d *harness) sessions(tb testing.TB, userID string) int {
	tb.Helper()
	all, err := d.store.memory.UserSessions(tb.Context(), userID, store.Newest(), store.MaxPage)
	if err != nil {
		tb.Fatal(err)
	}
	return len(all)
}

// P36, D179: what a logout leaves.
func TestLogout(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		dialect wire.Dialect
		request string // ACCESS and REFRESH are those of the session
	}{
		{"a refresh token in the form, in OAuth2", wire.OAuth2{}, "POST /logout\n" + form + "\n\nrefresh_token=REFRESH"},
		{"a refresh-token header, in OAuth2", wire.OAuth2{}, "POST /logout\nrefresh-token: REFRESH\n\n"},
		{"an access token, in OAuth2", wire.OAuth2{}, "POST /logout\nAuthorization: Bearer ACCESS\n\n"},
		{"JSON, in Lexik", wire.Lexik{}, "POST /logout\n" + jsonType + "\n\n" + `{"refresh_token":"REFRESH"}`},
		{"an access token, in FastAPI", wire.FastAPI{}, "POST /logout\nAuthorization: Bearer ACCESS\n\n"},
	} {
		t.Run(x.name+" ends its session and no other", func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(x.dialect))
			mine, other := d.login(t, alice), d.login(t, alice)
			d.login(t, bob)
			d.journal.Take()
			r := request(t, replace(x.request, mine))
			if w := d.send(r); w.Code >= http.StatusBadRequest {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if a, b := d.sessions(t, alice.ID), d.sessions(t, bob.ID); a != 1 || b != 1 {
				t.Errorf("alice has %d sessions and bob %d, want 1 and 1", a, b)
			}
			if _, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: mine.RefreshToken}); err == nil {
				t.Error("the session that was ended goes on")
			}
			if _, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: other.RefreshToken}); err != nil {
				t.Errorf("the other session: %v", err)
			}
			told := d.journal.Take()
			if told[0].Kind != events.Logout || told[0].Address.String() != "192.0.2.1" || told[0].SessionID != mine.Principal.SessionID {
				t.Errorf("event = %v", told[0])
			}
		})
	}
	t.Run("the access token of an ended session is good until it expires", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		p := d.login(t, alice)
		wantStatus(t, d.send(request(t, replace("POST /logout\nAuthorization: Bearer ACCESS\n\n", p))), http.StatusNoContent)
		wantStatus(t, d.call(t, "/bearer", p.AccessToken, ""), http.StatusOK)
		// and a second logout with it is no failure
		wantStatus(t, d.send(request(t, replace("POST /logout\nAuthorization: Bearer ACCESS\n\n", p))), http.StatusNoContent)
	})
	t.Run("everywhere ends all sessions of the user, and of no other", func(t *testing.T) {
		t.Parallel()
		for _, dialect := range dialects {
			d := open(t, speaking(dialect.dialect))
			p := d.login(t, alice)
			d.login(t, alice)
			d.login(t, bob)
			d.journal.Take()
			r := request(t, replace("POST /everywhere\nContent-Type: application/xml\nAuthorization: Bearer ACCESS\n\n<all/>", p))
			if w := d.send(r); w.Code >= http.StatusBadRequest {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if a, b := d.sessions(t, alice.ID), d.sessions(t, bob.ID); a != 0 || b != 1 {
				t.Errorf("alice has %d sessions and bob %d, want 0 and 1", a, b)
			}
			d.journal.WantKinds(t, events.LogoutEverywhere)
		}
	})
	t.Run("everywhere takes no refresh token in the place of an access token", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		wantStatus(t, d.ask(t, "POST /everywhere\nrefresh-token: {refresh}\n\n"), http.StatusUnauthorized)
		if n := d.sessions(t, alice.ID); n != 1 {
			t.Errorf("alice has %d sessions, want 1", n)
		}
	})
	t.Run("a malformed request does not call the store", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for _, text := range []string{
			"POST /logout\n" + form + "\n\nrefresh_token=nonsense", "POST /logout\nAuthorization: Bearer nonsense\n\n",
			"POST /everywhere\nAuthorization: Bearer nonsense\n\n", "POST /logout\n\n",
		} {
			d.ask(t, text)
		}
		if calls := d.store.take(); !slices.Equal(calls, nil) {
			t.Errorf("the store was asked %q", calls)
		}
	})
}
