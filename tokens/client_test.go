package tokens_test

import (
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// P7.
func TestClientBinding(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		login, caller string
		want          error
	}{
		{"the client of the session is let in", "shop", "shop", nil},
		{"a caller who names no client is let in", "shop", "", nil},
		{"P7: another client is refused, and the token stays good", "shop", "attacker", tokens.ErrWrongClient},
		{"P7: clients are compared byte by byte", "shop", "shop ", tokens.ErrWrongClient},
		{"a session that is bound to no client lets any in", "", "shop", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, spent := range []bool{false, true} {
				r := open(t)
				one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: test.login})
				if got := r.verify(t, one.AccessToken).ClientID; got != test.login || r.store.row(t).ClientID != test.login {
					t.Errorf("ClientID = %q, want %q", got, test.login)
				}
				good := one
				if spent {
					good = r.refresh(t, one.RefreshToken)
				}
				req := tokens.RefreshRequest{Token: one.RefreshToken, ClientID: test.caller}
				switch {
				case test.want != nil:
					r.unchanged(t, func() { r.refusedWith(t, req, test.want) })
					r.refresh(t, good.RefreshToken)
				case spent:
					r.refusedWith(t, req, tokens.ErrReused)
				default:
					two := r.refreshWith(t, req)
					if got := r.verify(t, two.AccessToken).ClientID; got != test.login || r.store.row(t).ClientID != test.login {
						t.Errorf("after the refresh ClientID = %q, want %q", got, test.login)
					}
				}
			}
		})
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	for _, test := range []struct {
		name string
		req  tokens.LoginRequest
		want error
		asks bool // whether the store is asked
	}{
		{"a wrong password", tokens.LoginRequest{Login: "alice", Password: "wrong"}, tokens.ErrBadCredentials, true},
		{"an empty password", tokens.LoginRequest{Login: "alice"}, tokens.ErrBadCredentials, true},
		{"the password with a space behind it", tokens.LoginRequest{Login: "alice", Password: password + " "}, tokens.ErrBadCredentials, true},
		{"an unknown login", tokens.LoginRequest{Login: "unknown", Password: password}, tokens.ErrBadCredentials, true},
		{"no login", tokens.LoginRequest{Password: password}, tokens.ErrBadCredentials, false},
		{"a login that no store holds", tokens.LoginRequest{Login: long, Password: password}, tokens.ErrBadCredentials, false},
		{"a login that is no text", tokens.LoginRequest{Login: "alice\xff", Password: password}, tokens.ErrBadCredentials, false},
		{"a login with a zero byte", tokens.LoginRequest{Login: "alice\x00", Password: password}, tokens.ErrBadCredentials, false},
		{"a password that is not worth its hash", tokens.LoginRequest{Login: "alice", Password: tokens.Secret(strings.Repeat("x", 4097))}, tokens.ErrBadCredentials, false},
		{"a password that is no text", tokens.LoginRequest{Login: "alice", Password: "\xff"}, tokens.ErrBadCredentials, false},
		{"a client identifier that no store holds", tokens.LoginRequest{Login: "alice", Password: password, ClientID: long}, tokens.ErrMalformed, false},
		{"a client identifier that is no text", tokens.LoginRequest{Login: "alice", Password: password, ClientID: "\xff"}, tokens.ErrMalformed, false},
		{"a scope that is none", tokens.LoginRequest{Login: "alice", Password: password, Scopes: []string{""}}, tokens.ErrInvalidScope, false},
		{"65 scopes", tokens.LoginRequest{Login: "alice", Password: password, Scopes: make([]string, 65)}, tokens.ErrInvalidScope, false},
	} {
		t.Run(test.name+" is rejected", func(t *testing.T) {
			t.Parallel()
			r := open(t)
			_, err := r.Login(t.Context(), test.req)
			wantError(t, err, test.want)
			if calls := r.store.take(); (len(calls) > 0) != test.asks || len(r.store.rows(t).Sessions) > 0 {
				t.Errorf("calls = %q", calls)
			}
			told := r.journal.WantKinds(t, events.LoginRefused)
			if len(told) == 1 && (told[0].UserID != "" || told[0].ClientID == long || told[0].ClientID == "\xff") {
				t.Errorf("the event names %+v", told[0])
			}
		})
	}

	t.Run("a store that returns a user without an ID is unavailable", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		c := r.config
		c.Store = &foreign{storeSpy: r.store, user: func(u *store.User) { u.ID = "" }}
		_, err := authority(t, c).Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
		wantError(t, err, tokens.ErrUnavailable)
		if n := len(r.store.rows(t).Sessions); n > 0 {
			t.Errorf("%d sessions were opened", n)
		}
	})

	t.Run("a password of 4096 bytes is compared, not cut", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		long := tokens.Secret(strings.Repeat("x", 4096))
		if err := r.store.memory.SetPassword(t.Context(), alice.ID, string(long)); err != nil {
			t.Fatal(err)
		}
		r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: long})
		_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: long[:4095]})
		wantError(t, err, tokens.ErrBadCredentials)
	})

	t.Run("the label is one line of at most 200 bytes", func(t *testing.T) {
		t.Parallel()
		for label, want := range map[string]string{
			"":                              "",
			"Firefox on Linux":              "Firefox on Linux",
			"a\r\nb\x00c\x1b[31m\x7f\td":    "abc[31md",
			"\xff\xfeFirefox":               "Firefox",
			strings.Repeat("x", 201):        strings.Repeat("x", 200),
			strings.Repeat("x", 199) + "é":  strings.Repeat("x", 199),
			strings.Repeat("é", 101):        strings.Repeat("é", 100),
			"a\u0085b\u2028c\u2029d\u202ee": "abcde", // other ends of lines, and what turns the rest of one around
		} {
			r := open(t)
			r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, Label: label})
			if got := r.store.row(t).Label; got != want {
				t.Errorf("Label %.20q became %q, want %q", label, got, want)
			}
		}
	})
}
