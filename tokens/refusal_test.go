package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// refusingStore refuses users whose password is right.
type refusingStore struct {
	*storeSpy
	err error
}

func (s refusingStore) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.storeSpy.Authenticate(ctx, login, password)
	if err == nil {
		err = s.err
	}
	return u, err
}

func refusingWith(t *testing.T, err error) *fixture {
	t.Helper()
	r := open(t)
	r.config.Store = refusingStore{r.store, err}
	r.Authority = authority(t, r.config)
	return r
}

func TestFaultC11AHostRefusesALoginInItsOwnWords(t *testing.T) {
	t.Parallel()
	refusal := &store.RefusalError{UserID: alice.ID, Code: "user_not_verified", Description: "Confirm your e-mail address first."}
	factor := &store.SecondFactorError{UserID: alice.ID, Methods: []string{"otp", "hwk"}}
	for name, test := range map[string]struct{ given, want error }{
		"a refusal":         {refusal, tokens.ErrRefused},
		"a wrapped refusal": {fmt.Errorf("users: %w", refusal), tokens.ErrRefused},
		"a second factor":   {factor, tokens.ErrSecondFactor},
	} {
		t.Run(name+" creates nothing, and is a login that was refused, of a user who is named", func(t *testing.T) {
			t.Parallel()
			r := refusingWith(t, test.given)
			r.unchanged(t, func() {
				p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
				wantError(t, err, test.want)
				if p.AccessToken != "" || p.RefreshToken != "" {
					t.Error("the refusal came with tokens")
				}
			})
			told := r.journal.WantKinds(t, events.LoginRefused)
			if len(told) == 1 && (told[0].UserID != alice.ID || !errors.Is(told[0].Err, test.want)) {
				t.Errorf("%+v", told)
			}
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: "wrong"})
			wantError(t, err, tokens.ErrBadCredentials)
			told = r.journal.WantKinds(t, events.LoginRefused)
			if len(told) == 1 && told[0].UserID != "" {
				t.Errorf("the event of a wrong password names %q", told[0].UserID)
			}
		})
	}
	for name, given := range map[string]error{
		"no code":               &store.RefusalError{Description: "No."},
		"a code of other words": &store.RefusalError{Code: "Not Verified", Description: "No."},
		"a long code":           &store.RefusalError{Code: strings.Repeat("a", 65), Description: "No."},
		"no words":              &store.RefusalError{Code: "no"},
		"a line end":            &store.RefusalError{Code: "no", Description: "No.\r\nSet-Cookie: a=b"},
		"words beyond measure":  &store.RefusalError{Code: "no", Description: strings.Repeat("a", 513)},
		"no method":             &store.SecondFactorError{},
		"a method of two words": &store.SecondFactorError{Methods: []string{"one time"}},
	} {
		t.Run("a refusal with "+name+" breaks the contract", func(t *testing.T) {
			t.Parallel()
			r := refusingWith(t, given)
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
			wantError(t, err, tokens.ErrUnavailable)
			if !errors.Is(err, tokens.ErrContract) {
				t.Errorf("error = %v, want %v", err, tokens.ErrContract)
			}
			r.journal.WantKinds(t, events.Fault)
		})
	}
}
