package middleware_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// refusing is a store whose users have not confirmed their e-mail address.
type refusing struct{ store.Store }

func (s refusing) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.Store.Authenticate(ctx, login, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{}, &store.RefusalError{
		UserID: u.ID, Code: "user_not_verified", Description: "Confirm your e-mail address first.",
	}
}

func TestFaultC11WhatAHostRefusesReachesTheClientInItsWords(t *testing.T) {
	t.Parallel()
	for i, want := range []struct {
		status int
		says   string
	}{
		{http.StatusBadRequest, "Confirm your e-mail address first."},
		{http.StatusUnauthorized, "Confirm your e-mail address first."},
		{http.StatusBadRequest, "LOGIN_USER_NOT_VERIFIED"},
	} {
		dialect := dialects[i]
		t.Run(dialect.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(dialect.dialect), func(c *config) { c.tokens.Store = refusing{c.tokens.Store} })
			login := func(name, password string) (status int, body string) {
				form := url.Values{dialect.login: {name}, dialect.pass: {password}}
				w := d.ask(t, "POST /login\nContent-Type: application/x-www-form-urlencoded\n\n"+form.Encode())
				return w.Code, w.Body.String()
			}
			if status, body := login("alice", password); status != want.status || !strings.Contains(body, want.says) {
				t.Errorf("with the right password: %d %s, want %d and %q", status, body, want.status, want.says)
			}
			if e := d.journal.WantKinds(t, events.LoginRefused); e[0].UserID != alice.ID {
				t.Errorf("the event names %q", e[0].UserID)
			}
			wrong, text := login("alice", "wrong")
			unknown, other := login("unknown", password)
			if wrong != unknown || text != other || strings.Contains(text, want.says) {
				t.Errorf("with a wrong password: %d %s; with an unknown login: %d %s", wrong, text, unknown, other)
			}
		})
	}
}
