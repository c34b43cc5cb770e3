package tokens_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/tokens"
)

func TestFaultA1TheFormIsCheckedBeforeAnythingIsAsked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	forms := map[string]struct {
		id     string
		scopes []string
		want   error
	}{
		"a client identifier of 513 bytes":           {long, nil, tokens.ErrMalformed},
		"a client identifier that no store can hold": {"\xff", nil, tokens.ErrMalformed},
		"a scope that the grammar does not have":     {"shop", []string{"a b"}, tokens.ErrInvalidScope},
		"65 scopes":                                  {"shop", make([]string, 65), tokens.ErrInvalidScope},
	}
	for name, f := range forms {
		t.Run(name+" is refused before the client, the user, the session and the key are looked up", func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *tokens.Config) { c.Clients = c.Store.(*storeSpy) })
			key, _ := r.apiKey(t)
			r.store.take()
			requests := map[string]func() (check, err error){
				"Login": func() (error, error) {
					req := tokens.LoginRequest{Login: "alice", Password: password, ClientID: f.id, ClientSecret: "x", Scopes: f.scopes}
					_, err := r.Login(t.Context(), req)
					return req.Check(), err
				},
				"Refresh": func() (error, error) {
					req := tokens.RefreshRequest{Token: "x", ClientID: f.id, ClientSecret: "x", Scopes: f.scopes}
					_, err := r.Refresh(t.Context(), req)
					return req.Check(), err
				},
				"ExchangeKey": func() (error, error) {
					req := tokens.KeyRequest{Key: key, ClientID: f.id, ClientSecret: "x", Scopes: f.scopes}
					_, err := r.ExchangeKey(t.Context(), req)
					return req.Check(), err
				},
			}
			for name, ask := range requests {
				check, err := ask()
				if !errors.Is(check, f.want) || !errors.Is(err, f.want) {
					t.Errorf("%s: Check says %v and the call %v, want %v", name, check, err, f.want)
				}
			}
			if calls := r.store.take(); len(calls) > 0 {
				t.Errorf("the store was asked %q", calls)
			}
		})
	}
}

func TestBeforePassword(t *testing.T) {
	t.Parallel()
	stop := errors.New("too many")
	t.Run("its error ends the login before the store is asked, and is returned as it is without an event", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		_, err := r.Login(t.Context(), tokens.LoginRequest{
			Login: "alice", Password: password, BeforePassword: func(context.Context) error { return stop },
		})
		if err != stop { //nolint:errorlint // as it is
			t.Errorf("error = %v, want %v", err, stop)
		}
		if calls := r.store.take(); len(calls) > 0 {
			t.Errorf("the store was asked %q", calls)
		}
		r.journal.WantKinds(t)
	})
	t.Run("it is not called when the client is refused", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Clients = c.Store.(*storeSpy) })
		_, err := r.Login(t.Context(), tokens.LoginRequest{
			Login: "alice", Password: password, ClientID: "made-up", ClientSecret: "x",
			BeforePassword: func(context.Context) error { t.Error("it was called"); return stop },
		})
		wantError(t, err, tokens.ErrInvalidClient)
	})
	t.Run("without an error the login goes on", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		called := false
		if _, err := r.Login(t.Context(), tokens.LoginRequest{
			Login: "alice", Password: password, BeforePassword: func(context.Context) error { called = true; return nil },
		}); err != nil || !called {
			t.Errorf("error = %v, called = %v", err, called)
		}
	})
}
